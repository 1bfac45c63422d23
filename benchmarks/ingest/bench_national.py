"""Care lines in the numbers of a nation: what loading them takes in time, room and memory.

    python benchmarks/ingest/bench_national.py --lines 100000000 --folder /somewhere/large

Lines of ER_PRS_F come in monthly deliveries of `--month` lines each. A small synthetic population
is written down once; each delivery repeats its lines for other persons and other documents, so
that no key is there twice. One delivery stands on the disk at a time. Each is checked, turned
into the platform's pseudonyms, written as Parquet, sealed, signed and recorded, on a store that
is a folder; then DuckDB copies the same file to plain zstd Parquet, for one delivery in
`--plain-of`. Writing the lines and the plain copy are processes of their own, so that the peak is
that of loading alone.

With `--folder`, what is loaded stays there until the end, and the same command goes on where a
run was interrupted, unless that one is still at work. After each delivery a line of progress is
told: sums of seconds and bytes, and the peak. A process of its own that a signal ended is told with
that signal and tried again; one that failed, or was ended three times, ends the run.

Three lines: lines per CPU second, with the minutes both sides took by the clock; bytes a line at
rest; peak memory in MB, against that after the first delivery. The room of synthetic lines is not
that of real ones: the ratio says more than the bytes. There is no register of persons in the
lake, so no line is looked up in one.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from attrs import define, field

from bercail import catalogue
from bercail.foundation import FixedClock, Role, Secret, SeededRandomness, SystemRandomness
from bercail.ingest.folder import LocalFiles
from bercail.ingest.service import IngestService
from bercail.ingest.synth import SynthProfile, make
from bercail.lake import Lake
from bercail.ledger import Ledger, MemoryJournal
from bercail.storage import Location, make_home, open_store
from bercail.testing.small_house import NOON, person
from bercail.vault import Keyring, MemoryCustodian, note_signer, pseudonyms

LINES, MONTH = 1_000_000, 500_000
PERSONS = 40_000
SPEED_GOAL, ROOM_GOAL, MEMORY_GOAL = 0.35, 1.1, 3_000
# More than any flux has of emissions, and more than the base then has: no repeat meets another.
OF_A_FLUX, OF_THE_BASE = 100, 100_000
FIRST_YEAR = 2023
TRIES = 3
TABLE = "ER_PRS_F.csv"
OPERATOR = person("operator", Role.OPERATOR)
STATE = "progress.json"
SECRET = Secret(bytes(range(32)))
# The columns in which one repeat of the base differs from another, in their order.
VARIED = ("FLX_DIS_DTD", "FLX_TRT_DTD", "FLX_EMT_NUM", "BEN_NIR_PSA")


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


def fixed_texts(base: pa.Table) -> list[Any]:
    """The text of each line of the base after each of the columns that change."""
    places = [base.column_names.index(name) for name in VARIED]
    assert places[0] == 0
    nothing, texts = pa.scalar(""), []
    for before, after in pairwise([*places, len(base.column_names)]):
        columns = [pc.fill_null(base.column(at), "") for at in range(before + 1, after)]
        texts.append(pc.binary_join_element_wise(nothing, *columns, nothing, ";"))
    columns = [pc.fill_null(base.column(at), "") for at in range(places[-1] + 1, base.num_columns)]
    texts[-1] = pc.binary_join_element_wise(
        pc.binary_join_element_wise(nothing, *columns, ";"), nothing, "\n"
    )
    return texts


def repeated(base: pa.Table, texts: list[Any], number: int, month: int) -> Any:
    """The lines of the base for other persons (one for each `number`) and documents, as text."""
    year, before = divmod(month, 12)
    day = f"{before + 1:02}/{FIRST_YEAR + year}"
    numbers = pc.add(base["FLX_EMT_NUM"].cast(pa.int64()), number * OF_THE_BASE).cast(pa.string())
    clear = pc.binary_join_element_wise(base["BEN_NIR_PSA"], str(number), "")
    turned = pseudonyms.level_one(SECRET, clear.combine_chunks())
    varied = [pa.scalar(f"01/{day}"), pa.scalar(f"15/{day}"), numbers, turned]
    pieces = [piece for pair in zip(varied, texts, strict=True) for piece in pair]
    return pc.binary_join_element_wise(*pieces, "").combine_chunks()


def write_delivery(folder: Path, base: Path, month: int, lines: int) -> None:
    """One delivery of `lines` lines, with its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    source = pa.ipc.open_file(pa.memory_map(str(base))).read_all().combine_chunks()
    sink = HashingFile(folder / TABLE)
    sink.write(";".join(source.column_names).encode() + b"\n")
    texts = fixed_texts(source)
    for number, start in enumerate(range(0, lines, len(source))):
        written = repeated(source, texts, number, month).slice(0, lines - start)
        _, offsets, data = written.buffers()
        assert offsets is not None
        assert data is not None
        end = memoryview(offsets).cast("i")[len(written)]
        sink.write(memoryview(data)[:end])
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
    """What a process of its own prints; each may be repeated, and is when a signal ended it."""
    command = [sys.executable, __file__, *map(str, words)]
    for turn in range(TRIES):
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
        if not done.returncode:
            break
        told = how_it_ended(str(words[0]), done.returncode)
        if done.returncode > 0 or turn == TRIES - 1:
            sys.exit(told)
        print(f"{told} It is tried again now.", file=sys.stderr, flush=True)
    return done.stdout


