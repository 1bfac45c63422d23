"""Somebody wants a former pseudonym to survive in the tables of a project, or a change undone."""

from __future__ import annotations

import pyarrow as pa
import pytest

from bercail.access.rotation import proof, turning
from bercail.access.rotation.person_map import PersonMap
from bercail.foundation import Refused, Unproven
from bercail.lake.identities import turn_values
from bercail.testing.access_desk import (
    BEN,
    CAMILLE,
    ODILE,
    AccessDesk,
    rows_of,
    scope,
    stock_register,
)
from bercail.testing.project_shelf import MemoryShelf


@pytest.fixture
def desk(tmp_path):
    built = AccessDesk(tmp_path)
    yield stock_register(built)
    built.close()


@pytest.fixture
def permit(desk):
    made = desk.permit(scope=scope(BEN))
    desk.access.extract(made, ODILE)
    return made


@pytest.fixture
def shelf(desk):
    return MemoryShelf(desk.house.sealed("project", "diabetes"))


def persons(desk, permit):
    rows = rows_of(desk.access.open_extract(permit, CAMILLE))["IR_BEN_R"]
    return [row["NUM_ENQ"] for row in rows]


def both(desk, shelf):
    """A rotation of the platform's secret, and of the project's."""
    return (
        lambda: desk.house.rotation(shelf).apply(ODILE),
        lambda: desk.house.project_tables(shelf).renew("diabetes", ODILE, reason="schedule"),
    )


HIDDEN = {
    "renamed": lambda values: pa.array(values),
    "ranked": lambda values: pa.array([value + "1" for value in values]),
    "inside": lambda values: pa.array([f"lot {value}: kept" for value in values]),
    "dictionary": lambda values: pa.array(values).dictionary_encode(),
    "large": lambda values: pa.array(values, pa.large_string()),
    "bytes": lambda values: pa.array([value.encode() for value in values]),
    "list": lambda values: pa.array([[value] for value in values]),
    "struct": lambda values: pa.array([{"who": value} for value in values]),
}


def test_a_pseudonym_in_a_column_of_another_name_stops_it_before_it_begins(desk, permit, shelf):
    values = persons(desk, permit)
    for name, hidden in HIDDEN.items():
        shelf.put(name.upper(), pa.table({"product": hidden(values), "n": [1, 2, 3]}))
    planned = desk.house.project_tables(shelf).plan()
    found = {one.label: dict(one.doubtful) for one in planned if one.doubtful}
    assert found == {name.upper(): {"product": 3} for name in HIDDEN}
    for act in both(desk, shelf):
        with pytest.raises(Refused, match=r"BYTES\.product") as refused:
            act()
        assert refused.value.rule == "PSE-05"
        assert not [value for value in values if value in str(refused.value)]
    assert {(one.epoch) for one in desk.house.keys.entries() if one.kind == "pseudonym"} == {1}
    assert desk.house.rotation().status()["under_way"] is False
    assert persons(desk, permit) == values


def test_a_former_pseudonym_slipped_in_while_a_table_is_written_is_not_proven(
    desk, permit, monkeypatch
):
    values = persons(desk, permit)
    rewrite = turning.rewrite

    def slips(store, table, target, columns, turn):
        def lazy(texts):
            return turn_values(texts, lambda given: given)

        return rewrite(store, table, target, columns, lazy)

    with monkeypatch.context() as patch:
        patch.setattr(turning, "rewrite", slips)
        with pytest.raises(Unproven) as refused:
            desk.house.rotation().apply(ODILE)
    assert refused.value.rule == "rotation-proof"
    assert not [value for value in values if value in str(refused.value)]
    with pytest.raises(Refused) as shut:
        persons(desk, permit)
    assert shut.value.rule == "rotation-under-way"
    desk.house.rotation().apply(ODILE)
    assert len(set(persons(desk, permit)) - set(values)) == 3


def test_the_search_for_former_pseudonyms_does_not_lean_on_the_comparison(desk, permit):
    one = turning.ProjectTurn(desk=desk.house.project_tables()._desk, project="diabetes")
    (table,) = one.plan(one.extracts())
    turned = proof.TurnedTable(before=table, after=table.table)
    former = pa.array(persons(desk, permit))
    store = desk.house.sealed("project", "diabetes")
    with pytest.raises(Unproven, match=r"3 old pseudonym"):
        proof._require_clean(store, turned, former, one.desk.verdicts())


def test_a_part_replaced_before_the_change_is_not_turned(desk, permit):
    """What was not recorded gets no new pseudonyms: it could ask for those of anybody."""
    made = desk.access.show(permit.replace("permit", "application"))["extract"]
    store = desk.house.sealed("project", "diabetes")
    name = f"{made}/IR_BEN_R.parquet"
    other = desk.permit(project="asthma", scope=scope(BEN))
    theirs = desk.access.extract(other, ODILE).extract
    store.put(name, desk.house.sealed("project", "asthma").read(f"{theirs}/IR_BEN_R.parquet"))
    for act in both(desk, None):
        with pytest.raises((Unproven, Refused)):
            act()
    assert desk.house.rotation().status()["epoch"] == 1


def test_a_map_turns_nobody_whom_it_does_not_know():
    asked = PersonMap(pa.array(["ABCDEFGHIJKLMNOPQ", "not a pseudonym"]))
    asked.learn([pa.array(["BCDEFGHIJKLMNOPQR"])], lambda v: v, lambda v: v)
    assert asked.unknown(pa.array(["ABCDEFGHIJKLMNOPQ", "no"])).to_pylist() == [
        "ABCDEFGHIJKLMNOPQ",
        "no",
    ]
    for value in ("ABCDEFGHIJKLMNOPQ", "BCDEFGHIJKLMNOPQR", "no"):
        with pytest.raises(Unproven) as refused:
            asked.turn(pa.array([value]))
        assert f"`{value}`" not in str(refused.value)
    asked.learn(
        [pa.array(["ABCDEFGHIJKLMNOPQ"])], lambda v: v, lambda v: pa.array(["Z" * 17] * len(v))
    )
    assert asked.turn(pa.array([None, "ABCDEFGHIJKLMNOPQ"])).to_pylist() == [None, "Z" * 17]
