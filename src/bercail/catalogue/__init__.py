"""Which tables, columns and codes exist, in which years, and how sensitive they are.

Tables are data files, a folder for each national model; those of the SNDS are built from public
facts by `scripts/build_catalogue.py`. Never does: read a delivery, translate an SNDS name, or
decide who may see what. Hands out: `load()` and the `Registry` it returns.
"""

from bercail.catalogue.conflict import Conflict
from bercail.catalogue.disputes import Dispute, counts, disputes
from bercail.catalogue.drift import TableDrift, drift
from bercail.catalogue.loading import load, models, vocabularies
from bercail.catalogue.registry import Category, Code, PseudonymColumn, Registry
from bercail.catalogue.schema_import import ImportReport, import_schema
from bercail.catalogue.sensitivity import MEDICAL, POTENTIAL_IDENTIFIER, Mark, categories_of, marks
from bercail.catalogue.table import (
    Column,
    Language,
    PhysicalType,
    PseudonymKind,
    Table,
    arrow_type,
)
from bercail.catalogue.vocabularies import CodePlace, Vocabulary, where_is

__all__ = [
    "MEDICAL",
    "POTENTIAL_IDENTIFIER",
    "Category",
    "Code",
    "CodePlace",
    "Column",
    "Conflict",
    "Dispute",
    "ImportReport",
    "Language",
    "Mark",
    "PhysicalType",
    "PseudonymColumn",
    "PseudonymKind",
    "Registry",
    "Table",
    "TableDrift",
    "Vocabulary",
    "arrow_type",
    "categories_of",
    "counts",
    "disputes",
    "drift",
    "import_schema",
    "load",
    "marks",
    "models",
    "vocabularies",
    "where_is",
]
