"""Uploads in parts on S3, one call a step, so that a killed one goes on where it stopped.

Each part travels with a checksum that the host compares: its CRC-64/NVME, or on hosts
that ignore that one (`checksum=signature`) its MD5, beside the signed SHA-256.
"""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from attrs import frozen

from bercail.foundation import Missing
from bercail.storage import failures
from bercail.storage.crc64 import combined_crc64nvme, crc64nvme
from bercail.storage.parts import PARTS_IN_FLIGHT, in_parts
from bercail.storage.s3_asking import S3Asking
from bercail.storage.wire import Wire

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from bercail.storage.request_signing import S3Signer
    from bercail.storage.s3_control import S3Control

_CHECKSUM = "x-amz-checksum-crc64nvme"
_NAMES = "http://s3.amazonaws.com/doc/2006-03-01/"
_CHECKSUM_TYPE, _WHOLE = "x-amz-checksum-type", "FULL_OBJECT"


@frozen(kw_only=True)
class SentPart:
    """A part that the host holds. `etag` is its own word; `checksum` is CRC-64/NVME."""

    number: int
    size: int
    etag: str
    checksum: int


@frozen(kw_only=True)
class HeldPart:
    """What the host says of a part; `checksum` (8 bytes, big-endian) where it tells one."""

    number: int
    size: int
    etag: str
    checksum: bytes | None

    def is_of(self, pieces: Sequence[bytes | memoryview]) -> bool:
        """Whether the part is the bytes of `pieces`: by size, and by checksum or else MD5."""
        if self.size != sum(map(len, pieces)):
            return False
        if self.checksum is not None:
            return checksum_of(pieces).to_bytes(8, "big") == self.checksum
        md5 = hashlib.md5(usedforsecurity=False)
        for piece in pieces:
            md5.update(piece)
        return self.etag.strip('"') == md5.hexdigest()


@frozen(kw_only=True)
class OpenUpload:
    """An upload begun and neither finished nor aborted."""

    key: str
    upload: str
    begun: datetime | None


