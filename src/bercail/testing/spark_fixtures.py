"""Clusters for pytest: started once for a whole run, by the first test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bercail.testing.fixtures import shared_server
from bercail.testing.spark_servers import RunningCluster, start_sail, start_spark


@pytest.fixture(scope="session")
def sail(server_directory: Path) -> Iterator[RunningCluster]:
    """LakeSail."""
    with shared_server(server_directory / "sail-users", start_sail) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def spark(server_directory: Path) -> Iterator[RunningCluster]:
    """Apache Spark: a master, two workers with one core each, a Spark Connect server."""
    with shared_server(server_directory / "spark-users", start_spark) as cluster:
        yield cluster
