"""A malformed line is named by file and line; nobody ever reads what stood in it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bercail.config import load_config
from bercail.platform import Platform, create_trust_side
from bercail.testing.moving import ATTESTED

pytestmark = pytest.mark.xdist_group("journeys")
BAD, GOOD, FILE = "DCIR_202302", "DCIR_202303", "ER_PRS_F.csv"
VALUE = "1850175123456"
PASSPHRASE = {"BERCAIL_PASSPHRASE": "five words for a small house"}
CONFIG = """
name = "small"
trust_side = "trust"
[home]
location = "file://{folder}/host"
credentials = "BERCAIL_HOME"
[source]
location = "file://{folder}/cloud"
credentials = "BERCAIL_SOURCE"
[host]
service = "ovh-snc-cloud-platform"
[people]
odile = {{ roles = ["operator"] }}
"""


def _spoil(folder: Path, change: Callable[[list[str], list[str]], list[str]], line: int) -> str:
    """Change one line of the delivery's file and its manifest; returns the line as it was."""
    path = folder / FILE
    lines = path.read_text(encoding="utf-8").split("\n")
    kept = lines[line - 1]
    lines[line - 1] = ";".join(change(lines[0].split(";"), kept.split(";")))
    data = "\n".join(lines).encode()
    path.write_bytes(data)
    manifest = json.loads((folder / "delivery.json").read_text())
    for file in manifest["files"]:
        if file["name"] == FILE:
            file |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "delivery.json").write_text(json.dumps(manifest))
    return kept


def _text_for_a_number(header: list[str], fields: list[str]) -> list[str]:
    fields[header.index("PRS_ACT_QTE")] = f"x{VALUE}"
    return fields


def _one_field_more(_: list[str], fields: list[str]) -> list[str]:
    return [*fields, VALUE]


@pytest.fixture
def house(quiet_story: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """A house to which one bad and one good delivery came home; and the bad line as it was."""
    for name, value in PASSPHRASE.items():
        monkeypatch.setenv(name, value)
    for name in (BAD, GOOD):
        sent = quiet_story.out / "holder" / "level-1" / name
        shutil.copytree(sent, tmp_path / "cloud" / "livraisons" / name)
    (tmp_path / "host").mkdir()
    was = _spoil(tmp_path / "cloud" / "livraisons" / BAD, _text_for_a_number, 5)
    config = tmp_path / "bercail.toml"
    config.write_text(CONFIG.format(folder=tmp_path))
    platform = Platform(load_config(config), actor="odile")
    create_trust_side(platform.config.trust, platform.randomness)
    migration = platform.migration()
    for step in (migration.survey, migration.plan, migration.copy, migration.prove):
        step()
    migration.cut_over(freeze=ATTESTED)
    return config, was


def test_a_malformed_line_stops_its_delivery_and_no_other(
    program: Any, house: tuple[Path, str]
) -> None:
    config, was = house

    def ingest(*words: str) -> Any:
        options = ("--config", config, "--as", "odile", "ingest", *words, "--json")
        return program(*options, environ=PASSPHRASE)

    ran = ingest("load", BAD)
    refusal = ran.refusal(3)
    assert refusal["rule"] == "delivery-checks"
    told = f"not-a-number in {FILE} column PRS_ACT_QTE: 1, first at line 5"
    assert told in refusal["message"]
    _require_untold(ran.out + ran.err, was)
    status = ingest("status", BAD).answer()
    assert status["state"] == "quarantined"
    assert told in status["findings"]
    (held,) = ingest("quarantine").answer()
    assert (held["delivery"], held["by"], held["releasable"]) == (BAD, "odile", False)
    loaded = ingest("load", GOOD).answer()
    assert [one["delivery"] for one in loaded] == [GOOD]
    # In words, and tried again, it is the same.
    words = ("--config", config, "--as", "odile", "ingest", "replay", BAD)
    ran = program(*words, environ=PASSPHRASE)
    assert ran.code == 3
    assert f"{FILE} column PRS_ACT_QTE" in ran.err.replace("\n", " ")
    _require_untold(ran.out + ran.err, was)
    for path in (config.parent / "trust").rglob("*"):
        if path.is_file():
            assert VALUE.encode() not in path.read_bytes()


def test_the_holder_too_is_told_the_file_and_the_line_only(
    program: Any, quiet_story: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "clear" / BAD
    shutil.copytree(quiet_story.out / "holder" / "clear" / BAD, folder)
    was = _spoil(folder, _one_field_more, 7)
    environ = {"BERCAIL_HOLDER_SECRET": "the holder's own secret, long enough"}
    words = ("holder", "prepare", tmp_path / "clear", tmp_path / "level-1", "--json")
    ran = program(*words, environ=environ)
    refusal = ran.refusal(2)
    assert FILE in refusal["message"]
    assert "line 7" in refusal["message"]
    _require_untold(ran.out + ran.err, was)
    assert not (tmp_path / "level-1" / BAD).exists()


def _require_untold(text: str, line: str) -> None:
    assert VALUE not in text
    for field in line.split(";"):
        assert len(field) < 6 or field not in text