def how_it_ended(work: str, code: int) -> str:
    """What became of the process that did `work`, and what to do."""
    if code > 0:
        ended = f"ended with exit code {code}; what it said stands above"
    else:
        name = signal.Signals(-code).name
        hints = {
            signal.SIGKILL: ": somebody ended it, or the system did for want of memory (`dmesg`)",
            signal.SIGSEGV: ": a library crashed (`dmesg`)",
            signal.SIGBUS: ": a file that it had mapped became shorter, or the disk is full",
        }
        ended = f"was ended by {name}{hints.get(signal.Signals(-code), '')}"
    return (
        f"The process of the step `{work}` {ended}. With `--folder`, run the same command again: "
        "it goes on after the last delivery that was loaded."
    )


def peak_mb() -> float:
    """The most memory this process ever had, in MB."""
    said = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert said is not None
    return int(said[1]) * 1024 / 1e6


@define
class Progress:
    """Deliveries loaded so far, lines of those that were copied plain too, and sums of both."""

    path: Path
    turns: int = 0
    plain_lines: int = 0
    sums: dict[str, float] = field(
        factory=lambda: dict.fromkeys(
            ("cpu", "wall", "plain_cpu", "plain_wall", "plain_bytes", "csv", "first_peak", "peak"),
            0.0,
        )
    )

    @classmethod
    def at(cls, path: Path) -> Progress:
        """As it was left in `path`, or at the beginning."""
        if not path.is_file():
            return cls(path)
        return cls(path, **json.loads(path.read_text(encoding="utf-8")))

    def save(self) -> None:
        told = {"turns": self.turns, "plain_lines": self.plain_lines, "sums": self.sums}
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps(told), encoding="utf-8")
        partial.replace(self.path)


@contextmanager
def house(root: Path) -> Iterator[IngestService]:
    """A desk for deliveries, whose lake is in `root`; opened again, it is the same lake."""
    home = Location.folder(root / "home")
    if not (root / "home").exists():
        make_home(home)
    clock, randomness = FixedClock(NOON), SystemRandomness()
    # Not for anything that must stay secret: the key is the same each time, so that it opens.
    keys = Keyring(root / "keys.db", MemoryCustodian(SeededRandomness(1)), randomness, clock)
    registry = catalogue.load()
    log = Path(tempfile.mkdtemp(prefix="log-", dir=root))
    signer = note_signer(keys, "house/log")
    ledger = Ledger(MemoryJournal(), log, signer, clock, randomness, "house/log")
    url = f"sqlite:///{root / 'home.db'}"
    with Lake(open_store(home), keys, url, registry, randomness, clock) as lake:
        yield IngestService(lake, keys, registry, ledger)
    keys.close()


