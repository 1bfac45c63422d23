"""Two columns whose values stand under each other's name: the delivery parses, and lies.

A column has a *form* when the catalogue says what its values look like: a type, the shape of a
pseudonym, a code list, a vocabulary such as CIP13 or ICD-10, a length. Two columns are held to be
swapped when most values of either do not have its own form, and nearly all have that of the other.
Where one takes anything, the other must be one that no text fits by chance: a pseudonym or a day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from bercail.catalogue import Column, Registry, Table, vocabularies

FEWEST = 3
MOST_STRANGE, NEARLY_ALL = 0.5, 0.95
_PSEUDONYM = r"^([A-Z2-7]{17}[0-9]?|[xX]{16}[xXSD])$"
_DATE = r"^[0-3][0-9]/[01][0-9]/[0-9]{4}$"
_WHOLE = r"^-?[0-9]{1,18}$"
_DECIMAL = r"^-?[0-9]{1,14}(\.[0-9]{1,4})?$"

Form = Callable[[pa.StringArray], float]


def swapped(
    sample: Mapping[str, pa.StringArray], table: Table, registry: Registry
) -> tuple[tuple[str, str], ...]:
    """Pairs of columns of `sample` whose values are swapped, each pair once."""
    known = {name: values.drop_null() for name, values in sample.items() if table.has_column(name)}
    known = {name: values for name, values in known.items() if len(values) >= FEWEST}
    identities = {column.name for column in registry.pseudonyms(table)}
    forms = {
        name: form_of(table, table.column(name), registry, name in identities) for name in known
    }
    strange = [name for name in known if forms[name](known[name]) < MOST_STRANGE]
    certain = {name for name in strange if name in identities or _is_day(table, name)}
    found: dict[frozenset[str], tuple[str, str]] = {}
    for name in strange:
        for other in _nearest(name, tuple(known)):
            fits = forms[other](known[name]) >= NEARLY_ALL <= forms[name](known[other])
            likely = name in certain or other in strange
            if fits and likely and not any(name in pair for pair in found):
                found[frozenset((name, other))] = (name, other)
    return tuple(found.values())


def _is_day(table: Table, name: str) -> bool:
    return table.column(name).physical_type == "date"


def _nearest(name: str, names: Sequence[str]) -> list[str]:
    place = names.index(name)
    others = [other for other in names if other != name]
    return sorted(others, key=lambda other: abs(names.index(other) - place))


def form_of(table: Table, column: Column, registry: Registry, identity: bool) -> Form:
    """What the values of a column look like, as the share of a sample that does."""
    if identity:
        return _shaped(_PSEUDONYM)
    # A column of one or two characters beside a code is a mark on it, such as a return code.
    whole = column.length is None or column.length > 2
    shapes = [v.shape for v in vocabularies() if whole and v.holds(table.name, column.name)]
    if shapes:
        return _shaped("^(" + "|".join(f"(?:{shape})" for shape in shapes) + ")$")
    codes = known_codes(column, registry)
    if codes:
        return _listed(codes)
    if column.physical_type == "date":
        return _shaped(_DATE)
    if column.physical_type == "num":
        return _shaped(_WHOLE if column.declared_type in ("integer", "boolean") else _DECIMAL)
    longest = column.length
    return _no_longer(longest) if longest else _anything


def known_codes(column: Column, registry: Registry) -> frozenset[str]:
    """The codes of a column whose list the catalogue has; none when it has not.

    The list of a number is compared as numbers: `01` and `1` are one code.
    """
    codes = registry.code_lists().get(column.code_list or "", ())
    if column.physical_type == "num":
        return frozenset(str(int(one.code)) for one in codes if one.code.lstrip("-").isdigit())
    return frozenset(one.code for one in codes)


def _share(mask: object) -> float:
    return float(pc.mean(mask).as_py() or 0.0)  # type: ignore[call-overload]


def _shaped(pattern: str) -> Form:
    return lambda values: _share(pc.match_substring_regex(values, pattern))


def _anything(_: pa.StringArray) -> float:
    return 1.0


def _listed(codes: frozenset[str]) -> Form:
    wanted = pa.array(sorted(codes), pa.string())
    return lambda values: _share(
        pc.is_in(pc.replace_substring_regex(values, r"^(-?)0+([0-9])", r"\1\2"), wanted)
    )


def _no_longer(length: int) -> Form:
    return lambda values: _share(pc.less_equal(pc.utf8_length(values), pa.scalar(length)))
