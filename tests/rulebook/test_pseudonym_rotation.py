"""PSE-02 and PSE-05: new pseudonyms on suspicion and on schedule; projects stay apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from bercail.foundation import Missing, Refused, Role
from bercail.testing.small_house import SmallHouse, person
from bercail.vault import Purpose, pseudonyms

OPERATOR = person("odile", Role.OPERATOR)
OFFICER = person("axel", Role.ACCESS_OFFICER)
SCHEMA = pa.schema([("BEN_NIR_PSA", pa.string())])
PERSONS = ["ABCDEFGHIJKLMNOPQ", "BCDEFGHIJKLMNOPQR"]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SmallHouse]:
    built = SmallHouse.build(tmp_path)
    batch = pa.RecordBatch.from_arrays([pa.array(PERSONS)], schema=SCHEMA)
    built.lake.append("ER_PRS_F", [batch], SCHEMA, delivery="first")
    yield built
    built.close()


def lake_persons(house: SmallHouse) -> list[str]:
    found: list[str] = house.lake.read("ER_PRS_F").read_all().column(0).to_pylist()
    return found


def under(house: SmallHouse, project: str) -> set[str]:
    secret = house.keys.secret("pseudonym", f"project/{project}")
    values = pa.array(lake_persons(house), pa.string())
    return set(pseudonyms.project(secret, values).to_pylist())


@pytest.mark.requirement("PSE-05")
def test_after_a_rotation_old_pseudonyms_are_of_no_use_and_lineage_is_kept(
    house: SmallHouse,
) -> None:
    first = house.lake.snapshot("ER_PRS_F")
    proven = house.rotation().apply(OPERATOR, reason="suspected disclosure")
    assert not set(lake_persons(house)) & set(PERSONS)
    assert len(set(lake_persons(house))) == len(PERSONS)
    before, after = house.lake.rewriting.find("ER_PRS_F", proven.rotation) or (None, None)
    assert before is not None
    assert after is not None
    assert (before.snapshot, after.previous) == (first.id, first.statement_digest)
    assert [part.delivery for part in after.parts] == ["first"]
    (begun,) = [r for r in house.ledger.history("rotation/") if r.kind == "RotationBegun"]
    assert (begun.actor, begun.body["reason"]) == ("odile", "suspected disclosure")


@pytest.mark.requirement("PSE-02")
def test_projects_stay_apart_before_and_after_a_rotation(house: SmallHouse) -> None:
    before = {project: under(house, project) for project in ("diabetes", "asthma")}
    house.rotation().apply(OPERATOR)
    after = {project: under(house, project) for project in ("diabetes", "asthma")}
    seen = [*before.values(), *after.values(), set(lake_persons(house)), set(PERSONS)]
    assert len(set().union(*seen)) == len(PERSONS) * len(seen)


@pytest.mark.requirement("PSE-05")
def test_the_secret_of_one_project_is_renewed_alone(house: SmallHouse) -> None:
    old = {project: under(house, project) for project in ("diabetes", "asthma")}
    renewed = house.project_tables().renew("diabetes", OPERATOR, reason="suspicion")
    assert [key.epoch for key in renewed.certificate.keys] == [1]
    assert not under(house, "diabetes") & old["diabetes"]
    assert under(house, "asthma") == old["asthma"]
    with pytest.raises(Missing):
        house.keys.secret("pseudonym", "project/diabetes", 1)
    assert lake_persons(house) == PERSONS


@pytest.mark.requirement("PSE-04")
def test_only_an_operator_renews_and_only_what_there_is(house: SmallHouse) -> None:
    with pytest.raises(Refused):
        house.project_tables().renew("diabetes", OFFICER, reason="schedule")
    with pytest.raises(Missing):
        house.project_tables().renew("diabetes", OPERATOR, reason="schedule")


@pytest.mark.requirement("PSE-05")
def test_a_renewal_killed_before_the_old_secret_died_is_finished(house: SmallHouse) -> None:
    under(house, "diabetes")
    destroy = house.keys.destroy
    house.keys.destroy = _killed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        house.project_tables().renew("diabetes", OPERATOR, reason="schedule")
    house.keys.destroy = destroy  # type: ignore[method-assign]
    house.project_tables().renew("diabetes", OPERATOR, reason="schedule")
    epochs = [
        (one.epoch, one.destroyed is None)
        for one in house.keys.entries()
        if (one.purpose, one.scope) == (Purpose.SECRET, "project/diabetes")
    ]
    assert epochs == [(1, False), (2, True)]
    assert len(house.ledger.history("project-secret/")) == 1


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
