"""The second reader of the ledger: recomputes everything from raw files, imports no writer.

Standard library and `cryptography` only, so the file can be copied alone to an auditor's machine:

    python verify.py LOG_FOLDER KEYS.json [--export EVENTS.jsonl] [--earlier CHECKPOINT]...

Exit code 0 and a report, or 5 and the place. `docs/reference/formats/ledger.md` lists refusals.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

FULL, ED25519, ML_DSA_44 = 256, 1, 6
MEMBERS = {"position", "stream", "version", "kind", "body", "actor", "at", "salt"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def _refuse(_: str) -> NoReturn:
    raise ValueError("a number that has no canonical form")


_DECODER = json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse)
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


class NotVerifiedError(Exception):
    """The ledger does not hold at `place` (a file and, where there is one, a leaf or line)."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place, self.reason = place, reason


class Keys(NamedTuple):
    """The origin of the log and its verifier keys: (name, id) -> (type, public key)."""

    origin: str
    known: dict[tuple[str, bytes], tuple[int, bytes]]


class Head(NamedTuple):
    """A checkpoint whose two signatures hold."""

    size: int
    root: bytes


def read_keys(source: Path | Mapping[str, Any]) -> Keys:
    """The keys of a keys file, or of its content."""
    try:
        content = json.loads(source.read_bytes()) if isinstance(source, Path) else source
        known = {}
        for line in content["keys"]:
            name, key_id, encoded = line.split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
            digest = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
            if digest.hex() != key_id or raw[0] not in (ED25519, ML_DSA_44):
                fail("keys", f"the key of `{name}` does not have its id or a known type")
            known[name, digest] = (raw[0], raw[1:])
        return Keys(str(content["origin"]), known)
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError):
        fail("keys", "this is no keys file")


def verify(
    log_dir: Path,
    keys: Path | Mapping[str, Any],
    export: Path | None = None,
    earlier: Sequence[Path] = (),
) -> dict[str, Any]:
    """The report on the log in `log_dir`; raises NotVerifiedError at the first place that fails.

    1. The checkpoint is of this log and carries its two signatures.
    2. Every entry hashes to its leaf, every tile to the one above, all to the signed root.
    3. Each earlier checkpoint is the beginning of this tree.
    4. Each exported event, in its order, has its commitment in the log.
    """
    trusted = read_keys(keys)
    head = read_head(read(log_dir, "checkpoint"), trusted, "checkpoint")
    older = [(str(p), read_head(read(p.parent, p.name), trusted, str(p))) for p in earlier]
    commitments = _check_tree(log_dir, head, older)
    report: dict[str, Any] = {"origin": trusted.origin, "size": head.size, "root": head.root.hex()}
    report["earlier"] = len(older)
    if export is not None:
        report["events"], report["unpublished"] = _check_export(export, commitments)
    return report


def read_head(data: bytes, keys: Keys, place: str) -> Head:
    """The checkpoint in `data`, once it is of this log and both signatures hold."""
    try:
        text, mark, signatures = data.decode("utf-8").rpartition("\n\n")
    except UnicodeDecodeError:
        fail(place, "not text")
    lines = text.split("\n")
    if not mark or len(lines) != 3 or not re.fullmatch(r"0|[1-9]\d{0,18}", lines[1], re.ASCII):
        fail(place, "not a checkpoint of three lines")
    if lines[0] != keys.origin:
        fail(place, "the checkpoint of another log")
    head = Head(int(lines[1]), base64_bytes(lines[2], place))
    if len(head.root) != 32:
        fail(place, "the root has not 32 bytes")
    held = {
        _check_signature(line, text + "\n", head, keys, place)
        for line in signatures.removesuffix("\n").split("\n")
    }
    for needed, name in ((ED25519, "Ed25519"), (ML_DSA_44, "ML-DSA-44")):
        if needed not in held:
            fail(place, f"no {name} signature of the log")
    return head


def _check_signature(line: str, text: str, head: Head, keys: Keys, place: str) -> int | None:
    """The type of the signature of `line` if it is the log's own; None if its key is unknown."""
    form = re.fullmatch(r"— (\S+) (\S+)", line)
    if not form:
        fail(place, "a signature line is malformed")
    name, signature = form[1], base64_bytes(form[2], place)
    kind, key = keys.known.get((name, signature[:4]), (0, b""))
    try:
        if kind == ED25519:
            Ed25519PublicKey.from_public_bytes(key).verify(signature[4:], text.encode())
        elif kind == ML_DSA_44:
            names = [bytes([len(text)]) + text for text in (name.encode(), keys.origin.encode())]
            message = b"subtree/v1\n\0" + names[0] + signature[4:12] + names[1] + bytes(8)
            message += head.size.to_bytes(8, "big") + head.root
            MLDSA44PublicKey.from_public_bytes(key).verify(signature[12:], message)
    except (InvalidSignature, ValueError):
        fail(place, f"the signature of `{name}` does not hold")
    return kind if name == keys.origin else None


def _check_tree(log_dir: Path, head: Head, older: Sequence[tuple[str, Head]]) -> list[bytes]:
    """The commitments, once all tiles and the `older` heads agree with the signed root."""
    commitments: list[bytes] = []
    for number, width in _widths(head.size):
        for place, row in enumerate(_rows(log_dir, "entries", number, width, 34)):
            if row[:2] != b"\x00\x20":
                fail(f"{_name('entries', number, width)}, leaf {number * FULL + place}", "edited")
            commitments.append(row[2:])
    leaves = [hashlib.sha256(b"\x00" + commitment).digest() for commitment in commitments]
    if _check_tiles(log_dir, leaves, head) != head.root:
        fail("checkpoint", "the leaves do not lead to the signed root")
    for name, earlier in older:
        if earlier.size > head.size:
            fail(name, f"it has {earlier.size} leaves, the log only {head.size}: rolled back")
        if _top(leaves[: earlier.size]) != earlier.root:
            fail(name, f"another tree of {earlier.size} leaves was signed: a split view")
    return commitments


