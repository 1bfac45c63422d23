"""The port of the cohort engines."""

from __future__ import annotations

from typing import Protocol

from bercail.cohorts.model import Model
from bercail.cohorts.result import CohortResult


class Engine(Protocol):
    """Runs a model over the sources it was made with.

    Every engine gives the same result for the same model and the same rows: flowchart,
    persons (sorted), attributes and tables. A run reads and never writes; it may be repeated.
    """

    def run(self, model: Model) -> CohortResult:
        """Run one model.

        Raises:
            Invalid: the sources lack a table or a column that the model reads.
            Unavailable: the engine ran out of memory or of a place to read from.
        """
        ...
