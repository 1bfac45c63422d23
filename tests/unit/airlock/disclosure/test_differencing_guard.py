"""A new release against earlier ones: totals, complements, bands, nested cohorts, new data."""

from __future__ import annotations

from itertools import product

import pytest
from attrs import evolve

from bercail.airlock import SNDS, check_table
from bercail.airlock.disclosure.guard import (
    GuardVerdict,
    LedgerMemory,
    MemoryOfReleases,
    Population,
    Relation,
    ReleaseMemory,
    ReleaseRecord,
    guard_release,
    guard_request,
    record_of,
    record_of_check,
    relation_of,
    remember,
)
from bercail.airlock.disclosure.guard import systems as systems_module
from bercail.airlock.disclosure.protect.rounding import round_tables
from bercail.airlock.disclosure.protect.suppression import suppress
from bercail.airlock.disclosure.rules.source_policy import SNDS_SOURCE
from bercail.airlock.disclosure.tables.dimension import Dimension, flat
from bercail.airlock.disclosure.tables.typed import PERSONS, TypedCell, TypedTable
from bercail.foundation import Refused, Unproven
from bercail.testing.airlock_desk import AUTHOR, CHECKERS, AirlockDesk, counts

AGE, SEX, REGION = (
    flat("age", ("0-39", "40-69", "70+")),
    flat("sex", ("F", "M")),
    flat("region", ("N", "S")),
)
PERSONS_BY = dict(
    zip(
        product(AGE.leaves, SEX.leaves, REGION.leaves),
        [40, 52, 33, 61, 80, 95, 71, 66, 21, 34, 3, 45],
        strict=True,
    )
)


def table(*dimensions: Dimension, data: dict[tuple[str, ...], int] = PERSONS_BY) -> TypedTable:
    names = [dimension.name for dimension in (AGE, SEX, REGION)]
    places = [names.index(dimension.name) for dimension in dimensions]
    cells: dict[tuple[str | None, ...], TypedCell] = {}
    for key in product(*(dimension.leaves for dimension in dimensions)):
        total = sum(
            value for full, value in data.items() if tuple(full[place] for place in places) == key
        )
        cells[key] = TypedCell(value=total, persons=total)
    return TypedTable(
        name=" by ".join(dimension.name for dimension in dimensions),
        dimensions=dimensions,
        measure=PERSONS,
        cells=cells,
        population="cohort",
    )


def record(
    release: str, *tables: TypedTable, snapshot: str = "1", population: str = "cohort"
) -> ReleaseRecord:
    found = suppress([evolve(one, population=population) for one in tables], SNDS_SOURCE)
    return record_of(found, release=release, lake="lake", snapshot=snapshot)


def look(new: ReleaseRecord, *earlier: ReleaseRecord, relations=None) -> GuardVerdict:
    if relations is None:
        return guard_release(new, earlier, SNDS_SOURCE)
    return guard_release(new, earlier, SNDS_SOURCE, relations)


def single(values: dict[str, int], covers: dict[str, range] | None = None) -> TypedTable:
    ages = Dimension(
        name="age",
        parents=dict.fromkeys(values),
        covers={code: frozenset(map(str, ages)) for code, ages in (covers or {}).items()},
    )
    cells = {(code,): TypedCell(value=n, persons=n) for code, n in values.items()}
    return TypedTable(name="ages", dimensions=(ages,), measure=PERSONS, cells=cells)


def bands() -> tuple[ReleaseRecord, ReleaseRecord]:
    """The new release by age under 66, the earlier one by age under 65."""
    new = single({"<66": 104, "66+": 46}, {"<66": range(66), "66+": range(66, 99)})
    earlier = single({"<65": 100, "65+": 50}, {"<65": range(65), "65+": range(65, 99)})
    return record("r2", new), record("r1", earlier)


@pytest.mark.requirement("EXP-03")
def test_the_same_table_again_gives_nothing_away() -> None:
    first = record("r1", table(AGE, SEX))
    verdict = look(record("r2", table(AGE, SEX)), first)
    assert verdict.allowed
    assert verdict.people == ()
    assert (verdict.releases, verdict.cells) == (1, 24)


def test_other_margins_of_the_same_persons_are_allowed_while_secrets_hold() -> None:
    first = record("r1", table(AGE, SEX))
    verdict = look(record("r2", table(AGE, REGION)), first)
    assert verdict.allowed
    assert verdict.atoms == 12


