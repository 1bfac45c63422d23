"""Questions that every kind of store is asked, through the port alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from bercail.foundation import Missing, Refused, Unproven
from bercail.storage.parts import PART
from bercail.storage.port import ObjectStore
from bercail.storage.probe_questions import HELD, Answer

_LISTED = 20
_RACERS = 4
_RACES = 12
"""Of small writes. Where nothing decides, one race in ten has one winner by luck."""
_WRITERS = 2


def _small_if_absent(store: ObjectStore, name: str) -> Answer:
    return _overwritten(store, name, b"one", b"two")


def _large_if_absent(store: ObjectStore, name: str) -> Answer:
    return _overwritten(store, name, _large(b"1"), _large(b"2"))


def _large(letter: bytes) -> Iterator[bytes]:
    yield letter * PART
    yield letter


def _overwritten(
    store: ObjectStore, name: str, first: bytes | Iterator[bytes], second: bytes | Iterator[bytes]
) -> Answer:
    store.put(name, first)
    try:
        store.put(name, second, if_absent=True)
    except Refused as error:
        return HELD if error.rule == "object-exists" else ("absent", error.message)
    return "ignored", "an existing object was overwritten although the write was conditional"


def _raced(
    body: Callable[[bytes], bytes | Iterator[bytes]], races: int = 1
) -> Callable[[ObjectStore, str], Answer]:
    """Several writers at once, each under the condition that nothing stands there; held when
    one wins in every race."""

    def ask(store: ObjectStore, name: str) -> Answer:
        for race in range(races):
            winners = _winners(store, f"{name}-{race}", body)
            if winners != 1:
                told = f"{winners} of {_RACERS} writers were told that nothing stood there"
                return "ignored", told
        return HELD

    return ask


def _winners(
    store: ObjectStore, name: str, body: Callable[[bytes], bytes | Iterator[bytes]]
) -> int:
    def write(number: int) -> bool:
        try:
            store.put(name, body(f"{number}".encode()), if_absent=True)
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(_RACERS) as pool:
        return sum(pool.map(write, range(_RACERS)))


def _small(letter: bytes) -> bytes:
    return letter


def _pinned_read(store: ObjectStore, name: str) -> Answer:
    old = store.put(name, b"one").etag
    store.put(name, b"two")
    try:
        store.read(name, 0, 3, if_match=old)
    except Unproven:
        return HELD
    return "ignored", "a read of one version was answered with another"


def _exact_names(store: ObjectStore, name: str) -> Answer:
    odd = f"{name}/a b+c%20d é#?"
    store.put(odd, b"x")
    found = [info.name for info in store.list(f"{name}/")]
    return HELD if found == [odd] else ("ignored", "a name came back changed")


def _ranges(store: ObjectStore, name: str) -> Answer:
    store.put(name, b"0123456789")
    if store.read(name, 3, 4) == b"3456":
        return HELD
    return "ignored", "a range was answered with other bytes"


def _list_after_write(store: ObjectStore, name: str) -> Answer:
    names = [f"{name}/{number:03d}" for number in range(_LISTED)]
    for number, each in enumerate(names, start=1):
        store.put(each, b"x")
        if [info.name for info in store.list(f"{name}/")] != names[:number]:
            return "ignored", "an object written a moment ago was not listed, or not in order"
    for number, each in enumerate(names, start=1):
        store.delete(each)
        if [info.name for info in store.list(f"{name}/")] != names[number:]:
            return "ignored", "an object deleted a moment ago was still listed"
    return HELD


def _list_beside_writers(store: ObjectStore, name: str) -> Answer:
    """While others write and delete, what stands all the time is listed each time, once."""
    standing = [f"{name}/{number:02d}-stands" for number in range(_LISTED)]
    for each in standing:
        store.put(each, b"x")

    def come_and_go(writer: int) -> None:
        for number in range(_LISTED):
            passing = f"{name}/{number:02d}-goes-{writer}"
            store.put(passing, b"x")
            store.delete(passing)

    with ThreadPoolExecutor(_WRITERS) as pool:
        writers = [pool.submit(come_and_go, writer) for writer in range(_WRITERS)]
        while not all(writer.done() for writer in writers):
            found = [info.name for info in store.list(f"{name}/")]
            if len(found) != len(set(found)):
                return "ignored", "a listing beside writers gives a name twice"
            if not set(standing) <= set(found):
                return "ignored", "a listing beside writers leaves out what stands all the time"
        for writer in writers:
            writer.result()
    left = [info.name for info in store.list(f"{name}/")]
    return HELD if left == standing else ("ignored", "a listing after writers is not what stands")


def _read_after_overwrite(store: ObjectStore, name: str) -> Answer:
    for number in range(_LISTED):
        body = f"version {number}".encode()
        store.put(name, body)
        if store.get(name) != body:
            return "ignored", "a read after a write gave an older version"
    return HELD


def _overwrite_whole(store: ObjectStore, name: str) -> Answer:
    """A reader beside a writer sees one version or another, or is told; never a mixture."""
    versions = [letter * size for letter, size in ((b"a", 10_000), (b"b", 20), (b"c", 5_000))]
    store.put(name, versions[0])

    def write() -> None:
        for version in versions * 4:
            store.put(name, version)

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        while not writer.done():
            with suppress(Unproven, Missing):
                if store.get(name) not in versions:
                    return "ignored", "a reader saw a mixture of two versions"
        writer.result()
    return HELD


OF_THE_PORT: tuple[tuple[str, Callable[[ObjectStore, str], Answer], bool], ...] = (
    ("conditional-put", _small_if_absent, False),
    ("conditional-multipart", _large_if_absent, False),
    ("conditional-race", _raced(_small, _RACES), False),
    ("conditional-multipart-race", _raced(_large), False),
    ("pinned-read", _pinned_read, False),
    ("ranges", _ranges, True),
    ("exact-names", _exact_names, True),
    ("list-after-write", _list_after_write, True),
    ("list-beside-writers", _list_beside_writers, True),
    ("read-after-overwrite", _read_after_overwrite, True),
    ("overwrite-whole", _overwrite_whole, False),
)
