"""The silver tables as the language knows them, and as they are made."""

from __future__ import annotations

import pytest

from bercail.cohorts import Cohort, Sources, acts, dispensings, stays
from bercail.cohorts.plan import plan_run
from bercail.cohorts.scores import INDEXES, expand, find_index
from bercail.cohorts.views import EVENT_VIEWS, PERSONS, VIEWS
from bercail.foundation import Invalid
from bercail.ingest.silver.concepts import CONCEPTS
from bercail.testing.small_snds import DRUGS, SmallSnds


def test_every_concept_is_a_view_with_its_columns() -> None:
    names = (PERSONS, *EVENT_VIEWS)
    assert {f"silver_{name}" for name in CONCEPTS} == {
        VIEWS[name].silver.name
        for name in names  # type: ignore[union-attr]
    }
    for name in names:
        silver = VIEWS[name].silver
        assert silver is not None
        concept = CONCEPTS[silver.name.removeprefix("silver_")]
        made = {column.name: column.kind for column in concept.columns}
        lineage = {"origin"}
        for column, here in silver.columns.items():
            assert here in set(made) | lineage, (name, column)
            if here in made and here != "cip13":
                assert VIEWS[name].columns[column].kind == made[here], (name, column)
        if VIEWS[name].bronze:
            assert silver.rules == set(concept.rules), name


def test_a_study_that_asks_for_other_rules_is_served_from_bronze() -> None:
    tables = {**SmallSnds().tables(), **_silver()}
    sources = Sources(tables=tables, drugs=DRUGS)

    def layer(events: object) -> bool:
        study = Cohort(name="s", title="s", population=events.exists())  # type: ignore[attr-defined]
        return bool(plan_run(study.model, sources).silver)

    assert layer(dispensings.cleaned())
    assert not layer(dispensings)
    assert not layer(dispensings.clean("dcir-base-acts", "dcir-net-lines"))
    assert layer(stays.cleaned())
    assert layer(stays.cleaned("mco-no-sessions"))
    assert not layer(stays.clean("mco-pie"))
    assert not layer(stays.cleaned().where(stays.diagnoses.any_starts_with("I")))


def _silver() -> dict[str, object]:
    import pyarrow as pa

    days = pa.array([], pa.date32())
    texts = pa.array([], pa.string())
    numbers = pa.array([], pa.int64())
    people = pa.array([], pa.int32())
    silver = {"person": people, "date": days, "end": days}
    named = ("principal_diagnosis", "related_diagnosis", "ghm", "exit_mode")
    return {
        "silver_dispensings": pa.table(
            {"person": people, "date": days, "cip13": texts, "quantity": numbers, "units": numbers}
        ),
        "silver_stays": pa.table({**silver, **dict.fromkeys(named, texts)}),
        "silver_numbers": pa.table({"person": people, "identity": texts}),
    }


def test_a_view_that_only_silver_has_names_its_table() -> None:
    study = Cohort(name="s", title="s", population=acts.exists()).model
    with pytest.raises(Invalid, match=r"`silver_acts`.*permit `p1`"):
        plan_run(study, Sources(tables=dict(SmallSnds().tables()), permit="p1", drugs=DRUGS))


def test_silver_without_person_numbers_says_so() -> None:
    tables = {**SmallSnds().tables(), **_silver()}
    tables.pop("silver_numbers")
    study = Cohort(name="s", title="s", population=dispensings.cleaned().exists()).model
    assert not plan_run(study, Sources(tables=tables, drugs=DRUGS)).silver


@pytest.mark.parametrize(
    ("index", "codes", "score"),
    [
        # Weights of Charlson 1987; of two grades of one illness the stronger alone.
        ("charlson-quan-2005", ["I21"], 1),
        ("charlson-quan-2005", ["I210", "I252"], 1),
        ("charlson-quan-2005", ["E119", "E112"], 2),
        ("charlson-quan-2005", ["K703", "I850"], 3),
        ("charlson-quan-2005", ["C509", "C780"], 6),
        ("charlson-quan-2005", ["B20", "G81", "N18"], 10),
        ("charlson-quan-2005", ["I10", "Z511"], 0),
        ("elixhauser-quan-2005", ["I10", "I110"], 1 + 1),
        ("elixhauser-van-walraven-2009", ["I500", "E66", "F32"], 7 - 4 - 3),
        ("elixhauser-van-walraven-2009", ["C509", "C780"], 12),
        ("elixhauser-van-walraven-2009", ["K703"], 11),
    ],
)
def test_indexes_weigh_as_published(index: str, codes: list[str], score: int) -> None:
    found = find_index(index)
    groups = {
        group.name
        for group in found.groups
        if any(code.startswith(group.prefixes) for code in codes)
    }
    assert found.score(frozenset(groups)) == score


def test_every_index_names_its_source_and_its_groups_are_sound() -> None:
    for index in INDEXES.values():
        names = [group.name for group in index.groups]
        assert "Quan" in index.source
        assert len(set(names)) == len(names)
        assert {group.unless for group in index.groups} <= {"", *names}
    assert [len(index.groups) for index in INDEXES.values()] == [17, 31, 31]


def test_a_range_of_codes() -> None:
    assert expand(["I60-I62", "E119", "K700-K702"]) == (
        *("I60", "I61", "I62", "E119"),
        *("K700", "K701", "K702"),
    )
    with pytest.raises(Invalid, match="`charlson`"):
        find_index("charlson")
