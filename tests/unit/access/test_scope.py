"""A scope against the catalogue: what may be granted, and which tables lead to a person."""

from __future__ import annotations

import pytest
from attrs import evolve

from bercail import catalogue
from bercail.access.permit import DataScope, Justification, Population, TableScope
from bercail.access.route import Way, find_route
from bercail.access.scope import reached, require_grantable
from bercail.foundation import Invalid, Missing, Refused
from bercail.testing.access_desk import ALL_TABLES, BEN, PRS, scope

REGISTRY = catalogue.load()


def table(name: str, *columns: str, potential: tuple[str, ...] = ()) -> TableScope:
    return TableScope(table=name, columns=columns, potential_identifiers=potential)


def test_what_the_tests_ask_for_may_be_granted():
    require_grantable(scope(), REGISTRY)


@pytest.mark.parametrize(
    "asked",
    [
        table("IR_BEN_R", "BEN_NIR_PSA", "ASS_NIR_ANO"),
        table("T_MCOaaC", "NIR_ANO_17", "NIR_ANO_MAM"),
        table("T_MCOaaC", "IPP_BEN_ANO"),
    ],
)
def test_columns_that_are_never_delivered_are_refused(asked):
    with pytest.raises(Refused, match="never delivered") as refused:
        require_grantable(scope(asked), REGISTRY)
    assert refused.value.rule == "PSE-07"


def test_naming_a_withheld_column_as_potential_identifier_does_not_grant_it():
    asked = table("IR_BEN_R", "ASS_NIR_ANO", potential=("ASS_NIR_ANO",))
    with pytest.raises(Refused, match="never delivered"):
        require_grantable(scope(asked), REGISTRY)


def test_potential_identifiers_are_granted_one_by_one():
    both = ("BEN_DCD_DTE", "BEN_RES_COM")
    with pytest.raises(Refused, match="BEN_RES_COM") as refused:
        require_grantable(scope(table("IR_BEN_R", *both, potential=both[:1])), REGISTRY)
    assert refused.value.rule == "WSP-02"
    require_grantable(scope(table("IR_BEN_R", both[0], potential=both[:1])), REGISTRY)


def crossing(*reasons: tuple[str, str]) -> DataScope:
    """An exact day of death in one table and an exact day of care in another."""
    stay = table("T_MCOaaC", "NIR_ANO_17", "EXE_SOI_DTD", potential=("EXE_SOI_DTD",))
    asked = scope(table("IR_BEN_R", "BEN_DCD_DTE", potential=("BEN_DCD_DTE",)), stay)
    justified = tuple(Justification(category=kind, reason=reason) for kind, reason in reasons)
    return evolve(asked, justifications=justified)


def test_several_kinds_of_potential_identifiers_are_each_justified():
    """The default of the SNDS is one kind at a time, whatever the table."""
    both = (("care_date", "Delay from stay to death."), ("death_date", "The end of follow-up."))
    require_grantable(crossing(*both), REGISTRY)
    for reasons, lacking in (((), "care_date, death_date"), (both[:1], "death_date")):
        with pytest.raises(Refused, match="crosses `care_date` and `death_date`") as refused:
            require_grantable(crossing(*reasons), REGISTRY)
        assert refused.value.rule == "WSP-02"
        assert refused.value.remedy.endswith(f"justifications: {lacking}.")
    with pytest.raises(Refused, match="crosses"):
        require_grantable(crossing(both[0], ("death_date", "  ")), REGISTRY)


def test_several_columns_of_one_kind_need_no_justification():
    days = ("EXE_SOI_DTD", "EXE_SOI_DTF", "ENT_DAT")
    require_grantable(scope(table("T_MCOaaC", *days, potential=days)), REGISTRY)


def test_a_justification_names_a_kind_once_and_a_known_one():
    with pytest.raises(Invalid, match="`shoe_size` is no kind"):
        require_grantable(crossing(("shoe_size", "Why not.")), REGISTRY)
    with pytest.raises(ValueError, match="justified twice"):
        crossing(("care_date", "One."), ("care_date", "Two."))


@pytest.mark.parametrize("asked", [table("ER_PRS", "A"), table("ER_PRS_F", "BEN_NIR_PSU")])
def test_what_the_catalogue_does_not_know_is_missing(asked):
    with pytest.raises(Missing):
        require_grantable(scope(asked), REGISTRY)


