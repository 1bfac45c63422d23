"""Which tables, columns and codes exist, in which years, and how sensitive they are.

Tables are data files, built once from public facts by `scripts/build_catalogue.py`.
Never does: read a delivery, translate an SNDS name, or decide who may see what.
Hands out: `load()` and the `Registry` it returns.
"""

from bercail.catalogue.loading import load
from bercail.catalogue.registry import Code, PseudonymColumn, Registry
from bercail.catalogue.table import Column, PhysicalType, PseudonymKind, Table, arrow_type

__all__ = [
    "Code",
    "Column",
    "PhysicalType",
    "PseudonymColumn",
    "PseudonymKind",
    "Registry",
    "Table",
    "arrow_type",
    "load",
]
