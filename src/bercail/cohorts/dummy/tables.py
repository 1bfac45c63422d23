"""Drafts as the tables that a study reads: bronze where a view has it, silver for the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import define, field

from bercail.cohorts.dummy.drafts import Draft
from bercail.cohorts.sources import Source, Sources
from bercail.cohorts.views import DCIR_KEY, LONG_TERM_ILLNESSES, RAW, STAYS, VIEWS, Kind
from bercail.foundation import Missing

Row = dict[str, Any]
DRUGS = "drugs"
NEVER = date(1600, 1, 1)
_TYPES: Mapping[Kind, pa.DataType] = {
    Kind.INT: pa.int64(),
    Kind.TEXT: pa.string(),
    Kind.DATE: pa.date32(),
}
_SEXES = {"male": 1, "female": 2}


def sources_of(drafts: Sequence[Draft]) -> Sources:
    """The tables of some drafts, with their drugs, as sources of an engine."""
    tables = tables_of(drafts)
    found: dict[str, Source | pa.Table] = dict(tables)
    drugs = found.pop(DRUGS)
    if not isinstance(drugs, pa.Table):
        raise TypeError(DRUGS)
    return Sources(tables=found, drugs=drugs)


def sources_in(folder: Path) -> Sources:
    """The tables that `write_tables` left in a folder, as sources of an engine.

    Raises:
        Missing: there are none.
    """
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise Missing(
            f"There are no tables in `{folder}`.", remedy="Make some: `bercail cohort dummy`."
        )
    tables: dict[str, Source | pa.Table] = {
        file.stem: Source(urls=(str(file),)) for file in files if file.stem != DRUGS
    }
    drugs = folder / f"{DRUGS}.parquet"
    return Sources(tables=tables, drugs=pq.read_table(drugs) if drugs.is_file() else None)


def write_tables(drafts: Sequence[Draft], folder: Path) -> tuple[str, ...]:
    """Write the tables of some drafts as Parquet into a folder; their names."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = tables_of(drafts)
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    return tuple(tables)


def tables_of(drafts: Sequence[Draft]) -> dict[str, pa.Table]:
    """Every table, by name, and `drugs`."""
    made = _Tables()
    for number, draft in enumerate(drafts, start=1):
        made.person(draft, number)
    known = {code: about for draft in drafts for code, about in draft.drugs.known.items()}
    tables = made.tables()
    tables[DRUGS] = pa.table(
        {
            "cip13": pa.array([int(code) for code in known], pa.int64()),
            "atc": pa.array([atc for atc, _ in known.values()], pa.string()),
            "units_per_pack": pa.array([units for _, units in known.values()], pa.int64()),
        }
    )
    numbers = pa.array(range(1, len(drafts) + 1), pa.int32())
    names = pa.array([draft.name for draft in drafts], pa.string())
    tables["silver_numbers"] = pa.table({"person": numbers, "identity": names})
    return tables


