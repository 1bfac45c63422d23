"""`synth check`: measures beside published ones, and a verdict that can be no."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bercail.cli.synth import app
from bercail.foundation import Missing
from bercail.ingest.synth import SynthProfile, check, make, write_page
from bercail.ingest.synth.check import Measure, chapter


def test_an_ordinary_population_is_within_tolerance(folder: Path) -> None:
    found = check(folder)
    assert [m.name for m in found.measures if not m.within] == []
    assert len(found.measures) > 20
    assert all(m.source for m in found.measures)


def test_a_population_of_late_lines_is_not(tmp_path: Path) -> None:
    make(SynthProfile(persons=300, years=1, rates={"late-flows": 0.5}), tmp_path)
    page = tmp_path / "page.html"
    words = ["check", str(tmp_path), "--page", str(page), "--json"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    outside = [m["measure"] for m in answer["measures"] if not m["within"]]
    assert "lines-within-6-months" in outside
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") == 2
    assert "<script" not in text
    assert "lines-within-6-months" in text


def test_the_page_says_when_all_is_well(folder: Path, tmp_path: Path) -> None:
    write_page(check(folder), tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "within tolerance" in text


def test_a_folder_without_truth_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"truth\.json"):
        check(tmp_path)


def test_parquet_is_read_too(tmp_path: Path) -> None:
    make(SynthProfile(persons=300, years=1, form="parquet"), tmp_path)
    names = {m.name: m for m in check(tmp_path).measures}
    assert names["stays-sessions"].size > 0


def test_chance_widens_the_tolerance_of_small_populations() -> None:
    given: dict[str, Any] = {"name": "x", "published": 0.5, "tolerance": 0.1, "source": "here"}
    small = Measure(measured=0.75, size=100, **given)
    large = Measure(measured=0.75, size=1_000_000, **given)
    assert (small.within, large.within) == (True, False)
    assert small.allowed == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("A419", "I"),
        ("D65", "III"),
        ("D12", "II"),
        ("H269", "VII"),
        ("H651", "VIII"),
        ("Z380", "XXI"),
    ],
)
def test_chapters(code: str, name: str) -> None:
    assert chapter(code) == name
