"""The desk: filing, completing, deciding; projects and their names; killed and raced extracts."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from bercail.access.events import ExtractMade
from bercail.access.extract import Cutter
from bercail.access.permit import Purpose, TableScope
from bercail.access.sealed_names import extract_names
from bercail.foundation import Invalid, Missing, Refused, Role, Unavailable
from bercail.lake import Resealing
from bercail.ledger.halting import HaltBook
from bercail.testing.access_desk import (
    AXEL,
    BEN,
    CAMILLE,
    CESREES,
    CLAIRE,
    CNIL,
    NOOR,
    ODILE,
    PRS,
    application,
    level_one,
    rows_of,
    scope,
    with_role,
)
from bercail.testing.fate import Killed

OTHER = with_role("hugo", Role.APPLICANT)


def state(desk, identifier):
    return desk.access.show(identifier)["state"]


def test_an_application_goes_its_way_to_a_permit(desk):
    identifier = desk.access.file(application(ethics=""), CAMILLE)
    assert desk.access.show(identifier)["due"].isoformat() == "2026-12-19"
    seen = [state(desk, identifier)]
    desk.access.complete(identifier, application(), CAMILLE)
    seen.append(state(desk, identifier))
    permit = desk.decide_all(identifier)
    shown = desk.access.show(identifier)
    assert [*seen, shown["state"]] == ["awaiting_additional_information", "processing", "granted"]
    assert shown["permit"] == permit
    assert shown["live"] is True


def test_nobody_files_in_the_name_of_another(desk):
    with pytest.raises(Refused) as refused:
        desk.access.file(application(), OTHER)
    assert refused.value.rule == "IAM-01"


def test_a_wrong_scope_is_refused_at_the_door_and_when_completing(desk):
    asked = scope(TableScope(table="IR_BEN_R", columns=("ASS_NIR_ANO",)))
    with pytest.raises(Refused, match="never delivered"):
        desk.access.file(application(scope=asked), CAMILLE)
    assert desk.house.ledger.history() == ()
    waiting = desk.access.file(application(ethics=""), CAMILLE)
    with pytest.raises(Refused, match="never delivered"):
        desk.access.complete(waiting, application(scope=asked), CAMILLE)
    assert state(desk, waiting) == "awaiting_additional_information"


def test_the_time_to_complete_ends(desk):
    identifier = desk.access.file(application(ethics=""), CAMILLE)
    desk.house.clock.advance(timedelta(days=28))
    with pytest.raises(Refused, match="until 2026-12-19"):
        desk.access.decide(identifier, "refuse", AXEL, reasons="Incomplete.")
    desk.house.clock.advance(timedelta(days=1))
    with pytest.raises(Refused) as late:
        desk.access.complete(identifier, application(), CAMILLE)
    assert late.value.rule == "PER-01"
    desk.access.decide(identifier, "refuse", AXEL, reasons="Incomplete.")
    assert state(desk, identifier) == "refused"


def test_decisions_need_their_parts(desk):
    identifier = desk.access.file(application(), CAMILLE)
    with pytest.raises(Invalid, match="`favourable`"):
        desk.access.decide(identifier, "give_opinion", CESREES, reasons="r")
    assert state(desk, identifier) == "processing"


def test_an_unfavourable_opinion_ends_the_dossier(desk):
    identifier = desk.access.file(application(), CAMILLE)
    desk.access.decide(identifier, "give_opinion", CESREES, favourable=False, reasons="Unsound.")
    with pytest.raises(Refused, match="`refused`"):
        desk.access.decide(identifier, "authorise", CNIL, authorised=True, reference="n")


def test_two_decisions_at_once_are_one(desk):
    """The slower of two officers finds that the journal has moved."""
    identifier = desk.access.file(application(), CAMILLE)
    ledger = desk.house.ledger
    append, raced = ledger.append, []

    def slower(stream, expected, events, actor):
        if not raced:
            raced.append(True)
            desk.access.decide(identifier, "refuse", AXEL, reasons="No.")
        return append(stream, expected, events, actor)

    ledger.append = slower
    with pytest.raises(Refused) as refused:
        desk.access.decide(identifier, "give_opinion", CESREES, favourable=True, reasons="Yes.")
    assert refused.value.rule == "journal-conflict"
    assert state(desk, identifier) == "refused"


def test_an_application_that_does_not_exist_is_missing(desk):
    for act in (
        lambda: desk.access.show("application-none"),
        lambda: desk.access.complete("application-none", application(), CAMILLE),
        lambda: desk.access.decide("application-none", "grant", AXEL),
    ):
        with pytest.raises(Missing, match="application-none"):
            act()


def test_the_name_of_a_project_belongs_to_its_first_applicant(desk):
    desk.access.file(application(), CAMILLE)
    desk.access.file(application(title="A second part"), CAMILLE)
    taken = application(applicant=OTHER.id, members=(OTHER.id,))
    with pytest.raises(Refused, match="`diabetes` is taken") as refused:
        desk.access.file(taken, OTHER)
    assert refused.value.rule == "PSE-02"
    assert len(desk.house.ledger.streams("application/")) == 2


def test_a_wrong_application_takes_no_name(desk):
    with pytest.raises(Refused):
        desk.access.file(application(purpose=Purpose.POLICY), CAMILLE)
    desk.access.file(application(applicant=OTHER.id, members=(OTHER.id,)), OTHER)


@pytest.mark.parametrize("actor", [NOOR, AXEL, CLAIRE, with_role("noor", Role.OPERATOR)])
def test_only_an_operator_outside_the_project_cuts_an_extract(stocked, actor):
    permit = stocked.permit()
    with pytest.raises(Refused) as refused:
        stocked.access.extract(permit, actor)
    assert refused.value.rule == "IAM-05"


def dying_at_the_end(ledger):
    """Records everything until the extract itself is to be recorded."""
    append = ledger.append

    def recorded(stream, expected, events, actor):
        if isinstance(events[0], ExtractMade):
            raise Killed
        return append(stream, expected, events, actor)

    return recorded


def dying(host, after):
    """The host's `put` until the process is killed before the put number `after`."""
    put, left = host.put, [after]

    def count(*given, **named):
        if not left[0]:
            raise Killed
        left[0] -= 1
        return put(*given, **named)

    return count


