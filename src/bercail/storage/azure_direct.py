"""Reading blobs in the plain case; see `bercail.storage.direct`.

Requests carry the shared access signature as it is, or are signed with the account key
(learn.microsoft.com, "Authorize with Shared Key"). The host is asked for the CRC-64 of
each range of up to 4 MiB, and what came is compared with it: Azure's is CRC-64/NVME
(polynomial 0x9A6C9329AC4BC9B5 as it is reflected), written little-endian.
"""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final
from urllib.parse import quote

from awscrt.checksums import crc64nvme

from bercail.storage import failures
from bercail.storage.direct import Answer, Direct
from bercail.storage.location import Credentials, Location
from bercail.storage.reading import Piece, piece_of

_VERSION: Final = "2021-12-02"
_MOST_CHECKED: Final = 4 * 1024 * 1024
"""learn.microsoft.com, "Get Blob": the longest range of which the host tells a checksum."""

# What servers answer that know no checksum of a range: the emulators, older gateways.
_NO_SUMS = {400, 500, 501}


class AzureDirect:
    """All the blobs of one account; None means: ask the general client."""

    def __init__(self, location: Location, credentials: Credentials) -> None:
        self._location = location
        self._http = Direct(location)
        self._sums, self._gave = True, False
        sas, secret = credentials.sas, credentials.secret
        self._sas = sas.reveal().decode().removeprefix("?") if sas is not None else ""
        self._key = base64.b64decode(secret.reveal()) if secret is not None and not sas else b""

    def read(self, name: str, offset: int, length: int, if_match: str | None) -> Piece | None:
        """A range of the blob `container/blob`, with the size and etag of the whole.

        Raises:
            Unavailable: what came is not what the host's own checksum says.
        """
        sums = self._sums and length <= _MOST_CHECKED
        answer = self._asked(name, offset, length, if_match, sums=sums)
        refused = answer is not None and answer.status in _NO_SUMS
        if sums and refused and not self._gave:
            answer = self._asked(name, offset, length, if_match, sums=False)
            self._sums = answer is None or answer.status >= 300
        if answer is None or answer.status >= 300:
            return None
        self._require_sound(answer, name)
        return piece_of(answer, offset, length)

    def _asked(
        self, name: str, offset: int, length: int, if_match: str | None, *, sums: bool
    ) -> Answer | None:
        path = f"{self._http.root}/{quote(name, safe='/-_.~')}"
        headers = {
            "x-ms-date": format_datetime(datetime.now(UTC), usegmt=True),
            "x-ms-range": f"bytes={offset}-{offset + length - 1}",
            "x-ms-version": _VERSION,
        }
        if sums:
            headers["x-ms-range-get-content-crc64"] = "true"
        target = f"{path}?{self._sas}" if self._sas else path
        if self._key:
            headers["Authorization"] = self._signature(path, headers, if_match or "")
        if if_match is not None:
            headers["If-Match"] = if_match
        return self._http.ask("GET", target, headers)

    def _signature(self, path: str, headers: dict[str, str], if_match: str) -> str:
        named = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        # Verb, eleven headers of which only If-Match is said, those of Azure, the resource.
        asked = f"GET\n\n\n\n\n\n\n\n{if_match}\n\n\n\n{named}/{self._location.name}{path}"
        mac = hmac.digest(self._key, asked.encode(), "sha256")
        return f"SharedKey {self._location.name}:{base64.b64encode(mac).decode()}"

    def _require_sound(self, answer: Answer, name: str) -> None:
        told = answer.headers.get("x-ms-content-crc64")
        if told is None:
            return
        self._gave = True
        found = base64.b64encode(crc64nvme(answer.body).to_bytes(8, "little")).decode()
        if told != found:
            raise failures.garbled(self._location, name)
