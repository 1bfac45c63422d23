"""Everything that a store holds, with all that it tells of each thing, one at a time.

A listing answers which objects stand there now. An inventory also has former versions,
snapshots, what was deleted and can still be brought back, directories, links; and of each
its index tags, lease, lock and keys, as far as the host tells. Nothing is written, and
nothing is kept in memory but one page of the host's answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from attrs import field, frozen, validators

from bercail.foundation import Unavailable
from bercail.storage.limiting import Limited
from bercail.storage.port import ObjectInfo, ObjectStore
from bercail.storage.wrappers import Metered, ReadOnly, Retrying

PAGE = 1000
"""Entries asked for at once; both protocols allow as many."""
ATTEMPTS = 3
"""Beyond those of the vendors' clients: an absent host is told within a quarter of a minute."""
FIRST_PAUSE = 0.5

_T = TypeVar("_T")


class ItemKind(StrEnum):
    """What one line of an inventory is."""

    CURRENT = "current"
    VERSION = "version"
    SNAPSHOT = "snapshot"
    DELETED = "deleted"
    """Deleted, and kept by the host for a while; it cannot be read without restoring it."""
    DELETE_MARKER = "delete_marker"
    DIRECTORY = "directory"
    CONTAINER = "container"
    LINK = "link"
    SPECIAL = "special"
    """A device, a pipe or a socket in a folder."""


def _frozen_mapping(value: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(value))


@frozen(kw_only=True)
class InventoryItem:
    """One thing that a store holds.

    `info.name` is what reads it: for a former state, its name in `bercail.storage.past`;
    `logical` is then the name of the object it is a state of. `tags` is None where this
    inventory does not tell them. `lease` is for instance `infinite`, the duration of a
    lease that somebody holds. `locked_until` and `legal_hold` forbid deleting it.
    `rehydration` is what the host says of an archived object on its way back, or that
    a restored copy can be read. `customer_key`: it is sealed with a key that the host does
    not have. `unreadable` says why the store cannot be asked for it, None when it can.
    `metadata_told` is False where `info.metadata` is empty only for want of asking.
    `headers` are those stored with it (content type, encoding...).
    """

    kind: ItemKind
    info: ObjectInfo
    logical: str
    tags: Mapping[str, str] | None = None
    lease: str | None = None
    locked_until: datetime | None = None
    legal_hold: bool = False
    rehydration: str | None = None
    customer_key: bool = False
    unreadable: str | None = None
    metadata_told: bool = True
    headers: Mapping[str, str] = field(factory=dict, converter=_frozen_mapping, hash=False)


@frozen(kw_only=True)
class Asked:
    """What an inventory shall look at.

    `former`: also versions, snapshots and what was deleted. `details`: ask every object
    for what a listing leaves out (S3: metadata, tags, lock; two requests each). `page` is
    the number of entries asked for at once.
    """

    prefix: str = ""
    former: bool = True
    details: bool = False
    page: int = field(default=PAGE, validator=[validators.ge(1), validators.le(5000)])


def inventory(
    store: ObjectStore,
    asked: Asked | None = None,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[InventoryItem]:
    """Everything in `store`, in the host's order; a page that fails is asked for again.

    A store without an inventory of its own gives what its listing shows.

    Raises:
        Unavailable: after three attempts at one page.
        Missing, Refused, Invalid: as the store does.
    """
    asked = asked or Asked()
    inner = adapter_under(store)
    # The vendors' clients are loaded by now if the store is theirs.
    if inner.location.scheme == "azure":
        from bercail.storage.azure import AzureStore
        from bercail.storage.azure_inventory import azure_inventory

        if isinstance(inner, AzureStore):
            return azure_inventory(inner, asked, sleep)
    elif inner.location.scheme == "s3":
        from bercail.storage.s3 import S3Store
        from bercail.storage.s3_inventory import s3_inventory

        if isinstance(inner, S3Store):
            return s3_inventory(inner, asked, sleep)
    elif inner.location.scheme == "file":
        from bercail.storage.folder import FolderStore
        from bercail.storage.folder_inventory import folder_inventory

        if isinstance(inner, FolderStore):
            return folder_inventory(inner, asked)
    return (item_of(info) for info in store.list(asked.prefix))


def item_of(info: ObjectInfo) -> InventoryItem:
    """An object as it is now, of which nothing is known but `info`."""
    return InventoryItem(kind=ItemKind.CURRENT, info=info, logical=info.name)


def patiently(act: Callable[[], _T], sleep: Callable[[float], None]) -> _T:
    """What `act` answers, asked again while the host is `Unavailable`, after 0.5 and 1 second."""
    for attempt in range(1, ATTEMPTS):
        try:
            return act()
        except Unavailable:
            sleep(FIRST_PAUSE * 2 ** (attempt - 1))
    return act()


def adapter_under(store: ObjectStore) -> ObjectStore:
    """The adapter below the wrappers of the house; none of them changes what is there."""
    while isinstance(store, Retrying | ReadOnly | Metered | Limited):
        store = store.inner
    return store
