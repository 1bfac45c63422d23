"""The desk: check, explain, try and run a study file, and make synthetic persons for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import frozen

from bercail.cohorts.duckdb_engine import DuckdbEngine
from bercail.cohorts.dummy import DummyData, ExampleOutcome, solve, try_examples, write_tables
from bercail.cohorts.engine import Engine
from bercail.cohorts.explaining.sentences import explain
from bercail.cohorts.memory.engine import MemoryEngine
from bercail.cohorts.model import Model
from bercail.cohorts.omop import OmopEngine, Phenotype, is_phenotype, read_phenotype
from bercail.cohorts.omop.statements import compile_phenotype
from bercail.cohorts.result import CohortResult, step_labels
from bercail.cohorts.rules import inputs
from bercail.cohorts.sources import Sources
from bercail.cohorts.spark import SparkEngine, SparkSettings
from bercail.cohorts.study_files.loader import load_examples, load_study
from bercail.foundation import Invalid, Missing, canonical_json

# Every engine, by the name that a command gives it.
ENGINES = ("duckdb", "memory", "spark")
# Asked for where a run goes to a cluster, and not before.
Cluster = Callable[[], SparkSettings]


@frozen(kw_only=True)
class StudyCheck:
    """What a valid study is and needs, before any data."""

    model: Model

    def as_dict(self) -> dict[str, Any]:
        """Name, identity, steps, and the tables and columns it reads."""
        return {
            "study": self.model.name,
            "title": self.model.title,
            "digest": self.model.digest,
            "steps": list(step_labels(self.model)),
            "tables": [table.title for table in self.model.tables],
            "measures": [measure.title for measure in self.model.measures],
            "event_rows": [rows.name for rows in self.model.event_rows],
            "reads": {name: sorted(columns) for name, columns in inputs(self.model).items()},
        }


@frozen(kw_only=True)
class PhenotypeCheck:
    """What a valid OHDSI definition is and needs, before any data."""

    phenotype: Phenotype
    tables: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Name, identity, steps, and the OMOP tables it reads."""
        return {
            "study": self.phenotype.name,
            "title": self.phenotype.title,
            "digest": self.phenotype.digest,
            "steps": list(self.phenotype.steps),
            "reads": list(self.tables),
        }


def check_study(path: Path) -> StudyCheck | PhenotypeCheck:
    """Load a study, or an OHDSI definition (`.json`), and say what it needs.

    Raises:
        Invalid: with file and line.
        Missing: `duckcdm` is not installed, and it is a definition.
    """
    if is_phenotype(path):
        phenotype = read_phenotype(path)
        return PhenotypeCheck(phenotype=phenotype, tables=compile_phenotype(phenotype).tables)
    return StudyCheck(model=load_study(path))


def explain_study(path: Path, language: str = "en") -> tuple[str, ...]:
    """Tell a study in English (`en`) or French (`fr`). Raises `Invalid`."""
    return explain(load_study(path), language)


@frozen(kw_only=True)
class StudyTrial:
    """What became of the examples of a study."""

    study: str
    outcomes: tuple[ExampleOutcome, ...]

    @property
    def passed(self) -> bool:
        """Whether all are as expected."""
        return not any(one.differs for one in self.outcomes)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "study": self.study,
            "passed": self.passed,
            "examples": [
                {"title": one.title, "differs": list(one.differs)} for one in self.outcomes
            ],
        }


def try_study(path: Path) -> StudyTrial:
    """Run a study on the examples in its own file. Raises `Invalid` when it has none."""
    model, examples = load_examples(path)
    return StudyTrial(study=model.name, outcomes=try_examples(model, examples))


def dummy_study(
    path: Path, out: Path, *, persons: int = 50, others: int = 50, seed: int = 1
) -> DummyData:
    """Make synthetic persons who fit a study, and some who do not, as tables in `out`.

    Raises:
        Invalid: the study, the numbers, or no person fits.
    """
    data = solve(load_study(path), persons, others, seed)
    write_tables(data.drafts, out)
    return data


def engine_named(name: str, sources: Sources, cluster: Cluster | None = None) -> Engine:
    """The engine called `name` over `sources`.

    Raises:
        Invalid: another name.
        Missing: a cluster is asked for, and none is known.
    """
    if name == "duckdb":
        return DuckdbEngine(sources)
    if name == "memory":
        return MemoryEngine(sources)
    if name != "spark":
        raise Invalid(
            f"There is no engine `{name}`.", remedy=f"Choose one of: {', '.join(ENGINES)}."
        )
    if cluster is None:
        raise Missing("No cluster is known.", remedy="Name one in [cohorts] of the configuration.")
    return SparkEngine(sources, cluster())


def run_study(
    path: Path, sources: Sources, engine: str, out: Path, cluster: Cluster | None = None
) -> CohortResult:
    """Run a study, or an OHDSI definition (`.json`), and write its counts into the folder `out`.

    Writes `model.json`, one `table-N.json` per table, and `result.json` last. Persons are
    not written: they are in the result, for the caller inside the project's space. A run
    that is repeated replaces the files by equal ones.

    Raises:
        Invalid: the study, or data that lack what it reads.
        Missing: the engine needs what is not installed or not configured.
        Unavailable: the engine stopped.
    """
    if is_phenotype(path):
        name, text, result = _run_phenotype(read_phenotype(path), sources, engine)
    else:
        model = load_study(path)
        name, text = model.name, model.to_json()
        result = engine_named(engine, sources, cluster).run(model)
    out.mkdir(parents=True, exist_ok=True)
    _write(out / "model.json", text)
    for number, table in enumerate(result.tables, start=1):
        _write(out / f"table-{number}.json", canonical_json(table.as_dict()))
    answer = {"study": name, "engine": engine, **result.as_dict()}
    _write(out / "result.json", canonical_json(answer))
    return result


def _run_phenotype(
    phenotype: Phenotype, sources: Sources, engine: str
) -> tuple[str, bytes, CohortResult]:
    if engine != "duckdb":
        raise Invalid(
            f"An OHDSI definition does not run on the engine `{engine}`.",
            remedy="Leave `--engine` out: it runs on DuckDB.",
        )
    return phenotype.name, phenotype.text.encode(), OmopEngine(sources).run(phenotype)


def _write(path: Path, data: bytes) -> None:
    # Written aside and renamed, so that a killed run leaves no half file under the name.
    aside = path.with_name(f".{path.name}.part")
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
