"""Evidence for the requirements on what leaves (EXP)."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bercail import airlock
from bercail.airlock import SNDS, DisclosurePolicy, State, check_table, strictest, verify_package
from bercail.airlock.disclosure.counts import counts_from_dict
from bercail.airlock.disclosure.policy import SOURCE_POLICIES
from bercail.airlock.rules import OWNERS, PERFORMERS, TRANSITIONS, Act
from bercail.foundation import Invalid, Refused
from bercail.testing.airlock_desk import AUTHOR, CHECKERS, PERMIT, AirlockDesk, counts, document

ROOM = Path(airlock.__file__).parent


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[AirlockDesk]:
    made = AirlockDesk(tmp_path)
    yield made
    made.keys.close()


@pytest.mark.requirement("EXP-01")
def test_every_output_is_reviewed_before_it_leaves(desk: AirlockDesk) -> None:
    request = desk.submitted()
    with pytest.raises(Refused, match="the request is checked"):
        desk.airlock.release(request, CHECKERS[0], desk.folder / "out")
    desk.airlock.review(request, CHECKERS[0], approve=True)
    with pytest.raises(Refused, match="the request is in review"):
        desk.airlock.release(request, CHECKERS[0], desk.folder / "out")
    assert not (desk.folder / "out").exists()


@pytest.mark.requirement("EXP-01")
def test_one_place_in_the_room_writes_files() -> None:
    """Only the package writer opens files for writing, and only `release` calls it."""
    writers = set()
    for path in ROOM.rglob("*.py"):
        source = path.read_text()
        if re.search(r"write_bytes|write_text|open\(\"w|\.rename\(", source):
            writers.add(path.relative_to(ROOM).as_posix())
    assert writers == {"package.py"}
    calls = re.findall(r"package\.write\(", (ROOM / "service.py").read_text())
    assert len(calls) == 1


@pytest.mark.requirement("EXP-02")
def test_the_tables_are_total_and_the_requester_cannot_approve(desk: AirlockDesk) -> None:
    assert set(TRANSITIONS) == set(OWNERS) == set(State)
    assert set(PERFORMERS) == set(Act)
    request = desk.submitted()
    with pytest.raises(Refused):
        desk.airlock.review(request, AUTHOR, approve=True)
    desk.airlock.review(request, CHECKERS[0], approve=True)
    with pytest.raises(Refused):
        desk.airlock.review(request, CHECKERS[0], approve=True)


@pytest.mark.requirement("EXP-02")
@pytest.mark.requirement("EXP-07")
def test_what_does_not_conform_is_quarantined_with_an_alert(desk: AirlockDesk) -> None:
    table = document([(40, 31), (20, 58)])
    table["dimensions"][1]["name"] = "NUM_ENQ"
    path = desk.folder / "table.json"
    path.write_text(json.dumps(table))
    request = desk.airlock.submit(path, PERMIT, AUTHOR)
    assert request.state is State.QUARANTINED
    assert desk.kinds(request.id)[-1] == "RequestQuarantined"
    for act in (
        lambda: desk.airlock.review(request.id, CHECKERS[0], approve=True),
        lambda: desk.airlock.release(request.id, CHECKERS[0], desk.folder / "out"),
    ):
        with pytest.raises(Refused, match="quarantined"):
            act()


@pytest.mark.requirement("EXP-03")
def test_counts_under_eleven_and_margins_are_hidden_and_cannot_be_computed() -> None:
    result = check_table(counts_from_dict(document([(3, 4), (50, 60)])), SNDS)
    shown = dict(result.table.cells)
    assert shown[("age 0", "women")] is shown[("age 0", "men")] is shown[("age 0", None)] is None
    assert not result.attack.weaknesses()
    assert {"count-threshold", "margin-threshold", "secondary-suppression"} <= set(
        result.public_report()["rules_applied"]
    )


@pytest.mark.requirement("EXP-03")
def test_a_group_in_one_category_is_a_finding() -> None:
    result = check_table(counts_from_dict(document([(0, 31), (20, 58)])), SNDS)
    assert {finding.rule for finding in result.findings} == {"class-disclosure"}
    assert [finding.cells for finding in result.findings] == [
        (("age 1", "women"),),
        (("age 0", "men"),),
    ]


@pytest.mark.requirement("EXP-04")
def test_each_source_has_its_threshold_and_the_strictest_wins() -> None:
    thresholds = {policy.name: policy.threshold for policy in SOURCE_POLICIES}
    assert (thresholds["snds"], thresholds["pmsi"]) == (11, 11)
    assert set(thresholds.values()) == {3, 5, 10, 11, 15}
    linked = strictest(SOURCE_POLICIES)
    assert (linked.threshold, linked.zeros, linked.high) == (15, "hide", 15)
    assert strictest([SNDS]) is SNDS
    at_ten = check_table(
        counts((2,), [10, 40]), DisclosurePolicy(name="s", version=1, threshold=10)
    )
    assert at_ten.verdict == "clear"
    assert check_table(counts((2,), [10, 40]), SNDS).verdict == "protected"


@pytest.mark.requirement("EXP-05")
def test_the_three_criteria_are_recorded_voted_on_and_signed(desk: AirlockDesk) -> None:
    package = desk.released()
    statement = json.loads((package / "data/review/statement.json").read_bytes())
    assert set(statement) == {"singling_out", "correlation", "inference"}
    assert all(len(text) > 10 for text in statement.values())
    entries = json.loads((package / "data/review/set.json").read_bytes())["entries"]
    assert "review/statement.json" in {entry["name"] for entry in entries}
    verify_package(package, desk.airlock.public_keys())


@pytest.mark.requirement("EXP-06")
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("analysis.ipynb", b'{"cells": [{"outputs": []}], "nbformat": 4}'),
        ("model.pkl", b"\x80\x04\x95\x10\x00\x00\x00"),
        ("plot.png", b"\x89PNG\r\n\x1a\n"),
        ("run.log", b"2026-11-21 read 1000 rows"),
        ("study.py", b"print('hello')"),
        ("everything.zip", b"PK\x03\x04"),
    ],
)
def test_other_kinds_of_output_do_not_pass_unseen(
    desk: AirlockDesk, name: str, data: bytes
) -> None:
    path = desk.folder / name
    path.write_bytes(data)
    with pytest.raises(Invalid) as refusal:
        desk.airlock.submit(path, PERMIT, AUTHOR)
    assert refusal.value.rule == "output-type"
    events = [record.kind for record in desk.journal.read("airlock-project/diabetes")]
    assert events == ["OutputRefused"]


@pytest.mark.requirement("EXP-08")
def test_frequent_outputs_raise_an_alert(desk: AirlockDesk) -> None:
    for extra in range(SNDS.alert_requests + 1):
        desk.submitted([(40 + extra, 31), (20, 58)])
    events = [record.kind for record in desk.journal.read("airlock-project/diabetes")]
    assert events.count("OutputCounted") == SNDS.alert_requests + 1
    assert events.count("OutputAlert") == 1


def test_the_audit_imports_no_optimiser_of_ours() -> None:
    tree = ast.parse((ROOM / "disclosure" / "attacker.py").read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    ours = {module for module in modules if module and module.startswith("bercail")}
    assert ours == {"bercail.foundation"}


def test_the_second_reader_imports_no_writer() -> None:
    tree = ast.parse((ROOM / "verify.py").read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    ours = {module for module in modules if module and module.startswith("bercail")}
    assert ours == {
        "bercail.airlock.disclosure.attacker",
        "bercail.foundation",
        "bercail.vault",
    }
