"""The one place where a model meets the data it will run on.

Every engine runs a `RunPlan` and nothing else, so whatever must hold for every run
(columns that exist, permit scope, objections) is decided here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import pyarrow as pa
from attrs import field, frozen

from bercail.cohorts.cleaning import RULES, find_rules
from bercail.cohorts.events import Events
from bercail.cohorts.expressions import Column, Expression
from bercail.cohorts.model import Model
from bercail.cohorts.rules import (
    bronze_inputs,
    by_table,
    columns_in,
    columns_of,
    leaves,
    walk,
)
from bercail.cohorts.scope import ScopedModel, add_scope, may_reach, require_reach
from bercail.cohorts.silver_views import SILVER_REGISTER
from bercail.cohorts.sources import Piece, Sources
from bercail.cohorts.view_types import SilverTable
from bercail.cohorts.views import PERSONS, RAW, VIEWS, Kind
from bercail.foundation import Invalid

DIAGNOSES = "silver_diagnoses"
# Where the number that silver gives a person stands beside its identifier, best first.
NUMBERS: Mapping[str, str] = {"silver_numbers": "identity", "silver_identities": "BEN_IDT_ANO"}


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
    """A scoped model, and for each table family what is read for it.

    `model` is the study as written (its labels, its digest); engines run `scoped.model` on the
    persons for whom `scoped.guards` hold. `silver` are the views, with their rules, that are
    read from silver tables; `numbers` names the table of person numbers, and `register` the silver
    table of persons that is read in the place of IR_BEN_R, each empty when none is; `named` when
    each row of that has the name of its person, so that no number is looked up.
    No way to open the tables that a plan hands out may last longer than `until`.
    """

    scoped: ScopedModel
    readings: Mapping[str, tuple[Reading, ...]] = field(eq=False)
    used: Mapping[str, frozenset[str]]
    drugs: pa.Table = field(eq=False)
    snapshots: tuple[str, ...]
    silver: frozenset[Events] = frozenset()
    numbers: str = ""
    register: str = ""
    named: bool = False
    until: datetime | None = None

    def __attrs_post_init__(self) -> None:
        if type(self.scoped) is not ScopedModel:
            raise Invalid("A plan is made of a scoped model.", remedy="Call `plan_run`.")

    @property
    def model(self) -> Model:
        """The model as it was written."""
        return self.scoped.written

    def values(self) -> tuple[Expression, ...]:
        """What is asked of each person: index date, attributes, then measures by interval."""
        model = self.scoped.model
        found = [] if model.index_date is None else [model.index_date]
        found += [attribute.value for attribute in model.attributes]
        for measure in model.measures:
            for pair in measure.unrolled():
                found += pair
        return tuple(found)


def plan_run(model: Model, sources: Sources) -> RunPlan:
    """Find every table and column that the model needs.

    1. Put the scope of the sources into the model.
    2. Choose for each view between silver, where the sources hold it cleaned by just the rules
       that are asked for, and bronze; for persons, too.
    3. Hold each table and column against the scope, before any is looked for: of persons in any
       case those of IR_BEN_R, which silver is made from.
    4. Find each table, by year where it is yearly, and each column, under its lake or project
       name, with a type that fits.

    Raises:
        Invalid: a table or column is missing, out of scope, or has another type; names the
            permit.
    """
    scoped = add_scope(model, sources.scope)
    guards = tuple(scoped.guards)
    used = _used(scoped.model, guards)
    found = (*leaves(scoped.model), *_leaves_of(guards))
    silver = frozenset(leaf for leaf in found if _from_silver(leaf, used, sources))
    _require_source(found, silver, sources)
    bronze = [leaf for leaf in found if leaf not in silver]
    needed = _needed(scoped, bronze, used)
    numbers = _numbers_for(silver, sources)
    events = _silver_columns(silver, used, numbers)
    _require_reach(needed, events, sources)
    own_rows = bronze or scoped.registered is not None or not numbers
    registered = {} if own_rows else _register_columns(used, sources)
    return RunPlan(
        scoped=scoped,
        readings=_all_readings({} if registered else needed, events | registered, sources),
        used=used,
        drugs=_drugs(sources),
        snapshots=sources.snapshots(),
        silver=silver,
        numbers=numbers,
        register=next(iter(registered), ""),
        named=bool(registered) and _named(numbers, sources),
        until=sources.until,
    )


def _needed(
    scoped: ScopedModel, bronze: Collection[Events], used: Mapping[str, frozenset[str]]
) -> Mapping[str, frozenset[str]]:
    """The columns of bronze: of persons as their rows tell them, and of the leaves read there."""
    needed = dict(by_table(bronze_inputs(scoped.model, bronze, used)))
    if scoped.registered is not None:
        needed["IR_BEN_R"] |= scoped.registered.columns
    return needed


def _numbers_for(silver: Collection[Events], sources: Sources) -> str:
    """The table of person numbers, read wherever it is there and may be read.

    Who the persons are must not depend on the layer that events are read from.
    """
    numbers = _numbers(sources)
    if not silver and not (numbers and _may_read(numbers, {"person", NUMBERS[numbers]}, sources)):
        return ""
    if silver and not numbers:
        raise Invalid(
            f"The study reads silver tables, and {_data(sources)} holds no person numbers.",
            remedy="Give `silver_numbers` or `silver_identities` with them.",
        )
    return numbers


def _may_read(table: str, columns: Collection[str], sources: Sources) -> bool:
    tables = sources.scope.tables
    return tables is None or tables.get(table, frozenset()) >= set(columns)


def _register_columns(
    used: Mapping[str, frozenset[str]], sources: Sources
) -> dict[str, dict[str, Kind]]:
    """What to read of the silver register; nothing where it is not there or not in the scope.

    It serves a study that asks for persons alone: events of bronze are led to persons by the rows
    of IR_BEN_R, and a permit may ask for one such row.
    """
    columns = {"person": Kind.INT, "identity": Kind.TEXT}
    for name in sorted(used[PERSONS]):
        columns[SILVER_REGISTER.columns[name]] = VIEWS[PERSONS].columns[name].kind
    table = SILVER_REGISTER.name
    there = table in sources.tables and _may_read(table, columns, sources)
    return {table: columns} if there else {}


def _named(numbers: str, sources: Sources) -> bool:
    """Whether the silver register has the name of each person.

    Where a person may have several identities, the name is that of the table of numbers as it is.
    """
    pieces = sources.pieces(SILVER_REGISTER.name)
    return numbers == "silver_numbers" and all(piece.is_full("identity") for piece in pieces)


def _leaves_of(guards: Collection[Expression]) -> tuple[Events, ...]:
    return tuple(node for top in guards for node in walk(top) if isinstance(node, Events))


def _require_reach(
    needed: Mapping[str, frozenset[str]],
    events: Mapping[str, Mapping[str, Kind]],
    sources: Sources,
) -> None:
    """Hold every column, of bronze and of silver tables, against the scope."""
    reached = {family: _existing(family, names, sources) for family, names in needed.items()}
    reached |= {name: frozenset(columns) for name, columns in events.items()}
    require_reach(reached, sources.scope)


def _existing(family: str, columns: frozenset[str], sources: Sources) -> frozenset[str]:
    """Those of `columns` that one of the years read has: nobody is asked for the others."""
    years = [piece.year for piece in sources.pieces(family)]
    latest = max(years, default=0) or 9999
    since = {name: RAW[family][name].since or 0 for name in columns}
    return frozenset(name for name in columns if since[name] <= latest)


def _used(model: Model, guards: Collection[Expression]) -> Mapping[str, frozenset[str]]:
    further = columns_in(guards)
    return {name: columns | further[name] for name, columns in columns_of(model).items()}


def _from_silver(leaf: Events, used: Mapping[str, frozenset[str]], sources: Sources) -> bool:
    """Whether the silver table of the view holds just what this leaf asks for."""
    silver = VIEWS[leaf.of].silver
    if silver is None or silver.name not in sources.tables:
        return False
    if not may_reach(silver.name, sources.scope):
        return False
    if VIEWS[leaf.of].bronze and not _numbers(sources):
        return False
    codes = used[leaf.of] & set(silver.codes)
    if not silver.rules <= set(leaf.rules) or not used[leaf.of] - codes <= set(silver.columns):
        return False
    if codes and not all(_names_stays(name, sources) for name in (silver.name, DIAGNOSES)):
        return False
    further = set(leaf.rules) - silver.rules
    return all(_on_silver(rule_id, silver) for rule_id in further)


def _names_stays(table: str, sources: Sources) -> bool:
    """Whether a silver table is there and its rows say of which stay they are."""
    return any("stay" in piece.schema().names for piece in sources.pieces(table))


def _on_silver(rule_id: str, silver: SilverTable) -> bool:
    keep = RULES[rule_id].keep
    if keep is None:
        return False
    columns = [node for node in walk(keep) if isinstance(node, Column)]
    return all((node.of, node.name) in silver.raw for node in columns)


def _require_source(
    found: Collection[Events], silver: Collection[Events], sources: Sources
) -> None:
    for leaf in found:
        view = VIEWS[leaf.of]
        if view.bronze or view.silver is None or leaf in silver:
            continue
        require_reach({view.silver.name: frozenset()}, sources.scope)
        raise Invalid(
            f"The study reads the table `{view.silver.name}`, which {_data(sources)} does not "
            "hold.",
            remedy="Ask for the table in the permit, or take it out of the study.",
        )


def _numbers(sources: Sources) -> str:
    return next((name for name in NUMBERS if name in sources.tables), "")


def _silver_columns(
    silver: Collection[Events], used: Mapping[str, frozenset[str]], numbers: str
) -> dict[str, dict[str, Kind]]:
    """The columns to read of each silver table, with their kinds."""
    needed: dict[str, dict[str, Kind]] = {}
    if numbers:
        needed[numbers] = {"person": Kind.INT, NUMBERS[numbers]: Kind.TEXT}
    for leaf in sorted(silver, key=lambda one: (one.of, one.rules)):
        view = VIEWS[leaf.of]
        if view.silver is None:
            continue
        columns = needed.setdefault(view.silver.name, {"person": Kind.INT})
        codes = used[leaf.of] & set(view.silver.codes)
        if codes:
            columns["stay"] = Kind.INT
            texts = {"code": Kind.TEXT, "position": Kind.TEXT}
            needed.setdefault(DIAGNOSES, {"person": Kind.INT}).update({"stay": Kind.INT, **texts})
        for name in sorted(used[leaf.of] - codes):
            here = view.silver.columns[name]
            columns[here] = Kind.TEXT if here == "cip13" else view.columns[name].kind
        for rule in find_rules(leaf.of, tuple(sorted(set(leaf.rules) - view.silver.rules))):
            for node in walk(rule.keep) if rule.keep is not None else ():
                if isinstance(node, Column):
                    columns[view.silver.raw[node.of, node.name]] = node.kind
    return needed


def _all_readings(
    needed: Mapping[str, frozenset[str]],
    silver: Mapping[str, Mapping[str, Kind]],
    sources: Sources,
) -> dict[str, tuple[Reading, ...]]:
    found = {name: _silver_readings(name, columns, sources) for name, columns in silver.items()}
    return found | {name: _readings(name, columns, sources) for name, columns in needed.items()}


def _silver_readings(
    name: str, columns: Mapping[str, Kind], sources: Sources
) -> tuple[Reading, ...]:
    pieces = sources.pieces(name)
    if not pieces:
        raise Invalid(
            f"The study reads the table `{name}`, which {_data(sources)} does not hold.",
            remedy="Ask for the table in the permit, or take it out of the study.",
        )
    (piece,) = pieces
    held = {one.name: one.type for one in piece.schema()}
    wanted: dict[str, tuple[str, pa.DataType]] = {}
    for column, kind in columns.items():
        here = column if column in held else sources.column(column)
        if here not in held:
            raise Invalid(
                f"The study reads the column `{here}` of `{name}`, which {_data(sources)} does "
                "not hold.",
                remedy="Ask for the column in the permit, or take it out of the study.",
            )
        wanted[column] = (here, _fitting(kind, held[here], f"{name}.{here}"))
    return (Reading(piece=piece, columns=wanted),)


def _readings(family: str, columns: frozenset[str], sources: Sources) -> tuple[Reading, ...]:
    pieces = sources.pieces(family)
    if not pieces:
        raise Invalid(
            f"The study reads the table `{family}`, which {_data(sources)} does not hold.",
            remedy="Ask for the table in the permit, or take it out of the study; silver tables "
            "serve a study that asks for their rules (`cleaned()`).",
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
        Kind.BOOL: pa.types.is_boolean(plain),
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
