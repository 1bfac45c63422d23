"""Signatures of requests: those that the vendors publish, and what they cover."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

import pytest

from bercail.foundation import Secret
from bercail.storage import Credentials, Location, request_signing
from bercail.storage.request_signing import AzureSigner, S3Signer

# docs.aws.amazon.com, "Signature Calculations for the Authorization Header", its examples.
ACCESS, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NOTHING = hashlib.sha256(b"").hexdigest()
WELCOME = hashlib.sha256(b"Welcome to Amazon S3.").hexdigest()


@pytest.fixture(autouse=True)
def moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The 24th of May 2013, midnight."""
    monkeypatch.setattr(time, "gmtime", lambda *_: time.struct_time((2013, 5, 24, *[0] * 6)))
    monkeypatch.setattr(time, "time", lambda: 1369353600.0)


def s3_signer(style: str = "virtual") -> S3Signer:
    location = Location(
        scheme="s3",
        name="examplebucket",
        endpoint="https://s3.amazonaws.com",
        options={"style": style},
    )
    endpoint = "https://s3.amazonaws.com"
    return S3Signer(location, endpoint, "us-east-1", ACCESS, Secret(SECRET.encode()))


def signature(headers: object) -> str:
    return str(dict(headers)["authorization"]).rpartition("Signature=")[2]  # type: ignore[call-overload]


def test_the_published_signature_of_a_range() -> None:
    request = s3_signer().sign("GET", "test.txt", {"Range": "bytes=0-9"}, payload=NOTHING)
    told = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    assert request.target == "/test.txt"
    assert signature(request.headers) == told


def test_the_published_signature_of_a_put() -> None:
    headers = {
        "Date": "Fri, 24 May 2013 00:00:00 GMT",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
    }
    request = s3_signer().sign("PUT", "test$file.text", headers, payload=WELCOME)
    told = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    assert request.target == "/test%24file.text"
    assert signature(request.headers) == told


def test_the_published_signature_of_a_listing() -> None:
    query = {"prefix": "J", "max-keys": "2"}
    request = s3_signer().sign("GET", None, {}, query, payload=NOTHING)
    told = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    assert request.target == "/?max-keys=2&prefix=J"
    assert signature(request.headers) == told


def test_every_header_and_the_key_are_covered() -> None:
    signer = s3_signer("path")
    plain = signer.sign("GET", "a", {"range": "bytes=0-9"})
    assert plain.target == "/examplebucket/a"
    others = [
        signer.sign("GET", "b", {"range": "bytes=0-9"}),
        signer.sign("PUT", "a", {"range": "bytes=0-9"}),
        signer.sign("GET", "a", {"range": "bytes=1-9"}),
        signer.sign("GET", "a", {"range": "bytes=0-9", "if-match": '"1"'}),
        signer.sign("GET", "a", {"range": "bytes=0-9"}, {"versionId": "1"}),
    ]
    assert len({signature(one.headers) for one in [plain, *others]}) == 6


def test_runs_of_spaces_are_signed_as_one_and_sent_as_they_are() -> None:
    signer = s3_signer("path")
    wide = signer.sign("PUT", "a", {"x-amz-meta-note": " two   words "})
    narrow = signer.sign("PUT", "a", {"x-amz-meta-note": "two words"})
    assert signature(wide.headers) == signature(narrow.headers)
    assert wide.headers["x-amz-meta-note"] == " two   words "


def azure_signer(**credentials: Secret) -> AzureSigner:
    location = Location(scheme="azure", name="acct", endpoint="https://acct.blob.example/path")
    return AzureSigner(location, Credentials(**credentials))  # type: ignore[arg-type]


def test_a_shared_key_covers_what_azure_says() -> None:
    key = b"0123456789abcdef"
    signer = azure_signer(secret=Secret(base64.b64encode(key)))
    headers = {"Range": "bytes=0-9", "If-Match": '"0x1"'}
    request = signer.sign("GET", "data/a é", headers, {"snapshot": "2026-01-01T00:00:00Z"})
    # learn.microsoft.com, "Authorize with Shared Key": the string to sign, line by line.
    lines = ["GET", *[""] * 7, '"0x1"', "", "", "bytes=0-9"]
    lines += ["x-ms-date:Fri, 24 May 2013 00:00:00 GMT"]
    lines += [f"x-ms-version:{request_signing.AZURE_VERSION}"]
    lines += ["/acct/path/data/a%20%C3%A9", "snapshot:2026-01-01T00:00:00Z"]
    expected = hmac.digest(key, "\n".join(lines).encode(), "sha256")
    assert request.target == "/path/data/a%20%C3%A9?snapshot=2026-01-01T00%3A00%3A00Z"
    told = f"SharedKey acct:{base64.b64encode(expected).decode()}"
    assert request.headers["authorization"] == told


def test_a_signature_that_was_given_goes_into_the_address_and_is_not_shown() -> None:
    request = azure_signer(sas=Secret(b"?sv=1&sig=abc%3D")).sign("GET", "data/a", {})
    assert request.target == "/path/data/a?sv=1&sig=abc%3D"
    assert "authorization" not in request.headers
    assert "sig=" not in repr(request)
