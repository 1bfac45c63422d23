"""Events of the rooms to JSON bodies and back, with a closed list of types.

Dates and moments are written in ISO 8601, enumerations by value, sets as sorted
lists, decimals as text. Floats and secrets are refused. Reading is strict: a
member too many, a member missing or a value of another type is Unproven.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from decimal import Decimal
from types import UnionType
from typing import Any, Union, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.errors import BaseValidationError

from bercail.foundation import Invalid, Secret, Unproven, canonical_json, from_iso, to_iso
from bercail.ledger.events import RecordedEvent


def encode(event: Any) -> tuple[str, dict[str, Any]]:
    """The kind (the name of the class) and the body of one attrs instance.

    What could not be read back as the same value is not recorded at all.

    Raises:
        Invalid: `event` is not an attrs value, or holds something that has no
            canonical form (a float, bytes, a secret) or is not of its declared type.
    """
    if not attrs.has(type(event)):
        raise Invalid(
            f"A `{type(event).__name__}` is not an event.",
            remedy="Give an attrs value.",
        )
    kind = type(event).__name__
    try:
        body: dict[str, Any] = json.loads(canonical_json(_CONVERTER.unstructure(event)))
        same = _CONVERTER.structure(body, type(event)) == event
    except (AttributeError, BaseValidationError, KeyError, TypeError, ValueError):
        same = False
    if not same:
        raise Invalid(
            f"The event `{kind}` holds something that cannot be recorded.",
            remedy="Use text, whole numbers, decimals, dates, enumerations, lists and sets, each "
            "of the type that the event declares.",
        )
    return kind, body


def decode(record: RecordedEvent, kinds: Sequence[type]) -> Any:
    """The event of `record` as an instance of the class of `kinds` that has its name.

    Raises:
        Unproven: no class has that name, or the body has not its shape.
    """
    for kind in kinds:
        if kind.__name__ == record.kind:
            break
    else:
        raise Unproven(
            f"The event at position `{record.position}` is a `{record.kind}`, unknown here.",
            remedy="Read this journal with the version of Bercail that wrote it, or a later one.",
        )
    try:
        return _CONVERTER.structure(record.body, kind)
    except (BaseValidationError, TypeError, ValueError, KeyError):
        # The cause is left out on purpose: it would show values of the event.
        raise Unproven(
            f"The event at position `{record.position}` has not the shape of a `{record.kind}`.",
            remedy="Run `bercail ledger verify` with an export of the journal.",
        ) from None


def _build() -> Converter:
    converter = Converter(forbid_extra_keys=True)
    converter.register_unstructure_hook(datetime, to_iso)
    converter.register_unstructure_hook(date, lambda day: day.isoformat())
    converter.register_unstructure_hook(Decimal, str)
    converter.register_unstructure_hook(Secret, _refuse)
    converter.register_unstructure_hook(bytes, _refuse)
    converter.register_unstructure_hook_func(_is_set, _sorted_list(converter))
    converter.register_structure_hook(datetime, lambda text, _: from_iso(_text(text)))
    converter.register_structure_hook(date, lambda text, _: date.fromisoformat(_text(text)))
    converter.register_structure_hook(Decimal, lambda text, _: Decimal(_text(text)))
    for plain in (str, int, bool):
        converter.register_structure_hook(plain, _exactly(plain))
    converter.register_structure_hook_func(_is_plain_union, _structure_plain_union)
    return converter


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text expected")
    return value


def _exactly(plain: type) -> Callable[[Any, Any], Any]:
    """Reads a `plain` value without converting it; also the enumerations made of such values."""

    def structure(value: Any, kind: Any) -> Any:
        if type(value) is not plain:
            raise TypeError(f"{plain.__name__} expected")
        return value if kind is plain else kind(value)

    return structure


def _refuse(_: object) -> None:
    raise TypeError("not recordable")


def _is_set(kind: Any) -> bool:
    origin = get_origin(kind) or kind
    return isinstance(origin, type) and issubclass(origin, AbstractSet)


def _sorted_list(converter: Converter) -> Callable[[AbstractSet[Any]], list[Any]]:
    def unstructure(items: AbstractSet[Any]) -> list[Any]:
        return sorted((converter.unstructure(item) for item in items), key=canonical_json)

    return unstructure


_PLAIN = {str, int, bool, type(None)}


def _is_plain_union(kind: Any) -> bool:
    if get_origin(kind) not in (Union, UnionType):
        return False
    members = set(get_args(kind))
    return members <= _PLAIN and len(members - {type(None)}) > 1


def _structure_plain_union(value: Any, kind: Any) -> Any:
    if type(value) not in get_args(kind):
        raise TypeError("another type expected")
    return value


_CONVERTER = _build()
