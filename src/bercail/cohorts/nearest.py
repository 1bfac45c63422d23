"""Pairs of cases and the controls that are nearest to them in propensity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from bercail.cohorts.outputs import Matching
from bercail.cohorts.pairing import PAIRS, Whole, groups_of


def nearest(cases: pa.Table, pool: pa.Table, matching: Matching) -> pa.Table:
    """Pairs of `case` and `control`, sorted, with the `index_date` of the case.

    Both tables are sorted by `person` and have the attributes matched on; `cases` has `index_date`.
    The propensity is the probability of being a case given `matching.propensity`, by logistic
    regression over all whose attributes are known. Nobody is paired where there are no cases, or
    no pool.

    Raises:
        Invalid: a model of the propensity that cannot be fitted.
    """
    # The libraries of regressions take half a second: most studies match without.
    from bercail.cohorts.analysis.design import design
    from bercail.cohorts.analysis.matching import nearest_pairs
    from bercail.cohorts.analysis.propensity import propensity_scores

    columns = ["person", *matching.names]
    everyone = pa.concat_tables([cases.select(columns), pool.select(columns)])
    rows = np.flatnonzero(_groups(everyone, matching.names) >= 0)
    treated = rows < cases.num_rows
    if treated.all() or not treated.any():
        return _pairs(cases, everyone, rows[:0], rows[:0])
    known = everyone.take(pa.array(rows, pa.int64()))
    found = nearest_pairs(
        treated,
        propensity_scores(treated, design(known, matching.propensity)),
        float(matching.caliper),
        ratio=matching.ratio,
        strata=_groups(known, matching.on),
    )
    return _pairs(cases, everyone, rows[found.treated], rows[found.control])


def _groups(table: pa.Table, names: tuple[str, ...]) -> Whole:
    """A number for each row, the same where all of `names` are equal; -1 where one is unknown."""
    if not names:
        return np.zeros(table.num_rows, dtype=np.int64)
    return groups_of([[table[name].combine_chunks()] for name in names])


def _pairs(cases: pa.Table, everyone: pa.Table, treated: Whole, control: Whole) -> pa.Table:
    # Cases are the first of everyone, so a case has one place in both.
    of_case, of_control = pa.array(treated, pa.int64()), pa.array(control, pa.int64())
    columns: list[pa.Array[Any] | pa.ChunkedArray[Any]] = [
        everyone["person"].take(of_case),
        everyone["person"].take(of_control),
        cases["index_date"].take(of_case),
    ]
    return pa.Table.from_arrays(columns, names=PAIRS)
