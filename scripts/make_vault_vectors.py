"""Write the test vectors of the vault's formats, with fixed randomness.

Run it from the checkout: `python scripts/make_vault_vectors.py [FOLDER]`. It writes
`sealed-object.json`, `pseudonyms.json` and `signatures.json` into FOLDER
(`tests/vectors/vault` unless told). Every key in them is public: never use one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from bercail.foundation import Secret, SeededRandomness, sha256_hex
from bercail.vault import (
    Binding,
    DataKey,
    DualSigner,
    NoteSigner,
    dsse_envelope,
    level_one,
    level_two,
    opaque_name,
    project,
    seal_bytes,
)

KEY = DataKey(
    id=bytes(range(16)), kind="part", scope="ER_PRS_F", epoch=1, secret=Secret(bytes(range(32)))
)
BINDING = Binding(kind="part", store="ER_PRS_F", name="2023/02/part-0.parquet", version="1")
SEGMENT = 65536
LENGTHS = (0, 1, 100, 65479, 65480, 65481, 131_000, 131_001, 200_000)
SHOWN_WHOLE = 400


def plaintext(length: int) -> bytes:
    """Byte i is 7 x i modulo 251."""
    return bytes(7 * i % 251 for i in range(length))


def sealed_objects() -> dict[str, Any]:
    """Objects that open, then altered ones with the rule that refuses each."""
    return {
        "format": "docs/reference/formats/sealed-object.md",
        "plaintext": "byte i is 7 x i modulo 251",
        "data_key": KEY.secret.reveal().hex(),
        "key_id": KEY.id.hex(),
        "binding": {
            "kind": BINDING.kind,
            "store": BINDING.store,
            "name": BINDING.name,
            "version": BINDING.version,
        },
        "binding_digest": BINDING.digest().hex(),
        "commitment": KEY.commitment.hex(),
        "valid": [_sealed(length) for length in LENGTHS],
        "refused": [
            {"what": what, "base": 200_000, "edits": edits, "rule": rule}
            for what, edits, rule in alterations()
        ],
    }


def _sealed(length: int) -> dict[str, Any]:
    sealed = seal_bytes(plaintext(length), KEY, BINDING, SeededRandomness(length))
    vector = {
        "length": length,
        "salt": sealed[97:129].hex(),
        "nonce_prefix": sealed[129:136].hex(),
        "sealed_length": len(sealed),
        "sealed_sha256": sha256_hex(sealed),
    }
    return vector | ({"sealed": sealed.hex()} if len(sealed) <= SHOWN_WHOLE else {})


def alterations() -> Iterator[tuple[str, list[list[Any]], str]]:
    """What is done to the object of 200,000 bytes, as edits applied in order.

    `["set", offset, hex]` writes bytes, `["keep", n]` keeps the first n, `["append", hex]` adds at
    the end, `["swap", a, b]` exchanges full segments, `["drop", i]` removes one, `["key", hex]`
    offers another data key under the same id, `["key_id", hex]` a key of another id, and
    `["binding", field, text]` asks for another object.
    """
    other = SeededRandomness(99).take(32).hex()
    yield "magic changed", [["set", 0, "43"]], "sealed-magic"
    yield "another file altogether", [["set", 0, "89504e470d0a1a0a"]], "sealed-magic"
    yield "version 2", [["set", 8, "0002"]], "sealed-version"
    yield "suite 2", [["set", 10, "0002"]], "sealed-suite"
    yield "reserved bytes used", [["set", 15, "01"]], "sealed-suite"
    yield "longer stream header", [["set", 96, "29"]], "sealed-suite"
    yield "key of another id", [["key_id", other[:32]]], "sealed-key"
    yield "another key under the same id", [["key", other]], "sealed-commitment"
    yield "commitment changed", [["set", 32, "ff"]], "sealed-commitment"
    for field in ("kind", "store", "name", "version"):
        yield f"another {field} asked for", [["binding", field, "other"]], "sealed-binding"
    yield "binding digest changed", [["set", 64, "ffff"]], "sealed-binding"
    yield "salt changed", [["set", 97, "ffff"]], "sealed-segment"
    yield "nonce prefix changed", [["set", 129, "ffff"]], "sealed-segment"
    yield "first ciphertext byte changed", [["set", 136, "ffff"]], "sealed-segment"
    yield "tag of segment 1 changed", [["set", 96 + 2 * SEGMENT - 2, "ffff"]], "sealed-segment"
    yield "cut to nothing", [["keep", 0]], "sealed-length"
    yield "cut in the header", [["keep", 60]], "sealed-length"
    yield "cut before the first tag ends", [["keep", 151]], "sealed-length"
    yield "cut to an empty object", [["keep", 152]], "sealed-segment"
    yield "cut within a segment", [["keep", 100_000]], "sealed-segment"
    yield "cut at a segment edge", [["keep", 96 + 2 * SEGMENT]], "sealed-segment"
    yield "cut to a lone tag", [["keep", 96 + SEGMENT + 16]], "sealed-length"
    yield "one byte added", [["append", "00"]], "sealed-segment"
    yield "two segments swapped", [["swap", 1, 2]], "sealed-segment"
    yield "a segment dropped", [["drop", 1]], "sealed-segment"


def pseudonyms() -> dict[str, Any]:
    """Each function on identities of several lengths."""
    secrets = {name: SeededRandomness(n).take(32) for n, name in enumerate(("one", "two", "p"))}
    identities = ["1", "1650175056012", "165017505601219650112" + "1", "é" * 23 + "e", "a" * 15]
    rows = []
    for label in ("", "PMSI"):
        first = level_one(Secret(secrets["one"]), pa.array(identities), label)
        second = level_two(Secret(secrets["two"]), first, label)
        third = project(Secret(secrets["p"]), second, label)
        rows += [
            {"label": label, "identity": identity, "level_1": a, "level_2": b, "project": c}
            for identity, a, b, c in zip(
                identities, first.to_pylist(), second.to_pylist(), third.to_pylist(), strict=True
            )
        ]
    return {
        "format": "docs/reference/formats/pseudonyms.md",
        "secrets": {
            "level_1": secrets["one"].hex(),
            "level_2": secrets["two"].hex(),
            "project": secrets["p"].hex(),
        },
        "rows": rows,
    }


def signatures() -> dict[str, Any]:
    """Public keys, ids and signatures; ML-DSA draws its own randomness, so they only verify."""
    dual_seed, note_seed = SeededRandomness(10).take(88), SeededRandomness(11).take(64)
    dual = DualSigner(Secret(dual_seed))
    note = NoteSigner("bercail.example/log", Secret(note_seed))
    text = "bercail.example/log\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    name_key = Secret(bytes(range(32)))
    parts = ["part", "ER_PRS_F", "2023/02/part-0.parquet", "1"]
    return {
        "dual_seed": dual_seed.hex(),
        "public": dual.public.as_dict(),
        "message": "a statement",
        "signature": dual.sign(b"a statement").as_dict(),
        "envelope_type": "application/vnd.bercail.test+json",
        "envelope": dsse_envelope("application/vnd.bercail.test+json", b'{"a":1}', [dual]),
        "note_seed": note_seed.hex(),
        "verifier_keys": note.public.lines(),
        "note_text": text,
        "note": note.sign_note(text),
        "opaque_name": {
            "name_key": name_key.reveal().hex(),
            "parts": parts,
            "name": opaque_name(name_key, *parts),
        },
    }


def main(folder: Path) -> None:
    """Write the three files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        "sealed-object": sealed_objects(),
        "pseudonyms": pseudonyms(),
        "signatures": signatures(),
    }
    for name, vectors in made.items():
        text = json.dumps(vectors, ensure_ascii=False, indent=1) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
        print(f"{folder / name}.json: {len(text)} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("tests/vectors/vault"))
