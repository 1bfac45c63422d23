"""Any host that speaks S3. A location names one bucket, and may name a prefix in it.

Bytes travel over the wire (`bercail.storage.wire`), and through obstore (Rust) where that
gives no plain answer. boto3 does what obstore cannot: finish a multipart upload under a
condition, create a bucket, and read names that obstore cannot carry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from functools import partial
from typing import TYPE_CHECKING

import obstore
from attrs import evolve
from obstore.store import S3Store as ObstoreS3

from bercail.foundation import Invalid, Missing
from bercail.storage import failures, s3_control, s3_past
from bercail.storage.location import Credentials, Location
from bercail.storage.names import require_metadata, require_portable, require_sendable
from bercail.storage.parts import PART, PARTS_IN_FLIGHT, Counted, gathered
from bercail.storage.past import find_past
from bercail.storage.port import CHUNK, Features, ObjectInfo, ObjectStore, Page, require_range
from bercail.storage.reading import (
    ReadRange,
    is_carried,
    obstore_range,
    read_pinned,
    stream_pinned,
)
from bercail.storage.s3_leftovers import S3Leftovers
from bercail.storage.s3_listing import S3Listing
from bercail.storage.s3_parts import S3Parts
from bercail.storage.s3_several import S3Several
from bercail.storage.service_errors import is_home_missing, translated
from bercail.storage.transport import client_options, retry_options
from bercail.storage.wire import Wire, wired

if TYPE_CHECKING:
    from obstore import PutMode
    from obstore.store import S3Config, S3Credential, S3CredentialProvider

_STANDARD_ATTRIBUTES = frozenset(
    {
        "Cache-Control",
        "Content-Disposition",
        "Content-Encoding",
        "Content-Language",
        "Content-Type",
        "Storage-Class",
    }
)


class S3Store(S3Several, S3Leftovers):
    """One bucket of an S3 host."""

    features = Features(
        conditional_put=True,
        versions=False,
        object_lock=False,
        server_checksums=True,
        multipart=True,
    )

    def __init__(self, location: Location, credentials: Credentials) -> None:
        self.location = location
        self.prefix = f"{location.path}/" if location.path else ""
        self.control = s3_control.S3Control(location, credentials)
        by_crc = s3_control.sends_crc(location)
        self.signer = s3_control.signer(location, credentials)
        self.wire = Wire(location, self.signer.origin)
        self.parts = S3Parts(self.control, self.signer, self.wire, by_crc=by_crc)
        self.by_crc = by_crc
        self.listed = S3Listing(location, self.signer)
        self.storage_class: str | None = None
        self._client = ObstoreS3(
            location.name,
            config=_config(location),
            credential_provider=_provider(location, credentials),
            client_options=client_options(location),
            retry_config=retry_options(),
        )

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """See `ObjectStore.put`. Holds at most five parts of 16 MiB.

        Where `features` says that the host ignores conditions, `if_absent` is looked up
        before and not decided by the host: it then helps against mistakes, not races.
        """
        require_portable(name)
        require_portable(self.prefix + name)
        require_metadata(metadata or {})
        labels = dict(metadata or {})
        whole, pieces = gathered(data)
        counted = Counted(pieces)
        with translated(self.location, f"writing `{name}`", name):
            if if_absent and not self._decides(whole):
                require_absent(self, name)
            atomic = if_absent and self._decides(whole)
            if whole is not None:
                etag, version = self._put_whole(name, whole, atomic, labels)
            elif atomic:
                etag, version = self.parts.put(
                    self.prefix + name, name, counted, labels, self.storage_class, if_absent=True
                )
            else:
                etag, version = self._put_parts(name, counted, labels)
        return ObjectInfo(
            name=name,
            size=counted.size if whole is None else len(whole),
            # Ceph leaves the etag out of its answer to an upload in parts.
            etag=etag or self.head(name).etag,
            version=version,
            metadata=labels,
            tier=self.storage_class,
        )

    def in_class(self, name: str) -> S3Store:
        """The same bucket, whose new objects stand in the storage class `name`."""
        twin = copy(self)
        twin.storage_class = name
        return twin

    def checksum(self, name: str) -> bytes | None:
        """CRC-64/NVME of the whole object as the host computed it (8 bytes), if it tells one.

        Raises:
            Missing: when there is no such object.
        """
        require_sendable(name)
        return self.control.checksum(self.prefix + name, name)

    def _decides(self, whole: bytes | None) -> bool:
        """Whether the host itself holds `if_absent` for a body, or for a stream (None)."""
        small = self.features.conditional_put
        return small if whole is not None else small and self.features.conditional_multipart

    def _put_whole(
        self, name: str, body: bytes, if_absent: bool, labels: dict[str, str]
    ) -> tuple[str | None, str | None]:
        attributes = labels | self.classed()
        # What is conditional may not be sent twice: its second answer is another one.
        if not if_absent and (told := self._wired(name, body, attributes)):
            return told
        mode: PutMode = "create" if if_absent else "overwrite"
        answer = obstore.put(
            self._client,
            self.prefix + name,
            body,
            mode=mode,
            attributes=attributes,
            use_multipart=False,
        )
        return answer["e_tag"], answer["version"]

    def _put_parts(
        self, name: str, pieces: Iterable[bytes], labels: dict[str, str]
    ) -> tuple[str | None, str | None]:
        answer = obstore.put(
            self._client,
            self.prefix + name,
            iter(pieces),
            attributes=labels | self.classed(),
            chunk_size=PART,
            max_concurrency=PARTS_IN_FLIGHT,
        )
        return answer["e_tag"], answer["version"]

    def get(self, name: str) -> bytes:
        """See `ObjectStore.get`."""
        return b"".join(self.stream(name))

    def read(self, name: str, offset: int, length: int, *, if_match: str | None = None) -> bytes:
        """See `ObjectStore.read`."""
        require_range(offset, length)
        read = self._reader(name)
        piece = read_pinned(read, self.location, name, offset, max(length, 1), if_match)
        return piece.content if length else b""

    def stream(
        self, name: str, *, if_match: str | None = None, chunk: int = CHUNK
    ) -> Iterator[bytes]:
        """See `ObjectStore.stream`."""
        yield from stream_pinned(self._reader(name), self.location, name, if_match, chunk)

    def head(self, name: str) -> ObjectInfo:
        """See `ObjectStore.head`. S3 tells no MD5 of its own; obstore passes no class on."""
        if past := find_past(name):
            return s3_past.head(self.control, self.prefix, past)
        require_sendable(name)
        if not is_carried(self.prefix + name):
            return self.control.head(self.prefix + name, name)
        with translated(self.location, f"asking about `{name}`", name):
            answer = obstore.get(self._client, self.prefix + name, options={"head": True})
        attributes = answer.attributes
        return ObjectInfo(
            name=name,
            size=answer.meta["size"],
            etag=answer.meta["e_tag"] or "",
            modified=answer.meta["last_modified"],
            version=answer.meta["version"],
            metadata={k: v for k, v in attributes.items() if k not in _STANDARD_ATTRIBUTES},
        )

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`. Metadata is not in S3's listing."""
        for page in self.pages(prefix):
            yield from page.objects

    def pages(self, prefix: str = "", after: str | None = None) -> Iterator[Page]:
        """See `ListsInPages`: `after` is the host's continuation token."""
        for page in self.listed.pages(self.prefix + prefix, after):
            if self.prefix:
                inside = tuple(_inside(info, self.prefix) for info in page.objects)
                page = evolve(page, objects=inside)  # the same page, renamed
            yield page

    def delete(self, name: str) -> None:
        """See `ObjectStore.delete`."""
        require_sendable(name)
        if not is_carried(self.prefix + name):
            self.control.delete(self.prefix + name, name)
            return
        with translated(self.location, f"deleting `{name}`", name):
            try:
                obstore.delete(self._client, self.prefix + name)
            except FileNotFoundError as error:
                _require_home(self.location, error)

    def _reader(self, name: str) -> ReadRange:
        if past := find_past(name):
            return s3_past.reader(self.control, self.prefix, past)
        require_sendable(name)
        key = self.prefix + name
        if is_carried(key):
            general = obstore_range(self._client, self.location, name, key)
            return wired(self.wire, partial(self.signer.sign, "GET", key), general)
        return self.control.reader(key, name)

    def _wired(
        self, name: str, body: bytes, attributes: Mapping[str, str]
    ) -> tuple[str | None, str | None] | None:
        """Write the object over the wire, if that is plainly taken."""
        if not is_carried(self.prefix + name):
            return None
        write = self.written(name, body, attributes)
        answer = self.wire.put(write.signs, write.body, write.headers)
        if answer is None:
            return None
        return answer.headers.get("etag"), answer.headers.get("x-amz-version-id")


