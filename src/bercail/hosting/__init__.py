"""Judge a host, move the whole house to it, prove that everything arrived.

For: deciding whether a service may hold real data (`GateService`), and carrying every
object of a store, sealed, to another one (`MigrationService`).
Never does: write to the source, trust a listing, an entity tag or a stored checksum as proof,
or let two sides be canonical at once. Sealing never makes an unqualified host acceptable.
Hands out: both services, `Verdict`, `Plan`, `Proof`, `Status`, and `landed()`, the folder that
`ingest` reads after the cut-over. `verify_manifest` is a second reader that shares no code
with the writer and is used on its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bercail.hosting.migration import (
    Attestation,
    Bandwidth,
    Basis,
    Comparison,
    CopyReport,
    Depth,
    DualRunReport,
    Freeze,
    MigrationService,
    MigrationStatus,
    Plan,
    ProbeWrite,
    Proof,
    ScheduleFile,
    Side,
    SinceCutOver,
    Survey,
    Versions,
)

if TYPE_CHECKING:
    from bercail.hosting.gate import GateService
    from bercail.hosting.grid import Grid, GridScore, score
    from bercail.hosting.host import DataClass, HostRegistry, HostService, Status, Verdict
    from bercail.hosting.registry import find_service, load_grid, load_levels, load_registry

# What judges a host comes when it is asked for: a step of a migration is not that.
_LATER = {
    "DataClass": "host",
    "GateService": "gate",
    "Grid": "grid",
    "GridScore": "grid",
    "HostRegistry": "host",
    "HostService": "host",
    "Status": "host",
    "Verdict": "host",
    "find_service": "registry",
    "load_grid": "registry",
    "load_levels": "registry",
    "load_registry": "registry",
    "score": "grid",
}

__all__ = [
    "Attestation",
    "Bandwidth",
    "Basis",
    "Comparison",
    "CopyReport",
    "DataClass",
    "Depth",
    "DualRunReport",
    "Freeze",
    "GateService",
    "Grid",
    "GridScore",
    "HostRegistry",
    "HostService",
    "MigrationService",
    "MigrationStatus",
    "Plan",
    "ProbeWrite",
    "Proof",
    "ScheduleFile",
    "Side",
    "SinceCutOver",
    "Status",
    "Survey",
    "Verdict",
    "Versions",
    "find_service",
    "load_grid",
    "load_levels",
    "load_registry",
    "score",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"bercail.hosting.{_LATER[name]}"), name)
