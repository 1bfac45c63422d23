"""Small SNDS tables written by hand, for tests of whatever reads them."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any

import pyarrow as pa

from bercail.cohorts.sources import PROJECT_NAMES, Source, Sources
from bercail.cohorts.views import DCIR_KEY, RAW, Kind

METFORMIN, METFORMIN_LARGE, INSULIN = 3400930000001, 3400930000002, 3400930000003
STATIN, NO_ATC, ONE_UNIT_SHORT = 3400930000004, 3400930000005, 3400930000006
DRUGS = pa.table(
    {
        "cip13": pa.array(
            [METFORMIN, METFORMIN_LARGE, INSULIN, STATIN, NO_ATC, ONE_UNIT_SHORT], pa.int64()
        ),
        "atc": ["A10BA02", "A10BA02", "A10AB01", "C10AA05", None, "A10BA02"],
        "units_per_pack": pa.array([30, 84, None, 90, 30, 83], pa.int64()),
    }
)
_TYPES: dict[Kind, pa.DataType] = {
    Kind.INT: pa.int64(),
    Kind.TEXT: pa.string(),
    Kind.DATE: pa.date32(),
}
# The year of birth is four characters in the real table.
_AS_TEXT = {("IR_BEN_R", "BEN_NAI_ANN")}


class SmallSnds:
    """Rows added one by one; `sources()` gives them as Arrow tables.

    Persons are named by a short text that serves as pseudonym. Any SNDS column of a row
    can be set by its name.
    """

    def __init__(self) -> None:
        self._rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._line = 0

    def row(self, table: str, **columns: Any) -> None:
        """Add a raw row; columns left out are empty."""
        self._rows[table].append(columns)

    def person(self, person: str, birth: int | None = 1950, sex: int = 2, **columns: Any) -> None:
        """Add a row of IR_BEN_R."""
        given = {
            "BEN_NIR_PSA": person,
            "BEN_RNG_GEM": 1,
            "BEN_IDT_ANO": person,
            "BEN_CDI_NIR": "00",
            "BEN_NAI_ANN": None if birth is None else str(birth),
            "BEN_SEX_COD": sex,
            "BEN_DCD_DTE": date(1600, 1, 1),
        }
        self.row("IR_BEN_R", **{**given, **columns})

    def dispensing(
        self, person: str, day: str | None, cip13: int | None = METFORMIN, **columns: Any
    ) -> None:
        """Add a care line and its drug line."""
        self._line += 1
        key: dict[str, Any] = dict.fromkeys(DCIR_KEY, 1)
        key |= {
            "FLX_DIS_DTD": date(2024, 1, 1),
            "FLX_TRT_DTD": date(2024, 1, 1),
            "ORG_CLE_NUM": "01C123456",
            "DCT_ORD_NUM": self._line,
        }
        care = {
            "BEN_NIR_PSA": person,
            "BEN_RNG_GEM": 1,
            "BEN_CDI_NIR": "00",
            "EXE_SOI_DTD": None if day is None else date.fromisoformat(day),
            "CPL_MAJ_TOP": 0,
            "DPN_QLF": 0,
            "PRS_DPN_QLP": 0,
            "BSE_PRS_NAT": 3313,
        }
        drug = {"PHA_PRS_C13": cip13, "PHA_ACT_QSN": 1, "PHA_DEC_TOP": None, "PHA_DEC_QSU": 0}
        for name, value in columns.items():
            (drug if name in drug else care)[name] = value
        self.row("ER_PRS_F", **key, **care)
        self.row("ER_PHA_F", **key, **drug)

    def stay(self, person: str, entry: str, discharge: str, **columns: Any) -> tuple[str, str]:
        """Add a stay (tables B and C of its year of discharge); returns its key.

        `associated` lists the codes of table D, `units` the (DP, DR) pairs of table UM.
        """
        self._line += 1
        year = discharge[2:4]
        key = {"ETA_NUM": "010000001", "RSA_NUM": f"{columns.pop('RSA_NUM', self._line):010}"}
        chain = {
            "NIR_ANO_17": person,
            "EXE_SOI_DTD": date.fromisoformat(entry),
            "EXE_SOI_DTF": date.fromisoformat(discharge),
            **{name: "0" for name in RAW["T_MCOaaC"] if name.endswith("_RET")},
        }
        summary = {"DGN_PAL": "I639", "DGN_REL": None, "GRG_GHM": "01M301", "SEJ_TYP": "A"}
        for code in columns.pop("associated", ()):
            self.row(f"T_MCO{year}D", **key, ASS_DGN=code)
        for principal, related in columns.pop("units", ()):
            self.row(f"T_MCO{year}UM", **key, DGN_PAL=principal, DGN_REL=related)
        for name, value in columns.items():
            (chain if name in chain else summary)[name] = value
        self.row(f"T_MCO{year}C", **key, **chain)
        self.row(f"T_MCO{year}B", **key, **summary)
        return key["ETA_NUM"], key["RSA_NUM"]

    def illness(
        self, person: str, start: str, end: str = "1600-01-01", icd10: str = "E11", **columns: Any
    ) -> None:
        """Add a row of IR_IMB_R."""
        given = {
            "BEN_NIR_PSA": person,
            "BEN_RNG_GEM": 1,
            "IMB_ALD_DTD": date.fromisoformat(start),
            "IMB_ALD_DTF": date.fromisoformat(end),
            "IMB_ETM_NAT": 41,
            "MED_MTF_COD": icd10,
        }
        self.row("IR_IMB_R", **{**given, **columns})

    def table(self, name: str, naming: str = "lake") -> pa.Table:
        """One table with all the columns that the cohort language knows of it."""
        raw = RAW[_family(name)]
        columns: dict[str, pa.Array[Any]] = {}
        for column, known in raw.items():
            kind = pa.string() if (name, column) in _AS_TEXT else _TYPES[known.kind]
            values = [row.get(column) for row in self._rows[name]]
            here = PROJECT_NAMES.get(column, column) if naming == "project" else column
            columns[here] = pa.array(values, kind)
        return pa.table(columns)

    def tables(self, naming: str = "lake") -> dict[str, pa.Table]:
        """Every table of the language, empty ones included; yearly tables of 2023 at least."""
        always = [name.replace("aa", "23") for name in RAW]
        return {name: self.table(name, naming) for name in dict.fromkeys([*always, *self._rows])}

    def sources(self, naming: str = "lake", permit: str = "") -> Sources:
        """The tables as sources of an engine."""
        found: dict[str, Source | pa.Table] = dict(self.tables(naming))
        return Sources(tables=found, naming=naming, permit=permit, drugs=DRUGS)


def _family(name: str) -> str:
    return f"T_MCOaa{name[7:]}" if name.startswith("T_MCO") else name