def test_a_scope_names_families_not_years():
    with pytest.raises(Invalid, match="`T_MCO23C` is one year of `T_MCOaaC`"):
        require_grantable(scope(table("T_MCO23C", "NIR_ANO_17")), REGISTRY)


@pytest.mark.parametrize("name", ["DA_PRA_R", "T_MCOaaE", "NS_PRS_F", "KI_CCI_R", "CT_IND_AAAA_GN"])
def test_a_table_whose_lines_lead_to_nobody_is_refused(name):
    column = REGISTRY.table(name).columns[0].name
    with pytest.raises(Refused, match="lead to no person") as refused:
        require_grantable(scope(table(name, column)), REGISTRY)
    assert refused.value.rule == "WSP-02"


def claims_key():
    """A claim leads to its care lines without the number of the line and the kind of affectation.

    The guide of the CNAM and the Oracle catalogue say seven columns; the public schema says nine.
    """
    lines = REGISTRY.table("ER_PRS_F").key
    return tuple(name for name in lines if name not in ("PRS_ORD_NUM", "REM_TYP_AFF"))


def test_trap_6_claims_lead_to_their_person_by_seven_columns():
    route = find_route(REGISTRY.table("ER_DCT_F"), REGISTRY)
    assert route is not None
    assert (route.way, route.parent, len(route.key)) == (Way.PARENT, "ER_PRS_F", 7)
    assert route.key == claims_key()


def test_every_table_of_the_catalogue_has_a_sound_route_or_none():
    """A route compares columns that both ends have, and ends at the person."""
    ways = {}
    for family in REGISTRY.tables.values():
        route = find_route(family, REGISTRY)
        if route is None:
            continue
        ways.setdefault(route.way, []).append(family.name)
        assert all(family.has_column(name) for name in (*route.key, *(route.days or ())))
        if route.way is Way.PARENT:
            parent = REGISTRY.table(route.parent)
            claims = family.name == "ER_DCT_F"
            assert route.key == (claims_key() if claims else parent.key)
            assert find_route(parent, REGISTRY).way in (Way.PERSON, Way.STAY)
    assert ways[Way.PERSON] == ["ER_PRS_F", "IR_BEN_R", "IR_IMB_R"]
    assert {"T_MCOaaC", "T_MCOaaCSTC", "T_SSRaaC", "T_HADaaC", "T_RIPaaC"} <= set(ways[Way.STAY])
    assert {"ER_PHA_F", "T_MCOaaB", "T_MCOaaD", "T_MCOaaUM", "T_SSRaaB", "T_MCOaaFBSTC"} <= set(
        ways[Way.PARENT]
    )


def test_reached_are_the_tables_of_the_scope_in_its_years():
    held = ("IR_BEN_R", "ER_PRS_F", "ER_PHA_F", "IR_IMB_R", "T_MCO22C", "T_MCO23C", "T_MCO24C")
    held += ("T_MCO25C", "T_MCO23B", "ER_UCD_F", "T_MCO23D")
    found = reached(scope(*ALL_TABLES), held, REGISTRY)
    assert [one.name for one in found] == [
        "ER_PHA_F",
        "ER_PRS_F",
        "IR_BEN_R",
        "IR_IMB_R",
        "T_MCO23B",
        "T_MCO23C",
        "T_MCO24C",
    ]
    assert {one.name: one.parent for one in found if one.parent} == {
        "ER_PHA_F": "ER_PRS_F",
        "T_MCO23B": "T_MCO23C",
    }


def test_an_extract_is_not_cut_without_a_table_of_its_permit():
    with pytest.raises(Missing, match="nothing of `T_MCOaaC` in the years"):
        reached(scope(), ("IR_BEN_R", "ER_PRS_F", "ER_PHA_F", "IR_IMB_R", "T_MCO22C"), REGISTRY)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: table("IR_BEN_R"),
        lambda: table("IR_BEN_R", "BEN_NIR_PSA", "BEN_NIR_PSA"),
        lambda: table("IR_BEN_R", "BEN_NIR_PSA", potential=("BEN_DCD_DTE",)),
        lambda: DataScope(tables=(), first_year=2023, last_year=2024),
        lambda: scope(BEN, BEN),
        lambda: scope(PRS, first_year=2025),
        lambda: Population(born_from=1990, born_until=1989),
        lambda: Population(departments=("75",)),
        lambda: Population(departments=("'; DROP TABLE x --",)),
    ],
)
def test_a_wrong_scope_cannot_exist(wrong):
    with pytest.raises(ValueError):
        wrong()
