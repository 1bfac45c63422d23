"""Read the registry of hosts and the sovereignty grid: parsed once, typed afterwards."""

from __future__ import annotations

import difflib
import json
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

from bercail.foundation import Invalid, Missing, sha256_hex
from bercail.hosting.grid import Grid, SovereigntyObjective
from bercail.hosting.host import HostRegistry, HostService, Status

REGISTRY_FORMAT = "bercail-host-registry/1"
GRID_FORMAT = "bercail-sovereignty-grid/1"


def load_registry(path: Path | None = None) -> HostRegistry:
    """The registry in `path`, or the dated reading that ships with Bercail.

    Raises:
        Invalid: the file cannot be read or does not hold a registry.
    """
    raw, label = _raw(path, "hosts.json")
    data = _parse(raw, label, REGISTRY_FORMAT)
    try:
        return HostRegistry(
            as_of=date.fromisoformat(data["as_of"]),
            catalogue_date=date.fromisoformat(data["catalogue_date"]),
            source=data["source"],
            provenance=data["provenance"],
            digest=sha256_hex(raw),
            services=tuple(_service(row) for row in data["services"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _wrong(label, error) from error


def load_grid(path: Path | None = None) -> Grid:
    """The grid in `path`, or the Cloud Sovereignty Framework v1.2.1.

    Raises:
        Invalid: the file cannot be read or does not hold a grid.
    """
    raw, label = _raw(path, "csf.json")
    data = _parse(raw, label, GRID_FORMAT)
    try:
        return Grid(
            name=data["grid"],
            version=data["version"],
            source=data["source"],
            provenance=data["provenance"],
            top_level=data["top_level"],
            objectives=tuple(SovereigntyObjective(**row) for row in data["objectives"]),
            levels={row["level"]: row["meaning"] for row in data["levels"]},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _wrong(label, error) from error


def load_levels(path: Path) -> dict[str, int]:
    """An assessment of one host: objective ids to levels, in a JSON object.

    Raises:
        Invalid: the file cannot be read or holds something else.
    """
    raw, label = _raw(path, "")
    try:
        data = json.loads(raw)
    except ValueError as error:
        raise _wrong(label, error) from error
    if not isinstance(data, dict):
        raise Invalid(f"`{label}` does not hold one level for each objective.")
    return data


def find_service(registry: HostRegistry, name: str) -> HostService:
    """The service with this id, or with this exact service name.

    A provider's name alone designates no service: a provider with a qualified
    service may sell others that are not (SecNumCloud annex 2).

    Raises:
        Missing: no such service; near names and the provider's services are listed.
    """
    wanted = name.strip().casefold()
    for service in registry.services:
        if wanted in (service.id.casefold(), service.service.casefold()):
            return service
    sold = [s.id for s in registry.services if s.provider.casefold().startswith(wanted)]
    if wanted and sold:
        raise Missing(
            f"`{name}` is a provider; the qualification belongs to a service.",
            remedy=f"Name one of its services: {', '.join(f'`{i}`' for i in sold)}.",
        )
    near = difflib.get_close_matches(wanted, [s.id for s in registry.services], n=3, cutoff=0.4)
    hint = f"Did you mean {', '.join(f'`{i}`' for i in near)}? " if near else ""
    raise Missing(
        f"The registry knows no service `{name}`.",
        remedy=f"{hint}`bercail host list` shows them all.",
    )


def _service(row: dict[str, Any]) -> HostService:
    return HostService(
        id=row["id"],
        provider=row["provider"],
        service=row["service"],
        scope=tuple(row["scope"]),
        status=Status(row["status"]),
        qualified_from=_day(row["qualified_from"]),
        qualified_until=_day(row["qualified_until"]),
        remark=row.get("remark"),
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _raw(path: Path | None, shipped: str) -> tuple[bytes, str]:
    if path is None:
        return (resources.files("bercail.hosting") / "data" / shipped).read_bytes(), shipped
    try:
        return path.read_bytes(), str(path)
    except OSError as error:
        raise Invalid(
            f"Cannot read `{path}`: {error.strerror}.", remedy="Check the path."
        ) from error


def _parse(raw: bytes, label: str, expected: str) -> dict[str, Any]:
    try:
        data = json.loads(raw)
    except ValueError as error:
        raise _wrong(label, error) from error
    if not isinstance(data, dict) or data.get("format") != expected:
        raise Invalid(f"`{label}` is not a file of format `{expected}`.")
    return data


def _wrong(label: str, error: Exception) -> Invalid:
    return Invalid(
        f"`{label}` is not well formed: {type(error).__name__} ({error}).",
        remedy="Compare it with docs/explanation/hosting.md.",
    )