def load_all(root: Path, lines: int, month: int, plain_of: int) -> Progress:
    """Deliver, load and copy month after month; sums of seconds and bytes."""
    base = root / "base.arrow"
    if not base.exists():
        child("base", root)
    so_far = Progress.at(root / STATE)
    with house(root) as desk:
        for turn in range(so_far.turns, -(-lines // month)):
            count = min(month, lines - turn * month)
            load_one(desk, root, turn, count, so_far, plain=turn % plain_of == 0)
            told = {key: round(value, 1) for key, value in so_far.sums.items()}
            print(f"{turn * month + count:,} lines: {told}", file=sys.stderr, flush=True)
    stored = (path for path in (root / "home").rglob("*") if path.is_file())
    so_far.sums["bytes"] = sum(path.stat().st_size for path in stored)
    return so_far


def load_one(
    desk: IngestService, root: Path, turn: int, lines: int, so_far: Progress, *, plain: bool
) -> None:
    """One delivery, from its writing to its end."""
    name, sums = f"DCIR_{FIRST_YEAR + turn // 12}{turn % 12 + 1:02}", so_far.sums
    for left in root.glob("landing-*"):
        shutil.rmtree(left, ignore_errors=True)
    # A child of a run that was killed may still write into that one's own.
    landing = root / f"landing-{os.getpid()}"
    child("deliver", landing / name, root / "base.arrow", turn, lines)
    cpu, wall = time.process_time(), time.monotonic()
    desk.load(LocalFiles(landing), name, OPERATOR)
    sums["cpu"] += time.process_time() - cpu
    sums["wall"] += time.monotonic() - wall
    sums["peak"] = max(sums["peak"], peak_mb())
    sums["first_peak"] = sums["first_peak"] or peak_mb()
    sums["csv"] += (landing / name / TABLE).stat().st_size
    if plain:
        copied = root / "plain.parquet"
        plain_cpu, plain_wall = json.loads(child("plain", landing / name / TABLE, copied))
        sums["plain_cpu"] += plain_cpu
        sums["plain_wall"] += plain_wall
        sums["plain_bytes"] += copied.stat().st_size
        so_far.plain_lines += lines
        copied.unlink()
    shutil.rmtree(landing)
    so_far.turns = turn + 1
    so_far.save()


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Two runs in one folder would take each other's deliveries away: the second one ends."""
    with (place / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"Another run works in `{place}`. Wait for it, or name another folder.")
        yield


def report(lines: int, so_far: Progress) -> None:
    sums, plain = so_far.sums, so_far.plain_lines
    ours, against = lines / sums["cpu"], plain / sums["plain_cpu"]
    said = f"{sums['wall'] / 60:.1f} minutes, plain {sums['plain_wall'] / 60 * lines / plain:.1f}"
    bytes_ours, bytes_plain = sums["bytes"] / lines, sums["plain_bytes"] / plain
    measures = (
        ("lines per CPU second", ours, against, ours / against, SPEED_GOAL, 1),
        ("bytes a line at rest", bytes_ours, bytes_plain, 0, ROOM_GOAL, -1),
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
    parser.add_argument("--plain-of", type=int, default=1, help="one in so many is copied plain")
    parser.add_argument("--folder", type=Path, help="where the disk has room; 50 bytes a line")
    chosen = parser.parse_args(words)
    if chosen.folder is None:
        with tempfile.TemporaryDirectory() as place:
            told = load_all(Path(place), chosen.lines, chosen.month, chosen.plain_of)
        report(chosen.lines, told)
        return
    place = chosen.folder / f"national-{chosen.lines}-{chosen.month}"
    place.mkdir(parents=True, exist_ok=True)
    with alone(place):
        report(chosen.lines, load_all(place, chosen.lines, chosen.month, chosen.plain_of))
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
