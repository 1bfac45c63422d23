"""Synthetic persons for a study: those it gives as examples, and those found by solving it.

Never does: read data of anybody. What it makes is as the tables of the SNDS are, so that the study
runs on it unchanged, and is checked by running the study on it with the memory engine.
Hands out: `Draft`, `sources_of`, `sources_in`, `write_tables`, `try_examples`, `solve`.
"""

from bercail.cohorts.dummy.drafts import Draft
from bercail.cohorts.dummy.examples import ExampleOutcome, try_examples
from bercail.cohorts.dummy.solving import DummyData, solve
from bercail.cohorts.dummy.tables import sources_in, sources_of, write_tables

__all__ = [
    "Draft",
    "DummyData",
    "ExampleOutcome",
    "solve",
    "sources_in",
    "sources_of",
    "try_examples",
    "write_tables",
]
