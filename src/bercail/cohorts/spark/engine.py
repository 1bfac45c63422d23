"""The cluster engine: the query of a cohort, run over Spark Connect."""

from __future__ import annotations

import pyarrow as pa

from bercail.cohorts.model import Model
from bercail.cohorts.plan import RunPlan, plan_run
from bercail.cohorts.result import CohortResult
from bercail.cohorts.sources import Sources
from bercail.cohorts.spark.dialect import to_spark
from bercail.cohorts.spark.session import open_session
from bercail.cohorts.spark.settings import SparkSettings
from bercail.cohorts.spark.tables import ClusterTables, table_types
from bercail.cohorts.sql.answer import persons_of, result_of
from bercail.cohorts.sql.cohort import COHORT_PERSONS, compile_cohort, compile_event_rows
from bercail.foundation import Clock, SystemClock


class SparkEngine:
    """Runs models on a cluster of Apache Spark or LakeSail."""

    def __init__(
        self, sources: Sources, settings: SparkSettings, *, clock: Clock | None = None
    ) -> None:
        self._sources = sources
        self._settings = settings
        self._clock = clock if clock is not None else SystemClock()

    def run(self, model: Model) -> CohortResult:
        """Run one model, in a session of its own.

        Raises:
            Invalid: the sources lack what the model reads, or the cluster cannot be given it.
            Missing: the client of Spark Connect is not installed.
            Unavailable: the cluster does not answer, lost a worker, or ended the query.
            BercailError: what opening a sealed part raised, such as `Unproven`.
        """
        return self._answer(plan_run(model, self._sources))

    def _answer(self, plan: RunPlan) -> CohortResult:
        events: dict[str, pa.Table] = {}
        # What the cluster could not say is refused before anything is asked of it.
        types = table_types(plan)
        text = to_spark(compile_cohort(plan), types)
        outputs = plan.scoped.model.event_rows
        further = {rows.name: to_spark(compile_event_rows(plan, rows), types) for rows in outputs}
        with open_session(self._settings) as session:
            tables = ClusterTables(session=session, settings=self._settings, clock=self._clock)
            tables.show(plan)
            answer: pa.Table = session.sql(text).toArrow()
            if further:
                tables.send(COHORT_PERSONS, persons_of(plan, answer))
            for name, query in further.items():
                events[name] = session.sql(query).toArrow()
        return result_of(plan, answer, events)
