"""The journey of a migration, and what each step does when the world is not as expected."""

from __future__ import annotations

import fcntl
import hashlib
import json
from pathlib import Path

import pytest

from bercail.foundation import Actor, Invalid, Refused, Role, Unavailable, Unproven
from bercail.hosting import Basis, MigrationService, Side
from bercail.storage import ObjectInfo, Passing
from bercail.testing.moving import Changing, Labelled, MovingWorld

CONTENTS = {
    "data/été 2024.csv": b"a;b\n1;2\n",
    "data/ER_PRS_F.csv": b"x" * 200_000,
    "empty": b"",
    "notebooks/read me.ipynb": b"{}",
}


@pytest.fixture
def world(tmp_path: Path) -> MovingWorld:
    made = MovingWorld(tmp_path)
    made.fill(CONTENTS)
    return made


def carried(service: MigrationService) -> None:
    service.survey()
    service.plan()
    service.copy()


def landed(service: MigrationService) -> dict[str, bytes]:
    folder = service.landed()
    return {name: b"".join(folder.stream(name)) for name in folder.names()}


def test_the_whole_journey_and_back(world: MovingWorld) -> None:
    service = world.service()
    assert service.survey().as_dict() == {
        "survey": 1,
        "objects": 4,
        "bytes": 200_010,
        "new": 4,
        "changed": 0,
        "gone": 0,
        "changed_in": {"content": 0, "metadata": 0, "tags": 0, "tier": 0},
        "noted": {},
        "repeated": 0,
        "unsteady": 0,
        "hidden": 0,
    }
    plan = service.plan()
    assert (plan.to_copy.objects, plan.to_copy.bytes, plan.there.objects) == (4, 200_010, 0)
    assert service.copy().carried.objects == 4
    proof = service.prove()
    assert (proof.carried, proof.bytes, proof.basis) == (4, 200_010, Basis.REREAD)
    assert service.canonical() is Side.SOURCE
    assert service.cut_over().state.canonical is Side.TARGET
    assert landed(service) == CONTENTS
    assert service.roll_back(reason="rehearsal").written == 0
    assert service.canonical() is Side.SOURCE
    assert world.kinds() == [
        "SurveyTaken",
        "PlanMade",
        "CopyFinished",
        "ProofMade",
        "SourceFrozen",
        "CutOver",
        "RolledBack",
    ]


def test_the_events_hold_no_object_name(world: MovingWorld) -> None:
    service = world.service()
    carried(service)
    service.prove()
    text = json.dumps([record.body for record in world.journal.read_all()])
    for name in CONTENTS:
        assert name not in text
        assert Path(name).name not in text


def test_the_target_shows_no_name_and_no_content(world: MovingWorld) -> None:
    carried(world.service())
    for info in world.home.list():
        stored = world.home.get(info.name)
        for name, content in CONTENTS.items():
            assert name.encode() not in info.name.encode() + stored
            assert len(content) < 8 or content[:8] not in stored


def test_the_source_is_never_written(world: MovingWorld) -> None:
    before = list(world.source.list())
    service = world.service()
    carried(service)
    service.prove()
    service.cut_over()
    assert list(world.source.list()) == before


def test_steps_out_of_order_are_refused_with_the_next_step(world: MovingWorld) -> None:
    service = world.service()
    for step in (service.plan, service.copy, service.prove, service.cut_over):
        with pytest.raises(Refused, match="migrate survey"):
            step()
    service.survey()
    with pytest.raises(Refused, match="migrate plan"):
        service.copy()
    with pytest.raises(Refused, match="not canonical"):
        service.landed()


def test_a_second_copy_with_nothing_to_do_writes_nothing_and_keeps_the_proof(
    world: MovingWorld,
) -> None:
    service = world.service()
    carried(service)
    service.prove()
    before = {info.name: info.etag for info in world.home.list()}
    assert service.copy().copied.objects == 0
    assert {info.name: info.etag for info in world.home.list()} == before
    assert service.status().state.proof is not None


def test_a_second_survey_shows_what_changed_and_only_that_is_copied(world: MovingWorld) -> None:
    service = world.service()
    carried(service)
    changed = {**CONTENTS, "empty": b"no more", "new": b"n"}
    del changed["notebooks/read me.ipynb"]
    for name, content in changed.items():
        if CONTENTS.get(name) != content:
            world.source.put(name, content)
    world.source.delete("notebooks/read me.ipynb")
    delta = service.survey().delta
    assert (delta.new, delta.changed, delta.gone) == (1, 1, 1)
    assert service.plan().to_copy.objects == 2
    assert service.copy().copied.objects == 2
    service.prove()
    service.cut_over()
    assert landed(service) == changed


