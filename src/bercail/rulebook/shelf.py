"""Reads the requirements of the house and the evidence file of a test run."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from bercail.foundation import Invalid
from bercail.rulebook.evidence import FORMAT, EvidenceRun, TestOutcome
from bercail.rulebook.requirement import Requirement


def load_requirements() -> tuple[Requirement, ...]:
    """Every requirement of the rule book, in its order; ids are unique."""
    text = resources.files("bercail.rulebook").joinpath("requirements.json").read_text("utf-8")
    requirements = tuple(Requirement(**item) for item in json.loads(text))
    if len({item.id for item in requirements}) != len(requirements):
        raise Invalid(
            "Two requirements of the rule book have the same id.",
            remedy="Correct `requirements.json`.",
        )
    return requirements


def load_evidence(path: Path) -> EvidenceRun:
    """The run recorded in the evidence file `path`; an empty run when there is no such file.

    Raises:
        Invalid: the file is there and is no evidence file.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["format"] != FORMAT:
            raise ValueError("another format")
        return EvidenceRun(
            at=_text(content["at"]),
            version=_text(content["version"]),
            outcomes=tuple(TestOutcome(**item) for item in content["tests"]),
        )
    except FileNotFoundError:
        return EvidenceRun()
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise Invalid(
            f"`{path}` is no evidence file.",
            remedy="Record one with `make test`, or remove it.",
        ) from problem


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text expected")
    return value
