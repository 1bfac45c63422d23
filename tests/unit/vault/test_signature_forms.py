"""Signatures and public keys as they are written: what is refused, by which rule and words."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from bercail.foundation import Invalid, Secret, Unproven
from bercail.vault import DualPublicKey, DualSignature, DualSigner, verify_dual

MESSAGE = b"what was said"


@pytest.fixture(scope="module")
def signer() -> DualSigner:
    return DualSigner(Secret(bytes(range(88))))


@pytest.fixture(scope="module")
def signed(signer: DualSigner) -> DualSignature:
    return signer.sign(MESSAGE)


def refusal(read: Any, body: Any) -> Unproven:
    with pytest.raises(Unproven) as caught:
        read(body)
    return caught.value


def test_what_is_written_reads_back(signer: DualSigner, signed: DualSignature) -> None:
    assert DualSignature.from_dict(signed.as_dict()) == signed
    assert DualPublicKey.from_dict(signer.public.as_dict()) == signer.public
    assert sorted(signed.as_dict()) == ["ecdsa_p384", "key_id", "ml_dsa_65"]
    assert sorted(signer.public.as_dict()) == ["ecdsa_p384", "id", "ml_dsa_65"]


@pytest.mark.parametrize("name", ["key_id", "ecdsa_p384", "ml_dsa_65"])
def test_a_signature_without_a_field(signed: DualSignature, name: str) -> None:
    body = {key: value for key, value in signed.as_dict().items() if key != name}
    found = refusal(DualSignature.from_dict, body)
    assert found.rule == "signature-form"
    assert found.message == f"The signature has no `{name}`."


@pytest.mark.parametrize("name", ["id", "ecdsa_p384", "ml_dsa_65"])
def test_a_public_key_without_a_field(signer: DualSigner, name: str) -> None:
    body = {key: value for key, value in signer.public.as_dict().items() if key != name}
    found = refusal(DualPublicKey.from_dict, body)
    assert found.rule == "signature-form"
    assert found.message == f"The public key has no `{name}`."


@pytest.mark.parametrize("value", [None, 7, "*", "AAA", "!"])
@pytest.mark.parametrize("name", ["ecdsa_p384", "ml_dsa_65"])
def test_bytes_that_are_not_in_base_64(
    signer: DualSigner, signed: DualSignature, name: str, value: object
) -> None:
    for what, made in (("signature", signed), ("public key", signer.public)):
        body: dict[str, Any] = dict(made.as_dict())
        # One strange character among good ones is no better than none.
        body[name] = f"{body[name][:4]}!{body[name][4:]}" if value == "!" else value
        found = refusal(type(made).from_dict, body)
        assert found.rule == "signature-form"
        assert found.message == f"The {what} is not written in base 64."


@pytest.mark.parametrize("body", [None, [], "text", 3])
def test_something_else_altogether(body: object) -> None:
    assert refusal(DualSignature.from_dict, body).rule == "signature-form"
    assert refusal(DualPublicKey.from_dict, body).rule == "signature-form"


def test_a_key_under_another_id(signer: DualSigner) -> None:
    found = refusal(DualPublicKey.from_dict, signer.public.as_dict() | {"id": "0" * 32})
    assert found.rule == "signature-key"


@pytest.mark.parametrize(
    "change",
    [
        {"ecdsa": b"\x04" + bytes(95)},
        {"ecdsa": b"\x04" + bytes(97)},
        {"ecdsa": b"\x05" + bytes(96)},
        {"ecdsa": b"\x03" + bytes(96)},
        {"ml_dsa": bytes(1951)},
        {"ml_dsa": bytes(1953)},
    ],
)
def test_keys_of_another_form(signer: DualSigner, change: dict[str, bytes]) -> None:
    with pytest.raises(Invalid):
        evolve(signer.public, **change)


@pytest.mark.parametrize("size", [32, 87, 89])
def test_a_seed_of_another_length(size: int) -> None:
    with pytest.raises(Invalid, match=rf"has {size} bytes, not 88"):
        DualSigner(Secret(bytes(size)))


def test_each_half_must_hold_by_itself(signer: DualSigner, signed: DualSignature) -> None:
    other = DualSigner(Secret(bytes(88)))
    strange = other.sign(MESSAGE)
    for change, rule, algorithm in (
        ({"ecdsa": strange.ecdsa}, "signature-ecdsa", "ECDSA"),
        ({"ecdsa": b""}, "signature-ecdsa", "ECDSA"),
        ({"ml_dsa": strange.ml_dsa}, "signature-ml-dsa", "ML-DSA-65"),
        ({"ml_dsa": b""}, "signature-ml-dsa", "ML-DSA-65"),
    ):
        found = refusal(
            lambda made: verify_dual(signer.public, MESSAGE, made), evolve(signed, **change)
        )
        assert found.rule == rule
        assert found.message.startswith(f"The {algorithm} signature of the key ")
    assert refusal(lambda made: verify_dual(other.public, MESSAGE, made), signed).rule == (
        "signature-key"
    )
    verify_dual(signer.public, MESSAGE, signed)


def test_the_same_message_is_signed_alike_by_the_classical_key(signer: DualSigner) -> None:
    assert signer.sign(MESSAGE).ecdsa == signer.sign(MESSAGE).ecdsa
