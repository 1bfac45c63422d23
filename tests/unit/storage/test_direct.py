"""The plain case of HTTP: what is signed, what is checked, what is left to the general client."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from awscrt.checksums import crc64nvme
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from bercail.foundation import Secret, Unavailable
from bercail.storage import Credentials, Location
from bercail.storage.azure_direct import AzureDirect
from bercail.storage.direct import Direct
from bercail.storage.s3_direct import S3Signer

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@contextmanager
def host(*answers: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives `answers`, one to each request without a body, and keeps the heads."""
    heads: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            line, left = None, list(answers)
            while left:
                line = line or door.accept()[0]
                head = b""
                while b"\r\n\r\n" not in head:
                    came = line.recv(65536)
                    if not came:
                        break
                    head += came
                if not head:
                    line.close()
                    line = None
                    continue
                heads.append(head)
                answer = left.pop(0)
                line.sendall(answer)
                if not answer.startswith(b"HTTP/1.1 2"):
                    line.close()
                    line = None
            if line is not None:
                line.close()

        server = threading.Thread(target=serve)
        server.start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}", heads
        server.join(10)
        assert not server.is_alive()


def answer(body: bytes, *headers: str, status: str = "206 Partial Content") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def ranged(body: bytes, *headers: str) -> bytes:
    return answer(body, f"Content-Range: bytes 0-{len(body) - 1}/{len(body)}", "ETag: e", *headers)


def azure(endpoint: str) -> AzureDirect:
    location = Location.parse(f"azure://account?endpoint={endpoint}")
    return AzureDirect(location, Credentials(secret=Secret(base64.b64encode(b"key"))))


def test_signatures_are_those_of_the_vendors_library() -> None:
    headers = {"host": "host.example", "x-amz-checksum-crc64nvme": "AAAAAAAAAAA="}
    signed = S3Signer("access", "secret", "eu-west", now=lambda: NOW).signed(
        "PUT", "/bucket/a%20b", "partNumber=1&uploadId=u", headers
    )
    request = AWSRequest(
        "PUT",
        "http://host.example/bucket/a%20b?partNumber=1&uploadId=u",
        headers={
            "host": "host.example",
            "x-amz-checksum-crc64nvme": "AAAAAAAAAAA=",
            "X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD",
            "X-Amz-Date": signed["x-amz-date"],
        },
    )
    request.context["timestamp"] = signed["x-amz-date"]
    auth = S3SigV4Auth(BotoCredentials("access", "secret"), "s3", "eu-west")
    text = auth.string_to_sign(request, auth.canonical_request(request))
    assert signed["authorization"].endswith(auth.signature(text, request))


@pytest.mark.parametrize(
    ("text", "expected"),
    [(b"Hello World!", 208604604655264165), (b"123456789!@#$%^&*()", 2153758901452455624)],
)
def test_the_checksum_of_a_range_is_that_of_azure(text: bytes, expected: int) -> None:
    """Two of the vectors that Microsoft's own clients are tested with."""
    assert crc64nvme(text) == expected


def test_bytes_that_are_not_those_of_their_checksum_are_refused() -> None:
    told = base64.b64encode(crc64nvme(b"true").to_bytes(8, "little")).decode()
    header = f"x-ms-content-crc64: {told}"
    with host(ranged(b"true", header), ranged(b"fals", header)) as (endpoint, heads):
        store = azure(endpoint)
        piece = store.read("container/blob", 0, 4, "e")
        assert piece is not None
        assert (piece.content, piece.size, piece.etag) == (b"true", 4, "e")
        with pytest.raises(Unavailable, match="not those of its checksum"):
            store.read("container/blob", 0, 4, "e")
        del store
    assert all(b"x-ms-range-get-content-crc64: true" in head for head in heads)
    assert all(b"If-Match: e" in head for head in heads)


def test_a_host_without_checksums_of_ranges_is_asked_without() -> None:
    refused = answer(b"", status="500 Not implemented")
    with host(refused, ranged(b"true"), ranged(b"more")) as (endpoint, heads):
        store = azure(endpoint)
        first, second = (store.read("container/blob", 0, 4, None) for _ in range(2))
        assert first is not None
        assert second is not None
        assert first.content + second.content == b"truemore"
        del store
    assert [b"content-crc64" in head for head in heads] == [True, False, False]


@pytest.mark.parametrize(
    "told",
    [
        answer(b"abcd", "Content-Range: bytes 4-7/8", "ETag: e"),
        answer(b"abc", "Content-Range: bytes 0-2/8", "ETag: e"),
        answer(b"abcd", status="200 OK"),
        answer(b"", status="412 Precondition Failed"),
        b"HTTP/1.1 206 Partial\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.0 206 Partial\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 206 Partial\r\nContent-Length: 9\r\nContent-Length: 4\r\n\r\nabcd",
    ],
)
def test_whatever_is_not_plain_is_left_to_the_general_client(told: bytes) -> None:
    with host(told) as (endpoint, _):
        assert azure(endpoint).read("container/blob", 0, 4, "e") is None


def test_a_busy_host_is_not_asked_again_at_once() -> None:
    with host(answer(b"", status="503 Busy")) as (endpoint, heads):
        direct = Direct(Location.parse(f"azure://account?endpoint={endpoint}"))
        told = direct.ask("GET", "/a", {})
        assert told is not None
        assert told.status == 503
        assert direct.ask("GET", "/a", {}) is None
    assert len(heads) == 1
