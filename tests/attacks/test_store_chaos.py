"""A road that cuts, delays, repeats and corrupts: nothing wrong is accepted in silence.

Every test goes through the proxy of `bercail.testing.chaos_proxy` to a real server. What is
written is read back by another road, straight from the server.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
from attrs import evolve

from bercail.foundation import BercailError, Missing, Refused, SeededRandomness, Unavailable
from bercail.storage import (
    Checked,
    Location,
    ObjectStore,
    Retrying,
    azure_control,
    open_store,
    probe,
    retrying_pool,
    s3_control,
    transport,
    wire,
)
from bercail.testing.chaos_proxy import NO_FAULT, ChaosProxy, Exchange, Fault
from bercail.testing.servers import RunningServer

LARGE = bytes(range(256)) * 4 * 1024 * 17  # 17 MiB: two parts
SMALL = b"the bytes that were meant" * 40


class Road:
    """A store reached through the proxy, and the same one reached straight."""

    def __init__(self, proxy: ChaosProxy, far: ObjectStore, straight: ObjectStore, root: str):
        self.proxy, self.far, self.straight, self.root = proxy, far, straight, root

    @property
    def patient(self) -> Retrying:
        return Retrying(self.far, attempts=8, sleep=lambda _: None, randomness=SeededRandomness(3))

    def spoil(self, choose: Callable[[Exchange], Fault]) -> None:
        self.proxy.choose = choose

    def once(self, fault: Fault, when: Callable[[Exchange], bool]) -> None:
        """The fault strikes the first exchange of a kind, and no other."""
        struck: list[int] = []

        def choose(exchange: Exchange) -> Fault:
            if struck or not when(exchange):
                return NO_FAULT
            struck.append(exchange.number)
            return fault

        self.spoil(choose)


def reading(exchange: Exchange) -> bool:
    return exchange.method == "GET" and "list-type" not in exchange.target


def writing(exchange: Exchange) -> bool:
    return exchange.method == "PUT" and len(exchange.body) > 0


def listing(exchange: Exchange) -> bool:
    return "list-type" in exchange.target


@pytest.fixture(params=["s3", "s3-signed", "azure"])
def road(request: pytest.FixtureRequest) -> Iterator[Road]:
    if request.param == "azure":
        server: RunningServer = request.getfixturevalue("azurite")
        location: Location = server.location()
        root = request.getfixturevalue("azure_root")
    else:
        server = request.getfixturevalue("seaweedfs")
        location, root = request.getfixturevalue("s3_location"), ""
        if request.param == "s3-signed":
            location = evolve(location, options={"checksum": "signature"})
    assert location.endpoint is not None
    with ChaosProxy(location.endpoint, lambda _: NO_FAULT) as proxy:
        far = open_store(evolve(location, endpoint=proxy.endpoint), server.credentials)
        yield Road(proxy, far, open_store(location, server.credentials), root)


@pytest.fixture
def s3_road(seaweedfs: RunningServer, s3_location: Location) -> Iterator[Road]:
    assert s3_location.endpoint is not None
    with ChaosProxy(s3_location.endpoint, lambda _: NO_FAULT) as proxy:
        far = open_store(evolve(s3_location, endpoint=proxy.endpoint), seaweedfs.credentials)
        yield Road(proxy, far, open_store(s3_location, seaweedfs.credentials), "")


def test_a_road_without_fault_changes_nothing(road: Road) -> None:
    name = f"{road.root}a b/é"
    road.far.put(name, iter([LARGE]))
    assert road.straight.get(name) == road.far.get(name) == LARGE
    assert [info.name for info in road.far.list(f"{road.root}a b/")] == [name]
    assert len(road.proxy.seen) > 3


@pytest.mark.parametrize(
    "fault",
    [
        Fault(drop_answer=True),
        Fault(reset=True),
        Fault(slow_down=0),
        Fault(cut_after=10),
        Fault(cut_after=10, reset=True),
        Fault(delay=0.2),
    ],
    ids=["dropped", "reset", "slow-down", "cut", "cut-reset", "delayed"],
)
def test_a_broken_answer_is_asked_for_again(road: Road, fault: Fault) -> None:
    road.straight.put(f"{road.root}x", SMALL)
    road.once(fault, reading)
    assert road.patient.get(f"{road.root}x") == SMALL
    road.once(fault, writing)
    road.patient.put(f"{road.root}y", SMALL)
    assert road.straight.get(f"{road.root}y") == SMALL
    names = [f"{road.root}{letter}" for letter in "xy"]
    road.once(fault, lambda exchange: "list" in exchange.target)
    assert [info.name for info in road.patient.list(road.root)] == names


def test_a_host_that_is_always_too_busy_is_told_as_such(road: Road) -> None:
    road.spoil(lambda _: Fault(slow_down=1))
    impatient = Retrying(road.far, attempts=2, sleep=lambda _: None)
    with pytest.raises(Unavailable) as refusal:
        impatient.read(f"{road.root}x", 0, 1)
    assert refusal.value.remedy
    assert "503" in refusal.value.message


def test_a_lost_answer_to_a_conditional_write_is_not_repeated_as_a_second_write(
    s3_road: Road,
) -> None:
    """The write was done and nobody heard: at worst it is told as existing, and is whole."""
    s3_road.once(Fault(drop_answer=True), writing)
    with suppress(Refused, Unavailable):
        s3_road.patient.put("once", SMALL, if_absent=True)
    assert s3_road.straight.get("once") == SMALL
    assert [info.name for info in s3_road.straight.list()] == ["once"]


@pytest.mark.parametrize("at", [0, 3, 999, -1])
def test_a_bit_turned_on_the_way_out_is_refused_by_the_host(s3_road: Road, at: int) -> None:
    s3_road.spoil(lambda exchange: Fault(flip_up=at) if writing(exchange) else NO_FAULT)
    for data in (SMALL, [LARGE]):
        for options in ({}, {"if_absent": True}):
            with pytest.raises(BercailError):
                s3_road.patient.put("x", data, **options)
    assert list(s3_road.straight.list()) == []


def test_a_bit_turned_on_the_way_out_is_found_by_reading_back(road: Road) -> None:
    """Where the host compares nothing (Azure here, SeaweedFS with signed bodies)."""
    road.once(Fault(flip_up=7), writing)
    accepted = False
    with suppress(BercailError):
        Checked(road.far).put(f"{road.root}x", SMALL)
        accepted = True
    held = [road.straight.get(info.name) for info in road.straight.list(f"{road.root}x")]
    assert held == [SMALL] if accepted else held != [SMALL]


@pytest.mark.parametrize("flip", [0, 5000, -1])
def test_a_bit_turned_on_the_way_back_is_found_by_the_check_of_a_write(
    road: Road, flip: int
) -> None:
    road.spoil(lambda exchange: Fault(flip_down=flip) if reading(exchange) else NO_FAULT)
    with pytest.raises(BercailError):
        Checked(road.far).put(f"{road.root}x", SMALL)


def test_a_stream_cut_again_and_again_arrives_whole(road: Road) -> None:
    road.straight.put(f"{road.root}x", iter([LARGE]))
    draw = random.Random(11)
    road.spoil(
        lambda e: (
            Fault(cut_after=draw.randrange(100_000))
            if reading(e) and draw.random() < 0.5
            else NO_FAULT
        )
    )
    assert b"".join(road.patient.stream(f"{road.root}x", chunk=1 << 20)) == LARGE


@pytest.mark.parametrize("length", [1, 5_000])
def test_a_write_cut_on_the_way_out_leaves_nothing_half(road: Road, length: int) -> None:
    """Part of a body reaches the server, then the connection ends, each time anew."""
    cut = Fault(cut_up=length, reset=length == 1)
    road.spoil(lambda exchange: cut if writing(exchange) else NO_FAULT)
    name = f"{road.root}cut/x"
    for data in (SMALL * 10, [LARGE]):
        with pytest.raises(Unavailable):
            Retrying(road.far, attempts=2, sleep=lambda _: None).put(name, data)
        with pytest.raises(Missing):
            road.straight.head(name)
    road.straight.put(f"{road.root}other", b"")
    assert list(road.straight.list(f"{road.root}cut/")) == []


def test_a_write_of_which_nothing_arrives_leaves_at_most_an_empty_object(road: Road) -> None:
    """SeaweedFS takes a body that never came for an empty one, where no checksum is sent."""
    road.spoil(lambda exchange: Fault(cut_up=0) if writing(exchange) else NO_FAULT)
    name = f"{road.root}x"
    road.straight.put(f"{road.root}other", b"")
    with pytest.raises(Unavailable):
        Retrying(road.far, attempts=2, sleep=lambda _: None).put(name, SMALL)
    left = [(info.name, info.size) for info in road.straight.list(name)]
    signed = road.far.location.options.get("checksum") == "signature"
    assert left == ([(name, 0)] if signed else [])


def test_a_write_cut_once_is_sent_again_whole(road: Road) -> None:
    name = f"{road.root}x"
    for data in (SMALL, [LARGE]):
        road.once(Fault(cut_up=100), writing)
        road.patient.put(name, data)
        assert road.straight.get(name) == (SMALL if data is SMALL else LARGE)


@pytest.mark.parametrize("delay", [0.05, 0.3])
def test_a_slow_road_changes_nothing(road: Road, delay: float) -> None:
    road.spoil(lambda _: Fault(delay=delay))
    name = f"{road.root}slow"
    road.far.put(name, [LARGE])
    assert road.far.get(name) == road.straight.get(name) == LARGE


@pytest.mark.parametrize(
    ("code", "family", "rule", "word"),
    [
        ((507, "InsufficientStorage"), Unavailable, None, "no room"),
        ((400, "QuotaExceeded"), Unavailable, None, "no room"),
        ((503, "SlowDown"), Unavailable, None, "503"),
        ((403, "RequestTimeTooSkewed"), Refused, "store-clock", "clock"),
        ((403, "AccessDenied"), Refused, "store-credentials", "credentials"),
    ],
)
def test_what_a_host_says_is_told_by_its_meaning(
    road: Road, code: tuple[int, str], family: type[BercailError], rule: str | None, word: str
) -> None:
    road.straight.put(f"{road.root}there", b"1")
    road.spoil(lambda _: Fault(refusal=code))
    for act in (
        lambda: road.far.put(f"{road.root}x", SMALL),
        lambda: road.far.put(f"{road.root}x", [LARGE]),
        lambda: road.far.read(f"{road.root}there", 0, 1),
        lambda: list(road.far.list(road.root)),
    ):
        with pytest.raises(family) as refusal:
            act()
        assert word in refusal.value.message
        assert road.straight.location.name in refusal.value.message
        assert getattr(refusal.value, "rule", None) == rule
        assert refusal.value.remedy
    assert [info.name for info in road.straight.list(road.root)] == [f"{road.root}there"]


def test_a_host_that_never_answers_is_told_before_the_deadline(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full server may hang instead of failing: silence is an answer, and soon."""
    for module in (transport, s3_control, azure_control, retrying_pool, wire):
        monkeypatch.setattr(module, "SILENCE_SECONDS", 1)
    for module in (transport, s3_control, azure_control, retrying_pool):
        monkeypatch.setattr(module, "ATTEMPTS_AGAIN", 0)
    for fixture in ("seaweedfs", "azurite"):
        server: RunningServer = request.getfixturevalue(fixture)
        location = server.location("bercail-tests")
        straight = open_store(location, server.credentials)
        straight.put("hangs/there", b"1")
        assert location.endpoint is not None
        with ChaosProxy(location.endpoint, lambda _: Fault(silent=True)) as proxy:
            far = open_store(evolve(location, endpoint=proxy.endpoint), server.credentials)
            for act in (
                lambda far=far: far.put("hangs/x", SMALL),
                lambda far=far: far.put("hangs/x", [LARGE]),
                lambda far=far: far.put("hangs/x", [LARGE], if_absent=True),
                lambda far=far: far.read("hangs/there", 0, 1),
                lambda far=far: list(far.list("hangs/")),
            ):
                began = time.monotonic()
                with pytest.raises(Unavailable) as refusal:
                    act()
                # Sixty times the silence: a busy machine passes, a client that waits on does not.
                assert time.monotonic() - began < 60
                assert location.name in refusal.value.message
        assert [info.name for info in straight.list("hangs/")] == ["hangs/there"]
        straight.delete("hangs/there")


