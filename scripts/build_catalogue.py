"""Build the data files of the catalogue from public tables of facts.

Usage: python scripts/build_catalogue.py SOURCE_DIR

`SOURCE_DIR` holds `columns.csv`, `column_years.csv`, `drugs.csv`,
`icd10_stays.csv`, `duplicate_finess.csv` and the code lists `IR_*_V.csv`.
Only facts are copied (names, types, lengths, years, codes, counts). Labels
(`column_labels.csv`, `table_labels.csv`, `code_labels.csv`) and what sources
dispute (`disputes.csv`, `sensitivity.csv`) stand beside the generated files,
are written by hand for this project, and are never overwritten here; the
build fails when a code of a source list has no label of ours.

Steps:
1. Columns: one line each, the years of presence folded into ranges; declared types that are
   known to be wrong are put right, and say so.
2. Drugs: CIP13, CIP7, ATC, name, units in a pack; gzip with a fixed date, so
   that the same source gives the same bytes.
3. Stays by ICD-10 code, and duplicate FINESS numbers.
4. Code lists: codes from the source, labels from `code_labels.csv`.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "src" / "bercail" / "catalogue" / "data" / "snds"
SOURCE_LISTS = ("IR_BER_V", "IR_DEP_V", "IR_NIR_V", "IR_SPE_V")
COLUMN_FIELDS = (
    "product",
    "table",
    "column",
    "physical_type",
    "length",
    "declared_type",
    "type_source",
    "key",
    "references",
    "code_list",
    "sensitivity",
    "sensitivity_category",
    "years",
)


def rows(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    """The lines of one CSV file with a header."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter=delimiter))


def as_csv(fields: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """CSV text with Unix line ends."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(fields)
    writer.writerows(lines)
    return out.getvalue()


def year_ranges(years: str) -> str:
    """`2005 2006 2007 2009` as `2005-2007 2009`."""
    runs: list[list[int]] = []
    for year in sorted(int(item) for item in years.split()):
        if runs and year == runs[-1][1] + 1:
            runs[-1][1] = year
        else:
            runs.append([year, year])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def column_lines(source: Path) -> list[list[str]]:
    """Step 1. A column with known years but no known type is taken as text, and says so."""
    years = {
        (row["table"], row["column"].upper()): year_ranges(row["years"])
        for row in rows(source / "column_years.csv")
    }
    product = {}
    lines = []
    for row in rows(source / "columns.csv"):
        product[row["table"]] = row["product"]
        lines.append(_column_line(row, years.pop((row["table"], row["column"].upper()), "")))
    for (table, column), seen in sorted(years.items()):
        row = {"product": product[table], "table": table, "column": column}
        lines.append(_column_line(row | {"physical_type": "char", "type_source": "assumed"}, seen))
    return sorted(with_known_types(lines), key=lambda line: (line[1], line[2]))


def with_known_types(lines: Iterable[list[str]]) -> list[list[str]]:
    """Declared types put right where the declaration is known to be wrong.

    A name that Oracle types in one way wherever it shows it has that type in a table that Oracle
    does not show (`oracle_elsewhere`). A month that is declared a date, and that Oracle shows
    nowhere, is text (`assumed`): a month is no date, and text loses nothing.
    """
    records = [dict(zip(COLUMN_FIELDS, line, strict=True)) for line in lines]
    seen: dict[str, set[tuple[str, str]]] = {}
    for record in records:
        if record["type_source"] == "oracle":
            kind = (record["physical_type"], record["length"])
            seen.setdefault(record["column"], set()).add(kind)
    for record in records:
        kinds = seen.get(record["column"], set())
        if record["type_source"] != "declared":
            continue
        if len(kinds) == 1 and next(iter(kinds))[0] != record["physical_type"]:
            record["physical_type"], record["length"] = next(iter(kinds))
            record["type_source"] = "oracle_elsewhere"
        elif record["physical_type"] == "date" and "MOI" in record["column"].split("_"):
            record |= {"physical_type": "char", "length": "", "type_source": "assumed"}
    return [[record[name] for name in COLUMN_FIELDS] for record in records]


def _column_line(row: Mapping[str, str], seen: str) -> list[str]:
    values = dict(row)
    values["length"] = row.get("char_length", "")
    values["code_list"] = row.get("code_list", "").partition(":")[0]
    values["years"] = seen
    return [values.get(name, "") for name in COLUMN_FIELDS]


def drug_lines(source: Path) -> list[list[str]]:
    """Step 2. `units_per_pack` is the count that opens the text (`5/3 ML` is 5 cartridges)."""
    lines = []
    for row in rows(source / "drugs.csv"):
        units = re.match(r"\d+(?=$|/)", row["units_per_pack"])
        count = units.group() if units else ""
        lines.append([row["cip13"], row["cip7"], row["atc"], row["name"].strip(), count])
    return sorted(lines)


def list_lines(source: Path) -> list[list[str]]:
    """Step 4. Every code of the source lists with our label."""
    labels = {(row["list"], row["code"]): row["label"] for row in rows(DATA / "code_labels.csv")}
    missing = []
    for name in SOURCE_LISTS:
        for row in rows(source / f"{name}.csv", ";"):
            code = next(iter(row.values()))
            if (name, code) not in labels:
                missing.append(f"{name}:{code}")
    if missing:
        raise SystemExit(f"codes without a label in code_labels.csv: {', '.join(missing)}")
    return [[name, code, label] for (name, code), label in labels.items()]


def main(source: Path) -> None:
    """Write every data file; see the steps in the head of this file."""
    DATA.mkdir(parents=True, exist_ok=True)
    (DATA / "columns.csv").write_text(as_csv(COLUMN_FIELDS, column_lines(source)), "utf-8")
    drugs = as_csv(["cip13", "cip7", "atc", "name", "units_per_pack"], drug_lines(source))
    (DATA / "drugs.csv.gz").write_bytes(gzip.compress(drugs.encode(), 9, mtime=0))
    stays = [[row["icd10"], row["stays"]] for row in rows(source / "icd10_stays.csv")]
    (DATA / "icd10_stays.csv").write_text(as_csv(("icd10", "stays"), stays), "utf-8")
    finess = [list(row.values()) for row in rows(source / "duplicate_finess.csv")]
    names = ["eta_num", "cnam_2020", "drees", "scalpel", "sndstools_2026"]
    (DATA / "duplicate_finess.csv").write_text(as_csv(names, finess), "utf-8")
    list_lines(source)
    print(f"catalogue: {len(column_lines(source))} columns, {len(drug_lines(source))} drugs")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
