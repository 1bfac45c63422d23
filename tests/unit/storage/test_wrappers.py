"""Wrappers: what is retried, what is refused, what is counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from bercail.foundation import Refused, SeededRandomness, Unavailable, Unproven
from bercail.storage import (
    Location,
    Metered,
    ObjectInfo,
    ObjectStore,
    ReadOnly,
    Retrying,
    open_store,
)


class Flaky:
    """A store whose calls fail as told: the first `failures` of them."""

    def __init__(self, failures: int, error: Exception) -> None:
        self._inner = open_store(Location.parse(f"memory:{uuid4().hex}"))
        self.location, self.features = self._inner.location, self._inner.features
        self.failures, self.error, self.calls = 0, error, 0
        self._inner.put("x", b"0123456789")
        self._inner.put("y", b"1")
        self.failures = failures

    def _try(self) -> None:
        self.calls += 1
        if self.failures:
            self.failures -= 1
            raise self.error

    def put(self, name: str, data: Any, **options: Any) -> ObjectInfo:
        self._try()
        return self._inner.put(name, data, **options)

    def get(self, name: str) -> bytes:
        self._try()
        return self._inner.get(name)

    def read(self, name: str, offset: int, length: int, *, if_match: str | None = None) -> bytes:
        self._try()
        return self._inner.read(name, offset, length, if_match=if_match)

    def stream(self, name: str, *, if_match: str | None = None, chunk: int = 4) -> Iterator[bytes]:
        for piece in self._inner.stream(name, if_match=if_match, chunk=chunk):
            yield piece
            self._try()

    def head(self, name: str) -> ObjectInfo:
        return self._inner.head(name)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        for info in self._inner.list(prefix):
            yield info
            self._try()

    def delete(self, name: str) -> None:
        self._try()
        self._inner.delete(name)


def away() -> Unavailable:
    return Unavailable("away", remedy="wait")


def retrying(store: Flaky, waits: list[float], *, attempts: int = 4, budget: float = 9) -> Retrying:
    return Retrying(
        store,
        attempts=attempts,
        budget=budget,
        sleep=waits.append,
        randomness=SeededRandomness(7),
    )


class TestRetrying:
    def test_it_tries_again_with_growing_waits(self) -> None:
        waits: list[float] = []
        flaky = Flaky(3, away())
        assert retrying(flaky, waits).get("x") == b"0123456789"
        assert flaky.calls == 4
        assert len(waits) == 3
        for number, wait in enumerate(waits, start=1):
            assert 0.05 * 2**number <= wait <= 0.15 * 2**number

    def test_it_gives_up_after_its_attempts(self) -> None:
        flaky = Flaky(99, away())
        with pytest.raises(Unavailable, match="away"):
            retrying(flaky, []).delete("x")
        assert flaky.calls == 4

    def test_it_gives_up_when_the_wait_would_be_too_long(self) -> None:
        waits: list[float] = []
        with pytest.raises(Unavailable):
            retrying(Flaky(99, away()), waits, attempts=50, budget=1.0).get("x")
        assert sum(waits) <= 1.0

    @pytest.mark.parametrize("error", [Unproven("broken"), Refused("no")])
    def test_only_unavailable_is_tried_again(self, error: Exception) -> None:
        flaky = Flaky(1, error)
        with pytest.raises(type(error)):
            retrying(flaky, []).read("x", 0, 1)
        assert flaky.calls == 1

    def test_a_stream_goes_on_where_it_broke(self) -> None:
        flaky = Flaky(2, away())
        pieces = list(retrying(flaky, []).stream("x", chunk=3))
        assert b"".join(pieces) == b"0123456789"

    def test_without_attempts_a_stream_breaks(self) -> None:
        with pytest.raises(Unavailable):
            list(retrying(Flaky(1, away()), [], attempts=1).stream("x", chunk=3))

    def test_a_listing_starts_over_without_repeating(self) -> None:
        names = [info.name for info in retrying(Flaky(2, away()), []).list()]
        assert names == ["x", "y"]

    def test_writes_are_repeated_only_when_that_is_safe(self) -> None:
        for data, absent, expected in (
            (b"a", False, 2),
            ([b"a", b"b"], False, 2),
            (b"a", True, 1),
            (iter([b"a"]), False, 1),
        ):
            flaky = Flaky(1, away())
            store = retrying(flaky, [])
            if expected == 1:
                with pytest.raises(Unavailable):
                    store.put("new", data, if_absent=absent)
            else:
                store.put("new", data, if_absent=absent)
            assert flaky.calls == expected


class TestReadOnly:
    def test_it_reads_and_never_writes(self) -> None:
        inner = open_store(Location.parse(f"memory:{uuid4().hex}"))
        inner.put("x", b"123")
        store: ObjectStore = ReadOnly(inner)
        assert store.get("x") == b"123"
        assert store.read("x", 1, 1) == b"2"
        assert list(store.stream("x")) == [b"123"]
        assert store.head("x") == next(iter(store.list()))
        for act in (lambda: store.put("y", b"1"), lambda: store.delete("x")):
            with pytest.raises(Refused) as refusal:
                act()
            assert refusal.value.rule == "read-only-store"
        assert [info.name for info in inner.list()] == ["x"]


class TestMetered:
    def test_it_counts_calls_and_bytes(self) -> None:
        store = Metered(open_store(Location.parse(f"memory:{uuid4().hex}")))
        store.put("x", [b"123", b"45"])
        store.get("x")
        store.read("x", 0, 2)
        assert list(store.stream("x", chunk=4)) == [b"1234", b"5"]
        store.head("x")
        list(store.list())
        store.delete("x")
        traffic = store.traffic
        assert (traffic.bytes_in, traffic.bytes_out) == (5, 12)
        assert traffic.calls == dict.fromkeys(
            ("put", "get", "read", "stream", "head", "list", "delete"), 1
        )
