"""Tickets: sealed to the workers of one cluster, for a time."""

from __future__ import annotations

import base64
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import MagicMock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bercail.cohorts import Cohort, Source, Sources, persons
from bercail.cohorts.plan import plan_run
from bercail.cohorts.spark import ClusterKey, SparkSettings
from bercail.cohorts.spark.tables import ClusterTables
from bercail.cohorts.spark.ticket import Ticket, open_ticket, seal_ticket
from bercail.cohorts.spark.worker_key import VARIABLE, main, of_environment
from bercail.foundation import (
    FixedClock,
    Invalid,
    Missing,
    Refused,
    Secret,
    SeededRandomness,
    Unproven,
)
from bercail.storage import Credentials, Location, open_store
from bercail.testing.small_snds import DRUGS, SmallSnds
from bercail.vault import Binding, DataKey, Party, seal_bytes
from bercail.vault.placement import PlacedPart

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = DataKey(id=b"i" * 16, kind="lake", scope="T", epoch=1, secret=Secret(b"s" * 32))
BINDING = Binding(kind="lake", store="T", name="part", version="1")
CLUSTER = ClusterKey.make("cluster", SeededRandomness(1))
OTHER = ClusterKey.make("other", SeededRandomness(2))
PLAIN = b"rows " * 100


@pytest.fixture
def ticket(tmp_path: Path) -> Ticket:
    location = Location.folder(tmp_path)
    sealed = seal_bytes(PLAIN, KEY, BINDING, SeededRandomness(3))
    open_store(location, Credentials()).put("opaque", sealed)
    part = PlacedPart(opaque="opaque", sealed_size=len(sealed), binding=BINDING, key=KEY)
    return Ticket(
        location=location,
        credentials=Credentials(access_key="reader", secret=Secret(b"word"), sas=Secret(b"sas")),
        until=NOW + timedelta(hours=1),
        parts={"sealed://T/part": part},
    )


def test_the_workers_open_what_was_sealed_to_them(ticket: Ticket) -> None:
    opened = open_ticket(seal_ticket(ticket, CLUSTER.recipient().party), CLUSTER.recipient())
    assert opened == ticket
    reader = opened.reader(opened.store(), "sealed://T/part", lambda: NOW)
    assert reader.read_all() == PLAIN


def test_a_ticket_shows_no_key_and_no_name(ticket: Ticket) -> None:
    sealed = base64.b64decode(seal_ticket(ticket, CLUSTER.recipient().party))
    for secret in (KEY.secret.reveal(), base64.b64encode(KEY.secret.reveal()), b"opaque", b"word"):
        assert secret not in sealed


def test_another_cluster_opens_nothing(ticket: Ticket) -> None:
    text = seal_ticket(ticket, CLUSTER.recipient().party)
    with pytest.raises(Unproven) as told:
        open_ticket(text, OTHER.recipient())
    assert told.value.rule == "cluster-ticket"


@pytest.mark.parametrize("place", [0, 1700, -20])
def test_an_altered_ticket_opens_nothing(ticket: Ticket, place: int) -> None:
    data = bytearray(base64.b64decode(seal_ticket(ticket, CLUSTER.recipient().party)))
    data[place] ^= 1
    with pytest.raises(Unproven):
        open_ticket(base64.b64encode(data).decode(), CLUSTER.recipient())


def test_what_is_no_ticket_opens_nothing() -> None:
    with pytest.raises(Unproven):
        open_ticket("not base64!", CLUSTER.recipient())


def test_a_ticket_ends_while_a_part_is_read(ticket: Ticket) -> None:
    times = iter([NOW, NOW + timedelta(hours=2)])
    reader = ticket.reader(ticket.store(), "sealed://T/part", lambda: next(times))
    with pytest.raises(Refused) as told:
        reader.read_at(0, 5)
    assert told.value.rule == "cluster-ticket-ended"


def test_a_ticket_opens_only_what_it_lists(ticket: Ticket) -> None:
    with pytest.raises(Invalid, match="does not list"):
        ticket.reader(ticket.store(), "sealed://T/another", lambda: NOW)


class _Sealed:
    """A filesystem with one file, as the lake's hands it to a cluster."""

    def __init__(self, table: pa.Table) -> None:
        plain = io.BytesIO()
        pq.write_table(table, plain)
        self._plain = plain.getvalue()

    def open(self, _: str, __: str) -> io.BytesIO:
        return io.BytesIO(self._plain)

    def placement(self, _: str) -> PlacedPart:
        return PlacedPart(opaque="opaque", sealed_size=1, binding=BINDING, key=KEY)


@pytest.mark.parametrize(
    ("end", "until"),
    [
        (None, NOW + timedelta(minutes=60)),
        (NOW + timedelta(minutes=5), NOW + timedelta(minutes=5)),
        (NOW + timedelta(days=5), NOW + timedelta(minutes=60)),
    ],
)
def test_a_ticket_ends_with_the_permit(
    tmp_path: Path, end: datetime | None, until: datetime
) -> None:
    data = SmallSnds()
    data.person("a")
    sealed = Source(urls=("sealed://T/part",), filesystem=_Sealed(data.table("IR_BEN_R")))
    study = Cohort(name="s", title="s", population=persons.birth_year > 1900)
    sources = Sources(tables={"IR_BEN_R": sealed}, drugs=DRUGS, until=end)
    settings = SparkSettings(
        address="sc://cluster.example",
        workers=CLUSTER.recipient().party,
        store=Location.folder(tmp_path),
    )
    session = MagicMock()
    reader = session.read.format.return_value.schema.return_value
    reader.option.return_value = reader
    ClusterTables(session=session, settings=settings, clock=FixedClock(NOW)).show(
        plan_run(study.model, sources)
    )
    options = dict(call.args for call in reader.option.call_args_list)
    assert open_ticket(options["ticket"], CLUSTER.recipient()).until == until


def test_a_key_is_kept_for_this_account_alone(tmp_path: Path) -> None:
    private, public = tmp_path / "workers.key", tmp_path / "workers.party"
    main("cluster", private, public)
    kept = ClusterKey.read(private)
    assert private.stat().st_mode & 0o777 == 0o600
    assert Party.from_bytes(public.read_bytes()) == kept.recipient().party
    with pytest.raises(Refused, match="already"):
        kept.write(private)
    private.chmod(0o640)
    with pytest.raises(Refused, match="other accounts"):
        ClusterKey.read(private)


def test_what_is_no_key_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = tmp_path / "wrong.key"
    wrong.touch(mode=0o600)
    wrong.write_bytes(b'{"format": "another", "version": 1}')
    with pytest.raises(Invalid, match="something else"):
        ClusterKey.read(wrong)
    with pytest.raises(Missing):
        ClusterKey.read(tmp_path / "none.key")
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(Missing, match="started without"):
        of_environment()
    monkeypatch.setenv(VARIABLE, str(wrong))
    with pytest.raises(Invalid):
        of_environment()
