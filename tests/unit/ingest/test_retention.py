"""Twenty years after the year of care, a delivery leaves the lake for good."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bercail.foundation import FixedClock, Missing, Refused, Role
from bercail.ingest.folder import LocalFiles
from bercail.ingest.history import DeliveryBook
from bercail.ingest.retention import RetentionDesk, erasing
from bercail.testing.small_house import person

OPERATOR = person("odile", Role.OPERATOR)
OLD, YOUNG = "DCIR_202402", "DCIR_202501"


@pytest.fixture
def stocked(house, write, tmp_path):
    write(OLD)
    folder = write(YOUNG)
    document = json.loads((folder / "delivery.json").read_text()) | {"period": "2025-01"}
    (folder / "delivery.json").write_text(json.dumps(document))
    house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")
    # Ten months between them were never delivered, which an officer lets pass.
    house.ingest().load(LocalFiles(tmp_path / "level-1"), OLD, OPERATOR)
    with pytest.raises(Refused, match=r"missing-period in delivery.json: 10"):
        house.ingest().load(LocalFiles(tmp_path / "level-1"), YOUNG, OPERATOR)
    house.ingest().release(YOUNG, "two months are enough", person("alix", Role.ACCESS_OFFICER))
    house.ingest().replay(LocalFiles(tmp_path / "level-1"), YOUNG, OPERATOR)
    return house


def desk(house, year, month=1, day=1):
    clock = FixedClock(datetime(year, month, day, 12, tzinfo=UTC))
    book = DeliveryBook(house.ledger, house.registry)
    return RetentionDesk(book=book, erase=erasing(house.lake), clock=clock)


@pytest.mark.requirement("GOV-08")
def test_a_delivery_is_kept_to_the_end_of_the_twentieth_year_and_then_erased(stocked):
    assert desk(stocked, 2044, 12, 31).plan() == ()
    assert desk(stocked, 2044, 12, 31).apply(OPERATOR) == ()
    old = stocked.lake.snapshots("ER_PRS_F")[0].id
    (planned,) = desk(stocked, 2045).plan()
    assert planned.as_dict() == {
        "delivery": OLD,
        "period": "2024-02",
        "kept_until": 2044,
        "tables": ["ER_PRS_F", "ER_PHA_F"],
        "rows": 4,
    }
    # A plan changes nothing.
    assert stocked.lake.snapshot("ER_PRS_F").rows == 4
    assert desk(stocked, 2045).apply(OPERATOR) == (planned,)
    for table in planned.tables:
        assert stocked.lake.snapshot(table).rows == 2
        assert stocked.lake.verify(table).rows == 2
    with pytest.raises(Missing):
        stocked.lake.read("ER_PRS_F", snapshot_id=old)
    assert desk(stocked, 2045).plan() == ()
    assert desk(stocked, 2045).apply(OPERATOR) == ()
    event = stocked.ledger.history(f"delivery/{OLD}", 100)[-1]
    assert (event.kind, event.actor, event.body["rows"]) == ("DeliveryExpired", "odile", 4)
    assert stocked.ingest().status(OLD)["state"] == "expired"


@pytest.mark.requirement("GOV-08")
def test_an_expired_delivery_never_comes_back(stocked, tmp_path):
    desk(stocked, 2045).apply(OPERATOR)
    with pytest.raises(Refused) as refused:
        stocked.ingest().load(LocalFiles(tmp_path / "level-1"), OLD, OPERATOR)
    assert refused.value.rule == "delivery-once"


def test_an_expiry_killed_between_two_tables_goes_on(stocked):
    calls = []
    erase = erasing(stocked.lake)

    def dies_at_the_second(table, delivery, reason):
        calls.append(table)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return erase(table, delivery, reason)

    dying = RetentionDesk(
        book=DeliveryBook(stocked.ledger, stocked.registry),
        erase=dies_at_the_second,
        clock=FixedClock(datetime(2045, 1, 1, tzinfo=UTC)),
    )
    with pytest.raises(KeyboardInterrupt):
        dying.apply(OPERATOR)
    assert [one.delivery for one in desk(stocked, 2045).apply(OPERATOR)] == [OLD]
    assert stocked.lake.snapshot("ER_PHA_F").rows == 2


def test_only_an_operator_ends_a_retention(stocked):
    with pytest.raises(Refused) as refused:
        desk(stocked, 2045).apply(person("alix", Role.ACCESS_OFFICER))
    assert refused.value.rule == "IAM-05"
    assert stocked.lake.snapshot("ER_PRS_F").rows == 4
