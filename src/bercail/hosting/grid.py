"""Sovereignty as a score: a grid is data, the score is a pure function (HOST-07).

The grid shipped is the European Commission's Cloud Sovereignty Framework
v1.2.1: eight objectives (SOV-1 to SOV-8), each answered by a level from 0 to 4
(SEAL). A tender sets a minimum level for each objective: below it a host is
rejected whatever its price and its score.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen, validators

from bercail.foundation import Invalid

Levels = Mapping[str, int]


@frozen(kw_only=True)
class SovereigntyObjective:
    """One objective of a grid. `weight` is in hundredths of the whole."""

    id: str = field(validator=validators.min_len(1))
    name: str
    weight: int = field(validator=validators.ge(0))


@frozen(kw_only=True)
class Grid:
    """A published way to score a host; its weights sum to 100."""

    name: str
    version: str
    source: str
    provenance: str
    top_level: int = field(validator=validators.gt(0))
    objectives: tuple[SovereigntyObjective, ...]
    levels: Mapping[int, str]

    def __attrs_post_init__(self) -> None:
        total = sum(objective.weight for objective in self.objectives)
        if total != 100:
            raise ValueError(f"the weights of a grid sum to 100, not {total}")


@frozen(kw_only=True)
class GridScore:
    """What a grid says of one host.

    `points` counts hundredths of a percent (7500 is 75.00 %), so that it has
    one exact value. `below_minimum` names the objectives under their minimum.
    """

    points: int
    levels: Mapping[str, int]
    below_minimum: tuple[str, ...]

    @property
    def accepted(self) -> bool:
        """True when every objective reaches its minimum level."""
        return not self.below_minimum

    @property
    def percent(self) -> str:
        """The score as a reader writes it, for instance `75.00`."""
        return f"{self.points // 100}.{self.points % 100:02d}"

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for `--json`."""
        return {
            "verdict": "accepted" if self.accepted else "rejected",
            "score": self.percent,
            "below_minimum": list(self.below_minimum),
            "levels": dict(self.levels),
        }


def score(grid: Grid, levels: Levels, minimum: Levels | int = 0) -> GridScore:
    """The weighted score of `levels`, and the objectives below `minimum`.

    `levels` gives a level from 0 to `grid.top_level` for every objective id;
    `minimum` is one level for all, or one for each objective (0 where absent).

    Raises:
        Invalid: an objective is missing, unknown, or has a level outside the grid.
    """
    require_levels(grid, levels, complete=True)
    if isinstance(minimum, int):
        minimum = {objective.id: minimum for objective in grid.objectives}
    require_levels(grid, minimum, complete=False)
    weighted = sum(objective.weight * levels[objective.id] for objective in grid.objectives)
    below = tuple(o.id for o in grid.objectives if levels[o.id] < minimum.get(o.id, 0))
    points = weighted * 100 // grid.top_level
    return GridScore(points=points, levels=dict(levels), below_minimum=below)


def require_levels(grid: Grid, levels: Levels, *, complete: bool) -> None:
    """Refuse levels that the grid does not know, and holes where `complete` is asked."""
    known = {objective.id for objective in grid.objectives}
    for name, level in levels.items():
        if name not in known:
            raise Invalid(
                f"`{name}` is no objective of {grid.name} {grid.version}.",
                remedy=f"Use {', '.join(sorted(known))}.",
            )
        if isinstance(level, bool) or not isinstance(level, int):
            raise Invalid(f"The level of `{name}` is not a whole number.")
        if not 0 <= level <= grid.top_level:
            raise Invalid(
                f"`{name}` cannot have level `{level}`.",
                remedy=f"Levels go from 0 to {grid.top_level}.",
            )
    holes = sorted(known - set(levels)) if complete else []
    if holes:
        raise Invalid(
            f"The assessment gives no level for {', '.join(f'`{h}`' for h in holes)}.",
            remedy="An objective nobody has assessed has level 0; write it so.",
        )
