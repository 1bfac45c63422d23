"""What a cluster is shown, and what it must not be able to do."""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from bercail.cohorts import Cohort, Model, Sources, dispensings, persons
from bercail.cohorts.plan import plan_run
from bercail.cohorts.spark import ClusterKey, SparkEngine
from bercail.cohorts.spark.session import open_session
from bercail.cohorts.spark.tables import ClusterTables
from bercail.foundation import (
    FixedClock,
    Invalid,
    Refused,
    SeededRandomness,
    SystemClock,
    Unproven,
)
from bercail.testing.sealed_tables import sealed_tables
from bercail.testing.small_snds import METFORMIN, SmallSnds
from bercail.testing.spark_servers import RunningCluster

CLUSTERS = [pytest.param("sail"), pytest.param("spark", marks=pytest.mark.xdist_group("spark"))]


@pytest.fixture(params=CLUSTERS)
def cluster(request: pytest.FixtureRequest) -> RunningCluster:
    found: RunningCluster = request.getfixturevalue(request.param)
    return found


def treated() -> Model:
    return Cohort(
        name="treated",
        title="Treated",
        population=dispensings.where(dispensings.cip13.is_in([str(METFORMIN)])).exists(),
        attributes={"sex": persons.sex, "lines": dispensings.count()},
    ).model


def small() -> Sources:
    data = SmallSnds()
    for person in ("FIRSTPSEUDONYM", "SECONDPSEUDONYM", "THIRDPSEUDONYM"):
        data.person(person)
    for person in ("FIRSTPSEUDONYM", "SECONDPSEUDONYM"):
        data.dispensing(person, "2024-03-01", METFORMIN)
    return data.sources("project")


def test_workers_open_sealed_parts(cluster: RunningCluster, tmp_path: Path) -> None:
    with sealed_tables(small(), tmp_path) as (sources, store):
        found = SparkEngine(sources, cluster.settings(store)).run(treated())
    assert found.persons.to_pylist() == [
        {"person": "FIRSTPSEUDONYM", "sex": "female", "lines": 1},
        {"person": "SECONDPSEUDONYM", "sex": "female", "lines": 1},
    ]


def test_a_flipped_bit_comes_out_as_a_broken_seal(cluster: RunningCluster, tmp_path: Path) -> None:
    with sealed_tables(small(), tmp_path) as (sources, store):
        engine = SparkEngine(sources, cluster.settings(store))
        plan_run(treated(), sources)  # The footers are known before the host turns a bit.
        Flipping.parts = sorted(Path(store.path).rglob("*"))
        with pytest.raises(Unproven) as told:
            Flipping(engine).run(treated())
    assert told.value.rule in ("sealed-segment", "sealed-length")
    assert "PSEUDONYM" not in str(told.value)


class Flipping:
    """Runs an engine whose host alters every part once the tables have been placed."""

    parts: list[Path]

    def __init__(self, engine: SparkEngine) -> None:
        self.engine = engine

    def run(self, model: Model) -> Any:
        shown = ClusterTables.show

        def show(tables: ClusterTables, plan: Any) -> None:
            shown(tables, plan)
            for part in filter(Path.is_file, self.parts):
                sealed = bytearray(part.read_bytes())
                sealed[-40] ^= 1
                part.write_bytes(sealed)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ClusterTables, "show", show)
            return self.engine.run(model)


def test_workers_of_another_cluster_open_nothing(sail: RunningCluster, tmp_path: Path) -> None:
    other = ClusterKey.make("other", SeededRandomness(9)).recipient().party
    with sealed_tables(small(), tmp_path) as (sources, store):
        settings = evolve(sail.settings(store), workers=other)
        with pytest.raises(Unproven) as told:
            SparkEngine(sources, settings).run(treated())
    assert told.value.rule == "cluster-ticket"


def test_a_ticket_that_ended_opens_nothing(sail: RunningCluster, tmp_path: Path) -> None:
    past = FixedClock(datetime(2020, 1, 1, tzinfo=UTC))
    with sealed_tables(small(), tmp_path) as (sources, store):
        with pytest.raises(Refused) as told:
            SparkEngine(sources, sail.settings(store), clock=past).run(treated())
    assert told.value.rule == "cluster-ticket-ended"


def test_the_plan_of_the_cluster_holds_no_key_and_no_row(
    sail: RunningCluster, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What the driver is told of a sealed table: its request, and the plan it makes of it."""
    with sealed_tables(small(), tmp_path) as (sources, store):
        with open_session(sail.settings(store)) as session:
            tables = ClusterTables(
                session=session, settings=sail.settings(store), clock=SystemClock()
            )
            plan = plan_run(treated(), sources)
            tables.show(plan)
            frame = session.table("ER_PRS_F")
            frame.explain(extended=True)
            request = frame._plan.to_proto(session.client).SerializeToString()
        source = sources.tables["ER_PRS_F"]
        assert not hasattr(source, "num_rows")
        placed = [source.filesystem.placement(url) for url in source.urls]  # type: ignore[union-attr]
    shown = capfd.readouterr().out.encode() + request
    assert b"ER_PRS_F" in shown
    for part in placed:
        secret = part.key.secret.reveal()
        for form in (secret, secret.hex().encode(), base64.b64encode(secret)):
            assert form not in shown
        assert part.opaque.encode() not in shown
    assert b"FIRSTPSEUDONYM" not in shown


@pytest.mark.xdist_group("spark")
def test_the_logs_of_the_cluster_hold_no_key_and_no_row(
    spark: RunningCluster, server_directory: Path, tmp_path: Path
) -> None:
    with sealed_tables(small(), tmp_path) as (sources, store):
        SparkEngine(sources, spark.settings(store)).run(treated())
        source = sources.tables["ER_PRS_F"]
        (key, *_) = {source.filesystem.placement(url).key.secret.reveal() for url in source.urls}  # type: ignore[union-attr]
    logs = [*(server_directory / "spark").rglob("*.log")]
    logs += [*(server_directory / "spark").rglob("std*")]
    written = b"".join(log.read_bytes() for log in logs)
    assert b"Spark" in written
    for form in (key, key.hex().encode(), base64.b64encode(key), b"FIRSTPSEUDONYM"):
        assert form not in written


@pytest.mark.xdist_group("spark")
def test_the_driver_of_spark_is_not_given_the_key(spark: RunningCluster) -> None:
    *workers, _, driver = spark.processes()
    named = b"BERCAIL_CLUSTER_KEY_FILE"
    assert all(named in Path(f"/proc/{pid}/environ").read_bytes() for pid in workers)
    assert named not in Path(f"/proc/{driver}/environ").read_bytes()
    assert named.decode() not in os.environ


def test_sealed_parts_need_the_key_of_the_workers(sail: RunningCluster, tmp_path: Path) -> None:
    with sealed_tables(small(), tmp_path) as (sources, store):
        for settings in (
            evolve(sail.settings(store), workers=None),
            evolve(sail.settings(store), store=None),
        ):
            with pytest.raises(Invalid, match="no way to open"):
                SparkEngine(sources, settings).run(treated())
