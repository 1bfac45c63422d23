"""The two solvers behind the choice of cells: linear and integer programs (HiGHS)."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

Vector = np.ndarray[Any, np.dtype[np.float64]]

# The stubs of SciPy know no sparse matrices here; the functions take them.
_linprog = cast("Any", linprog)
_milp = cast("Any", milp)


def linear_program(aim: Vector, matrix: Any, known: Vector, limits: Vector) -> Any:
    """Least `aim @ x` with `matrix @ x = known`, each x between its two `limits`."""
    return _linprog(aim, A_eq=matrix, b_eq=known, bounds=limits, method="highs")


def bounded_program(aim: Vector, matrix: Any, floor: Vector, limits: Vector) -> Any:
    """Least `aim @ x` with `matrix @ x >= floor`, each x between its two `limits`."""
    return _linprog(aim, A_ub=-matrix, b_ub=-floor, bounds=limits, method="highs")


def integer_program(
    aim: Vector, matrix: Any, floor: Vector, roof: Any, limits: Vector, *, gap: float = 0.0
) -> Any:
    """Least `aim @ x` in whole numbers with `floor <= matrix @ x <= roof`.

    Proven optimal, or no more than the share `gap` above the optimum.
    """
    return _milp(
        aim,
        integrality=np.ones(len(aim)),
        bounds=Bounds(limits[:, 0], limits[:, 1]),
        constraints=LinearConstraint(matrix, floor, roof),
        options={"mip_rel_gap": gap},
    )
