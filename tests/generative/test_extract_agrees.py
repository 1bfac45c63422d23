"""Extracts of a synthetic population hold, row for row, what a plain reading of the rules gives.

The other account reads whole lake tables into Python and follows the sentences of
`docs/explanation/access.md` one by one; it shares no query and no route with the extraction.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bercail.access.permit import DataScope, Population, TableScope
from bercail.ingest.folder import LocalFiles
from bercail.ingest.synth import SynthProfile, make
from bercail.testing.access_desk import (
    CAMILLE,
    CLAIRE,
    KEY,
    ODILE,
    AccessDesk,
    rows_of,
)
from bercail.vault import pseudonyms

PERSON = ("BEN_NIR_PSA", "BEN_RNG_GEM")
STAY = ("ETA_NUM", "RSA_NUM")
COLUMNS = {
    "IR_BEN_R": (*PERSON, "BEN_NIR_ANO", "BEN_IDT_ANO", "BEN_NAI_ANN", "BEN_RES_DPT"),
    "IR_IMB_R": (*PERSON, "MED_MTF_COD"),
    "ER_PRS_F": (*KEY, *PERSON, "EXE_SOI_DTD", "PRS_PAI_MNT"),
    "ER_PHA_F": (*KEY, "PHA_ORD_NUM", "PHA_PRS_C13"),
    "T_MCOaaB": (*STAY, "DGN_PAL"),
    "T_MCOaaC": (*STAY, "NIR_ANO_17"),
    "T_MCOaaD": (*STAY, "ASS_DGN"),
    "T_MCOaaUM": (*STAY, "DGN_PAL"),
}
NAMES = {
    "BEN_NIR_PSA": "NUM_ENQ",
    "NIR_ANO_17": "NUM_ENQ",
    "BEN_NIR_ANO": "NUM_ENQ_ANO",
    "BEN_IDT_ANO": "NUM_ENQ_IDT",
}
Rows = list[dict[str, Any]]


class Account:
    """The lake as lists of rows, and what a permit gives of them."""

    def __init__(self, tables: dict[str, Rows], level_one: list[str]) -> None:
        register = tables["IR_BEN_R"]
        self.tables = tables
        self.homes = sorted({row["BEN_RES_DPT"] for row in register})
        stored = [row["BEN_IDT_ANO"] for row in register]
        # The holder's file and the lake's table have the same rows in the same order.
        self.platform = dict(zip(level_one, stored, strict=True))
        ranks = Counter(row["BEN_NIR_PSA"] for row in register)
        twins = [
            person
            for person, row in zip(level_one, register, strict=True)
            if ranks[row["BEN_NIR_PSA"]] > 1
        ]
        self.level_one = [*sorted(set(level_one))[:40], *sorted(set(twins))]

    def permitted(self, scope: DataScope, objecting: set[str]) -> dict[str, Rows]:
        """By lake table, the rows of the permit's columns, under the platform's pseudonyms."""
        register = self.tables["IR_BEN_R"]
        refused = spread(register, objecting)
        people = {row["BEN_IDT_ANO"] for row in register if fits(row, scope.population)}
        pairs = {pair(row) for row in register if row["BEN_IDT_ANO"] in people} - refused
        bearers = defaultdict(set)
        for row in register:
            bearers[row["BEN_NIR_PSA"]].add(pair(row))
        stays_of = {psa for psa, borne in bearers.items() if borne <= pairs}
        lines = [
            row
            for row in self.tables["ER_PRS_F"]
            if pair(row) in pairs and scope.first_year <= row["EXE_SOI_DTD"].year <= scope.last_year
        ]
        kept = {
            "IR_BEN_R": [row for row in register if pair(row) in pairs],
            "IR_IMB_R": [
                row for row in self.tables["IR_IMB_R"] if pair(row) in pairs and lasts(row, scope)
            ],
            "ER_PRS_F": lines,
            "ER_PHA_F": with_key(self.tables["ER_PHA_F"], lines, KEY),
        }
        for year in range(scope.first_year, scope.last_year + 1):
            name = f"T_MCO{year % 100}"
            chain = [row for row in self.tables[f"{name}C"] if row["NIR_ANO_17"] in stays_of]
            for suffix in ("B", "C", "D", "UM"):
                kept[name + suffix] = with_key(self.tables[name + suffix], chain, STAY)
        asked = {table.table: table.columns for table in scope.tables}
        return {
            name: [{column: row[column] for column in asked[family(name)]} for row in rows]
            for name, rows in kept.items()
            if family(name) in asked
        }


def family(name: str) -> str:
    return name.replace("23", "aa").replace("24", "aa")


def pair(row: dict[str, Any]) -> tuple[str, int]:
    return row["BEN_NIR_PSA"], row["BEN_RNG_GEM"]


def fits(row: dict[str, Any], population: Population) -> bool:
    born = int(row["BEN_NAI_ANN"])
    return (
        (population.born_from is None or born >= population.born_from)
        and (population.born_until is None or born <= population.born_until)
        and (not population.departments or row["BEN_RES_DPT"] in population.departments)
    )


def lasts(row: dict[str, Any], scope: DataScope) -> bool:
    start, end = row["IMB_ALD_DTD"], row["IMB_ALD_DTF"]
    known = end is not None and end >= start
    return start <= date(scope.last_year, 12, 31) and not (
        known and end < date(scope.first_year, 1, 1)
    )


def spread(register: Rows, objecting: set[str]) -> set[tuple[str, int]]:
    """The pairs of whoever objects, and of whoever shares such a pair."""
    people, pairs = set(objecting), set()
    while True:
        found = {pair(row) for row in register if row["BEN_IDT_ANO"] in people}
        if found == pairs:
            return pairs
        pairs = found
        people |= {row["BEN_IDT_ANO"] for row in register if pair(row) in pairs}


def with_key(rows: Rows, parents: Rows, key: tuple[str, ...]) -> Rows:
    keys = {tuple(row[name] for name in key) for row in parents}
    return [row for row in rows if tuple(row[name] for name in key) in keys]


def renamed(rows: Rows, turned: dict[str, str]) -> Counter[Any]:
    return Counter(
        tuple(
            sorted(
                (NAMES.get(column, column), turned.get(value, value) if column in NAMES else value)
                for column, value in row.items()
            )
        )
        for row in rows
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("agrees")


@pytest.fixture(scope="module")
def desk(folder: Path) -> Iterator[AccessDesk]:
    """A lake of 300 persons with two years of care, through the holder's and ingest's doors."""
    profile = SynthProfile(persons=300, seed=14, first_year=2023, years=2, as_of=date(2025, 2, 1))
    make(profile, folder / "clear")
    desk = AccessDesk(folder)
    desk.house.holder().prepare(folder / "clear", folder / "level-1")
    desk.house.ingest().load_all(LocalFiles(folder / "level-1"), ODILE)
    yield desk
    desk.close()


@pytest.fixture(scope="module")
def account(desk: AccessDesk, folder: Path) -> Account:
    lake = desk.house.lake
    tables = {name: lake.read(name).read_all().to_pylist() for name in lake.tables()}
    with (folder / "level-1/BEN_202502/IR_BEN_R.csv").open(encoding="utf-8") as file:
        level_one = [row["BEN_IDT_ANO"] for row in csv.DictReader(file, delimiter=";")]
    return Account(tables, level_one)


def scopes(homes: list[str]) -> st.SearchStrategy[DataScope]:
    populations = st.builds(
        lambda years, homes: Population(
            born_from=min(years), born_until=max(years), departments=tuple(homes)
        ),
        st.tuples(st.integers(1920, 2024), st.integers(1920, 2024)),
        st.lists(st.sampled_from(homes), unique=True, max_size=40),
    )
    return st.builds(
        lambda tables, years, population: DataScope(
            tables=tuple(
                TableScope(
                    table=name,
                    columns=COLUMNS[name],
                    potential_identifiers=tuple({"EXE_SOI_DTD"} & set(COLUMNS[name])),
                )
                for name in tables
            ),
            first_year=min(years),
            last_year=max(years),
            population=population,
        ),
        st.lists(st.sampled_from(sorted(COLUMNS)), unique=True, min_size=2),
        st.tuples(st.sampled_from((2023, 2024)), st.sampled_from((2023, 2024))),
        st.one_of(st.just(Population()), populations),
    )


def test_the_population_has_the_cases_that_matter(account: Account) -> None:
    """Twins under one number, persons under several, ranked identifiers, stays of nobody."""
    register = account.tables["IR_BEN_R"]
    ranks = Counter(row["BEN_NIR_PSA"] for row in register)
    assert max(ranks.values()) > 1
    assert max(Counter(row["BEN_IDT_ANO"] for row in register).values()) > 1
    assert {len(row["BEN_IDT_ANO"]) for row in register} == {17, 18}
    assert any(row["NIR_ANO_17"][0] in "xX" for row in account.tables["T_MCO23C"])
    shared = {psa for psa, count in ranks.items() if count > 1}
    stays = account.tables["T_MCO23C"] + account.tables["T_MCO24C"]
    assert any(row["NIR_ANO_17"] in shared for row in stays)


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_an_extract_agrees_with_the_plain_account(desk, account, data) -> None:
    """Any tables, years and population, with any persons objecting, twins among them."""
    scope = data.draw(scopes(account.homes))
    objecting = data.draw(st.sets(st.sampled_from(account.level_one), max_size=12))
    project = "p-" + data.draw(st.sampled_from("abc"))
    permit = desk.permit(scope=scope, project=project)
    for person in objecting:
        desk.access.objections.register(person, CLAIRE)
    desk.access.extract(permit, ODILE)
    for person in objecting:
        desk.access.objections.withdraw(person, CLAIRE)
    found = rows_of(desk.access.open_extract(permit, CAMILLE))
    expected = account.permitted(scope, {account.platform[person] for person in objecting})
    assert set(found) == set(expected)
    turned = in_project(desk, project, expected)
    for name, rows in expected.items():
        assert Counter(tuple(sorted(row.items())) for row in found[name]) == renamed(rows, turned)


def in_project(desk: AccessDesk, project: str, tables: dict[str, Rows]) -> dict[str, str]:
    """What each platform pseudonym of `tables` becomes in a project; ranks are kept."""
    values = sorted(
        {
            row[column]
            for rows in tables.values()
            for row in rows
            for column in NAMES
            if row.get(column)
        }
    )
    secret = desk.house.keys.secret("pseudonym", f"project/{project}")
    heads = pseudonyms.project(secret, pa.array([value[:17] for value in values], pa.string()))
    return {value: head + value[17:] for value, head in zip(values, heads.to_pylist(), strict=True)}
