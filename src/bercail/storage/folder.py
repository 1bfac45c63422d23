"""A store that is a folder of this machine: for the demo, tests and data holders' drop boxes.

The object `a/b.csv` is the file `a/b.csv` under the folder, so that people can
read it without us. Files appear by rename, written and synced before. What the
store needs for itself (files being written, metadata) is in `.bercail/`, which
is never listed and cannot be named.

Symbolic links are not followed: a drop box that its sender can write to must not
lend out other files of this machine.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from bercail.foundation import Invalid, Refused, canonical_json
from bercail.storage import failures
from bercail.storage.drafts import Drafts
from bercail.storage.leftovers import Leftover
from bercail.storage.location import Location
from bercail.storage.names import (
    is_portable,
    require_metadata,
    require_portable,
    require_sendable,
)
from bercail.storage.port import CHUNK, Features, ObjectInfo, require_range

OWN = ".bercail"
_LONGEST_SEGMENT = 255  # bytes: the limit of Linux file systems


class FolderStore:
    """Objects as files under one folder. Several processes may use it at once."""

    features = Features(
        conditional_put=True,
        versions=False,
        object_lock=False,
        server_checksums=False,
        multipart=False,
    )

    def __init__(self, location: Location) -> None:
        self.location = location
        self._root = Path(location.path)
        self._inside = os.path.realpath(self._root).rstrip("/") + "/"
        self._drafts = Drafts(self._root / OWN / "drafts", lambda: self._disk("writing", ""))

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """See `ObjectStore.put`. Synced to the disk before it returns."""
        require_portable(name)
        require_metadata(metadata or {})
        target = self._path(name)
        if not self._root.is_dir():
            raise failures.no_home(self.location)
        pieces = (bytes(data),) if isinstance(data, bytes | bytearray | memoryview) else data
        with self._drafts.written(pieces) as draft, self._disk(f"writing `{name}`", name):
            found = draft.stat()
            if metadata:
                self._keep_metadata(name, _etag(found), metadata)
            self._publish(draft, target, name, if_absent=if_absent)
        return self._info(name, found, metadata or {})

    def get(self, name: str) -> bytes:
        """See `ObjectStore.get`."""
        with self._opened(name) as (descriptor, found):
            return self._exactly(descriptor, 0, found.st_size)

    def read(self, name: str, offset: int, length: int, *, if_match: str | None = None) -> bytes:
        """See `ObjectStore.read`."""
        require_range(offset, length)
        with self._opened(name) as (descriptor, found):
            if if_match is not None and _etag(found) != if_match:
                raise failures.changed(self.location, name)
            return self._exactly(descriptor, offset, min(length, found.st_size - offset))

    def stream(
        self, name: str, *, if_match: str | None = None, chunk: int = CHUNK
    ) -> Iterator[bytes]:
        """See `ObjectStore.stream`. A replaced file is read to its end in its old version."""
        with self._opened(name) as (descriptor, before):
            if if_match is not None and _etag(before) != if_match:
                raise failures.changed(self.location, name)
            for offset in range(0, before.st_size, chunk):
                piece = self._exactly(descriptor, offset, min(chunk, before.st_size - offset))
                if _etag(os.fstat(descriptor)) != _etag(before):
                    raise failures.changed(self.location, name)
                yield piece

    def head(self, name: str) -> ObjectInfo:
        """See `ObjectStore.head`."""
        with self._opened(name) as (_, found):
            return self._info(name, found, self._metadata(name, _etag(found)))

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`; in ascending order of names."""
        with self._disk("listing", ""):
            if not self._root.is_dir():
                raise failures.no_home(self.location)
            yield from self._walk("", prefix)

    def delete(self, name: str) -> None:
        """See `ObjectStore.delete`. Folders left empty go too."""
        require_sendable(name)
        if not is_portable(name):
            return
        path = self._path(name)
        with self._disk(f"deleting `{name}`", name):
            self._require_inside(path, name)
            with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
                path.unlink()
            with suppress(FileNotFoundError):
                self._metadata_file(name).unlink()
            for folder in path.parents:
                if folder == self._root or not _removed_when_empty(folder):
                    break

    def leftovers(self) -> Iterator[Leftover]:
        """See `KeepsLeftovers`: drafts whose writer has ended."""
        with self._disk("looking for drafts", ""):
            yield from self._drafts.abandoned()

    def discard(self, leftover: Leftover) -> None:
        """See `KeepsLeftovers`; a draft that a living writer holds stays."""
        with self._disk("removing a draft", ""):
            self._drafts.discard(leftover.token)

    def _path(self, name: str) -> Path:
        segments = name.split("/")
        if segments[0] == OWN or any(len(os.fsencode(s)) > _LONGEST_SEGMENT for s in segments):
            raise Invalid(
                f"A folder cannot hold the object `{name[:80]}`.",
                remedy=f"Keep segments under {_LONGEST_SEGMENT} bytes and off `{OWN}`.",
            )
        return self._root.joinpath(*segments)

    def _require_inside(self, path: Path, name: str) -> None:
        parent = os.path.realpath(path.parent)
        root = os.path.realpath(self._root)
        if parent != root and not parent.startswith(root.rstrip("/") + "/"):
            raise Refused(
                f"The object `{name}` lies outside the folder, through a link.",
                remedy="Remove the symbolic link from the folder.",
                rule="folder-link",
            )

    def _require_opened_inside(self, descriptor: int, path: Path, name: str) -> None:
        """Ask the kernel where the open file is: one call instead of one for each folder above.

        The long way answers where the kernel does not know, or the folder itself was moved.
        """
        try:
            # Asked at every read: a `Path` would take longer than the kernel does.
            real = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
        except OSError:
            real = ""
        if not real.startswith(self._inside):
            self._require_inside(path, name)

    @contextmanager
    def _disk(self, act: str, name: str) -> Iterator[None]:
        try:
            yield
        except FileExistsError:
            raise failures.exists_already(self.location, name) from None
        except (IsADirectoryError, NotADirectoryError):
            raise Refused(
                f"A folder cannot hold `{name}`: one name is the folder of the other.",
                remedy="Rename one of them.",
                rule="folder-name-clash",
            ) from None
        except OSError as error:
            raise failures.from_os(self.location, act, error) from None

    def _publish(self, draft: Path, target: Path, name: str, *, if_absent: bool) -> None:
        step: Callable[[Path, Path], None] = os.link if if_absent else os.replace
        # A concurrent delete may prune the parent between the two calls.
        for attempt in range(5):
            _make_parents(target.parent)
            self._require_inside(target, name)
            try:
                step(draft, target)
                break
            except FileNotFoundError:
                if attempt == 4:
                    raise
        _sync_folder(target.parent)

    @contextmanager
    def _opened(self, name: str) -> Iterator[tuple[int, os.stat_result]]:
        require_sendable(name)
        # Names that the house does not write are read where they name one file only.
        if not all(name.split("/")) or "\0" in name:
            raise failures.no_object(self.location, name)
        path = self._path(name)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            raise failures.no_object(self.location, name) from None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise failures.no_object(self.location, name) from None
            raise failures.from_os(self.location, f"reading `{name}`", error) from None
        try:
            self._require_opened_inside(descriptor, path, name)
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise failures.no_object(self.location, name)
            yield descriptor, found
        except OSError as error:
            raise failures.from_os(self.location, f"reading `{name}`", error) from None
        finally:
            os.close(descriptor)

    def _exactly(self, descriptor: int, offset: int, length: int) -> bytes:
        pieces: list[bytes] = []
        while length > 0:
            piece = os.pread(descriptor, length, offset)
            if not piece:
                break
            pieces.append(piece)
            offset, length = offset + len(piece), length - len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _walk(self, folder: str, prefix: str) -> Iterator[ObjectInfo]:
        with os.scandir(self._root / folder) as entries:
            found = [
                (f"{folder}{entry.name}{'/' if entry.is_dir(follow_symlinks=False) else ''}", entry)
                for entry in entries
                if entry.name != OWN or folder
            ]
        for name, entry in sorted(found, key=lambda pair: pair[0]):
            if name.endswith("/"):
                if name.startswith(prefix) or prefix.startswith(name):
                    yield from self._walk(name, prefix)
            elif name.startswith(prefix) and entry.is_file(follow_symlinks=False):
                with suppress(FileNotFoundError):
                    info = entry.stat(follow_symlinks=False)
                    yield self._info(name, info, self._metadata(name, _etag(info)))

    def _info(self, name: str, found: os.stat_result, metadata: Mapping[str, str]) -> ObjectInfo:
        return ObjectInfo(
            name=name,
            size=found.st_size,
            etag=_etag(found),
            modified=datetime.fromtimestamp(found.st_mtime, UTC),
            metadata=metadata,
        )

    def _metadata_file(self, name: str) -> Path:
        digest = hashlib.sha256(os.fsencode(name)).hexdigest()
        return self._root / OWN / "metadata" / f"{digest}.json"

    def _keep_metadata(self, name: str, etag: str, metadata: Mapping[str, str]) -> None:
        path = self._metadata_file(name)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_suffix(f".{token_hex(8)}")
        draft.write_bytes(canonical_json({"etag": etag, "metadata": dict(metadata)}))
        draft.replace(path)

    def _metadata(self, name: str, etag: str) -> dict[str, str]:
        try:
            kept = json.loads(self._metadata_file(name).read_bytes())
        except FileNotFoundError:
            return {}
        # Metadata of an older version of the object is not this version's.
        return dict(kept["metadata"]) if kept["etag"] == etag else {}


def _etag(found: os.stat_result) -> str:
    return f"{found.st_ino:x}-{found.st_size:x}-{found.st_mtime_ns:x}"


def _make_parents(folder: Path) -> None:
    """Create `folder`; unlike mkdir(parents), say clearly when a file stands in the way."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, "a file stands here") from None


def _removed_when_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
