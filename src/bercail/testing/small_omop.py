"""Small OMOP tables written by hand, and an OHDSI definition that finds some of their persons.

`python -m bercail.testing.small_omop FOLDER` writes the tables as Parquet.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

# Concepts of the OHDSI vocabularies: type 2 diabetes with a child of it, metformin with a pack.
DIABETES, CHILD, METFORMIN, PACK = 201826, 443238, 1503297, 1503328
FEMALE, MALE = 8532, 8507
_CONCEPTS = {
    DIABETES: "Condition",
    CHILD: "Condition",
    METFORMIN: "Drug",
    PACK: "Drug",
}
_DATE = pa.date32()
_COLUMNS: dict[str, dict[str, pa.DataType]] = {
    "person": {
        "person_id": pa.int64(),
        "gender_concept_id": pa.int64(),
        "year_of_birth": pa.int64(),
        "month_of_birth": pa.int64(),
        "day_of_birth": pa.int64(),
        "birth_datetime": pa.timestamp("us"),
        "race_concept_id": pa.int64(),
        "ethnicity_concept_id": pa.int64(),
        "provider_id": pa.int64(),
        "person_source_value": pa.string(),
    },
    "observation_period": {
        "observation_period_id": pa.int64(),
        "person_id": pa.int64(),
        "observation_period_start_date": _DATE,
        "observation_period_end_date": _DATE,
        "period_type_concept_id": pa.int64(),
    },
    "condition_occurrence": {
        "condition_occurrence_id": pa.int64(),
        "person_id": pa.int64(),
        "condition_concept_id": pa.int64(),
        "condition_start_date": _DATE,
        "condition_end_date": _DATE,
        "condition_type_concept_id": pa.int64(),
        "condition_status_concept_id": pa.int64(),
        "stop_reason": pa.string(),
        "provider_id": pa.int64(),
        "visit_occurrence_id": pa.int64(),
        "condition_source_concept_id": pa.int64(),
    },
    "drug_exposure": {
        "drug_exposure_id": pa.int64(),
        "person_id": pa.int64(),
        "drug_concept_id": pa.int64(),
        "drug_exposure_start_date": _DATE,
        "drug_exposure_end_date": _DATE,
        "drug_type_concept_id": pa.int64(),
        "stop_reason": pa.string(),
        "refills": pa.int64(),
        "quantity": pa.float64(),
        "days_supply": pa.int64(),
        "provider_id": pa.int64(),
        "visit_occurrence_id": pa.int64(),
        "drug_source_concept_id": pa.int64(),
    },
    "death": {"person_id": pa.int64(), "death_date": _DATE, "cause_concept_id": pa.int64()},
    "concept": {
        "concept_id": pa.int64(),
        "concept_name": pa.string(),
        "domain_id": pa.string(),
        "vocabulary_id": pa.string(),
        "standard_concept": pa.string(),
        "concept_code": pa.string(),
        "invalid_reason": pa.string(),
    },
    "concept_ancestor": {
        "ancestor_concept_id": pa.int64(),
        "descendant_concept_id": pa.int64(),
        "min_levels_of_separation": pa.int64(),
        "max_levels_of_separation": pa.int64(),
    },
    "concept_relationship": {
        "concept_id_1": pa.int64(),
        "concept_id_2": pa.int64(),
        "relationship_id": pa.string(),
        "invalid_reason": pa.string(),
    },
}


class SmallOmop:
    """Rows added one by one; `tables()` gives them as Arrow tables."""

    def __init__(self) -> None:
        self._rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for concept, domain in _CONCEPTS.items():
            self._rows["concept"].append({"concept_id": concept, "domain_id": domain})
        for above, below in ((DIABETES, CHILD), (METFORMIN, PACK)):
            pair = {"ancestor_concept_id": above, "descendant_concept_id": below}
            self._rows["concept_ancestor"].append(pair)

    def person(
        self,
        number: int,
        birth: int = 1950,
        sex: int = FEMALE,
        seen: tuple[str, str] = ("2010-01-01", "2025-12-31"),
    ) -> None:
        """Add a person called `P<number>`, seen between two days."""
        self._rows["person"].append(
            {
                "person_id": number,
                "gender_concept_id": sex,
                "year_of_birth": birth,
                "person_source_value": f"P{number}",
            }
        )
        start, end = (date.fromisoformat(day) for day in seen)
        self._rows["observation_period"].append(
            {
                "observation_period_id": number,
                "person_id": number,
                "observation_period_start_date": start,
                "observation_period_end_date": end,
            }
        )

    def condition(self, number: int, day: str, end: str = "", concept: int = DIABETES) -> None:
        """Add a condition of a person."""
        self._rows["condition_occurrence"].append(
            {
                "condition_occurrence_id": len(self._rows["condition_occurrence"]) + 1,
                "person_id": number,
                "condition_concept_id": concept,
                "condition_start_date": date.fromisoformat(day),
                "condition_end_date": date.fromisoformat(end) if end else None,
            }
        )

    def drug(self, number: int, day: str, concept: int = METFORMIN) -> None:
        """Add thirty days of a drug of a person."""
        self._rows["drug_exposure"].append(
            {
                "drug_exposure_id": len(self._rows["drug_exposure"]) + 1,
                "person_id": number,
                "drug_concept_id": concept,
                "drug_exposure_start_date": date.fromisoformat(day),
                "days_supply": 30,
            }
        )

    def tables(self) -> dict[str, pa.Table]:
        """Every table, with all its columns."""
        return {
            table: pa.table(
                {
                    name: pa.array([row.get(name) for row in self._rows[table]], kind)
                    for name, kind in columns.items()
                }
            )
            for table, columns in _COLUMNS.items()
        }


def small() -> SmallOmop:
    """Six persons: two treated, one late, one child, one without the drug, one healthy."""
    data = SmallOmop()
    for number, birth in ((1, 1950), (2, 1960), (3, 1970), (4, 2015), (5, 1980), (6, 1990)):
        data.person(number, birth, MALE if number % 2 else FEMALE)
    for number in range(1, 6):
        data.condition(number, "2020-03-01")
    data.condition(2, "2021-06-01", concept=CHILD)
    for number, day in ((1, "2020-04-01"), (2, "2020-05-30"), (3, "2021-01-01"), (4, "2020-03-02")):
        data.drug(number, day, PACK)
    return data


def main(folder: Path) -> None:
    """Write the tables of `small` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in small().tables().items():
        pq.write_table(table, folder / f"{name}.parquet")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
