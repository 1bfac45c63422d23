"""Random models over random difficult data: DuckDB and the memory engine give the same."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bercail.cohorts import DuckdbEngine, MemoryEngine, Model
from bercail.cohorts.cleaning import RULES
from bercail.cohorts.codec import NODES
from bercail.cohorts.events import Events
from bercail.cohorts.explaining.sentences import explain
from bercail.cohorts.rules import columns_of, walk
from bercail.cohorts.views import VIEWS


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
