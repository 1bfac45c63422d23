"""The inventory of an Azure account: containers, and all states of all blobs.

The vendor's client parses the listing. It leaves out one fact, that a blob is sealed with
a key which the customer sends along; that is read from the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

from attrs import evolve

from bercail.foundation import Refused
from bercail.storage.azure import AzureStore
from bercail.storage.azure_control import info_of
from bercail.storage.inventory import Asked, InventoryItem, ItemKind, patiently
from bercail.storage.past import PastKind, PastState
from bercail.storage.port import ObjectInfo

# learn.microsoft.com, "List Blobs", the parameter `include`.
_NOW = ["metadata", "tags", "immutabilitypolicy", "legalhold"]
_FORMER = ["snapshots", "versions", "deleted"]
# A signature without the permission `t` is refused when it asks for tags.
_NO_TAGS = ["metadata"]
_CUSTOMER_KEY = b"CustomerProvidedKeySha256"
_Sleep = Callable[[float], None]


def azure_inventory(store: AzureStore, asked: Asked, sleep: _Sleep) -> Iterator[InventoryItem]:
    """See `bercail.storage.inventory.inventory`; names are `container/blob`."""
    name, separator, rest = asked.prefix.partition("/")
    for container in _containers(store, name, sleep):
        if separator and container.logical != name:
            continue
        if not separator:
            yield container
        yield from _blobs(store, container.logical, rest, asked, sleep)


def _containers(store: AzureStore, prefix: str, sleep: _Sleep) -> Iterator[InventoryItem]:
    def found() -> list[Any]:
        with store.control.translated("listing", ""):
            listed = store.control.service.list_containers(
                name_starts_with=prefix or None, include_metadata=True
            )
            return list(listed)

    for one in patiently(found, sleep):
        info = ObjectInfo(
            name=one.name,
            size=0,
            etag=str(one.etag),
            modified=one.last_modified,
            metadata=one.metadata or {},
        )
        yield InventoryItem(
            kind=ItemKind.CONTAINER,
            info=info,
            logical=one.name,
            lease=_lease(one),
            legal_hold=bool(one.has_legal_hold),
        )


def _blobs(
    store: AzureStore, container: str, prefix: str, asked: Asked, sleep: _Sleep
) -> Iterator[InventoryItem]:
    former = _FORMER if asked.former else []
    try:
        first, token, sealed = _page(store, container, prefix, asked, [*_NOW, *former], "", sleep)
        include = [*_NOW, *former]
    except Refused:
        include = [*_NO_TAGS, *former]
        first, token, sealed = _page(store, container, prefix, asked, include, "", sleep)
    while True:
        for blob in first:
            yield _item(container, blob, sealed, tags="tags" in include)
        if not token:
            return
        first, token, sealed = _page(store, container, prefix, asked, include, token, sleep)


def _page(
    store: AzureStore,
    container: str,
    prefix: str,
    asked: Asked,
    include: list[str],
    token: str,
    sleep: _Sleep,
) -> tuple[list[Any], str, frozenset[str]]:
    """The blobs of one page, where the next begins, and those under a key of the customer's."""
    client = store.control.service.get_container_client(container)

    def fetched() -> tuple[list[Any], str, frozenset[str]]:
        sealed: set[str] = set()

        def look(answer: Any) -> None:
            sealed.update(_under_customer_keys(answer.http_response.body()))

        with store.control.translated("listing", ""):
            pages: Any = client.list_blobs(
                name_starts_with=prefix or None,
                include=include,
                results_per_page=asked.page,
                raw_response_hook=look,
            ).by_page(continuation_token=token or None)
            blobs = list(next(pages, iter(())))
        return blobs, str(pages.continuation_token or ""), frozenset(sealed)

    return patiently(fetched, sleep)


def _under_customer_keys(body: bytes) -> Iterator[str]:
    if _CUSTOMER_KEY not in body or b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        return
    page = ElementTree.fromstring(body)  # noqa: S314  # declarations are refused above
    for blob in page.iterfind("Blobs/Blob"):
        if blob.findtext("Properties/CustomerProvidedKeySha256"):
            yield blob.findtext("Name") or ""


def _item(container: str, blob: Any, sealed: frozenset[str], *, tags: bool) -> InventoryItem:
    name = f"{container}/{blob.name}"
    kind = _kind(blob)
    info = info_of(name, blob)
    if kind is ItemKind.SNAPSHOT:
        state = PastState(kind=PastKind.SNAPSHOT, id=blob.snapshot, name=name)
        info = evolve(info, name=state.as_name, version=blob.snapshot)
    elif kind is ItemKind.VERSION:
        state = PastState(kind=PastKind.VERSION, id=blob.version_id, name=name)
        info = evolve(info, name=state.as_name)
    elif kind is ItemKind.DELETED:
        state = PastState(kind=PastKind.VERSION, id=_deleted_id(blob), name=name)
        info = evolve(info, name=state.as_name)
    policy = blob.immutability_policy
    return InventoryItem(
        kind=kind,
        info=info,
        logical=name,
        tags=dict(blob.tags or {}) if tags else None,
        lease=_lease(blob),
        locked_until=policy.expiry_time if policy else None,
        legal_hold=bool(blob.has_legal_hold),
        rehydration=blob.archive_status,
        customer_key=blob.name in sealed,
        unreadable="it is deleted and would first have to be restored"
        if kind is ItemKind.DELETED
        else None,
        headers=_headers(blob.content_settings),
    )


def _kind(blob: Any) -> ItemKind:
    if blob.deleted:
        return ItemKind.DELETED
    if blob.snapshot:
        return ItemKind.SNAPSHOT
    if blob.version_id and not blob.is_current_version:
        return ItemKind.VERSION
    # What a hierarchical namespace shows of its directories to this protocol.
    if (blob.metadata or {}).get("hdi_isfolder", "").casefold() == "true" and not blob.size:
        return ItemKind.DIRECTORY
    return ItemKind.CURRENT


def _deleted_id(blob: Any) -> str:
    """What tells this deleted state from others of its name."""
    return str(blob.version_id or blob.snapshot or f"deleted {blob.deleted_time}")


def _lease(found: Any) -> str | None:
    lease = found.lease
    return str(lease.duration or "unknown") if lease and lease.state == "leased" else None


def _headers(settings: Any) -> dict[str, str]:
    told = {
        "CacheControl": settings.cache_control,
        "ContentDisposition": settings.content_disposition,
        "ContentEncoding": settings.content_encoding,
        "ContentLanguage": settings.content_language,
        "ContentType": settings.content_type,
    }
    return {name: str(value) for name, value in told.items() if value}