class S3Parts:
    """The steps of an upload in parts, on one bucket."""

    def __init__(self, control: S3Control, signer: S3Signer, wire: Wire, *, by_crc: bool) -> None:
        self._control, self._signer, self._wire = control, signer, wire
        self._asking = S3Asking(control.location, signer)
        self._bucket = control.location.name
        self._by_crc = by_crc

    @property
    def _client(self) -> S3Client:
        return self._control.client

    def begin(
        self, key: str, name: str, metadata: Mapping[str, str], storage_class: str | None = None
    ) -> str:
        """Begin an upload, whose object will stand in `storage_class`; returns its identifier."""
        headers = {f"x-amz-meta-{label}": value for label, value in metadata.items()}
        if self._by_crc:
            headers |= {"x-amz-checksum-algorithm": "CRC64NVME", _CHECKSUM_TYPE: _WHOLE}
        if storage_class is not None:
            headers["x-amz-storage-class"] = storage_class
        told = self._asking.post(key, name, {"uploads": ""}, headers)
        upload = told.page.findtext("{*}UploadId")
        if not upload:
            act = f"writing `{name}`"
            raise failures.not_understood(self._control.location, act, 200, "NoUploadId")
        return upload

    def send(
        self, key: str, name: str, upload: str, number: int, pieces: Sequence[bytes | memoryview]
    ) -> SentPart:
        """Send one part, the `pieces` one after the other; sending it again replaces it."""
        checksum, size = checksum_of(pieces), sum(map(len, pieces))
        etag = self._wired(key, upload, number, pieces, checksum)
        if etag is not None:
            return SentPart(number=number, size=size, etag=etag, checksum=checksum)
        body = b"".join(pieces)
        proof: Any = (
            {"ChecksumCRC64NVME": _text(checksum)} if self._by_crc else {"ContentMD5": _md5(body)}
        )
        with self._control.translated(f"writing `{name}`", name):
            answer = self._client.upload_part(
                Bucket=self._bucket,
                Key=key,
                UploadId=upload,
                PartNumber=number,
                Body=body,
                **proof,
            )
        return SentPart(number=number, size=len(body), etag=answer["ETag"], checksum=checksum)

    def _wired(
        self,
        key: str,
        upload: str,
        number: int,
        pieces: Sequence[bytes | memoryview],
        checksum: int,
    ) -> str | None:
        """Send a part over the wire; its etag, or None when that was not plainly taken."""
        if not self._by_crc:
            # Here the signature covers the body, and its MD5 goes along: the client's work.
            return None
        query = {"partNumber": str(number), "uploadId": upload}
        signs = partial(self._signer.sign, "PUT", key, query=query)
        answer = self._wire.put(signs, pieces, by_checksum(checksum))
        return None if answer is None else answer.headers.get("etag")

    def finish(
        self, key: str, name: str, upload: str, parts: Sequence[SentPart], *, if_absent: bool
    ) -> tuple[str, str | None]:
        """Make the object of its parts; only now it is seen. Returns etag and version.

        Raises:
            Missing: when the upload is not open any more.
            Refused: with `if_absent`, when the object exists (rule `object-exists`).
        """
        headers = {"if-none-match": "*"} if if_absent else {}
        if self._by_crc:
            headers |= {_CHECKSUM: _text(combined(parts)), _CHECKSUM_TYPE: _WHOLE}
        body = self._named(parts)
        told = self._asking.post(key, name, {"uploadId": upload}, headers, body)
        # Ceph leaves the etag out of this answer; it tells it when asked.
        etag = told.page.findtext("{*}ETag") or self._control.head(key, name).etag
        return etag, told.headers.get("x-amz-version-id")

    def _named(self, parts: Sequence[SentPart]) -> bytes:
        """The parts as `CompleteMultipartUpload` names them."""
        entries = []
        for part in parts:
            told = f"<PartNumber>{part.number}</PartNumber><ETag>{escape(part.etag)}</ETag>"
            if self._by_crc:
                told += f"<ChecksumCRC64NVME>{_text(part.checksum)}</ChecksumCRC64NVME>"
            entries.append(f"<Part>{told}</Part>")
        kind = "CompleteMultipartUpload"
        return f'<{kind} xmlns="{_NAMES}">{"".join(entries)}</{kind}>'.encode()

    def abort(self, key: str, name: str, upload: str) -> None:
        """Forget an upload and its parts; one already gone is no error."""
        from botocore.exceptions import ClientError

        with self._control.translated(f"aborting the upload of `{name}`", name):
            try:
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload)
            except ClientError as error:
                if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != 404:
                    raise

    def held(self, key: str, name: str, upload: str) -> dict[int, HeldPart]:
        """The parts that the host holds of an upload, by number; none if it is gone."""
        found: dict[int, HeldPart] = {}
        pages = self._client.get_paginator("list_parts")
        try:
            with self._control.translated(f"looking at the upload of `{name}`", name):
                for page in pages.paginate(Bucket=self._bucket, Key=key, UploadId=upload):
                    for part in page.get("Parts", []):
                        told = part.get("ChecksumCRC64NVME")
                        found[part["PartNumber"]] = HeldPart(
                            number=part["PartNumber"],
                            size=part["Size"],
                            etag=part["ETag"],
                            checksum=base64.b64decode(told) if told else None,
                        )
        except Missing:
            return {}
        return found

    def open_uploads(self, prefix: str) -> Iterator[OpenUpload]:
        """Every upload still open whose key starts with `prefix`."""
        pages = self._client.get_paginator("list_multipart_uploads")
        with self._control.translated("listing uploads", ""):
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                for entry in page.get("Uploads", []):
                    yield OpenUpload(
                        key=entry["Key"], upload=entry["UploadId"], begun=entry.get("Initiated")
                    )

    def put(
        self,
        key: str,
        name: str,
        pieces: Iterable[bytes],
        metadata: Mapping[str, str],
        storage_class: str | None = None,
        *,
        if_absent: bool,
    ) -> tuple[str, str | None]:
        """Upload a stream in parts of 16 MiB, aborting if it breaks. Returns etag and version.

        Raises:
            Refused: with `if_absent`, when the object exists (rule `object-exists`).
        """
        upload = self.begin(key, name, metadata, storage_class)
        try:
            parts = self._sent(key, name, upload, pieces)
            return self.finish(key, name, upload, parts, if_absent=if_absent)
        except BaseException:
            self.abort(key, name, upload)
            raise

    def _sent(self, key: str, name: str, upload: str, pieces: Iterable[bytes]) -> list[SentPart]:
        done: list[SentPart] = []
        waiting: deque[Future[SentPart]] = deque()
        with ThreadPoolExecutor(PARTS_IN_FLIGHT, thread_name_prefix="upload") as pool:
            for number, body in enumerate(in_parts(pieces), start=1):
                if len(waiting) == PARTS_IN_FLIGHT:
                    done.append(waiting.popleft().result())
                waiting.append(pool.submit(self.send, key, name, upload, number, (body,)))
            done.extend(future.result() for future in waiting)
        return done


def checksum_of(pieces: Iterable[bytes | memoryview]) -> int:
    """CRC-64/NVME of the pieces, one after the other."""
    checksum = 0
    for piece in pieces:
        checksum = crc64nvme(piece, checksum)
    return checksum


def by_checksum(checksum: int) -> dict[str, str]:
    """The header by which a host compares a body with its CRC-64/NVME."""
    return {_CHECKSUM: _text(checksum)}


def combined(parts: Sequence[SentPart]) -> int:
    """CRC-64/NVME of the whole, from those of its parts in order."""
    whole = 0
    for part in parts:
        whole = combined_crc64nvme(whole, part.checksum, part.size)
    return whole


def _text(checksum: int) -> str:
    return base64.b64encode(checksum.to_bytes(8, "big")).decode()


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
