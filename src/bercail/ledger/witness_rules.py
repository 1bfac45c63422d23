"""What a witness answers: the rules of C2SP tlog-witness, without input, output or clock."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence

from attrs import frozen

from bercail.foundation import Unproven
from bercail.ledger.checkpoint import Checkpoint
from bercail.ledger.merkle import EMPTY_ROOT, verify_consistency

MOST_PROOF_LINES = 63
"""A client must not send more."""

SIZE_TYPE = "text/x.tlog.size"
"""Content type of the answer that tells the size known here."""

_TEXT = "text/plain; charset=utf-8"


@frozen(kw_only=True)
class Request:
    """A call of add-checkpoint: the size that the log thinks is known, the proof, the note."""

    old: int
    proof: tuple[bytes, ...]
    note: str


@frozen(kw_only=True)
class Seen:
    """The largest tree that was cosigned; nothing yet is size 0."""

    size: int = 0
    root: bytes = EMPTY_ROOT


@frozen(kw_only=True)
class Answer:
    """An HTTP answer: status, text, content type; `evidence` says that the note is to be kept."""

    status: int
    text: str = ""
    kind: str = _TEXT
    evidence: bool = False


MALFORMED = Answer(status=400, text="not a call of add-checkpoint\n")
UNKNOWN_LOG = Answer(status=404, text="no log of this origin is witnessed here\n")
NOT_SIGNED = Answer(status=403, text="not signed with the keys of this log\n")


def read_request(body: bytes) -> Request | None:
    """The request in `body`; None when it has not the form of the specification."""
    try:
        head, mark, note = body.decode("utf-8").partition("\n\n")
        old, *lines = head.split("\n")
        if not mark or not re.fullmatch(r"old (0|[1-9][0-9]{0,18})", old, re.ASCII):
            return None
        if len(lines) > MOST_PROOF_LINES:
            return None
        proof = tuple(base64.b64decode(line, validate=True) for line in lines)
    except (UnicodeDecodeError, binascii.Error, ValueError):
        return None
    if any(len(step) != 32 for step in proof):
        return None
    return Request(old=int(old[4:]), proof=proof, note=note)


def request_body(old: int, proof: Sequence[bytes], note: str) -> bytes:
    """What a log sends; read back by `read_request`."""
    lines = [f"old {old}", *(base64.b64encode(step).decode() for step in proof)]
    return ("\n".join(lines) + "\n\n" + note).encode()


def judge(request: Request, stated: Checkpoint, seen: Seen) -> Answer | None:
    """The refusal of a checkpoint whose signatures hold; None when it is to be cosigned.

    1. The old size is not above the new one (400).
    2. It is the size known here (409, with that size).
    3. A tree of the same size has the same root (409, kept as evidence of a split view).
    4. The proof shows that the tree known here is a beginning of the new one (422, kept).
    """
    if request.old > stated.size:
        return Answer(status=400, text="the old size is above the size of the checkpoint\n")
    known = Answer(status=409, text=f"{seen.size}\n", kind=SIZE_TYPE)
    if request.old != seen.size:
        return known
    if seen.size == stated.size and seen.root != stated.root:
        return Answer(status=409, text=known.text, kind=SIZE_TYPE, evidence=True)
    try:
        verify_consistency(seen.size, stated.size, seen.root, stated.root, request.proof)
    except Unproven:
        return Answer(status=422, text="the consistency proof does not hold\n", evidence=True)
    return None
