"""Every engine keeps the contract of the port."""

from __future__ import annotations

import pytest

from bercail.cohorts import DuckdbEngine, Engine, MemoryEngine, Sources
from bercail.cohorts.spark import SparkEngine
from bercail.testing.engine_contract import EngineContract
from bercail.testing.spark_servers import RunningCluster


class TestMemoryEngine(EngineContract):
    def engine(self, sources: Sources) -> Engine:
        return MemoryEngine(sources)


class TestDuckdbEngine(EngineContract):
    def engine(self, sources: Sources) -> Engine:
        return DuckdbEngine(sources)


class TestSailEngine(EngineContract):
    @pytest.fixture(autouse=True)
    def _running(self, sail: RunningCluster) -> None:
        self.cluster = sail

    def engine(self, sources: Sources) -> Engine:
        return SparkEngine(sources, self.cluster.settings())


@pytest.mark.xdist_group("spark")
class TestSparkEngine(EngineContract):
    @pytest.fixture(autouse=True)
    def _running(self, spark: RunningCluster) -> None:
        self.cluster = spark

    def engine(self, sources: Sources) -> Engine:
        return SparkEngine(sources, self.cluster.settings())
