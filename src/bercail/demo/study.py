"""Chapter 6: one study file, two engines, the same answer to the person."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from bercail.cohorts import CohortResult, DuckdbEngine, MemoryEngine, load_study
from bercail.demo.stage import Stage
from bercail.foundation import Missing, Unproven

STUDY = Path("studies") / "treated_diabetes.py"
RESEARCHER = "camille"
TABLE_FILE = "table.json"


def run(stage: Stage, permit: str) -> dict[str, Any]:
    """Run the study on DuckDB and in plain Python; raises `Unproven` when they differ."""
    researcher = stage.platform(RESEARCHER)
    model = load_study(study_file())
    sources = researcher.access.open_extract(permit, researcher.actor)
    began = time.monotonic()
    duck = DuckdbEngine(sources).run(model)
    middle = time.monotonic()
    plain = MemoryEngine(sources).run(model)
    ended = time.monotonic()
    _require_same(duck, plain)
    table = duck.tables[0]
    path = stage.out / "results" / TABLE_FILE
    table.to_file(path)
    return {
        "study": STUDY.name,
        "model_digest": model.digest,
        "flowchart": [{"label": s.label, "persons": s.persons} for s in duck.flowchart],
        "persons": duck.persons.num_rows,
        "table": table.as_dict(),
        "file": TABLE_FILE,
        "engine_seconds": {"duckdb": round(middle - began, 2), "memory": round(ended - middle, 2)},
    }


def study_file() -> Path:
    """The study of the checkout this program runs from, else of the folder one stands in."""
    for folder in (Path(__file__).resolve().parents[3], Path.cwd()):
        if (folder / STUDY).is_file():
            return folder / STUDY
    raise Missing(
        f"The study `{STUDY}` is not here.", remedy="Run the story from a checkout of Bercail."
    )


def _require_same(duck: CohortResult, plain: CohortResult) -> None:
    same = (
        duck.flowchart == plain.flowchart
        and duck.persons.equals(plain.persons)
        and [table.as_dict() for table in duck.tables] == [t.as_dict() for t in plain.tables]
    )
    if not same:
        raise Unproven(
            "DuckDB and the memory engine do not give the same cohort.",
            remedy="Do not use either result; report the study file.",
            rule="engines-agree",
        )
