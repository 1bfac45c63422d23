"""How the lines of a table lead to a person; a table without such a way is never delivered.

Sources: CNAM, keys of the DCIR and of the PMSI tables (`docs/explanation/access.md`). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from attrs import frozen

from bercail.catalogue import Registry, Table

PERSONS, LINES = "IR_BEN_R", "ER_PRS_F"
PERSON_KEY = ("BEN_NIR_PSA", "BEN_RNG_GEM")
CHAINING = "NIR_ANO_17"
# The tables that name the person on each line, with the days between which the line holds:
# a line of care its day, a long-term illness its period, the register of persons none.
OF_PERSONS: Mapping[str, tuple[str, str] | None] = {
    PERSONS: None,
    LINES: ("EXE_SOI_DTD", "EXE_SOI_DTD"),
    "IR_IMB_R": ("IMB_ALD_DTD", "IMB_ALD_DTF"),
}


class Way(StrEnum):
    """What a line is compared with."""

    PERSON = "person"
    STAY = "stay"
    PARENT = "parent"


@frozen(kw_only=True)
class Route:
    """The way from a line to a person: the columns compared, and the table that they lead to.

    `parent` is empty unless the way is PARENT; `days` are the first and the last day of a
    line, None where the table's name gives its year or where a line has no day.
    """

    way: Way
    key: tuple[str, ...]
    parent: str = ""
    days: tuple[str, str] | None = None


def find_route(table: Table, registry: Registry) -> Route | None:
    """The way of a table family, None when there is none that this house knows.

    A line of the PMSI that names NIR_ANO_17 leads to a stay's person; one that has the whole
    key of a chaining table (T_MCOaaC, T_MCOaaCSTC and their like) leads there.
    """
    if table.name in OF_PERSONS:
        return Route(way=Way.PERSON, key=PERSON_KEY, days=OF_PERSONS[table.name])
    stem, dated, _ = table.name.partition("aa")
    if table.product == "PMSI" and dated:
        if table.has_column(CHAINING):
            return Route(way=Way.STAY, key=(CHAINING,))
        parents = [registry.tables.get(f"{stem}aa{suffix}") for suffix in ("C", "CSTC")]
    elif table.product == "DCIR":
        parents = [registry.table(LINES)]
    else:
        parents = []
    for parent in parents:
        # Claims (ER_DCT_F) lead to their care lines by seven columns, other details by nine.
        if parent is not None and (key := table.joins_on(parent)):
            return Route(way=Way.PARENT, key=key, parent=parent.name)
    return None
