"""Time stamps of RFC 3161: a kept answer of `openssl ts`, read by another implementation."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bercail.foundation import Invalid, Unproven
from bercail.vault.stamps import stamp_request, verify_stamp

KEPT = Path(__file__).parents[2] / "vectors/ledger/stamp"
TEXT = (KEPT / "checkpoint-text").read_bytes()
STAMP = (KEPT / "stamp.tsr").read_bytes()
ROOT = (KEPT / "root.pem").read_bytes()
OTHER_ROOT = (KEPT / "other-root.pem").read_bytes()
NONCE = int((KEPT / "nonce").read_text())
AT = datetime(2026, 11, 22, 6, 4, 11, tzinfo=UTC)


def test_a_stamp_tells_its_time() -> None:
    assert verify_stamp(STAMP, TEXT, ROOT) == AT
    assert verify_stamp(STAMP, TEXT, ROOT, NONCE) == AT


def test_the_right_root_may_stand_among_others() -> None:
    assert verify_stamp(STAMP, TEXT, OTHER_ROOT + ROOT + ROOT) == AT


@pytest.mark.parametrize(
    ("reply", "data", "roots", "nonce"),
    [
        (STAMP, TEXT + b"x", ROOT, NONCE),
        (STAMP, TEXT, OTHER_ROOT, NONCE),
        (STAMP, TEXT, ROOT, NONCE + 1),
        ((KEPT / "refused.tsr").read_bytes(), TEXT, ROOT, None),
    ],
)
def test_a_stamp_that_does_not_hold(
    reply: bytes, data: bytes, roots: bytes, nonce: int | None
) -> None:
    with pytest.raises(Unproven, match="does not hold") as refusal:
        verify_stamp(reply, data, roots, nonce)
    assert refusal.value.rule == "stamp"


def test_every_byte_of_a_stamp_that_is_signed_counts() -> None:
    # CMS signs neither its own version numbers nor the name of the signature algorithm.
    unsigned = {34, 629, *range(855, 863)}
    for place in set(range(len(STAMP))) - unsigned:
        altered = bytearray(STAMP)
        altered[place] ^= 1
        with pytest.raises(Unproven):
            verify_stamp(bytes(altered), TEXT, ROOT, NONCE)
    for place in unsigned:
        altered = bytearray(STAMP)
        altered[place] ^= 1
        assert verify_stamp(bytes(altered), TEXT, ROOT, NONCE) == AT


@pytest.mark.parametrize("reply", [b"", b"<html>", STAMP[:-1]])
def test_what_is_no_stamp(reply: bytes) -> None:
    with pytest.raises(Unproven, match="not one of RFC 3161") as refusal:
        verify_stamp(reply, TEXT, ROOT)
    assert refusal.value.rule == "stamp-form"


@pytest.mark.parametrize("roots", [b"", b"nonsense", ROOT[:100]])
def test_what_is_no_root(roots: bytes) -> None:
    with pytest.raises(Invalid, match="no certificate in PEM"):
        verify_stamp(STAMP, TEXT, roots)


def test_a_request_is_for_the_digest_and_never_twice_the_same() -> None:
    one, two = stamp_request(TEXT), stamp_request(TEXT)
    assert hashlib.sha512(TEXT).digest() in one.der
    assert TEXT not in one.der
    assert one.nonce != two.nonce
    assert one.nonce.to_bytes(9, "big").lstrip(b"\0") in one.der
