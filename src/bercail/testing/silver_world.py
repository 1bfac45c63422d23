"""Bronze of a few persons, delivery after delivery: late lines, reversals, corrections, twins."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from attrs import define, field

from bercail.catalogue import load
from bercail.cohorts.views import DCIR_KEY
from bercail.foundation import Role
from bercail.ingest.silver.concepts import concept
from bercail.ingest.silver.definition import column_names
from bercail.ingest.silver.numbers import NUMBERS_TABLE, RegisterPersons
from bercail.ingest.silver.service import SilverService
from bercail.ingest.silver.session import SessionSettings
from bercail.lake import Lake
from bercail.testing.small_house import SmallHouse, person

OPERATOR = person("odile", Role.OPERATOR)
Row = dict[str, Any]
Tables = dict[str, list[Row]]
DRUGS = (3400930000001, 3400930000002, 3400930000003)
CODES = ("DEQP003", "YYYY010")
RETURN_CODES = tuple(f"{code}_RET" for code in ("NIR", "NAI", "SEX", "SEJ", "FHO", "PMS", "DAT"))
CHAIN_CODES = (*RETURN_CODES, "COH_NAI_RET", "COH_SEX_RET")
DAY = date(2023, 1, 1)


def pseudonym(number: int) -> str:
    """A text with the shape of a pseudonym."""
    return chr(ord("A") + number) * 17


class Writer:
    """Writes random deliveries of `persons` persons; what it wrote may be reversed later."""

    def __init__(self, seed: int, persons: int = 6) -> None:
        self.random = random.Random(seed)  # noqa: S311 - data for tests
        self.persons = persons
        self.lines = 0
        self.written: list[tuple[Row, Row]] = []

    def register(self, months: int) -> list[Row]:
        """Everybody, with a second pseudonym here and there and a twin who shares one."""
        rows = [self._who(number, number, 1) for number in range(self.persons)]
        rows.append(self._who(0, self.persons, 1))
        rows.append(self._who(2, 1, self.random.choice([1, 2])))
        if months > 1:
            rows.append(self._who(self.persons + 1, self.persons + 1, 1))
        return rows

    def _who(self, identity: int, psa: int, rank: int) -> Row:
        died = self.random.random() < 0.3
        return {
            "BEN_NIR_PSA": pseudonym(psa),
            "BEN_RNG_GEM": rank,
            "BEN_IDT_ANO": pseudonym(identity),
            "BEN_NIR_ANO": pseudonym(identity),
            "BEN_IDT_TOP": 1,
            "BEN_DCD_DTE": DAY + timedelta(days=700) if died else date(1600, 1, 1),
            # Rows of one person differ by their pseudonym.
            "BEN_CDI_NIR": "00" if psa % 3 else "09",
            "BEN_NAI_ANN": "1600" if psa == 2 else str(1940 + identity),
            "BEN_SEX_COD": 1 + psa % 2,
            "BEN_RES_DPT": f"{psa:03}" if psa % 4 else " ",
            "BEN_DTE_MAJ": date(2023, 1 + psa % 3, 1),
        }

    def month(self, month: int) -> Tables:
        """One flux month: new care, late care, and lines that take former ones back."""
        tables: Tables = {"ER_PRS_F": [], "ER_PHA_F": [], "ER_CAM_F": [], "IR_IMB_R": []}
        for _ in range(self.random.randint(2, 6)):
            self.care(month, tables)
        for care, drug in self.random.sample(self.written, min(2, len(self.written))):
            key = self._key(month)
            tables["ER_PRS_F"].append({**care, **key, "PRS_ACT_QTE": -care["PRS_ACT_QTE"]})
            tables["ER_PHA_F"].append({**drug, **key, "PHA_ACT_QSN": -drug["PHA_ACT_QSN"]})
        if self.random.random() < 0.5:
            tables["IR_IMB_R"].append(self._illness())
        return {table: rows for table, rows in tables.items() if rows}

    def year(self, stays: int) -> Tables:
        """A year of discharge: stays, their acts and diagnoses."""
        tables: Tables = {f"T_MCO23{letter}": [] for letter in "ABCD"}
        tables["T_MCO23UM"] = []
        for number in range(stays):
            key = {"ETA_NUM": "750000001", "RSA_NUM": f"{number:010}"}
            codes = dict.fromkeys(CHAIN_CODES, "0")
            if self.random.random() < 0.2:
                codes["NIR_RET"] = "1"
            entry = DAY + timedelta(days=self.random.randrange(300))
            who = pseudonym(self.random.randrange(self.persons + 2))
            dates = {"EXE_SOI_DTD": entry, "EXE_SOI_DTF": entry + timedelta(days=3)}
            tables["T_MCO23C"].append({**key, "NIR_ANO_17": who, **dates, **codes})
            tables["T_MCO23B"].append({**key, **self._summary()})
            tables["T_MCO23D"].append({**key, "ASS_DGN": "I10 "})
            tables["T_MCO23UM"].append({**key, "DGN_PAL": "E119", "DGN_REL": None})
            act = {"RUM_SEQ": "1", "ACT_ORD_NUM": "1", "CDC_ACT": CODES[0], "ACV_ACT": "1"}
            tables["T_MCO23A"].append({**key, **act, "ENT_DAT_DEL": 1, "NBR_EXE_ACT": 1})
        return tables

    def _summary(self) -> Row:
        return {
            "DGN_PAL": self.random.choice(["I639", "E119"]),
            "DGN_REL": self.random.choice([None, "C50"]),
            "GRG_GHM": self.random.choice(["01M301", "05M09T", "28Z04Z", "90Z00Z"]),
            "SEJ_TYP": self.random.choice([None, "A", "A", "B"]),
            "SOR_MOD": self.random.choice(["8", "9"]),
        }

    def _key(self, month: int) -> Row:
        self.lines += 1
        flux = date(2023 + month // 12, 1 + month % 12, 1)
        numbers = dict.fromkeys(DCIR_KEY, 1)
        return {
            **numbers,
            "FLX_DIS_DTD": flux,
            "FLX_TRT_DTD": flux,
            "ORG_CLE_NUM": "01C010000",
            "DCT_ORD_NUM": self.lines,
        }

    def care(self, month: int, tables: Tables) -> None:
        """One care line with a drug and an act, of anybody."""
        key = self._key(month)
        care = {
            **key,
            "BEN_NIR_PSA": pseudonym(self.random.randrange(self.persons + 2)),
            "BEN_RNG_GEM": 1,
            "BEN_CDI_NIR": self.random.choice(["00"] * 6 + ["09"]),
            "EXE_SOI_DTD": DAY + timedelta(days=self.random.randrange(4)),
            "CPL_MAJ_TOP": self.random.choice([0] * 6 + [2]),
            "DPN_QLF": self.random.choice([None, None, 0, 0, 71]),
            "PRS_DPN_QLP": None,
            "BSE_PRS_NAT": 3313,
            "PRS_NAT_REF": self.random.choice([1111, 1211, 1451, 3313]),
            "PRS_ACT_QTE": self.random.choice([1, 2]),
            "PSE_SPE_COD": self.random.choice([1, 22]),
            "BEN_RES_DPT": self.random.choice(["075", "013", ""]),
            "BEN_RES_COM": "101",
        }
        drug = {
            **key,
            "PHA_ORD_NUM": 1,
            "PHA_PRS_C13": self.random.choice(DRUGS),
            "PHA_ACT_QSN": self.random.choice([1, 2, 3]),
            "PHA_DEC_TOP": self.random.choice([" ", "D"]),
            "PHA_DEC_QSU": 5,
        }
        act = {**key, "CAM_ORD_NUM": 1, "CAM_PRS_IDE": self.random.choice(CODES)}
        tables["ER_PRS_F"].append(care)
        tables["ER_PHA_F"].append(drug)
        tables["ER_CAM_F"].append({**act, "CAM_ACT_COD": "1"})
        self.written.append((care, drug))

    def _illness(self) -> Row:
        return {
            "BEN_NIR_PSA": pseudonym(self.random.randrange(self.persons)),
            "BEN_RNG_GEM": 1,
            "IMB_ALD_DTD": DAY,
            "IMB_ALD_DTF": self.random.choice([date(1600, 1, 1), date(2028, 1, 1)]),
            "IMB_ETM_NAT": self.random.choice([41, 11]),
            "MED_MTF_COD": self.random.choice(["E11", "I10"]),
        }


@define
class World:
    """A small house, and what every delivery brought to its lake, for an oracle."""

    house: SmallHouse
    brought: dict[str, Tables] = field(factory=dict)
    settings: SessionSettings = field(factory=SessionSettings)

    @classmethod
    def build(cls, folder: Path, part_rows: int = 500_000) -> World:
        """A world whose lake is empty; its silver parts end with a bucket after `part_rows`."""
        folder.mkdir(parents=True, exist_ok=True)
        return cls(SmallHouse.build(folder), settings=SessionSettings(part_rows=part_rows))

    @property
    def lake(self) -> Lake:
        """The lake."""
        return self.house.lake

    @property
    def silver(self) -> SilverService:
        """The desk, as a new process has it, with the register alone."""
        return SilverService(
            lake=self.lake,
            ledger=self.house.ledger,
            persons=RegisterPersons(),
            settings=self.settings,
        )

    def bring(self, delivery: str, tables: Tables, corrects: str = "") -> None:
        """Load tables as ingest does; a correction takes the place of another delivery."""
        for table, rows in tables.items():
            batch = batch_of(table, rows)
            if corrects and table in self.brought[corrects]:
                self.lake.correcting.correct(
                    table, [batch], batch.schema, delivery=delivery, corrects=corrects, epoch=1
                )
            else:
                self.lake.append(table, [batch], batch.schema, delivery=delivery)
        for table in set(self.brought.pop(corrects, {})) - set(tables):
            schema = self.lake.read(table).schema
            self.lake.correcting.correct(
                table, [], schema, delivery=delivery, corrects=corrects, epoch=1
            )
        self.brought[delivery] = tables

    def bring_care_of_one(self, delivery: str, line: int = 0) -> str:
        """One care of the person of the third pseudonym, in a flux month after all others."""
        writer = Writer(1)
        writer.lines = 1000 + line
        tables: Tables = {"ER_PRS_F": [], "ER_PHA_F": [], "ER_CAM_F": []}
        writer.care(12, tables)
        plain = {"BEN_CDI_NIR": "00", "CPL_MAJ_TOP": 0, "DPN_QLF": None}
        tables["ER_PRS_F"][0].update(BEN_NIR_PSA=pseudonym(3), **plain)
        tables.pop("ER_CAM_F")
        self.bring(delivery, tables)
        return pseudonym(3)

    def bronze(self, table: str) -> list[Row]:
        """All lines of a table that stand."""
        return [row for tables in self.brought.values() for row in tables.get(table, [])]

    def rows(self, concept: str) -> list[tuple[Any, ...]]:
        """The rows of a silver table, in their order."""
        table = self.lake.read(f"silver_{concept}").read_all()
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True))

    def whose(self) -> dict[int, str]:
        """The identity of each person number."""
        table = self.lake.read(NUMBERS_TABLE).read_all()
        return dict(zip(*(column.to_pylist() for column in table.columns), strict=True))

    def events(self, name: str, *columns: str) -> list[tuple[Any, ...]]:
        """Whose each event is, and those columns of it, in the order of their texts."""
        self.silver.build(OPERATOR, name)
        whose, names = self.whose(), column_names(concept(name))
        found = [
            (whose[row[names.index("person")]], *(row[names.index(one)] for one in columns))
            for row in self.rows(name)
        ]
        return sorted(found, key=str)

    def close(self) -> None:
        """Let go of the house."""
        self.house.close()


def world_of_two(folder: Path) -> Iterator[World]:
    """A world that knows two persons, AAA... and BBB..., alive; closed at the end."""
    made = World.build(folder, part_rows=1)
    alive = {"BEN_RNG_GEM": 1, "BEN_DCD_DTE": date(1600, 1, 1)}
    rows = [{"BEN_NIR_PSA": who, "BEN_IDT_ANO": who, **alive} for who in ("A" * 17, "B" * 17)]
    made.bring("BEN", {"IR_BEN_R": rows})
    yield made
    made.close()


def batch_of(table: str, rows: list[Row]) -> pa.RecordBatch:
    """Rows under the types of the catalogue."""
    schema = load().table(table).arrow_schema(list(rows[0]))
    columns = [[_fitted(row[one.name], one.type) for row in rows] for one in schema]
    arrays = [pa.array(column, one.type) for column, one in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _fitted(value: Any, kind: pa.DataType) -> Any:
    if value is not None and pa.types.is_decimal(kind):
        return Decimal(value)
    if value is not None and pa.types.is_integer(kind):
        return int(value)
    return value if value is None or not pa.types.is_string(kind) else str(value)


def sequences(seed: int, months: int) -> Iterator[tuple[str, Tables, str]]:
    """Deliveries in their order: name, tables, and the one whose place it takes."""
    writer = Writer(seed)
    for month in range(months):
        if month == 0:
            yield "BEN-1", {"IR_BEN_R": writer.register(month)}, ""
        elif month == 3:
            yield "BEN-2", {"IR_BEN_R": writer.register(month)}, "BEN-1"
        yield f"DCIR-{month}", writer.month(month), ""
        if month == 1:
            yield "MCO-1", writer.year(5), ""
        elif month == 2:
            yield "DCIR-0b", writer.month(0), "DCIR-0"
            yield "MCO-1b", writer.year(4), "MCO-1"