def expected(desk, permit):
    """What an extraction that nobody kills records; cut into another place."""
    house = desk.house
    cutter = Cutter(
        lake=house.lake,
        registry=house.registry,
        keys=house.keys,
        sealed=house.sealed("elsewhere", "elsewhere"),
        used=lambda _: None,
    )
    found, _ = desk.access.find_permit(permit, house.clock.now())
    return cutter.cut(found, desk.access.objections.current(), 1)


def objects(desk):
    return {info.name for info in desk.house.host.list()}


@pytest.mark.parametrize("puts", range(8))
def test_an_extraction_killed_anywhere_and_run_again_gives_the_same(stocked, puts, monkeypatch):
    """Six tables and a manifest: killed before each of them, and before the event."""
    permit = stocked.permit()
    made = expected(stocked, permit)
    before = objects(stocked)
    ledger = stocked.house.ledger
    with monkeypatch.context() as death:
        if puts < 7:
            death.setattr(stocked.house.host, "put", dying(stocked.house.host, puts))
        else:
            death.setattr(ledger, "append", dying_at_the_end(ledger))
        with pytest.raises(Killed):
            stocked.access.extract(permit, ODILE)
    with pytest.raises(Missing):
        stocked.access.open_extract(permit, CAMILLE)
    assert len(objects(stocked) - before) == puts
    assert stocked.access.extract(permit, ODILE) == made
    assert len(objects(stocked) - before) == 7
    found = rows_of(stocked.access.open_extract(permit, CAMILLE))
    assert {name: len(rows) for name, rows in found.items()} == made.rows
    stream = f"application/{permit.replace('permit', 'application')}"
    kinds = [record.kind for record in ledger.history(stream)]
    assert kinds[-2:] == ["ExtractMade", "ExtractOpened"]
    assert kinds.count("ExtractMade") == 1


def test_an_objection_between_a_killed_run_and_the_next_is_respected(own):
    permit = own.permit(scope=scope(BEN, PRS))
    host = own.house.host
    host.put = dying(host, 2)
    with pytest.raises(Killed):
        own.access.extract(permit, ODILE)
    del host.put
    own.access.objections.register(level_one("bob-own"), CLAIRE)
    made = own.access.extract(permit, ODILE)
    assert (made.persons, made.rows) == (1, {"ER_PRS_F": 3, "IR_BEN_R": 1})
    found = rows_of(own.access.open_extract(permit, CAMILLE))
    assert {row["NUM_ENQ"] for rows in found.values() for row in rows} == {own.delivered("ana")}


def test_two_operators_at_once_make_one_extract(registered):
    """The slower one, who saw another registry, replaces nothing of the recorded extract."""
    permit = registered.permit(scope=scope(BEN))
    recorded = []

    def meanwhile(_label, done, _total):
        if done == 0:
            registered.access.objections.register(level_one("ana-own"), CLAIRE)
            faster = with_role("oscar", Role.OPERATOR)
            recorded.append(registered.access.extract(permit, faster))

    made = registered.access.extract(permit, ODILE, meanwhile)
    assert [made] == recorded
    assert made.persons == 1
    assert len(rows_of(registered.access.open_extract(permit, CAMILLE))["IR_BEN_R"]) == 2


def test_a_secret_renewed_while_an_extract_is_cut_mixes_no_pseudonyms(registered):
    """The slower extract is wholly under one secret, and replaces nothing of the faster one."""
    permit = registered.permit(scope=scope(BEN))
    registered.extract(scope=scope(BEN))
    recorded = []

    def meanwhile(_label, done, _total):
        if done == 0:
            house = registered.house
            house.project_tables().renew("diabetes", ODILE, reason="suspicion")
            faster = with_role("oscar", Role.OPERATOR)
            recorded.append(registered.access.extract(permit, faster))

    assert [registered.access.extract(permit, ODILE, meanwhile)] == recorded
    found = rows_of(registered.access.open_extract(permit, CAMILLE))
    known = {registered.delivered(name) for name in ("ana", "mum", "dad")}
    assert {row["NUM_ENQ"] for row in found["IR_BEN_R"]} == known


