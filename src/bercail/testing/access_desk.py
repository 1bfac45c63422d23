"""An access desk over a small lake written by hand: for tests of permits and extracts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import evolve

from bercail.access import (
    AccessApplication,
    AccessService,
    DataPermit,
    DataScope,
    Population,
    Purpose,
    TableScope,
)
from bercail.access.permit import TEXT_ITEMS
from bercail.cohorts.sources import Source, Sources
from bercail.foundation import Actor, Role
from bercail.lake.identities import PSEUDONYM_LENGTH
from bercail.testing.small_house import SmallHouse, person
from bercail.vault import pseudonyms

CAMILLE = person("camille", Role.APPLICANT, Role.DATA_USER)
NOOR = person("noor", Role.DATA_USER)
AXEL = person("axel", Role.ACCESS_OFFICER)
CESREES = person("cesrees", Role.COMMITTEE)
CNIL = person("cnil", Role.REGULATOR)
ODILE = person("odile", Role.OPERATOR)
CLAIRE = person("claire", Role.CITIZEN)
EVERYBODY = (CAMILLE, NOOR, AXEL, CESREES, CNIL, ODILE, CLAIRE)

KEY = (
    "DCT_ORD_NUM",
    "FLX_DIS_DTD",
    "FLX_EMT_NUM",
    "FLX_EMT_ORD",
    "FLX_EMT_TYP",
    "FLX_TRT_DTD",
    "ORG_CLE_NUM",
    "PRS_ORD_NUM",
    "REM_TYP_AFF",
)
BEN = TableScope(
    table="IR_BEN_R",
    columns=("BEN_NIR_PSA", "BEN_RNG_GEM", "BEN_IDT_ANO", "BEN_NAI_ANN", "BEN_RES_DPT"),
)
PRS = TableScope(
    table="ER_PRS_F",
    columns=(*KEY, "BEN_NIR_PSA", "BEN_RNG_GEM", "EXE_SOI_DTD", "PRS_ACT_QTE"),
    potential_identifiers=("EXE_SOI_DTD",),
)
PHA = TableScope(table="ER_PHA_F", columns=(*KEY, "PHA_PRS_C13"))
IMB = TableScope(table="IR_IMB_R", columns=("BEN_NIR_PSA", "BEN_RNG_GEM", "MED_MTF_COD"))
CHAIN = TableScope(table="T_MCOaaC", columns=("ETA_NUM", "RSA_NUM", "NIR_ANO_17"))
STAY = TableScope(table="T_MCOaaB", columns=("ETA_NUM", "RSA_NUM", "DGN_PAL"))
ALL_TABLES = (BEN, PRS, PHA, IMB, CHAIN, STAY)
DELIVERIES = {
    "2023-03-01": ("2022-12-31", "2023-01-01"),
    "2024-02-01": ("2024-01-09", "2024-12-31", "2025-01-01"),
}
ITEMS = dict.fromkeys(TEXT_ITEMS, "Said.")


def scope(
    *tables: TableScope,
    first_year: int = 2023,
    last_year: int = 2024,
    population: Population | None = None,
) -> DataScope:
    """A scope of care in 2023 and 2024; all the tables unless some are named."""
    return DataScope(
        tables=tables or ALL_TABLES,
        first_year=first_year,
        last_year=last_year,
        population=population or Population(),
    )


def application(**changes: Any) -> AccessApplication:
    """A whole application of `CAMILLE` and `NOOR`, valid from 1 to 30 November 2026."""
    whole = AccessApplication(
        project="diabetes",
        title="Treated diabetes",
        applicant=CAMILLE.id,
        public_body=False,
        members=(CAMILLE.id, NOOR.id),
        purpose=Purpose.RESEARCH,
        scope=scope(),
        starts=date(2026, 11, 1),
        ends=date(2026, 11, 30),
        **ITEMS,
    )
    return evolve(whole, **changes)


def level_one(name: str) -> str:
    """The level-1 pseudonym of a short name; `mother/2` is that of `mother` with the rank 2."""
    stem, _, rank = name.partition("/")
    digest = base64.b32encode(hashlib.sha256(stem.encode()).digest()).decode()
    return digest[:PSEUDONYM_LENGTH] + rank


class AccessDesk:
    """A small house whose lake and registry of objections are filled with short names."""

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.house = SmallHouse.build(folder, seed)
        self.access: AccessService = self.house.access()
        self._line = 0

    def close(self) -> None:
        """Let go of the house."""
        self.house.close()

    def stored(self, name: str) -> str:
        """The platform's pseudonym of a short name, or a text that names nobody as it is."""
        if not name or name[0] in "xX":
            return name
        secret = self.house.keys.secret("pseudonym", "level-2")
        return self._turned(secret, level_one(name), pseudonyms.level_two)

    def delivered(self, name: str, project: str = "diabetes") -> str:
        """The pseudonym of a short name in a project."""
        secret = self.house.keys.secret("pseudonym", f"project/{project}")
        return self._turned(secret, self.stored(name), pseudonyms.project)

    def load(self, delivery: str, **tables: Sequence[dict[str, Any]]) -> None:
        """Append rows to the lake; the columns of persons hold short names."""
        for name, rows in tables.items():
            known = self.house.registry.table(name)
            columns = list(dict.fromkeys(column for row in rows for column in row))
            named = {column.name for column in self.house.registry.pseudonyms(known)}
            schema = known.arrow_schema(columns)
            stored = [
                {
                    column: self.stored(value) if column in named and value else value
                    for column, value in row.items()
                }
                for row in rows
            ]
            batch = pa.RecordBatch.from_pylist(stored, schema=schema)
            self.house.lake.append(name, [batch], schema, delivery=delivery)

    def line(self, psa: str, day: str, rank: int = 1, flux: str = "2024-02-01") -> dict[str, Any]:
        """A line of ER_PRS_F, under a key of its own."""
        self._line += 1
        return {
            **dict.fromkeys(KEY, 1),
            "FLX_DIS_DTD": date.fromisoformat(flux),
            "FLX_TRT_DTD": date.fromisoformat(flux),
            "ORG_CLE_NUM": "01C123456",
            "DCT_ORD_NUM": self._line,
            "BEN_NIR_PSA": psa,
            "BEN_RNG_GEM": rank,
            "EXE_SOI_DTD": date.fromisoformat(day),
            "PRS_ACT_QTE": 1,
        }

    def decide_all(self, identifier: str) -> str:
        """Favourable opinion, authorisation and permit; returns the permit's id."""
        decide = self.access.decide
        decide(identifier, "give_opinion", CESREES, favourable=True, reasons="Sound.")
        decide(identifier, "authorise", CNIL, authorised=True, reference="DR-2026-1")
        permit = decide(identifier, "grant", AXEL)
        assert isinstance(permit, DataPermit)
        return permit.id

    def permit(self, **changes: Any) -> str:
        """The id of a permit granted for `application(**changes)`."""
        return self.decide_all(self.access.file(application(**changes), CAMILLE))

    def extract(self, **changes: Any) -> dict[str, list[dict[str, Any]]]:
        """The rows, by lake table, of the extract of such a permit."""
        permit = self.permit(**changes)
        self.access.extract(permit, ODILE)
        return rows_of(self.access.open_extract(permit, CAMILLE))

    def _turned(self, secret: Any, text: str, turn: Any) -> str:
        head, rank = text[:PSEUDONYM_LENGTH], text[PSEUDONYM_LENGTH:]
        return str(turn(secret, pa.array([head]))[0].as_py()) + rank


