"""Questions that only S3's protocol can put: wrong checksums, signatures, orphans, locks."""

from __future__ import annotations

import base64
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from bercail.foundation import BercailError, Missing
from bercail.storage import failures
from bercail.storage.crc64 import crc64nvme
from bercail.storage.parts import PART
from bercail.storage.plain_request import status_of
from bercail.storage.probe_questions import HELD, Answer, Question, clock_answer
from bercail.storage.s3 import S3Store
from bercail.storage.s3_lock_probe import LockQuestions
from bercail.storage.s3_part_probe import PartQuestions
from bercail.storage.s3_scratch import S3Scratch
from bercail.storage.transport import authority_file

_BODY = b"the body that is sent"
_OTHER = b"another body, as long"
_HALF = 2.0  # seconds that a host is given to store what was cut half-way


class S3Questions:
    """The questions for one bucket. Those that need a setting of the bucket only look at it."""

    def __init__(self, store: S3Store) -> None:
        self._store = store
        self._scratch = S3Scratch(store)

    def questions(self) -> list[Question]:
        """All of them, in the order in which they are asked."""
        part, scratch = PartQuestions(self._store), self._scratch
        return [
            Question(name="wrong-content-md5", ask=self._wrong_md5),
            Question(name="wrong-sha256", ask=self._wrong_sha256),
            Question(name="wrong-crc64nvme", ask=self._wrong_crc),
            Question(name="wrong-payload-hash", ask=self._wrong_payload_hash),
            Question(name="wrong-part-crc64nvme", ask=part.wrong_checksum),
            Question(name="checksum-told", ask=self._checksum_told),
            Question(name="if-match-put", ask=self._if_match_put),
            Question(name="part-resume", ask=part.resume),
            Question(name="wrong-part-etag", ask=part.wrong_etag),
            Question(name="unfinished-invisible", ask=part.invisible, needed=True),
            Question(name="orphans-visible", ask=part.visible_orphan),
            Question(name="orphans-removable", ask=part.removed_orphan),
            Question(name="cut-upload-invisible", ask=self._cut_upload(100_000), needed=True),
            Question(name="cut-at-once-invisible", ask=self._cut_upload(0)),
            Question(name="anonymous-refused", ask=self._anonymous, needed=True),
            Question(name="tampered-signature-refused", ask=self._tampered, needed=True),
            Question(name="policy-enforced", ask=scratch.policy),
            Question(name="versions", ask=scratch.versions),
            Question(name="object-lock", ask=scratch.object_lock),
            *LockQuestions(self._store).questions(),
            Question(name="clock", ask=self._clock),
        ]

    def identity(self) -> dict[str, str]:
        """What the host says of itself: no proof, but enough to tell two programs apart."""
        headers = self._headers()
        told = {"endpoint": self._store.location.endpoint or ""}
        marks = {
            "server": headers.get("server", ""),
            "request-id": ", ".join(
                sorted(name for name in headers if name.endswith(("request-id", "trans-id")))
            ),
        }
        return told | {key: value[:80] for key, value in marks.items() if value}

    def _headers(self) -> dict[str, str]:
        response = self._store.control.client.list_objects_v2(
            Bucket=self._store.location.name, MaxKeys=1
        )["ResponseMetadata"]
        return {key.lower(): value for key, value in response["HTTPHeaders"].items()}

    def _put(self, name: str, **options: Any) -> None:
        with self._store.control.translated(f"asking with `{name}`", name):
            self._store.control.client.put_object(
                Bucket=self._store.location.name,
                Key=self._store.prefix + name,
                Body=_BODY,
                **options,
            )

    def _must_refuse(self, name: str, act: Callable[[], None], ignored: str) -> Answer:
        """Whether `act` fails and nothing stands there afterwards."""
        try:
            act()
        except BercailError:
            with suppress(Missing):
                self._store.head(name)
                return "ignored", "the wrong body was refused, and stands there all the same"
            return HELD
        return "ignored", ignored

    def _wrong_md5(self, name: str) -> Answer:
        wrong = base64.b64encode(bytes(16)).decode()
        told = "a body with a wrong MD5 was taken"
        return self._must_refuse(name, lambda: self._put(name, ContentMD5=wrong), told)

    def _wrong_sha256(self, name: str) -> Answer:
        wrong = base64.b64encode(bytes(32)).decode()
        told = "a body with a wrong SHA-256 was taken"
        return self._must_refuse(name, lambda: self._put(name, ChecksumSHA256=wrong), told)

    def _wrong_crc(self, name: str) -> Answer:
        wrong = base64.b64encode(bytes(8)).decode()
        told = "a body with a wrong CRC-64/NVME was taken"
        return self._must_refuse(name, lambda: self._put(name, ChecksumCRC64NVME=wrong), told)

    def _wrong_payload_hash(self, name: str) -> Answer:
        """The body is exchanged after it was signed, as somebody on the way would."""
        told = "a body was taken whose signature is of another body"
        return self._must_refuse(name, lambda: self._scratch.put_exchanged(name, _OTHER), told)

    def _checksum_told(self, name: str) -> Answer:
        self._store.put(name, _BODY)
        if self._store.checksum(name) != crc64nvme(_BODY).to_bytes(8, "big"):
            return "absent", "the host does not tell the CRC-64/NVME of what it holds"
        self._store.put(name, iter([_BODY * (PART // len(_BODY)), _BODY * 2]))
        told = self._store.checksum(name)
        expected = crc64nvme(_BODY * (PART // len(_BODY) + 2)).to_bytes(8, "big")
        if told != expected:
            return "absent", "the host tells no CRC-64/NVME of an object written in parts"
        return HELD

    def _if_match_put(self, name: str) -> Answer:
        old = self._store.put(name, b"one").etag
        self._store.put(name, b"two")
        try:
            self._put(name, IfMatch=old)
        except BercailError as error:
            if "501" in error.message:
                return "absent", error.message
            return HELD
        return "ignored", "an object was overwritten although it was another version"

    def _cut_upload(self, sent: int) -> Callable[[str], Answer]:
        """A part of the announced body, then silence and the end of the connection."""

        def ask(name: str) -> Answer:
            url = urlsplit(self._scratch.signed_url("put_object", name))
            target = f"{url.path}?{url.query}"
            head = f"PUT {target} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 200000\r\n\r\n"
            try:
                with self._connected(url.hostname or "", url.port, url.scheme) as connection:
                    connection.settimeout(_HALF)
                    connection.sendall(head.encode() + b"x" * sent)
                    with suppress(TimeoutError):
                        connection.recv(1)
            except OSError:
                raise failures.no_answer(self._store.location, "cutting an upload") from None
            with suppress(Missing):
                size = self._store.head(name).size
                return "ignored", f"{sent} bytes of 200000 came, and an object of {size} stands"
            return HELD

        return ask

    def _connected(self, host: str, port: int | None, scheme: str) -> socket.socket:
        plain = socket.create_connection((host, port or (443 if scheme == "https" else 80)), _HALF)
        if scheme != "https":
            return plain
        authority = authority_file(self._store.location)
        context = ssl.create_default_context(cafile=str(authority) if authority else None)
        return context.wrap_socket(plain, server_hostname=host)

    def _anonymous(self, name: str) -> Answer:
        self._store.put(name, _BODY)
        url = self._scratch.signed_url("get_object", name).partition("?")[0]
        if status_of(self._store.location, url) == 200:
            return "ignored", "anyone may read, without credentials"
        return HELD

    def _tampered(self, name: str) -> Answer:
        self._store.put(name, _BODY)
        url = self._scratch.signed_url("get_object", name)
        last = "1" if url[-1] == "0" else "0"
        if status_of(self._store.location, url[:-1] + last) == 200:
            return "ignored", "a wrong signature was served"
        return HELD

    def _clock(self, _: str) -> Answer:
        return clock_answer(self._headers().get("date", ""))
