"""A pytest plugin: what each test says of the requirements that it names.

Load it with `-p bercail.testing.evidence`. Tests name requirements with
`@pytest.mark.requirement("HOST-01")`; a name that the rule book does not have
stops the run. With `--evidence FILE` the outcomes are written there at the end,
also under pytest-xdist. The file is described in
`docs/reference/formats/evidence.md`.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from bercail.foundation import SystemClock, to_iso
from bercail.rulebook import load_requirements
from bercail.rulebook.evidence import FORMAT

_PROPERTY = "bercail-requirements"
_RANK = {"passed": 0, "skipped": 1, "failed": 2}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--evidence FILE`."""
    parser.addoption("--evidence", metavar="FILE", default=None, help="write the evidence there")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker; gather outcomes where the reports arrive, not in xdist's workers."""
    config.addinivalue_line("markers", "requirement(id): evidence for this requirement")
    target = config.getoption("--evidence")
    if target and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Gatherer(Path(target)), "bercail-evidence")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Stop when a test names a requirement that does not exist."""
    known = {item.id for item in load_requirements()}
    for item in items:
        for name in _named(item):
            if name not in known:
                raise pytest.UsageError(
                    f"{item.nodeid} names the requirement `{name}`, unknown in the rule book"
                )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the names of the requirements to the report, which travels to the controller."""
    report = yield
    names = _named(item)
    if names:
        report.user_properties.append((_PROPERTY, names))
    return report


class Gatherer:
    """Keeps the worst phase of each test and writes the evidence file at the end."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._tests: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the outcome of one phase of one test."""
        names = dict(report.user_properties).get(_PROPERTY)
        if not names:
            return
        kept = self._tests.setdefault(
            report.nodeid, {"test": report.nodeid, "outcome": "passed", "requirements": names}
        )
        if _RANK[report.outcome] > _RANK[kept["outcome"]]:
            kept["outcome"] = report.outcome

    def pytest_sessionfinish(self) -> None:
        """Write the file, whole."""
        content = {
            "format": FORMAT,
            "at": to_iso(SystemClock().now()),
            "version": version("bercail"),
            "tests": [self._tests[name] for name in sorted(self._tests)],
        }
        self._target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._target.with_name(f".{self._target.name}.unfinished")
        text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True)
        unfinished.write_text(text + "\n", encoding="utf-8")
        unfinished.replace(self._target)


def _named(item: pytest.Item) -> list[str]:
    return sorted({str(name) for mark in item.iter_markers("requirement") for name in mark.args})
