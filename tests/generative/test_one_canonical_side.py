"""Exactly one side is canonical at any time: never none, never two.

Two machines act on one migration in random order and inside each other's steps, and die around
the journal. The right to a side is asked of the desk as everybody asks for it: the target's
objects may be handed out, or the source may go on being used; one of the two, always.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bercail.foundation import (
    Actor,
    BercailError,
    FixedClock,
    Refused,
    Role,
    Secret,
    SystemRandomness,
)
from bercail.hosting import MigrationService, Side
from bercail.hosting.erasure import ErasureDesk
from bercail.hosting.erasure.rules import NOTICE
from bercail.lake import SealedStore
from bercail.ledger import Ledger, SqlJournal
from bercail.storage import Location, ObjectInfo, ObjectStore, Passing, make_home, open_store
from bercail.testing.moving import ATTESTED, OPERATOR, Killed, MovingWorld
from bercail.vault import FileCustodian, Keyring, note_signer

PASSPHRASE = Secret(b"only for this test")
STEPS = ("carry", "prove", "cut_over", "roll_back", "plan_erasure", "notify", "begin")
DEATHS = ("none", "before", "after")
# Sharing a work folder is two processes of one machine; another folder is another machine.
moves = st.lists(
    st.tuples(
        st.sampled_from(("work", "other")),
        st.sampled_from(STEPS),
        st.sampled_from(DEATHS),
        st.booleans(),
        st.sampled_from(STEPS),
    ),
    min_size=3,
    max_size=14,
)


class DyingLedger:
    """A journal whose writer dies right before or right after an event is recorded."""

    def __init__(self, ledger: Ledger, death: str) -> None:
        self._ledger, self._death = ledger, death

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def append(self, *call: Any) -> int:
        """See `Ledger.append`."""
        if self._death == "before":
            raise Killed
        version = self._ledger.append(*call)
        if self._death == "after":
            raise Killed
        return version


class Interrupted(Passing):
    """A source on which somebody else acts while it is listed, once."""

    def __init__(self, store: ObjectStore, act: Callable[[], None]) -> None:
        super().__init__(store)
        self._act: Callable[[], None] | None = act

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        act, self._act = self._act, None
        if act is not None:
            act()
        return super().list(prefix)


def allowed_sides(world: MovingWorld) -> set[Side]:
    """The sides that anybody may use now, each asked by itself."""
    service = world.service()
    sides = set()
    try:
        service.landed()
        sides.add(Side.TARGET)
    except Refused as refusal:
        if refusal.rule != "migration-one-canonical":
            raise
    if service.canonical() is Side.SOURCE:
        sides.add(Side.SOURCE)
    return sides


def act(
    world: MovingWorld, work: str, step: str, death: str, source: ObjectStore | None = None
) -> None:
    """One command of one machine, which may die in it; a refusal changes nothing."""
    ledger = world.ledger
    world.ledger = DyingLedger(ledger, death)  # type: ignore[assignment]
    try:
        service = world.service(work=work, source=source)
    finally:
        world.ledger = ledger
    desk = ErasureDesk(ground=service.ground, admit=world.admit, threads=1)
    commands: dict[str, Callable[[], object]] = {
        "carry": lambda: (service.survey(), service.plan(), service.copy()),
        "prove": service.prove,
        "cut_over": service.cut_over,
        "roll_back": lambda: service.roll_back(reason="why"),
        "plan_erasure": lambda: desk.plan(OPERATOR),
        "notify": lambda: desk.notify(OPERATOR, given_by="a", given_to="b"),
        "begin": lambda: desk.begin(OPERATOR),
    }
    try:
        commands[step]()
    except (BercailError, Killed):
        return


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(moves=moves)
def test_whatever_two_machines_do_and_wherever_they_die_one_side_is_canonical(
    moves: list[tuple[str, str, str, bool, str]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = MovingWorld(Path(folder))
        world.fill({"a": b"1", "b": b"2" * 1000})
        act(world, "work", "carry", "none")
        act(world, "work", "prove", "none")
        for work, step, death, inside, other_step in moves:
            other = "other" if work == "work" else "work"
            source = None
            if inside:
                source = Interrupted(
                    world.source,
                    lambda other=other, step=other_step: act(world, other, step, "none"),
                )
            before = world.kinds()
            act(world, work, step, death, source)
            world.clock.advance(NOTICE / 2)
            sides = allowed_sides(world)
            assert len(sides) == 1
            kinds = world.kinds()
            assert kinds[: len(before)] == before
            switches = [kind for kind in kinds if kind in ("CutOver", "RolledBack")]
            # The journal itself alternates: no side is switched to twice.
            assert switches == ["CutOver", "RolledBack"] * (len(switches) // 2) + (
                ["CutOver"] if len(switches) % 2 else []
            )
            assert sides == {Side.TARGET if len(switches) % 2 else Side.SOURCE}
            if "ErasureBegun" in kinds:
                assert sides == {Side.TARGET}


def service(folder: Path) -> MigrationService:
    """The migration of the test below, all of it on the disk; also used by the child processes."""
    clock, randomness = FixedClock(datetime(2026, 11, 21, tzinfo=UTC)), SystemRandomness()
    keys = Keyring(
        folder / "keys.db",
        FileCustodian.open(folder / "custodian", PASSPHRASE),
        randomness,
        clock,
    )
    name = "switch.example/journal"
    ledger = Ledger(
        SqlJournal(f"sqlite:///{folder / 'journal.db'}"),
        folder / "log",
        note_signer(keys, name),
        clock,
        randomness,
        name,
    )
    home = open_store(Location.parse(f"file://{folder / 'home'}"))
    return MigrationService(
        name="switch",
        source=open_store(Location.parse(f"file://{folder / 'source'}")),
        target=SealedStore(home, keys, kind="landing", scope="switch", randomness=randomness),
        home=home,
        work=folder / "work",
        ledger=ledger,
        keys=keys,
        clock=clock,
        actor=Actor(id="operator", roles={Role.OPERATOR}),
        admit=lambda: None,
        threads=1,
        freeze=ATTESTED,
    )


def switch_when_told(folder: Path) -> None:
    """What a child process does: wait for the sign, then cut over as fast as it can."""
    mine = service(folder)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    try:
        mine.cut_over()
    except Refused as refusal:
        sys.stdout.write(f"{refusal.rule}\n")
    else:
        sys.stdout.write("switched\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for side in ("source", "home"):
        make_home(Location.parse(f"file://{tmp_path / side}"))
    FileCustodian.create(tmp_path / "custodian", PASSPHRASE, SystemRandomness())
    open_store(Location.parse(f"file://{tmp_path / 'source'}")).put("a", b"1")
    here = service(tmp_path)
    for step in (here.survey, here.plan, here.copy, here.prove):
        step()
    return tmp_path


def child(folder: Path) -> subprocess.Popen[str]:
    program = (
        "import importlib.util, pathlib, sys\n"
        "spec = importlib.util.spec_from_file_location('switch', sys.argv[1])\n"
        "switch = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(switch)\n"
        "switch.switch_when_told(pathlib.Path(sys.argv[2]))\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, __file__, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_of_two_processes_that_switch_at_once_one_does(folder: Path) -> None:
    children = [child(folder) for _ in range(2)]
    for process in children:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    said = []
    for process in children:
        assert process.stdin is not None
        process.stdin.write("now\n")
        process.stdin.flush()
    for process in children:
        out, _ = process.communicate(timeout=120)
        said.append(out.strip())
    assert "switched" in said
    assert set(said) <= {"switched", "migration-alone", "migration-order"}
    assert said.count("switched") == 1
    assert service(folder).canonical() is Side.TARGET
