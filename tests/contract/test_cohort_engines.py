"""Every engine keeps the contract of the port."""

from __future__ import annotations

from bercail.cohorts import DuckdbEngine, Engine, MemoryEngine, Sources
from bercail.testing.engine_contract import EngineContract


class TestMemoryEngine(EngineContract):
    def engine(self, sources: Sources) -> Engine:
        return MemoryEngine(sources)


class TestDuckdbEngine(EngineContract):
    def engine(self, sources: Sources) -> Engine:
        return DuckdbEngine(sources)