def test_a_total_that_uncovers_an_earlier_secret_is_refused() -> None:
    """Without totals only the small cell is hidden; a later table of totals gives it back."""
    small = dict(PERSONS_BY)
    bare = tuple(evolve(one, total=False) for one in (AGE, REGION))
    women = {key: value for key, value in small.items() if key[1] == "M"}
    first = record("r1", table(*bare, data=women))
    assert sum(one["value"] is None for one in first.document["tables"][0]["cells"]) == 1
    second = record("r2", table(AGE, data=women))
    verdict = look(second, first)
    assert not verdict.allowed
    breach = verdict.breaches[0]
    assert (breach.earlier, breach.new) == ("r1", "r2")
    assert ("r1", 0, ("70+", "N")) in {place for one in verdict.breaches for place in one.places}
    with pytest.raises(Refused, match="`r2` together with `r1`") as refusal:
        verdict.require_allowed()
    assert refusal.value.rule == "differencing"
    # The other way round too: what is shown first counts as well.
    assert not look(evolve(first, release="r3"), second).allowed


def test_other_age_bands_of_the_same_persons_are_refused() -> None:
    """Over 65 and over 66: the difference is who is 65 (PCORnet's example)."""
    second, first = bands()
    verdict = look(second, first)
    assert {breach.earlier for breach in verdict.breaches} == {"r1"}
    far = record("r2", single({"<75": 130, "75+": 20}, {"<75": range(75), "75+": range(75, 99)}))
    assert look(far, first).allowed


@pytest.mark.parametrize(
    ("then", "now"),
    [
        (("0-39", "40+"), ("0-40", "41+")),
        (("<40", "≥40"), ("0-40", ">40")),
        (("0-39 years", "40 +"), ("<=40", "41+")),
    ],
)
def test_numeric_bands_are_read_by_their_names(then: tuple[str, ...], now: tuple[str, ...]) -> None:
    """Those aged 40 are four persons, and no schema said what the bands cover."""
    first = record("r1", single(dict(zip(then, (100, 60), strict=True))))
    second = record("r2", single(dict(zip(now, (104, 56), strict=True))))
    verdict = look(second, first)
    assert {breach.earlier for breach in verdict.breaches} == {"r1"}
    assert "coded in two ways" in verdict.people[0]
    same = record("r2", single(dict(zip(then, (100, 60), strict=True))))
    assert look(same, first).people == ()


def test_bands_that_are_made_of_others_are_computed() -> None:
    first = record("r1", single({"0-39": 100, "40-69": 70, "70+": 60}))
    verdict = look(record("r2", single({"<40": 100, "40+": 130})), first)
    assert (verdict.allowed, verdict.people, verdict.atoms) == (True, (), 3)


def test_a_dimension_that_is_new_for_the_same_persons_goes_to_people() -> None:
    renamed = flat("Age Group", AGE.leaves)
    data = table(AGE)
    other = evolve(data, dimensions=(renamed,))
    assert "none did before" in look(record("r2", other), record("r1", data)).people[0]
    # Case and signs make no new name.
    shouted = evolve(data, dimensions=(flat("AGE ", AGE.leaves),))
    assert look(record("r2", shouted), record("r1", data)).people == ()


def test_a_band_of_one_table_is_the_sum_of_codes_of_another() -> None:
    tree = Dimension(
        name="age",
        parents={"adults": None, "children": None, "18-64": "adults", "65+": "adults"},
    )
    fine = TypedTable(
        name="fine",
        dimensions=(tree,),
        measure=PERSONS,
        cells={
            ("children",): TypedCell(value=40, persons=40),
            ("18-64",): TypedCell(value=60, persons=60),
            ("65+",): TypedCell(value=30, persons=30),
        },
    )
    coarse = single({"adults": 95, "children": 40})
    verdict = look(record("r2", coarse), record("r1", fine))
    # 90 adults by the first table, 95 by the second: both cannot be true of one snapshot.
    assert any("contradict" in breach.message for breach in verdict.breaches)
    assert "growth" in verdict.people[0]
    assert look(record("r2", single({"adults": 90, "children": 40})), record("r1", fine)).allowed


def test_codings_that_share_nothing_are_two_variables() -> None:
    first = record("r1", single({"young": 60, "old": 70}))
    second = record("r2", single({"class A": 30, "class B": 100}))
    verdict = look(second, first)
    assert verdict.allowed
    assert verdict.atoms == 4


