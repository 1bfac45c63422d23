"""The commands that seal a table again."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from bercail.cli import lake as commands
from bercail.foundation import Actor, Role
from bercail.lake import Lake
from bercail.lake.keeping import Keeping
from bercail.vault import Keyring

TABLE = "ER_PRS_F"


@pytest.fixture
def filled(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    schema = pa.schema([("x", pa.int64())])
    batch = pa.record_batch([pa.array(range(10))], schema=schema)
    lake.append(TABLE, [batch], schema, delivery="d1")
    keeping = Keeping(record=lambda _event, _actor: None)
    monkeypatch.setattr(commands, "house", lambda: SimpleNamespace(lake=lake, keeping=keeping))
    monkeypatch.setattr(commands, "actor", lambda: Actor(id="odile", roles={Role.OPERATOR}))
    return lake


def answer(*arguments: str) -> Any:
    result = CliRunner().invoke(commands.app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_a_table_is_sealed_again_and_what_is_left_is_listed(filled: Lake, keys: Keyring) -> None:
    assert answer("left-to-reseal", TABLE) == []
    kept = answer("reseal", TABLE, "--keep-old")
    assert (kept["epoch"], kept["left"], kept["destroyed"]) == (2, [], [])
    keys.next_epoch("lake", TABLE)
    left = answer("left-to-reseal", TABLE)
    assert {one["epoch"] for one in left} == {2}
    assert len(left) == kept["resealed"]
    done = answer("reseal", TABLE)
    assert (done["epoch"], len(done["destroyed"])) == (3, 2)
    again = answer("reseal", TABLE, "--new-key")
    assert again["epoch"] == 4
    assert filled.verify(TABLE).rows == 10
