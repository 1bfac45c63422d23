"""The desk of a study room: read a file, compute, write what is wanted.

`study` takes any analysis as it is, with the analysis' own options; what else must be read or
written has a function of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import pyarrow as pa

from bercail.cohorts.analysis import (
    case_series,
    competing,
    hazards,
    interrupted,
    propensity,
    rates,
    regression,
    reproduction,
    standardising,
    survival,
    watch,
)
from bercail.cohorts.analysis.columns import read_table, write_table
from bercail.cohorts.analysis.outputs import Outputs
from bercail.cohorts.analysis.result import Analysis
from bercail.cohorts.plots.curves import curves, intervals
from bercail.cohorts.plots.curves import reproduction as draw_reproduction
from bercail.cohorts.plots.epidemic import alarms
from bercail.foundation import Invalid

Options = ParamSpec("Options")
_ESTIMATES = (
    rates.incidence,
    rates.prevalence,
    standardising.standardise,
    standardising.indirect,
    hazards.hazards,
    regression.count_regression,
    interrupted.interrupted,
    case_series.self_controlled,
)
# What draws the rows of an analysis; one that stands here under no name has no picture.
_PICTURES: Mapping[Callable[..., Analysis], Callable[..., Any]] = {
    **dict.fromkeys(_ESTIMATES, intervals),
    watch.alarms: alarms,
    watch.excess: alarms,
    reproduction.reproduction: draw_reproduction,
    survival.survival: curves,
    competing.competing: curves,
}
# The column that a curve shows over time.
_CURVES: Mapping[Callable[..., Analysis], str] = {
    survival.survival: "survival",
    competing.competing: "incidence",
}


def study(
    path: Path,
    analysis: Callable[Concatenate[pa.Table, Options], Analysis],
    outputs: Outputs,
    *given: Options.args,
    **options: Options.kwargs,
) -> Analysis:
    """`analysis` of the table in `path`, written and drawn as `outputs` say.

    `given` and `options` are those of the analysis.

    Raises:
        Missing: a file or a column is not there.
        Invalid: as the analysis does; a picture of what has none.
    """
    found = analysis(read_table(path), *given, **options)
    draw = _PICTURES.get(analysis)
    if draw is None:
        return outputs.finish(found)
    shown: dict[str, Any] = {"language": outputs.language, "title": outputs.title}
    if analysis in _CURVES:
        shown |= {"value": _CURVES[analysis], "by": options.get("by", ())}
    return outputs.finish(found, lambda: draw(found.rows, **shown))


def study_balance(
    path: Path,
    *,
    treatment: str,
    columns: Sequence[str],
    target: str = "ate",
    caliper: float | None = None,
    references: Mapping[str, str] | None = None,
    persons_out: Path | None = None,
    outputs: Outputs,
) -> Analysis:
    """Propensity weights or pairs of a file of persons; see `propensity.balance`.

    `persons_out` receives the persons with their score and weight or pair: it stays in the space.

    Raises:
        Missing, Invalid: as `study` does.
    """
    if persons_out is not None and persons_out.suffix not in {".parquet", ".csv"}:
        raise Invalid(f"`{persons_out}` is no table.", remedy="End it with .parquet or .csv.")

    def balance(table: pa.Table) -> Analysis:
        found, extended = propensity.balance(
            table,
            treatment=treatment,
            columns=columns,
            target=target,
            caliper=caliper,
            references=references,
        )
        if persons_out is not None:
            write_table(extended, persons_out)
        return found

    return study(path, balance, outputs)