def test_new_data_that_add_few_persons_are_refused() -> None:
    more = dict(PERSONS_BY)
    more[("0-39", "F", "N")] += 4
    first = record("r1", table(AGE, SEX))
    verdict = look(record("r2", table(AGE, SEX, data=more), snapshot="2"), first)
    assert [breach.rule for breach in verdict.breaches][:1] == ["differencing"]
    many = {key: value + 30 for key, value in PERSONS_BY.items()}
    later = record("r2", table(AGE, SEX, data=many), snapshot="10")
    assert look(later, first).allowed
    # Snapshot 10 is later than 9, though its name sorts before.
    ninth = record("r1", table(AGE, SEX), snapshot="9")
    assert look(later, ninth).people == ()


def test_data_that_were_taken_out_go_to_people() -> None:
    fewer = {key: max(value - 15, 0) for key, value in PERSONS_BY.items()}
    verdict = look(
        record("r2", table(AGE, SEX, data=fewer), snapshot="2"), record("r1", table(AGE, SEX))
    )
    assert verdict.allowed
    assert "corrected or taken out" in verdict.people[0]


def test_one_release_that_does_not_fit_leaves_the_guard_awake() -> None:
    """Somebody's wrong release must not hide the difference between two right ones."""
    second, first = bands()
    wrong = record("r0", single({"<65": 300, "65+": 50}, {"<65": range(65), "65+": range(65, 99)}))
    assert not look(second, first).allowed
    later = evolve(second, snapshot="2")
    verdict = look(later, wrong, evolve(first, snapshot="2"))
    assert {breach.earlier for breach in verdict.breaches} == {"r1"}
    assert [reason for reason in verdict.people if "`r0`" in reason]
    # A secret is uncovered by both, whatever a third release says.
    women = {key: value for key, value in PERSONS_BY.items() if key[1] == "M"}
    bare = tuple(evolve(one, total=False) for one in (AGE, REGION))
    hidden, totals = record("r1", table(*bare, data=women)), record("r2", table(AGE, data=women))
    many = {key: value + 500 for key, value in women.items()}
    large = record("r0", table(AGE, data=many), snapshot="0")
    verdict = look(totals, large, hidden)
    assert ("r1", 0, ("70+", "N")) in {place for one in verdict.breaches for place in one.places}


def test_other_numbers_of_the_same_persons_in_the_same_snapshot_are_refused() -> None:
    many = {key: value + 500 for key, value in PERSONS_BY.items()}
    verdict = look(record("r2", table(AGE, data=many)), record("r1", table(AGE)))
    assert "contradict" in verdict.breaches[0].message
    assert (verdict.breaches[0].earlier, verdict.breaches[0].rule) == ("r1", "differencing")


def test_few_persons_taken_out_are_a_small_group_too() -> None:
    fewer = {**PERSONS_BY, ("0-39", "F", "N"): PERSONS_BY[("0-39", "F", "N")] - 4}
    verdict = look(
        record("r2", table(AGE, SEX, data=fewer), snapshot="2"), record("r1", table(AGE, SEX))
    )
    assert [breach.rule for breach in verdict.breaches] == ["differencing"]


@pytest.mark.parametrize(("then", "now"), [("T@99", "T@100"), ("T@abc", "T@abd"), ("T@b", "T@a")])
def test_few_arrivals_are_refused_whatever_the_snapshots_are_called(then: str, now: str) -> None:
    more = {**PERSONS_BY, ("0-39", "F", "N"): PERSONS_BY[("0-39", "F", "N")] + 4}
    first = record("r1", table(AGE, SEX), snapshot=then)
    verdict = look(record("r2", table(AGE, SEX, data=more), snapshot=now), first)
    assert [breach.rule for breach in verdict.breaches][:1] == ["differencing"]
    assert verdict.people == ()
    # An older state asked for after a newer one whose name does not tell.
    older = record("r2", table(AGE, SEX), snapshot="T@x")
    newer = record("r1", table(AGE, SEX, data=more), snapshot="T@y")
    assert not look(older, newer).allowed


def told(only_first: int, only_second: int) -> Relation:
    return relation_of(only_first, only_second, 500, SNDS_SOURCE.threshold)


def known(**sizes: Relation):
    """Relations by the names of two cohorts, `inner_outer`."""

    def answer(first: Population, second: Population) -> Relation | None:
        if found := sizes.get(f"{first.cohort}_{second.cohort}"):
            return found
        if found := sizes.get(f"{second.cohort}_{first.cohort}"):
            return evolve(found, only_first=found.only_second, only_second=found.only_first)
        return None

    return answer


