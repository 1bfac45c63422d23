"""`bercail synth make` fills a folder and says what stands in it."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from bercail.cli.synth import app


def test_make_reports_rows_and_truth(tmp_path: Path) -> None:
    words = ["--persons", "120", "--seed", "5", "--out", str(tmp_path), "--json"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    truth = json.loads((tmp_path / "truth.json").read_bytes())
    assert report["treated_diabetics"] == truth["treated_diabetics"]
    assert report["rows"]["ER_PRS_F"] == truth["lines"]["arrived"]
    assert report["rows"]["IR_BEN_R"] == truth["persons"]["identities"]
