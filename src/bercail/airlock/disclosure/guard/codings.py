"""Whether a new table cuts a population along the same lines as earlier ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bercail.airlock.disclosure.guard.subsets import is_declared, is_part

Coding = frozenset[frozenset[str]]

_NEW_NAME = (
    "`{0}` tells the persons of an earlier release apart in a way that none did before: see that "
    "it is not an earlier dimension under another name. / `{0}` distingue les personnes d'une "
    "sortie antérieure comme rien ne le faisait : voyez que ce n'est pas une dimension antérieure "
    "sous un autre nom."
)
_CROSSING = (
    "`{0}` is coded in two ways for the same persons, and neither is made of the other's groups: "
    "compare them by hand. / `{0}` est codé de deux façons pour les mêmes personnes, et aucune ne "
    "regroupe l'autre : comparez-les à la main."
)


def unlike_codings(
    new: Sequence[Mapping[str, Any]], earlier: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    """Why people must compare the dimensions of `new` tables with those of `earlier` ones.

    Both are said in common values (`in_common_values`), before variables are told apart.
    """
    if not earlier:
        return ()
    known: dict[str, set[Coding]] = {}
    for name, coding in _codings(earlier):
        known.setdefault(name, set()).add(coding)
    found = []
    for name, coding in _codings(new):
        if name not in known:
            found.append(_NEW_NAME.format(name))
        elif not all(_is_nested(coding, other) for other in known[name]):
            found.append(_CROSSING.format(name))
    return tuple(dict.fromkeys(found))


def _codings(tables: Sequence[Mapping[str, Any]]) -> list[tuple[str, Coding]]:
    found = []
    for table in tables:
        for dimension in table["dimensions"]:
            if is_declared(table["measure"]) and is_part(dimension["name"]):
                # A part of the cohort is no coding of it, and never cuts a table.
                continue
            inner = {entry["parent"] for entry in dimension["codes"]}
            leaves = [entry for entry in dimension["codes"] if entry["code"] not in inner]
            groups = (frozenset(entry.get("covers") or (entry["code"],)) for entry in leaves)
            found.append((dimension["name"], frozenset(groups)))
    return found


def _is_nested(one: Coding, other: Coding) -> bool:
    return _refines(one, other) or _refines(other, one)


def _refines(fine: Coding, coarse: Coding) -> bool:
    """Whether every fine group lies in a coarse one."""
    return all(any(group <= wide for wide in coarse) for group in fine)
