"""Asks the witnesses of a policy to cosign a checkpoint (the client of C2SP tlog-witness)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

from attrs import evolve, frozen

from bercail.foundation import BercailError, Unavailable
from bercail.ledger.checkpoint import Checkpoint
from bercail.ledger.http_ask import http_ask
from bercail.ledger.policy import KnownWitness, Policy
from bercail.ledger.witness_rules import request_body
from bercail.vault import read_cosignatures

_AT_A_TIME = 8
_TURNS = 3
"""One to learn what the witness knows, one to be cosigned, one more when somebody else asked."""

Post = Callable[[str, bytes], tuple[int, bytes]]
"""Sends a body to an address; gives the status and the body of the answer. Raises OSError."""

Prove = Callable[[int], Sequence[bytes]]
"""The proof that the tree of so many leaves is a beginning of the one to be cosigned."""


@frozen(kw_only=True)
class Told:
    """What one witness answered: its signature lines, or the reason that there are none."""

    witness: str
    lines: str = ""
    reason: str = ""

    def as_dict(self) -> dict[str, str]:
        """For people and `--json`."""
        return {"witness": self.witness, "answer": self.reason or "cosigned"}


def http_post(url: str, body: bytes) -> tuple[int, bytes]:
    """POST `body` to `url`. Raises OSError when there is no answer."""
    return http_ask("POST", url, body)


def collect(
    policy: Policy, checkpoint: Checkpoint, guess: int, prove: Prove, post: Post = http_post
) -> Checkpoint:
    """`checkpoint` with the cosignatures of its policy, and what each witness told.

    `guess` is the size that the witnesses are likely to know. A witness that does not answer is
    passed over, with its reason, as long as the others are a quorum.

    Raises:
        Unavailable: they are not; the message says what each one answered.
    """
    asked = [known for known in policy.witnesses if known.url]
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        # Proofs read tiles through one reader, so they are made by one thread at a time.
        told = tuple(pool.map(lambda known: _ask(known, checkpoint, guess, prove, post), asked))
    held = {answer.witness for answer in told if answer.lines}
    if not policy.met_by(held):
        said = "; ".join(f"`{answer.witness}`: {answer.reason or 'cosigned'}" for answer in told)
        raise Unavailable(
            f"The witnesses that cosigned {checkpoint.size} events are no quorum ({said}).",
            remedy="Nothing was published. Publish again when they answer; a witness that "
            "contradicts the log is to be told to the auditor.",
        )
    note = checkpoint.note + "".join(answer.lines for answer in told)
    return evolve(checkpoint, note=note, told=tuple(answer.as_dict() for answer in told))


def cosigned_by(note: str, policy: Policy) -> set[str]:
    """The names of the witnesses of `policy` whose cosignatures are on `note` and hold."""
    held = {c.key for c in read_cosignatures(note, [known.key for known in policy.witnesses])}
    return {known.name for known in policy.witnesses if known.key in held}


def _ask(known: KnownWitness, checkpoint: Checkpoint, guess: int, prove: Prove, post: Post) -> Told:
    """Ask one witness, starting again from the size that it says it knows."""
    old = guess
    for _ in range(_TURNS):
        body = request_body(old, prove(old), checkpoint.note)
        try:
            status, answer = post(known.url + "/add-checkpoint", body)
        except OSError as problem:
            return Told(witness=known.name, reason=f"did not answer ({type(problem).__name__})")
        if status != HTTPStatus.CONFLICT:
            return _read(known, checkpoint, status, answer)
        size = answer.strip()
        if not size.isdigit() or len(size) > 19:
            return Told(witness=known.name, reason="answered 409 without a size")
        if int(size) > checkpoint.size:
            reason = f"has seen {int(size)} events of this log, more than there are"
            return Told(witness=known.name, reason=reason)
        if int(size) == old:
            reason = f"has seen another tree of {old} events: a split view"
            return Told(witness=known.name, reason=reason)
        old = int(size)
    return Told(witness=known.name, reason="was asked by others at the same moment")


def _read(known: KnownWitness, checkpoint: Checkpoint, status: int, answer: bytes) -> Told:
    reasons = {
        403: "does not know the keys of this log (403)",
        404: "does not witness this log (404)",
        422: "found the log inconsistent with what it saw before (422)",
    }
    if status != HTTPStatus.OK:
        return Told(witness=known.name, reason=reasons.get(status, f"answered {status}"))
    try:
        lines = _own_lines(known, answer.decode("utf-8"))
        if read_cosignatures(checkpoint.note + lines, [known.key]):
            return Told(witness=known.name, lines=lines)
    except (BercailError, UnicodeDecodeError):
        return Told(witness=known.name, reason="answered with a cosignature that does not hold")
    return Told(witness=known.name, reason="answered without a cosignature by its key")


def _own_lines(known: KnownWitness, answer: str) -> str:
    """The line of the key that the policy names; what else is in the answer is not published."""
    found = ""
    for line in answer.split("\n"):
        words = line.split(" ")
        if len(words) == 3 and words[1] == known.key.name:
            try:
                key_id = base64.b64decode(words[2], validate=True)[:4]
            except ValueError:
                continue
            if key_id == known.key.id and words[0] == "\N{EM DASH}":
                found = line + "\n"
    return found
