"""The erasure of the source: the notice, the list, the evidence, the certificate."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from bercail.foundation import Actor, Invalid, Missing, Refused, Role, Unproven, sha256_hex
from bercail.hosting.erasure import Certificate, ErasureDesk, Subject, Word
from bercail.hosting.erasure.certificate import PAYLOAD_TYPE
from bercail.hosting.erasure.rules import NOTICE
from bercail.storage import ObjectInfo, Passing
from bercail.testing.moving import OPERATOR, Labelled, MovingWorld
from bercail.vault import open_dsse_envelope
from bercail.vault.signatures import DualPublicKey

CONTENTS = {"data/a": b"a" * 100, "data/é": b"b" * 5000, "empty": b""}
WORDS = (Subject.BACKUPS, Subject.PROVIDER_KEY, Subject.TECHNICAL_DATA)


@pytest.fixture
def world(tmp_path: Path) -> MovingWorld:
    made = MovingWorld(tmp_path)
    made.fill(CONTENTS)
    service = made.service()
    for step in (service.survey, service.plan, service.copy, service.prove):
        step()
    service.cut_over()
    return made


def desk(world: MovingWorld, source: Passing | None = None) -> ErasureDesk:
    service = world.service(source=source) if source else world.service()
    return ErasureDesk(ground=service.ground, admit=world.admit)


def notified(world: MovingWorld) -> ErasureDesk:
    here = desk(world)
    here.plan(OPERATOR)
    here.notify(OPERATOR, given_by="the old host", given_to="the platform")
    return here


def begun(world: MovingWorld) -> ErasureDesk:
    here = notified(world)
    world.clock.advance(NOTICE)
    here.begin(OPERATOR)
    return here


def emptied(world: MovingWorld) -> None:
    for info in list(world.source.list()):
        world.source.delete(info.name)


def given_word(here: ErasureDesk) -> None:
    for subject in WORDS:
        here.word(OPERATOR, subject, Word(by="the old host", statement="it is gone"))


def test_the_list_names_everything_and_the_journal_holds_its_digest(world: MovingWorld) -> None:
    plan = desk(world).plan(OPERATOR)
    content = plan.list.file.read_bytes()
    lines = [json.loads(line) for line in content.splitlines()]
    assert [line["name"] for line in lines] == sorted(CONTENTS)
    assert all(line["carried"] and line["kind"] == "current" for line in lines)
    body = world.journal.read("migration/moving")[-1].body
    assert (body["digest"], body["objects"], body["not_carried"]) == (sha256_hex(content), 3, 0)
    assert "data/a" not in json.dumps(body)


@pytest.mark.requirement("EXIT-03")
def test_nothing_begins_before_the_notice_of_21_days_has_run_out(world: MovingWorld) -> None:
    here = notified(world)
    assert timedelta(days=21) == NOTICE
    world.clock.advance(timedelta(days=21) - timedelta(seconds=1))
    with pytest.raises(Refused, match=r"SecNumCloud 3\.2, 19\.4\.a") as caught:
        here.begin(OPERATOR)
    assert caught.value.rule == "erasure-notice"
    world.clock.advance(timedelta(seconds=1))
    assert here.begin(OPERATOR).reread == 3


@pytest.mark.requirement("EXIT-03")
def test_the_certificate_says_what_was_seen_and_what_is_a_word(
    world: MovingWorld, tmp_path: Path
) -> None:
    here = begun(world)
    emptied(world)
    seen = {event.subject: event for event in here.look(OPERATOR)}
    assert {subject: event.remaining for subject, event in seen.items()} == {
        "contents": 0,
        "versions": 0,
        "snapshots": 0,
        "soft-deleted": 0,
    }
    assert seen["contents"].looked == 3
    document = tmp_path / "letter.txt"
    document.write_bytes(b"we destroyed the key")
    here.word(OPERATOR, Subject.PROVIDER_KEY, Word(by="the old host"), document)
    for subject in (Subject.BACKUPS, Subject.TECHNICAL_DATA):
        here.word(OPERATOR, subject, Word(by="the old host", statement="it is gone"))
    made = here.certify(OPERATOR)
    assert made.seen == ("contents", "snapshots", "soft-deleted", "versions")
    assert made.on_word == ("backups", "provider-key", "technical-data")
    payload = opened(made)
    assert payload == made.file.read_bytes()
    said = {one["subject"]: one for one in json.loads(payload)["evidence"]}
    assert said["provider-key"]["document"] == sha256_hex(b"we destroyed the key")
    assert said["provider-key"]["basis"] == "provider's-word"
    kept = list((tmp_path / "work" / "erasure").glob("provider-key-*.txt"))
    assert [file.read_bytes() for file in kept] == [b"we destroyed the key"]
    assert "which we cannot check" in made.readable["en"].read_text()
    french = made.readable["fr"].read_text()
    assert "ne pouvons pas vérifier" in french
    assert "- sauvegardes : the old host" in french
    assert "provider-key" not in french
    assert " UTC" in french
    state = world.service().status().state
    assert (state.phase.value, state.canonical.value) == ("erased", "target")
    assert world.service().landed().names() == tuple(sorted(CONTENTS))


def opened(made: Certificate) -> bytes:
    keys = json.loads(made.keys.read_text())
    public = [DualPublicKey.from_dict(one) for one in keys.values()]
    return open_dsse_envelope(json.loads(made.envelope.read_text()), PAYLOAD_TYPE, public)


def test_what_remains_is_counted_and_stops_the_certificate(world: MovingWorld) -> None:
    here = begun(world)
    world.source.delete("data/a")
    assert here.look(OPERATOR)[0].remaining == 2
    given_word(here)
    with pytest.raises(Refused, match="contents: 2 remain") as caught:
        here.certify(OPERATOR)
    assert caught.value.rule == "erasure-evidence"
    emptied(world)
    here.look(OPERATOR)
    here.certify(OPERATOR)


def test_a_listing_that_hides_what_stands_there_is_found_by_asking_for_each_name(
    world: MovingWorld,
) -> None:
    class Hiding(Passing):
        def list(self, prefix: str = ""):
            return iter(())

    begun(world)
    assert desk(world, Hiding(world.source)).look(OPERATOR)[0].remaining == 3


def test_a_certificate_needs_evidence_for_every_subject(world: MovingWorld) -> None:
    here = begun(world)
    emptied(world)
    here.look(OPERATOR)
    with pytest.raises(Refused, match="nothing is known of backups, provider-key"):
        here.certify(OPERATOR)
    here.word(
        OPERATOR,
        Subject.BACKUPS,
        Word(by="Odile", statement="none were made", not_applicable=True),
    )
    for subject in WORDS[1:]:
        here.word(OPERATOR, subject, Word(by="the old host", statement="gone"))
    made = here.certify(OPERATOR)
    assert "none were made" in made.readable["en"].read_text()


@pytest.mark.parametrize(
    "word",
    [
        Word(by="", statement="gone"),
        Word(by="the old host"),
        Word(by="Odile", document="d", not_applicable=True),
    ],
)
def test_a_word_needs_a_person_and_something_said(world: MovingWorld, word: Word) -> None:
    here = begun(world)
    with pytest.raises(Invalid):
        here.word(OPERATOR, Subject.BACKUPS, word)


def test_a_roll_back_is_possible_until_the_erasure_begins(world: MovingWorld) -> None:
    notified(world)
    world.service().roll_back(reason="it was a mistake")
    assert world.service().status().state.erasure is None


def test_a_roll_back_is_refused_from_the_beginning_of_the_erasure_on(world: MovingWorld) -> None:
    here = begun(world)
    with pytest.raises(Refused, match="nothing to roll back to") as caught:
        world.service().roll_back(reason="too late")
    assert caught.value.rule == "migration-erased"
    emptied(world)
    here.look(OPERATOR)
    given_word(here)
    here.certify(OPERATOR)
    with pytest.raises(Refused, match="nothing to roll back to"):
        world.service().roll_back(reason="too late")


def test_a_source_that_moved_since_the_plan_stops_the_beginning(world: MovingWorld) -> None:
    here = notified(world)
    world.clock.advance(NOTICE)
    world.source.put("late", b"somebody writes here")
    with pytest.raises(Refused) as caught:
        here.begin(OPERATOR)
    assert caught.value.rule == "erasure-changed"
    with pytest.raises(Refused) as caught:
        here.plan(OPERATOR)
    assert caught.value.rule == "erasure-left-behind"
    plan = here.plan(OPERATOR, accept_left_behind=True)
    assert plan.list.not_carried == {"current": 1}
    with pytest.raises(Refused, match="No notice"):
        here.begin(OPERATOR)


def test_a_target_that_lost_something_stops_the_beginning(world: MovingWorld) -> None:
    here = notified(world)
    world.clock.advance(NOTICE)
    largest = max(world.home.list(), key=lambda info: info.size)
    flipped = bytearray(world.home.get(largest.name))
    flipped[-1] ^= 1
    world.home.put(largest.name, bytes(flipped))
    with pytest.raises(Unproven) as caught:
        here.begin(OPERATOR)
    assert caught.value.rule == "erasure-target"
    world.service().roll_back(reason="the target lost an object")


def test_nothing_is_deleted_by_us(world: MovingWorld) -> None:
    class Watched(Passing):
        def delete(self, name: str) -> None:
            raise AssertionError("something was deleted on the source")

        def put(self, *args: object, **kwargs: object) -> ObjectInfo:
            raise AssertionError("something was written to the source")

    here = desk(world, Watched(world.source))
    here.plan(OPERATOR)
    here.notify(OPERATOR, given_by="a", given_to="b")
    world.clock.advance(NOTICE)
    here.begin(OPERATOR)
    assert here.look(OPERATOR)[0].remaining == 3


def test_the_order_of_the_steps_and_the_operator(world: MovingWorld) -> None:
    here = desk(world)
    with pytest.raises(Refused, match="no plan"):
        here.notify(OPERATOR, given_by="a", given_to="b")
    here.plan(OPERATOR)
    with pytest.raises(Invalid, match="--by"):
        here.notify(OPERATOR, given_by=" ", given_to="b")
    with pytest.raises(Refused, match="No notice"):
        here.begin(OPERATOR)
    with pytest.raises(Refused, match="erase evidence` is not possible"):
        here.look(OPERATOR)
    with pytest.raises(Refused, match="erase certificate` is not possible"):
        here.certify(OPERATOR)
    someone = Actor(id="someone", roles={Role.AUDITOR})
    with pytest.raises(Refused) as caught:
        here.plan(someone)
    assert caught.value.rule == "migration-operator"
    with pytest.raises((Missing, FileNotFoundError)):
        here.notify(OPERATOR, given_by="a", given_to="b", document=Path("/nowhere/letter"))


def test_a_host_that_lost_its_qualification_stops_the_beginning(world: MovingWorld) -> None:
    here = notified(world)
    world.clock.advance(NOTICE)
    world.refusal = Refused("Not qualified any more.", rule="HOST-01")
    with pytest.raises(Refused) as caught:
        here.begin(OPERATOR)
    assert caught.value.rule == "HOST-01"


def test_what_stayed_behind_is_lost_only_when_accepted(tmp_path: Path) -> None:
    world = MovingWorld(tmp_path)
    world.fill(CONTENTS)
    source = Labelled(world.source, {"empty": {"tier": "Archive"}})
    service = world.service(source=source)
    for step in (service.survey, service.plan, service.copy, service.prove):
        step()
    service.cut_over(accept_left_behind=True)
    with pytest.raises(Refused, match="1 things") as caught:
        desk(world, source).plan(OPERATOR)
    assert caught.value.rule == "erasure-left-behind"
    plan = desk(world, source).plan(OPERATOR, accept_left_behind=True)
    lost = [json.loads(line) for line in plan.list.file.read_text().splitlines()]
    assert [line["name"] for line in lost if not line["carried"]] == ["empty"]
