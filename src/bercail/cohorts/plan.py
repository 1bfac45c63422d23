"""The one place where a model meets the data it will run on.

Both engines run a `RunPlan` and nothing else, so whatever must hold for every run
(columns that exist, permit scope, objections) is decided here.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from attrs import field, frozen

from bercail.cohorts.model import Model
from bercail.cohorts.rules import columns_of, inputs
from bercail.cohorts.sources import Piece, Sources
from bercail.cohorts.views import RAW, Kind
from bercail.foundation import Invalid


@frozen(kw_only=True)
class Reading:
    """One piece of a table with the columns to read from it.

    `columns` maps a lake name to its name in the file and its Arrow type; a column that
    did not exist yet in that year is absent and reads as `RawColumn.before`.
    """

    piece: Piece
    columns: Mapping[str, tuple[str, pa.DataType]]


@frozen(kw_only=True)
class RunPlan:
    """A model, and for each table family what is read for it."""

    model: Model
    readings: Mapping[str, tuple[Reading, ...]] = field(eq=False)
    used: Mapping[str, frozenset[str]]
    drugs: pa.Table = field(eq=False)
    snapshots: tuple[str, ...]


def plan_run(model: Model, sources: Sources) -> RunPlan:
    """Find every table and column that the model needs.

    1. List what the model reads.
    2. Find each table, by year where it is yearly.
    3. Find each column, under its lake or project name, with a type that fits.

    Raises:
        Invalid: a table or column is missing, or has another type; names the permit.
    """
    readings = {
        family: _readings(family, columns, sources) for family, columns in inputs(model).items()
    }
    return RunPlan(
        model=model,
        readings=readings,
        used=columns_of(model),
        drugs=_drugs(sources),
        snapshots=sources.snapshots(),
    )


def _readings(family: str, columns: frozenset[str], sources: Sources) -> tuple[Reading, ...]:
    pieces = sources.pieces(family)
    if not pieces:
        raise Invalid(
            f"The study reads the table `{family}`, which {_data(sources)} does not hold.",
            remedy="Ask for the table in the permit, or take it out of the study.",
        )
    found: list[Reading] = []
    for piece in pieces:
        held = {one.name: one.type for one in piece.schema()}
        wanted: dict[str, tuple[str, pa.DataType]] = {}
        for name in sorted(columns):
            raw, here = RAW[family][name], sources.column(name)
            if here in held:
                wanted[name] = (here, _fitting(raw.kind, held[here], f"{family}.{here}"))
            elif raw.since is None or not piece.year or piece.year >= raw.since:
                raise Invalid(
                    f"The study reads the column `{here}` of `{piece.name}`, which "
                    f"{_data(sources)} does not hold.",
                    remedy="Ask for the column in the permit, or take it out of the study.",
                )
        found.append(Reading(piece=piece, columns=wanted))
    return tuple(found)


def _data(sources: Sources) -> str:
    return f"the extract of permit `{sources.permit}`" if sources.permit else "the data"


def _fitting(kind: Kind, held: pa.DataType, name: str) -> pa.DataType:
    plain = held.value_type if pa.types.is_dictionary(held) else held
    text = pa.types.is_string(plain) or pa.types.is_large_string(plain)
    fits = {
        Kind.INT: text or pa.types.is_integer(plain),
        Kind.TEXT: text or pa.types.is_integer(plain),
        Kind.DATE: pa.types.is_date32(plain),
    }
    if not fits[kind] and not pa.types.is_null(plain):
        raise Invalid(
            f"`{name}` holds values of type `{plain}`, and the study needs {kind}.",
            remedy="Load the table with the types of the catalogue.",
        )
    return plain


def _drugs(sources: Sources) -> pa.Table:
    if sources.drugs is not None:
        return sources.drugs
    # Read here, so that an engine given its own table of drugs needs no catalogue.
    from bercail.catalogue import load

    return load().drugs()
