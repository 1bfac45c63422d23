"""What changed between two years: columns that came and went."""

from __future__ import annotations

from attrs import frozen

from bercail.catalogue.registry import Registry
from bercail.foundation import Invalid


@frozen(kw_only=True)
class TableDrift:
    """The columns of one table family that only one of two years has."""

    table: str
    came: tuple[str, ...]
    went: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """The same as JSON values."""
        return {"table": self.table, "came": list(self.came), "went": list(self.went)}

    @property
    def line(self) -> str:
        """The same on one line of a terminal."""
        signs = [*(f"+{name}" for name in self.came), *(f"-{name}" for name in self.went)]
        return f"{self.table:<18}{' '.join(signs)}"


def drift(registry: Registry, first: int, second: int) -> list[TableDrift]:
    """How each table of `second` differs from `first`, where the years of its columns are known.

    A table without any column in one of the two years did not exist then: all its columns came,
    or went.

    Raises:
        Invalid: no table of the catalogue is known for one of the years.
    """
    known = {year for table in registry.tables.values() for year in table.years}
    for year in (first, second):
        if year not in known:
            raise Invalid(
                f"The catalogue knows no table of the year `{year}`.",
                remedy=f"Years known: {min(known)} to {max(known)}.",
            )
    found = []
    for table in registry.tables.values():
        before, after = (
            {column.name for column in table.columns if year in column.years}
            for year in (first, second)
        )
        if before != after:
            came, went = tuple(sorted(after - before)), tuple(sorted(before - after))
            found.append(TableDrift(table=table.name, came=came, went=went))
    return found