def test_nearly_identical_cohorts_are_refused_whatever_their_tables() -> None:
    first = record("r1", table(AGE), population="a")
    second = record("r2", table(REGION), population="b")
    near = known(a_b=told(3, 7))
    verdict = look(second, first, relations=near)
    assert [breach.rule for breach in verdict.breaches] == ["nearly-identical-cohorts"]
    apart = known(a_b=told(4, 7))
    assert look(second, first, relations=apart).allowed
    same = known(a_b=told(0, 0))
    assert look(second, first, relations=same).allowed


def test_nested_cohorts_are_subtracted() -> None:
    """Those of the larger cohort who are not in the smaller one: five in one age group."""
    inner = {key: max(value - 20, 0) for key, value in PERSONS_BY.items()}
    inner[("40-69", "F", "S")] = PERSONS_BY[("40-69", "F", "S")]
    inner[("40-69", "F", "N")] = PERSONS_BY[("40-69", "F", "N")] - 5
    inner[("40-69", "M", "N")] = PERSONS_BY[("40-69", "M", "N")] - 0
    inner[("40-69", "M", "S")] = PERSONS_BY[("40-69", "M", "S")] - 0
    large = record("r1", table(AGE), population="all")
    small = record("r2", table(AGE, data=inner), population="treated")
    nested = known(treated_all=told(0, 150))
    verdict = look(small, large, relations=nested)
    assert not verdict.allowed
    assert verdict.breaches[0].earlier == "r1"
    # Cohorts that merely overlap cannot be subtracted.
    overlap = known(treated_all=told(200, 150))
    assert look(small, large, relations=overlap).allowed


def test_cohorts_that_nobody_compared_go_to_people() -> None:
    verdict = look(
        record("r2", table(AGE), population="b"), record("r1", table(AGE), population="a")
    )
    assert verdict.allowed
    assert "nobody said how both overlap" in verdict.people[1]


def test_cohorts_of_nearly_the_same_size_that_nobody_compared_have_a_rule() -> None:
    """Another digest hides neither few persons more nor that nobody knows who is counted."""
    first = record("r1", table(AGE), population="a")
    more = {**PERSONS_BY, ("0-39", "F", "N"): PERSONS_BY[("0-39", "F", "N")] + 4}
    near = look(record("r2", table(AGE, data=more), population="b"), first)
    assert near.uncompared == ("r1",)
    assert near.rules == ("cohorts-not-compared", "differencing-undecided")
    assert "`r1` may be nearly the same" in near.people[0]
    many = {key: value + 30 for key, value in PERSONS_BY.items()}
    far = record("r2", table(AGE, data=many), population="b")
    assert look(far, first).rules == ("differencing-undecided",)
    apart = known(a_b=told(20, 24))
    again = record("r2", table(AGE, data=more), population="b")
    assert look(again, first, relations=apart).rules == ()
    # No digest, or no total: nobody knows.
    assert look(record("r2", table(AGE, data=many), population=""), first).uncompared == ("r1",)
    nameless = record("r1", table(AGE), population="")
    assert look(record("r2", table(AGE), population=""), nameless).uncompared == ("r1",)
    bare = table(evolve(AGE, total=False), data=many)
    assert look(record("r2", bare, population="b"), first).uncompared == ("r1",)


def test_rounded_releases_do_not_pin_anything_down() -> None:
    more = dict(PERSONS_BY)
    more[("0-39", "F", "N")] += 4
    found = [
        record_of(
            round_tables([evolve(table(AGE, SEX, data=data), population="cohort")], SNDS_SOURCE),
            release=f"r{number}",
            lake="lake",
            snapshot=str(number),
        )
        for number, data in enumerate((PERSONS_BY, more), start=1)
    ]
    assert look(found[1], found[0]).allowed


def test_too_many_groups_go_to_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systems_module, "MOST_ATOMS", 10)
    verdict = look(record("r2", table(AGE, REGION)), record("r1", table(AGE, SEX)))
    assert verdict.allowed
    assert "12 groups" in verdict.people[-1]


def test_too_many_populations_go_to_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systems_module, "MOST_PATTERNS", 1)
    verdict = look(record("r2", table(AGE), snapshot="2"), record("r1", table(AGE)))
    assert "2 populations lie in one another" in verdict.people[0]


