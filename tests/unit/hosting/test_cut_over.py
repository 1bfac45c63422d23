"""Cut over and roll back: the freeze, the last delta, and what was written since."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bercail.cli.main import app
from bercail.foundation import Actor, Invalid, Missing, Refused, Role, SeededRandomness, Unavailable
from bercail.hosting import Attestation, MigrationService, ProbeWrite, Side
from bercail.storage import Location, ObjectInfo, ObjectStore, Passing
from bercail.testing.moving import ATTESTED, OPERATOR, Killed, MovingWorld

CONTENTS = {"data/a": b"a" * 100, "data/b": b"b" * 5000, "notes/c": b"c"}


class Frozen(Passing):
    """A source that takes no write, as a host says it."""

    def put(self, name: str, data: object, **_: object) -> ObjectInfo:
        raise Refused("The host denies it.")


@pytest.fixture
def world(tmp_path: Path) -> MovingWorld:
    made = MovingWorld(tmp_path)
    made.fill(CONTENTS)
    return made


def proven(world: MovingWorld) -> MigrationService:
    service = world.service()
    for step in (service.survey, service.plan, service.copy, service.prove):
        step()
    return service


def probe(store: ObjectStore) -> ProbeWrite:
    return ProbeWrite(
        store=store, credentials="WRITERS", by="operator", randomness=SeededRandomness(1)
    )


def test_without_a_freeze_there_is_no_cut_over(world: MovingWorld) -> None:
    proven(world)
    with pytest.raises(Refused) as caught:
        world.service(freeze=None).cut_over()
    assert caught.value.rule == "migration-freeze"


def test_a_probe_that_is_refused_shows_the_freeze(world: MovingWorld) -> None:
    state = proven(world).cut_over(freeze=probe(Frozen(world.source))).state
    assert state.canonical is Side.TARGET
    assert state.frozen is not None
    assert (state.frozen.how, state.frozen.credentials, state.frozen.probes) == (
        "probe-write",
        "WRITERS",
        1,
    )


def test_a_probe_that_is_taken_is_deleted_and_stops_the_cut_over(world: MovingWorld) -> None:
    service = proven(world)
    before = list(world.source.list())
    with pytest.raises(Refused, match=r"`bercail-freeze-probe-\w+` \(deleted again\)") as caught:
        service.cut_over(freeze=probe(world.source))
    assert caught.value.rule == "migration-freeze"
    assert list(world.source.list()) == before
    assert "SourceFrozen" not in world.kinds()
    assert service.canonical() is Side.SOURCE


def test_a_probe_that_cannot_be_deleted_is_named(world: MovingWorld) -> None:
    class Clinging(Passing):
        def delete(self, name: str) -> None:
            raise Unavailable("Not now.")

    with pytest.raises(Refused, match="delete it yourself"):
        proven(world).cut_over(freeze=probe(Clinging(world.source)))


def test_a_host_that_does_not_answer_shows_no_freeze(world: MovingWorld) -> None:
    class Silent(Passing):
        def put(self, name: str, data: object, **_: object) -> ObjectInfo:
            raise Unavailable("No answer.")

    service = proven(world)
    with pytest.raises(Unavailable):
        service.cut_over(freeze=probe(Silent(world.source)))
    assert service.canonical() is Side.SOURCE


def test_credentials_that_open_nothing_show_no_freeze(world: MovingWorld) -> None:
    class Locked(Frozen):
        def list(self, prefix: str = ""):
            raise Refused("These credentials are good for nothing.")

    service = proven(world)
    with pytest.raises(Refused, match="good for nothing"):
        service.cut_over(freeze=probe(Locked(world.source)))
    assert service.canonical() is Side.SOURCE


def test_every_container_of_an_account_is_probed(world: MovingWorld) -> None:
    asked: list[str] = []

    class Half(Passing):
        location = Location(scheme="azure", name="account")

        def __init__(self, store: ObjectStore) -> None:
            super().__init__(store)
            self.location = Location(scheme="azure", name="account")

        def put(self, name: str, data: object, **_: object) -> ObjectInfo:
            asked.append(name.split("/")[0])
            if name.startswith("data/"):
                raise Refused("The host denies it.")
            return super().put(name, b"")

    with pytest.raises(Refused, match="`notes/bercail-freeze-probe-"):
        proven(world).cut_over(freeze=probe(Half(world.source)))
    assert asked == ["data", "notes"]
    with pytest.raises(Refused, match="no container"):
        probe(Half(world.source)).assert_frozen([])


def test_a_source_that_thaws_before_the_switch_stops_it(world: MovingWorld) -> None:
    class Thawing(Passing):
        asked = 0

        def put(self, name: str, data: object, **_: object) -> ObjectInfo:
            Thawing.asked += 1
            if Thawing.asked == 1:
                raise Refused("The host denies it.")
            return super().put(name, b"")

    service = proven(world)
    with pytest.raises(Refused) as caught:
        service.cut_over(freeze=probe(Thawing(world.source)))
    assert caught.value.rule == "migration-freeze"
    assert service.canonical() is Side.SOURCE


def test_a_source_that_moves_after_the_freeze_stops_the_switch(world: MovingWorld) -> None:
    class Leaking:
        """Says that nobody writes, while somebody does."""

        asked = 0

        def assert_frozen(self, containers: object):
            Leaking.asked += 1
            if Leaking.asked == 2:
                world.source.put("late", b"late")
            return ATTESTED.assert_frozen(())

    service = proven(world)
    with pytest.raises(Refused, match="1 new") as caught:
        service.cut_over(freeze=Leaking())
    assert caught.value.rule == "migration-delta"
    assert service.canonical() is Side.SOURCE


def test_an_attestation_needs_a_name_and_words() -> None:
    for by, said in (("", "frozen"), ("Odile", " ")):
        with pytest.raises(Invalid, match="attested-by"):
            Attestation(by=by, statement=said)


def test_a_cut_over_killed_in_its_last_delta_is_finished_by_the_same_command(
    world: MovingWorld,
) -> None:
    class Dying(Passing):
        def put(self, name: str, data: object, **_: object) -> ObjectInfo:
            raise Killed

    proven(world)
    world.source.put("late", b"late")
    with pytest.raises(Killed):
        world.service(home=Dying(world.home)).cut_over()
    service = world.service()
    assert service.canonical() is Side.SOURCE
    assert service.status().state.phase.value == "planned"
    assert service.cut_over().state.canonical is Side.TARGET
    assert "late" in service.landed().names()


def test_a_roll_back_lists_what_the_target_took_since(world: MovingWorld) -> None:
    service = proven(world)
    service.cut_over()
    carried = sorted(info.name for info in world.home.list())
    world.home.put("0written", b"new work")
    world.home.put(carried[0], b"replaced")
    world.home.delete(carried[1])
    since = service.roll_back(reason="the network is not ready")
    assert (since.written, since.changed, since.removed) == (1, 1, 1)
    lines = [json.loads(line) for line in since.file.read_text().splitlines()]
    assert [(line["name"], line["difference"]) for line in lines] == sorted(
        [("0written", "written"), (carried[0], "changed"), (carried[1], "removed")]
    )
    recorded = world.journal.read("migration/moving")[-1].body
    assert (recorded["written"], recorded["digest"]) == (1, since.digest)
    assert "other direction" in since.as_dict()["bring_back"]


def test_a_roll_back_without_the_kept_listing_lists_everything(world: MovingWorld) -> None:
    service = proven(world)
    service.cut_over()
    (world.folder / "work" / "target-at-cut-over.sqlite").unlink()
    assert service.roll_back(reason="why").written == len(list(world.home.list()))


def test_a_roll_back_needs_a_reason_and_an_operator(world: MovingWorld) -> None:
    service = proven(world)
    service.cut_over()
    with pytest.raises(Refused) as caught:
        service.roll_back(reason="  ")
    assert caught.value.rule == "migration-reason"
    with pytest.raises(Refused) as caught:
        service.roll_back(Actor(id="someone", roles={Role.AUDITOR}), reason="why")
    assert caught.value.rule == "migration-operator"
    assert service.canonical() is Side.TARGET
    assert OPERATOR.has(Role.OPERATOR)


def test_after_a_roll_back_everything_can_be_done_again(world: MovingWorld) -> None:
    service = proven(world)
    service.cut_over()
    service.roll_back(reason="rehearsal")
    world.source.put("more", b"more")
    assert proven(world).cut_over().state.canonical is Side.TARGET
    assert set(world.service().landed().names()) == {*CONTENTS, "more"}


def test_credentials_of_a_probe_that_are_not_there_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BERCAIL_CONFIG", raising=False)
    config = tmp_path / "bercail.toml"
    config.write_text(
        f'name = "house"\ntrust_side = "trust"\n[home]\nlocation = "file://{tmp_path}/new"\n'
        f'credentials = "H"\n[source]\nlocation = "file://{tmp_path}/old"\ncredentials = "S"\n'
        '[host]\nservice = "ovh-snc-cloud-platform"\n[people]\nodile = { roles = ["operator"] }\n'
    )
    for name in ("trust", "new", "old"):
        (tmp_path / name).mkdir(mode=0o700)
    words = ["--config", str(config), "--as", "odile", "migrate", "cut-over"]
    answer = CliRunner().invoke(app, [*words, "--probe-credentials", "NOPE"])
    assert isinstance(answer.exception, Missing)
    assert "`NOPE`" in answer.exception.message
    assert "`NOPE_SAS`" in answer.exception.remedy