def _check_tiles(log_dir: Path, leaves: Sequence[bytes], head: Head) -> bytes:
    """The root over `leaves`, once every tile of every level is what they give."""
    nodes, level, reached = leaves, 0, list[bytes]()
    while nodes:
        above = []
        for number, width in _widths(len(nodes)):
            due = nodes[number * FULL : number * FULL + width]
            held = _rows(log_dir, level, number, width, 32)
            if held != due:
                place = next(i for i in range(width) if held[i] != due[i])
                file = level if level or _top(leaves) == head.root else "entries"
                what = f"hash {place}" if level else f"leaf {number * FULL + place}"
                fail(f"{_name(file, number, width)}, {what}", "edited")
            if width == FULL:
                above.append(_top(due))
        rest = [*nodes[len(above) * FULL :], *reached]
        nodes, level, reached = above, level + 1, [_top(rest)] if rest else []
    return reached[0] if reached else _top([])


def _check_export(export: Path, commitments: Sequence[bytes]) -> tuple[int, int]:
    """The number of events proven, and of those beyond the log."""
    position = 0
    versions: dict[str, int] = {}
    for position, line in enumerate(read(export.parent, export.name).splitlines(True), start=1):
        place = f"{export.name}, line {position}"
        if not line.endswith(b"\n"):
            fail(place, "the line is not complete")
        event, commitment = check_event(line[:-1], place)
        if event["position"] != position:
            fail(place, f"position {event['position']} stands where {position} is due")
        stream, version = event["stream"], event["version"]
        if version != versions.get(stream, 0) + 1:
            fail(place, f"version {version} of its stream is not the next one")
        versions[stream] = version
        if position <= len(commitments) and commitment != commitments[position - 1]:
            fail(f"{place} (leaf {position - 1})", "the event is not the one in the log")
    if position < len(commitments):
        fail(f"{export.name}, line {position + 1}", f"the log has {len(commitments)} events")
    return len(commitments), position - len(commitments)


def check_event(line: bytes, place: str) -> tuple[dict[str, Any], bytes]:
    """The event of an export line, and its commitment."""
    try:
        text = line.decode("utf-8")
        event = _DECODER.decode(text)
        if _ENCODER.encode(event) != text or set(event) != MEMBERS:
            fail(place, "not one event in canonical form")
        salt = bytes.fromhex(event.pop("salt"))
    except (ValueError, TypeError, RecursionError):
        fail(place, "not one event in canonical form")
    types = [type(event[member]) for member in ("position", "version", "stream", "at")]
    if types != [int, int, str, str] or len(salt) != 16 or not MOMENT.fullmatch(event["at"]):
        fail(place, "not an event of the ledger format")
    return event, hashlib.sha256(salt + _ENCODER.encode(event).encode()).digest()


def _top(nodes: Sequence[bytes]) -> bytes:
    """The root over a row of nodes (RFC 6962, 2.1): the odd last one goes up as it is."""
    row = list(nodes) or [hashlib.sha256(b"").digest()]
    while len(row) > 1:
        pairs = zip(row[::2], row[1::2], strict=False)
        row = [node(left, right) for left, right in pairs] + row[len(row) & ~1 :]
    return row[0]


def node(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _widths(count: int) -> Iterator[tuple[int, int]]:
    for start in range(0, count, FULL):
        yield start // FULL, min(FULL, count - start)


def _name(level: int | str, index: int, width: int) -> str:
    path = re.sub(r"(...)(?=.)", r"x\1/", str(index).zfill(-(-len(str(index)) // 3) * 3))
    return f"tile/{level}/{path}" + (f".p/{width}" if width < FULL else "")


def _rows(log_dir: Path, level: int | str, index: int, width: int, row: int) -> list[bytes]:
    """The rows of a tile; a full file stands in for a partial one that was deleted."""
    held = next((w for w in (width, FULL) if (log_dir / _name(level, index, w)).exists()), width)
    data = read(log_dir, _name(level, index, held))
    if len(data) != held * row:
        fail(_name(level, index, held), f"{len(data)} bytes where {held * row} are due")
    return [data[i : i + row] for i in range(0, width * row, row)]


def read(folder: Path, name: str) -> bytes:
    """The bytes of one file."""
    try:
        return (folder / name).read_bytes()
    except OSError:
        fail(name, "absent or not readable")


def base64_bytes(text: str, place: str) -> bytes:
    """What `text` encodes, if it is base64 in its one form and not empty."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        data = b""
    if not data or base64.b64encode(data).decode() != text:
        fail(place, "not base64 in its one form")
    return data


def fail(place: str, reason: str) -> NoReturn:
    """Refuse."""
    raise NotVerifiedError(place, reason)


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify and print a report as JSON; 0 when all holds, 5 when something does not."""
    parser = argparse.ArgumentParser(description="Verify a Bercail log without Bercail.")
    parser.add_argument("log", type=Path, help="the log folder")
    parser.add_argument("keys", type=Path, help="the keys file, obtained apart from the log")
    parser.add_argument("--export", type=Path, help="the export of the journal")
    parser.add_argument("--earlier", type=Path, action="append", default=[], metavar="CHECKPOINT")
    options = parser.parse_args(arguments)
    try:
        report = verify(options.log, options.keys, options.export, options.earlier)
    except NotVerifiedError as refusal:
        print(f"refused at {refusal.place}: {refusal.reason}", file=sys.stderr)
        return 5
    print(json.dumps(report, ensure_ascii=False, sort_keys=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
