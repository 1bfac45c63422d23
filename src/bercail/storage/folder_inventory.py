"""What stands in a folder besides files: links, devices, and folders that hold nothing.

Walks with one open folder for each level, never the whole tree in memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from attrs import evolve

from bercail.foundation import Invalid, Missing
from bercail.storage import failures
from bercail.storage.folder import OWN, FolderStore
from bercail.storage.inventory import Asked, InventoryItem, ItemKind, item_of
from bercail.storage.port import ObjectInfo


def folder_inventory(store: FolderStore, asked: Asked) -> Iterator[InventoryItem]:
    """The files of the folder, its links and special files, and its empty folders."""
    root = Path(store.location.path)
    if not root.is_dir():
        raise failures.no_home(store.location)
    try:
        yield from _walk(store, root, "", asked.prefix)
    except OSError as error:
        raise failures.from_os(store.location, "listing", error) from None


def _walk(store: FolderStore, root: Path, folder: str, prefix: str) -> Iterator[InventoryItem]:
    with os.scandir(root / folder) as entries:
        found = sorted(
            (entry for entry in entries if entry.name != OWN or folder), key=lambda e: e.name
        )
    if not found and folder and folder.startswith(prefix):
        empty = _bare(ItemKind.DIRECTORY, folder, (root / folder).stat())
        yield evolve(empty, info=evolve(empty.info, size=0))
    for entry in found:
        name = folder + entry.name
        if entry.is_dir(follow_symlinks=False):
            if f"{name}/".startswith(prefix) or prefix.startswith(f"{name}/"):
                yield from _walk(store, root, f"{name}/", prefix)
        elif name.startswith(prefix):
            # A file may go between its listing and its turn: then it is simply not there.
            with suppress(FileNotFoundError, Missing):
                yield _item(store, name, entry)


def _item(store: FolderStore, name: str, entry: os.DirEntry[str]) -> InventoryItem:
    shown = os.fsencode(name).decode("utf-8", "backslashreplace")
    bare = _bare(ItemKind.CURRENT, shown, entry.stat(follow_symlinks=False))
    if entry.is_symlink():
        return evolve(bare, kind=ItemKind.LINK, info=evolve(bare.info, size=0))
    if not entry.is_file(follow_symlinks=False):
        return evolve(bare, kind=ItemKind.SPECIAL)
    try:
        return item_of(store.head(name))
    except Invalid:
        # Not UTF-8, or too long: noted as it stands, for whoever decides about it.
        return evolve(bare, unreadable="its name cannot be asked for")


def _bare(kind: ItemKind, name: str, found: os.stat_result) -> InventoryItem:
    info = ObjectInfo(
        name=name,
        size=found.st_size,
        etag=f"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}",
        modified=datetime.fromtimestamp(found.st_mtime, UTC),
    )
    return InventoryItem(kind=kind, info=info, logical=name)
