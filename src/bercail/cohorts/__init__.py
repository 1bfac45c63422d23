"""Say who you mean; run it on any engine.

A study is Python that builds a frozen model; engines read only the model and the
sources they are given.
Never does: read data while a study is written, decide who may see what, or let an
event stand for a person.
Hands out: the language (`Cohort`, `persons`, the events, what combines them), `Model`,
`load_study`, `Sources`, the engines, their result.
"""

from typing import TYPE_CHECKING, Any

from bercail.cohorts.language import (
    Cohort,
    FollowUp,
    acts,
    biology,
    case,
    consultations,
    day,
    deaths,
    devices,
    diagnoses,
    dispensings,
    earliest,
    hospital_drugs,
    interval,
    largest,
    latest,
    long_term_illnesses,
    match,
    measure,
    other_stays,
    periods,
    persons,
    residence,
    smallest,
    stays,
)
from bercail.cohorts.model import Model
from bercail.cohorts.study_files.examples import example

if TYPE_CHECKING:
    from bercail.cohorts.duckdb_engine import DuckdbEngine, DuckdbSettings
    from bercail.cohorts.engine import Engine
    from bercail.cohorts.memory.engine import MemoryEngine
    from bercail.cohorts.outcomes import MeasureTable
    from bercail.cohorts.result import CohortResult, CountTable, Dimension, FlowStep
    from bercail.cohorts.scope import Scope
    from bercail.cohorts.sources import Source, Sources
    from bercail.cohorts.study_files.loader import load_study

# A study file needs the language only; engines bring heavy libraries and come when asked for.
_LATER = {
    "CohortResult": "result",
    "CountTable": "result",
    "Dimension": "result",
    "DuckdbEngine": "duckdb_engine",
    "DuckdbSettings": "duckdb_engine",
    "Engine": "engine",
    "FlowStep": "result",
    "MemoryEngine": "memory.engine",
    "MeasureTable": "outcomes",
    "Scope": "scope",
    "Source": "sources",
    "Sources": "sources",
    "load_study": "study_files.loader",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module `bercail.cohorts` has no `{name}`")
    from importlib import import_module

    return getattr(import_module(f"bercail.cohorts.{_LATER[name]}"), name)


__all__ = [
    "Cohort",
    "CohortResult",
    "CountTable",
    "Dimension",
    "DuckdbEngine",
    "DuckdbSettings",
    "Engine",
    "FlowStep",
    "FollowUp",
    "MeasureTable",
    "MemoryEngine",
    "Model",
    "Scope",
    "Source",
    "Sources",
    "acts",
    "biology",
    "case",
    "consultations",
    "day",
    "deaths",
    "devices",
    "diagnoses",
    "dispensings",
    "earliest",
    "example",
    "hospital_drugs",
    "interval",
    "largest",
    "latest",
    "load_study",
    "long_term_illnesses",
    "match",
    "measure",
    "other_stays",
    "periods",
    "persons",
    "residence",
    "smallest",
    "stays",
]
