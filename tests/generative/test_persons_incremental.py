"""The person layer built delivery after delivery equals the one built at once, whatever comes."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bercail.foundation import Role
from bercail.ingest.persons import IDENTITIES, PERSONS, PersonDesk, WorkSettings
from bercail.ingest.persons.sources import CARE_COLUMNS, REGISTER_COLUMNS
from bercail.testing.small_house import SmallHouse, person

OPERATOR = person("odile", Role.OPERATOR)
SEEDS = range(8)
TABLES = ("IR_BEN_R", "IR_BEN_R", "IR_BEN_R_ARC", "ER_PRS_F")
Delivery = tuple[str, list[dict[str, Any]]]


def deliveries(dice: random.Random) -> list[Delivery]:
    """Few pseudonyms and few own numbers, so that they meet, part and meet again."""

    def day() -> date | None:
        return dice.choice([None, date(1600, 1, 1), date(2020, 1, 1 + dice.randrange(9))])

    def pair() -> dict[str, Any]:
        letter = dice.choice("ABCDEF")
        return {
            "BEN_NIR_PSA": dice.choice([f"PSAPSAPSAPSAPSAP{letter}"] * 9 + [None]),
            "BEN_RNG_GEM": dice.choice([1, 1, 1, 2, None]),
            "BEN_CDI_NIR": dice.choice(["00", "00", "04", "11", None]),
        }

    def line(table: str) -> dict[str, Any]:
        if table == "ER_PRS_F":
            return pair() | {"FLX_DIS_DTD": day()}
        return pair() | {
            "BEN_NIR_ANO": dice.choice([None, None, *(f"OWNOWNOWNOWNOWNO{x}" for x in "UVWXYZ")]),
            "BEN_NAI_ANN": dice.choice(["1950", "1951", "1600", None]),
            "BEN_NAI_MOI": dice.choice(["01", "02", "00", None]),
            "BEN_SEX_COD": dice.choice([1, 2, 9, None]),
            "BEN_DCD_DTE": day(),
            "BEN_DTE_INS": day(),
            "BEN_DTE_MAJ": day(),
        }

    found = []
    for _ in range(dice.randint(3, 5)):
        table = dice.choice(TABLES)
        found.append((table, [line(table) for _ in range(dice.randint(1, 7))]))
    return found


def built(folder: Path, coming: list[Delivery], pauses: set[int]) -> tuple[SmallHouse, PersonDesk]:
    """A house that took the deliveries and built after those in `pauses`, and at the end."""
    folder.mkdir()
    house = SmallHouse.build(folder)
    desk = PersonDesk(house.lake, house.ledger, WorkSettings(memory_limit="1GB"))
    for place, (table, rows) in enumerate(coming):
        house.clock.advance(timedelta(seconds=1))
        schema = CARE_COLUMNS if table == "ER_PRS_F" else REGISTER_COLUMNS
        batch = pa.RecordBatch.from_pylist(rows, schema=schema)
        house.lake.append(table, [batch], schema, delivery=f"d{place}")
        if place in pauses or place == len(coming) - 1:
            desk.build(OPERATOR)
    return house, desk


def held(house: SmallHouse) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    identities = house.lake.read(IDENTITIES).read_all().sort_by("identity").to_pylist()
    return identities, house.lake.read(PERSONS).read_all().sort_by("person").to_pylist()


@pytest.mark.parametrize("seed", SEEDS)
def test_built_step_by_step_at_once_and_again_from_nothing(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    coming = deliveries(dice)
    pauses = {place for place in range(len(coming)) if dice.random() < 0.6}
    slow, desk = built(tmp_path / "slow", coming, pauses)
    quick, _ = built(tmp_path / "quick", coming, set())
    found = held(slow)
    assert found == held(quick)
    desk.build(OPERATOR, whole=True)
    assert held(slow) == found
    require_lasting_numbers(slow)
    slow.close()
    quick.close()


def require_lasting_numbers(house: SmallHouse) -> None:
    """From build to build: numbers of persons go down or stay, and are never somebody else's."""
    before: dict[int, int] = {}
    owners: dict[int, str | None] = {}
    for snapshot in house.lake.snapshots(IDENTITIES):
        rows = house.lake.read(IDENTITIES, None, snapshot.id).read_all().to_pylist()
        now = {row["identity"]: row["person"] for row in rows}
        assert len(now) == len(rows)
        assert all(now[number] <= was for number, was in before.items())
        for row in rows:
            own = row["BEN_IDT_ANO"]
            if own is not None and own.startswith("OWN"):
                assert owners.setdefault(row["person"], own) == own
        before = now
