"""What is written: the dialect, the manifests, and what a second run does."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bercail.catalogue import load
from bercail.foundation import Invalid, Refused, Unavailable
from bercail.ingest.synth import SynthProfile, make


def header_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").partition("\n")[0].split(";")


SMALL = SynthProfile(persons=150, seed=3)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("small")
    make(SMALL, out)
    return out


def test_the_same_profile_gives_the_same_bytes(small: Path, tmp_path: Path) -> None:
    make(SMALL, tmp_path)
    assert digests(tmp_path) == digests(small)


def test_another_seed_gives_other_persons(small: Path, tmp_path: Path) -> None:
    make(SynthProfile(persons=150, seed=4), tmp_path)
    referential = Path("BEN_202611/IR_BEN_R.csv")
    assert (tmp_path / referential).read_bytes() != (small / referential).read_bytes()


def test_manifests_say_what_the_files_are(folder: Path, truth: dict[str, Any]) -> None:
    for name in truth["deliveries"]:
        manifest = json.loads((folder / name / "delivery.json").read_bytes())
        system = {"DCIR": "DCIR", "MCO_": "MCO", "BEN_": "BEN"}[name[:4]]
        assert (manifest["system"], manifest["identifiers"]) == (system, "clear")
        for file in manifest["files"]:
            data = (folder / name / file["name"]).read_bytes()
            assert file["bytes"] == len(data)
            assert file["sha256"] == hashlib.sha256(data).hexdigest()
            assert file["rows"] == data.count(b"\n") - 1


def test_city_care_is_delivered_by_flux_month_until_as_of(truth: dict[str, Any]) -> None:
    months = [name for name in truth["deliveries"] if name.startswith("DCIR_")]
    assert months == sorted(months)
    assert (months[0], months[-1] <= "DCIR_202611") == ("DCIR_202302", True)
    assert {"MCO_2023", "MCO_2024", "BEN_202611"} < set(truth["deliveries"])


def test_the_dialect_needs_no_quotes(folder: Path) -> None:
    for path in folder.rglob("*.csv"):
        data = path.read_bytes()
        assert b'"' not in data
        assert b"\r" not in data
        assert data.endswith(b"\n")
        lines = data.decode("utf-8").splitlines()
        assert len({line.count(";") for line in lines}) == 1


def test_every_column_exists_in_its_year(folder: Path) -> None:
    registry = load()
    seen = 0
    for path in folder.rglob("*.csv"):
        year = registry.year_of(path.stem)
        known = registry.table(path.stem).column_names(year)
        header = header_of(path)
        assert set(header) <= set(known)
        seen += 1
    assert seen > 90


def test_a_finished_folder_is_left_alone(small: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in small.rglob("*")}
    report = make(SMALL, small)
    assert report.written == 0
    assert {path: path.stat().st_mtime_ns for path in small.rglob("*")} == before


def test_what_is_missing_or_changed_is_written_again(small: Path, tmp_path: Path) -> None:
    make(SMALL, tmp_path)
    (tmp_path / "DCIR_202303" / "delivery.json").unlink()
    with (tmp_path / "MCO_2023" / "T_MCO23B.csv").open("ab") as stream:
        stream.write(b"x")
    (tmp_path / "BEN_202611" / "IR_IMB_R.csv").unlink()
    report = make(SMALL, tmp_path)
    assert report.written == 3
    assert digests(tmp_path) == digests(small)


def test_killed_in_the_middle_a_second_run_finishes(small: Path, tmp_path: Path) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from bercail.ingest.synth import SynthProfile, make
def progress(label, done, total):
    if done == 9:
        os.kill(os.getpid(), signal.SIGKILL)
make(SynthProfile(persons=150, seed=3), Path(sys.argv[1]), progress)
"""
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert killed.returncode == -9
    assert not (tmp_path / "truth.json").exists()
    report = make(SMALL, tmp_path)
    assert report.written == len(report.deliveries) - 9
    assert digests(tmp_path) == digests(small)


def test_a_folder_holds_one_profile(small: Path) -> None:
    with pytest.raises(Refused, match="another profile"):
        make(SynthProfile(persons=151, seed=3), small)


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.write_text("here")
    with pytest.raises(Unavailable, match="disk refuses"):
        make(SMALL, taken)


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bercail.ingest.synth.deliveries._write_table", full)
    with pytest.raises(Unavailable, match="No space left") as caught:
        make(SMALL, tmp_path)
    assert "Free some space" in caught.value.remedy


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"persons": 5}, "persons"),
        ({"persons": 500, "seed": -1}, "seed"),
        ({"persons": 500, "first_year": 2005}, "first_year"),
        ({"persons": 500, "as_of": date(2026, 11, 2)}, "as_of"),
        ({"persons": 500, "as_of": date(2024, 6, 1)}, "as_of"),
    ],
)
def test_a_wrong_profile_is_invalid(given: dict[str, Any], named: str) -> None:
    with pytest.raises(Invalid, match=f"`{named}`"):
        SynthProfile(**given)


def test_what_comes_after_as_of_is_not_there_yet(tmp_path: Path) -> None:
    early = SynthProfile(persons=150, seed=3, years=1, as_of=date(2024, 3, 1))
    report = make(early, tmp_path)
    assert max(name for name in report.deliveries if name.startswith("DCIR")) == "DCIR_202403"
    assert report.truth["lines"]["after_as_of"] > 0
    assert report.as_dict()["deliveries"] == len(report.deliveries)
