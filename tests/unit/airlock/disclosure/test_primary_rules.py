"""Each primary rule on each side of its limit, its words, and the signed policy."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from bercail.airlock.disclosure.policy import SNDS
from bercail.airlock.disclosure.rules.catalogue import RULES
from bercail.airlock.disclosure.rules.cells import cell_rules, margin_of_safety, primary_cells
from bercail.airlock.disclosure.rules.source_policy import (
    SNDS_SOURCE,
    SOURCES,
    SourcePolicy,
    open_policy,
    policy_from_dict,
    signed_policy,
    strictest_source,
)
from bercail.airlock.disclosure.rules.statistics import (
    SurvivalStep,
    coarser_steps,
    extreme,
    mean,
    model,
    percentile,
    ratio,
    survival,
    zone_map,
)
from bercail.airlock.disclosure.tables.dimension import flat
from bercail.airlock.disclosure.tables.typed import (
    PERSONS,
    Measure,
    TypedCell,
    TypedTable,
    completed,
)
from bercail.foundation import Invalid, Secret, Unproven
from bercail.vault import DualSigner

STAYS = Measure(name="stays", kind="records", unit="stays")
EUROS = Measure(name="cost", kind="sum", unit="euros")


def broken(measure: Measure, policy: SourcePolicy = SNDS_SOURCE, **cell: object) -> set[str]:
    table = TypedTable(name="t", dimensions=(flat("d", ("a",)),), measure=measure, cells={})
    return {rule for rule, _ in cell_rules(table, TypedCell(**cell), policy)}


def test_every_rule_speaks_both_languages_and_names_its_source() -> None:
    for name, rule in RULES.items():
        assert rule.id == name
        assert rule.source
        assert rule.en.endswith(".")
        assert rule.fr.endswith(".")
        assert rule.en != rule.fr
        assert set(rule.as_dict()) == {"id", "source", "en", "fr"}


@pytest.mark.requirement("EXP-03")
@pytest.mark.parametrize(("persons", "hidden"), [(0, False), (1, True), (10, True), (11, False)])
def test_persons_threshold(persons: int, hidden: bool) -> None:
    assert ("persons-threshold" in broken(PERSONS, value=persons, persons=persons)) is hidden


def test_records_are_no_persons() -> None:
    """Twelve stays of one person pass a count of records; here they do not."""
    assert broken(STAYS, value=12, persons=1) == {"persons-threshold"}
    assert broken(STAYS, value=12, persons=11) == set()
    assert broken(STAYS, value=12) == {"persons-unknown"}
    assert broken(STAYS, value=10) == {"persons-unknown", "persons-threshold"}
    assert broken(STAYS, value=0) == set()
    euros = {"value": 900, "persons": 40, "top": (50.0, 40.0)}
    assert broken(EUROS, **euros, records=10) == {"persons-threshold"}
    assert broken(EUROS, **euros, records=11) == set()


@pytest.mark.parametrize("name", ["establishments", "prescribers"])
@pytest.mark.parametrize(("number", "hidden"), [(0, False), (1, True), (2, True), (3, False)])
def test_establishments_and_prescribers(name: str, number: int, hidden: bool) -> None:
    found = broken(STAYS, value=90, persons=50, **{name: number})
    assert (f"{name}-threshold" in found) is hidden


@pytest.mark.parametrize(("greatest", "hidden"), [(85.0, False), (85.01, True)])
def test_dominance(greatest: float, hidden: bool) -> None:
    policy = evolve(SNDS_SOURCE, p_percent=0)
    found = broken(EUROS, policy, value=100, persons=40, top=(greatest, 5.0))
    assert ("dominance" in found) is hidden


def test_dominance_of_two() -> None:
    policy = evolve(SNDS_SOURCE, dominance_units=2, p_percent=0)
    assert "dominance" in broken(EUROS, policy, value=100, persons=40, top=(50.0, 36.0))
    assert "dominance" not in broken(EUROS, policy, value=100, persons=40, top=(50.0, 35.0))


@pytest.mark.parametrize(("second", "hidden"), [(46.0, False), (46.1, True)])
def test_p_percent(second: float, hidden: bool) -> None:
    """The rest is 100 - 50 - second; p = 8 % of 50 is 4."""
    policy = evolve(SNDS_SOURCE, p_percent=8)
    found = broken(EUROS, policy, value=100, persons=40, top=(50.0, second))
    assert ("p-percent" in found) is hidden


def test_unknown_contributors_go_to_people() -> None:
    assert broken(EUROS, value=100, persons=40) == {"contributors-unknown"}
    assert broken(EUROS, value=-5, persons=40, top=(1.0,)) == {"contributors-unknown"}
    assert broken(EUROS, value=0, persons=0) == set()


def test_a_single_known_contributor_says_nothing_of_the_second() -> None:
    """Of 100, the first gives 50: the rest without a second may be anything from 0 to 50."""
    assert broken(EUROS, value=100, persons=40, top=(50.0,)) == {"contributors-unknown"}
    assert broken(EUROS, value=100, persons=40, top=(50.0, 20.0)) == set()
    # What is broken whatever the second gives stays hidden.
    assert broken(EUROS, value=100, persons=40, top=(95.0,)) == {"dominance", "p-percent"}
    assert "contributors-unknown" not in broken(EUROS, value=100, persons=40, top=(100.0,))
    policy = evolve(SNDS_SOURCE, dominance_units=3, p_percent=0)
    assert broken(EUROS, policy, value=100, persons=40, top=(30.0, 20.0)) == {
        "contributors-unknown"
    }


def test_what_the_author_withheld_breaks_nothing() -> None:
    assert broken(PERSONS, value=None, withheld=True) == set()


def classes(values: dict[str, int], policy: SourcePolicy) -> set[tuple[str, str, str | None]]:
    table = completed(
        TypedTable(
            name="t",
            dimensions=(flat("d", tuple(values)),),
            measure=PERSONS,
            cells={(code,): TypedCell(value=n, persons=n) for code, n in values.items()},
        )
    )
    return {
        (flag.rule, flag.effect, flag.key[0])
        for flag in primary_cells(table, policy)
        if flag.rule in ("zero-cell", "full-cell")
    }


def test_zero_and_full_cells_are_class_disclosure() -> None:
    assert classes({"a": 11, "b": 0}, SNDS_SOURCE) == {
        ("zero-cell", "note", "b"),
        ("full-cell", "note", "a"),
    }
    # A group under the threshold is hidden as a whole; nothing more is said of it.
    assert classes({"a": 10, "b": 0}, SNDS_SOURCE) == set()
    assert classes({"a": 11, "b": 12}, SNDS_SOURCE) == set()
    strict = evolve(SNDS_SOURCE, zero_cells="hide", full_cells="allow")
    assert classes({"a": 30, "b": 0}, strict) == {("zero-cell", "hide", "b")}


def test_the_margin_of_safety_is_what_the_rules_lack() -> None:
    """38 of 40: 38 / 0.85 - 40 = 4.71, as tau-ARGUS computes; else ten per cent."""
    dominated = TypedCell(value=40, persons=6, top=(38.0, 0.4))
    assert margin_of_safety(dominated, SNDS_SOURCE, 4000) == 471
    assert margin_of_safety(TypedCell(value=30, persons=2), SNDS_SOURCE, 3000) == 300
    assert margin_of_safety(TypedCell(value=0, persons=0), SNDS_SOURCE, 0) == 1


def test_minimum_and_maximum() -> None:
    assert extreme("Max") == extreme("p100") == extreme("minimum") == ("extreme",)
    assert extreme("median") == ()


@pytest.mark.parametrize(
    ("persons", "percent", "hidden"),
    [(22, 50, False), (21, 50, True), (110, 10, False), (109, 10, True), (110, 90, False),
     (109, 90, True)],
)  # fmt: skip
def test_percentiles_have_persons_on_each_side(persons: int, percent: int, hidden: bool) -> None:
    assert bool(percentile(persons, percent, SNDS_SOURCE)) is hidden


@pytest.mark.parametrize(
    ("numerator", "denominator", "hidden"),
    [(11, 22, False), (10, 30, True), (11, 21, True), (0, 50, False), (50, 50, False),
     (5, 5, True), (60, 50, True)],
)  # fmt: skip
def test_ratios_inherit_both_counts(numerator: int, denominator: int, hidden: bool) -> None:
    assert bool(ratio(numerator, denominator, SNDS_SOURCE)) is hidden


def test_means_and_models() -> None:
    assert mean(11, SNDS_SOURCE) == ()
    assert mean(10, SNDS_SOURCE) == ("persons-threshold",)
    assert model(20, 10, SNDS_SOURCE) == ()
    assert model(20, 11, SNDS_SOURCE) == ("degrees-of-freedom",)
    assert model(10, 1, SNDS_SOURCE) == ("persons-threshold", "degrees-of-freedom")


def step(time: float, at_risk: int, events: int, censored: int = 0) -> SurvivalStep:
    return SurvivalStep(time=time, at_risk=at_risk, events=events, censored=censored)


def test_survival_steps() -> None:
    good = [step(1, 100, 11), step(2, 89, 20), step(3, 69, 30)]
    assert survival(good, SNDS_SOURCE) == ()
    assert survival([step(1, 100, 10)], SNDS_SOURCE) == ("survival-step",)
    assert survival([step(1, 22, 11)], SNDS_SOURCE) == ()
    assert survival([step(1, 21, 11)], SNDS_SOURCE) == ("survival-step",)
    assert survival([step(1, 10, 0)], SNDS_SOURCE) == ("survival-step",)
    # 100 at risk, then 95: five persons left in between.
    assert survival([step(1, 100, 0), step(2, 95, 20)], SNDS_SOURCE) == ("survival-step",)


def test_steps_are_put_together_until_they_may_be_shown() -> None:
    fine = [step(day, 100 - 4 * (day - 1), 4) for day in range(1, 21)]
    assert survival(fine, SNDS_SOURCE) == ("survival-step",)
    coarse = coarser_steps(fine, SNDS_SOURCE)
    assert coarse
    assert survival(coarse, SNDS_SOURCE) == ()
    assert all(one.events >= 11 for one in coarse)
    assert coarser_steps(fine[:2], SNDS_SOURCE) == ()


def test_maps() -> None:
    assert zone_map([11, 0, 40], [1, 1, 1], SNDS_SOURCE) == ()
    assert zone_map([10, 30, 40], [1, 1, 1], SNDS_SOURCE) == ("map-zone",)
    assert zone_map([30, 30, 40], [1, 1, 2], SNDS_SOURCE) == ("map-bounds",)


@pytest.mark.requirement("EXP-04")
def test_the_strictest_source_wins() -> None:
    loose = SourcePolicy(name="loose", version=1, establishments=2, dominance_percent=90)
    strict = SourcePolicy(
        name="strict", version=3, counts=evolve(SNDS, threshold=15, high=15), zero_cells="hide"
    )
    both = strictest_source([loose, strict])
    assert (both.threshold, both.establishments, both.dominance_percent) == (15, 3, 85)
    assert (both.zero_cells, both.version, both.name) == ("hide", 3, "loose+strict")
    assert strictest_source([loose]) is loose
    assert len({source.digest for source in SOURCES}) == len(SOURCES)
    with pytest.raises(ValueError, match="no policy"):
        strictest_source([])


def test_a_policy_is_signed() -> None:
    mine, other = (DualSigner(Secret(bytes([n]) * 88)) for n in (1, 2))
    envelope = signed_policy(SNDS_SOURCE, mine)
    assert open_policy(envelope, mine.public) == SNDS_SOURCE
    with pytest.raises(Unproven):
        open_policy(envelope, other.public)
    with pytest.raises(Unproven):
        open_policy(b"nothing", mine.public)
    changed = envelope.replace(b'"payload":"', b'"payload":"AAAA')
    with pytest.raises(Unproven):
        open_policy(changed, mine.public)


@pytest.mark.parametrize("change", [{"extra": 1}, {"format": "x"}, {"version": 0}, {"counts": {}}])
def test_what_is_signed_must_be_a_policy(change: dict[str, object]) -> None:
    value = json.loads(json.dumps(SNDS_SOURCE.as_dict())) | change
    with pytest.raises(Invalid):
        policy_from_dict(value)
