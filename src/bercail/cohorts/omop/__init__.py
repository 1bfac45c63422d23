"""OHDSI definitions (Circe JSON) on tables of the OMOP common data model.

A definition becomes SQL through `duckcdm`, which is compared with OHDSI's own Java. Here that
SQL is read again and held against a closed list of what it may do, and it sees persons, years,
tables and columns within the scope alone.
Never does: run SQL as a definition wrote it, or show it a table before the scope was put on it.
Hands out: `read_phenotype`, `Phenotype`, `OmopEngine`.
"""

from bercail.cohorts.omop.definition import Phenotype, is_phenotype, read_phenotype
from bercail.cohorts.omop.engine import OmopEngine

__all__ = ["OmopEngine", "Phenotype", "is_phenotype", "read_phenotype"]
