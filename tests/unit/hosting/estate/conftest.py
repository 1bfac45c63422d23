from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bercail.hosting.estate import Assessment, EstateMapping, assess, load_mapping


def _load(name: str) -> ModuleType:
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def small_estate() -> ModuleType:
    return _load("small_estate")


@pytest.fixture(scope="session")
def mapping() -> EstateMapping:
    return load_mapping()


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., Assessment]:
    """Write each value to a file of its own, and assess them together."""

    def run(**exports: Any) -> Assessment:
        paths = []
        for name, content in exports.items():
            path = tmp_path / f"{name}.json"
            path.write_text(json.dumps(content), encoding="utf-8")
            paths.append(path)
        return assess(paths)

    return run


@pytest.fixture(scope="session")
def whole(small_estate: Any, tmp_path_factory: pytest.TempPathFactory) -> Assessment:
    folder = tmp_path_factory.mktemp("estate")
    return assess(small_estate.SmallEstate(seed=5, workspaces=25).write(folder))
