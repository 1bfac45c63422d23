"""What `bercail estate import-airlock` says when documents were left out."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from bercail.airlock.history.service import ImportReport, NotTaken
from bercail.cli import estate
from bercail.cli.main import app
from bercail.foundation import Refused

LEFT = NotTaken(position=1, request=None, reason="`status` is missing")


@pytest.mark.parametrize(("not_taken", "code"), [((), 0), ((LEFT,), Refused.exit_code)])
def test_a_document_left_out_is_told_by_the_exit_code(
    not_taken: tuple[NotTaken, ...], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = ImportReport(
        documents=2,
        recorded=1,
        extended=0,
        unchanged=0,
        not_taken=not_taken,
        irregular=(),
        self_reviewed=(),
    )
    history = SimpleNamespace(import_azuretre=lambda *_: report)
    monkeypatch.setattr(estate, "house", lambda: SimpleNamespace(history=history))
    monkeypatch.setattr(estate, "actor", lambda: None)
    file = str(tmp_path / "requests.json")
    done = CliRunner().invoke(app, ["estate", "import-airlock", file, "--json"])
    assert done.exit_code == code
    assert len(json.loads(done.stdout)["not_taken"]) == len(not_taken)
