"""The desk of the airlock, from a file handed in to a package verified."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from attrs import evolve

from bercail.airlock import State, crate_words, verify_package
from bercail.airlock.statements import AnonymityStatement
from bercail.foundation import Actor, Invalid, Missing, Refused, Role, Unproven
from bercail.testing.airlock_desk import (
    AUDITOR,
    AUTHOR,
    CHECKERS,
    COLLEAGUE,
    PERMIT,
    AirlockDesk,
    document,
)


def test_a_table_leaves_once_two_checkers_approve(desk: AirlockDesk) -> None:
    request = desk.submitted()
    assert desk.airlock.show(request, CHECKERS[0])["state"] == "checked"
    assert desk.airlock.review(request, CHECKERS[0], approve=True).state is State.IN_REVIEW
    assert desk.airlock.review(request, CHECKERS[1], approve=True).state is State.APPROVED
    made = desk.airlock.release(request, CHECKERS[0], desk.folder / "out")
    shown = verify_package(desk.folder / "out" / request, desk.airlock.public_keys())
    assert shown.package_digest == made["package_digest"]
    assert shown.checkers == ("checker-1", "checker-2")
    assert (shown.cells, shown.hidden_cells) == (15, 4)
    assert desk.airlock.show(request, AUTHOR)["state"] == "released"


def test_the_small_count_is_nowhere_in_the_package(desk: AirlockDesk) -> None:
    package = desk.released()
    table = json.loads((package / "data/outputs/table.json").read_text())
    hidden = [cell["key"] for cell in table["cells"] if cell["persons"] is None]
    assert ["age 1", "women"] in hidden
    whole = b"".join(path.read_bytes() for path in package.rglob("*") if path.is_file())
    assert b'"persons":6}' not in whole
    assert b"protecting" not in whole


def test_submitting_the_same_bytes_again_is_the_same_request(desk: AirlockDesk) -> None:
    first = desk.submitted()
    before = desk.journal.last()
    assert desk.submitted() == first
    assert desk.journal.last() == before


def test_releasing_again_writes_the_same_bytes_and_one_event(desk: AirlockDesk) -> None:
    request = desk.approved()
    first = desk.airlock.release(request, CHECKERS[0], desk.folder / "one")
    desk.clock.advance(timedelta(hours=5))
    second = desk.airlock.release(request, CHECKERS[1], desk.folder / "two")
    again = desk.airlock.release(request, CHECKERS[1], desk.folder / "two")
    assert first["package_digest"] == second["package_digest"] == again["package_digest"]
    one, two = (
        {
            p.relative_to(desk.folder / n): p.read_bytes()
            for p in (desk.folder / n).rglob("*.*")
            if p.is_file()
        }
        for n in ("one", "two")
    )
    assert one == two
    assert desk.kinds(request).count("RequestReleased") == 1


def test_a_release_does_not_overwrite_another_folder(desk: AirlockDesk) -> None:
    request = desk.approved()
    place = desk.folder / "out" / request
    place.mkdir(parents=True)
    (place / "notes.txt").write_text("mine")
    with pytest.raises(Invalid, match="is not this release"):
        desk.airlock.release(request, CHECKERS[0], desk.folder / "out")
    assert (place / "notes.txt").read_text() == "mine"


def test_when_all_reject_the_request_ends(desk: AirlockDesk) -> None:
    request = desk.submitted()
    with pytest.raises(Refused, match="needs a reason"):
        desk.airlock.review(request, CHECKERS[0], approve=False)
    for who, state in zip(CHECKERS, (State.IN_REVIEW, State.REJECTED), strict=False):
        assert desk.airlock.review(request, who, approve=False, reason="no").state is state
    with pytest.raises(Refused, match="the request is rejected"):
        desk.airlock.review(request, CHECKERS[2], approve=True)
    assert desk.airlock.submit(desk.table_file(), PERMIT, AUTHOR).state is State.REJECTED


def test_checkers_who_disagree_see_each_other_and_agree_or_nothing_leaves(
    desk: AirlockDesk,
) -> None:
    request = desk.submitted()
    desk.airlock.review(request, CHECKERS[0], approve=True, reason="fine")
    divided = desk.airlock.review(request, CHECKERS[1], approve=False, reason="too fine")
    assert divided.state is State.CONSOLIDATING
    assert len(desk.airlock.show(request, CHECKERS[0])["votes"]) == 2
    assert desk.airlock.show(request, AUTHOR)["votes"] == []
    with pytest.raises(Refused, match="the request is consolidating"):
        desk.airlock.release(request, CHECKERS[0], desk.folder / "out")
    agreed = desk.airlock.review(request, CHECKERS[1], approve=True, reason="convinced")
    assert (agreed.state, len(agreed.votes)) == (State.APPROVED, 2)
    desk.airlock.release(request, CHECKERS[0], desk.folder / "out")


def test_a_third_voice_does_not_outvote_a_no(desk: AirlockDesk) -> None:
    request = desk.submitted()
    desk.airlock.review(request, CHECKERS[0], approve=True)
    desk.airlock.review(request, CHECKERS[1], approve=False, reason="too fine")
    third = desk.airlock.review(request, CHECKERS[2], approve=True)
    assert third.state is State.CONSOLIDATING


def test_a_returned_request_takes_another_file_and_starts_its_votes_anew(
    desk: AirlockDesk,
) -> None:
    request = desk.submitted()
    desk.airlock.review(request, CHECKERS[0], approve=True)
    desk.airlock.give_back(request, CHECKERS[1], "merge the oldest groups")
    assert desk.airlock.show(request, AUTHOR)["reason"] == "merge the oldest groups"
    other = desk.table_file([(46, 89), (77, 12), (25, 90)], "other.json")
    again = desk.airlock.submit(other, PERMIT, AUTHOR, replaces=request)
    assert (again.id, again.state, again.votes) == (request, State.CHECKED, ())
    desk.airlock.review(request, CHECKERS[0], approve=True)
    assert desk.airlock.review(request, CHECKERS[1], approve=True).state is State.APPROVED


def test_a_permit_may_ask_for_three_checkers(tmp_path) -> None:
    desk = AirlockDesk(tmp_path, checkers=3)
    request = desk.submitted()
    states = [desk.airlock.review(request, who, approve=True).state for who in CHECKERS]
    assert states == [State.IN_REVIEW, State.IN_REVIEW, State.APPROVED]


@pytest.mark.parametrize(
    ("actor", "reason"),
    [
        (AUTHOR, "not an output checker"),
        (COLLEAGUE, "belongs to the project"),
        (evolve(AUTHOR, roles={Role.OUTPUT_CHECKER}), "belongs to the project"),
        (AUDITOR, "not an output checker"),
    ],
)
def test_who_may_not_vote(desk: AirlockDesk, actor: Actor, reason: str) -> None:
    request = desk.submitted()
    with pytest.raises(Refused, match=reason):
        desk.airlock.review(request, actor, approve=True)


def test_a_checker_votes_once(desk: AirlockDesk) -> None:
    request = desk.submitted()
    desk.airlock.review(request, CHECKERS[0], approve=True)
    with pytest.raises(Refused, match="has voted on this set already"):
        desk.airlock.review(request, CHECKERS[0], approve=True)


def test_votes_of_others_stay_hidden_until_the_decision(desk: AirlockDesk) -> None:
    request = desk.submitted()
    desk.airlock.review(request, CHECKERS[0], approve=True, reason="fine")
    assert desk.airlock.show(request, CHECKERS[1])["votes"] == []
    assert desk.airlock.show(request, CHECKERS[0])["votes"][0]["reason"] == "fine"
    assert desk.airlock.show(request, AUTHOR)["votes"] == []
    desk.airlock.review(request, CHECKERS[1], approve=True)
    assert len(desk.airlock.show(request, AUTHOR)["votes"]) == 2


def test_only_checkers_see_the_cells(desk: AirlockDesk) -> None:
    request = desk.submitted()
    cells = desk.airlock.show(request, CHECKERS[0])["cells"]
    small = next(cell for cell in cells if cell["status"] == "small")
    assert small["attacker"].startswith("0..")
    assert "cells" not in desk.airlock.show(request, AUTHOR)
    assert "cells" not in desk.airlock.show(request, AUDITOR)
    with pytest.raises(Refused, match="belongs to the project"):
        desk.airlock.report(request, COLLEAGUE)
    with pytest.raises(Refused, match="is not concerned"):
        desk.airlock.show(request, Actor(id="citizen-1", roles={Role.CITIZEN}))


@pytest.mark.parametrize("act", ["submit", "review", "release"])
def test_nothing_moves_without_a_live_permit(desk: AirlockDesk, act: str) -> None:
    request = {"review": desk.submitted, "release": desk.approved}.get(act, lambda: "")()
    desk.clock.advance(timedelta(days=31))
    acts = {
        "submit": lambda: desk.airlock.submit(desk.table_file(), PERMIT, AUTHOR),
        "review": lambda: desk.airlock.review(request, CHECKERS[0], approve=True),
        "release": lambda: desk.airlock.release(request, CHECKERS[0], desk.folder / "out"),
    }
    with pytest.raises(Refused, match="is not live") as refusal:
        acts[act]()
    assert refusal.value.rule == "permit-not-live"
    assert not (desk.folder / "out").exists()


def test_the_same_files_are_not_handed_in_again_without_a_live_permit(desk: AirlockDesk) -> None:
    desk.submitted()
    desk.clock.advance(timedelta(days=31))
    with pytest.raises(Refused, match=r"`submit` is refused: .* / `submit` est refusé : ") as told:
        desk.airlock.submit(desk.table_file(), PERMIT, AUTHOR)
    assert told.value.rule == "permit-not-live"


def test_a_release_with_metadata_in_english_alone_is_written_again_as_it_was(
    desk: AirlockDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = desk.approved()
    with monkeypatch.context() as before:
        before.setattr("bercail.airlock.package.BOTH", crate_words.ENGLISH)
        desk.airlock.release(request, CHECKERS[0], desk.folder / "one")
    again = desk.airlock.release(request, CHECKERS[0], desk.folder / "two")
    one, two = (desk.folder / name / request / "data" for name in ("one", "two"))
    written = (one / "ro-crate-metadata.json").read_text("utf-8")
    assert written == (two / "ro-crate-metadata.json").read_text("utf-8")
    assert "Tableau protégé" not in written
    verify_package(Path(again["package"]), desk.airlock.public_keys())


def test_metadata_of_a_release_are_in_both_languages(desk: AirlockDesk) -> None:
    package = desk.released()
    text = (package / "data/ro-crate-metadata.json").read_text("utf-8")
    assert "Output checker's review: approved / Examen d'un vérificateur des sorties" in text
    assert "Protected table released under the permit" in text
    assert "Tableau protégé sorti sous le permis" in text


def test_taking_back_works_without_a_live_permit(desk: AirlockDesk) -> None:
    request = desk.submitted()
    desk.permits.suspend(PERMIT)
    with pytest.raises(Invalid, match="reason is needed"):
        desk.airlock.withdraw(request, AUTHOR, " ")
    assert desk.airlock.withdraw(request, AUTHOR, "a mistake").state is State.WITHDRAWN
    with pytest.raises(Refused, match="the request is withdrawn"):
        desk.airlock.withdraw(request, AUTHOR, "again")


def test_strangers_do_not_submit(desk: AirlockDesk) -> None:
    stranger = Actor(id="researcher-9", roles={Role.DATA_USER})
    with pytest.raises(Refused, match="not a data user of the project"):
        desk.airlock.submit(desk.table_file(), PERMIT, stranger)
    with pytest.raises(Missing, match="no permit `permit-9`"):
        desk.airlock.submit(desk.table_file(), "permit-9", AUTHOR)
    assert desk.journal.last() == 0


def test_a_changed_policy_asks_for_a_new_check(desk: AirlockDesk) -> None:
    request = desk.approved()
    desk.policy = evolve(desk.policy, version=2)
    with pytest.raises(Refused, match="policy has changed"):
        desk.airlock.release(request, CHECKERS[0], desk.folder / "out")


def test_the_written_statement_is_kept_and_released(desk: AirlockDesk) -> None:
    words = AnonymityStatement(
        singling_out="Nobody stands alone.",
        correlation="Nothing can be joined.",
        inference="No group is uniform.",
    )
    request = desk.airlock.submit(desk.table_file(), PERMIT, AUTHOR, statement=words).id
    assert desk.airlock.show(request, AUTHOR)["anonymity"] == words.as_dict()
    with pytest.raises(ValueError, match="singling_out"):
        evolve(words, singling_out="")


def test_requests_and_unknown_requests(desk: AirlockDesk) -> None:
    request = desk.submitted()
    assert [line["request"] for line in desk.airlock.records.requests()] == [request]
    with pytest.raises(Missing, match="request-none"):
        desk.airlock.show("request-none", AUTHOR)
    with pytest.raises(Missing):
        desk.airlock.submit(desk.table_file(), PERMIT, AUTHOR, replaces="request-none")


def test_many_requests_raise_an_alert(tmp_path) -> None:
    desk = AirlockDesk(tmp_path)
    desk.policy = evolve(desk.policy, alert_requests=2)
    request = ""
    for extra in range(3):
        request = desk.submitted([(40 + extra, 31), (20, 58)])
    assert desk.airlock.show(request, CHECKERS[0])["alerts"] == [
        "3 requests of this project within 7 days / 3 demandes de ce projet en 7 jours"
    ]
    desk.clock.advance(timedelta(days=8))
    assert len(desk.airlock.show(desk.submitted([(50, 31), (20, 58)]), AUTHOR)["alerts"]) == 1


def test_a_usual_cause_of_rejection_is_told_in_one_step_and_recorded(desk: AirlockDesk) -> None:
    path = desk.folder / "means.csv"
    path.write_text("group,mean\na,12.5\nb,14.1\n")
    with pytest.raises(Invalid, match="cause-no-context, cause-no-counts") as refusal:
        desk.airlock.submit(path, PERMIT, AUTHOR)
    assert "--context" in refusal.value.remedy
    assert "Ajoutez avec `--supporting`" in refusal.value.remedy
    kinds = [record.kind for record in desk.journal.read("airlock-project/diabetes")]
    assert kinds == ["OutputRefused"]
    assert list(desk.store.list()) == []


def test_several_files_leave_together_and_support_stays(desk: AirlockDesk) -> None:
    means, behind = desk.folder / "means.csv", desk.folder / "behind.csv"
    means.write_text("group,mean\na,12.5\nb,14.1\n")
    behind.write_text("group,n\na,7\nb,60\n")
    request = desk.airlock.submit(
        [desk.table_file(), means],
        PERMIT,
        AUTHOR,
        supporting=[behind],
        context="Mean age of the persons treated in 2025.",
    )
    assert (request.state, request.checked.verdict) == (State.CHECKED, "people")
    seen = desk.airlock.show(request.id, CHECKERS[0])["files"]
    assert [one["name"] for one in seen] == ["table.json", "means.csv", "behind.csv"]
    assert desk.airlock.records.read(request.id, "behind.csv", CHECKERS[0]).startswith(b"group,n")
    with pytest.raises(Missing):
        desk.airlock.records.read(request.id, "other.csv", CHECKERS[0])
    with pytest.raises(Refused):
        desk.airlock.records.read(request.id, "means.csv", AUTHOR)
    seen_by = [record.body["by"] for record in desk.journal.read(f"airlock-sight/{request.id}")]
    assert seen_by == ["checker-1", "checker-1"]
    for who in CHECKERS[:2]:
        desk.airlock.review(request.id, who, approve=True)
    desk.airlock.release(request.id, CHECKERS[0], desk.folder / "out")
    package = desk.folder / "out" / request.id
    shown = verify_package(package, desk.airlock.public_keys())
    assert shown.judged_by_people == ("outputs/means.csv",)
    assert (shown.cells, shown.hidden_cells) == (15, 4)
    assert (package / "data/outputs/means.csv").read_bytes() == means.read_bytes()
    assert not list(package.rglob("behind*"))


def test_an_author_may_insist_with_a_reason_and_checkers_see_it(desk: AirlockDesk) -> None:
    path = desk.folder / "counts.csv"
    path.write_text("group,n\na,121\nb,63\n")
    words = {"context": "Persons treated in 2025, by group."}
    with pytest.raises(Invalid, match="cause-unrounded"):
        desk.airlock.submit(path, PERMIT, AUTHOR, **words)
    request = desk.airlock.submit(path, PERMIT, AUTHOR, insisted="Published already.", **words)
    assert request.state is State.CHECKED
    report = desk.airlock.report(request.id, CHECKERS[0])
    assert report["insisted"] == "Published already."
    assert "cause-unrounded" in request.checked.rules


def test_names_that_clash_and_too_many_files_are_refused(desk: AirlockDesk) -> None:
    other = desk.folder / "table.csv"
    other.write_text("group,n\na,120\nb,60\n")
    with pytest.raises(Invalid, match="differ only"):
        desk.airlock.submit([desk.table_file(), other], PERMIT, AUTHOR, context="a b c d")
    with pytest.raises(Invalid) as refusal:
        desk.airlock.submit([], PERMIT, AUTHOR)
    assert refusal.value.rule == "output-names"


def test_a_revoked_release_is_recorded_marked_and_refused(desk: AirlockDesk) -> None:
    package = desk.released()
    request = package.name
    with pytest.raises(Refused):
        desk.airlock.revoke(request, AUTHOR, "I changed my mind")
    with pytest.raises(Invalid, match="reason is needed"):
        desk.airlock.revoke(request, CHECKERS[1], " ")
    old_keys = desk.airlock.public_keys()
    desk.airlock.revoke(request, CHECKERS[1], "a wrong cohort")
    verify_package(package, old_keys)
    with pytest.raises(Unproven, match="was revoked") as refusal:
        verify_package(package, desk.airlock.public_keys())
    assert refusal.value.rule == "package-revoked"
    desk.airlock.revoke(request, CHECKERS[1], "", package)
    with pytest.raises(Unproven, match="says itself"):
        verify_package(package, old_keys)
    assert desk.kinds(request).count("RequestRevoked") == 1
    assert desk.airlock.show(request, AUTHOR)["state"] == "revoked"
    with pytest.raises(Refused, match="the request is revoked"):
        desk.airlock.release(request, CHECKERS[0], desk.folder / "out")
    other = package.with_name("none")
    with pytest.raises(Missing):
        desk.airlock.revoke(request, CHECKERS[1], "", other)


def test_a_halted_project_lets_nothing_out(desk: AirlockDesk) -> None:
    from bercail.ledger.halting import HaltBook

    request = desk.approved()
    officer = Actor(id="officer-1", roles={Role.ACCESS_OFFICER})
    HaltBook(ledger=desk.ledger).halt("diabetes", "an incident", officer)
    with pytest.raises(Refused, match="`diabetes` is halted") as refusal:
        desk.airlock.release(request, CHECKERS[0], desk.folder / "out")
    assert refusal.value.rule == "LOG-07"
    HaltBook(ledger=desk.ledger).resume("diabetes", "over", officer)
    desk.airlock.release(request, CHECKERS[0], desk.folder / "out")


def test_a_permit_that_changes_after_the_check_changes_no_review(desk: AirlockDesk) -> None:
    request = desk.approved()
    permit = desk.permits.get(PERMIT, desk.clock.now())
    desk.permits.add(evolve(permit, checkers_required=3))
    first = desk.airlock.release(request, CHECKERS[0], desk.folder / "one")
    desk.permits.add(evolve(permit, checkers_required=4))
    again = desk.airlock.release(request, CHECKERS[0], desk.folder / "two")
    assert again["package_digest"] == first["package_digest"]
    # A review that begins now asks for what the permit says now.
    file = desk.folder / "other.json"
    file.write_text(json.dumps(document(((400, 310), (600, 580)), model_digest="cd" * 32)))
    second = desk.airlock.submit(file, PERMIT, AUTHOR).id
    for checker, state in zip(CHECKERS, (State.IN_REVIEW,) * 3, strict=True):
        assert desk.airlock.review(second, checker, approve=True).state is state


def test_the_policy_of_the_permit_is_the_one_that_decides(desk: AirlockDesk) -> None:
    permit = desk.permits.get(PERMIT, desk.clock.now())
    desk.permits.add(evolve(permit, policies=("rare-diseases",)))
    request = desk.airlock.submit(desk.table_file([(40, 31), (13, 58)]), PERMIT, AUTHOR)
    assert request.checked.hidden_cells == 4
    assert desk.airlock.report(request.id, CHECKERS[0])["policy"]["threshold"] == 15


def test_the_time_to_a_decision_is_measured(desk: AirlockDesk) -> None:
    request = desk.submitted()
    desk.clock.advance(timedelta(hours=3))
    for who in CHECKERS[:2]:
        desk.airlock.review(request, who, approve=True)
    desk.submitted([(50, 31), (20, 58)])
    figures = desk.airlock.records.figures()
    assert (figures["submissions"], figures["waiting"]) == (2, 1)
    hours = {"median_hours": "3.0", "longest_hours": "3.0"}
    minutes = {"median_minutes": 180.0, "longest_minutes": 180.0}
    assert figures["decisions"]["approved"] == {"number": 1, **minutes, **hours}
    assert figures["decisions"]["rejected"] == {"number": 0}


def test_a_decision_within_minutes_is_told_in_minutes(desk: AirlockDesk) -> None:
    request = desk.submitted()
    desk.clock.advance(timedelta(minutes=2, seconds=30))
    for who in CHECKERS[:2]:
        desk.airlock.review(request, who, approve=True)
    taken = desk.airlock.records.figures()["decisions"]["approved"]
    assert (taken["median_minutes"], taken["longest_minutes"]) == (2.5, 2.5)
    assert taken["median_hours"] == "0.0"


def test_a_table_that_gives_an_earlier_secret_away_is_quarantined(desk: AirlockDesk) -> None:
    """The same study a little later: the difference of two totals is one person."""
    first = desk.approved([(40, 31), (20, 58)])
    desk.airlock.release(first, CHECKERS[0], desk.folder / "out")
    path = desk.folder / "other.json"
    path.write_text(json.dumps(document([(41, 31), (20, 58)], snapshots=["ER_PRS_F@8"])))
    request = desk.airlock.submit(path, PERMIT, AUTHOR)
    assert request.state is State.QUARANTINED
    verdict = desk.airlock.show(request.id, CHECKERS[0])["differencing"]["table"]
    assert not verdict["allowed"]
    assert verdict["breaches"][0]["rule"] in request.checked.rules
    assert first in verdict["breaches"][0]["earlier"]


def other_cohort(desk: AirlockDesk, rows: list[tuple[int, int]], digest: str = "cd") -> str:
    path = desk.folder / f"{digest}.json"
    path.write_text(json.dumps(document(rows, model_digest=digest * 32)))
    return desk.airlock.submit(path, PERMIT, AUTHOR).id


def test_what_the_guard_cannot_decide_goes_to_people(desk: AirlockDesk) -> None:
    first = desk.approved([(40, 31), (20, 58)])
    desk.airlock.release(first, CHECKERS[0], desk.folder / "out")
    request = other_cohort(desk, [(140, 131), (120, 158)])
    shown = desk.airlock.show(request, CHECKERS[0])
    assert (shown["state"], shown["verdict"]) == ("checked", "people")
    assert "differencing-undecided" in shown["rules"]
    assert shown["differencing"]["table"]["people"]
    for checker in CHECKERS[:2]:
        desk.airlock.review(request, checker, approve=True)
    # The checkers were told: their votes stand.
    desk.airlock.release(request, CHECKERS[0], desk.folder / "out")


def test_a_reason_that_no_checker_was_told_refuses_the_release(desk: AirlockDesk) -> None:
    request = other_cohort(desk, [(140, 131), (120, 158)])
    for checker in CHECKERS[:2]:
        desk.airlock.review(request, checker, approve=True)
    first = desk.approved([(40, 31), (20, 58)])
    desk.airlock.release(first, CHECKERS[0], desk.folder / "out")
    with pytest.raises(Refused, match="Since the check") as refusal:
        desk.airlock.release(request, CHECKERS[0], desk.folder / "out")
    assert refusal.value.rule == "differencing-undecided"
    assert not (desk.folder / "out" / request).exists()


def test_a_blocked_table_is_quarantined(desk: AirlockDesk) -> None:
    path = desk.folder / "table.json"
    shape = document([(40, 31), (20, 58)])
    shape["dimensions"][0]["name"] = "BEN_NIR_PSA"
    path.write_text(json.dumps(shape))
    request = desk.airlock.submit(path, PERMIT, AUTHOR)
    assert request.state is State.QUARANTINED
    with pytest.raises(Refused, match="the request is quarantined"):
        desk.airlock.review(request.id, CHECKERS[0], approve=True)
    assert desk.airlock.give_back(request.id, CHECKERS[0], "no identifiers").state is State.RETURNED
