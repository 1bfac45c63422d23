"""What the language has a word for, told by that word and not by what it is made of."""

from __future__ import annotations

from bercail.cohorts.explaining.further import Teller
from bercail.cohorts.expressions import (
    Add,
    Column,
    Compare,
    Expression,
    IfUnknown,
    Literal,
    Negation,
    YearOf,
)
from bercail.cohorts.views import PERSONS

_BIRTH = Column(of=PERSONS, name="birth_year")
_DEATH = Column(of=PERSONS, name="death_date")


def told_as_known(teller: Teller, node: Expression) -> str | None:
    """Ages, and whether a death is recorded; None for all else."""
    phrases = teller.phrases
    if isinstance(node, Add) and node.minus and node.right == _BIRTH:
        told = teller.say(node.left)
        return phrases.age.format(year=told) if isinstance(node.left, YearOf) else None
    if isinstance(node, Negation):
        day = _recorded_by(node.value)
        return None if day is None else phrases.alive.format(day=teller.say(day))
    day = _recorded_by(node)
    return None if day is None else phrases.dead.format(day=teller.say(day))


def _recorded_by(node: Expression) -> Expression | None:
    """The day up to which a death is asked for, where that is what the condition asks."""
    if not isinstance(node, IfUnknown) or not isinstance(node.otherwise, Literal):
        return None
    inner = node.value
    asks = isinstance(inner, Compare) and inner.op == "<=" and inner.left == _DEATH
    return inner.right if asks and isinstance(inner, Compare) and not node.otherwise.value else None
