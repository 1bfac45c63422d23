"""All tables of city care and of hospital stays in the CNAM's dialect, without a special case.

The fixtures are generated here from the catalogue, all columns of a year, with the facts of the
dialect: `;`, one header line, dd/MM/yyyy, decimal point, fields quoted or not, either end of line,
empty fields, codes with zeros on the left. What the lake holds is compared value by value.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bercail.catalogue import Column, Registry, Table, arrow_type, load, vocabularies
from bercail.foundation import Role
from bercail.ingest.folder import LocalFiles
from bercail.testing.small_house import SmallHouse, person

OPERATOR = person("odile", Role.OPERATOR)
PSEUDONYM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
STAYS = ("A", "B", "C", "D", "UM", "FA")
YEAR, LINES = 2019, 12
Row = dict[str, str]


def values(column: Column, table: Table, registry: Registry, chance: random.Random) -> str:
    """A value of the column's form; empty one time in five, and where only a list may stand."""
    if chance.random() < 0.2 or any(one.holds(table.name, column.name) for one in vocabularies()):
        return ""
    if column.code_list in registry.code_lists():
        return chance.choice(registry.code_lists()[column.code_list]).code
    kind = arrow_type(column)
    if column.physical_type == "date":
        return (date(2019, 1, 1) + timedelta(days=chance.randrange(365))).strftime("%d/%m/%Y")
    if column.physical_type == "num":
        whole = str(chance.randrange(-9, 100))
        return whole if str(kind) == "int64" else f"{whole}.{chance.randrange(100):02d}"
    length = min(column.length or 3, 6)
    return ("0" + "".join(chance.choices("ABCDEFGH", k=length)))[:length]


def pseudonym(number: int) -> str:
    return "".join(random.Random(number).choices(PSEUDONYM, k=17))


def rows(table: Table, year: int | None, registry: Registry, chance: random.Random) -> list[Row]:
    """Lines with every column of the year; `LINES` keys, and details twice under each."""
    identities = {column.name: column.kind for column in registry.pseudonyms(table)}
    # Where the key is that of the care line or of the stay, there is one line for each.
    detail = not table.key or not set(table.key) <= set(key_of(0))
    found = []
    for number in range(LINES * (2 if detail else 1)):
        row = {
            name: values(table.column(name), table, registry, chance)
            for name in table.column_names(year)
        }
        row |= {name: pseudonym(number % 5) for name in identities if name in row}
        found.append(row | {k: v for k, v in key_of(number % LINES).items() if k in row})
        if detail and table.key:
            # A detail with a key of its own says which line of it this is.
            own = [k for k in table.key if k not in key_of(0)]
            found[-1] |= {name: str(number) for name in own}
    return found


def key_of(number: int) -> Row:
    nine = {
        "DCT_ORD_NUM": str(number + 1),
        "FLX_DIS_DTD": "01/02/2019",
        "FLX_TRT_DTD": "20/01/2019",
        "FLX_EMT_NUM": "17",
        "FLX_EMT_ORD": "0",
        "FLX_EMT_TYP": "1",
        "ORG_CLE_NUM": "01C931000",
        "PRS_ORD_NUM": "1",
        "REM_TYP_AFF": "0",
    }
    return nine | {"ETA_NUM": f"0{number % 3}0000001", "RSA_NUM": f"{number:010d}"}


def written(lines: list[Row], chance: random.Random) -> bytes:
    """The file: some fields in quotes, and the end of line of one system or of the other."""
    end = chance.choice(["\n", "\r\n"])
    text = [";".join(lines[0])]
    text += [
        ";".join(f'"{v}"' if v and chance.random() < 0.1 else v for v in row.values())
        for row in lines
    ]
    return (end.join(text) + end).encode()


def deliver(folder: Path, system: str, period: str, tables: dict[str, list[Row]]) -> None:
    folder.mkdir(parents=True)
    chance, files = random.Random(period), []
    for table, lines in tables.items():
        data = written(lines, chance)
        (folder / f"{table}.csv").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        told = {"table": table, "name": f"{table}.csv", "rows": len(lines), "bytes": len(data)}
        files.append(told | {"sha256": digest})
    document = {"holder": "CNAM", "system": system, "period": period}
    document |= {"identifiers": "level-1", "files": files}
    (folder / "delivery.json").write_text(json.dumps(document))


def world(registry: Registry) -> dict[str, dict[str, list[Row]]]:
    """One month of every table of city care, and one year of the tables of stays."""
    city = [table for table in registry.tables.values() if table.product == "DCIR"]
    stays = {suffix: registry.table(f"T_MCOaa{suffix}") for suffix in STAYS}
    return {
        "DCIR": {one.name: rows(one, None, registry, random.Random(one.name)) for one in city},
        "MCO": {
            f"T_MCO19{suffix}": rows(one, YEAR, registry, random.Random(one.name))
            for suffix, one in stays.items()
        },
    }


def as_read(value: Any) -> str:
    """A value of the lake as the file writes it."""
    if value is None:
        return ""
    if isinstance(value, date):
        return value.strftime("%d/%m/%Y")
    return format(value.normalize(), "f") if isinstance(value, Decimal) else str(value)


def as_sent(text: str, number: bool) -> str:
    return format(Decimal(text).normalize(), "f") if text and number else text


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SmallHouse]:
    built = SmallHouse.build(tmp_path)
    yield built
    built.close()


def test_every_table_of_the_dialect_loads_value_by_value(house: SmallHouse, tmp_path: Path) -> None:
    registry = load()
    sent = world(registry)
    deliver(tmp_path / "in" / "DCIR_201902", "DCIR", "2019-02", sent["DCIR"])
    deliver(tmp_path / "in" / "MCO_2019", "MCO", "2019", sent["MCO"])
    reports = house.ingest().load_all(LocalFiles(tmp_path / "in"), OPERATOR)
    assert [report.warnings for report in reports] == [(), ()]
    assert len(sent["DCIR"]) >= 16
    for name, lines in (sent["DCIR"] | sent["MCO"]).items():
        table = registry.table(name)
        hidden = {column.name for column in registry.pseudonyms(table)}
        read = house.lake.read(name).read_all().to_pylist()
        assert len(read) == len(lines)
        for row, line in zip(read, lines, strict=True):
            for column, text in line.items():
                if column in hidden:
                    assert bool(row[column]) == bool(text)
                    continue
                number = table.column(column).physical_type == "num"
                assert as_read(row[column]) == as_sent(text, number), (name, column)
