"""Who opens an extract, until when, and what they may read of the project's store."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import duckdb
import pytest

from bercail.foundation import Actor, Missing, Refused, Role, Unproven
from bercail.lake import sealed_url
from bercail.testing.access_desk import (
    AXEL,
    BEN,
    CAMILLE,
    CHAIN,
    NOOR,
    ODILE,
    rows_of,
    scope,
    with_role,
)

STRANGER = with_role("charles", Role.DATA_USER)
LAST = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
AFTER = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture
def permit(registered):
    return registered.permit(scope=scope(BEN))


def at(desk, moment):
    desk.house.clock.advance(moment - desk.house.clock.now())


def revoke(desk, permit):
    desk.access.decide(permit.replace("permit", "application"), "revoke", AXEL, reasons="Misuse.")


def test_a_permit_gives_its_extract_in_its_period_alone(registered):
    """Neither before its first day nor after its last, whatever is asked first."""
    days = {"starts": date(2026, 12, 1), "ends": date(2026, 12, 31)}
    first, second = (registered.permit(scope=scope(BEN), **days) for _ in range(2))
    with pytest.raises(Refused, match="valid from 2026-12-01 until 2026-12-31") as early:
        registered.access.extract(first, ODILE)
    at(registered, datetime(2026, 12, 1, tzinfo=UTC))
    assert registered.access.extract(first, ODILE).persons == 2
    at(registered, datetime(2027, 1, 1, tzinfo=UTC))
    with pytest.raises(Refused) as late:
        registered.access.extract(second, ODILE)
    assert (early.value.rule, late.value.rule) == ("IAM-04", "IAM-04")


def test_an_extract_opens_until_the_end_of_the_last_day(registered, permit):
    registered.access.extract(permit, ODILE)
    at(registered, LAST)
    assert registered.access.open_extract(permit, CAMILLE)
    at(registered, AFTER)
    with pytest.raises(Refused) as refused:
        registered.access.open_extract(permit, CAMILLE)
    assert refused.value.rule == "IAM-04"


def test_a_permit_not_yet_valid_opens_nothing(registered):
    permit = registered.permit(scope=scope(BEN), starts=date(2026, 11, 22))
    with pytest.raises(Refused) as refused:
        registered.access.open_extract(permit, CAMILLE)
    assert refused.value.rule == "IAM-04"


def test_a_revoked_permit_gives_and_opens_nothing(registered, permit):
    registered.access.extract(permit, ODILE)
    revoke(registered, permit)
    for act in (
        lambda: registered.access.extract(permit, ODILE),
        lambda: registered.access.open_extract(permit, CAMILLE),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.rule == "PER-11"
    assert registered.access.show(permit.replace("permit", "application"))["live"] is False


@pytest.mark.parametrize("actor", [STRANGER, ODILE, AXEL, Actor(id="Camille")])
def test_only_persons_named_in_the_permit_open_the_extract(registered, permit, actor):
    registered.access.extract(permit, ODILE)
    with pytest.raises(Refused, match="not named in the permit") as refused:
        registered.access.open_extract(permit, actor)
    assert refused.value.rule == "IAM-01"


def test_a_stranger_is_told_the_same_whether_or_not_the_permit_lives(registered, permit):
    revoke(registered, permit)
    with pytest.raises(Refused) as refused:
        registered.access.open_extract(permit, STRANGER)
    assert refused.value.rule == "IAM-01"


def test_each_opening_is_an_event_of_its_member(registered, permit):
    registered.access.extract(permit, ODILE)
    for member in (CAMILLE, NOOR, CAMILLE):
        registered.access.open_extract(permit, member)
    last = registered.house.ledger.history("application/", limit=3)
    assert [(record.kind, record.actor) for record in last] == [
        ("ExtractOpened", "camille"),
        ("ExtractOpened", "noor"),
        ("ExtractOpened", "camille"),
    ]


def test_an_opening_at_the_same_moment_as_another_is_recorded_too(registered, permit):
    registered.access.extract(permit, ODILE)
    ledger = registered.house.ledger
    append, conflicts = ledger.append, [2]

    def another_comes_first(stream, expected, events, actor):
        if conflicts[0]:
            conflicts[0] -= 1
            append(stream, expected, events, NOOR)
        return append(stream, expected, events, actor)

    ledger.append = another_comes_first
    registered.access.open_extract(permit, CAMILLE)
    actors = [record.actor for record in ledger.history("application/", limit=3)]
    assert actors == ["noor", "noor", "camille"]


def test_without_an_extract_there_is_nothing_to_open(registered, permit):
    with pytest.raises(Missing, match="No extract was made"):
        registered.access.open_extract(permit, CAMILLE)


@pytest.mark.parametrize("name", ["permit-none", "application-none", "none", ""])
def test_a_permit_that_does_not_exist_is_missing(registered, name):
    with pytest.raises(Missing, match="no permit"):
        registered.access.open_extract(name, CAMILLE)
    with pytest.raises(Missing, match="no permit"):
        registered.access.extract(name, ODILE)


def test_the_identifier_of_an_application_is_no_permit(registered, permit):
    with pytest.raises(Missing, match="no permit"):
        registered.access.find_permit(permit.replace("permit-", "application-"), LAST)
    found, live = registered.access.find_permit(permit, LAST)
    assert (found.id, live) == (permit, True)


def test_a_changed_manifest_is_unproven(registered, permit):
    made = registered.access.extract(permit, ODILE)
    store = registered.house.sealed("project", "diabetes")
    name = f"{made.extract}/extract.json"
    store.put(name, store.read(name).replace(b'"objections":0', b'"objections":9'))
    with pytest.raises(Unproven) as refused:
        registered.access.open_extract(permit, CAMILLE)
    assert refused.value.rule == "extract-manifest"


def test_a_part_that_the_host_changed_is_unproven(registered, permit):
    made = registered.access.extract(permit, ODILE)
    opaque = registered.house.sealed("project", "diabetes").opaque_name(
        f"{made.extract}/IR_BEN_R.parquet"
    )
    sealed = bytearray(registered.house.host.get(opaque))
    sealed[-1] ^= 1
    registered.house.host.put(opaque, bytes(sealed))
    with pytest.raises(Unproven):
        rows_of(registered.access.open_extract(permit, CAMILLE))


@pytest.mark.parametrize("end", ["expired", "revoked"])
def test_what_is_open_closes_by_itself(registered, permit, end):
    """A handle kept since yesterday reads nothing today."""
    registered.access.extract(permit, ODILE)
    sources = registered.access.open_extract(permit, CAMILLE)
    (source,) = sources.tables.values()
    handle = source.filesystem.open(source.urls[0])
    assert handle.read(4) == b"PAR1"
    if end == "expired":
        at(registered, AFTER)
    else:
        revoke(registered, permit)
        registered.house.clock.advance(timedelta(seconds=1))
    handle.seek(0)
    with pytest.raises(Refused) as refused:
        handle.read(4)
    assert refused.value.rule == ("IAM-04" if end == "expired" else "PER-11")
    with pytest.raises(Refused):
        source.filesystem.open(source.urls[0]).read(4)


def test_what_is_handed_out_ends_with_the_last_day_of_the_permit(registered, permit):
    registered.access.extract(permit, ODILE)
    until = registered.access.open_extract(permit, CAMILLE).until
    assert LAST < until < AFTER


def test_sources_name_the_files_of_this_extract_and_no_others(registered, permit):
    registered.access.extract(permit, ODILE)
    registered.load("MCO_2023", T_MCO23C=[{"ETA_NUM": "E", "RSA_NUM": "1", "NIR_ANO_17": "ana"}])
    other = registered.access.extract(registered.permit(scope=scope(CHAIN)), ODILE)
    filesystem = registered.access.open_extract(permit, CAMILLE).tables["IR_BEN_R"].filesystem
    with pytest.raises(Missing):
        filesystem.open(sealed_url("diabetes", f"{other.extract}/T_MCO23C.parquet")).read(4)
    with pytest.raises(Refused):
        filesystem.open(sealed_url("diabetes", f"{other.extract}/T_MCO23C.parquet"), "wb")


def test_duckdb_reads_what_is_open(registered, permit):
    registered.access.extract(permit, ODILE)
    (source,) = registered.access.open_extract(permit, CAMILLE).tables.values()
    with duckdb.connect() as connection:
        connection.register_filesystem(source.filesystem)
        read = connection.read_parquet(list(source.urls))
        assert sorted(read.select("NUM_ENQ").fetchall()) == sorted(
            (registered.delivered(name),) for name in ("ana", "mum", "dad")
        )
