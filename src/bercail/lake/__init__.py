"""Sealed tables with immutable, signed snapshots; and sealed objects by name.

Never does: overwrite or convert what was delivered, know who may read it, or let the host
see a name, a schema, a statistic or a value.
Hands out: `SealedStore` and `SealedFolder` for any sealed objects, `Lake` for tables,
and a filesystem that DuckDB reads both through.
"""

from bercail.lake.checking import count_rows, verify_tables
from bercail.lake.epochs import LakeEpoch
from bercail.lake.filesystem import SealedFilesystem, sealed_url, split_url
from bercail.lake.orphans import Orphan
from bercail.lake.resealing import LeftObject, Resealing, ResealReport
from bercail.lake.rewriting import Rewriting
from bercail.lake.sealed_file import SealedFile
from bercail.lake.sealed_store import SealedFolder, SealedObject, SealedStore
from bercail.lake.service import Lake
from bercail.lake.snapshot import Part, Snapshot, Statement
from bercail.lake.verification import Verification

__all__ = [
    "Lake",
    "LakeEpoch",
    "LeftObject",
    "Orphan",
    "Part",
    "ResealReport",
    "Resealing",
    "Rewriting",
    "SealedFile",
    "SealedFilesystem",
    "SealedFolder",
    "SealedObject",
    "SealedStore",
    "Snapshot",
    "Statement",
    "Verification",
    "count_rows",
    "sealed_url",
    "split_url",
    "verify_tables",
]
