"""Requirements on applications, permits, objections and extracts, one test for each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from attrs import evolve

from bercail.access.permit import TEXT_ITEMS, Justification, Population
from bercail.foundation import Refused, Role
from bercail.testing.access_desk import (
    AXEL,
    BEN,
    CAMILLE,
    CLAIRE,
    ODILE,
    PHA,
    PRS,
    AccessDesk,
    application,
    level_one,
    rows_of,
    scope,
    stock,
    with_role,
)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[AccessDesk]:
    built = AccessDesk(tmp_path)
    yield stock(built)
    built.close()


def at(desk: AccessDesk, moment: datetime) -> None:
    desk.house.clock.advance(moment - desk.house.clock.now())


@pytest.mark.requirement("PER-01")
def test_a_missing_item_makes_an_application_incomplete_for_28_days_once(desk):
    """Persons, purpose, data and period cannot be absent (art. 67(2)); the rest is asked for."""
    access = desk.access
    for item in TEXT_ITEMS:
        identifier = access.file(application(**{item: ""}), CAMILLE)
        shown = access.show(identifier)
        assert shown["state"] == "awaiting_additional_information"
        assert shown["due"] == date(2026, 12, 19)
    for value in (lambda: application(members=()), lambda: application(ends=date(2026, 1, 1))):
        with pytest.raises(ValueError):
            value()
    at(desk, datetime(2026, 12, 19, 23, 59, tzinfo=UTC))
    access.complete(identifier, application(), CAMILLE)
    assert access.show(identifier)["state"] == "processing"
    with pytest.raises(Refused):
        access.complete(identifier, application(), CAMILLE)
    late = access.file(application(ethics=""), CAMILLE)
    desk.house.clock.advance(timedelta(days=29))
    with pytest.raises(Refused) as refused:
        access.complete(late, application(), CAMILLE)
    assert refused.value.rule == "PER-01"


@pytest.mark.requirement("PER-10")
def test_pseudonymised_data_are_justified_and_that_is_assessed(desk):
    """Every extract is pseudonymised, so none is cut without a reason that was judged."""
    unjustified = desk.access.file(application(why_pseudonymised=" "), CAMILLE)
    for act, given in (("give_opinion", {"favourable": True, "reasons": "r"}), ("grant", {})):
        with pytest.raises(Refused):
            desk.access.decide(unjustified, act, AXEL, **given)
    justified = desk.access.file(application(), CAMILLE)
    with pytest.raises(Refused, match="`processing`"):
        desk.access.decide(justified, "grant", AXEL)
    assert desk.decide_all(justified)


@pytest.mark.requirement("OPT-01")
def test_an_objection_binds_every_extraction_that_comes_after_it(desk):
    """Two permits on one timeline: no reason asked, respected from then on, reversible."""
    first, second = (desk.permit(scope=scope(BEN, PRS)) for _ in range(2))
    before = desk.access.extract(first, ODILE)
    told = desk.access.objections.register(level_one("ana-own"), CLAIRE)
    assert told.changed
    after = desk.access.extract(second, ODILE)
    assert (before.persons, after.persons) == (2, 1)
    assert (before.objections, after.objections) == (0, told.version)
    gone = {desk.delivered("ana"), desk.delivered("ana-own")}
    found = rows_of(desk.access.open_extract(second, CAMILLE))
    assert not gone & {value for rows in found.values() for row in rows for value in row.values()}
    # Approved and cut before: it stays as it was (EHDS art. 71(3)).
    assert desk.access.extract(first, ODILE) == before
    desk.access.objections.withdraw(level_one("ana-own"), CLAIRE)
    third = desk.permit(scope=scope(BEN, PRS))
    assert desk.access.extract(third, ODILE).persons == 2


@pytest.mark.requirement("PSE-02")
def test_two_projects_share_no_pseudonym_and_a_project_has_one_for_each_person(desk):
    """A join of two projects' extracts on any identifier is empty; within one it is complete."""
    asked = {"scope": scope(first_year=2022)}
    one, other = (desk.extract(project=name, **asked) for name in ("diabetes", "asthma"))
    again = desk.extract(project="diabetes", **asked)

    def identifiers(found):
        columns = ("NUM_ENQ", "NUM_ENQ_IDT")
        return {r[c] for rows in found.values() for r in rows for c in columns if c in r}

    assert len(identifiers(one)) == len(identifiers(other)) == 5
    assert not identifiers(one) & identifiers(other)
    platform = {desk.stored(name) for name in ("ana", "mum", "dad", "ana-own", "bob-own")}
    assert not platform & (identifiers(one) | identifiers(other))
    assert again == one
    register = {row["NUM_ENQ"] for row in one["IR_BEN_R"]}
    for name in ("ER_PRS_F", "IR_IMB_R", "T_MCO22C", "T_MCO23C"):
        assert {row["NUM_ENQ"] for row in one[name]} <= register
    flux = {row["FLX_DIS_DTD"].year: set() for row in one["ER_PRS_F"]}
    for row in one["ER_PRS_F"]:
        flux[row["FLX_DIS_DTD"].year].add(row["NUM_ENQ"])
    assert flux[2023] == flux[2024] == register


