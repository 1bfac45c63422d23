"""Care lines in the numbers of a nation: what loading them takes in time, room and memory.

    python benchmarks/ingest/bench_national.py --lines 100000000 --folder /somewhere/large

Lines of ER_PRS_F come in monthly deliveries of `--month` lines each. A small synthetic population
is written down once; each delivery repeats its lines for other persons and other documents, so
that no key is there twice. One delivery stands on the disk at a time. Each is checked, turned
into the platform's pseudonyms, written as Parquet, sealed, signed and recorded, on a store that
is a folder; then DuckDB copies the same file to plain zstd Parquet. Writing the lines and the
plain copy are processes of their own, so that the peak is that of loading alone.

Three lines: lines per CPU second, with the minutes both sides took by the clock; bytes a line at
rest; peak memory in MB, against that after the first delivery. The room of synthetic lines is not
that of real ones: the ratio says more than the bytes. There is no register of persons in the
lake, so no line is looked up in one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from bercail.foundation import Role, Secret
from bercail.ingest.folder import LocalFiles
from bercail.ingest.service import IngestService
from bercail.ingest.synth import SynthProfile, make
from bercail.lake import Lake
from bercail.storage import Location, make_home, open_store
from bercail.testing.small_house import SmallHouse, person
from bercail.vault import pseudonyms

LINES, MONTH = 1_000_000, 500_000
PERSONS = 40_000
SPEED_GOAL, ROOM_GOAL, MEMORY_GOAL = 0.35, 1.1, 3_000
# More than any flux has of emissions, and more than the base then has: no repeat meets another.
OF_A_FLUX, OF_THE_BASE = 100, 100_000
FIRST_YEAR = 2023
TABLE = "ER_PRS_F.csv"
OPERATOR = person("operator", Role.OPERATOR)
SECRET = Secret(bytes(range(32)))


class HashingFile:
    """A file for pyarrow that knows its size and digest."""

    closed = False

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self._file.write(view)
        self._digest.update(view)
        self.size += view.nbytes
        return view.nbytes

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def base_lines(folder: Path) -> Path:
    """The lines of a small population, all as text, in an Arrow file."""
    make(SynthProfile(persons=PERSONS, seed=1, years=1), folder / "clear")
    paths = sorted((folder / "clear").glob("DCIR_2023*/ER_PRS_F.csv"))
    names = paths[0].read_text(encoding="utf-8").partition("\n")[0].split(";")
    options = pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    parse = pa_csv.ParseOptions(delimiter=";")
    tables = [pa_csv.read_csv(p, parse_options=parse, convert_options=options) for p in paths]
    target = folder / "base.arrow"
    whole = of_one_flux(pa.concat_tables(tables).combine_chunks())
    with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_file(sink, whole.schema) as out:
        out.write_table(whole)
    shutil.rmtree(folder / "clear")
    return target


def of_one_flux(lines: pa.Table) -> pa.Table:
    """The lines of several months under emissions that differ, so that they can be one month."""
    fluxes = pc.binary_join_element_wise(lines["FLX_DIS_DTD"], lines["FLX_TRT_DTD"], " ")
    codes = fluxes.combine_chunks().dictionary_encode().indices.cast(pa.int64())
    return renumbered(lines, pc.multiply(codes, OF_A_FLUX))


def renumbered(lines: pa.Table, more: Any) -> pa.Table:
    """The lines with `more` added to the number of their emission."""
    numbers = pc.add(lines["FLX_EMT_NUM"].cast(pa.int64()), more).cast(pa.string())
    return lines.set_column(lines.schema.get_field_index("FLX_EMT_NUM"), "FLX_EMT_NUM", numbers)


def repeated(base: pa.Table, number: int, month: int) -> pa.Table:
    """The base for other persons (one for each `number`) and documents, in a flux month."""
    year, before = divmod(month, 12)
    said = {
        "FLX_DIS_DTD": f"01/{before + 1:02}/{FIRST_YEAR + year}",
        "FLX_TRT_DTD": f"15/{before + 1:02}/{FIRST_YEAR + year}",
    }
    table = renumbered(base, number * OF_THE_BASE)
    for name, day in said.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pa.repeat(pa.scalar(day), len(table)))
    clear = pc.binary_join_element_wise(base["BEN_NIR_PSA"], str(number), "")
    turned = pseudonyms.level_one(SECRET, clear.combine_chunks())
    return table.set_column(table.schema.get_field_index("BEN_NIR_PSA"), "BEN_NIR_PSA", turned)


def write_delivery(folder: Path, base: Path, month: int, lines: int) -> None:
    """One delivery of `lines` lines, with its manifest."""
    folder.mkdir(parents=True)
    source = pa.ipc.open_file(pa.memory_map(str(base))).read_all()
    sink = HashingFile(folder / TABLE)
    sink.write(";".join(source.column_names).encode() + b"\n")
    options = pa_csv.WriteOptions(
        include_header=False, delimiter=";", quoting_style="none", batch_size=65536
    )
    with pa_csv.CSVWriter(
        pa.PythonFile(sink, mode="w"), source.schema, write_options=options
    ) as out:
        for number, start in enumerate(range(0, lines, len(source))):
            out.write_table(repeated(source.slice(0, lines - start), number, month))
    sink.close()
    period = f"{FIRST_YEAR + month // 12}-{month % 12 + 1:02}"
    file = {"table": "ER_PRS_F", "name": TABLE, "rows": lines, "bytes": sink.size}
    document = {
        "holder": "CNAM",
        "system": "DCIR",
        "period": period,
        "identifiers": "level-1",
        "files": [{**file, "sha256": sink.hexdigest()}],
    }
    (folder / "delivery.json").write_text(json.dumps(document), encoding="utf-8")


def copy_plain(source: Path, target: Path) -> None:
    """What DuckDB does alone; prints its CPU and wall seconds."""
    cpu, wall = time.process_time(), time.monotonic()
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (FROM read_csv('{source}', delim=';', header=true, dateformat='%d/%m/%Y')) "
            f"TO '{target}' (COMPRESSION zstd)"
        )
    print(json.dumps([time.process_time() - cpu, time.monotonic() - wall]))


def child(*words: object) -> str:
    command = [sys.executable, __file__, *map(str, words)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def peak_mb() -> float:
    """The most memory this process ever had, in MB."""
    said = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert said is not None
    return int(said[1]) * 1024 / 1e6


def load_all(root: Path, lines: int, month: int) -> dict[str, float]:
    """Deliver, load and copy month after month; sums of seconds and bytes."""
    base = root / "base.arrow"
    child("base", root)
    home = Location.folder(root / "home")
    make_home(home)
    house = SmallHouse.build(root)
    url = f"sqlite:///{root / 'home.db'}"
    lake = Lake(open_store(home), house.keys, url, house.registry, house.randomness, house.clock)
    desk = IngestService(lake, house.keys, house.registry, house.ledger)
    sums = dict.fromkeys(("cpu", "wall", "plain_cpu", "plain_wall", "plain_bytes", "csv"), 0.0)
    for turn, start in enumerate(range(0, lines, month)):
        name = f"DCIR_{FIRST_YEAR + turn // 12}{turn % 12 + 1:02}"
        landing = root / "landing"
        child("deliver", landing / name, base, turn, min(month, lines - start))
        cpu, wall = time.process_time(), time.monotonic()
        desk.load(LocalFiles(landing), name, OPERATOR)
        sums["cpu"] += time.process_time() - cpu
        sums["wall"] += time.monotonic() - wall
        sums.setdefault("first_peak", peak_mb())
        plain = root / "plain.parquet"
        plain_cpu, plain_wall = json.loads(child("plain", landing / name / TABLE, plain))
        sums["plain_cpu"] += plain_cpu
        sums["plain_wall"] += plain_wall
        sums["plain_bytes"] += plain.stat().st_size
        sums["csv"] += (landing / name / TABLE).stat().st_size
        shutil.rmtree(landing)
        told = {key: round(value, 1) for key, value in sums.items()}
        print(f"{name}: {start + month:,} lines, {peak_mb():.0f} MB, {told}", file=sys.stderr)
    sums["peak"] = peak_mb()
    sums["bytes"] = sum(p.stat().st_size for p in (root / "home").rglob("*") if p.is_file())
    with lake:
        house.close()
    return sums


def report(lines: int, sums: dict[str, float]) -> None:
    ours, against = lines / sums["cpu"], lines / sums["plain_cpu"]
    said = f"{sums['wall'] / 60:.1f} minutes, plain {sums['plain_wall'] / 60:.1f}"
    measures = (
        ("lines per CPU second", ours, against, ours / against, SPEED_GOAL, 1),
        (
            "bytes a line at rest",
            sums["bytes"] / lines,
            sums["plain_bytes"] / lines,
            0,
            ROOM_GOAL,
            -1,
        ),
        ("peak memory in MB", sums["peak"], sums["first_peak"], 0, MEMORY_GOAL, -1),
    )
    for name, mine, theirs, ratio, goal, sense in measures:
        told = ratio or mine / theirs
        judged = mine if goal == MEMORY_GOAL else told
        line = {
            "bench": f"{lines:,} care lines ({said}): {name}",
            "ours": round(mine, 1),
            "against": round(theirs, 1),
            "ratio": round(told, 3),
            "goal": goal,
            "met": (judged - goal) * sense >= 0,
        }
        print(json.dumps(line))


def main() -> None:
    words = sys.argv[1:]
    if words[:1] == ["base"]:
        base_lines(Path(words[1]))
        return
    if words[:1] == ["deliver"]:
        write_delivery(Path(words[1]), Path(words[2]), int(words[3]), int(words[4]))
        return
    if words[:1] == ["plain"]:
        copy_plain(Path(words[1]), Path(words[2]))
        return
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--month", type=int, default=MONTH, help="lines of one delivery")
    parser.add_argument("--folder", type=Path, help="where the disk has room; 50 bytes a line")
    chosen = parser.parse_args(words)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as place:
        report(chosen.lines, load_all(Path(place), chosen.lines, chosen.month))


if __name__ == "__main__":
    main()
