"""Run a cohort on a cluster that speaks Spark Connect: Apache Spark or LakeSail.

The same plan and the same compiled query as the other engines, in the cluster's own words.
Never does: send a data key in clear, or repeat what the cluster says of a row.
Hands out: `SparkEngine`, `SparkSettings`, `ClusterKey` (what the workers hold).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bercail.cohorts.spark.engine import SparkEngine
    from bercail.cohorts.spark.settings import SparkSettings
    from bercail.cohorts.spark.worker_key import ClusterKey

# Workers import this room to open files; they need neither the engine nor what it compiles with.
_LATER = {"SparkEngine": "engine", "SparkSettings": "settings", "ClusterKey": "worker_key"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module `bercail.cohorts.spark` has no `{name}`")
    from importlib import import_module

    return getattr(import_module(f"bercail.cohorts.spark.{_LATER[name]}"), name)


__all__ = ["ClusterKey", "SparkEngine", "SparkSettings"]
