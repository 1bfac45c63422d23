"""What `Checked` refuses, and how `Limited` keeps its pace."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from uuid import uuid4

import pytest

from bercail.foundation import Invalid, Unavailable, Unproven
from bercail.storage import (
    Checked,
    Limit,
    Limited,
    Location,
    ObjectInfo,
    ProbeReport,
    Retrying,
    Trait,
    open_store,
)
from bercail.storage.memory import MemoryStore


def place() -> Location:
    return Location.parse(f"memory:{uuid4().hex}")


class FlipsOnWrite(MemoryStore):
    """A host that keeps other bytes than those it was sent."""

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        content = data if isinstance(data, bytes) else b"".join(data)
        changed = content[:-1] + bytes([content[-1] ^ 1])
        return super().put(name, changed, if_absent=if_absent, metadata=metadata)


class LosesTheEnd(MemoryStore):
    """A host that keeps less than it was sent."""

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        content = data if isinstance(data, bytes) else b"".join(data)
        return super().put(name, content[:-1], if_absent=if_absent, metadata=metadata)


class TellsAnother(MemoryStore):
    """A host that tells a checksum, which is not that of what was sent."""

    def checksum(self, name: str) -> bytes | None:
        return bytes(8)


class FailsOnce(MemoryStore):
    """A host that takes the data, and fails, the first time."""

    failed = False

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        content = data if isinstance(data, bytes) else b"".join(data)
        if not self.failed:
            self.failed = True
            raise Unavailable("away", remedy="wait")
        return super().put(name, content, if_absent=if_absent, metadata=metadata)


@pytest.mark.parametrize("kind", [FlipsOnWrite, LosesTheEnd])
@pytest.mark.parametrize("data", [b"12345", [b"12", b"345"], iter([b"12345"])])
def test_what_is_there_is_not_what_was_sent(
    kind: type[MemoryStore], data: bytes | Iterable[bytes]
) -> None:
    data = iter([b"12345"]) if isinstance(data, Iterator) else data
    with pytest.raises(Unproven) as refusal:
        Checked(kind(place())).put("x", data)
    assert refusal.value.rule == "fixity"
    assert "12345" not in refusal.value.message


def test_the_host_is_asked_only_when_a_probe_showed_that_it_can_be_believed() -> None:
    store = TellsAnother(place())
    Checked(store).put("x", b"12345")
    held = tuple(
        Trait(name=name, verdict="held", told="") for name in ("wrong-crc64nvme", "checksum-told")
    )
    believed = ProbeReport(location=str(store.location), traits=held)
    with pytest.raises(Unproven):
        Checked(store, probed=believed).put("x", b"12345")
    half = ProbeReport(location=str(store.location), traits=held[1:])
    Checked(store, probed=half).put("x", b"12345")


@pytest.mark.parametrize("wrap", [Checked, lambda store: Limited(store, Limit(None))])
def test_a_retry_below_starts_the_data_anew(wrap: type[Checked]) -> None:
    for data, repeated in (([b"12", b"345"], True), (iter([b"12345"]), False)):
        inner = FailsOnce(place())
        store = wrap(Retrying(inner, sleep=lambda _: None))
        if repeated:
            assert store.put("x", data).size == 5
            assert store.get("x") == b"12345"
        else:
            with pytest.raises(Unavailable):
                store.put("x", data)


def timed(act: object) -> float:
    began = time.monotonic()
    assert callable(act)
    act()
    return time.monotonic() - began


class TestLimit:
    def test_bytes_pass_at_the_pace_both_ways(self) -> None:
        store = Limited(open_store(place()), Limit(1_000_000))
        pieces = [bytes(50_000)] * 8
        took = timed(lambda: store.put("x", pieces))
        assert took >= 0.2
        assert timed(lambda: list(store.stream("x", chunk=50_000))) >= 0.2
        assert store.get("x") == b"".join(pieces)

    def test_threads_share_it(self) -> None:
        limit = Limit(1_000_000)
        stores = [Limited(open_store(place()), limit) for _ in range(4)]

        def work(store: Limited) -> None:
            store.put("x", [bytes(25_000)] * 4)

        def all_of_them() -> None:
            threads = [threading.Thread(target=work, args=(store,)) for store in stores]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        assert timed(all_of_them) >= 0.2

    def test_it_changes_while_somebody_waits(self) -> None:
        limit = Limit(10)
        store = Limited(open_store(place()), limit)
        threading.Timer(0.2, limit.change, (None,)).start()
        # At 10 bytes a second this would take days.
        took = timed(lambda: store.put("x", [bytes(1 << 20)] * 8))
        assert 0.15 <= took < 10
        assert limit.bytes_per_second is None

    def test_a_limit_of_nothing_is_none(self) -> None:
        for rate in (0, -1):
            with pytest.raises(Invalid):
                Limit(rate)
            with pytest.raises(Invalid):
                Limit(None).change(rate)
