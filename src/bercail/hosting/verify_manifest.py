"""Check a migration's manifest with nothing but Python and the `cryptography` package.

    python verify_manifest.py STEM.jsonl --keys KEYS.json

A second reader: it imports no other part of Bercail, so it can be copied and run alone.
The format, and what must be refused, is in docs/reference/formats/migration-manifest.md;
the numbers in the comments are those of its list of refusals.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, mldsa

FORMATS = ("bercail-migration-manifest/1", "bercail-migration-manifest/2")
PAYLOAD_TYPE = "application/vnd.bercail.migration-proof+json"
SIGNERS = ("manifest-source", "manifest-target")
BASES = ("independent-reread", "copy-time-digests")
CHECKSUMS = ("crc64-of-each-range", "crc64nvme-of-each-object-that-has-one", "none")
STATEMENT: dict[str, Any] = {
    "format": str,
    "migration": str,
    "proof": int,
    "source": str,
    "target": str,
    "basis": str,
    "lines": int,
    "carried": int,
    "not_carried": int,
    "bytes": int,
    "manifest_sha256": str,
    "root": str,
    "plan": str,
    "proved_at": str,
    "target_probe": (dict, type(None)),
}
STATEMENTS = {FORMATS[0]: STATEMENT, FORMATS[1]: {**STATEMENT, "source_checksum": str}}
PROBE = {"location": str, "identity": dict, "at": str, "sha256": str, "sound": bool}
TEXT_OR_NULL = (str, type(None))
SOURCE: dict[str, Any] = {
    "etag": str,
    "version": TEXT_OR_NULL,
    "modified": TEXT_OR_NULL,
    "content_md5": TEXT_OR_NULL,
    "metadata": dict,
    "tier": TEXT_OR_NULL,
    "blob_type": TEXT_OR_NULL,
}
TEXTS_OR_NULL = (dict, type(None))
SOURCES = {
    FORMATS[0]: SOURCE,
    FORMATS[1]: {**SOURCE, "headers": TEXTS_OR_NULL, "tags": TEXTS_OR_NULL},
}
SEALED = {"version": str, "opaque": str, "size": int, "crc64nvme": str}
SHARED = {"name": str, "state": str, "size": int, "source": dict}
LINES = {
    "carried": {**SHARED, "sha256": str, "sealed": dict},
    "not_carried": {**SHARED, "reason": str},
}


class NotProven(Exception):
    """What does not hold, and where."""


def verify(
    manifest: Path, envelope: Path | None = None, keys: Path | None = None
) -> dict[str, Any]:
    """The statement of a proof, once its signatures hold and the manifest is what they sign.

    `envelope` and `keys` default to the files beside `manifest`; keys found there
    show only that the three files agree. The key ids are in the answer.

    Raises:
        NotProven: with the place and the reason.
    """
    envelope = envelope or manifest.with_suffix(".dsse.json")
    public = read_keys(keys or manifest.with_suffix(".keys.json"))
    statement = read_statement(envelope, public)
    check_manifest(manifest, statement)
    return {**statement, "key_ids": {name: key_id(*pair) for name, pair in public.items()}}


def read_keys(path: Path) -> dict[str, tuple[bytes, bytes]]:
    """The P-384 point and the ML-DSA-65 key of each signer."""
    data = _json(path)
    found = {}
    for name in SIGNERS:
        try:
            entry = data[name]
            found[name] = (_bytes(entry["ecdsa_p384"]), _bytes(entry["ml_dsa_65"]))
            told = entry["id"]
        except (KeyError, TypeError, ValueError) as error:
            raise NotProven(f"{path}: no keys of `{name}`") from error
        if told != key_id(*found[name]):
            raise NotProven(f"{path}: the id of `{name}` is not that of its keys")
    if found[SIGNERS[0]] == found[SIGNERS[1]]:
        raise NotProven(f"{path}: both sides have one key")
    return found


def key_id(point: bytes, lattice: bytes) -> str:
    """The id of a key pair, 32 hexadecimal digits."""
    return hashlib.sha256(b"bercail dual key v1\x00" + point + lattice).hexdigest()[:32]


def read_statement(path: Path, keys: dict[str, tuple[bytes, bytes]]) -> dict[str, Any]:
    """The signed statement (refusals 1 and 2)."""
    data = _json(path)
    try:
        kind, payload = data["payloadType"], _bytes(data["payload"])
        signatures = {entry["keyid"]: _bytes(entry["sig"]) for entry in data["signatures"]}
    except (KeyError, TypeError, ValueError) as error:
        raise NotProven(f"{path}: not a DSSE envelope") from error
    if kind != PAYLOAD_TYPE:
        raise NotProven(f"{path}: payload type `{kind}`")
    name = kind.encode()
    message = b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)
    for signer, (point, lattice) in keys.items():
        _check_signatures(f"{path}: {signer}", message, signatures, point, lattice)
    statement = _canonical(payload, str(path))
    shape = STATEMENTS.get(str(statement.get("format")))
    if shape is None:
        raise NotProven(f"{path}: format `{statement.get('format')}`")
    _check_shape(statement, shape, str(path))
    if statement.get("source_checksum", "none") not in CHECKSUMS:
        raise NotProven(f"{path}: checksum of the source `{statement['source_checksum']}`")
    if statement["basis"] not in BASES:
        raise NotProven(f"{path}: basis `{statement['basis']}`")
    probe = statement["target_probe"]
    if probe is not None:
        _check_shape(probe, PROBE, f"{path}, target_probe")
        _check_hex(probe["sha256"], 64, f"{path}, target_probe, sha256")
    return statement


def check_manifest(path: Path, statement: dict[str, Any]) -> None:
    """The manifest is the one that was signed (refusals 3, 4 and 5)."""
    whole, tree = hashlib.sha256(), Tree()
    counts = {"carried": 0, "not_carried": 0}
    size, before = 0, b""
    for number, line in enumerate(_lines(path), start=1):
        place = f"{path}, line {number}"
        whole.update(line + b"\n")
        tree.add(line)
        entry = _check_line(line, place, SOURCES[statement["format"]])
        name = entry["name"].encode()
        if number > 1 and name <= before:
            raise NotProven(f"{place}: `{entry['name']}` is out of order or repeated")
        before = name
        counts[entry["state"]] += 1
        size += entry["size"] if entry["state"] == "carried" else 0
    found = {
        "lines": sum(counts.values()),
        **counts,
        "bytes": size,
        "manifest_sha256": whole.hexdigest(),
        "root": tree.root().hex(),
    }
    for key, value in found.items():
        if statement[key] != value:
            raise NotProven(f"{path}: `{key}` is {value}, the statement says {statement[key]}")


class Tree:
    """The root of an RFC 9162 tree, from its leaves in order, in logarithmic memory."""

    def __init__(self) -> None:
        # Roots of complete subtrees with their heights, heights strictly falling.
        self._peaks: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes) -> None:
        """Append one leaf."""
        height, node = 0, hashlib.sha256(b"\x00" + leaf).digest()
        while self._peaks and self._peaks[-1][0] == height:
            node = hashlib.sha256(b"\x01" + self._peaks.pop()[1] + node).digest()
            height += 1
        self._peaks.append((height, node))

    def root(self) -> bytes:
        """The root over the leaves so far."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        node = self._peaks[-1][1]
        for _, left in reversed(self._peaks[:-1]):
            node = hashlib.sha256(b"\x01" + left + node).digest()
        return node


