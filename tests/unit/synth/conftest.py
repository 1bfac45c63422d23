"""One small population, made once for all tests of the generator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bercail.ingest.synth import SynthProfile, make


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synth")
    make(SynthProfile(persons=1500, seed=7), out)
    return out


@pytest.fixture(scope="session")
def truth(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "truth.json").read_bytes())
    return content