def test_a_permit_revoked_while_its_extract_is_cut_has_none(registered):
    permit = registered.permit(scope=scope(BEN))
    identifier = permit.replace("permit", "application")

    def revoke(_label, done, total):
        if done == total:
            registered.access.decide(identifier, "revoke", AXEL, reasons="Misuse.")

    with pytest.raises(Refused) as refused:
        registered.access.extract(permit, ODILE, revoke)
    assert refused.value.rule == "PER-11"
    assert registered.access.show(identifier)["extract"] is None


def test_a_halted_project_gets_and_opens_no_extract(registered):
    book = HaltBook(ledger=registered.house.ledger)
    permit, project = registered.permit(scope=scope(BEN)), "diabetes"

    def halt(_label, done, total):
        if done == total and not book.is_halted(project):
            book.halt(project, "an incident", AXEL)

    for meanwhile in (halt, None):
        with pytest.raises(Refused, match=f"`{project}` is halted") as refused:
            registered.access.extract(permit, ODILE, meanwhile)
        assert refused.value.rule == "LOG-07"
    assert registered.access.show(permit.replace("permit", "application"))["extract"] is None
    book.resume(project, "over", AXEL)
    made = registered.access.extract(permit, ODILE)
    book.halt(project, "another incident", AXEL)
    with pytest.raises(Refused, match="is halted"):
        registered.access.open_extract(permit, CAMILLE)
    with pytest.raises(Refused, match="is halted"):
        registered.access.extract(permit, ODILE)
    book.resume(project, "over", AXEL)
    assert registered.access.extract(permit, ODILE) == made
    assert registered.access.open_extract(permit, CAMILLE)


def test_a_host_that_fails_passes_through(registered):
    permit = registered.permit(scope=scope(BEN))
    host = registered.house.host

    def down(*_, **__):
        raise Unavailable("The host does not answer.", remedy="Wait.")

    host.put = down
    with pytest.raises(Unavailable):
        registered.access.extract(permit, ODILE)
    del host.put
    assert registered.access.extract(permit, ODILE).persons == 2


def test_no_error_or_event_of_the_desk_holds_a_pseudonym(own):
    own.extract()
    told = json.dumps([record.body for record in own.house.ledger.history()])
    for name in ("ana", "mum", "dad", "ana-own", "bob-own"):
        assert own.stored(name) not in told
        assert own.delivered(name) not in told


@pytest.mark.requirement("PSE-04")
def test_every_use_of_a_secret_is_told_before_it_is_used(registered):
    registered.access.objections.register(level_one("nobody"), CLAIRE)
    permit = registered.permit(scope=scope(BEN))
    made = registered.access.extract(permit, ODILE)
    registered.access.extract(permit, ODILE)
    used = [r for r in registered.house.ledger.history("vault/uses/") if r.kind == "SecretUsed"]
    assert [(r.actor, r.body) for r in used] == [
        (
            CLAIRE.id,
            {
                "kind": "pseudonym",
                "scope": "level-2",
                "epoch": 1,
                "purpose": "objection",
                "subject": "registry of objections",
                "identifiers": 1,
            },
        ),
        (
            ODILE.id,
            {
                "kind": "pseudonym",
                "scope": "project/diabetes",
                "epoch": 1,
                "purpose": "extract",
                "subject": made.extract,
                "identifiers": None,
            },
        ),
    ]
    positions = {r.kind: r.position for r in registered.house.ledger.history()}
    assert positions["SecretUsed"] < positions["ExtractMade"]


def test_a_desk_that_only_shows_takes_no_pseudonym_secret(desk):
    kinds = {(entry.kind, entry.scope) for entry in desk.house.keys.entries()}
    assert ("pseudonym", "level-2") not in kinds
    desk.access.objections.current()
    assert {(e.kind, e.scope) for e in desk.house.keys.entries()} == kinds


def test_a_project_is_sealed_again_whole(registered):
    permit = registered.permit(scope=scope(BEN))
    registered.access.extract(permit, ODILE)
    before = rows_of(registered.access.open_extract(permit, CAMILLE))
    house = registered.house
    sealed = house.sealed("project", "diabetes")
    assert extract_names(sealed, house.ledger, "another") == []
    registered.permit(project="another", scope=scope(BEN))
    names = extract_names(sealed, house.ledger, "diabetes")
    found = Resealing(
        house.host, house.keys, "project", "diabetes", lambda: names, house.randomness
    ).run()
    assert (found.resealed, found.left, found.unlisted) == (len(names), (), 0)
    assert len(found.destroyed) == 1
    assert rows_of(registered.access.open_extract(permit, CAMILLE)) == before