class TestListings:
    """Listings that lie: what is repeated is given once, what is stale is told by a probe."""

    def filled(self, road: Road) -> list[str]:
        names = [f"list/{number}" for number in range(5)]
        for name in names:
            road.straight.put(name, b"x")
        return names

    def test_a_repeated_entry_comes_once(self, s3_road: Road) -> None:
        names = self.filled(s3_road)
        s3_road.spoil(lambda e: Fault(repeat_entry=True) if listing(e) else NO_FAULT)
        assert [info.name for info in s3_road.patient.list("list/")] == names

    @pytest.mark.parametrize("fault", [Fault(lose_entry=True), Fault(stale_list=True)])
    def test_the_probe_finds_out_a_host_that_forgets(self, s3_road: Road, fault: Fault) -> None:
        s3_road.spoil(lambda e: fault if listing(e) else NO_FAULT)
        report = probe(s3_road.far)
        found = next(trait for trait in report.traits if trait.name == "list-after-write")
        assert not found.held
        assert found.needed
        assert not report.sound


def test_a_clock_that_is_wrong_is_told_by_the_probe(s3_road: Road) -> None:
    s3_road.spoil(lambda _: Fault(skew=timedelta(minutes=20)))
    report = probe(s3_road.far)
    clock = next(trait for trait in report.traits if trait.name == "clock")
    assert not clock.held
    assert "signatures" in clock.told
    assert s3_road.far.put("x", SMALL).size == len(SMALL)


def test_weather_of_every_kind_loses_and_doubles_nothing(s3_road: Road) -> None:
    """A hundred acts under faults drawn from a seed: each ends right, or says why not."""
    draw = random.Random(5)
    faults = [
        Fault(drop_answer=True),
        Fault(reset=True),
        Fault(slow_down=0),
        Fault(cut_after=20),
        Fault(flip_up=3),
        Fault(delay=0.01),
        Fault(repeat_entry=True),
    ]
    s3_road.spoil(lambda _: draw.choice(faults) if draw.random() < 0.2 else NO_FAULT)
    store, written = Checked(s3_road.patient), dict[str, bytes]()
    for number in range(60):
        name, body = f"w/{number:02d}", f"{number} ".encode() * 50
        with suppress(BercailError):
            store.put(name, body)
            written[name] = body
    listed = [info.name for info in s3_road.patient.list("w/")]
    assert len(listed) == len(set(listed))
    assert set(written) <= set(listed)
    for name, body in written.items():
        assert s3_road.straight.get(name) == body
    assert len(written) > 40
