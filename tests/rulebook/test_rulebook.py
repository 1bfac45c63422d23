"""The rule book shows every requirement, with its evidence or plainly without."""

from __future__ import annotations

import ast
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from bercail.foundation import Invalid, Missing, Unavailable
from bercail.rulebook import RulebookService, Standing, load_evidence, load_requirements
from bercail.rulebook.evidence import FORMAT, EvidenceRun, TestOutcome
from bercail.rulebook.page import GROUPS, STANDINGS, render
from bercail.rulebook.rules import judge, standing

TESTS = Path(__file__).resolve().parents[1]
REQUIREMENTS = load_requirements()


def outcome(ending: str, *names: str, test: str = "t.py::test") -> dict[str, Any]:
    return {"test": test, "outcome": ending, "requirements": list(names)}


def evidence_file(folder: Path, *tests: dict[str, Any], **changes: Any) -> Path:
    target = folder / "evidence.json"
    at = "2026-11-21T22:46:15.000000Z"
    content = {"format": FORMAT, "at": at, "version": "0.1.0", "tests": list(tests), **changes}
    target.write_text(json.dumps(content))
    return target


def markers() -> dict[str, list[str]]:
    """Every requirement id that a marker in the test folder names, with the files."""
    found: dict[str, list[str]] = {}
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.requirement"):
                for argument in node.args:
                    assert isinstance(argument, ast.Constant), f"{path.name}: {ast.unparse(node)}"
                    found.setdefault(str(argument.value), []).append(path.name)
    return found


@pytest.mark.requirement("GOV-10")
def test_every_marker_names_a_requirement_that_exists() -> None:
    named = markers()
    known = {item.id for item in REQUIREMENTS}
    assert named
    assert {name: files for name, files in named.items() if name not in known} == {}


def test_the_rule_book_has_ids_once_and_all_chapters() -> None:
    ids = [item.id for item in REQUIREMENTS]
    assert len(ids) == len(set(ids)) > 80
    assert {item.group for item in REQUIREMENTS} == set(GROUPS)
    assert set(STANDINGS) == set(Standing)


@pytest.mark.parametrize(
    ("kind", "endings", "expected"),
    [
        ("test", [], Standing.NONE),
        ("test", ["skipped"], Standing.NONE),
        ("test", ["passed"], Standing.SHOWN),
        ("test", ["passed", "skipped"], Standing.SHOWN),
        ("test", ["passed", "failed"], Standing.FAILING),
        ("test", ["failed"], Standing.FAILING),
        ("evidence", [], Standing.NONE),
        ("evidence", ["passed"], Standing.PARTLY),
        ("evidence", ["failed"], Standing.FAILING),
    ],
)
def test_standing_is_decided_by_the_worst(
    kind: str, endings: list[str], expected: Standing
) -> None:
    requirement = evolve(REQUIREMENTS[0], kind=kind)
    tests = [
        TestOutcome(test="t", outcome=ending, requirements=(requirement.id,)) for ending in endings
    ]
    assert standing(requirement, tests) is expected


@pytest.mark.requirement("GOV-10")
def test_a_requirement_without_evidence_is_shown_as_such(tmp_path: Path) -> None:
    path = evidence_file(tmp_path, outcome("passed", "HOST-01"), outcome("skipped", "HOST-02"))
    service = RulebookService(path)
    entries = {entry.requirement.id: entry for entry in service.entries()}
    assert list(entries) == [item.id for item in REQUIREMENTS]
    assert entries["HOST-01"].standing is Standing.SHOWN
    assert entries["HOST-02"].standing is Standing.NONE
    report = service.page(tmp_path / "page.html")
    assert report["no evidence yet"] == len(REQUIREMENTS) - 1
    page = Page(tmp_path / "page.html")
    assert set(page.rows) == set(entries)
    for name, text in page.rows.items():
        assert ("no evidence yet" in text) == (name != "HOST-01")
        assert ("pas encore de preuve" in text) == (name != "HOST-01")
    assert "t.py::test" in page.rows["HOST-01"]


def test_without_a_file_nothing_has_evidence(tmp_path: Path) -> None:
    for path in (None, tmp_path / "absent.json"):
        service = RulebookService(path)
        assert {entry.standing for entry in service.entries()} == {Standing.NONE}
        service.page(tmp_path / "page.html")
        assert "No test run is recorded" in (tmp_path / "page.html").read_text("utf-8")


def test_a_failing_test_is_shown(tmp_path: Path) -> None:
    path = evidence_file(
        tmp_path, outcome("passed", "LOG-03"), outcome("failed", "LOG-03", test="other")
    )
    entry = RulebookService(path).show("log-03")
    assert entry.standing is Standing.FAILING
    assert entry.as_dict()["tests"] == [
        {"test": "other", "outcome": "failed"},
        {"test": "t.py::test", "outcome": "passed"},
    ]


def test_an_unknown_id_is_missing_with_what_is_near() -> None:
    with pytest.raises(Missing, match="`HOST-99`") as refusal:
        RulebookService(None).show("HOST-99")
    assert "`HOST-09`" in refusal.value.remedy
    with pytest.raises(Missing) as refusal:
        RulebookService(None).show("???")
    assert "rulebook list" in refusal.value.remedy


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "other"},
        {"tests": [{"test": "t"}]},
        {"tests": [outcome("exploded", "HOST-01")]},
        {"tests": [{**outcome("passed", "HOST-01"), "more": 1}]},
        {"tests": 3},
        {"at": None},
    ],
)
def test_a_file_that_is_no_evidence_is_invalid(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="no evidence file"):
        load_evidence(evidence_file(tmp_path, **changes))


def test_a_broken_file_is_invalid(tmp_path: Path) -> None:
    (tmp_path / "evidence.json").write_text("{")
    with pytest.raises(Invalid):
        RulebookService(tmp_path / "evidence.json").entries()


def test_evidence_for_a_requirement_that_does_not_exist_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="`HOST-77`"):
        RulebookService(evidence_file(tmp_path, outcome("passed", "HOST-77"))).entries()


def test_a_page_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        RulebookService(None).page(tmp_path / "absent" / "page.html")


def test_the_page_stands_alone() -> None:
    page = render(judge(REQUIREMENTS, EvidenceRun()), EvidenceRun())
    assert not re.search(r"<script|<link|<img|src=|@import|url\(|https?://", page)
    assert page.count("<html") == page.count("</html>") == 1


def test_every_heading_is_in_english_and_french() -> None:
    page = render(judge(REQUIREMENTS, EvidenceRun()), EvidenceRun())
    headings = re.findall(r"<h[12][^>]*>(.*?)</h[12]>", page)
    assert len(headings) == len(GROUPS) + 1
    assert len(set(re.findall(r' id="([^"]+)"', page))) == page.count(' id="')
    assert all('<span lang="fr"' in heading for heading in headings)
    for _, french in GROUPS.values():
        assert f">{french}<" in page


def test_what_a_test_is_called_cannot_become_markup() -> None:
    run = EvidenceRun(
        at="<b>",
        outcomes=(TestOutcome(test="<script>", outcome="failed", requirements=("OPT-01",)),),
    )
    page = render(judge(REQUIREMENTS, run), run)
    assert "<script>" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page


class Page(HTMLParser):
    """The text of each row of the page that has an id; refuses tags that are not closed."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.rows: dict[str, str] = {}
        self._open: list[str] = []
        self._row: str | None = None
        self.feed(path.read_text("utf-8"))
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self._open.append(tag)
        if tag == "tr":
            self._row = dict(attrs).get("id")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._row:
            self.rows[self._row] = self.rows.get(self._row, "") + data
