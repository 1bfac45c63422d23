"""Columns as the cluster has them: whole numbers of 64 bits, text, days."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from bercail.cohorts.plan import Reading
from bercail.foundation import Invalid

_NAMES: Mapping[pa.DataType, str] = {
    pa.string(): "string",
    pa.int64(): "bigint",
    pa.date32(): "date",
    pa.bool_(): "boolean",
    pa.float64(): "double",
}


def reading_schema(reading: Reading) -> pa.Schema:
    """The columns that a plan reads of one piece, under their names in the file."""
    held = {here: _plain(kind) for here, kind in reading.columns.values()}
    return pa.schema([pa.field(name, held[name]) for name in sorted(held)])


def plain_table(table: pa.Table, names: list[str] | None = None) -> pa.Table:
    """`table` with the columns `names` (all when None), in types that the cluster has."""
    chosen = table if names is None else table.select(names)
    return chosen.cast(plain_schema(chosen))


def plain_schema(table: pa.Table) -> pa.Schema:
    """The columns of `table` in types that the cluster has."""
    return pa.schema([pa.field(one.name, _plain(one.type)) for one in table.schema])


def spark_type(kind: pa.DataType) -> str:
    """Spark's word for a type that `plain_schema` gives."""
    return _NAMES[kind]


def ddl(schema: pa.Schema) -> str:
    """The columns as Spark's data definition language writes them."""
    return ", ".join(f"`{one.name.replace('`', '``')}` {_NAMES[one.type]}" for one in schema)


def _plain(kind: pa.DataType) -> pa.DataType:
    found = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_integer(found):
        return pa.int64()
    if pa.types.is_floating(found):
        return pa.float64()
    # A column without any value has no type of its own; as text it is as empty.
    if pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_null(found):
        return pa.string()
    if found in _NAMES:
        return found
    raise Invalid(
        f"A cluster cannot be given values of type `{found}`.",
        remedy="Load the table with the types of the catalogue.",
    )
