"""What a grid means: which columns are dimensions, what the numbers are; declared or inferred."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from attrs import evolve, field, frozen

from bercail.airlock.disclosure.counts import DIGEST, MAX_SNAPSHOTS, MAX_TEXT, SNAPSHOT
from bercail.airlock.disclosure.faults import FaultError, unreadable_schema
from bercail.airlock.disclosure.tables.dimension import Dimension, dimension_from_dict
from bercail.airlock.disclosure.tables.grid import Grid, is_hidden, number
from bercail.airlock.disclosure.tables.typed import PART_UNIT, PERSONS, Measure

FORMAT = "bercail-table-schema/1"
FACTS = ("persons", "records", "establishments", "prescribers", "cell_key")

Protection = Literal["suppression", "rounding", "noise"]
"""How the author wants the tables protected."""


@frozen(kw_only=True)
class TableSchema:
    """The meaning of one grid.

    `dimensions`: by name of column; None lets the codes be those of the file. `value`: the
    column of the measure. `facts`: the columns of `persons`, `records`, `establishments`,
    `prescribers`, `cell_key`. `top`: columns of the greatest contributions, greatest first.
    `across`: the name of a dimension whose codes stand in the header (a cross table); then
    `value` is empty. `population`: the digest of the cohort model, empty when there is none.
    `snapshots` (`TABLE@number`), `protection` and `linked` (a name that files share which are
    to be protected together) are those of the whole file. `inferred`: nobody declared this.
    """

    measure: Measure
    dimensions: Mapping[str, Dimension | None]
    value: str = ""
    facts: Mapping[str, str] = field(factory=dict)
    top: tuple[str, ...] = ()
    across: str = ""
    population: str = ""
    snapshots: tuple[str, ...] = ()
    protection: Protection = "suppression"
    linked: str = ""
    inferred: bool = False


def read_schema(data: bytes) -> tuple[TableSchema, ...]:
    """The schemas of a file's tables, in their order.

    Raises:
        Invalid: the bytes are no schema; the message names the member at fault.
    """
    try:
        value = json.loads(data)
        if value["format"] != FORMAT:
            raise FaultError(f"it does not say `{FORMAT}`", f"il ne dit pas `{FORMAT}`")
        snapshots, protection = _snapshots(value), value.get("protection", "suppression")
        if protection not in get_args(Protection):
            known = ", ".join(get_args(Protection))
            raise FaultError(
                f"its `protection` is none of {known}",
                f"sa `protection` n'est aucune de {known}",
            )
        linked = _text(value.get("linked", ""))
        return tuple(
            evolve(_schema(entry), snapshots=snapshots, protection=protection, linked=linked)
            for entry in value["tables"]
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as problem:
        raise unreadable_schema(problem) from problem


def _snapshots(value: Mapping[str, Any]) -> tuple[str, ...]:
    found = value.get("snapshots", [])
    if not isinstance(found, list) or len(found) > MAX_SNAPSHOTS:
        raise FaultError(
            f"its `snapshots` are not a list of at most {MAX_SNAPSHOTS}",
            f"ses `snapshots` ne sont pas une liste de {MAX_SNAPSHOTS} au plus",
        )
    if not all(isinstance(one, str) and SNAPSHOT.fullmatch(one) for one in found):
        raise FaultError(
            "one of its `snapshots` is not `TABLE@number`",
            "un de ses `snapshots` n'est pas `TABLE@numéro`",
        )
    return tuple(found)


def _schema(entry: Mapping[str, Any]) -> TableSchema:
    columns = entry.get("columns", {})
    measure = entry["measure"]
    population = _text(entry.get("population", ""))
    if population and not DIGEST.fullmatch(population):
        raise FaultError(
            "a `population` is not the 64 hexadecimal digits of a cohort model",
            "une `population` n'est pas les 64 chiffres hexadécimaux d'un modèle de cohorte",
        )
    if measure["unit"] == PART_UNIT:
        raise FaultError(
            f"the unit `{PART_UNIT}` is that of declared results alone",
            f"l'unité `{PART_UNIT}` est celle des seuls résultats déclarés",
        )
    return TableSchema(
        measure=Measure(
            name=_text(measure["name"]), kind=_text(measure["kind"]), unit=_text(measure["unit"])
        ),
        dimensions={
            _text(one["column"]): dimension_from_dict(
                one | {"name": one.get("name", one["column"])}
            )
            if "codes" in one
            else None
            for one in entry["dimensions"]
        },
        value=_text(columns.get("value", "")),
        facts={name: _text(columns[name]) for name in FACTS if name in columns},
        top=tuple(_text(one) for one in _list(columns.get("top", []))),
        across=_text(entry.get("across", "")),
        population=population,
    )


def _text(value: Any) -> Any:
    """`value`, which is a text of a reasonable length."""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise FaultError(
            f"a name is no text of at most {MAX_TEXT} characters",
            f"un nom n'est pas un texte de {MAX_TEXT} caractères au plus",
        )
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise FaultError("`top` is no list of columns", "`top` n'est pas une liste de colonnes")
    return value


def schema_document(schemas: Sequence[TableSchema]) -> dict[str, Any]:
    """The JSON value that `read_schema` reads back; of one file, in the order of its tables."""
    document: dict[str, Any] = {"format": FORMAT, "tables": [_written(one) for one in schemas]}
    if schemas and schemas[0].snapshots:
        document["snapshots"] = list(schemas[0].snapshots)
    if schemas and schemas[0].protection != "suppression":
        document["protection"] = schemas[0].protection
    if schemas and schemas[0].linked:
        document["linked"] = schemas[0].linked
    return document


def _written(schema: TableSchema) -> dict[str, Any]:
    measure = schema.measure
    columns: dict[str, Any] = {**({"value": schema.value} if schema.value else {}), **schema.facts}
    if schema.top:
        columns["top"] = list(schema.top)
    entry: dict[str, Any] = {
        "population": schema.population,
        "measure": {"name": measure.name, "kind": measure.kind, "unit": measure.unit},
        "dimensions": [
            {"column": column} if codes is None else {"column": column, **codes.as_dict()}
            for column, codes in schema.dimensions.items()
        ],
        "columns": columns,
    }
    return entry | ({"across": schema.across} if schema.across else {})


_NAMES: dict[str, frozenset[str]] = {
    "persons": frozenset(
        {"persons", "person", "patients", "patient", "individuals", "distinct persons",
         "personnes", "personne", "individus", "beneficiaires", "nb patients", "nb_patients",
         "nb personnes", "n patients", "n_patients", "n persons", "n_persons", "effectif",
         "effectifs"}
    ),
    "records": frozenset(
        {"records", "lines", "stays", "sejours", "nb_sejours", "visits", "boxes", "boites",
         "actes", "prescriptions", "events"}
    ),
    "establishments": frozenset(
        {"establishments", "hospitals", "etablissements", "nb_etablissements", "nb_finess"}
    ),
    "prescribers": frozenset({"prescribers", "prescripteurs", "nb_prescripteurs", "doctors"}),
}  # fmt: skip
_AMOUNTS = frozenset(
    {"amount", "cost", "costs", "sum", "montant", "montants", "cout", "couts", "depense",
     "depenses", "euros", "reimbursed", "rembourse", "turnover", "total cost"}
)  # fmt: skip
_AMBIGUOUS = frozenset({"n", "count", "counts", "nb", "number", "nombre", "freq", "frequency"})
_STATUS = frozenset({"status", "statut", "flag"})


def infer(grid: Grid) -> TableSchema | tuple[str, str]:
    """The schema of `grid` from its header and numbers, or why there is none, in two languages.

    1. The header must name every column, each once.
    2. Known names make a long table: texts are dimensions, one column is the measure.
    3. Else a first column of texts and numbers under all other headers make a cross table;
       whether it counts persons nobody said.
    """
    # 1.
    header = [_plain(text) for text in grid.header]
    if len(grid.rows) < 2 or len(header) < 2:
        return (
            "it has no header with two columns or more and a row below",
            "il n'a pas d'en-tête d'au moins deux colonnes avec une ligne dessous",
        )
    if len(set(header[1:])) != len(header[1:]) or not all(header[1:]):
        return (
            "its header does not name each column once",
            "son en-tête ne nomme pas chaque colonne une seule fois",
        )
    found = {name: _first(header, names) for name, names in _NAMES.items()}
    numeric = [_is_numeric(grid.column(place)) for place in range(len(header))]
    known = {place for place in found.values() if place is not None}
    amount = _first(header, _AMOUNTS)
    count = _first(header, _AMBIGUOUS)
    # 2.
    if known or amount is not None or (count is not None and sum(numeric) == 1):
        return _long(grid, header, found, amount, count, numeric)
    # 3.
    if not numeric[0] and all(numeric[1:]):
        return TableSchema(
            measure=PERSONS,
            dimensions={grid.header[0]: None},
            across="column",
            inferred=True,
        )
    return (
        "no column is named as a count of persons, and it is no cross table of counts",
        "aucune colonne ne porte le nom d'un effectif, et ce n'est pas un tableau croisé",
    )


def _long(
    grid: Grid,
    header: Sequence[str],
    found: Mapping[str, int | None],
    amount: int | None,
    count: int | None,
    numeric: Sequence[bool],
) -> TableSchema | tuple[str, str]:
    if amount is not None:
        measure, value = Measure(name=grid.header[amount], kind="sum", unit="units"), amount
    elif found["persons"] is not None:
        measure, value = PERSONS, found["persons"]
    elif found["records"] is not None:
        at = found["records"]
        measure, value = Measure(name=grid.header[at], kind="records", unit=grid.header[at]), at
    elif count is not None:
        measure, value = PERSONS, count
    else:
        return _NOTHING_COUNTED
    top = [place for place, name in enumerate(header) if name.startswith("top")]
    used = {value, amount, *found.values(), *top} | {
        place for place, name in enumerate(header) if name in _STATUS
    }
    rest = [place for place in range(len(header)) if place not in used]
    spare = [grid.header[place] for place in rest if numeric[place] and _is_measure(grid, place)]
    if spare:
        return _spare_columns(len(spare))
    if not rest:
        return ("it has no column of categories", "il n'a aucune colonne de catégories")
    facts = {name: grid.header[place] for name, place in found.items() if place is not None}
    return TableSchema(
        measure=measure,
        dimensions={grid.header[place]: None for place in rest},
        value=grid.header[value],
        facts=facts,
        top=tuple(grid.header[place] for place in top),
        inferred=True,
    )


_NOTHING_COUNTED = (
    "it names establishments or prescribers but nothing that is counted",
    "il nomme des établissements ou des prescripteurs mais rien de compté",
)


def _spare_columns(many: int) -> tuple[str, str]:
    return (
        f"{many} columns of numbers are not explained by their names",
        f"{many} colonnes de nombres ne s'expliquent pas par leur nom",
    )


def _is_measure(grid: Grid, place: int) -> bool:
    """A column of numbers that do not repeat, as categories such as years would."""
    texts = grid.column(place)
    return len(set(texts)) > max(2, len(texts) // 2)


def _is_numeric(texts: Sequence[str]) -> bool:
    return any(number(text) is not None for text in texts) and all(
        number(text) is not None or is_hidden(text) for text in texts
    )


def _first(header: Sequence[str], names: frozenset[str]) -> int | None:
    return next((place for place, name in enumerate(header) if name in names), None)


def _plain(text: str) -> str:
    """Small letters without accents."""
    apart = unicodedata.normalize("NFKD", text.strip().lower())
    return "".join(character for character in apart if not unicodedata.combining(character))