def test_a_source_that_moved_after_the_proof_has_its_last_delta_carried_and_proved(
    world: MovingWorld,
) -> None:
    service = world.service()
    carried(service)
    service.prove()
    world.source.put("late", b"late")
    assert service.cut_over().state.canonical is Side.TARGET
    assert landed(service) == {**CONTENTS, "late": b"late"}
    assert world.kinds().count("ProofMade") == 2


def test_a_target_that_loses_an_object_after_the_proof_stops_the_cut_over(
    world: MovingWorld,
) -> None:
    service = world.service()
    carried(service)
    service.prove()
    # The home also holds the manifest; the largest object is one that was carried.
    world.home.delete(max(world.home.list(), key=lambda info: info.size).name)
    with pytest.raises(Refused) as caught:
        service.cut_over()
    assert caught.value.rule == "migration-target"
    assert service.canonical() is Side.SOURCE


def test_an_object_that_changes_while_it_is_read_is_done_again(world: MovingWorld) -> None:
    source = Changing(world.source, "data/été 2024.csv", [b"second state!", b"third"])
    service = world.service(source=source)
    carried(service)
    service.prove()
    service.cut_over()
    assert landed(service)["data/été 2024.csv"] == b"third"


def test_an_object_that_never_stands_still_fails_by_name(world: MovingWorld) -> None:
    endless = (b"state number %d" % n for n in range(1000))
    service = world.service(source=Changing(world.source, "data/été 2024.csv", endless))
    service.survey()
    service.plan()
    report = service.copy()
    assert list(report.failed) == ["data/été 2024.csv"]
    assert "changed 5 times" in report.failed["data/été 2024.csv"]
    with pytest.raises(Unproven, match=r"`data/été 2024\.csv`: not carried"):
        world.service().prove()
    assert service.copy().failed
    assert world.service().copy().failed == {}


def test_an_object_deleted_while_copying_is_gone_not_failed(world: MovingWorld) -> None:
    service = world.service()
    service.survey()
    service.plan()
    world.source.delete("empty")
    report = service.copy()
    assert (report.gone, report.failed, report.carried.objects) == (1, {}, 3)
    service.prove()
    assert service.cut_over().state.canonical is Side.TARGET


def test_a_content_md5_that_the_bytes_do_not_have_is_a_failure(world: MovingWorld) -> None:
    wrong = hashlib.md5(b"other", usedforsecurity=False).digest()
    source = Labelled(world.source, {"empty": {"content_md5": wrong}})
    service = world.service(source=source)
    service.survey()
    service.plan()
    report = service.copy()
    assert list(report.failed) == ["empty"]
    assert "Content-MD5" in report.failed["empty"]
    assert report.carried.objects == 3


def test_a_size_that_the_source_lies_about_is_a_failure(world: MovingWorld) -> None:
    service = world.service(source=Labelled(world.source, {"empty": {"size": 3}}))
    service.survey()
    service.plan()
    assert "0 bytes of an object that it says has 3" in service.copy().failed["empty"]


def test_the_archive_tier_stays_behind_and_must_be_accepted(world: MovingWorld) -> None:
    source = Labelled(world.source, {"empty": {"tier": "Archive", "metadata": {"owner": "é"}}})
    service = world.service(source=source)
    service.survey()
    plan = service.plan()
    assert plan.left_behind == {"it is in the archive tier and must be rehydrated first": 1}
    service.copy()
    proof = service.prove()
    assert (proof.carried, proof.not_carried) == (3, 1)
    lines = [json.loads(line) for line in proof.manifest.read_text().splitlines()]
    assert [line["name"] for line in lines if line["state"] == "not_carried"] == ["empty"]
    assert lines[-2]["source"]["metadata"] == {"owner": "é"}
    with pytest.raises(Refused) as caught:
        service.cut_over()
    assert caught.value.rule == "migration-left-behind"
    assert service.cut_over(accept_left_behind=True).state.canonical is Side.TARGET
    assert "empty" not in service.landed().names()


def test_metadata_that_changes_without_a_new_entity_tag_is_found(world: MovingWorld) -> None:
    carried(world.service())
    source = Labelled(world.source, {"empty": {"metadata": {"owner": "another"}}})
    service = world.service(source=source)
    with pytest.raises(Unproven, match=r"`empty`: the source's metadata changed"):
        service.prove()
    assert service.copy().read_back.objects == 1
    lines = service.prove().manifest.read_text().splitlines()
    assert [json.loads(x)["source"]["metadata"] for x in lines if '"empty"' in x] == [
        {"owner": "another"}
    ]


