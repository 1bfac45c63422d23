"""What a listing of Azure says of a blob, as its documentation writes it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from bercail.foundation import Invalid, Missing, Refused, Secret, Unavailable
from bercail.storage import Credentials, Location
from bercail.storage.azure_listing import AzureListing, info_of, moment_of
from bercail.storage.request_signing import AzureSigner

# learn.microsoft.com, "List Blobs": the elements of an answer.
BLOB = """<Blob><Name Encoded="true">a%EF%BF%BEb</Name><Snapshot>2026-01-01T00:00:00.0Z</Snapshot>
<Properties><Last-Modified>Sun, 22 Nov 2026 09:00:10 GMT</Last-Modified><Etag>0x1</Etag>
<Content-Length>5</Content-Length><Content-MD5>AAECAwQFBgcICQoLDA0ODw==</Content-MD5>
<Content-Encoding /><BlobType>BlockBlob</BlobType><AccessTier>Cool</AccessTier></Properties>
<Metadata><Owner>x</Owner></Metadata>
<Tags><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tags></Blob>"""


def page(body: str, marker: str = "") -> str:
    blobs = f"<Blobs>{body}</Blobs><NextMarker>{marker}</NextMarker>"
    return f'<?xml version="1.0"?><EnumerationResults>{blobs}</EnumerationResults>'


def listing(monkeypatch: pytest.MonkeyPatch, body: str, status: int = 200) -> AzureListing:
    location = Location(scheme="azure", name="acct", endpoint="https://acct.blob.example")
    signer = AzureSigner(location, Credentials(secret=Secret(b"AAAA")))
    listed = AzureListing(location, signer)
    headers = {"x-ms-error-code": body} if status != 200 else {}
    answer = SimpleNamespace(status=status, data=body.encode(), headers=headers)
    monkeypatch.setattr(listed._http, "request", lambda *_, **__: answer)
    return listed


def test_everything_that_is_told_of_a_blob_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    (blob,), marker = listing(monkeypatch, page(BLOB, "next")).blobs("c", "", ("tags",), "")
    assert (blob.name, marker) == ("a\ufffeb", "next")
    assert blob.told == {"Snapshot": "2026-01-01T00:00:00.0Z"}
    assert (blob.metadata, blob.tags) == ({"Owner": "x"}, {"k": "v"})
    info = info_of("c/name", blob)
    assert (info.name, info.size, info.etag) == ("c/name", 5, '"0x1"')
    assert info.modified == datetime(2026, 11, 22, 9, 0, 10, tzinfo=UTC)
    assert info.content_md5 == bytes(range(16))
    assert (info.tier, info.blob_type, info.version) == ("Cool", "BlockBlob", None)


def test_moments_are_those_that_are_written() -> None:
    assert moment_of("Mon, 01 Feb 2027 23:59:59 GMT") == datetime(
        2027, 2, 1, 23, 59, 59, tzinfo=UTC
    )
    assert moment_of("1 Feb 2027 23:59:59 +0100").utcoffset() is not None
    with pytest.raises(ValueError, match=r"."):
        moment_of("yesterday")


WRONG = {
    "not XML": "no",
    "another document": "<Error><Code>X</Code></Error>",
    "entities": '<!DOCTYPE a [<!ENTITY b "c">]><EnumerationResults/>',
    "a marker that stands still": page("", "same"),
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_what_is_no_listing_is_refused(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    with pytest.raises(Invalid):
        listing(monkeypatch, body).blobs("c", "", (), "same")


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, "ContainerNotFound", Missing),
        (409, "ContainerBeingDeleted", Missing),
        (403, "AuthorizationPermissionMismatch", Refused),
        (503, "ServerBusy", Unavailable),
        (302, "", Invalid),
    ],
)
def test_errors_are_those_of_the_house(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, expected: type[Exception]
) -> None:
    with pytest.raises(expected):
        listing(monkeypatch, code, status).blobs("c", "", (), "")


def test_no_log_tells_the_signature_of_a_listing(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = "http://127.0.0.1:1"  # nobody listens there
    location = Location(scheme="azure", name="acct", endpoint=endpoint)
    signer = AzureSigner(location, Credentials(sas=Secret(b"sv=1&sig=abcdef")))
    with caplog.at_level(logging.DEBUG), pytest.raises(Unavailable) as error:
        AzureListing(location, signer).blobs("c", "", (), "")
    logging.getLogger("urllib3.connectionpool").debug("Starting: /c?sv=1&sig=abcdef")
    assert "abcdef" not in caplog.text + str(error.value)
