"""Who the pseudonyms of bronze are, as person numbers: 32 bits, given once and never again.

Two sources answer. `LayerPersons` reads the person layer (`silver_identities`), which resolves who
is who. `RegisterPersons` needs the register of beneficiaries alone: one BEN_IDT_ANO is one person,
and its number stands in `silver_numbers`. Either table holds BEN_IDT_ANO under its name or with its
lineage, so a change of pseudonyms turns it, and the numbers stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from bercail.foundation import Refused
from bercail.ingest.silver.queries import view
from bercail.lake.rules import LINEAGE

if TYPE_CHECKING:
    from bercail.ingest.silver.session import Session
    from bercail.lake import Lake

NUMBERS_TABLE = "silver_numbers"
IDENTITIES_TABLE = "silver_identities"
# What the person layer makes.
PERSON_TABLES = (IDENTITIES_TABLE, "silver_persons")
DELIVERY = "persons-"
MOST_PERSONS = 2**31 - 1
_NUMBER: pa.Field[Any] = pa.field("person", pa.int32())
_IDENTITY: pa.Field[Any] = pa.field(
    "identity", pa.string(), metadata={LINEAGE: b"IR_BEN_R.BEN_IDT_ANO"}
)
SCHEMA = pa.schema([_NUMBER, _IDENTITY])


class PersonSource(Protocol):
    """Who the pseudonyms of bronze are.

    `name` tells one source of numbers from another. `tables` are the lake's tables it reads,
    pinned like bronze. `prepare` gives numbers where they lack, and returns how many; it may be
    repeated. `query` is SQL over the views of those tables in one `state`; its rows are
    (person, identity, pseudonym, rank), the first and the last whole numbers, the others texts.
    A pseudonym may stand beside several persons, and then leads to none.
    """

    @property
    def name(self) -> str:
        """What the journal calls it."""
        ...

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables of the lake that it reads, as far as they are there; one must be."""
        ...

    def prepare(self, lake: Lake, session: Session, epoch: int) -> int:
        """Give numbers to persons who have none."""
        ...

    def query(self, there: Mapping[str, object], state: str) -> str:
        """The persons, from those of `tables` that are `there`."""
        ...


class LayerPersons:
    """Persons as the person layer resolved them."""

    @property
    def name(self) -> str:
        """The numbers of `silver_identities`."""
        return "person-layer"

    @property
    def tables(self) -> tuple[str, ...]:
        """The identities of the person layer."""
        return (IDENTITIES_TABLE,)

    def prepare(self, lake: Lake, session: Session, epoch: int) -> int:  # noqa: ARG002
        """The layer gave its numbers when it was built."""
        return 0

    def query(self, there: Mapping[str, object], state: str) -> str:  # noqa: ARG002
        """Every identity with its person."""
        columns = (
            'person, "BEN_IDT_ANO" AS identity, "BEN_NIR_PSA" AS pseudonym, '
            'CAST("BEN_RNG_GEM" AS BIGINT) AS rank'
        )
        return f"SELECT {columns} FROM {view(IDENTITIES_TABLE, state)}"  # noqa: S608


class RegisterPersons:
    """Persons as the register of beneficiaries names them, its archive included."""

    @property
    def name(self) -> str:
        """The numbers of `silver_numbers`."""
        return "register"

    @property
    def tables(self) -> tuple[str, ...]:
        """The register, and what was archived of it before 2013."""
        return ("IR_BEN_R", "IR_BEN_R_ARC")

    def prepare(self, lake: Lake, session: Session, epoch: int) -> int:
        """Give a number to every BEN_IDT_ANO of the session that has none, in their order.

        The delivery is named by its first number, so of two that give at once the lake takes
        one, and the other looks again. Killed after its commit, the next finds nothing new.

        Raises:
            Refused: all 2,147,483,647 numbers are given.
        """
        given = 0
        session.show_newest(NUMBERS_TABLE, SCHEMA)
        while (fresh := session.table(self._fresh(session.bronze))).num_rows:
            _append(lake, fresh, epoch)
            session.show_newest(NUMBERS_TABLE, SCHEMA)
            given += fresh.num_rows
        return given

    def query(self, there: Mapping[str, object], state: str) -> str:
        """Every row of the registers that names a person."""
        return (
            f"SELECT n.person, w.identity, w.pseudonym, w.rank FROM ({self._rows(there, state)}) "  # noqa: S608
            f"AS w JOIN {view(NUMBERS_TABLE)} AS n ON n.identity = w.identity"
        )

    def _fresh(self, there: Mapping[str, object]) -> str:
        return (
            f"SELECT DISTINCT identity FROM ({self._rows(there, '')}) "  # noqa: S608
            f"WHERE identity NOT IN (SELECT identity FROM {view(NUMBERS_TABLE)}) ORDER BY identity"
        )

    def _rows(self, there: Mapping[str, object], state: str) -> str:
        taken = (
            '"BEN_IDT_ANO" AS identity, "BEN_NIR_PSA" AS pseudonym, '
            'CAST("BEN_RNG_GEM" AS BIGINT) AS rank'
        )
        rows = [
            f'SELECT {taken} FROM {view(table, state)} WHERE "BEN_IDT_ANO" IS NOT NULL'  # noqa: S608
            for table in self.tables
            if table in there
        ]
        return "\nUNION ALL\n".join(rows)


def _append(lake: Lake, fresh: pa.Table, epoch: int) -> None:
    first = highest_number(lake) + 1
    last = first + fresh.num_rows - 1
    if last > MOST_PERSONS:
        raise Refused(
            f"The lake has given {first - 1} person numbers, and a number has 31 bits.",
            remedy="Build the silver tables of another lake.",
            rule="silver-persons",
        )
    numbers = pa.array(range(first, last + 1), pa.int32())
    identities = fresh.column("identity").cast(pa.string())
    made = pa.Table.from_arrays([numbers, identities], schema=SCHEMA)
    name = f"{DELIVERY}{first:010}"
    lake.append(NUMBERS_TABLE, made.to_batches(), SCHEMA, delivery=name, epoch=epoch)


def highest_number(lake: Lake) -> int:
    """The highest number ever given, 0 for none; that of a person who was erased is not reused."""
    if NUMBERS_TABLE not in lake.tables():
        return 0
    highest = before = 0
    for snapshot in lake.snapshots(NUMBERS_TABLE):
        if snapshot.delivery.startswith(DELIVERY):
            first = int(snapshot.delivery.removeprefix(DELIVERY))
            highest = max(highest, first + snapshot.rows - before - 1)
        before = snapshot.rows
    return highest
