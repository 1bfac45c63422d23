"""Compare a folder of synthetic deliveries with what is published of the real ones.

Stays are counted in the files, in batches; persons, treated diabetes and
delays are taken from the truth, which the tests find again in the files.
A measure is within tolerance when it is as near as `data/published.csv` asks,
chance left aside: three standard deviations of a share are added.
"""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from bercail.catalogue import load
from bercail.foundation import Missing
from bercail.ingest.synth.diagnoses import SESSIONS

_PUBLISHED = Path(__file__).parent / "data" / "published.csv"
_CHAPTER_TOLERANCE = 0.05
_CHAPTER_SOURCE = "ATIH, acute stays of one year by main diagnosis, sessions left out"
_LETTERS = {
    "I": "AB", "II": "C", "IV": "E", "V": "F", "VI": "G", "IX": "I", "X": "J", "XI": "K",
    "XII": "L", "XIII": "M", "XIV": "N", "XV": "O", "XVI": "P", "XVII": "Q", "XVIII": "R",
    "XIX": "ST", "XX": "VWXY", "XXI": "Z", "XXII": "U",
}  # fmt: skip
_BY_LETTER = {letter: name for name, letters in _LETTERS.items() for letter in letters}


@frozen(kw_only=True)
class Measure:
    """A share measured on `size` items, beside the published one."""

    name: str
    measured: float
    published: float
    tolerance: float
    size: int
    source: str

    @property
    def allowed(self) -> float:
        """The tolerance, and three standard deviations of chance."""
        if not self.size:
            return self.tolerance
        return self.tolerance + 3 * math.sqrt(self.published * (1 - self.published) / self.size)

    @property
    def within(self) -> bool:
        """Whether the share is near enough."""
        return abs(self.measured - self.published) <= self.allowed

    def as_dict(self) -> dict[str, Any]:
        """The measure as the command shows it; shares from 0 to 1."""
        return {
            "measure": self.name,
            "measured": round(self.measured, 4),
            "published": round(self.published, 4),
            "allowed": round(self.allowed, 4),
            "within": self.within,
            "items": self.size,
            "source": self.source,
        }


@frozen(kw_only=True)
class Comparison:
    """Every measure of a folder."""

    measures: tuple[Measure, ...]

    @property
    def within(self) -> bool:
        """Whether every measure is within tolerance."""
        return all(measure.within for measure in self.measures)

    def as_dict(self) -> dict[str, Any]:
        """The comparison as the command shows it."""
        return {"within": self.within, "measures": [m.as_dict() for m in self.measures]}


def chapter(code: str) -> str:
    """The chapter of an ICD-10 code: `I` to `XXII`."""
    if code[0] == "D":
        return "II" if code[1:3] < "50" else "III"
    if code[0] == "H":
        return "VII" if code[1:3] < "60" else "VIII"
    return _BY_LETTER[code[0]]


def check(folder: Path) -> Comparison:
    """Compare the deliveries of a folder with published aggregates.

    Raises:
        Missing: the folder has no finished deliveries.
    """
    path = folder / "truth.json"
    if not path.is_file():
        raise Missing(
            f"There is no `truth.json` in `{folder}`.",
            remedy="Run `bercail synth make` to its end first.",
        )
    truth = json.loads(path.read_bytes())
    shares = _persons(truth) | _delays(truth)
    stays = _counted(folder, "T_MCO[0-9][0-9]B", "DGN_PAL")
    sessions = sum(n for code, n in stays.items() if code.startswith(SESSIONS))
    shares["stays-sessions"] = (sessions, stays.total())
    shares |= _sectors(truth)
    with _PUBLISHED.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter=";"))
    measures = [
        Measure(
            name=row["measure"],
            measured=_share(*shares[row["measure"]]),
            published=float(row["published"]),
            tolerance=float(row["tolerance"]),
            size=shares[row["measure"]][1],
            source=row["source"],
        )
        for row in rows
        if row["measure"] in shares
    ]
    return Comparison(measures=(*measures, *_chapters(stays)))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _persons(truth: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Shares by age and sex on the eve of the first day of care, and the treated."""
    groups = {int(low): sexes for low, sexes in truth["persons_by_age_sex"].items()}
    total = sum(sum(sexes.values()) for sexes in groups.values())
    young = sum(sum(sexes.values()) for low, sexes in groups.items() if low < 20)
    old = sum(sum(sexes.values()) for low, sexes in groups.items() if low >= 65)
    year = str(truth["profile"]["first_year"])
    return {
        "persons-under-20": (young, total),
        "persons-65-and-over": (old, total),
        "persons-women": (sum(sexes["2"] for sexes in groups.values()), total),
        "treated-diabetes": (truth["treated_diabetics"][year], total),
    }


def _sectors(truth: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Patients of the first year in a sector, where the folder has the sectors."""
    total = truth["persons"]["persons"]
    year = str(truth["profile"]["first_year"])
    found = {
        f"patients-{name}": (years[year]["patients"], total)
        for name, years in truth["sectors"].items()
    }
    return found if any(part for part, _ in found.values()) else {}


def _delays(truth: dict[str, Any]) -> dict[str, tuple[int, int]]:
    lags = truth["lines"]["by_lag_in_months"]
    soon = sum(n for lag, n in lags.items() if int(lag) <= 6)
    return {"lines-within-6-months": (soon, sum(lags.values()))}


def _chapters(stays: Counter[str]) -> Iterator[Measure]:
    """The share of each chapter among stays that are no session."""
    table = load().stays_by_diagnosis()
    known = {str(row["icd10"]): int(row["stays"]) for row in table.to_pylist()}
    real, ours = _by_chapter(Counter(known)), _by_chapter(stays)
    for name in sorted(real, key=lambda name: -real[name]):
        yield Measure(
            name=f"stays-chapter-{name}",
            measured=_share(ours[name], ours.total()),
            published=_share(real[name], real.total()),
            tolerance=_CHAPTER_TOLERANCE,
            size=ours.total(),
            source=_CHAPTER_SOURCE,
        )


def _by_chapter(stays: Counter[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for code, number in stays.items():
        if code and not code.startswith(SESSIONS):
            found[chapter(code)] += number
    return found


def _counted(folder: Path, table: str, column: str) -> Counter[str]:
    """How often each value of a column stands in the files of a table, batch by batch."""
    found: Counter[str] = Counter()
    for path in sorted(folder.glob(f"*/{table}.*")):
        for values in _batches(path, column):
            for item in pc.value_counts(values.cast(pa.string()).drop_null()).to_pylist():
                found[item["values"]] += item["counts"]
    return found


def _batches(path: Path, column: str) -> Iterator[Any]:
    if path.suffix == ".parquet":
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=[column]):
                yield batch.column(0)
        return
    options = arrow_csv.ConvertOptions(include_columns=[column], column_types={column: pa.string()})
    parse = arrow_csv.ParseOptions(delimiter=";", quote_char=False)
    with arrow_csv.open_csv(path, parse_options=parse, convert_options=options) as reader:
        for batch in reader:
            yield batch.column(0)
