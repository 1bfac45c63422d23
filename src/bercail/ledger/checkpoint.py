"""The signed head of the log (C2SP tlog-checkpoint) and the proof file of one event."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen
from attrs.validators import ge

from bercail.foundation import Unproven

PROOF_HEADER = "c2sp.org/tlog-proof@v1"
"""First line of a proof file (C2SP tlog-proof)."""

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@frozen(kw_only=True)
class Checkpoint:
    """How many leaves the log `origin` has, and the root over them (32 bytes)."""

    origin: str
    size: int = field(validator=ge(0))
    root: bytes
    note: str = field(default="", repr=False)
    """The whole signed note, as it stands in the folder; empty before it is signed."""

    told: tuple[Mapping[str, str], ...] = field(default=(), eq=False, repr=False)
    """What each witness answered when this head was published; empty where none was asked."""

    def text(self) -> str:
        """The note text that is signed: three lines."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def as_dict(self) -> dict[str, Any]:
        """Origin, size, root in hexadecimal, answers of witnesses: for people and `--json`."""
        shown = {"origin": self.origin, "size": self.size, "root": self.root.hex()}
        told = [dict(answer) for answer in self.told]
        return {**shown, "witnesses": told} if told else shown

    def own_note(self) -> str:
        """The note with the signatures of the log alone, without those of witnesses."""
        text, _, block = self.note.rpartition("\n\n")
        own = [line for line in block.splitlines(True) if line.split(" ")[1] == self.origin]
        return text + "\n\n" + "".join(own)


def parse_checkpoint(note: str) -> Checkpoint:
    """The checkpoint in a signed note, whose signatures are *not* looked at.

    Raises:
        Unproven: the note is no checkpoint of three lines.
    """
    text, mark, _ = note.rpartition("\n\n")
    lines = text.split("\n")
    if not mark or len(lines) != 3 or not lines[0] or not _SIZE.fullmatch(lines[1]):
        raise _malformed()
    try:
        root = base64.b64decode(lines[2], validate=True)
    except binascii.Error:
        raise _malformed() from None
    checkpoint = Checkpoint(origin=lines[0], size=int(lines[1]), root=root, note=note)
    if len(root) != 32 or checkpoint.text() != text + "\n":
        raise _malformed()
    return checkpoint


def proof_text(index: int, path: Sequence[bytes], extra: bytes, note: str) -> str:
    """The proof file of leaf `index`: `extra` is what the commitment is computed from."""
    lines = [PROOF_HEADER, f"extra {base64.b64encode(extra).decode()}", f"index {index}"]
    lines += [base64.b64encode(sibling).decode() for sibling in path]
    return "\n".join(lines) + "\n\n" + note


def _malformed() -> Unproven:
    return Unproven(
        "The checkpoint of the log is not of the form of a checkpoint.",
        remedy="Restore the log folder from its backup; see the ledger format.",
    )
