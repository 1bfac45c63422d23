"""Tables from the literature and from trackers of other systems, with the answers they give."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from bercail.airlock.disclosure.audit import Insider, audit_tables
from bercail.airlock.disclosure.policy import SNDS
from bercail.airlock.disclosure.protect.outcome import ProtectedTables, published
from bercail.airlock.disclosure.protect.suppression import house_rule, suppress
from bercail.airlock.disclosure.rules.source_policy import SNDS_SOURCE, SourcePolicy
from bercail.airlock.disclosure.tables.dimension import dimension_from_dict, flat
from bercail.airlock.disclosure.tables.typed import Measure, TypedCell, TypedTable, completed

HERE = Path(__file__).parent


def golden(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text("utf-8"))
    return found


def tables_of(value: dict[str, Any]) -> tuple[TypedTable, ...]:
    return tuple(
        TypedTable(
            name=one["name"],
            dimensions=tuple(dimension_from_dict(dimension) for dimension in one["dimensions"]),
            measure=Measure(**one["measure"]),
            cells={
                tuple(cell["key"]): TypedCell(
                    value=cell["value"],
                    persons=cell.get("persons", cell["value"]),
                    establishments=cell.get("establishments"),
                    top=tuple(cell.get("top", ())),
                )
                for cell in one["cells"]
            },
        )
        for one in value["tables"]
    )


def policy_of(value: dict[str, Any]) -> SourcePolicy:
    threshold = value["threshold"]
    return evolve(SNDS_SOURCE, counts=evolve(SNDS, threshold=threshold, high=threshold))


def protect(value: dict[str, Any]) -> ProtectedTables:
    return suppress(tables_of(value), policy_of(value))


@pytest.mark.requirement("EXP-03")
@pytest.mark.parametrize("name", ["investment", "insee-example", "naive-margin"])
def test_the_published_optimum_is_found(name: str) -> None:
    value = golden(name)
    found = protect(value)
    assert {key for _, key in found.hidden} == {tuple(key) for key in value["hidden"]}
    assert found.optimal
    assert found.audit.holds
    assert found.cost <= 1.05 * value["cost"]
    for cell in found.cells:
        if interval := value.get("intervals", {}).get(" / ".join(map(str, cell.key))):
            assert cell.plain == tuple(interval)


def naive(value: dict[str, Any]) -> dict[str, Any]:
    tables = tuple(completed(table) for table in tables_of(value))
    hidden = {tuple(key) for key in value["naive"]}
    shown = {
        (number, key): None if key in hidden else cell.value
        for number, table in enumerate(tables)
        for key, cell in table.cells.items()
    }
    return published(tables, shown, policy_of(value), method="suppression")


@pytest.mark.parametrize("name", ["linked-counties", "naive-margin"])
def test_the_audit_sees_what_naive_hiding_leaves(name: str) -> None:
    value = golden(name)
    found = audit_tables(naive(value), house_rule(policy_of(value)))
    for code in value["naive_exact"]:
        cell = found.find(0, (code,))
        assert cell is not None
        assert cell.plain[0] == cell.plain[1]


@pytest.mark.requirement("EXP-03")
def test_tables_that_are_safe_alone_are_protected_together() -> None:
    value = golden("linked-counties")
    for table in tables_of(value):
        alone = suppress([table], policy_of(value))
        assert ("N",) not in {key for _, key in alone.hidden} or alone.audit.holds
    found = protect(value)
    assert {(0, ("N",)), (1, ("N",))} <= set(found.hidden)
    assert found.audit.holds
    for number in (0, 1):
        cell = found.audit.find(number, ("K",))
        assert cell is not None
        assert cell.informed[0] == 0
        assert cell.informed[1] is None or cell.informed[1] >= value["threshold"]


def test_single_contributors_are_told_nothing_of_each_other() -> None:
    """Four hidden cells in a rectangle: whoever knows one knows all; the engine hides more."""
    value = golden("two-singletons")
    insider = Insider(table=0, key=("a", "x"), value=10_000)
    seen = audit_tables(naive(value), house_rule(policy_of(value)), insiders=[insider])
    known = seen.find(0, ("b", "y"))
    assert known is not None
    assert known.plain[0] < known.plain[1]
    assert known.insider == (7_000, 7_000)
    found = protect(value)
    assert found.audit.holds
    assert len(found.hidden) > 4
    for key in map(tuple, value["naive"]):
        cell = found.audit.find(0, key)
        assert cell is not None
        low, high = cell.insider
        truth = next(one.value for one in found.cells if one.key == key)
        assert low < (truth or 0) * 100
        assert high is None or high > (truth or 0) * 100


OUTSIDE = """
import json, sys, pytauargus
for rows, names, rules in json.load(sys.stdin):
    found = pytauargus.protect(rows, names, "VAL", safety_rules=rules, suppress="MOD(1,5,1,0,0)")
    print(json.dumps(list(found.tables[0].rows)))
