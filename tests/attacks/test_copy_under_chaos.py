"""A whole migration from Azure to S3 over a bad road: busy hosts, wrong clocks, no secret told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from attrs import evolve
from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

from bercail.foundation import BercailError, Secret
from bercail.hosting.migration.copy_desk import copy_pending
from bercail.storage import (
    Checked,
    CheckedSource,
    Credentials,
    Location,
    ObjectStore,
    Passing,
    Retrying,
    open_store,
)
from bercail.storage.pausing import pause_asked
from bercail.testing.chaos_proxy import NO_FAULT, ChaosProxy, Exchange, Fault
from bercail.testing.moving import MovingWorld
from bercail.testing.servers import ACCOUNT, RunningServer

COUNT = 12


class Inside(Passing):
    """The objects of a source below `root` only."""

    def __init__(self, store: ObjectStore, root: str) -> None:
        super().__init__(store)
        self._root = root

    def list(self, prefix: str = "") -> Iterator[object]:  # type: ignore[override]
        return super().list(self._root + prefix)


class Course:
    """Both roads of a migration, each through a proxy that may be told to spoil it."""

    def __init__(
        self, folder: Path, azurite: RunningServer, weed: RunningServer, s3: Location, root: str
    ) -> None:
        self.world, self.root = MovingWorld(folder), root
        self.stack = ExitStack()
        self.near = self.stack.enter_context(ChaosProxy(azurite.endpoint, lambda _: NO_FAULT))
        self.far = self.stack.enter_context(ChaosProxy(weed.endpoint, lambda _: NO_FAULT))
        key = azurite.credentials.secret
        assert key is not None
        self.signature = generate_account_sas(
            ACCOUNT,
            key.reveal().decode(),
            ResourceTypes(service=True, container=True, object=True),
            AccountSasPermissions(read=True, list=True),
            expiry=datetime.now(UTC) + timedelta(hours=3),
        )
        straight = open_store(azurite.location(), azurite.credentials)
        for number in range(COUNT):
            straight.put(f"{root}{number:02}", f"content {number};".encode() * 300)
        azure = evolve(azurite.location(), endpoint=self.near.endpoint)
        signed = Credentials(sas=Secret(self.signature.encode()))
        self.azure = CheckedSource(Retrying(open_store(azure, signed), sleep=lambda _: None))
        self.world.source = Inside(open_store(azure, signed), root)
        self.world.home = open_store(evolve(s3, endpoint=self.far.endpoint), weed.credentials)


@pytest.fixture
def course(
    tmp_path: Path,
    azurite: RunningServer,
    seaweedfs: RunningServer,
    s3_location: Location,
    azure_root: str,
) -> Iterator[Course]:
    made = Course(tmp_path, azurite, seaweedfs, s3_location, azure_root)
    with made.stack:
        yield made


def always(fault: Fault) -> Callable[[Exchange], Fault]:
    return lambda _: fault


def test_a_busy_target_is_left_alone_for_as_long_as_it_asks(course: Course) -> None:
    service = course.world.service()
    service.survey()
    service.plan()
    slept: list[float] = []
    busy = [9]

    def choose(exchange: Exchange) -> Fault:
        if exchange.method not in {"PUT", "HEAD"} or not busy[0]:
            return NO_FAULT
        busy[0] -= 1
        return Fault(slow_down=37)

    course.far.choose = choose
    with service.ground.table() as table:
        report = copy_pending(table, service.ground, threads=1, sleep=slept.append, progress=None)
    assert (report.carried.objects, report.failed) == (COUNT, {})
    assert max(slept) == pytest.approx(37, abs=1)


@pytest.mark.parametrize(("status", "dated", "hours"), [(503, False, 0), (429, True, -1)])
def test_any_host_is_heard_whatever_its_clock_says(
    course: Course, status: int, dated: bool, hours: int
) -> None:
    azure, home = course.azure, course.world.home
    busy = always(
        Fault(slow_down=37, slow_status=status, slow_dated=dated, skew=timedelta(hours=hours))
    )
    assert pause_asked(azure, home) is None
    for proxy in (course.near, course.far):
        proxy.choose = busy
        assert pause_asked(azure, Checked(home)) == 37
        proxy.choose = always(NO_FAULT)


def test_a_busy_source_is_left_alone_for_as_long_as_it_asks(course: Course) -> None:
    service = course.world.service()
    service.survey()
    service.plan()
    # Read through no wrapper of the tests, so that the host can be asked what it wants.
    ground = evolve(service.ground, source=course.azure)
    slept: list[float] = []

    def choose(_: Exchange) -> Fault:
        slow = Fault(slow_down=41, slow_status=429, slow_dated=True)
        return NO_FAULT if 41 in slept else slow

    course.near.choose = choose
    with ground.table() as table:
        report = copy_pending(table, ground, threads=1, sleep=slept.append, progress=None)
    assert (report.carried.objects, report.failed) == (COUNT, {})
    assert 41 in slept


def test_clocks_that_are_an_hour_off_change_nothing(course: Course) -> None:
    for proxy, hours in ((course.near, 1), (course.far, -1)):
        proxy.choose = always(Fault(skew=timedelta(hours=hours)))
    service = course.world.service()
    service.survey()
    service.plan()
    assert service.copy().carried.objects == COUNT
    assert service.prove().carried == COUNT
    again = course.world.service()
    assert (again.survey().delta.changed, again.plan().to_copy.objects) == (0, 0)


@pytest.mark.parametrize("fault", [Fault(drop_answer=True), Fault(slow_down=0), Fault(cut_after=3)])
def test_a_signature_is_never_told(
    course: Course, caplog: pytest.LogCaptureFixture, fault: Fault
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = parse_qs(course.signature)["sig"][0]
    service = course.world.service()
    service.survey()
    service.plan()
    course.near.choose = always(fault)
    with pytest.raises(BercailError) as caught:
        service.copy()
    told = [str(caught.value), repr(caught.value), caplog.text]
    told += [str(service.status().as_dict()), repr(service.ground)]
    course.near.choose = always(NO_FAULT)
    service.copy()
    told.append(str(service.prove().as_dict()))
    files = [path for path in course.world.folder.rglob("*") if path.is_file()]
    assert files
    shown = b"\x00".join([*(text.encode() for text in told), *(p.read_bytes() for p in files)])
    for form in (secret, secret.rstrip("="), course.signature):
        assert form.encode() not in shown
    sent = [exchange.target for exchange in course.near.seen]
    assert any("sig=" in target for target in sent)
