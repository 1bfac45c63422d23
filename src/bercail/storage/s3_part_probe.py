"""Questions of the S3 probe about uploads in parts. Every upload is aborted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bercail.foundation import BercailError, Missing
from bercail.storage.parts import PART
from bercail.storage.probe_questions import HELD, Answer
from bercail.storage.s3 import S3Store
from bercail.storage.s3_parts import SentPart

_PART = b"p" * (5 << 20)  # the least that S3 takes for a part that is not the last


class PartQuestions:
    """Uploads in parts, in every state that they can be left in."""

    def __init__(self, store: S3Store) -> None:
        self._store = store
        self._client: Any = store.control.client
        self._bucket = store.location.name

    @contextmanager
    def _upload(self, name: str) -> Iterator[tuple[str, str]]:
        """An upload in parts as (key, identifier), aborted afterwards."""
        key = self._store.prefix + name
        upload = self._store.parts.begin(key, name, {})
        try:
            yield key, upload
        finally:
            self._store.parts.abort(key, name, upload)

    def wrong_checksum(self, name: str) -> Answer:
        """A part with a checksum that is not its own."""
        with self._upload(name) as (key, upload):
            try:
                with self._store.control.translated("sending a part", name):
                    self._client.upload_part(
                        Bucket=self._bucket,
                        Key=key,
                        UploadId=upload,
                        PartNumber=1,
                        Body=_PART,
                        ChecksumCRC64NVME="AAAAAAAAAAA=",
                    )
            except BercailError:
                return HELD
        return "ignored", "a part with a wrong CRC-64/NVME was taken"

    def resume(self, name: str) -> Answer:
        """A part sent is told by the host, and still counts at the end."""
        parts = self._store.parts
        with self._upload(name) as (key, upload):
            first = parts.send(key, name, upload, 1, (_PART,))
            held = parts.held(key, name, upload)
            if not (1 in held and held[1].is_of((_PART,))):
                return "absent", "the host does not tell which parts it holds, or not exactly"
            second = parts.send(key, name, upload, 2, (b"end",))
            parts.finish(key, name, upload, [first, second], if_absent=False)
        if self._store.head(name).size != len(_PART) + 3:
            return "ignored", "the object is not what its parts make"
        return HELD

    def wrong_etag(self, name: str) -> Answer:
        """An upload finished with a part that was never sent."""
        parts = self._store.parts
        with self._upload(name) as (key, upload):
            sent = parts.send(key, name, upload, 1, (b"only",))
            wrong = SentPart(number=1, size=4, etag=f'"{"0" * 32}"', checksum=sent.checksum)
            try:
                parts.finish(key, name, upload, [wrong], if_absent=False)
            except BercailError:
                return HELD
        return "ignored", "an upload was finished with a part that nobody sent"

    def invisible(self, name: str) -> Answer:
        """An upload that is not finished is no object."""
        with self._upload(name) as (key, upload):
            self._store.parts.send(key, name, upload, 1, (b"x" * PART,))
            listed = [info.name for info in self._store.list(name)]
            try:
                self._store.head(name)
            except Missing:
                return ("ignored", "a part is listed as an object") if listed else HELD
        return "ignored", "an object is seen before its upload is finished"

    def visible_orphan(self, name: str) -> Answer:
        """An upload left open can be found."""
        with self._upload(name) as (key, upload):
            self._store.parts.send(key, name, upload, 1, (b"x",))
            found = [opened.upload for opened in self._store.parts.open_uploads(key)]
        return HELD if upload in found else ("ignored", "an upload left open is not listed")

    def removed_orphan(self, name: str) -> Answer:
        """An upload aborted is gone with its parts."""
        with self._upload(name) as (key, upload):
            self._store.parts.send(key, name, upload, 1, (b"x",))
            self._store.parts.abort(key, name, upload)
            left = [opened.upload for opened in self._store.parts.open_uploads(key)]
            held = self._store.parts.held(key, name, upload)
        if upload in left or held:
            return "ignored", "an upload stands after it was aborted"
        return HELD
