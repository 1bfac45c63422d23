"""Azure Blob Storage, a whole account at once: objects are named `container/blob`.

Bytes travel over the wire (`bercail.storage.wire`) and through obstore; listings are read
here, since obstore passes on neither Content-MD5 nor tier, kind of blob or metadata. The
vendor's client does the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

import obstore
from obstore.store import AzureStore as ObstoreAzure

from bercail.foundation import Invalid
from bercail.storage.azure_account import require_credentials, require_endpoint
from bercail.storage.azure_leftovers import AzureLeftovers
from bercail.storage.azure_listing import AzureListing
from bercail.storage.location import Credentials, Location
from bercail.storage.names import require_metadata, require_portable, require_sendable
from bercail.storage.parts import PART, PARTS_IN_FLIGHT, Counted, gathered
from bercail.storage.past import find_past
from bercail.storage.port import CHUNK, Features, ObjectInfo, Page, require_range
from bercail.storage.reading import (
    ReadRange,
    is_carried,
    obstore_range,
    read_pinned,
    stream_pinned,
)
from bercail.storage.request_signing import AzureSigner
from bercail.storage.service_errors import translated
from bercail.storage.transport import client_options, retry_options
from bercail.storage.wire import Signs, Wire, wired

if TYPE_CHECKING:
    from obstore import PutMode
    from obstore.store import AzureConfig

    from bercail.storage.azure_control import AzureControl
    from bercail.storage.several import Wanted

# learn.microsoft.com, "Naming and referencing containers, blobs, and metadata".
_CONTAINER = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(?:-[a-z0-9]+)*|\$root|\$web|\$logs")


class AzureStore(AzureLeftovers):
    """All the containers of one account."""

    features = Features(
        conditional_put=True,
        versions=False,
        object_lock=False,
        server_checksums=False,
        multipart=True,
        whole_listing=True,
    )

    def __init__(self, location: Location, credentials: Credentials) -> None:
        self.location = location
        self._credentials = credentials
        require_credentials(location, credentials)
        self._clients: dict[str, ObstoreAzure] = {}
        self._made: set[str] = set()
        # Set where the host was seen to tell checksums of ranges (`source_checksums.rely_on`).
        self.range_checksums = False
        self._client("checked-when-opened")
        self.signer = AzureSigner(location, credentials)
        self.listed = AzureListing(location, self.signer)
        self.wire = Wire(location, self.signer.origin)

    @cached_property
    def control(self) -> AzureControl:
        """The vendor's client, imported and made when first needed: reading never does."""
        from bercail.storage.azure_control import AzureControl

        return AzureControl(self.location, self._credentials)

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """See `ObjectStore.put`. The container is created with its first object."""
        require_portable(name)
        require_metadata(metadata or {})
        container, blob = split_name(name)
        self._require_container(container)
        attributes, client = dict(metadata or {}), self._client(container)
        whole, pieces = gathered(data)
        counted = Counted(pieces)
        with translated(self.location, f"writing `{name}`", name):
            if whole is not None:
                mode: PutMode = "create" if if_absent else "overwrite"
                etag = obstore.put(
                    client, blob, whole, mode=mode, attributes=attributes, use_multipart=False
                )["e_tag"]
            elif if_absent:
                etag = self.control.put_blocks_if_absent(name, counted, attributes)
            else:
                etag = obstore.put(
                    client,
                    blob,
                    iter(counted),
                    attributes=attributes,
                    chunk_size=PART,
                    max_concurrency=PARTS_IN_FLIGHT,
                )["e_tag"]
        return ObjectInfo(
            name=name,
            size=counted.size if whole is None else len(whole),
            etag=etag or "",
            metadata=attributes,
        )

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

    def read_several(self, wanted: Sequence[Wanted]) -> list[bytes | None]:
        """See `ReadsSeveral`."""
        from bercail.storage.azure_ranges import ASK, told_right
        from bercail.storage.several import over_wire

        plain = [
            (self.signs("GET", one.name), one)
            if find_past(one.name) is None and is_carried(split_name(one.name)[1])
            else None
            for one in wanted
        ]
        if self.range_checksums:
            return over_wire(self.wire, plain, ASK, told_right)
        return over_wire(self.wire, plain, {}, lambda _: True)

    def head(self, name: str) -> ObjectInfo:
        """See `ObjectStore.head`; with Content-MD5, tier and kind of blob."""
        if past := find_past(name):
            from bercail.storage import azure_past

            return azure_past.head(self.control, past)
        require_sendable(name)
        split_name(name)
        return self.control.head(name)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`; with Content-MD5, tier, kind of blob and metadata."""
        for page in self.pages(prefix):
            yield from page.objects

    def pages(self, prefix: str = "", after: str | None = None) -> Iterator[Page]:
        """See `ListsInPages`: up to 5,000 blobs at a time."""
        yield from self.listed.pages(prefix, after)

    def delete(self, name: str) -> None:
        """See `ObjectStore.delete`."""
        require_sendable(name)
        split_name(name)
        # obstore deletes by batches of one, which needs more rights than deleting.
        self.control.delete(name)

    def _reader(self, name: str) -> ReadRange:
        if past := find_past(name):
            from bercail.storage import azure_past

            return azure_past.reader(self.control, past)
        require_sendable(name)
        container, blob = split_name(name)
        if self.range_checksums:
            from bercail.storage.azure_ranges import checked_range

            return checked_range(self, name)
        if is_carried(blob):
            client = self._client(container)
            general = obstore_range(client, self.location, name, blob)
            return wired(self.wire, self.signs("GET", name), general)
        return self.control.reader(name)

    def signs(self, method: str, name: str) -> Signs:
        """What signs requests for the blob `name`."""
        return partial(self.signer.sign, method, name)

    def _require_container(self, container: str) -> None:
        if container not in self._made:
            self.control.make_container(container)
            self._made.add(container)

    def _client(self, container: str) -> ObstoreAzure:
        client = self._clients.get(container)
        if client is None:
            client = self._clients[container] = self._opened(container)
        return client

    def _opened(self, container: str) -> ObstoreAzure:
        """Everything said explicitly, since obstore fills the rest from AZURE_* variables."""
        require_credentials(self.location, self._credentials)
        config: AzureConfig = {
            "account_name": self.location.name,
            "endpoint": require_endpoint(self.location),
            "use_emulator": False,
            "skip_signature": False,
        }
        sas, secret = self._credentials.sas, self._credentials.secret
        if sas is not None:
            config |= {"credential_type": "sas_token", "sas_key": sas.reveal().decode()}
        elif secret is not None:
            config |= {"credential_type": "access_key", "account_key": secret.reveal().decode()}
        return ObstoreAzure(
            container,
            config=config,
            client_options=client_options(self.location),
            retry_config=retry_options(),
        )


def split_name(name: str) -> tuple[str, str]:
    """`container/blob` as its two parts.

    Raises:
        Invalid: when the first part cannot be a container, or there is no second.
    """
    container, separator, blob = name.partition("/")
    if not separator or not blob or not _CONTAINER.fullmatch(container):
        raise Invalid(
            f"The object name `{name[:80]}` does not start with an Azure container.",
            remedy="Write `container/blob`: 3 to 63 of a-z, 0-9 and single hyphens, a slash, ...",
        )
    return container, blob
