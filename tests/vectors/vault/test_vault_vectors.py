"""The vault against published vectors, and against its own committed ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from attrs import evolve
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bercail.foundation import Secret, Unproven, sha256_hex
from bercail.vault import (
    Binding,
    DataKey,
    DualPublicKey,
    DualSignature,
    DualSigner,
    NotePublicKey,
    NoteSigner,
    VerifierKey,
    level_one,
    level_two,
    opaque_name,
    open_bytes,
    open_dsse_envelope,
    project,
    seal_bytes,
    verify_dual,
    verify_note,
)
from bercail.vault.cmac import BatchCmac, _double
from bercail.vault.dsse import pre_authentication_encoding
from bercail.vault.keys import derive

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[2]
PUBLISHED: dict[str, Any] = json.loads((HERE / "published.json").read_text())
SEALED: dict[str, Any] = json.loads((HERE / "sealed-object.json").read_text())
PSEUDONYMS: dict[str, Any] = json.loads((HERE / "pseudonyms.json").read_text())
SIGNED: dict[str, Any] = json.loads((HERE / "signatures.json").read_text())

KEY = DataKey(
    id=bytes.fromhex(SEALED["key_id"]),
    kind="part",
    scope="ER_PRS_F",
    epoch=1,
    secret=Secret(bytes.fromhex(SEALED["data_key"])),
)
BINDING = Binding(**SEALED["binding"])
SEGMENT = 65536


class Fixed:
    """Hands out the salt and the nonce prefix of a vector."""

    def __init__(self, *values: str) -> None:
        self._left = bytes.fromhex("".join(values))

    def take(self, count: int) -> bytes:
        value, self._left = self._left[:count], self._left[count:]
        assert len(value) == count
        return value


def h(text: str) -> bytes:
    return bytes.fromhex(text)


def plaintext(length: int) -> bytes:
    return bytes(7 * i % 251 for i in range(length))


def test_aes_256_of_fips_197() -> None:
    vector = PUBLISHED["aes_256"]
    block = BatchCmac(h(vector["key"]), 1)._encrypt.update(h(vector["plaintext"]))
    assert block.hex() == vector["ciphertext"]


def test_cmac_of_sp_800_38b() -> None:
    vector = PUBLISHED["cmac_aes_256"]
    cmac = BatchCmac(h(vector["key"]), 2)
    assert cmac.whole.hex() == vector["k1"]
    assert cmac.padded.hex() == vector["k2"]
    for length, tag in vector["tags"].items():
        row = np.zeros((2, max(16, -(-int(length) // 16) * 16)), dtype=np.uint8)
        message = np.frombuffer(h(vector["message"])[: int(length)], dtype=np.uint8)
        row[:, : len(message)] = message
        blocks = np.ascontiguousarray(row.reshape(2, -1, 16).swapaxes(0, 1))
        assert [bytes(one).hex() for one in cmac.of(blocks, int(length))] == [tag, tag]


def test_subkeys_of_rfc_4493() -> None:
    vector = PUBLISHED["cmac_subkeys"]
    assert _double(h(vector["l"])).hex() == vector["k1"]
    assert _double(h(vector["k1"])).hex() == vector["k2"]


def test_hkdf_of_rfc_5869() -> None:
    vector = PUBLISHED["hkdf_sha256"]
    found = derive(
        Secret(h(vector["ikm"])), salt=h(vector["salt"]), info=h(vector["info"]), length=42
    )
    assert found.hex() == vector["okm"]


def test_gcm_of_its_authors() -> None:
    vector = PUBLISHED["aes_256_gcm"]
    out = bytearray(32)
    AESGCM(h(vector["key"])).encrypt_into(h(vector["nonce"]), h(vector["plaintext"]), None, out)
    assert out.hex() == vector["ciphertext"]


def test_a_published_verifier_key_has_its_id() -> None:
    vector = PUBLISHED["verifier_key"]
    assert VerifierKey.parse(vector["key"]).id.hex() == vector["id"]
    assert str(VerifierKey.parse(vector["key"])) == vector["key"]


def test_the_encoding_of_the_dsse_specification() -> None:
    vector = PUBLISHED["dsse"]
    found = pre_authentication_encoding(vector["type"], vector["payload"].encode())
    assert found.decode() == vector["encoding"]


@pytest.mark.parametrize("vector", SEALED["valid"], ids=lambda v: str(v["length"]))
def test_sealed_objects_are_made_and_opened_as_written(vector: dict[str, Any]) -> None:
    plain = plaintext(vector["length"])
    sealed = seal_bytes(plain, KEY, BINDING, Fixed(vector["salt"], vector["nonce_prefix"]))
    assert (len(sealed), sha256_hex(sealed)) == (vector["sealed_length"], vector["sealed_sha256"])
    assert sealed.hex() == vector.get("sealed", sealed.hex())
    assert open_bytes(sealed, lambda _: KEY, BINDING) == plain
    assert sealed[64:96].hex() == SEALED["binding_digest"]
    assert sealed[32:64].hex() == SEALED["commitment"]


@pytest.mark.parametrize("vector", SEALED["refused"], ids=lambda v: v["what"].replace(" ", "-"))
def test_altered_objects_are_refused_as_written(vector: dict[str, Any]) -> None:
    base = next(v for v in SEALED["valid"] if v["length"] == vector["base"])
    sealed = bytearray(
        seal_bytes(
            plaintext(vector["base"]), KEY, BINDING, Fixed(base["salt"], base["nonce_prefix"])
        )
    )
    key, binding = KEY, BINDING
    for name, *values in vector["edits"]:
        if name == "key":
            key = evolve(key, secret=Secret(h(values[0])))
        elif name == "key_id":
            key = evolve(key, id=h(values[0]))
        elif name == "binding":
            binding = evolve(binding, **{values[0]: values[1]})
        else:
            edit(sealed, name, values)
    with pytest.raises(Unproven) as caught:
        open_bytes(bytes(sealed), lambda _: key, binding)
    assert caught.value.rule == vector["rule"]


def edit(sealed: bytearray, name: str, values: list[Any]) -> None:
    if name == "set":
        sealed[values[0] : values[0] + len(h(values[1]))] = h(values[1])
    elif name == "keep":
        del sealed[values[0] :]
    elif name == "append":
        sealed += h(values[0])
    elif name == "swap":
        one, two = (slice(96 + i * SEGMENT, 96 + (i + 1) * SEGMENT) for i in values)
        sealed[one], sealed[two] = sealed[two], sealed[one]
    elif name == "drop":
        del sealed[96 + values[0] * SEGMENT : 96 + (values[0] + 1) * SEGMENT]
    else:
        raise AssertionError(name)


@pytest.mark.parametrize("row", PSEUDONYMS["rows"], ids=lambda r: f"{r['label']}-{r['level_1']}")
def test_pseudonyms_are_as_written(row: dict[str, str]) -> None:
    secrets = {name: Secret(h(value)) for name, value in PSEUDONYMS["secrets"].items()}
    first = level_one(secrets["level_1"], pa.array([row["identity"]]), row["label"])
    second = level_two(secrets["level_2"], first, row["label"])
    third = project(secrets["project"], second, row["label"])
    assert [first[0].as_py(), second[0].as_py(), third[0].as_py()] == [
        row["level_1"],
        row["level_2"],
        row["project"],
    ]


def test_signatures_verify_and_seeds_give_the_written_keys() -> None:
    public = DualPublicKey.from_dict(SIGNED["public"])
    signature = DualSignature.from_dict(SIGNED["signature"])
    verify_dual(public, SIGNED["message"].encode(), signature)
    signer = DualSigner(Secret(h(SIGNED["dual_seed"])))
    assert signer.public == public
    assert signer.sign(SIGNED["message"].encode()).ecdsa == signature.ecdsa
    opened = open_dsse_envelope(SIGNED["envelope"], SIGNED["envelope_type"], [public])
    assert opened == b'{"a":1}'


def test_the_note_verifies_and_its_seed_gives_the_written_keys() -> None:
    public = NotePublicKey.parse(SIGNED["verifier_keys"])
    assert verify_note(SIGNED["note"], public) == SIGNED["note_text"]
    made = NoteSigner("bercail.example/log", Secret(h(SIGNED["note_seed"])))
    assert made.public == public
    written, again = (
        note.splitlines()[4] for note in (SIGNED["note"], made.sign_note(SIGNED["note_text"]))
    )
    assert written == again


def test_the_opaque_name_is_as_written() -> None:
    vector = SIGNED["opaque_name"]
    assert opaque_name(Secret(h(vector["name_key"])), *vector["parts"]) == vector["name"]


def test_the_script_writes_these_files(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, str(CHECKOUT / "scripts" / "make_vault_vectors.py"), str(tmp_path)],
        check=True,
        capture_output=True,
    )
    for name in ("sealed-object.json", "pseudonyms.json"):
        assert (tmp_path / name).read_text() == (HERE / name).read_text()