def test_a_proof_on_copy_time_digests_does_not_read_the_source(world: MovingWorld) -> None:
    class Silent(Passing):
        def stream(self, name: str, **_: object):
            raise AssertionError("the source was read")

    carried(world.service())
    service = world.service(source=Silent(world.source))
    proof = service.prove(Basis.COPY_TIME)
    assert proof.basis is Basis.COPY_TIME
    payload = json.loads(proof.envelope.read_text())["payload"]
    assert payload
    assert world.journal.read("migration/moving")[-1].body["basis"] == "copy-time-digests"


def test_a_host_that_does_not_answer_for_a_moment_is_asked_again(world: MovingWorld) -> None:
    class Flaky(Passing):
        calls = 0

        def put(self, *args: object, **kwargs: object) -> ObjectInfo:
            Flaky.calls += 1
            if Flaky.calls <= 2:
                raise Unavailable("The host does not answer.")
            return super().put(*args, **kwargs)

    service = world.service(home=Flaky(world.home), threads=1)
    carried(service)
    service.prove()


def test_a_host_that_stays_silent_stops_the_run_and_keeps_what_finished(
    world: MovingWorld,
) -> None:
    class Dying(Passing):
        calls = 0

        def put(self, *args: object, **kwargs: object) -> ObjectInfo:
            Dying.calls += 1
            if Dying.calls > 2:
                raise Unavailable("The host does not answer.")
            return super().put(*args, **kwargs)

    service = world.service(home=Dying(world.home), threads=1)
    service.survey()
    service.plan()
    with pytest.raises(Unavailable):
        service.copy()
    assert world.kinds() == ["SurveyTaken", "PlanMade"]
    report = world.service().copy()
    assert (report.copied.objects, report.carried.objects) == (2, 4)


def test_two_processes_do_not_work_on_one_migration(world: MovingWorld) -> None:
    service = world.service()
    service.survey()
    with (world.folder / "work" / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(Refused) as caught:
            service.plan()
        assert caught.value.rule == "migration-alone"
        assert service.status().state.surveys == 1
    service.plan()


def test_only_an_operator_moves_the_house(world: MovingWorld) -> None:
    someone = Actor(id="someone", roles={Role.AUDITOR})
    with pytest.raises(Refused) as caught:
        world.service(actor=someone).survey()
    assert caught.value.rule == "migration-operator"
    service = world.service()
    carried(service)
    service.prove()
    with pytest.raises(Refused, match="someone"):
        service.cut_over(someone)
    with pytest.raises(Refused, match="not possible"):
        service.roll_back(reason="nothing to roll back")


def test_a_work_table_that_is_none_is_invalid(world: MovingWorld) -> None:
    (world.folder / "work").mkdir()
    (world.folder / "work" / "state.sqlite").write_bytes(b"this is no database, not even nearly")
    with pytest.raises(Invalid, match="not a work table"):
        world.service().survey()


def test_the_status_names_what_is_wrong(world: MovingWorld) -> None:
    service = world.service()
    carried(service)
    opaque = {row.name for row in world.home.list()}
    world.home.delete(sorted(opaque)[0])
    with pytest.raises(Unproven):
        service.prove()
    found = service.status().as_dict()
    assert found["phase"] == "unproven"
    assert list(found["wrong"].values()) == ["it is absent from the target"]
    assert found["canonical"] == "source"


def test_progress_is_told_in_bytes_up_to_the_total(world: MovingWorld) -> None:
    seen: list[tuple[str, int, int]] = []
    service = world.service()
    service.survey()
    service.plan()
    service.copy(lambda *call: seen.append(call))
    service.prove(progress=lambda *call: seen.append(call))
    assert ("copy", 200_010, 200_010) in seen
    assert seen[-1] == ("prove", 400_020, 400_020)
    assert all(0 <= done <= total for _, done, total in seen)


def test_no_byte_moves_to_a_host_that_the_gate_refuses(tmp_path: Path) -> None:
    world = MovingWorld(tmp_path)
    world.fill({"a": b"1"})
    migration = world.service()
    migration.survey()
    migration.plan()
    world.refusal = Refused("Not qualified.", rule="HOST-01")
    with pytest.raises(Refused) as refused:
        migration.copy()
    assert refused.value.rule == "HOST-01"
    assert list(world.home.list()) == []
    world.refusal = None
    migration.copy()
    migration.prove()
    world.refusal = Refused("Not qualified any more.", rule="HOST-01")
    with pytest.raises(Refused):
        migration.cut_over()
    assert migration.canonical() is Side.SOURCE