@pytest.mark.requirement("PSE-02")
def test_another_applicant_does_not_come_by_a_projects_pseudonyms(desk):
    """They go with the name of the project, which belongs to who took it first."""
    desk.permit()
    other = with_role("hugo", Role.APPLICANT)
    with pytest.raises(Refused) as refused:
        desk.access.file(application(applicant="hugo", members=("hugo",)), other)
    assert refused.value.rule == "PSE-02"


@pytest.mark.requirement("WSP-02")
def test_the_delivered_data_are_those_of_the_permit(desk):
    """Variables, years and population of the manifest and of the rows, against the permit."""
    asked = scope(PRS, PHA, first_year=2024, population=Population(born_until=1950))
    permit = desk.permit(scope=asked)
    made = desk.access.extract(permit, ODILE)
    store = desk.house.sealed("project", "diabetes")
    manifest = json.loads(store.read(f"{made.extract}/extract.json"))
    found = rows_of(desk.access.open_extract(permit, CAMILLE))
    assert (
        sorted(found) == [part["table"] for part in manifest["parts"]] == ["ER_PHA_F", "ER_PRS_F"]
    )
    granted = {table.table: table.columns for table in asked.tables}
    for part in manifest["parts"]:
        lake_names = ["BEN_NIR_PSA" if c == "NUM_ENQ" else c for c in part["columns"]]
        assert tuple(lake_names) == granted[part["table"]]
        assert all(list(row) == part["columns"] for row in found[part["table"]])
        assert part["rows"] == len(found[part["table"]])
    assert {row["NUM_ENQ"] for row in found["ER_PRS_F"]} == {desk.delivered("ana")}
    assert {row["EXE_SOI_DTD"].year for row in found["ER_PRS_F"]} == {2024}


@pytest.mark.requirement("WSP-02")
@pytest.mark.parametrize("column", ["BEN_DCD_DTE", "BEN_RES_COM", "BEN_NAI_MOI"])
def test_a_potential_identifier_is_blocked_unless_it_is_named(desk, column):
    wider = evolve(BEN, columns=(*BEN.columns, column))
    with pytest.raises(Refused) as refused:
        desk.access.file(application(scope=scope(wider)), CAMILLE)
    assert refused.value.rule == "WSP-02"
    named = evolve(wider, potential_identifiers=(column,))
    assert desk.access.file(application(scope=scope(named)), CAMILLE)


@pytest.mark.requirement("WSP-02")
def test_kinds_of_potential_identifiers_are_not_crossed_without_a_justification(desk):
    """Month of birth and commune together single a person out: one kind at a time, or reasons."""
    both = ("BEN_NAI_MOI", "BEN_RES_COM")
    wider = evolve(BEN, columns=(*BEN.columns, *both), potential_identifiers=both)
    with pytest.raises(Refused, match="`birth_month` and `residence_commune`") as refused:
        desk.access.file(application(scope=scope(wider)), CAMILLE)
    assert refused.value.rule == "WSP-02"
    reasons = tuple(
        Justification(category=kind, reason="Exposure by place and season of birth.")
        for kind in ("birth_month", "residence_commune")
    )
    justified = evolve(scope(wider), justifications=reasons)
    identifier = desk.access.file(application(scope=justified), CAMILLE)
    permit = desk.decide_all(identifier)
    assert permit


@pytest.mark.requirement("IAM-04")
def test_access_ends_with_the_permit_by_itself(desk):
    """At the end nothing opens, and what is open reads no more."""
    permit = desk.permit(scope=scope(BEN))
    desk.access.extract(permit, ODILE)
    (source,) = desk.access.open_extract(permit, CAMILLE).tables.values()
    mounted = source.filesystem.open(source.urls[0])
    assert mounted.read(4) == b"PAR1"
    at(desk, datetime(2026, 12, 1, tzinfo=UTC))
    for act in (
        lambda: mounted.read(4),
        lambda: source.filesystem.open(source.urls[0]).read(4),
        lambda: desk.access.open_extract(permit, CAMILLE),
        lambda: desk.access.extract(permit, ODILE),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.rule == "IAM-04"
