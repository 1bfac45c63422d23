"""Pairs of cases and the controls that are nearest to them in propensity."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from bercail.cohorts.outputs import Matching
from bercail.cohorts.pairing import groups_of, pairs_table, wide_names


def nearest(cases: pa.Table, pool: pa.Table, matching: Matching) -> pa.Table:
    """Pairs of `case` and `control`, sorted; see `pairs_table`.

    Both tables are sorted by `person` and have the attributes matched on.
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

    rows = np.flatnonzero(groups_of((cases, pool), matching.names) >= 0)
    treated = rows < cases.num_rows
    controls = wide_names(pool["person"])
    if treated.all() or not treated.any():
        return pairs_table(cases, controls, rows[:0], rows[:0])
    compared = [table.select(list(matching.names)) for table in (cases, pool)]
    known = pa.concat_tables(compared).take(pa.array(rows, pa.int64()))
    found = nearest_pairs(
        treated,
        propensity_scores(treated, design(known, matching.propensity)),
        float(matching.caliper),
        ratio=matching.ratio,
        strata=groups_of((known,), matching.on),
    )
    # Cases are the first of all rows, the pool follows.
    return pairs_table(cases, controls, rows[found.treated], rows[found.control] - cases.num_rows)
