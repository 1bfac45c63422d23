"""Evidence for the requirements on what leaves (EXP)."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from bercail import airlock
from bercail.airlock import SNDS, DisclosurePolicy, State, check_table, strictest, verify_package
from bercail.airlock.disclosure.counts import counts_from_dict
from bercail.airlock.disclosure.policy import SOURCE_POLICIES
from bercail.airlock.events import OutputCounted
from bercail.airlock.rules import (
    ALERT_BYTES,
    ALERT_CELLS,
    OWNERS,
    PERFORMERS,
    TRANSITIONS,
    Act,
    counted,
)
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
    calls = {
        path.relative_to(ROOM).as_posix(): re.findall(
            r"package\.(?:write|mark)\(", path.read_text()
        )
        for path in ROOM.rglob("*.py")
    }
    # Out: the release and the mark of a revoked one. In: what a project brings to its space.
    assert {path: len(found) for path, found in calls.items() if found} == {
        "releasing.py": 2,
        "bringing/service.py": 1,
    }


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
def test_small_counts_in_a_file_with_a_schema_do_not_leave(desk: AirlockDesk) -> None:
    file = desk.folder / "ages.csv"
    file.write_text("age,persons\n0-39,240\n40-59,6\n60+,158\n")
    meaning = {
        "format": "bercail-table-schema/1",
        "tables": [
            {
                "measure": {"name": "persons", "kind": "persons", "unit": "distinct persons"},
                "dimensions": [{"column": "age"}],
                "columns": {"value": "persons"},
            }
        ],
    }
    file.with_name("ages.csv.schema.json").write_text(json.dumps(meaning))
    context = "Persons treated in 2025 by age group"
    request = desk.airlock.submit(file, PERMIT, AUTHOR, context=context).id
    for checker in CHECKERS[:2]:
        desk.airlock.review(request, checker, approve=True)
    made = desk.airlock.release(request, CHECKERS[0], desk.folder / "out")
    leaves = (Path(made["package"]) / "data/outputs/ages.csv").read_text().split()
    assert leaves == ["age,persons", "0-39,240", "40-59,", "60+,158"]


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
    ("name", "data", "rule"),
    [
        ("analysis.ipynb", b'{"cells": [{"outputs": [1]}], "nbformat": 4}', "notebook-outputs"),
        ("model.json", b'{"format": "bercail-model", "tree": {"leaf": true}}', "model-card"),
        ("model.json", b'{"learner": {}, "support_vectors": [[1, 2]]}', "model-rows"),
        ("plot.png", b"\x89PNG\r\n\x1a\n", "broken"),
        ("plot.svg", b"<svg><image href='data:text/csv;base64,AA=='/></svg>", "embedded-data"),
        ("run.log", b"2026-11-21 10:00 person 180127512345666\n", "by-eye"),
        ("study.py", b"import os\nprint('hello')\n", "by-eye"),
    ],
)
def test_models_images_notebooks_logs_and_programs_are_outputs_too(
    desk: AirlockDesk, name: str, data: bytes, rule: str
) -> None:
    """Each is looked at, and none leaves on the word of a program: people decide."""
    path = desk.folder / name
    path.write_bytes(data)
    words = {"context": "What the study made of it.", "insisted": "people should see it"}
    request = desk.airlock.submit(path, PERMIT, AUTHOR, **words)
    assert rule in request.checked.rules
    assert request.checked.verdict in {"people", "blocked"}
    assert desk.airlock.show(request.id, CHECKERS[0])["files"][0]["inspection"]["remarks"]


@pytest.mark.requirement("EXP-06")
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("model.pkl", b"\x80\x04\x95\x10\x00\x00\x00"),
        ("everything.zip", b"PK\x03\x04"),
        ("rows.parquet", b"PAR1"),
        ("rows.rds", b"X\n\0\0\0\x03"),
    ],
)
def test_files_that_hold_rows_or_run_do_not_enter(
    desk: AirlockDesk, name: str, data: bytes
) -> None:
    path = desk.folder / name
    path.write_bytes(data)
    with pytest.raises(Invalid) as refusal:
        desk.airlock.submit(path, PERMIT, AUTHOR, context="What the study made.")
    assert refusal.value.rule == "output-type"
    events = [record.kind for record in desk.journal.read("airlock-project/diabetes")]
    assert events == ["OutputRefused"]
    assert list(desk.store.list()) == []


@pytest.mark.requirement("EXP-07")
def test_rows_that_cross_traits_are_quarantined(desk: AirlockDesk) -> None:
    path = desk.folder / "rows.csv"
    rows = "".join(f"{40 + n},{n % 2}\n" for n in range(30))
    path.write_text(f"age,sex\n{rows}")
    words = {"context": "What the study made of it.", "insisted": "people should see it"}
    request = desk.airlock.submit(path, PERMIT, AUTHOR, **words)
    assert request.state is State.QUARANTINED
    assert "crossing" in request.checked.rules


@pytest.mark.requirement("EXP-08")
def test_a_large_volume_raises_an_alert(desk: AirlockDesk) -> None:
    """Bytes or cells of one project within the days of its policy."""
    output = OutputCounted(
        request="r",
        submission="s",
        cells=0,
        at="2026-11-21T12:00:00.000000Z",
        bytes=ALERT_BYTES + 1,
    )
    events = counted((), output, SNDS, desk.clock.now())
    assert [type(event).__name__ for event in events] == ["OutputCounted", "OutputAlert"]
    few = evolve(output, bytes=10, cells=ALERT_CELLS + 1)
    assert len(counted((), few, SNDS, desk.clock.now())) == 2
    assert len(counted((), evolve(few, cells=10), SNDS, desk.clock.now())) == 1


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
    modules = set()
    for name in ("verify.py", "verify_bag.py", "verify_tables.py"):
        tree = ast.parse((ROOM / name).read_text())
        modules |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    ours = {module for module in modules if module and module.startswith("bercail")}
    assert ours == {
        "bercail.airlock.disclosure.attacker",
        "bercail.airlock.disclosure.audit",
        "bercail.airlock.disclosure.tables.dimension",
        "bercail.airlock.disclosure.tables.reading",
        "bercail.airlock.disclosure.tables.schema",
        "bercail.airlock.disclosure.tables.typed",
        "bercail.airlock.verify_bag",
        "bercail.airlock.verify_tables",
        "bercail.foundation",
        "bercail.vault",
    }
