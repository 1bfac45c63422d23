"""What a host really does, asked by doing it.

Hosts that call themselves S3-compatible ignore some demands in silence: a
condition is not looked at, a checksum not compared. The loss then shows months
later. So before data go to a host the probe makes demands that must be refused,
under a scratch prefix that it empties afterwards, and looks whether they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from secrets import token_hex

from attrs import frozen

from bercail.foundation import BercailError, Clock, Missing, Refused, SystemClock, Unproven, to_iso
from bercail.storage.parts import PART
from bercail.storage.port import ObjectStore
from bercail.storage.probe_report import ProbeReport, Trait, Verdict

_LISTED = 20
_RACERS = 4
_SLOWEST_SECONDS = 30.0

Answer = tuple[Verdict, str]
HELD: Answer = ("held", "as promised")


@frozen(kw_only=True)
class Question:
    """One thing to ask: `ask` may use names that start with the one it is given."""

    name: str
    ask: Callable[[str], Answer]
    needed: bool = False


def probe(
    store: ObjectStore, folder: str = "bercail-probe", *, clock: Clock | None = None
) -> ProbeReport:
    """Ask `store`, the bare adapter, under names below `folder`, which are deleted afterwards.

    1. It must be writable at all.
    2. What every kind of store promises is asked through the port.
    3. An S3 host is asked about its protocol as well.
    4. The slowest answer is told; whatever is left under the prefix is deleted.

    About 250 MB are written, since large objects travel another way than small ones.

    Raises:
        Unavailable, Refused: when the store cannot be written to at all.
    """
    root = f"{folder}/{token_hex(8)}"
    store.put(f"{root}/first", b"first")
    store.delete(f"{root}/first")
    questions, identity = _questions(store)
    traits, slowest = [], 0.0
    try:
        for question in questions:
            began = time.monotonic()
            traits.append(_asked(question, f"{root}/{question.name}"))
            slowest = max(slowest, time.monotonic() - began)
            _emptied(store, f"{root}/{question.name}")
    finally:
        _emptied(store, root)
    traits.append(_in_time(slowest))
    return ProbeReport(
        location=str(store.location),
        at=to_iso((clock or SystemClock()).now()),
        identity={"kind": store.location.scheme, **identity},
        traits=tuple(traits),
    )


def _questions(store: ObjectStore) -> tuple[list[Question], Mapping[str, str]]:
    asked = [
        Question(name=name, ask=_through(store, ask), needed=needed)
        for name, ask, needed in _OF_THE_PORT
    ]
    if store.location.scheme != "s3":
        return asked, {}
    # The vendor's client is loaded for S3 only.
    from bercail.storage.s3 import S3Store
    from bercail.storage.s3_probe import S3Questions

    if not isinstance(store, S3Store):
        return asked, {}
    protocol = S3Questions(store)
    return [*asked, *protocol.questions()], protocol.identity()


def _through(store: ObjectStore, ask: Callable[[ObjectStore, str], Answer]) -> _Ask:
    return lambda name: ask(store, name)


_Ask = Callable[[str], Answer]


def _asked(question: Question, name: str) -> Trait:
    try:
        verdict, told = question.ask(name)
    except BercailError as error:
        # Refused openly: nobody will take it for done.
        verdict, told = "absent", f"{error.family}: {error.message}"
    return Trait(name=question.name, verdict=verdict, told=told, needed=question.needed)


def _emptied(store: ObjectStore, prefix: str) -> None:
    for info in list(store.list(prefix)):
        store.delete(info.name)


def _in_time(slowest: float) -> Trait:
    told = f"the slowest question took {slowest:.1f} seconds"
    return Trait(
        name="answers-in-time",
        verdict="held" if slowest < _SLOWEST_SECONDS else "absent",
        told=told,
        needed=True,
    )


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
    body: Callable[[bytes], bytes | Iterator[bytes]],
) -> Callable[[ObjectStore, str], Answer]:
    """Several writers at once, each under the condition that nothing stands there."""

    def ask(store: ObjectStore, name: str) -> Answer:
        def write(number: int) -> bool:
            try:
                store.put(name, body(f"{number}".encode()), if_absent=True)
            except Refused:
                return False
            return True

        with ThreadPoolExecutor(_RACERS) as pool:
            winners = sum(pool.map(write, range(_RACERS)))
        if winners == 1:
            return HELD
        return "ignored", f"{winners} of {_RACERS} writers were told that nothing stood there"

    return ask


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


_OF_THE_PORT: tuple[tuple[str, Callable[[ObjectStore, str], Answer], bool], ...] = (
    ("conditional-put", _small_if_absent, False),
    ("conditional-multipart", _large_if_absent, False),
    ("conditional-race", _raced(_small), False),
    ("conditional-multipart-race", _raced(_large), False),
    ("pinned-read", _pinned_read, False),
    ("ranges", _ranges, True),
    ("exact-names", _exact_names, True),
    ("list-after-write", _list_after_write, True),
    ("read-after-overwrite", _read_after_overwrite, True),
    ("overwrite-whole", _overwrite_whole, False),
)
