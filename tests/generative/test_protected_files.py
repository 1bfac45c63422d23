"""Any small table in any format: what leaves is what was audited, and the second reader agrees."""

from __future__ import annotations

import json
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from bercail.airlock.disclosure.policy import SNDS
from bercail.airlock.disclosure.tables.reading import read_tables
from bercail.airlock.disclosure.tables.schema import read_schema
from bercail.airlock.tabled import declared_tables
from bercail.airlock.verify_tables import verified_tables
from bercail.testing.table_files import as_parquet, as_xlsx

LABELS = ("young", "old & wise", "85+", 'a "b", c', "été", "<5 km", "50 %", "x_1")
Rows = list[tuple[object, ...]]


def _csv(rows: Rows) -> bytes:
    quoted = [['"' + str(value).replace('"', '""') + '"' for value in row] for row in rows]
    return "".join(",".join(row) + "\n" for row in quoted).encode()


FORMS = {"csv": _csv, "xlsx": as_xlsx, "parquet": as_parquet}


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, Rows, bool]:
    """A format, rows by two dimensions, and whether rounding is asked for."""
    first = draw(st.lists(st.sampled_from(LABELS), min_size=2, max_size=3, unique=True))
    second = draw(st.lists(st.sampled_from(LABELS), min_size=2, max_size=3, unique=True))
    counts = {
        key: draw(st.sampled_from((0, 3, 7, 11, 12, 25, 60, 140))) for key in product(first, second)
    }
    rows: Rows = [("one", "two", "persons"), *((*key, value) for key, value in counts.items())]
    if draw(st.booleans()):
        rows += [
            (one, "Total", sum(value for key, value in counts.items() if key[0] == one))
            for one in first
        ]
    return draw(st.sampled_from(sorted(FORMS))), rows, draw(st.booleans())


@settings(max_examples=25)
@given(tables())
def test_a_protected_file_says_what_was_audited(made: tuple[str, Rows, bool]) -> None:
    form, rows, rounding = made
    meaning = {
        "format": "bercail-table-schema/1",
        "protection": "rounding" if rounding else "suppression",
        "tables": [
            {
                "measure": {"name": "persons", "kind": "persons", "unit": "distinct persons"},
                "dimensions": [{"column": "one"}, {"column": "two"}],
                "columns": {"value": "persons"},
            }
        ],
    }
    name = f"a.{form}"
    found = declared_tables(name, FORMS[form](rows), json.dumps(meaning).encode(), SNDS)
    assert found.replacement is not None
    evidence = found.evidence(SNDS)
    (table,) = read_tables(found.replacement, read_schema(evidence["schema.json"])).tables
    truth = {tuple(row[:2]): row[2] for row in rows[1:] if row[1] != "Total"}
    for key, value in truth.items():
        shown = table.cells[key].value
        if rounding:
            assert shown is not None
            assert shown % 10 == 0
        else:
            assert shown in (None, value)
            assert shown is None or not 0 < shown < SNDS.threshold
    files = {f"disclosure/a/{part}": data for part, data in evidence.items()}
    files[f"outputs/{name}"] = found.replacement
    policy = json.loads(evidence["report.json"])["policy"]
    assert verified_tables(files, name, policy) == (found.cells, found.hidden)
