"""Commands that need no house: checking a file, verifying a package with public keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bercail.cli.airlock import app
from bercail.foundation import Missing, Unproven, canonical_json
from bercail.testing.airlock_desk import AirlockDesk


def test_check_prints_the_checkers_view(desk: AirlockDesk) -> None:
    path = str(desk.table_file())
    told = CliRunner().invoke(app, ["check", path], catch_exceptions=False)
    assert told.output.startswith("protected: 4 of 15 cells hidden")
    as_json = CliRunner().invoke(app, ["check", path, "--json"], catch_exceptions=False)
    report = json.loads(as_json.output)
    assert {cell["status"] for cell in report["cells"]} == {"shown", "small", "protecting"}


def test_verify_needs_the_package_and_public_keys_only(desk: AirlockDesk) -> None:
    package, keys = desk.released(), desk.folder / "keys.json"
    keys.write_bytes(canonical_json(desk.airlock.public_keys()))
    arguments = ["verify", str(package), "--keys", str(keys), "--json"]
    told = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert json.loads(told.output)["verified"] is True
    (package / "data/outputs/table.csv").write_text("age,sex\n")
    with pytest.raises(Unproven):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    with pytest.raises(Missing):
        CliRunner().invoke(
            app, ["verify", str(Path("nowhere")), "--keys", str(keys)], catch_exceptions=False
        )
