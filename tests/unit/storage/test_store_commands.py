"""The commands of `bercail store`: one call each, the same answer as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bercail.cli.store import app
from bercail.foundation import Missing, Unproven
from bercail.storage import Location, open_store


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
    assert len(told["traits"]) == 5