def rows_of(sources: Sources) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table of an opened extract."""
    found = {}
    for name, source in sources.tables.items():
        assert isinstance(source, Source)
        (url,) = source.urls
        with source.filesystem.open(url) as part:
            found[name] = pq.read_table(part).to_pylist()
    return found


def with_role(name: str, role: Role) -> Actor:
    """Somebody with one role."""
    return person(name, role)


def stock_register(desk: AccessDesk) -> AccessDesk:
    """Load two persons: `ana` of 1950 and 075; `bob` of 1990 and 069, under two numbers."""
    ana = {"BEN_NIR_PSA": "ana", "BEN_RNG_GEM": 1, "BEN_IDT_ANO": "ana-own"}
    bob = {"BEN_NIR_PSA": "mum", "BEN_RNG_GEM": 1, "BEN_IDT_ANO": "bob-own"}
    home = {"BEN_NAI_ANN": "1950", "BEN_RES_DPT": "075"}
    away = {"BEN_NAI_ANN": "1990", "BEN_RES_DPT": "069"}
    desk.load(
        "BEN_202611",
        IR_BEN_R=[
            {**ana, **home, "ASS_NIR_ANO": "ana"},
            {**bob, **away, "ASS_NIR_ANO": "mum"},
            {**bob, **away, "BEN_NIR_PSA": "dad", "ASS_NIR_ANO": "dad"},
        ],
    )
    return desk


def stock(desk: AccessDesk) -> AccessDesk:
    """Load the register, care from 2022 to 2025, and some care of nobody known."""
    stock_register(desk)
    desk.load(
        "IMB_202611",
        IR_IMB_R=[
            _illness("ana", "2010-01-01", "2022-12-31", "OVER"),
            _illness("ana", "2010-01-01", "1600-01-01", "UNKNOWN"),
            _illness("dad", "2024-12-31", "2030-01-01", "LASTDAY"),
            _illness("dad", "2025-01-01", "2030-01-01", "LATER"),
        ],
    )
    for flux, days in DELIVERIES.items():
        bearers = ("ana", "mum", "dad", "unknown")
        lines = [desk.line(psa, day, flux=flux) for psa in bearers for day in days]
        drugs = [
            {**{name: line[name] for name in KEY}, "PHA_PRS_C13": line["DCT_ORD_NUM"]}
            for line in lines
        ]
        desk.load(f"DCIR_{flux[:4]}{flux[5:7]}", ER_PRS_F=lines, ER_PHA_F=drugs)
    # The key of a stay means another stay in another year.
    for year, owners in (("22", ("unknown", "ana")), ("23", ("ana", "mum", "x" * 17, "unknown"))):
        stays = [{"ETA_NUM": "E", "RSA_NUM": str(n)} for n in range(len(owners))]
        chained = [{**stay, "NIR_ANO_17": o} for stay, o in zip(stays, owners, strict=True)]
        told = [{**stay, "DGN_PAL": f"{year}-{stay['RSA_NUM']}"} for stay in stays]
        desk.load(f"MCO_20{year}", **{f"T_MCO{year}C": chained, f"T_MCO{year}B": told})
    return desk


def _illness(psa: str, start: str, end: str, code: str) -> dict[str, Any]:
    return {
        "BEN_NIR_PSA": psa,
        "BEN_RNG_GEM": 1,
        "IMB_ALD_DTD": date.fromisoformat(start),
        "IMB_ALD_DTF": date.fromisoformat(end),
        "MED_MTF_COD": code,
    }
