"""`silver_register` from IR_BEN_R by the reference of the cohort language, in plain Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from bercail.cohorts import Cohort, Source, Sources
from bercail.cohorts.expressions import Column
from bercail.cohorts.memory.silver import read_numbers
from bercail.cohorts.memory.views import MemoryViews
from bercail.cohorts.plan import plan_run
from bercail.cohorts.series import series
from bercail.cohorts.silver_views import SILVER_REGISTER
from bercail.cohorts.views import PERSONS, VIEWS, Kind

_TYPES: dict[Kind, pa.DataType] = {
    Kind.BOOL: pa.bool_(),
    Kind.INT: pa.int64(),
    Kind.DATE: pa.date32(),
    Kind.TEXT: pa.string(),
}


def every_column() -> dict[str, Any]:
    """Each column of the view of persons, as a study asks for it."""
    return {name: series(Column(of=PERSONS, name=name)) for name in VIEWS[PERSONS].columns}


def register_of(tables: Mapping[str, Source | pa.Table]) -> pa.Table:
    """One row for each person of IR_BEN_R, by the person numbers that stand among `tables`."""
    asked = every_column()
    study = Cohort(name="all", title="All", population=asked["sex"].is_known(), attributes=asked)
    beside = {name: one for name, one in tables.items() if name != SILVER_REGISTER.name}
    plan = plan_run(study.model, Sources(tables=beside))
    people, numbers = MemoryViews(plan).persons, read_numbers(plan).of_identity
    shared = Counter(numbers.values())
    rows = []
    for name, told in people.items():
        number = numbers.get(name, 0)
        own = name if number == 0 or shared[number] == 1 else None
        rows.append({**told, "person": number, "identity": own})
    columns = {"person": pa.int32(), "identity": pa.string()}
    columns |= {name: _TYPES[VIEWS[PERSONS].columns[name].kind] for name in SILVER_REGISTER.columns}
    return pa.table(
        {name: pa.array([row[name] for row in rows], kind) for name, kind in columns.items()}
    )
