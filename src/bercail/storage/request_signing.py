"""Signatures of single requests, in their headers: what the vendors' clients do, for less.

S3: AWS Signature Version 4 (docs.aws.amazon.com, "Authenticating Requests: Using the
Authorization Header"). Azure: Shared Key (learn.microsoft.com, "Authorize with Shared Key"),
or the shared access signature that was given. Every header handed in is covered by the
signature. Queries are those of the operation, not yet encoded.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from attrs import frozen

from bercail.storage.azure_account import require_credentials as require_azure_credentials
from bercail.storage.azure_account import require_endpoint as require_azure_endpoint

if TYPE_CHECKING:
    from bercail.foundation import Secret
    from bercail.storage.location import Credentials, Location

AGENT: Final = "bercail-direct"
"""The User-Agent of requests made without a vendor's client."""
UNSIGNED: Final = "UNSIGNED-PAYLOAD"
AZURE_VERSION: Final = "2021-12-02"
_SAFE = "/-_.~"


@frozen(kw_only=True)
class SignedRequest:
    """Where a request goes (path and query, encoded) and with which headers."""

    target: str
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return "SignedRequest(...)"


class S3Signer:
    """Signs requests to one bucket. `origin` is the scheme and host that they go to."""

    def __init__(
        self, location: Location, endpoint: str, region: str, access_key: str, secret: Secret
    ) -> None:
        parts = urlsplit(endpoint)
        virtual = location.options.get("style") == "virtual"
        self._host = f"{location.name}.{parts.netloc}" if virtual else parts.netloc
        self._folder = parts.path.rstrip("/") + ("" if virtual else f"/{_encoded(location.name)}")
        self.origin = f"{parts.scheme}://{self._host}"
        self._region, self._access_key, self._secret = region, access_key, secret
        self._key: tuple[str, bytes] = ("", b"")
        self._clock = _Clock(lambda now: time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now)))

    def sign(
        self,
        method: str,
        key: str | None,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None = None,
        payload: str = UNSIGNED,
    ) -> SignedRequest:
        """A request about the object `key`, or about the bucket where that is None.

        `payload` is the SHA-256 of the body in hexadecimal, or `UNSIGNED`.
        """
        moment = self._clock.now()
        path = self._folder if key is None else f"{self._folder}/{_encoded(key)}"
        path = path or "/"
        pairs = sorted((_whole(k), _whole(v)) for k, v in (query or {}).items())
        asked = "&".join(f"{k}={v}" for k, v in pairs)
        signed = {name.lower(): value for name, value in headers.items()}
        signed |= {"host": self._host, "x-amz-content-sha256": payload, "x-amz-date": moment}
        names = sorted(signed)
        listed = ";".join(names)
        # Runs of spaces count as one: a host may fold them before it looks.
        told = "".join([f"{name}:{' '.join(signed[name].split())}\n" for name in names])
        canonical = f"{method}\n{path}\n{asked}\n{told}\n{listed}\n{payload}"
        scope = f"{moment[:8]}/{self._region}/s3/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}"
        signature = hmac.digest(self._day_key(moment[:8]), text.encode(), "sha256").hex()
        signed["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._access_key}/{scope}, "
            f"SignedHeaders={listed}, Signature={signature}"
        )
        signed["user-agent"] = AGENT
        return SignedRequest(target=f"{path}?{asked}" if asked else path, headers=signed)

    def _day_key(self, day: str) -> bytes:
        known, key = self._key
        if known != day:
            key = b"AWS4" + self._secret.reveal()
            for part in (day, self._region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key = (day, key)
        return key


class AzureSigner:
    """Signs requests to one account. `origin` is the scheme and host that they go to."""

    def __init__(self, location: Location, credentials: Credentials) -> None:
        require_azure_credentials(location, credentials)
        parts = urlsplit(require_azure_endpoint(location))
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._account, self._host = location.name, parts.netloc
        self._folder = parts.path.rstrip("/")
        self._credentials = credentials
        self._clock = _Clock(lambda now: formatdate(now, usegmt=True))

    def sign(
        self,
        method: str,
        name: str,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None = None,
    ) -> SignedRequest:
        """A request about the blob or container `name`, or about the account where it is empty."""
        path = f"{self._folder}/{quote(name, safe=_SAFE)}"
        signed = {key.lower(): value for key, value in headers.items()}
        signed |= {"x-ms-version": AZURE_VERSION, "x-ms-date": self._clock.now()}
        asked = "&".join(f"{_whole(k)}={_whole(v)}" for k, v in (query or {}).items())
        sas = self._credentials.sas
        if sas is not None:
            asked = "&".join(filter(None, (asked, sas.reveal().decode().removeprefix("?"))))
        else:
            signed["authorization"] = self._authorization(method, path, signed, query or {})
        signed |= {"host": self._host, "user-agent": AGENT}
        return SignedRequest(target=f"{path}?{asked}" if asked else path, headers=signed)

    def _authorization(
        self, method: str, path: str, headers: Mapping[str, str], query: Mapping[str, str]
    ) -> str:
        standard = "\n".join([headers.get(name, "") for name in _STANDARD])
        own = "".join([f"{k}:{headers[k]}\n" for k in sorted(headers) if k.startswith("x-ms-")])
        asked = "".join([f"\n{name.lower()}:{query[name]}" for name in sorted(query)])
        text = f"{method}\n{standard}\n{own}/{self._account}{path}{asked}"
        secret = self._credentials.secret
        key = base64.b64decode(secret.reveal()) if secret else b""
        signature = base64.b64encode(hmac.digest(key, text.encode(), "sha256")).decode()
        return f"SharedKey {self._account}:{signature}"


class _Clock:
    """The time as a host wants it written, which is written once a second."""

    def __init__(self, written: Callable[[int], str]) -> None:
        self._written = written
        self._moment: tuple[int, str] = (0, "")

    def now(self) -> str:
        """The present second."""
        now = int(time.time())
        moment, text = self._moment
        if moment != now:
            text = self._written(now)
            self._moment = (now, text)
        return text


_STANDARD = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)


def _encoded(key: str) -> str:
    return quote(key, safe=_SAFE)


def _whole(text: str) -> str:
    return quote(text, safe="-_.~")
