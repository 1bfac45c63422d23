"""Random models over random difficult data: DuckDB and the memory engine give the same."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bercail.cohorts import (
    Cohort,
    DuckdbEngine,
    MemoryEngine,
    Model,
    acts,
    deaths,
    hospital_drugs,
    match,
    persons,
)
from bercail.cohorts.cleaning import RULES
from bercail.cohorts.codec import NODES
from bercail.cohorts.events import Events
from bercail.cohorts.explaining.sentences import explain
from bercail.cohorts.plan import plan_run
from bercail.cohorts.rules import columns_of, walk
from bercail.cohorts.views import VIEWS
from bercail.testing.silver_register import every_column


def _strategies() -> ModuleType:
    # Test folders are no packages, so the module beside is loaded by its path.
    path = Path(__file__).with_name("cohort_strategies.py")
    spec = importlib.util.spec_from_file_location("cohort_strategies", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


STRATEGIES = _strategies()
EXAMPLES = int(os.environ.get("BERCAIL_COHORT_EXAMPLES", "40"))
CALM = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=CALM)
@given(model=STRATEGIES.models(conditions=True), seed=st.integers(0, 10**6))
def test_engines_agree(model: Model, seed: int) -> None:
    sources = STRATEGIES.difficult_sources(seed)
    duck, plain = DuckdbEngine(sources).run(model), MemoryEngine(sources).run(model)
    assert duck.flowchart == plain.flowchart
    assert duck.persons.to_pylist() == plain.persons.to_pylist()
    assert duck.persons.schema == plain.persons.schema
    assert duck.as_dict() == plain.as_dict()
    assert duck.matches == plain.matches
    assert dict(duck.events) == dict(plain.events)


def test_persons_are_the_same_from_silver_and_from_their_rows() -> None:
    """Studies that silver can serve alone, on data with and without the silver register."""
    silver = acts.where(acts.system == "1111").count() + hospital_drugs.count()
    dated = acts.between(persons.death_date.plus(days=-400), persons.death_date).count()
    study = Cohort(
        name="both",
        title="Both",
        population=every_column()["real_identifier"] | persons.sex.is_known() | acts.exists(),
        index_date=deaths.first().date,
        attributes={
            **every_column(),
            "events": silver,
            "dated": dated,
        },
        event_rows={"rows": (acts, ["date", "code"])},
        matching=match(persons.sex.is_known() & ~deaths.exists(), on=["sex"], ratio=1),
    )
    needed = Cohort(name="some", title="Some", population=acts.exists())
    served: Counter[bool] = Counter()
    for seed in range(16):
        sources = STRATEGIES.difficult_sources(seed)
        held = {name: one for name, one in sources.tables.items() if name != "silver_register"}
        for model in (study.model, needed.model):
            plan = plan_run(model, sources)
            served[plan.named] += bool(plan.register)
            without = evolve(sources, tables=held)
            expected = MemoryEngine(without).run(model)
            for engine, read in (
                (MemoryEngine, sources),
                (DuckdbEngine, sources),
                (DuckdbEngine, without),
            ):
                found = engine(read).run(model)
                assert found.as_dict() == expected.as_dict()
                assert found.persons.to_pylist() == expected.persons.to_pylist()
                assert found.matches == expected.matches
                assert dict(found.events) == dict(expected.events)
    # Names of its own, names looked up by number, and neither.
    assert min(served.values()) > 3
    assert sum(served.values()) < 32


@settings(max_examples=60, deadline=None, suppress_health_check=CALM)
@given(model=STRATEGIES.models())
def test_a_model_survives_its_json(model: Model) -> None:
    again = Model.from_json(model.to_json())
    assert again == model
    assert again.digest == model.digest


@settings(max_examples=60, deadline=None, suppress_health_check=CALM)
@given(model=STRATEGIES.models())
def test_every_model_can_be_told(model: Model) -> None:
    english, french = explain(model, "en"), explain(model, "fr")
    assert english[0] == french[0] == "Generated"
    assert not any("{" in line for line in (*english, *french))


def test_every_node_column_and_rule_is_generated() -> None:
    """What the strategies never make, the engines are never compared on."""
    tags: Counter[str] = Counter()
    columns: set[tuple[str, str]] = set()
    rules: Counter[str] = Counter()

    @settings(
        max_examples=300, deadline=None, database=None, derandomize=True, suppress_health_check=CALM
    )
    @given(model=STRATEGIES.models())
    def collect(model: Model) -> None:
        rules.update(model.person_rules)
        for view, names in columns_of(model).items():
            columns.update((view, name) for name in names)
        for expression in model.nodes():
            for node in walk(expression):
                tags[node.tag] += 1
                if isinstance(node, Events):
                    rules.update(node.rules)

    collect()
    assert set(tags) == set(NODES)
    assert columns == {(view.name, name) for view in VIEWS.values() for name in view.columns}
    assert set(rules) == set(RULES)
