"""What is particular to a folder: links, clashes, the disk, and killed writers."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bercail.foundation import Invalid, Missing, Refused, Unavailable, Unproven
from bercail.storage import Location, ObjectStore, make_home, open_store


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_store(Location.folder(tmp_path))


def test_objects_are_plain_files(store: ObjectStore, tmp_path: Path) -> None:
    store.put("a/b c.csv", b"x;y")
    assert (tmp_path / "a" / "b c.csv").read_bytes() == b"x;y"
    (tmp_path / "a" / "brought.txt").write_bytes(b"by hand")
    assert store.get("a/brought.txt") == b"by hand"
    assert [info.name for info in store.list()] == ["a/b c.csv", "a/brought.txt"]


def test_its_own_files_are_neither_listed_nor_named(store: ObjectStore, tmp_path: Path) -> None:
    store.put("x", b"1", metadata={"a": "b"})
    assert (tmp_path / ".bercail").is_dir()
    assert [info.name for info in store.list()] == ["x"]
    assert list(store.list(".bercail")) == []
    for act in (lambda: store.put(".bercail/x", b"1"), lambda: store.get(".bercail/x")):
        with pytest.raises(Invalid):
            act()
    store.put("deep/.bercail", b"1")
    assert [info.name for info in store.list("deep/")] == ["deep/.bercail"]


def test_a_name_cannot_be_file_and_folder(store: ObjectStore) -> None:
    store.put("a", b"1")
    store.put("b/c", b"1")
    for name in ("a/b", "b"):
        with pytest.raises(Refused) as refusal:
            store.put(name, b"2")
        assert refusal.value.rule == "folder-name-clash"
    with pytest.raises(Missing):
        store.get("b")
    with pytest.raises(Missing):
        store.get("a/b")
    store.delete("b")
    assert store.get("b/c") == b"1"


def test_segments_too_long_for_a_disk_are_invalid(store: ObjectStore) -> None:
    with pytest.raises(Invalid):
        store.put("é" * 200, b"x")


def test_deleting_prunes_empty_folders_but_not_the_root(store: ObjectStore, tmp_path: Path) -> None:
    store.put("a/b/c", b"x")
    store.put("a/d", b"x")
    store.delete("a/b/c")
    assert not (tmp_path / "a" / "b").exists()
    store.delete("a/d")
    assert tmp_path.is_dir()
    assert not (tmp_path / "a").exists()


def test_metadata_belongs_to_its_version(store: ObjectStore, tmp_path: Path) -> None:
    store.put("x", b"1", metadata={"kind": "old"})
    (tmp_path / "x").write_bytes(b"changed by hand")
    assert dict(store.head("x").metadata) == {}


def test_a_file_changed_in_place_under_its_reader_is_unproven(
    store: ObjectStore, tmp_path: Path
) -> None:
    store.put("x", b"a" * 100)
    stream = store.stream("x", chunk=10)
    next(stream)
    with (tmp_path / "x").open("ab") as file:
        file.write(b"more")
    with pytest.raises(Unproven):
        list(stream)


def test_an_absent_folder_is_missing_until_made(tmp_path: Path) -> None:
    location = Location.folder(tmp_path / "new" / "place")
    store = open_store(location)
    for act in (lambda: store.put("x", b"1"), lambda: list(store.list())):
        with pytest.raises(Missing):
            act()
    make_home(location)
    make_home(location)
    store.put("x", b"1")
    assert store.get("x") == b"1"


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable):
        make_home(Location.folder(tmp_path / "file"))


class TestDisk:
    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
    def test_a_full_disk_is_told_with_its_place(
        self, store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
    ) -> None:
        store.put("before", b"kept")

        def full(_descriptor: int, _data: bytes) -> int:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(Unavailable) as refusal:
            store.put("x", b"data")
        monkeypatch.undo()
        assert "full" in refusal.value.message
        assert str(tmp_path) in refusal.value.message
        assert "space" in refusal.value.remedy
        assert [info.name for info in store.list()] == ["before"]
        assert list((tmp_path / ".bercail" / "drafts").iterdir()) == []

    def test_a_limit_of_the_system_stops_a_write_midway(
        self, store: ObjectStore, tmp_path: Path
    ) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            with pytest.raises(Unavailable, match="full"):
                store.put("x", (b"y" * 60_000 for _ in range(4)))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert list(store.list()) == []
        assert list((tmp_path / ".bercail" / "drafts").iterdir()) == []

    @pytest.mark.parametrize(
        ("code", "family"),
        [(errno.EACCES, Refused), (errno.EROFS, Refused), (errno.EIO, Unavailable)],
    )
    def test_other_failures_have_their_family(
        self,
        store: ObjectStore,
        monkeypatch: pytest.MonkeyPatch,
        code: int,
        family: type[Exception],
    ) -> None:
        store.put("x", b"1")
        real = os.open

        def failing(path: str, flags: int, mode: int = 0o777) -> int:
            if str(path).endswith("/x"):
                raise OSError(code, os.strerror(code))
            return real(path, flags, mode)

        monkeypatch.setattr(os, "open", failing)
        with pytest.raises(family):
            store.get("x")

    def test_the_producers_own_errors_come_through(self, store: ObjectStore) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"one"
            raise FileNotFoundError("the producer's file")

        with pytest.raises(FileNotFoundError, match="the producer's file"):
            store.put("x", pieces())
        assert list(store.list()) == []


_WRITER = """
import sys, time
from pathlib import Path
from bercail.storage import Location, open_store

def pieces():
    yield b"half"
    print("half", flush=True)
    time.sleep(60)

open_store(Location.folder(Path(sys.argv[1]))).put("x", pieces())
"""


def test_a_killed_writer_leaves_nothing_that_lasts(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"half\n"
        drafts = tmp_path / ".bercail" / "drafts"
        (draft,) = drafts.iterdir()
        old = time.time() - 3600
        os.utime(draft, (old, old))

        living = open_store(Location.folder(tmp_path))
        living.put("y", b"1")
        assert draft.exists(), "a draft whose writer lives is left alone"
        writer.kill()
    after = open_store(Location.folder(tmp_path))
    assert [info.name for info in after.list()] == ["y"]
    after.put("z", b"1")
    assert list(drafts.iterdir()) == []
