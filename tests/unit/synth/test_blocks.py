"""A population cut in blocks: the same bytes by one process or two, one population in all."""

# ruff: noqa: S608 - every query is made of constants of this file.

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from pyarrow import parquet

from bercail.catalogue import arrow_type, load
from bercail.foundation import Invalid, Unavailable
from bercail.ingest.synth import SynthProfile, make
from bercail.ingest.synth.blocks import BlockTask, spread, write_block
from bercail.ingest.synth.truth import added

BLOCKS = SynthProfile(persons=660, block=220, seed=5, years=1)
# The peak of a process that makes so many persons, in kilobytes.
PEAK = """
import resource, sys
from pathlib import Path
from bercail.ingest.synth import SynthProfile, make
make(SynthProfile(persons=int(sys.argv[1]), block=1500, years=1), Path(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("blocks")
    make(BLOCKS, out)
    return out


def test_blocks_are_of_nearly_one_size_and_make_the_whole() -> None:
    profile = SynthProfile(persons=1001, block=300)
    sizes = [block.persons for block in profile.blocks()]
    assert (sum(sizes), max(sizes) - min(sizes), len(sizes)) == (1001, 1, 4)
    assert SynthProfile(persons=300, block=300).blocks()[0].persons == 300


def test_more_blocks_than_numbers_allow_are_invalid() -> None:
    with pytest.raises(Invalid, match="`block` is `200`"):
        SynthProfile(persons=100_000, block=200)


def test_two_processes_write_the_same_bytes_as_one(blocks: Path, tmp_path: Path) -> None:
    make(BLOCKS, tmp_path, processes=2)
    assert digests(tmp_path) == digests(blocks)


def peak_of(persons: int, out: Path) -> int:
    words = [sys.executable, "-c", PEAK, str(persons), str(out)]
    return int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def test_six_times_the_persons_need_no_more_memory(tmp_path: Path) -> None:
    """So that ten million, in blocks of 25,000, need what one block does."""
    small, large = (peak_of(1500 * blocks, tmp_path / str(blocks)) for blocks in (2, 12))
    written = sum(path.stat().st_size for path in (tmp_path / "12").rglob("*.csv"))
    # Held in memory, what more is written would be seen.
    assert written > 40_000_000
    assert large - small < 20_000


def test_no_process_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="`processes` is `0`"):
        make(BLOCKS, tmp_path, processes=0)


def test_blocks_share_no_person_and_no_key(blocks: Path) -> None:
    def rows(name: str) -> str:
        return f"read_csv('{blocks}/{name}.csv', delim=';', quote='', all_varchar=true)"

    key = (
        "FLX_DIS_DTD, FLX_TRT_DTD, FLX_EMT_TYP, FLX_EMT_NUM, FLX_EMT_ORD, ORG_CLE_NUM,"
        " DCT_ORD_NUM, PRS_ORD_NUM, REM_TYP_AFF"
    )
    for name, columns in (
        ("DCIR_*/ER_PRS_F", key),
        ("BEN_*/IR_BEN_R", "BEN_NIR_PSA, BEN_RNG_GEM"),
        ("MCO_2023/T_MCO23B", "ETA_NUM, RSA_NUM"),
    ):
        counted = (
            duckdb.connect()
            .execute(f"SELECT count(*), count(DISTINCT ({columns})) FROM {rows(name)}")
            .fetchone()
        )
        assert counted is not None
        assert counted[0] == counted[1] > 0
    persons = (
        duckdb.connect()
        .execute(
            f"SELECT count(DISTINCT coalesce(BEN_NIR_ANO, BEN_NIR_PSA || BEN_RNG_GEM))"
            f" FROM {rows('BEN_*/IR_BEN_R')} WHERE BEN_CDI_NIR <> '11'"
        )
        .fetchone()
    )
    assert persons == (660,)


def test_parquet_holds_the_same_rows_with_the_types_of_the_catalogue(
    blocks: Path, tmp_path: Path
) -> None:
    profile = SynthProfile(persons=660, block=220, seed=5, years=1, form="parquet")
    report = make(profile, tmp_path)
    registry = load()
    for path in sorted(tmp_path.rglob("*.parquet")):
        twin = blocks / path.parent.name / f"{path.stem}.csv"
        table = parquet.read_table(path)
        known = registry.table(path.stem)
        assert table.num_rows == twin.read_bytes().count(b"\n") - 1
        assert all(field.type == arrow_type(known.column(field.name)) for field in table.schema)
    assert report.rows["ER_PRS_F"] == report.truth["lines"]["arrived"]


def test_truths_add_up() -> None:
    one = {"profile": {"seed": 1}, "lines": {"late": 2, "lag": {"1": 3}}, "n": 1}
    other = {"profile": {"seed": 9}, "lines": {"late": 5, "lag": {"2": 4}}, "n": 2}
    assert added(one, other) == {
        "profile": {"seed": 1},
        "lines": {"late": 7, "lag": {"1": 3, "2": 4}},
        "n": 3,
    }


def test_the_disk_refusing_in_another_process_is_said(tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.write_text("here")
    task = BlockTask(profile=BLOCKS.blocks()[0], out=taken, finished=frozenset())
    with spread(2) as work_on, pytest.raises(Unavailable, match="disk refuses") as caught:
        list(work_on(write_block, [task]))
    assert "Free some space" in caught.value.remedy


@pytest.mark.parametrize(
    ("work", "task", "said"),
    [(signal.raise_signal, signal.SIGKILL, "by SIGKILL"), (os._exit, 7, "with exit code 7")],
)
def test_a_process_that_dies_is_told_with_its_signal(
    work: Callable[[int], None], task: int, said: str
) -> None:
    with pytest.raises(Unavailable, match=said) as dead, spread(2) as work_on:
        list(work_on(work, [task] * 3))
    assert "goes on" in dead.value.remedy
