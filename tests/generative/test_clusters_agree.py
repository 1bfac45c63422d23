"""Random models over random difficult data: clusters give what the memory engine gives."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bercail.cohorts import MemoryEngine, Model
from bercail.cohorts.spark import SparkEngine
from bercail.testing.spark_servers import RunningCluster


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
ON_SAIL = int(os.environ.get("BERCAIL_SAIL_EXAMPLES", "25"))
ON_SPARK = int(os.environ.get("BERCAIL_SPARK_EXAMPLES", "3"))
CALM = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
MODELS = STRATEGIES.models()


def compare(cluster: RunningCluster, model: Model, seed: int) -> None:
    sources = STRATEGIES.difficult_sources(seed)
    plain = MemoryEngine(sources).run(model)
    found = SparkEngine(sources, cluster.settings()).run(model)
    assert found.flowchart == plain.flowchart
    assert found.persons.to_pylist() == plain.persons.to_pylist()
    assert found.persons.schema == plain.persons.schema
    assert found.as_dict() == plain.as_dict()
    assert found.matches == plain.matches
    assert dict(found.events) == dict(plain.events)


@settings(max_examples=ON_SAIL, deadline=None, suppress_health_check=CALM)
@given(model=MODELS, seed=st.integers(0, 10**6))
def test_sail_agrees(sail: RunningCluster, model: Model, seed: int) -> None:
    compare(sail, model, seed)


@pytest.mark.xdist_group("spark")
@settings(max_examples=ON_SPARK, deadline=None, suppress_health_check=CALM)
@given(model=MODELS, seed=st.integers(0, 10**6))
def test_spark_agrees(spark: RunningCluster, model: Model, seed: int) -> None:
    compare(spark, model, seed)
