"""Listings as values, and the probe that distrusts a host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from uuid import uuid4

import pytest

from bercail.foundation import Invalid, Refused, Secret, Unavailable
from bercail.storage import (
    Credentials,
    Location,
    ObjectInfo,
    ObjectStore,
    ProbeReport,
    Trait,
    keep_probe,
    kept_probe,
    listing,
    open_store,
    probe,
    require_fit_for_home,
)
from bercail.storage.memory import MemoryStore
from bercail.storage.probe_report import Verdict


@pytest.fixture
def store() -> ObjectStore:
    return open_store(Location.parse(f"memory:{uuid4().hex}"))


def test_a_listing_counts_and_adds_up(store: ObjectStore) -> None:
    store.put("b", b"12345")
    store.put("a", b"1234567890")
    found = listing(store)
    assert (len(found.objects), found.bytes) == (2, 15)
    assert found.lines()[:2] == ["10  a", " 5  b"]
    assert found.as_dict()["count"] == 2
    assert listing(store, "zz").lines() == [f"0 objects, 0 bytes in {store.location}"]


def test_a_sound_host_passes_and_is_left_clean(store: ObjectStore) -> None:
    store.put("already/here", b"x")
    report = probe(store)
    assert report.sound
    assert [info.name for info in store.list()] == ["already/here"]


class IgnoresConditions(MemoryStore):
    """A host that takes a conditional write for any other, as several do."""

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        return super().put(name, data, metadata=metadata)


class DecidesByLuck(MemoryStore):
    """A host that lets one writer win most races, and sometimes two."""

    taken = 0

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        try:
            return super().put(name, data, if_absent=if_absent, metadata=metadata)
        except Refused:
            self.taken += 1
            # Three lose each race: the fifth race has a second winner.
            if self.taken != 15:
                raise
            return super().put(name, data, metadata=metadata)


class IgnoresVersions(MemoryStore):
    """A host that answers a pinned read with whatever it has."""

    def read(self, name: str, offset: int, length: int, *, if_match: str | None = None) -> bytes:
        return super().read(name, offset, length)


class IgnoresRanges(MemoryStore):
    """A host that sends the object from its start."""

    def read(self, name: str, offset: int, length: int, *, if_match: str | None = None) -> bytes:
        return super().read(name, 0, length, if_match=if_match)


class ReadsNothing(MemoryStore):
    """A host that takes objects and gives none back."""

    def read(self, name: str, offset: int, length: int, *, if_match: str | None = None) -> bytes:
        raise Unavailable("gone", remedy="wait")


class ForgetsInListings(MemoryStore):
    """A host whose listings come late."""

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        yield from list(super().list(prefix))[:-1]


@pytest.mark.parametrize(
    ("kind", "traits"),
    [
        (
            IgnoresConditions,
            {
                "conditional-put",
                "conditional-multipart",
                "conditional-race",
                "conditional-multipart-race",
            },
        ),
        (DecidesByLuck, {"conditional-race"}),
        (IgnoresVersions, {"pinned-read"}),
        (IgnoresRanges, {"ranges"}),
        (ReadsNothing, {"ranges", "pinned-read"}),
        (ForgetsInListings, {"list-after-write", "list-beside-writers", "exact-names"}),
    ],
)
def test_a_host_that_ignores_a_demand_is_found_out(
    kind: type[MemoryStore], traits: set[str]
) -> None:
    report = probe(kind(Location.parse(f"memory:{uuid4().hex}")))
    assert {trait.name for trait in report.traits if not trait.held} == traits
    needed = {trait.name for trait in report.traits if trait.needed}
    assert report.sound is not bool(traits & needed)
    assert report.as_dict()["sound"] is report.sound


class TestJudging:
    def test_what_is_ignored_is_not_relied_on(self) -> None:
        declared = MemoryStore.features
        ignores = probe(IgnoresConditions(Location.parse(f"memory:{uuid4().hex}")))
        assert declared.conditional_put
        features = ignores.features(declared)
        assert not features.conditional_put
        assert not features.conditional_multipart
        require_fit_for_home(ignores)

    def test_a_home_needs_one_checksum_that_is_compared(self) -> None:
        def report(crc: Verdict, signature: Verdict) -> ProbeReport:
            traits = (("wrong-crc64nvme", crc), ("wrong-payload-hash", signature))
            return ProbeReport(
                location="s3://b?endpoint=http://127.0.0.1:1",
                traits=tuple(Trait(name=n, verdict=v, told="so") for n, v in traits),
            )

        require_fit_for_home(report("held", "ignored"))
        require_fit_for_home(report("absent", "held"))
        with pytest.raises(Refused) as refusal:
            require_fit_for_home(report("ignored", "ignored"))
        assert refusal.value.rule == "store-unfit"
        assert "wrong-payload-hash" in refusal.value.message

    def test_a_store_is_opened_with_what_the_probe_saw(self) -> None:
        location = Location.parse("s3://b?endpoint=http://127.0.0.1:1")
        credentials = Credentials(access_key="k", secret=Secret(b"s"))
        old_host = ProbeReport(
            location=str(location),
            traits=(
                Trait(name="conditional-put", verdict="ignored", told=""),
                Trait(name="wrong-crc64nvme", verdict="ignored", told=""),
                Trait(name="wrong-payload-hash", verdict="held", told=""),
            ),
        )
        store = open_store(location, credentials, probed=old_host)
        assert not store.features.conditional_put
        assert store.features.server_checksums
        assert store.location.options["checksum"] == "signature"
        assert open_store(location, credentials).features.conditional_put
        elsewhere = Location.parse("s3://b?endpoint=http://127.0.0.1:2")
        with pytest.raises(Invalid):
            open_store(elsewhere, credentials, probed=old_host)

    def test_the_result_is_kept_and_read_again(self, store: ObjectStore) -> None:
        assert kept_probe(store) is None
        report = probe(store)
        keep_probe(store, report)
        assert kept_probe(store) == report
        for content in (b"{", b"[]", b'{"format":"other"}', bytes(2 << 20)):
            store.put("bercail-probe/result.json", content)
            with pytest.raises(Invalid):
                kept_probe(store)
