"""Random small tables, trees and linked tables against a list of every table that fits.

The oracle shares no code with the room: it lists the inner cells, adds them up by the trees,
and looks which lists agree with what is shown. `benchmarks/airlock/bench_brute_force.py` runs
the same on 10,000 tables.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def _load() -> ModuleType:
    path = Path(__file__).with_name("small_tables.py")
    spec = importlib.util.spec_from_file_location("small_tables", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


small_tables = _load()
SHAPES = sorted(small_tables.SHAPES)


@settings(max_examples=120)
@given(st.sampled_from(SHAPES), st.integers(0, 10**9))
def test_the_audit_finds_what_listing_every_table_finds(shape: str, seed: int) -> None:
    assert small_tables.disagreement(shape, seed) == ""


@pytest.mark.requirement("EXP-03")
@settings(max_examples=60)
@given(st.sampled_from(SHAPES), st.integers(0, 10**9))
def test_protected_tables_leave_every_listed_attacker_in_doubt(shape: str, seed: int) -> None:
    assert small_tables.failure(shape, seed) == ""
