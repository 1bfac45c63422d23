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
