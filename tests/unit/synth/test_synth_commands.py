"""`bercail synth make` fills a folder and says what stands in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bercail.cli.synth import app
from bercail.foundation import Invalid


def test_make_reports_rows_and_truth(tmp_path: Path) -> None:
    words = ["make", "--persons", "120", "--seed", "5", "--out", str(tmp_path), "--json"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    truth = json.loads((tmp_path / "truth.json").read_bytes())
    assert report["treated_diabetics"] == truth["treated_diabetics"]
    assert report["rows"]["ER_PRS_F"] == truth["lines"]["arrived"]
    assert report["rows"]["IR_BEN_R"] == truth["persons"]["identities"]


def test_make_takes_rates_and_switches(tmp_path: Path) -> None:
    words = ["make", "--persons", "120", "--difficulty", "hard", "--without", "detail-tables"]
    words += ["--rate", "empty-dpn-qlf=0", "--years", "1", "--out", str(tmp_path), "--json"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0
    counts = json.loads((tmp_path / "truth.json").read_bytes())["difficulties"]
    assert (counts["detail-tables"], counts["empty-dpn-qlf"]) == (0, 0)
    assert counts["hospital-billing"] > 0


def test_a_rate_that_is_none_is_invalid(tmp_path: Path) -> None:
    words = ["make", "--rate", "late-flows", "--out", str(tmp_path)]
    with pytest.raises(Invalid, match="`late-flows` is no rate"):
        CliRunner().invoke(app, words, catch_exceptions=False)


def test_difficulties_are_listed() -> None:
    result = CliRunner().invoke(app, ["difficulties", "--json"], catch_exceptions=False)
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert rows["ald-end-2099"]["default"] == 0.105
    assert rows["nine-column-key"]["default"] == "always"


def test_difficulties_and_make_are_shown_as_text(tmp_path: Path) -> None:
    listed = CliRunner().invoke(app, ["difficulties"], catch_exceptions=False)
    assert "ald-end-2099" in listed.stdout
    words = ["make", "--persons", "100", "--years", "1", "--out", str(tmp_path)]
    made = CliRunner().invoke(app, words, catch_exceptions=False)
    assert made.exit_code == 0
    assert "Synthetic deliveries" in made.stdout
    assert "ER_PRS_F" in made.stdout


def test_check_tells_measures_and_its_exit_code_says_whether_all_are_within(
    tmp_path: Path,
) -> None:
    words = ["make", "--persons", "400", "--years", "1", "--out", str(tmp_path / "good")]
    CliRunner().invoke(app, words, catch_exceptions=False)
    page = tmp_path / "page.html"
    words = ["check", str(tmp_path / "good"), "--page", str(page), "--json"]
    checked = CliRunner().invoke(app, words, catch_exceptions=False)
    told = json.loads(checked.stdout)
    within = all(one["within"] for one in told["measures"])
    assert checked.exit_code == (0 if within else 1)
    assert told["page"] == str(page)
    assert "<svg" in page.read_text(encoding="utf-8")
    shown = CliRunner().invoke(app, ["check", str(tmp_path / "good")], catch_exceptions=False)
    assert shown.exit_code == checked.exit_code
    assert "published" in shown.stdout
    late = ["make", "--persons", "400", "--years", "1", "--rate", "late-flows=0.9"]
    CliRunner().invoke(app, [*late, "--out", str(tmp_path / "bad")], catch_exceptions=False)
    bad = CliRunner().invoke(app, ["check", str(tmp_path / "bad")], catch_exceptions=False)
    assert bad.exit_code == 1
