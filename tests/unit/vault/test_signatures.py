"""Dual signatures and DSSE envelopes: both algorithms must hold, and the right keys."""

from __future__ import annotations

import base64
import copy
from typing import Any

import pytest
from attrs import evolve

from bercail.foundation import Invalid, Secret, SeededRandomness, Unproven
from bercail.vault import (
    DualPublicKey,
    DualSignature,
    DualSigner,
    Keyring,
    dsse_envelope,
    open_dsse_envelope,
    signer,
    verify_dual,
)
from bercail.vault.dsse import pre_authentication_encoding

ONE = DualSigner(Secret(SeededRandomness(1).take(88)))
TWO = DualSigner(Secret(SeededRandomness(2).take(88)))
TYPE = "application/vnd.bercail.test+json"


def refused(public: DualPublicKey, message: bytes, signature: DualSignature) -> str | None:
    with pytest.raises(Unproven) as caught:
        verify_dual(public, message, signature)
    return caught.value.rule


def test_both_signatures_verify_after_a_round_trip() -> None:
    signature = DualSignature.from_dict(ONE.sign(b"statement").as_dict())
    public = DualPublicKey.from_dict(ONE.public.as_dict())
    verify_dual(public, b"statement", signature)
    assert (len(public.ecdsa), len(public.ml_dsa), len(signature.ml_dsa)) == (97, 1952, 3309)
    assert len(public.id) == 32


def test_ecdsa_nonces_are_deterministic() -> None:
    assert ONE.sign(b"statement").ecdsa == ONE.sign(b"statement").ecdsa


@pytest.mark.parametrize("flip", ["ecdsa", "ml_dsa"])
def test_one_false_signature_is_enough_to_refuse(flip: str) -> None:
    good = ONE.sign(b"statement")
    bad = evolve(good, **{flip: getattr(TWO.sign(b"statement"), flip)})
    assert refused(ONE.public, b"statement", bad) == f"signature-{flip.replace('_', '-')}"
    short = evolve(good, **{flip: b""})
    assert refused(ONE.public, b"statement", short) == f"signature-{flip.replace('_', '-')}"


def test_another_message_or_another_key() -> None:
    good = ONE.sign(b"statement")
    assert refused(ONE.public, b"other", good) == "signature-ecdsa"
    assert refused(TWO.public, b"statement", good) == "signature-key"


def test_a_point_off_the_curve_is_refused() -> None:
    bent = evolve(ONE.public, ecdsa=b"\x04" + bytes(95) + b"\x01")
    good = evolve(ONE.sign(b"statement"), key_id=bent.id)
    assert refused(bent, b"statement", good) == "signature-ecdsa"


@pytest.mark.parametrize("name", ["key_id", "ecdsa_p384", "ml_dsa_65"])
def test_a_signature_without_a_field(name: str) -> None:
    data = ONE.sign(b"").as_dict()
    del data[name]
    with pytest.raises(Unproven, match=f"no `{name}`"):
        DualSignature.from_dict(data)


@pytest.mark.parametrize("value", ["é!", 7, None])
def test_a_signature_that_is_not_base_64(value: Any) -> None:
    with pytest.raises(Unproven, match="not written in base 64"):
        DualSignature.from_dict(ONE.sign(b"").as_dict() | {"ecdsa_p384": value})
    with pytest.raises(Unproven, match="no `key_id`"):
        DualSignature.from_dict(value)


def test_public_keys_of_the_wrong_shape() -> None:
    with pytest.raises(Invalid, match="97 bytes"):
        evolve(ONE.public, ecdsa=b"\x02" + bytes(96))
    with pytest.raises(Invalid, match="1952 bytes"):
        evolve(ONE.public, ml_dsa=b"")
    with pytest.raises(Unproven, match="does not have the id"):
        DualPublicKey.from_dict(ONE.public.as_dict() | {"id": TWO.public.id})
    with pytest.raises(Invalid, match="88"):
        DualSigner(Secret(bytes(87)))


def test_signers_of_the_key_ring_stay_the_same(keyring: Keyring) -> None:
    assert signer(keyring, "source").public == signer(keyring, "source").public
    assert signer(keyring, "source").public != signer(keyring, "target").public


def test_an_envelope_signed_at_both_ends() -> None:
    signed = dsse_envelope(TYPE, b"{}", [ONE, TWO])
    assert [entry["keyid"].split(":")[1] for entry in signed["signatures"]] == [
        "ecdsa-p384",
        "ml-dsa-65",
    ] * 2
    assert open_dsse_envelope(signed, TYPE, [ONE.public, TWO.public]) == b"{}"
    assert open_dsse_envelope(signed, TYPE, [TWO.public]) == b"{}"


def test_the_encoding_signed_is_that_of_the_specification() -> None:
    assert (
        pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def altered(change: str) -> Any:
    signed = copy.deepcopy(dsse_envelope(TYPE, b"{}", [ONE, TWO]))
    if change == "type":
        signed["payloadType"] = "application/other"
    elif change == "payload":
        signed["payload"] = base64.b64encode(b"[]").decode()
    elif change == "half":
        del signed["signatures"][3]
    elif change == "lattice":
        signed["signatures"][1]["sig"] = signed["signatures"][3]["sig"]
    elif change == "base64":
        signed["payload"] = "?"
    elif change == "field":
        del signed["signatures"]
    return None if change == "nothing" else signed


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("type", "envelope-type"),
        ("payload", "signature-ecdsa"),
        ("half", "envelope-signer"),
        ("lattice", "signature-ml-dsa"),
        ("base64", "envelope-form"),
        ("field", "envelope-form"),
        ("nothing", "envelope-form"),
    ],
)
def test_an_altered_envelope_is_refused(change: str, rule: str) -> None:
    with pytest.raises(Unproven) as caught:
        open_dsse_envelope(altered(change), TYPE, [ONE.public, TWO.public])
    assert caught.value.rule == rule


def test_a_type_moved_into_the_payload_is_another_statement() -> None:
    signed = dsse_envelope(TYPE, b"{}", [ONE])
    signed["payloadType"] = TYPE + " 2 "
    with pytest.raises(Unproven) as caught:
        open_dsse_envelope(signed, TYPE + " 2 ", [ONE.public])
    assert caught.value.rule == "signature-ecdsa"


def test_an_envelope_needs_signers_and_keys() -> None:
    with pytest.raises(Invalid, match="needs a signer"):
        dsse_envelope(TYPE, b"{}", [])
    with pytest.raises(Invalid, match="proves nothing without a key"):
        open_dsse_envelope(dsse_envelope(TYPE, b"{}", [ONE]), TYPE, [])
