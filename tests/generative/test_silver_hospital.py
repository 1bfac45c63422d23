"""Outpatient care and drugs of hospitals: taken further is made anew; and it is right."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from bercail.cohorts.views import DCIR_KEY
from bercail.testing.silver_world import DAY, OPERATOR, Row, Tables, World, pseudonym

CONCEPTS = ("consultations", "hospital_drugs")
CODES = ("NIR_RET", "NAI_RET", "SEX_RET", "IAS_RET", "ENT_DAT_RET")
PERSONS = 5


class Hospital:
    """Random deliveries: care lines, where they were billed, drugs, invoices of outpatients."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines = 0
        self.cares: list[Row] = []

    def register(self) -> list[Row]:
        return [
            {
                "BEN_NIR_PSA": pseudonym(number),
                "BEN_RNG_GEM": 1,
                "BEN_IDT_ANO": pseudonym(number),
                "BEN_DCD_DTE": date(1600, 1, 1),
            }
            for number in range(PERSONS)
        ]

    def month(self) -> Tables:
        """New lines; some billed by a hospital, of this month or of one before."""
        tables: Tables = {"ER_PRS_F": [], "ER_UCD_F": [], "ER_ETE_F": []}
        for _ in range(5):
            self.lines += 1
            key = dict.fromkeys(DCIR_KEY, 1) | {
                "FLX_DIS_DTD": DAY,
                "FLX_TRT_DTD": DAY,
                "ORG_CLE_NUM": "01C010000",
                "DCT_ORD_NUM": self.lines,
            }
            self.cares.append(self._care(key))
            tables["ER_PRS_F"].append(self.cares[-1])
            if self.random.random() < 0.9:
                tables["ER_UCD_F"].append(self._unit(key))
        for care in self.random.sample(self.cares, 2):
            key = {name: care[name] for name in DCIR_KEY}
            tables["ER_ETE_F"].append(key | {"ETE_IND_TAA": self.random.choice([1, 1, 0, None])})
        return {name: rows for name, rows in tables.items() if rows}

    def _care(self, key: Row) -> Row:
        return key | {
            "BEN_NIR_PSA": pseudonym(self.random.randrange(PERSONS)),
            "BEN_RNG_GEM": 1,
            "BEN_CDI_NIR": "00",
            "EXE_SOI_DTD": DAY + timedelta(days=self.random.randrange(3)),
            "CPL_MAJ_TOP": 0,
            "DPN_QLF": self.random.choice([None, 0, 71]),
            "PRS_DPN_QLP": None,
            "BSE_PRS_NAT": 1111,
            "PRS_NAT_REF": self.random.choice([1111, 1112]),
            "PRS_ACT_QTE": 1,
            "PSE_SPE_COD": self.random.choice([1, 3]),
        }

    def _unit(self, key: Row) -> Row:
        return key | {
            "UCD_ORD_NUM": 1,
            "UCD_UCD_COD": "0000009213845",
            "UCD_TOP_UCD": self.random.choice([0, 0, 1]),
            "UCD_DLV_NBR": self.random.choice([-1, 1, 2, 3]),
        }

    def year(self, invoices: int) -> Tables:
        tables: Tables = {"T_MCO23CSTC": [], "T_MCO23FCSTC": []}
        for number in range(invoices):
            key = {"ETA_NUM": "750000001", "SEQ_NUM": f"{number:08}"}
            codes = {code: self.random.choice("0000002") for code in CODES}
            who = {"NIR_ANO_17": pseudonym(self.random.randrange(PERSONS)), "EXE_SOI_DTD": DAY}
            tables["T_MCO23CSTC"].append(key | codes | who)
            for _ in range(2):
                line = {"NUM_FAC": "1", "EXE_SPE": "03", "ACT_NBR": 1}
                line |= {"ACT_COD": self.random.choice(["CS", "C", "AMI"])}
                line |= {"DEL_DAT_ENT": self.random.randrange(2)}
                tables["T_MCO23FCSTC"].append(key | line)
        return tables


@pytest.mark.parametrize("seed", [1, 2])
def test_care_of_hospitals_taken_further_is_made_anew(tmp_path: Path, seed: int) -> None:
    world, hospital = World.build(tmp_path / "world", part_rows=1), Hospital(seed)
    world.bring("BEN", {"IR_BEN_R": hospital.register()})
    deliveries = [
        ("DCIR-1", hospital.month(), ""),
        ("MCO-1", hospital.year(6), ""),
        ("DCIR-2", hospital.month(), ""),
        ("MCO-2", hospital.year(5), "MCO-1"),
        ("DCIR-1b", hospital.month(), "DCIR-1"),
    ]
    for name, tables, corrects in deliveries:
        world.bring(name, tables, corrects)
        for one in CONCEPTS:
            world.silver.build(OPERATOR, one)
    for one in CONCEPTS:
        further = world.rows(one)
        assert further
        world.silver.rebuild(OPERATOR, one)
        assert world.rows(one) == further
    whose = world.whose()
    found = {(whose[row[1]], row[2], row[3], row[4]): row[5] for row in world.rows("consultations")}
    assert found == plain_consultations(world)
    world.close()


def plain_consultations(world: World) -> dict[tuple[str, date, str, str], int]:
    """The same by loops: (identity, day, nature, specialty) -> quantity."""
    billed = {_key(row) for row in world.bronze("ER_ETE_F") if row["ETE_IND_TAA"] == 1}
    total: dict[tuple[str, date, str, str], int] = defaultdict(int)
    for row in world.bronze("ER_PRS_F"):
        if _key(row) not in billed and row["DPN_QLF"] != 71:
            what = (str(row["PRS_NAT_REF"]), str(row["PSE_SPE_COD"]))
            total[row["BEN_NIR_PSA"], row["EXE_SOI_DTD"], *what] += row["PRS_ACT_QTE"]
    chained = {row["SEQ_NUM"]: row for row in world.bronze("T_MCO23CSTC")}
    for row in world.bronze("T_MCO23FCSTC"):
        head = chained[row["SEQ_NUM"]]
        if all(head[code] == "0" for code in CODES) and row["ACT_COD"] != "AMI":
            day = head["EXE_SOI_DTD"] + timedelta(days=row["DEL_DAT_ENT"])
            total[head["NIR_ANO_17"], day, row["ACT_COD"], "3"] += row["ACT_NBR"]
    return dict(total)


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in DCIR_KEY)