def test_another_lake_is_another_world_and_a_release_is_not_its_own_past() -> None:
    first = record("r1", table(AGE))
    elsewhere = evolve(first, lake="other", release="r0")
    assert look(first, elsewhere).releases == 0
    assert look(first, first).releases == 0


def test_the_verdict_is_json() -> None:
    shown = look(*bands()).as_dict()
    assert shown["allowed"] is False
    assert shown["breaches"][0]["places"][0] == {"release": "r2", "table": 0, "key": ["<66"]}


def test_a_protected_count_table_is_remembered_with_its_secrets() -> None:
    check = check_table(counts((2, 2), [40, 31, 6, 58]), SNDS)
    found = record_of_check(check, release="r", lake="l", snapshot="1")
    assert found.secrets == ((0, ("c1", "c0"), 0, 11),)
    assert found.cells == 9
    assert ReleaseRecord.__name__ in repr(found)
    assert "document" not in repr(found)


def memories(tmp_path) -> tuple[ReleaseMemory, ReleaseMemory]:
    desk = AirlockDesk(tmp_path)
    return MemoryOfReleases(), LedgerMemory(desk.ledger, desk.sealed, desk.keys)


@pytest.mark.parametrize("which", [0, 1])
def test_releases_are_remembered_in_order_and_once(tmp_path, which: int) -> None:
    memory = memories(tmp_path)[which]
    first, second = record("r1", table(AGE)), record("r2", table(SEX))
    assert memory.load("lake") == (0, ())
    memory.append(0, first, CHECKERS[0])
    memory.append(0, first, CHECKERS[0])
    with pytest.raises(Refused, match="Another release"):
        memory.append(0, second, CHECKERS[0])
    memory.append(1, second, CHECKERS[0])
    version, found = memory.load("lake")
    assert version == 2
    assert [one.to_bytes() for one in found] == [first.to_bytes(), second.to_bytes()]
    assert memory.load("other") == (0, ())
    with pytest.raises(Unproven, match="other numbers"):
        memory.append(2, evolve(first, snapshot="9"), CHECKERS[0])


def test_a_crash_between_object_and_event_leaves_nothing_that_counts(tmp_path) -> None:
    desk = AirlockDesk(tmp_path)
    memory = LedgerMemory(desk.ledger, desk.sealed, desk.keys)
    first = record("r1", table(AGE))

    class Stopped(Exception):
        pass

    class Stopping:
        def __init__(self, ledger: object) -> None:
            self.load = ledger.load  # type: ignore[attr-defined]

        def append(self, *_: object) -> None:
            raise Stopped

    broken = LedgerMemory(Stopping(desk.ledger), desk.sealed, desk.keys)  # type: ignore[arg-type]
    with pytest.raises(Stopped):
        broken.append(0, first, CHECKERS[0])
    assert memory.load("lake") == (0, ())
    memory.append(0, first, CHECKERS[0])
    assert memory.load("lake")[0] == 1


def test_an_altered_record_is_noticed(tmp_path) -> None:
    desk = AirlockDesk(tmp_path)
    memory = LedgerMemory(desk.ledger, desk.sealed, desk.keys)
    memory.append(0, record("r1", table(AGE)), CHECKERS[0])
    _, events = desk.ledger.load("airlock-guard/lake", _kinds())
    desk.sealed("airlock-guard", "lake").put(
        f"release/{events[0].commitment}", record("r9", table(AGE)).to_bytes()
    )
    with pytest.raises(Unproven, match="altered"):
        memory.load("lake")


def _kinds() -> tuple[type, ...]:
    from bercail.airlock.disclosure.guard import GUARD_EVENTS

    return GUARD_EVENTS


def test_the_desk_looks_then_remembers_at_the_version_it_saw() -> None:
    memory = MemoryOfReleases()
    check = check_table(counts((2, 2), [40, 31, 6, 58]), SNDS)
    asked = {"lake": "lake", "snapshot": "1"}
    one = guard_request(check, memory, release="a", **asked)
    other = guard_request(check, memory, release="b", **asked)
    remember(one, memory, AUTHOR)
    assert memory.acts == [("a", AUTHOR.id)]
    with pytest.raises(Refused, match="Another release"):
        remember(other, memory, AUTHOR)
    again = guard_request(check, memory, release="b", **asked)
    remember(again, memory, AUTHOR)
    remember(again, memory, AUTHOR)
    assert memory.load("lake")[0] == 2
    refused = evolve(again, verdict=look(*bands()))
    with pytest.raises(Refused, match="under the threshold"):
        remember(refused, memory, AUTHOR)
