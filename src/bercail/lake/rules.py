"""What the lake accepts: names, column types, and how a delivery fits a table. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from bercail.foundation import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

# Metadata of an Arrow field: the `TABLE.COLUMN` that its values come from.
LINEAGE = b"bercail.lineage"
LINEAGE_DOC = b"lineage: "
# Tables that the platform makes from those delivered; the catalogue of a holder has none of them.
SILVER = "silver_"
_TABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_DELIVERY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def require_table_name(table: str) -> None:
    """`Invalid` unless `table` is letters, digits and underscores, at most 100."""
    if not _TABLE.fullmatch(table):
        raise Invalid(
            f"`{table}` cannot name a table.",
            remedy="Use letters, digits and underscores, beginning with a letter.",
        )


def require_delivery_name(delivery: str) -> None:
    """`Invalid` unless `delivery` is letters, digits, dots, hyphens, underscores, at most 100."""
    if not _DELIVERY.fullmatch(delivery):
        raise Invalid(
            f"`{delivery}` cannot name a delivery.",
            remedy="Use letters, digits, dots, hyphens and underscores, as in DCIR_202302.",
        )


def lake_type(arrow: pa.DataType) -> pa.DataType | None:
    """The Arrow type under which the lake keeps a column of type `arrow`; None when it does not.

    Text and binary in their small form, integers on 32 or 64 bits, moments in microseconds:
    the types of Iceberg version 2. Nested columns are not kept.
    """
    if pa.types.is_dictionary(arrow):
        return lake_type(arrow.value_type)
    if pa.types.is_string(arrow) or pa.types.is_large_string(arrow):
        return pa.string()
    if pa.types.is_binary(arrow) or pa.types.is_large_binary(arrow):
        return pa.binary()
    if pa.types.is_integer(arrow):
        return _integer(arrow)
    if pa.types.is_timestamp(arrow):
        return pa.timestamp("us", arrow.tz)
    kept = (pa.types.is_boolean, pa.types.is_floating, pa.types.is_date32, pa.types.is_decimal128)
    return arrow if any(test(arrow) for test in kept) and arrow != pa.float16() else None


def _integer(arrow: pa.DataType) -> pa.DataType | None:
    if arrow == pa.uint64():
        return None
    small = {pa.int8(), pa.int16(), pa.int32(), pa.uint8(), pa.uint16()}
    return pa.int32() if arrow in small else pa.int64()


def lake_schema(table: str, schema: pa.Schema) -> pa.Schema:
    """The schema under which the lake keeps a delivery: known types, every column nullable.

    Raises `Invalid` for no column, a column named twice, or a type the lake does not keep.
    """
    if len(schema) == 0 or len(set(schema.names)) != len(schema):
        raise Invalid(
            f"The columns for `{table}` are none, or one is named twice.",
            remedy="Give each column one name.",
        )
    fields = []
    for field in schema:
        kept = lake_type(field.type)
        if kept is None:
            raise Invalid(
                f"Column `{field.name}` of `{table}` has the type `{field.type}`, "
                "which the lake does not keep.",
                remedy="Write it as text, a number, a date or a moment.",
            )
        fields.append(pa.field(field.name, kept, nullable=True, metadata=_lineage(field)))
    return pa.schema(fields)


def _lineage(field: pa.Field[Any]) -> dict[bytes, bytes] | None:
    """What Iceberg keeps as the column's documentation: where its values come from."""
    source = (field.metadata or {}).get(LINEAGE)
    return None if source is None else {b"doc": LINEAGE_DOC + source}


def require_fit(table: str, held: Mapping[str, pa.DataType], arriving: pa.Schema) -> bool:
    """Whether the table must change for `arriving`: columns it lacks, or types that are wider.

    A delivery may lack columns (they read as null), add some, or bring one in a wider type of
    the same kind (`widens`); what the table has is then read in the wider type. Raises `Invalid`
    for any other type, a narrower one too: the lake never converts what is delivered.
    """
    changed = False
    for field in arriving:
        kept = held.get(field.name)
        if kept is None or widens(kept, field.type):
            changed = True
        elif kept != field.type:
            raise Invalid(
                f"Column `{field.name}` of `{table}` arrives as `{field.type}`, "
                f"the table holds `{kept}`.",
                remedy="Deliver the column with the type of the table, or a wider one of its kind.",
                rule="lake-schema",
            )
    return changed


def widens(held: pa.DataType, arriving: pa.DataType) -> bool:
    """Whether `arriving` holds every value of `held` exactly (Iceberg, schema evolution):

    a long for an integer, a double for a float, a decimal with more digits and the same scale.
    """
    if (held, arriving) in ((pa.int32(), pa.int64()), (pa.float32(), pa.float64())):
        return True
    if isinstance(held, pa.Decimal128Type) and isinstance(arriving, pa.Decimal128Type):
        return bool(held.scale == arriving.scale and held.precision < arriving.precision)
    return False


def require_reason(reason: str) -> str:
    """`Invalid` unless `reason` is one line of 10 to 200 characters without a long number.

    It is written where it stays, so a number that could be somebody's identifier is refused.
    """
    long_number = re.search(r"\d[\d .-]{9,}\d", reason)
    if not 10 <= len(reason) <= 200 or not reason.isprintable() or long_number:
        raise Invalid(
            "A reason is one line of 10 to 200 characters, and holds no long number.",
            remedy="Say why, and under which decision; never a person's identifier.",
        )
    return reason
