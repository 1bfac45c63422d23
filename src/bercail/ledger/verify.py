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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

FULL, ED25519, COSIGNATURE, ML_DSA_44 = 256, 1, 4, 6
MEMBERS = {"position", "stream", "version", "kind", "body", "actor", "at", "salt"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


_DECODER = json.JSONDecoder(parse_float=int, parse_constant=int)  # `int` refuses such texts
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


class NotVerifiedError(Exception):
    """The ledger does not hold at `place` (a file and, where there is one, a leaf or line)."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place, self.reason = place, reason


class Keys(NamedTuple):
    """The origin of the log, the verifier keys by (name, id), the quorum of witnesses."""

    origin: str
    known: dict[tuple[str, bytes], tuple[str, int, bytes]]
    quorum: Any


class Head(NamedTuple):
    """A checkpoint whose two signatures hold."""

    size: int
    root: bytes


def read_keys(source: Path | Mapping[str, Any]) -> Keys:
    """The keys of a keys file, or of its content."""
    try:
        content = json.loads(source.read_bytes()) if isinstance(source, Path) else source
        quorum, known = content.get("quorum"), {}
        _met(quorum, set())  # fails when it has another form
        for line in content["keys"] + re.findall(r'"(.*?)"', json.dumps(quorum)):
            name, key_id, encoded = line.split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
            digest = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
            if digest.hex() != key_id or raw[0] not in (ED25519, COSIGNATURE, ML_DSA_44):
                fail("keys", f"the key of `{name}` does not have its id or a known type")
            known[name, digest] = (line, raw[0], raw[1:])
        return Keys(str(content["origin"]), known, quorum)
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError):
        fail("keys", "this is no keys file")


def _met(rule: Any, held: set[str]) -> bool:
    """Whether `held` is the quorum `rule`: a verifier key, or a list of a threshold and rules."""
    if isinstance(rule, list):
        return bool(sum([_met(member, held) for member in rule[1:]]) >= max(1, rule[0]))
    return rule is None or rule in held


def verify(
    log_dir: Path,
    keys: Path | Mapping[str, Any],
    export: Path | None = None,
    earlier: Sequence[Path] = (),
) -> dict[str, Any]:
    """The report on the log in `log_dir`; raises NotVerifiedError at the first place that fails.

    1. The checkpoint is of this log, carries its two signatures and those of the quorum.
    2. Every entry hashes to its leaf, every tile to the one above, all to the signed root.
    3. Each earlier checkpoint is the beginning of this tree.
    4. Each exported event, in its order, has its commitment in the log.
    """
    trusted = read_keys(keys)
    head = read_head(read(log_dir, "checkpoint"), trusted, "checkpoint")
    older = [(str(p), read_head(read(p.parent, p.name), trusted, str(p), False)) for p in earlier]
    commitments = _check_tree(log_dir, head, older)
    report: dict[str, Any] = {"origin": trusted.origin, "size": head.size, "root": head.root.hex()}
    report["earlier"] = len(older)
    if export is not None:
        report["events"], report["unpublished"] = _check_export(export, commitments)
    return report


def read_head(data: bytes, keys: Keys, place: str, witnessed: bool = True) -> Head:
    """The checkpoint in `data`, once its signatures hold, and the quorum's if `witnessed`."""
    text, mark, signatures = data.decode("utf-8", "surrogateescape").rpartition("\n\n")
    stated = re.fullmatch(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([^\n]+)", text)
    if not mark or not stated or not signatures.endswith("\n"):
        fail(place, "not a checkpoint of three lines")
    if stated[1] != keys.origin:
        fail(place, "the checkpoint of another log")
    head = Head(int(stated[2]), base64_bytes(stated[3], place))
    if len(head.root) != 32:
        fail(place, "the root has not 32 bytes")
    held = {_signed(line, text + "\n", head, keys, place) for line in signatures[:-1].split("\n")}
    for needed, name in ((ED25519, "Ed25519"), (ML_DSA_44, "ML-DSA-44")):
        if needed not in {kind for who, kind, _ in held if who == keys.origin}:
            fail(place, f"no {name} signature of the log")
    if not _met(keys.quorum if witnessed else None, {key for _, _, key in held}):
        fail(place, "the witnesses that cosigned it are no quorum")
    return head


def _signed(line: str, text: str, head: Head, keys: Keys, place: str) -> tuple[str, int, str]:
    """The name, type and verifier key of a signature that holds; no type if its key is unknown."""
    form = re.fullmatch(r"— ([^\s\udc80-\udcff]+) (\S+)", line)
    if not form:
        fail(place, "a signature line is malformed")
    name, signature = form[1], base64_bytes(form[2], place)
    whole, kind, key = keys.known.get((name, signature[:4]), ("", 0, b""))
    try:
        if kind == ED25519:
            ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature[4:], text.encode())
        elif kind == COSIGNATURE:
            timed = f"cosignature/v1\ntime {int.from_bytes(signature[4:12], 'big')}\n{text}"
            ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature[12:], timed.encode())
        elif kind == ML_DSA_44:
            names = [bytes([len(text)]) + text for text in (name.encode(), keys.origin.encode())]
            message = b"subtree/v1\n\0" + names[0] + signature[4:12] + names[1] + bytes(8)
            message += head.size.to_bytes(8, "big") + head.root
            mldsa.MLDSA44PublicKey.from_public_bytes(key).verify(signature[12:], message)
    except (InvalidSignature, ValueError):
        fail(place, f"the signature of `{name}` does not hold")
    return name, kind, whole


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
        due = versions[event["stream"]] = versions.get(event["stream"], 0) + 1
        if event["version"] != due:
            fail(place, f"version {event['version']} of its stream is not the next one")
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


def _widths(count: int) -> list[tuple[int, int]]:
    return [(start // FULL, min(FULL, count - start)) for start in range(0, count, FULL)]


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
