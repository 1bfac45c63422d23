"""Sealed tables with immutable, signed snapshots; and sealed objects by name.

Never does: overwrite or convert what was delivered, know who may read it, or let the host
see a name, a schema, a statistic or a value.
Hands out: `SealedStore` and `SealedFolder` for any sealed objects, `Lake` for tables,
and a filesystem that DuckDB reads both through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bercail.lake.sealed_file import SealedFile
from bercail.lake.sealed_store import SealedFolder, SealedObject, SealedStore

if TYPE_CHECKING:
    from bercail.lake.checking import count_known, count_rows, known_parts, verify_tables
    from bercail.lake.compaction import Compacted
    from bercail.lake.epochs import LakeEpoch
    from bercail.lake.erasing import ErasureCertificate
    from bercail.lake.expiring import Expiry
    from bercail.lake.filesystem import SealedFilesystem, sealed_url, split_url
    from bercail.lake.history import Difference, KnownState
    from bercail.lake.open_copy import OpenCopy
    from bercail.lake.orphans import Orphan
    from bercail.lake.resealing import LeftObject, Resealing, ResealReport
    from bercail.lake.rewriting import Rewriting
    from bercail.lake.row_choice import DeliveryRows, PersonRows
    from bercail.lake.service import Lake
    from bercail.lake.snapshot import Part, Snapshot, Statement
    from bercail.lake.staging import Staged
    from bercail.lake.verification import Verification

# Sealed objects by name need no table format and no engine that reads them; tables bring heavy
# libraries and come when asked for.
_LATER = {
    "Compacted": "compaction",
    "DeliveryRows": "row_choice",
    "Difference": "history",
    "ErasureCertificate": "erasing",
    "Expiry": "expiring",
    "KnownState": "history",
    "Lake": "service",
    "LakeEpoch": "epochs",
    "LeftObject": "resealing",
    "OpenCopy": "open_copy",
    "Orphan": "orphans",
    "Part": "snapshot",
    "PersonRows": "row_choice",
    "ResealReport": "resealing",
    "Resealing": "resealing",
    "Rewriting": "rewriting",
    "SealedFilesystem": "filesystem",
    "Snapshot": "snapshot",
    "Staged": "staging",
    "Statement": "snapshot",
    "Verification": "verification",
    "count_known": "checking",
    "count_rows": "checking",
    "known_parts": "checking",
    "sealed_url": "filesystem",
    "split_url": "filesystem",
    "verify_tables": "checking",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module `bercail.lake` has no `{name}`")
    from importlib import import_module

    return getattr(import_module(f"bercail.lake.{_LATER[name]}"), name)


__all__ = [
    "Compacted",
    "DeliveryRows",
    "Difference",
    "ErasureCertificate",
    "Expiry",
    "KnownState",
    "Lake",
    "LakeEpoch",
    "LeftObject",
    "OpenCopy",
    "Orphan",
    "Part",
    "PersonRows",
    "ResealReport",
    "Resealing",
    "Rewriting",
    "SealedFile",
    "SealedFilesystem",
    "SealedFolder",
    "SealedObject",
    "SealedStore",
    "Snapshot",
    "Staged",
    "Statement",
    "Verification",
    "count_known",
    "count_rows",
    "known_parts",
    "sealed_url",
    "split_url",
    "verify_tables",
]
