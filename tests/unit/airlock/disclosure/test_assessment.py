"""Any file of tables, checked; the audit as a program; what imports what."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bercail.airlock.disclosure import attacker, audit
from bercail.airlock.disclosure.assessment import assess, assess_file, assess_tables, span
from bercail.airlock.disclosure.protect.suppression import suppress
from bercail.airlock.disclosure.rules.source_policy import SNDS_SOURCE
from bercail.airlock.disclosure.tables.dimension import Dimension
from bercail.airlock.disclosure.tables.reading import Reading, read_tables
from bercail.airlock.disclosure.tables.typed import (
    PERSONS,
    Measure,
    TypedCell,
    TypedTable,
    typed_counts,
)
from bercail.cli.main import app
from bercail.foundation import Invalid, Unproven, canonical_json
from bercail.testing.airlock_desk import counts

TABLE = b"""age,sex,persons
young,F,40
young,M,31
old,F,6
old,M,58
young,Total,71
old,Total,64
Total,F,46
Total,M,89
Total,Total,135
"""


def test_a_table_is_protected_and_explained() -> None:
    found = assess(read_tables(TABLE))
    assert found.verdict == "people"
    assert found.outcome is not None
    assert found.outcome.audit.holds
    rows = {row["cell"]: row for row in found.rows()}
    assert rows["old / F"]["rules"] == ["persons-threshold"]
    assert rows["old / F"]["attacker"] == "0..46"
    assert rows["young / F"]["status"] == "protecting"
    assert found.lines()[0].startswith("people: 4 of 9 cells hidden / à examiner : 4 cases")
    report = found.checker_report()
    assert report["rules"][0]["fr"]
    assert report["cells"] == found.rows()


def test_a_declared_table_needs_no_person() -> None:
    schema = {
        "format": "bercail-table-schema/1",
        "tables": [
            {
                "measure": PERSONS.as_dict(),
                "dimensions": [{"column": "age"}, {"column": "sex"}],
                "columns": {"value": "persons"},
            }
        ],
    }
    found = assess_tables(TABLE, json.dumps(schema).encode())
    assert found is not None
    assert found.verdict == "protected"
    large = TABLE.replace(b"old,F,6", b"old,F,16").replace(b"old,Total,64", b"old,Total,74")
    large = large.replace(b"Total,F,46", b"Total,F,56").replace(b"l,Total,135", b"l,Total,145")
    shown = assess_tables(large, json.dumps(schema).encode())
    assert shown is not None
    assert shown.verdict == "clear"
    with pytest.raises(Invalid):
        assess_tables(b"", json.dumps(schema).encode())


def test_what_the_author_withheld_is_attacked() -> None:
    naive = TABLE.replace(b"old,F,6", b"old,F,<11")
    found = assess(read_tables(naive))
    assert found.outcome is None
    assert any("computed exactly" in reason for reason in found.people)
    assert found.rows()[0]["attacker"] == "6..6"
    small = b"age,persons\na,<11\nb,s\nTotal,9\n"
    known = assess(read_tables(small))
    assert any("1 cells are shown" in reason for reason in known.people)
    three = b"age,F,M\na,<11,9\nTotal,12,20\n"
    assert assess(read_tables(three)).people


def test_withheld_cells_that_are_known_to_be_small() -> None:
    data = b"age,F,M,X,Total\na,<11,<11,40,52\nb,3000,<11,20,3028\nTotal,3004,16,60,3080\n"
    found = assess(read_tables(data))
    assert any("computed exactly" in reason or "small" in reason for reason in found.people)


def test_numbers_that_do_not_add_up_go_to_people() -> None:
    found = assess(read_tables(TABLE.replace(b"Total,Total,135", b"Total,Total,136")))
    assert found.verdict == "people"
    assert any("does not add up" in reason for reason in found.people)
    assert found.cells == ()


def test_amounts_without_contributors_and_overlapping_codes_go_to_people() -> None:
    drugs = Dimension(name="drug", parents={"a": None, "b": None}, partition=False)
    euros = Measure(name="cost", kind="sum", unit="euros")
    cells = {(code,): TypedCell(value=500, persons=40) for code in ("a", "b")}
    table = TypedTable(name="cost", dimensions=(drugs,), measure=euros, cells=cells)
    found = assess(Reading(kind="csv", tables=(table,), findings=()))
    assert any("overlap" in reason for reason in found.people)
    assert any("greatest contributions" in reason for reason in found.people)
    negative = TypedTable(
        name="cost",
        dimensions=(drugs,),
        measure=euros,
        cells={("a",): TypedCell(value=-5, persons=40, top=(1.0,))},
    )
    refused = assess(Reading(kind="csv", tables=(negative,), findings=()))
    assert any("negative amounts" in reason for reason in refused.people)


def test_identifiers_and_hidden_parts_block() -> None:
    found = assess(read_tables(b"NUM_ENQ,persons\na,40\nb,50\n"))
    assert found.verdict == "blocked"
    assert found.findings[0].rule == "identifier"
    assert "blocked" in found.lines()[0]


def test_costs_and_counts_hide_the_same_cells() -> None:
    """A cell that is small in persons is hidden in euros too, and protected in both."""
    base = typed_counts(counts((3, 2), [40, 31, 6, 58, 22, 90]))
    euros = Measure(name="cost", kind="sum", unit="euros")
    leaves = {key: cell for key, cell in base.cells.items() if None not in key}
    cost = TypedTable(
        name="cost",
        dimensions=base.dimensions,
        measure=euros,
        cells={
            key: TypedCell(value=(cell.value or 0) * 10.5, persons=cell.persons, top=(20.0, 15.0))
            for key, cell in leaves.items()
        },
    )
    found = suppress([base, cost], SNDS_SOURCE)
    hidden = {number: {key for n, key in found.hidden if n == number} for number in (0, 1)}
    assert hidden[0] == hidden[1]
    assert ("c1", "c0") in hidden[1]
    assert found.audit.holds
    cell = next(one for one in found.cells if one.table == 1 and one.key == ("c1", "c0"))
    assert cell.plain is not None
    assert cell.plain[0] <= 63 * 0.9
    assert found.certificate()["policy_sha256"] == SNDS_SOURCE.digest


def test_the_certificate_is_made_again_by_the_program(tmp_path: Path) -> None:
    found = assess(read_tables(TABLE)).outcome
    assert found is not None
    path = tmp_path / "tables.json"
    path.write_bytes(canonical_json(dict(found.document)))
    ran = subprocess.run(
        [sys.executable, "-m", "bercail.airlock.disclosure.audit", str(path)],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == found.audit.certificate()
    naive = json.loads(path.read_text())
    for cell in naive["tables"][0]["cells"]:
        if cell["value"] is None and cell["key"] != ["old", "F"]:
            truth = next(one for one in found.cells if list(one.key) == cell["key"])
            cell["value"] = int(truth.value or 0)
    path.write_text(json.dumps(naive))
    ran = subprocess.run(
        [sys.executable, "-m", "bercail.airlock.disclosure.audit", str(path), "11"],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    assert json.loads(ran.stdout)["cells"][0]["plain"] == [6, 6]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda doc: doc.update(format="other"), "does not say"),
        (lambda doc: doc["tables"][0]["cells"][0].update(value=41), "does not add up|contradict"),
        (lambda doc: doc["tables"].append(json.loads(json.dumps(doc["tables"][0]))), None),
    ],
)
def test_published_tables_that_contradict_each_other_are_unproven(change, why) -> None:
    clear = suppress([typed_counts(counts((2, 2), [40, 31, 16, 58]))], SNDS_SOURCE)
    document = json.loads(canonical_json(dict(clear.document)))
    change(document)
    rule = audit.HouseRule()
    if why is None:
        assert audit.audit_tables(document, rule).holds
        document["tables"][1]["cells"][-1]["value"] += 1
        why = "disagree"
    with pytest.raises(Unproven, match=why):
        audit.audit_tables(document, rule)


def test_the_audit_imports_nothing_that_chooses_cells() -> None:
    folder = Path(audit.__file__).parent
    allowed = ("bercail.foundation", "bercail.airlock.disclosure.audit", attacker.__name__)
    for path in [*folder.glob("*.py"), Path(attacker.__file__)]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bercail"):
                assert (node.module or "").startswith(allowed), (path.name, node.module)


def test_the_command_shows_what_an_attacker_learns(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(TABLE)
    shown = CliRunner().invoke(app, ["airlock", "check", str(path)])
    assert shown.exit_code == 0, shown.output
    assert "What an attacker could still learn" in shown.output
    assert "0..46" in shown.output
    answer = CliRunner().invoke(app, ["airlock", "check", str(path), "--json"])
    tables = json.loads(answer.output)["tables"]
    assert tables["verdict"] == "people"
    assert assess_file(path).checker_report() == tables


def test_files_that_hold_no_table_are_left_alone(tmp_path: Path) -> None:
    assert assess_tables(b"print('hello')\n") is None
    assert assess_tables(b"PK\x03\x04") is None
    assert span(None) == ""
    assert span((0.5, None)) == "0.5.."