def _check_signatures(
    place: str, message: bytes, signatures: dict[str, bytes], point: bytes, lattice: bytes
) -> None:
    ident = key_id(point, lattice)
    classic, quantum = (signatures.get(f"{ident}:{a}") for a in ("ecdsa-p384", "ml-dsa-65"))
    if classic is None or quantum is None:
        raise NotProven(f"{place}: the key {ident} did not sign with both algorithms")
    try:
        curve = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), point)
        curve.verify(classic, message, ec.ECDSA(hashes.SHA384()))
        mldsa.MLDSA65PublicKey.from_public_bytes(lattice).verify(quantum, message)
    except (InvalidSignature, ValueError) as error:
        raise NotProven(f"{place}: a signature of the key {ident} does not hold") from error


def _check_line(line: bytes, place: str, facts: dict[str, Any]) -> dict[str, Any]:
    entry = _canonical(line, place)
    shape = LINES.get(str(entry.get("state")))
    if shape is None:
        raise NotProven(f"{place}: unknown state")
    _check_shape(entry, shape, place)
    source = entry["source"]
    _check_shape(source, facts, f"{place}, source")
    for what in ("metadata", "headers", "tags"):
        if not all(isinstance(v, str) for v in (source.get(what) or {}).values()):
            raise NotProven(f"{place}: {what} that is not text")
    if not entry["name"] or entry["size"] < 0:
        raise NotProven(f"{place}: no name, or a negative size")
    if entry["state"] == "carried":
        _check_shape(entry["sealed"], SEALED, f"{place}, sealed")
        _check_hex(entry["sha256"], 64, f"{place}, sha256")
        _check_hex(entry["sealed"]["crc64nvme"], 16, f"{place}, crc64nvme")
        pin = json.dumps([source["etag"], entry["size"]], ensure_ascii=False, separators=(",", ":"))
        expected = "src-" + hashlib.sha256(pin.encode()).hexdigest()[:32]
        if entry["sealed"]["version"] != expected:
            raise NotProven(f"{place}: the sealed version does not follow from the source")
    return entry


def _check_shape(value: dict[str, Any], shape: dict[str, Any], place: str) -> None:
    if set(value) != set(shape):
        odd = ", ".join(sorted(set(value) ^ set(shape)))
        raise NotProven(f"{place}: keys missing or unknown: {odd}")
    for key, kind in shape.items():
        is_bool = isinstance(value[key], bool)
        if not isinstance(value[key], kind) or is_bool is not (kind is bool):
            raise NotProven(f"{place}: `{key}` has another type")


def _check_hex(text: str, length: int, place: str) -> None:
    if len(text) != length or set(text) - set("0123456789abcdef"):
        raise NotProven(f"{place}: not {length} hexadecimal digits")


def _canonical(raw: bytes, place: str) -> dict[str, Any]:
    """The JSON object in `raw`, which must be its canonical form."""
    try:
        value = json.loads(raw)
        again = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    except ValueError as error:
        raise NotProven(f"{place}: not JSON") from error
    if not isinstance(value, dict) or again.encode("utf-8", "replace") != raw:
        raise NotProven(f"{place}: not a canonical JSON object")
    return value


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise NotProven(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise NotProven(f"{path}: not JSON") from error


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    raise NotProven(f"{path}: the last line is cut")
                yield line[:-1]
    except OSError as error:
        raise NotProven(f"{path}: cannot be read ({error.strerror})") from error


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def main(arguments: list[str] | None = None) -> int:
    """The program: prints the statement, or the refusal with exit code 5."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--envelope", type=Path)
    parser.add_argument("--keys", type=Path)
    options = parser.parse_args(arguments)
    try:
        statement = verify(options.manifest, options.envelope, options.keys)
    except NotProven as refusal:
        sys.stderr.write(f"unproven: {refusal}\n")
        return 5
    sys.stdout.write(json.dumps(statement, ensure_ascii=False, indent=2, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
