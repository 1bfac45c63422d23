"""What is taken from the attributes of a resource: a few facts, its size, what it refers to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bercail.hosting.estate.arm_ids import addresses, clean, may_hold_address, parse_arm_id
from bercail.hosting.estate.mapping import UNITS, EstateMapping
from bercail.hosting.estate.resource import Reference, Why

# Paths that point backwards for every type: who uses me, not whom I need.
_BACKWARDS = frozenset(
    {"managedby", "managed_by", "properties.privateendpointconnections", "managedbyextended"}
)
# The only values that are kept as text, with the paths where exports give them.
_FACTS = {
    "kind": ("kind",),
    "sku": ("sku.name", "sku_name", "account_tier"),
    "hns": ("properties.ishnsenabled", "is_hns_enabled"),
    "own_key": ("properties.encryption.keysource", "customer_managed_key.key_vault_key_id"),
    "public": ("properties.publicnetworkaccess", "public_network_access_enabled"),
    "version": ("properties.version", "version"),
}
_PLAIN = re.compile(r"[A-Za-z0-9 ,._()+-]{1,60}")
_LONGEST = 16_384

Found = tuple[str, str]


def walk(value: Any, path: str = "") -> Iterator[Found]:
    """(path, text) of every text and of every key in `value`; list positions are left out."""
    stack: list[tuple[str, Any]] = [(path, value)]
    while stack:
        where, item = stack.pop()
        if isinstance(item, str):
            yield where, item
        elif isinstance(item, Mapping):
            for key, inner in item.items():
                if key.startswith("/"):
                    # Identities are given as keys of an object.
                    yield where, key
                stack.append((f"{where}.{key.lower()}" if where else key.lower(), inner))
        elif isinstance(item, list):
            stack.extend((where, inner) for inner in item)


def references(
    attributes: Any, mapping: EstateMapping, kind: str, terraform: str | None, own: str
) -> frozenset[Reference]:
    """What the attributes refer to: identifiers, and service addresses (`address:TYPE:NAME`)."""
    backwards = _BACKWARDS | mapping.inverse(kind, terraform)
    found: set[Reference] = set()
    for path, text in walk(attributes):
        named = text.startswith("/")
        if not (named or may_hold_address(text)) or len(text) > _LONGEST:
            continue
        if any(path == one or path.startswith(one + ".") for one in backwards):
            continue
        parsed = parse_arm_id(text) if named else None
        if parsed is not None:
            if parsed.canonical != own and not parsed.canonical.startswith(own + "/"):
                found.add(Reference(to=parsed.canonical, why=Why.IDENTIFIER))
            continue
        for target, name in addresses(text):
            if not (target == kind and own.endswith(f"/{name}")):
                found.add(Reference(to=f"address:{target}:{name}", why=Why.ADDRESS))
    return frozenset(found)


def facts(attributes: Mapping[str, Any]) -> dict[str, str]:
    """The few plain facts that the mapping and the conflicts look at."""
    found: dict[str, str] = {}
    low = {key.lower(): value for key, value in attributes.items()}
    for name, paths in _FACTS.items():
        for path in paths:
            first, _, rest = path.partition(".")
            value = at(low[first], rest) if rest and first in low else low.get(path)
            if isinstance(value, bool):
                found[name] = str(value).lower()
            elif isinstance(value, str) and _PLAIN.fullmatch(value):
                found[name] = value
            if name in found:
                break
    return found


def size(
    attributes: Mapping[str, Any], mapping: EstateMapping, kind: str, terraform: str | None
) -> tuple[int | None, str | None]:
    """Bytes and their basis (`used`, else `capacity`), where the mapping says to look."""
    best: tuple[int | None, str | None] = (None, None)
    for where in mapping.sizes(kind, terraform):
        value = at(attributes, where.path)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e15:
            continue
        number = int(value * UNITS[where.unit])
        if where.basis == "used":
            return number, "used"
        if best[0] is None:
            best = (number, where.basis)
    return best


def location(attributes: Mapping[str, Any]) -> str | None:
    """The region, in Azure's short form."""
    value = attributes.get("location")
    if not isinstance(value, str) or not _PLAIN.fullmatch(value):
        return None
    return clean(value).replace(" ", "").lower()


def at(attributes: Any, path: str) -> Any:
    """The value at a dotted path, without case; a list of one object counts as the object."""
    value = attributes
    for step in path.split("."):
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, Mapping):
            return None
        if step in value:
            value = value[step]
        else:
            value = next((value[key] for key in value if key.lower() == step.lower()), None)
    return value
