"""From columns to the matrix of a regression, and from a fit to rows."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.types as kinds
from attrs import field, frozen
from numpy.linalg import LinAlgError
from scipy.stats import norm
from statsmodels.tools.sm_exceptions import (
    ConvergenceWarning,
    HessianInversionWarning,
    PerfectSeparationError,
    PerfectSeparationWarning,
)

from bercail.cohorts.analysis.columns import Numbers, categories, numbers, require_columns
from bercail.cohorts.analysis.intervals import normal_quantile
from bercail.cohorts.analysis.rates import in_order
from bercail.cohorts.analysis.result import Estimate, finite
from bercail.foundation import Invalid

# A logarithm whose exponential no computer holds; a real ratio is far nearer to 1.
_BEYOND = 700.0


@frozen(kw_only=True, eq=False)
class Design:
    """The matrix of a model: one named column for each number and each level of a category.

    `levels` tells, for a level of a category, how many rows have it (the airlock asks).
    """

    names: tuple[str, ...]
    matrix: Numbers
    levels: Mapping[str, int] = field(factory=dict)

    def with_constant(self) -> Design:
        """The same with a first column of ones, called `constant`."""
        ones = np.ones((len(self.matrix), 1))
        return Design(
            names=("constant", *self.names),
            matrix=np.hstack([ones, self.matrix]),
            levels=self.levels,
        )


@frozen(kw_only=True)
class Term:
    """One coefficient of a fitted model, on the model's scale, with its standard error."""

    name: str
    coefficient: float
    error: float
    p_value: float
    rows: int | None = None

    def interval(self, level: float) -> Estimate:
        """The coefficient with normal limits."""
        reach = normal_quantile(level) * self.error
        return Estimate(
            value=self.coefficient,
            low=self.coefficient - reach,
            high=self.coefficient + reach,
            level=level,
        )

    def ratio(self, level: float) -> Estimate:
        """The exponential of the coefficient and of its limits.

        Raises:
            Invalid: the limits are without bounds: the data do not tell this term.
        """
        inside = self.interval(level)
        if max(abs(inside.low), abs(inside.high)) > _BEYOND:
            raise Invalid(
                f"The term `{self.name}` has no finite estimate.",
                remedy="Look for a level without events, the reference's too, and join levels.",
            )
        return Estimate(
            value=math.exp(inside.value),
            low=math.exp(inside.low),
            high=math.exp(inside.high),
            level=level,
        )

    def as_row(self, ratio: str, level: float) -> dict[str, Any]:
        """The term as a row, its ratio under the name `ratio`."""
        row: dict[str, Any] = {"term": self.name}
        if self.rows is not None:
            row["rows"] = self.rows
        return {
            **row,
            **self.ratio(level).as_dict(ratio),
            "coefficient": self.coefficient,
            "error": self.error,
            "p_value": finite(self.p_value),
        }


def design(
    table: pa.Table, columns: Sequence[str], references: Mapping[str, str] | None = None
) -> Design:
    """The matrix of `columns`: numbers as they are, categories against a reference level.

    A level is named `column=level`; the reference is the first in order (numbers before words,
    `5-9` before `10-14`) unless `references` names another. Unknown values are a level of
    their own, called `unknown`.

    Raises:
        Missing: a column is absent.
        Invalid: numbers that are unknown, a category with one level, or an absent reference.
    """
    require_columns(table, columns)
    chosen = dict(references or {})
    names: list[str] = []
    parts: list[Numbers] = []
    levels: dict[str, int] = {}
    for column in columns:
        kind = table.column(column).type
        if kinds.is_string(kind) or kinds.is_large_string(kind) or column in chosen:
            for name, part in _levels(table, column, chosen.get(column)):
                names.append(name)
                parts.append(part)
                levels[name] = int(part.sum())
        else:
            part = numbers(table, column)
            names.append(column)
            parts.append(part)
            if set(np.unique(part).tolist()) <= {0.0, 1.0}:
                levels[column] = int(part.sum())
    matrix = np.column_stack(parts) if parts else np.empty((table.num_rows, 0))
    return Design(names=tuple(names), matrix=matrix, levels=levels)


def _levels(table: pa.Table, column: str, reference: str | None) -> Iterator[tuple[str, Numbers]]:
    labels = categories(table, column)
    order = sorted(set(labels.tolist()), key=in_order)
    if len(order) < 2:
        raise Invalid(f"The column `{column}` has one value only.", remedy="Leave it out.")
    first = order[0] if reference is None else reference
    if first not in order:
        raise Invalid(f"The column `{column}` has no `{first}` to be the reference.")
    for level in order:
        if level != first:
            yield f"{column}={level}", (labels == level).astype(np.float64)


@contextmanager
def honest_fit(what: str) -> Iterator[None]:
    """Turn a library's doubts about a fit into `Invalid`: a fit that failed is no result."""
    doubts = (ConvergenceWarning, HessianInversionWarning, PerfectSeparationWarning)
    remedy = "Look at the counts of each level; leave out or join what is rare."
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for doubt in doubts:
                warnings.simplefilter("error", doubt)
            yield
    except (*doubts, PerfectSeparationError, LinAlgError) as error:
        raise Invalid(f"The {what} cannot be fitted to these data.", remedy=remedy) from error


def require_events(planned: Design, happened: Any) -> None:
    """Raise `Invalid` for a level without any event: its ratio would be 0, without limits."""
    for place, name in enumerate(planned.names):
        if name in planned.levels and not happened[planned.matrix[:, place] == 1].any():
            raise Invalid(
                f"There is no event where `{name}`, so it cannot be compared.",
                remedy="Join levels, or leave those rows out.",
            )


def require_full_rank(planned: Design) -> None:
    """Raise `Invalid` where a column of the matrix follows from the others."""
    if np.linalg.matrix_rank(planned.matrix) < planned.matrix.shape[1]:
        raise Invalid(
            "A column of the model follows from the others.",
            remedy="Leave out one of the columns that say the same.",
        )


def terms(
    planned: Design, coefficients: Any, errors: Any, skip: Callable[[str], bool] = lambda _: False
) -> tuple[Term, ...]:
    """The terms of a fit, with two-sided normal p-values; raises `Invalid` for no numbers."""
    found = []
    for name, value, error in zip(planned.names, coefficients, errors, strict=False):
        if not (math.isfinite(value) and math.isfinite(error)):
            raise Invalid(f"The term `{name}` has no finite estimate.")
        if skip(name):
            continue
        p = 2.0 * float(norm.sf(abs(value / error))) if error > 0 else math.nan
        found.append(
            Term(
                name=name,
                coefficient=float(value),
                error=float(error),
                p_value=p,
                rows=planned.levels.get(name),
            )
        )
    return tuple(found)
