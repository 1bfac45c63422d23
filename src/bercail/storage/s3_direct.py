"""Reading and writing S3 objects in the plain case; see `bercail.storage.direct`.

Requests are signed with Signature Version 4 (docs.aws.amazon.com, "Signature Calculations
for the Authorization Header"). Bodies are left out of the signature and carry their
CRC-64/NVME, which is signed and which the host compares.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlsplit

from awscrt.checksums import crc64nvme

from bercail.storage.direct import Answer, Direct
from bercail.storage.location import Credentials, Location
from bercail.storage.reading import Piece, piece_of

_UNSIGNED: Final = "UNSIGNED-PAYLOAD"
_Now = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


class S3Signer:
    """Signs requests with one access key, for one region; keeps the key of the day."""

    def __init__(self, access_key: str, secret: str, region: str, now: _Now = _now) -> None:
        self._access_key, self._region, self._now = access_key, region, now
        self._secret = secret
        self._day: tuple[str, bytes] = ("", b"")

    def signed(
        self, method: str, path: str, query: str, headers: Mapping[str, str]
    ) -> dict[str, str]:
        """`headers` (lower-case names, with `host`) with what signs them.

        `path` is encoded; so is `query`, and sorted.
        """
        moment = self._now().strftime("%Y%m%dT%H%M%SZ")
        all_headers = {**headers, "x-amz-content-sha256": _UNSIGNED, "x-amz-date": moment}
        names = sorted(all_headers)
        listed = ";".join(names)
        lines = "".join(f"{name}:{all_headers[name]}\n" for name in names)
        asked = f"{method}\n{path}\n{query}\n{lines}\n{listed}\n{_UNSIGNED}"
        scope = f"{moment[:8]}/{self._region}/s3/aws4_request"
        digest = hashlib.sha256(asked.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"
        signature = hmac.digest(self._key(moment[:8]), text.encode(), "sha256").hex()
        all_headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._access_key}/{scope}, "
            f"SignedHeaders={listed}, Signature={signature}"
        )
        return all_headers

    def _key(self, day: str) -> bytes:
        known, key = self._day
        if known != day:
            key = f"AWS4{self._secret}".encode()
            for part in (day, self._region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._day = (day, key)
        return key


class S3Direct:
    """One bucket, for keys that every client carries; None means: ask the general client."""

    def __init__(self, location: Location, credentials: Credentials, region: str) -> None:
        netloc = urlsplit(location.endpoint or "").netloc
        virtual = location.options.get("style") == "virtual"
        self._http = Direct(location, f"{location.name}.{netloc}" if virtual else None)
        self._root = self._http.root + ("/" if virtual else f"/{location.name}/")
        secret = credentials.secret.reveal().decode() if credentials.secret else ""
        self._signer = S3Signer(credentials.access_key or "", secret, region)

    def read(self, key: str, offset: int, length: int, if_match: str | None) -> Piece | None:
        """A range of an object, with the size and etag of the whole."""
        headers = {"range": f"bytes={offset}-{offset + length - 1}"}
        if if_match is not None:
            headers["if-match"] = if_match
        answer = self._ask("GET", key, "", headers)
        return None if answer is None else piece_of(answer, offset, length)

    def put(self, key: str, body: bytes) -> tuple[str | None, str | None] | None:
        """Write a whole object; its etag and version as far as the host tells them."""
        answer = self._ask("PUT", key, "", _summed(crc64nvme(body)), body)
        if answer is None:
            return None
        return answer.headers.get("etag"), answer.headers.get("x-amz-version-id")

    def put_part(
        self, key: str, upload: str, number: int, body: bytes, checksum: int
    ) -> str | None:
        """Send one part of an upload; its etag."""
        query = f"partNumber={number}&uploadId={quote(upload, safe='-_.~')}"
        answer = self._ask("PUT", key, query, _summed(checksum), body)
        return None if answer is None else answer.headers.get("etag")

    def _ask(
        self, method: str, key: str, query: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Answer | None:
        path = self._root + quote(key, safe="/-_.~")
        signed = self._signer.signed(method, path, query, {**headers, "host": self._http.host})
        del signed["host"]
        target = f"{path}?{query}" if query else path
        answer = self._http.ask(method, target, signed, body)
        return answer if answer is not None and answer.status < 300 else None


def _summed(checksum: int) -> dict[str, str]:
    told = base64.b64encode(checksum.to_bytes(8, "big")).decode()
    return {"x-amz-checksum-crc64nvme": told, "x-amz-sdk-checksum-algorithm": "CRC64NVME"}
