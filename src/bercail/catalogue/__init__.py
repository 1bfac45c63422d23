"""Which tables, columns and codes exist, in which years, and how sensitive they are.

Tables are data files, built once from public facts by `scripts/build_catalogue.py`.
Never does: read a delivery, translate an SNDS name, or decide who may see what.
Hands out: `load()` and the `Registry` it returns.
"""

from bercail.catalogue.drift import TableDrift, drift
from bercail.catalogue.loading import load, vocabularies
from bercail.catalogue.registry import Code, PseudonymColumn, Registry
from bercail.catalogue.table import Column, PhysicalType, PseudonymKind, Table, arrow_type
from bercail.catalogue.vocabularies import CodePlace, Vocabulary, where_is

__all__ = [
    "Code",
    "CodePlace",
    "Column",
    "PhysicalType",
    "PseudonymColumn",
    "PseudonymKind",
    "Registry",
    "Table",
    "TableDrift",
    "Vocabulary",
    "arrow_type",
    "drift",
    "load",
    "vocabularies",
    "where_is",
]