def require_absent(store: ObjectStore, name: str) -> None:
    """Let a name pass under which nothing stands now.

    Raises:
        Refused: when something does (rule `object-exists`).
    """
    try:
        store.head(name)
    except Missing:
        return
    raise failures.exists_already(store.location, name)


def _provider(location: Location, credentials: Credentials) -> S3CredentialProvider:
    """The keys as a function, since obstore would add AWS_SESSION_TOKEN to plain ones."""
    access_key, secret = s3_control.require_credentials(location, credentials)
    credential: S3Credential = {
        "access_key_id": access_key,
        "secret_access_key": secret,
        "token": None,
        "expires_at": None,
    }
    return lambda: credential


def _config(location: Location) -> S3Config:
    """Everything said explicitly, since obstore fills what is left from AWS_* variables.

    `checksum` is one of:
    - `crc64nvme` (default): sent with each part, checked by the host; the body is
      left out of the signature, which saves two thirds of the CPU;
    - `signature`: SHA-256 of the body in the signature, for hosts that refuse the other.
    """
    checksum = location.options.get("checksum", "crc64nvme")
    style = location.options.get("style", "path")
    if checksum not in {"crc64nvme", "signature"} or style not in {"path", "virtual"}:
        raise Invalid(
            f"The options `checksum={checksum}`, `style={style}` are not known.",
            remedy="`checksum` is `crc64nvme` or `signature`; `style` is `path` or `virtual`.",
        )
    endpoint = s3_control.require_endpoint(location)
    config: S3Config = {
        "endpoint": endpoint,
        "aws_endpoint_url_s3": endpoint,
        "region": location.options.get("region", s3_control.DEFAULT_REGION),
        "virtual_hosted_style_request": style == "virtual",
        "conditional_put": "etag",
        "disable_bulk_delete": True,
        "skip_signature": False,
        "s3_express": False,
        "request_payer": False,
        "unsigned_payload": checksum == "crc64nvme",
    }
    if checksum == "crc64nvme":
        config["checksum_algorithm"] = "CRC64NVME"
    return config


def _inside(info: ObjectInfo, prefix: str) -> ObjectInfo:
    return evolve(info, name=info.name.removeprefix(prefix))


def _require_home(location: Location, error: FileNotFoundError) -> None:
    if is_home_missing(error):
        raise failures.no_home(location) from None
