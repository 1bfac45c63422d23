"""The same commands from every kind of source to every kind of target, on real servers.

Leaving the new host is this test with the sides exchanged (Data Act, articles 23 to 25).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from attrs import evolve

from bercail.foundation import Refused
from bercail.hosting import MigrationService, Side, Versions
from bercail.hosting.migration import obstacles
from bercail.hosting.migration.entry import ObjectState
from bercail.storage import Location, ObjectStore, make_home, open_store
from bercail.testing.azure_shapes import ShapedBlob, azure_shapes
from bercail.testing.chaos_proxy import ChaosProxy, Exchange, Fault
from bercail.testing.moving import MovingWorld, OneContainer, landed
from bercail.testing.servers import RunningServer

Behind = tuple[ObjectStore, ObjectStore, ChaosProxy]
CONTENTS = {
    "empty": b"",
    "données/été 2024 (copie).csv": b"a;b\n1;2\n",
    "plus+space %41%2B": b"+",
    "quote'\"&<>": b"<xml>",
    "emoji/😀.txt": b"smile",
    "deep/" + "/".join("abcdefghij") + "/end": b"end",
    "dots/..hidden/a..b": b"..",
    "large": bytes(range(256)) * 4096 * 5,
}


@pytest.fixture
def stores(
    tmp_path: Path, seaweedfs: RunningServer, azurite: RunningServer
) -> Callable[[str], ObjectStore]:
    """A new place of each kind; on Azure a container, which is the first part of all names."""

    def make(kind: str) -> ObjectStore:
        if kind == "folder":
            location = Location.folder(tmp_path / f"folder-{uuid4().hex[:8]}")
            make_home(location)
            return open_store(location)
        if kind == "s3":
            bucket = seaweedfs.location(f"direction-{uuid4().hex[:12]}")
            make_home(bucket, seaweedfs.credentials)
            return open_store(bucket, seaweedfs.credentials)
        return OneContainer(open_store(azurite.location(), azurite.credentials), "direction")

    return make


def carried(world: MovingWorld, service: MigrationService, home: ObjectStore) -> dict[str, bytes]:
    with service.ground.table() as table:
        rows = list(table.objects.rows(ObjectState.CARRIED))
    target = world.target(home)
    return {
        row.entry.name: b"".join(target.stream(row.entry.name, row.entry.binding_version))
        for row in rows
    }


@pytest.mark.parametrize("home_kind", ["s3", "folder"])
@pytest.mark.parametrize("source_kind", ["azure", "s3", "folder"])
def test_everything_arrives_under_its_own_name(
    stores: Callable[[str], ObjectStore], tmp_path: Path, source_kind: str, home_kind: str
) -> None:
    source, home = stores(source_kind), stores(home_kind)
    root = getattr(source, "root", "")
    expected = {root + name: content for name, content in CONTENTS.items()}
    for name, content in expected.items():
        source.put(name, content, metadata={"owner": "somebody"})
    world = MovingWorld(tmp_path)
    service = world.service(source=source, home=home, threads=3)
    survey = service.survey(details=True)
    assert (survey.objects, survey.bytes) == (
        len(expected),
        sum(len(content) for content in expected.values()),
    )
    plan = service.plan(measure=True)
    assert plan.to_copy.objects == len(expected)
    assert plan.speed is not None
    report = service.copy()
    assert (report.copied.objects, report.failed) == (len(expected), {})
    proof = service.prove()
    assert carried(world, service, home) == expected
    lines = [json.loads(line) for line in proof.manifest.read_text("utf-8").splitlines()]
    assert {line["source"]["metadata"].get("owner") for line in lines} == {"somebody"}
    again = service.survey(twice=True)
    assert again.delta.empty
    assert service.plan().to_copy.objects == 0


@pytest.mark.parametrize(("source_kind", "home_kind"), [("s3", "folder"), ("folder", "s3")])
def test_both_ways_through_the_cut_over_and_back(
    stores: Callable[[str], ObjectStore], tmp_path: Path, source_kind: str, home_kind: str
) -> None:
    source, home = stores(source_kind), stores(home_kind)
    for name, content in CONTENTS.items():
        source.put(name, content)
    world = MovingWorld(tmp_path)

    def desk() -> MigrationService:
        return world.service(source=source, home=home)

    for step in (desk().survey, desk().plan, desk().copy, desk().prove):
        step()
    with pytest.raises(Refused) as told:
        desk().landed()
    assert told.value.rule == "migration-one-canonical"
    source.put("late", b"written after the proof, before the freeze")
    expected = CONTENTS | {"late": b"written after the proof, before the freeze"}
    assert desk().cut_over().state.canonical is Side.TARGET
    assert landed(desk()) == expected
    world.target(home).put("written/here", [b"new"], "1")
    since = desk().roll_back(reason="the line is down")
    assert (since.written, since.changed, since.removed) == (1, 0, 0)
    assert desk().canonical() is Side.SOURCE
    with pytest.raises(Refused):
        desk().landed()
    assert {info.name: source.get(info.name) for info in source.list()} == expected


def test_every_state_of_an_object_becomes_a_sealed_object_of_its_own(tmp_path: Path) -> None:
    blobs = (
        ShapedBlob(name="a", content=b"v1", version="2026-01-01T00:00:00Z", current=False),
        ShapedBlob(name="a", content=b"v2", version="2026-02-01T00:00:00Z"),
        ShapedBlob(name="a", content=b"snap", snapshot="2026-01-15T00:00:00Z", current=False),
        ShapedBlob(name="gone", content=b"g", deleted=True, current=False),
        ShapedBlob(name="dir", metadata={"hdi_isfolder": "true"}),
        ShapedBlob(
            name="disk",
            kind="PageBlob",
            content=b"\0" * 512,
            properties="<LeaseStatus>locked</LeaseStatus><LeaseState>leased</LeaseState>"
            "<LeaseDuration>infinite</LeaseDuration>",
        ),
        ShapedBlob(name="held", content=b"h", properties="<LegalHold>true</LegalHold>"),
    )
    world = MovingWorld(tmp_path)
    with azure_shapes(blobs) as (location, credentials):
        service = world.service(source=open_store(location, credentials))
        survey = service.survey()
        assert {kind: tally.objects for kind, tally in survey.noted.items()} == {
            "container": 1,
            "deleted": 1,
            "directory": 1,
            "snapshot": 1,
            "version": 1,
        }
        plan = service.plan()
        assert plan.left_behind == {obstacles.RUNNING_DISK: 1}
        assert plan.cautions == {obstacles.HELD: 1}
        service.copy()
        assert carried(world, service, world.home) == {"con1/a": b"v2", "con1/held": b"h"}
        service.prove()
        service.cut_over(accept_left_behind=True)
        assert landed(service) == {"con1/a": b"v2", "con1/held": b"h"}
        service.roll_back(reason="former states are wanted too")
        wider = service.survey(versions=Versions.ALL)
        assert (wider.delta.new, wider.delta.changed) == (3, 0)
        assert Counter(service.plan().left_behind.values()) == {1: 2}
        service.copy()
        service.prove()
        assert carried(world, service, world.home) == {
            "con1/a": b"v2",
            "con1/held": b"h",
            ".bercail-past/version/2026-01-01T00%3A00%3A00Z/con1/a": b"v1",
            ".bercail-past/snapshot/2026-01-15T00%3A00%3A00Z/con1/a": b"snap",
        }
        assert service.survey().delta.empty
        for step in (service.plan, service.copy, service.prove):
            step()
        service.cut_over(accept_left_behind=True)
        assert landed(service) == carried(world, service, world.home)


def lying(through: str) -> Callable[[Exchange], Fault]:
    """Faults for the listings of a source; everything else passes."""
    faults = {
        "repeats": Fault(repeat_entry=True),
        "loses": Fault(lose_entry=True),
        "ages": Fault(stale_list=True),
    }
    return lambda exchange: faults[through] if "list-type" in exchange.target else Fault()


@pytest.fixture
def behind_a_proxy(
    seaweedfs: RunningServer,
) -> Iterator[tuple[ObjectStore, ObjectStore, ChaosProxy]]:
    """A bucket, the same through a proxy, and the proxy."""
    bucket = seaweedfs.location(f"lying-{uuid4().hex[:12]}")
    make_home(bucket, seaweedfs.credentials)
    with ChaosProxy(seaweedfs.endpoint, lambda _: Fault()) as proxy:
        through = open_store(evolve(bucket, endpoint=proxy.endpoint), seaweedfs.credentials)
        yield open_store(bucket, seaweedfs.credentials), through, proxy


def test_a_listing_that_repeats_an_entry(behind_a_proxy: Behind, tmp_path: Path) -> None:
    store, through, proxy = behind_a_proxy
    for name in "abc":
        store.put(name, name.encode())
    proxy.choose = lying("repeats")
    world = MovingWorld(tmp_path)
    service = world.service(source=through)
    survey = service.survey()
    assert (survey.objects, survey.repeated) == (3, 1)
    service.plan()
    assert service.copy().copied.objects == 3


def test_a_listing_that_loses_an_entry_is_caught_by_another_and_by_asking(
    behind_a_proxy: Behind, tmp_path: Path
) -> None:
    store, through, proxy = behind_a_proxy
    for name in "abc":
        store.put(name, name.encode())
    world = MovingWorld(tmp_path)
    service = world.service(source=through)
    loses = lying("loses")
    # Only the first listing of the two, whose pages are of a thousand, loses an entry.
    proxy.choose = lambda seen: loses(seen) if "max-keys=1000" in seen.target else Fault()
    survey = service.survey(twice=True)
    assert (survey.objects, survey.delta.unsteady) == (3, 1)
    service.plan()
    service.copy()
    # Now every listing loses it: what an earlier survey had is asked for by name.
    proxy.choose = loses
    later = service.survey()
    assert (later.objects, later.delta.hidden, later.delta.gone) == (3, 1, 0)


def test_a_listing_that_is_old_does_not_carry_the_old_state(
    behind_a_proxy: Behind, tmp_path: Path
) -> None:
    store, through, proxy = behind_a_proxy
    for name in "abc":
        store.put(name, b"old " + name.encode())
    world = MovingWorld(tmp_path)
    service = world.service(source=through)
    proxy.choose = lying("ages")
    service.survey()
    store.put("b", b"new, and longer")
    stale = service.survey()
    service.plan()
    service.copy()
    assert carried(world, service, world.home)["b"] == b"new, and longer"
    assert stale.delta.empty
    service.prove()
