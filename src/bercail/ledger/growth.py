"""The tree as it grows in tiles: its right edge, its new files, and its nodes for proofs."""

from __future__ import annotations

from bercail.foundation import Unproven
from bercail.ledger.checkpoint import Checkpoint
from bercail.ledger.folder import ENTRIES, FULL, LogFolder
from bercail.ledger.merkle import EMPTY_ROOT, leaf_hash, root_of_hashes

_ENTRY_HEAD = b"\x00\x20"
ENTRY_BYTES = 34
"""An entry: its length on two bytes, then the commitment of 32 bytes."""


class Growth:
    """Adds leaves to the tree of `size` leaves that stands in `folder`.

    Holds the right edge only: at most 255 hashes a level. Full tiles are written
    as they fill, the partial ones by `finish`.
    """

    def __init__(self, folder: LogFolder, size: int) -> None:
        self._folder = folder
        self._size = size
        self._filled: list[tuple[int | str, int]] = []
        self._entries = (
            folder.read_rows(ENTRIES, size // FULL, size % FULL, ENTRY_BYTES) if size % FULL else []
        )
        self._levels: list[list[bytes]] = []
        level, count = 0, size
        while count:
            width = count % FULL
            rows = folder.read_rows(level, count // FULL, width, 32) if width else []
            self._levels.append(rows)
            level, count = level + 1, count // FULL

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self._size

    def add(self, commitment: bytes) -> None:
        """Add one leaf, whose data is `commitment`."""
        self._entries.append(_ENTRY_HEAD + commitment)
        if len(self._entries) == FULL:
            self._write_full(ENTRIES, self._size // FULL, self._entries)
            self._entries = []
        self._add_hash(0, leaf_hash(commitment))
        self._size += 1

    def root(self) -> bytes:
        """The root, from the edge alone."""
        reached: list[bytes] = []
        for row in self._levels:
            nodes = row + reached
            reached = [root_of_hashes(nodes)] if nodes else []
        return reached[0] if reached else EMPTY_ROOT

    def finish(self) -> None:
        """Write the partial tiles that the present size needs."""
        if self._entries:
            self._folder.write_tile(ENTRIES, self._size // FULL, self._entries)
        for level, row in enumerate(self._levels):
            if row:
                self._folder.write_tile(level, self._size // FULL ** (level + 1), row)

    def tidy(self) -> None:
        """Delete the partial files whose full file was written; after the checkpoint only."""
        for level, index in self._filled:
            self._folder.drop_partials(level, index)

    def _add_hash(self, level: int, hashed: bytes) -> None:
        if level == len(self._levels):
            self._levels.append([])
        row = self._levels[level]
        row.append(hashed)
        if len(row) == FULL:
            self._write_full(level, self._size // FULL ** (level + 1), row)
            self._levels[level] = []
            self._add_hash(level + 1, root_of_hashes(row))

    def _write_full(self, level: int | str, index: int, rows: list[bytes]) -> None:
        self._folder.write_tile(level, index, rows)
        self._filled.append((level, index))


class TileNodes:
    """Reads the nodes of the tree of `checkpoint` from its tiles (a `merkle.Nodes`)."""

    def __init__(self, folder: LogFolder, checkpoint: Checkpoint) -> None:
        self._folder = folder
        self._size = checkpoint.size
        self._read: dict[tuple[int | str, int], list[bytes]] = {}

    def __call__(self, height: int, index: int) -> bytes:
        """Hash of the complete subtree number `index` of 2**height leaves."""
        level, inside = divmod(height, 8)
        first = index << inside
        tile = self._rows(level, level, first // FULL, 32)
        start = first % FULL
        return root_of_hashes(tile[start : start + (1 << inside)])

    def entry(self, index: int) -> bytes:
        """The commitment that is leaf `index`; Unproven when its entry is not of the format."""
        row = self._rows(ENTRIES, 0, index // FULL, ENTRY_BYTES)[index % FULL]
        if row[:2] != _ENTRY_HEAD:
            raise Unproven(
                f"The entry of leaf `{index}` of the log is not of the ledger format.",
                remedy="Restore the log folder from its backup.",
            )
        return row[2:]

    def _rows(self, name: int | str, level: int, index: int, row: int) -> list[bytes]:
        if (name, index) not in self._read:
            width = min(FULL, (self._size >> (8 * level)) - index * FULL)
            self._read[name, index] = self._folder.read_rows(name, index, width, row)
        return self._read[name, index]
