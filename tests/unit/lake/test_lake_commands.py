"""The commands of history and upkeep: one call each, answers as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from bercail.cli import lake as commands
from bercail.foundation import Actor, Invalid, Refused, Role
from bercail.lake import DeliveryRows, Lake
from bercail.lake.keeping import Keeping

TABLE = "ER_PRS_F"
SCHEMA = pa.schema([("BEN_NIR_PSA", pa.string()), ("n", pa.int64())])
REASON = "decision 12 of the committee"


@pytest.fixture
def told(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The events recorded; the table has three deliveries of ten rows."""
    for number in range(3):
        found = [{"BEN_NIR_PSA": f"p{n % 2}", "n": n} for n in range(10)]
        batch = pa.RecordBatch.from_pylist(found, schema=SCHEMA)
        lake.append(TABLE, [batch], SCHEMA, delivery=f"D{number}")
    events: list[Any] = []
    keeping = Keeping(record=lambda event, _actor: events.append(event))
    monkeypatch.setattr(commands, "house", lambda: SimpleNamespace(lake=lake, keeping=keeping))
    monkeypatch.setattr(commands, "actor", lambda: Actor(id="odile", roles={Role.OPERATOR}))
    return events


def answer(*arguments: str) -> Any:
    result = CliRunner().invoke(commands.app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def kinds(told: list[Any]) -> list[str]:
    return [type(event).__name__ for event in told]


def test_history_is_shown(told: list[Any]) -> None:
    shown = answer("snapshots", TABLE)
    assert [one["delivery"] for one in shown] == ["D0", "D1", "D2"]
    assert len({one["signer"] for one in shown}) == 1
    assert all(one["readable"] for one in shown)
    first, last = shown[0]["snapshot"], shown[-1]["snapshot"]
    assert answer("diff", TABLE, first, last)["parts_added"] == 2
    assert answer("count", TABLE, "--snapshot", first)["rows"] == 10
    assert answer("count", TABLE, "--as-of", "2026-11")["rows"] == 30
    known = answer("as-of", TABLE, "2026-11-21")
    assert (known["snapshot"], known["deliveries"]) == (last, ["D0", "D1", "D2"])
    with pytest.raises(Invalid):
        answer("count", TABLE, "--as-of", "soon")
    assert told == []


def test_a_table_is_joined_and_its_past_let_go(told: list[Any]) -> None:
    assert [group["parts"] for group in answer("compact", TABLE, "--dry-run")] == [3]
    assert answer("compact", TABLE)["parts_after"] == 1
    assert answer("compact", TABLE)["parts_after"] == 1
    assert answer("expire", TABLE, "--older-than", "1", "--dry-run") == []
    assert answer("expire", TABLE, "--older-than", "1")["expired"] == []
    assert kinds(told) == ["TableCompacted"]


def test_a_delivery_is_erased_with_a_certificate(told: list[Any], lake: Lake) -> None:
    made = answer("erase", TABLE, "--delivery", "D1", "--reason", REASON)
    assert (made["rows_erased"], made["rows_left"]) == (10, 20)
    assert made["not_proven"]
    assert kinds(told) == ["ErasureBegun", "RowsErased"]
    assert told[1].keys == len(made["keys_destroyed"]) == 1
    assert [one["readable"] for one in answer("snapshots", TABLE)] == [False, False, False, True]


def test_persons_are_erased_by_a_file(told: list[Any], tmp_path: Path) -> None:
    file = tmp_path / "persons"
    file.write_text("p1\n", encoding="utf-8")
    given = ("--persons", str(file), "--request", "R-1", "--reason", REASON, "--keep-keys")
    assert answer("erase", TABLE, *given)["rows_erased"] == 15
    assert "p1" not in repr(told)


def test_an_unsealed_copy_is_warned_of_and_told(told: list[Any], tmp_path: Path) -> None:
    given = ["open-copy", TABLE, "--out", str(tmp_path / "copy"), "--reason", REASON, "--json"]
    result = CliRunner().invoke(commands.app, given, catch_exceptions=False)
    assert "NOT sealed" in result.stderr
    assert json.loads(result.stdout)["rows"] == 30
    assert kinds(told) == ["OpenCopyBegun", "OpenCopyWritten"]


@pytest.mark.parametrize(
    "reason", ["short", "x" * 201, "for 1 85 07 75 123 456 78", "two\nlines of it"]
)
def test_a_reason_is_a_sentence_without_a_number(
    told: list[Any], lake: Lake, tmp_path: Path, reason: str
) -> None:
    keeping = Keeping(record=lambda event, _actor: told.append(event))
    operator = Actor(id="odile", roles={Role.OPERATOR})
    with pytest.raises(Invalid, match="A reason is one line"):
        keeping.erase(lake, TABLE, DeliveryRows(delivery="D1"), reason, operator)
    with pytest.raises(Invalid, match="A reason is one line"):
        keeping.open_copy(lake, TABLE, tmp_path / "copy", reason, operator)
    assert told == []
    assert not (tmp_path / "copy").exists()


def test_nobody_else_keeps_the_lake(told: list[Any], lake: Lake, tmp_path: Path) -> None:
    from datetime import timedelta

    keeping = Keeping(record=lambda event, _actor: told.append(event))
    auditor = Actor(id="anne", roles={Role.AUDITOR})
    rows = DeliveryRows(delivery="D1")
    acts = (
        lambda: keeping.compact(lake, TABLE, 100, auditor),
        lambda: keeping.expire(lake, TABLE, timedelta(0), auditor),
        lambda: keeping.erase(lake, TABLE, rows, REASON, auditor),
        lambda: keeping.open_copy(lake, TABLE, tmp_path / "copy", REASON, auditor),
    )
    for act in acts:
        with pytest.raises(Refused) as refusal:
            act()
        assert refusal.value.rule == "IAM-05"
    assert told == []
    assert lake.verify(TABLE).rows == 30
