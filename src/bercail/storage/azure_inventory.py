"""The inventory of an Azure account: containers, and all states of all blobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from attrs import evolve

from bercail.foundation import Refused
from bercail.storage.azure import AzureStore
from bercail.storage.azure_listing import Listed, info_of, moment_of
from bercail.storage.inventory import Asked, InventoryItem, ItemKind, patiently
from bercail.storage.past import PastKind, PastState
from bercail.storage.port import ObjectInfo

# learn.microsoft.com, "List Blobs", the parameter `include`.
_NOW = ["metadata", "tags", "immutabilitypolicy", "legalhold"]
_FORMER = ["snapshots", "versions", "deleted"]
# A signature without the permission `t` is refused when it asks for tags.
_NO_TAGS = ["metadata"]
_HEADERS = {
    "CacheControl": "Cache-Control",
    "ContentDisposition": "Content-Disposition",
    "ContentEncoding": "Content-Encoding",
    "ContentLanguage": "Content-Language",
    "ContentType": "Content-Type",
}
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
    for one in patiently(lambda: list(store.listed.containers(prefix)), sleep):
        info = ObjectInfo(
            name=one.name,
            size=0,
            etag=one.properties.get("Etag", ""),
            modified=one.moment("Last-Modified"),
            metadata=one.metadata,
        )
        yield InventoryItem(
            kind=ItemKind.CONTAINER,
            info=info,
            logical=one.name,
            lease=_lease(one.properties),
            legal_hold=one.properties.get("HasLegalHold") == "true",
        )


def _blobs(
    store: AzureStore, container: str, prefix: str, asked: Asked, sleep: _Sleep
) -> Iterator[InventoryItem]:
    former = _FORMER if asked.former else []
    include = [*_NOW, *former]

    def page(marker: str) -> tuple[list[Listed], str]:
        return patiently(
            lambda: store.listed.blobs(container, prefix, include, marker, asked.page), sleep
        )

    try:
        blobs, marker = page("")
    except Refused:
        include = [*_NO_TAGS, *former]
        blobs, marker = page("")
    while True:
        for blob in blobs:
            yield _item(container, blob, tags="tags" in include)
        if not marker:
            return
        blobs, marker = page(marker)


def _item(container: str, blob: Listed, *, tags: bool) -> InventoryItem:
    name = f"{container}/{blob.name}"
    kind, info = _kind(blob), info_of(name, blob)
    if kind is not ItemKind.CURRENT and kind is not ItemKind.DIRECTORY:
        info = _former(info, kind, blob)
    told = blob.properties
    locked = told.get("ImmutabilityPolicyUntilDate")
    return InventoryItem(
        kind=kind,
        info=info,
        logical=name,
        tags=dict(blob.tags or {}) if tags else None,
        lease=_lease(told),
        locked_until=moment_of(locked) if locked else None,
        legal_hold=told.get("LegalHold") == "true",
        rehydration=told.get("ArchiveStatus") or None,
        customer_key=bool(told.get("CustomerProvidedKeySha256")),
        unreadable="it is deleted and would first have to be restored"
        if kind is ItemKind.DELETED
        else None,
        headers={name: told[said] for name, said in _HEADERS.items() if told.get(said)},
    )


def _former(info: ObjectInfo, kind: ItemKind, blob: Listed) -> ObjectInfo:
    """`info` under the name that reads this former state."""
    snapshot, version = blob.told.get("Snapshot", ""), blob.told.get("VersionId", "")
    if kind is ItemKind.SNAPSHOT:
        state = PastState(kind=PastKind.SNAPSHOT, id=snapshot, name=info.name)
        return evolve(info, name=state.as_name, version=snapshot)
    if kind is ItemKind.DELETED:
        # What tells this deleted state from others of its name.
        version = version or snapshot or f"deleted {blob.moment('DeletedTime')}"
    return evolve(info, name=PastState(kind=PastKind.VERSION, id=version, name=info.name).as_name)


def _kind(blob: Listed) -> ItemKind:
    told = blob.told
    if told.get("Deleted") == "true":
        return ItemKind.DELETED
    if told.get("Snapshot"):
        return ItemKind.SNAPSHOT
    if told.get("VersionId") and told.get("IsCurrentVersion") != "true":
        return ItemKind.VERSION
    # What a hierarchical namespace shows of its directories to this protocol.
    folder = blob.metadata.get("hdi_isfolder", "").casefold() == "true"
    if folder and blob.properties.get("Content-Length") in {None, "", "0"}:
        return ItemKind.DIRECTORY
    return ItemKind.CURRENT


def _lease(told: Mapping[str, str]) -> str | None:
    return told.get("LeaseDuration") or "unknown" if told.get("LeaseState") == "leased" else None
