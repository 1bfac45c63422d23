"""What a checkout of the public schema says that the built-in registry does not, and the import."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from attrs import frozen

from bercail.catalogue.conflict import Conflict
from bercail.catalogue.imported import ImportedCatalogue, disagreements
from bercail.catalogue.importing import read_checkout
from bercail.catalogue.registry import Registry
from bercail.foundation import Invalid, sha256_hex

FILE_NAME = "imported.json"


@frozen(kw_only=True)
class ImportReport:
    """What was read, what is new, what disagrees; counts and names of columns only."""

    file: Path
    digest: str
    tables: int
    columns: int
    lists: int
    codes: int
    new_tables: tuple[str, ...]
    new_columns: tuple[tuple[str, str], ...]
    absent_columns: int
    disagreements: tuple[tuple[str, str, Conflict], ...]

    def as_dict(self) -> dict[str, object]:
        """The same as JSON values."""
        kinds = Counter(conflict.kind for _, _, conflict in self.disagreements)
        return {
            "file": str(self.file),
            "digest": self.digest,
            "tables": self.tables,
            "columns": self.columns,
            "lists": self.lists,
            "codes": self.codes,
            "new_tables": list(self.new_tables),
            "new_columns": [f"{table}.{column}" for table, column in self.new_columns],
            "absent_columns": self.absent_columns,
            "disagreements": dict(sorted(kinds.items())),
            "disagreeing": [
                {"table": table, "column": column, **conflict.as_dict()}
                for table, column, conflict in self.disagreements
            ],
        }

    def lines(self) -> list[str]:
        """The same for a terminal."""
        told = [
            f"{self.tables} tables, {self.columns} columns, {self.lists} lists, {self.codes} codes",
            f"written to {self.file}",
            f"{len(self.new_tables)} new tables, {len(self.new_columns)} new columns",
            f"{self.absent_columns} columns of the built-in registry are not in the checkout",
            f"{len(self.disagreements)} disagreements",
        ]
        told += [f"  new table  {table}" for table in self.new_tables]
        told += [f"  new column {table}.{column}" for table, column in self.new_columns]
        return told + [f"  {t}.{c}  {conflict.line}" for t, c, conflict in self.disagreements]


def import_schema(folder: Path, out: Path, registry: Registry) -> ImportReport:
    """Read a checkout and write `out`/imported.json, whole or not at all.

    Raises:
        Missing: the folder holds no schema.
        Invalid: a file of it is wrong, or `out` cannot be written.
    """
    found = read_checkout(folder)
    content = found.as_bytes()
    target = out / FILE_NAME
    fresh = target.with_suffix(".new")
    try:
        out.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(content)
        fresh.replace(target)
    except OSError as error:
        raise Invalid(
            f"`{target}` cannot be written: {error.strerror}.", remedy="Name a folder of yours."
        ) from error
    return compare(found, registry, target, sha256_hex(content))


def compare(found: ImportedCatalogue, registry: Registry, file: Path, digest: str) -> ImportReport:
    """How a checkout differs from the registry."""
    new_columns: list[tuple[str, str]] = []
    told: list[tuple[str, str, Conflict]] = []
    absent = 0
    for table in found.tables:
        known = registry.tables.get(table.name)
        if known is None:
            continue
        names = {column.name for column in table.columns}
        absent += sum(1 for column in known.columns if column.name not in names)
        for column in table.columns:
            if not known.has_column(column.name):
                new_columns.append((table.name, column.name))
                continue
            disputed = disagreements(known.column(column.name), column, table)
            told += [(table.name, column.name, conflict) for conflict in disputed]
    return ImportReport(
        file=file,
        digest=digest,
        tables=len(found.tables),
        columns=sum(len(table.columns) for table in found.tables),
        lists=len(found.lists),
        codes=sum(len(one.codes) for one in found.lists),
        new_tables=tuple(t.name for t in found.tables if t.name not in registry.tables),
        new_columns=tuple(new_columns),
        absent_columns=absent,
        disagreements=tuple(told),
    )
