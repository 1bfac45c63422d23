"""Which witnesses a log needs: the policy file of C2SP tlog-policy.

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> all|any|<k> <name>...
    quorum <name>|none

Names stand for witnesses and groups inside this file only; each is a member of one group at most,
so no witness counts twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from attrs import frozen

from bercail.foundation import Invalid, Unavailable
from bercail.vault import VerifierKey

LOG_TYPES, COSIGNER_TYPES = (0x01, 0x06), (0x04, 0x06)
"""Signature types of a log and of a witness (C2SP signed-note, tlog-cosignature)."""

_MOST_LINES = 1_000
_NONE = "none"


@frozen(kw_only=True)
class KnownWitness:
    """A witness of the policy: its name there, its key, and where it is asked (or nothing)."""

    name: str
    key: VerifierKey
    url: str = ""


@frozen(kw_only=True)
class Group:
    """Witnesses a checkpoint when at least `threshold` of `members` do."""

    threshold: int
    members: tuple[str, ...]


@frozen(kw_only=True)
class Policy:
    """The logs, the witnesses and the quorum of one policy file."""

    logs: tuple[VerifierKey, ...]
    witnesses: tuple[KnownWitness, ...]
    groups: Mapping[str, Group]
    quorum: str

    def met_by(self, names: Set[str]) -> bool:
        """Whether the witnesses called `names` are enough."""
        return self.quorum == _NONE or self._met(self.quorum, names)

    def rule(self) -> Any:
        """The quorum for a keys file: a verifier key, or `[threshold, member, ...]`; None if none.

        A member is again one of the two first forms.
        """
        return None if self.quorum == _NONE else self._rule(self.quorum)

    def _met(self, name: str, names: Set[str]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in names
        return sum(self._met(member, names) for member in group.members) >= group.threshold

    def _rule(self, name: str) -> Any:
        group = self.groups.get(name)
        if group is not None:
            return [group.threshold, *(self._rule(member) for member in group.members)]
        return next(str(known.key) for known in self.witnesses if known.name == name)


def load_policy(path: Path) -> Policy:
    """The policy in the file `path`.

    Raises:
        Unavailable: it cannot be read.
        Invalid: it is no policy; the message names the line.
    """
    try:
        return parse_policy(path.read_bytes().decode("utf-8", "surrogateescape"))
    except OSError as problem:
        raise Unavailable(
            f"The witness policy `{path}` cannot be read.",
            remedy="Check that the file is there and that this account may read it.",
        ) from problem


def parse_policy(text: str) -> Policy:
    """The policy in `text`; raises Invalid, naming the line, when it is none."""
    reading = _Reading()
    lines = text.split("\n")
    if len(lines) > _MOST_LINES:
        raise _wrong(_MOST_LINES, "a policy has at most 1,000 lines")
    for number, line in enumerate(lines, start=1):
        if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", line):
            raise _wrong(number, "it holds a control character")
        words = re.findall(r"[^ \t]+", line)
        if words and not words[0].startswith("#"):
            reading.take(number, words)
    if not reading.quorum:
        raise _wrong(len(lines), "there is no `quorum` line")
    return Policy(
        logs=tuple(reading.logs),
        witnesses=tuple(reading.witnesses),
        groups=reading.groups,
        quorum=reading.quorum,
    )


class _Reading:
    """What was read so far; names must be defined on a line before the one that uses them."""

    def __init__(self) -> None:
        self.logs: list[VerifierKey] = []
        self.witnesses: list[KnownWitness] = []
        self.groups: dict[str, Group] = {}
        self.quorum = ""
        self._members: set[str] = set()

    def take(self, number: int, words: list[str]) -> None:
        """Read one line that is neither empty nor a comment."""
        readers = {
            "log": (self._log, 2, 3),
            "witness": (self._witness, 3, 4),
            "group": (self._group, 4, _MOST_LINES),
            "quorum": (self._quorum, 2, 2),
        }
        reader, least, most = readers.get(words[0], (None, 0, 0))
        if reader is None or not least <= len(words) <= most:
            raise _wrong(number, "it is no `log`, `witness`, `group` or `quorum` line")
        reader(number, words)

    def _log(self, number: int, words: list[str]) -> None:
        key = _key(number, words[1], LOG_TYPES)
        if key.public in {known.public for known in self.logs}:
            raise _wrong(number, "this log stands there twice")
        self.logs.append(key)

    def _witness(self, number: int, words: list[str]) -> None:
        self._require_new(number, words[1])
        key = _key(number, words[2], COSIGNER_TYPES)
        if key.public in {known.key.public for known in self.witnesses}:
            raise _wrong(number, "the key of this witness stands there twice")
        url = words[3].rstrip("/") if len(words) == 4 else ""
        if url and not re.match(r"https?://[^/]", url):
            raise _wrong(number, "the address of a witness begins with `https://` or `http://`")
        self.witnesses.append(KnownWitness(name=words[1], key=key, url=url))

    def _group(self, number: int, words: list[str]) -> None:
        _, name, threshold, *members = words
        self._require_new(number, name)
        for member in members:
            if member not in self._names() or member in self._members:
                raise _wrong(number, f"`{member}` is not defined above, or is a member already")
            self._members.add(member)
        least = {"any": 1, "all": len(members)}.get(threshold, 0)
        if re.fullmatch(r"[1-9][0-9]{0,3}", threshold, re.ASCII):
            least = int(threshold)
        if not 1 <= least <= len(members):
            raise _wrong(number, f"`{threshold}` is not `all`, `any` or a number of its members")
        self.groups[name] = Group(threshold=least, members=tuple(members))

    def _quorum(self, number: int, words: list[str]) -> None:
        if self.quorum:
            raise _wrong(number, "there is a second `quorum` line")
        if words[1] != _NONE and words[1] not in self._names():
            raise _wrong(number, f"`{words[1]}` is not defined above")
        self.quorum = words[1]

    def _require_new(self, number: int, name: str) -> None:
        if name == _NONE or name in self._names():
            raise _wrong(number, f"`{name}` has a meaning already")

    def _names(self) -> set[str]:
        return {known.name for known in self.witnesses} | set(self.groups)


def _key(number: int, text: str, kinds: tuple[int, ...]) -> VerifierKey:
    try:
        key = VerifierKey.parse(text)
    except Invalid as problem:
        raise _wrong(number, "its verifier key cannot be read") from problem
    if key.kind not in kinds:
        raise _wrong(number, "its verifier key is of a type that has no place there")
    return key


def _wrong(number: int, what: str) -> Invalid:
    return Invalid(
        f"Line {number} of the witness policy is refused: {what}.",
        remedy="See `docs/reference/formats/witnesses.md`.",
    )