"""


def outside(*asked: tuple[dict[str, list[Any]], list[str], str]) -> list[list[dict[str, Any]]]:
    """The tables that `pytauargus` protects, one after the other, in a process of its own."""
    # The program leaves its logs where it runs, and its files where temporary ones go.
    with tempfile.TemporaryDirectory() as folder:
        ran = subprocess.run(
            [sys.executable, "-c", OUTSIDE],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            cwd=folder,
            env={**os.environ, "TMPDIR": folder},
        )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("[{")]


def key_of(row: dict[str, Any], names: list[str]) -> tuple[str | None, ...]:
    return tuple(None if row[name] == "Total" else row[name] for name in names)


def microdata(value: dict[str, Any]) -> dict[str, list[Any]]:
    """Contributors with the greatest one given, the others sharing the rest."""
    rows: dict[str, list[Any]] = {"ACTIVITY": [], "SIZE": [], "VAL": []}
    for cell in value["tables"][0]["cells"]:
        amounts = [float(cell["top"][0])]
        rest = cell["value"] - amounts[0]
        amounts += [rest / (cell["persons"] - 1)] * (cell["persons"] - 1)
        for amount in amounts:
            rows["ACTIVITY"].append(cell["key"][0])
            rows["SIZE"].append(cell["key"][1])
            rows["VAL"].append(round(amount, 6))
    return rows


def test_an_outside_engine_hides_the_same_cells_by_the_same_margins() -> None:
    value = golden("insee-example")
    names = ["ACTIVITY", "SIZE"]
    (rows,) = outside((microdata(value), names, "FREQ(3,10)|NK(1,85)"))
    theirs = {key_of(row, names) for row in rows if row["status"] in "UM"}
    found = protect(value)
    assert {key for _, key in found.hidden} == theirs
    margins = {key_of(row, names): row["upper"] for row in rows if row["status"] == "U"}
    for want in found.wanted:
        cell = next(one for one in found.cells if one.key == want.key)
        ours = want.high / 100 - (cell.value or 0)
        assert ours >= margins[want.key] - 0.01


def random_amounts(source: random.Random) -> dict[str, list[Any]]:
    rows: dict[str, list[Any]] = {"A": [], "B": [], "VAL": []}
    for a, b in product("pqrs", "xyz"):
        for _ in range(source.choice([4, 14, 25, 40, 60])):
            rows["A"].append(a)
            rows["B"].append(b)
            rows["VAL"].append(source.randint(5, 50))
    return rows


def test_no_random_table_costs_more_than_the_outside_engine_pays() -> None:
    """The same rule and margins on both sides: frequency under 11, ten per cent each way."""
    source = random.Random(20)
    cases = [random_amounts(source) for _ in range(5)]
    found = outside(*((rows, ["A", "B"], "FREQ(11,10)") for rows in cases))
    for rows, theirs in zip(cases, found, strict=True):
        cells = {}
        for key in product("pqrs", "xyz"):
            amounts = [
                amount
                for *place, amount in zip(rows["A"], rows["B"], rows["VAL"], strict=True)
                if tuple(place) == key
            ]
            cells[key] = TypedCell(value=sum(amounts), persons=len(amounts))
        table = TypedTable(
            name="random",
            dimensions=(flat("A", tuple("pqrs")), flat("B", tuple("xyz"))),
            measure=Measure(name="VAL", kind="sum", unit="euros"),
            cells=cells,
        )
        ours = suppress([table], SNDS_SOURCE)
        assert ours.audit.holds
        assert ours.optimal
        values = {cell.key: cell.value or 0 for cell in ours.cells}
        paid = sum(values[key] for _, key in ours.hidden)
        theirs_paid = sum(row["VAL"] for row in theirs if row["status"] in "UM")
        assert paid <= 1.05 * theirs_paid