@define
class _Tables:
    rows: dict[str, list[Row]] = field(factory=lambda: defaultdict(list))
    silver: dict[str, list[Row]] = field(factory=lambda: defaultdict(list))
    lines: int = 0

    def person(self, draft: Draft, number: int) -> None:
        known = draft.person
        year = known.get("birth_year")
        self.rows["IR_BEN_R"].append(
            {
                "BEN_NIR_PSA": draft.name,
                "BEN_RNG_GEM": 1,
                "BEN_IDT_ANO": draft.name,
                "BEN_CDI_NIR": "00",
                "BEN_NAI_ANN": year,
                "BEN_SEX_COD": _SEXES.get(str(known.get("sex"))),
                "BEN_DCD_DTE": known.get("death_date") or NEVER,
                "BEN_RES_DPT": known.get("department"),
            }
        )
        for view, events in draft.rows.items():
            for event in events:
                if not VIEWS[view].bronze:
                    self._silver(view, event, number)
                elif view == STAYS:
                    self._stay(draft.name, event)
                elif view == LONG_TERM_ILLNESSES:
                    self._illness(draft.name, event)
                else:
                    self._dispensing(draft.name, event)

    def tables(self) -> dict[str, pa.Table]:
        found = {}
        for name in dict.fromkeys([*(one.replace("aa", "23") for one in RAW), *self.rows]):
            family = f"T_MCOaa{name[7:]}" if name.startswith("T_MCO") else name
            columns = {
                column: pa.array(
                    [row.get(column) for row in self.rows.get(name, ())], _TYPES[raw.kind]
                )
                for column, raw in RAW[family].items()
            }
            found[name] = pa.table(columns)
        for view in VIEWS.values():
            if view.silver is None or view.bronze:
                continue
            rows = self.silver.get(view.name, [])
            whose = pa.array([row["person"] for row in rows], pa.int32())
            columns = {
                here: pa.array([row[column] for row in rows], _TYPES[view.columns[column].kind])
                for column, here in view.silver.columns.items()
            }
            found[view.silver.name] = pa.table({"person": whose, **columns})
        return found

    def _silver(self, view: str, event: Row, number: int) -> None:
        self.silver[view].append({**event, "person": number})

    def _dispensing(self, name: str, event: Row) -> None:
        self.lines += 1
        key: Row = {
            **dict.fromkeys(DCIR_KEY, 1),
            "ORG_CLE_NUM": "01C000000",
            "DCT_ORD_NUM": self.lines,
        }
        key |= dict.fromkeys(("FLX_DIS_DTD", "FLX_TRT_DTD"), event["date"] or NEVER)
        care = {"BEN_NIR_PSA": name, "BEN_RNG_GEM": 1, "BEN_CDI_NIR": "00"}
        care |= {"EXE_SOI_DTD": event["date"], "CPL_MAJ_TOP": 0, "DPN_QLF": 0}
        self.rows["ER_PRS_F"].append({**key, **care, "PRS_DPN_QLP": 0, "BSE_PRS_NAT": 3313})
        code, units = event["cip13"], event["units"]
        drug = {
            "PHA_PRS_C13": None if code is None else int(code),
            "PHA_ACT_QSN": event["quantity"],
            "PHA_DEC_TOP": None if units is None else "D",
            "PHA_DEC_QSU": units,
        }
        self.rows["ER_PHA_F"].append({**key, **drug})

    def _stay(self, name: str, event: Row) -> None:
        self.lines += 1
        day = event["discharge"] or event["entry"]
        year = 23 if day is None else day.year % 100
        key = {"ETA_NUM": "010000001", "RSA_NUM": f"{self.lines:010}"}
        codes = {one: "0" for one in RAW["T_MCOaaC"] if one.endswith("_RET")}
        chain = {"EXE_SOI_DTD": event["entry"], "EXE_SOI_DTF": event["discharge"]}
        self.rows[f"T_MCO{year:02}C"].append({**key, "NIR_ANO_17": name, **chain, **codes})
        summary = {"DGN_PAL": event["principal_diagnosis"], "DGN_REL": event["related_diagnosis"]}
        summary |= {"GRG_GHM": event["ghm"], "SEJ_TYP": "A", "SOR_MOD": event["exit_mode"]}
        self.rows[f"T_MCO{year:02}B"].append({**key, **summary})
        for code in sorted(event["associated_diagnoses"]):
            self.rows[f"T_MCO{year:02}D"].append({**key, "ASS_DGN": code})

    def _illness(self, name: str, event: Row) -> None:
        self.rows["IR_IMB_R"].append(
            {
                "BEN_NIR_PSA": name,
                "BEN_RNG_GEM": 1,
                "IMB_ALD_DTD": event["start"],
                "IMB_ALD_DTF": event["end"] or NEVER,
                "IMB_ETM_NAT": 41,
                "MED_MTF_COD": event["icd10"],
            }
        )
