"""The commands of `bercail store`: one call each, the same answer as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bercail.cli.store import app
from bercail.foundation import Invalid, Missing, Unproven
from bercail.storage import Location, kept_probe, open_store


@pytest.fixture
def location(tmp_path: Path) -> str:
    place = Location.folder(tmp_path)
    store = open_store(place)
    store.put("a/one.bin", b"12345")
    store.put("b/two.bin", b"a canary sings", metadata={"kind": "bird"})
    return str(place)


def test_list(location: str) -> None:
    shown = CliRunner().invoke(app, ["list", location, "--prefix", "a/"])
    assert shown.exit_code == 0
    assert shown.stdout.splitlines() == ["5  a/one.bin", f"1 objects, 5 bytes in {location}"]
    told = json.loads(CliRunner().invoke(app, ["list", location, "--json"]).stdout)
    assert (told["count"], told["bytes"]) == (2, 19)
    assert told["objects"][1]["metadata"] == {"kind": "bird"}


def test_head(location: str) -> None:
    told = json.loads(CliRunner().invoke(app, ["head", location, "b/two.bin", "--json"]).stdout)
    assert (told["name"], told["size"]) == ("b/two.bin", 14)
    absent = CliRunner().invoke(app, ["head", location, "none"])
    assert isinstance(absent.exception, Missing)


def test_scan(location: str) -> None:
    clean = CliRunner().invoke(app, ["scan", location, "--canary", "nothing", "--json"])
    assert clean.exit_code == 0
    assert json.loads(clean.stdout)["clean"] is True
    found = CliRunner().invoke(app, ["scan", location, "--canary", "canary", "--json"])
    assert json.loads(found.stdout)["hits"] == [
        {"canary": 0, "name": "b/two.bin", "offset": 2, "place": "content"}
    ]
    assert isinstance(found.exception, Unproven)


def test_probe(location: str) -> None:
    told = json.loads(CliRunner().invoke(app, ["probe", location, "--json"]).stdout)
    assert told["sound"] is True
    assert len(told["traits"]) == 12
    kept = kept_probe(open_store(Location.parse(location)))
    assert kept is not None
    assert kept.as_dict() == told
    shown = CliRunner().invoke(app, ["probe", location, "--no-keep", "--home"])
    assert shown.exit_code == 0
    assert shown.stdout.splitlines()[-1] == "fit for a home"


def test_clean(location: str, tmp_path: Path) -> None:
    drafts = tmp_path / ".bercail" / "drafts"
    (drafts / "abandoned").write_bytes(b"half of it")
    os.utime(drafts / "abandoned", (1, 1))
    (drafts / "young").write_bytes(b"half of it")
    told = json.loads(CliRunner().invoke(app, ["clean", location, "--json"]).stdout)
    assert (told["applied"], len(told["old"]), len(told["young"])) == (False, 1, 1)
    assert (drafts / "abandoned").exists()
    shown = CliRunner().invoke(app, ["clean", location, "--apply"])
    assert shown.stdout.splitlines()[-1] == "1 removed, 1 younger than 24 h"
    assert [path.name for path in drafts.iterdir()] == ["young"]
    soon = CliRunner().invoke(app, ["clean", location, "--older-than", "0"])
    assert isinstance(soon.exception, Invalid)


def test_audit_host(location: str) -> None:
    done = CliRunner().invoke(app, ["audit-host", location, "--canary", "canary", "--json"])
    assert isinstance(done.exception, Unproven)
    told = json.loads(done.stdout)
    assert told["clean"] is False
    assert told["counts"]["not-sealed"] == 2
    assert told["counts"]["canary"] == 1
    assert "sings" not in done.stdout
