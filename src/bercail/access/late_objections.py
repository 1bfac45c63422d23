"""Objections that were registered after an extract was made, in the pseudonyms of the extract.

The persons are still in the files. Their names go into the scope of every study that runs on
the extract, so that none counts them (EHDS art. 71).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from attrs import frozen

from bercail.access.events import OBJECTION_EVENTS, ExtractMade, ObjectionRegistered
from bercail.access.objections import STREAM
from bercail.access.people import spread
from bercail.access.permit import DataPermit
from bercail.access.project_secrets import secret_scope
from bercail.access.rotation.events import ROTATED_OBJECTION_EVENTS
from bercail.cohorts.sources import PROJECT_NAMES, Source
from bercail.foundation import Actor, Refused
from bercail.lake.identities import PSEUDONYM_LENGTH, Turn, joined, turn_values
from bercail.ledger import Ledger
from bercail.ledger.vault_book import VaultBook
from bercail.vault import Keyring, pseudonyms
from bercail.vault.events import SecretUsed

_REGISTER = "IR_BEN_R"
# What says in the register that two identities are one person's, or cannot be told apart.
_COLUMNS = ("BEN_NIR_PSA", "BEN_RNG_GEM", "BEN_IDT_ANO")


class ListsObjections(Protocol):
    """The registry of objections."""

    def current(self) -> tuple[int, tuple[str, ...]]:
        """The version, and the persons under the pseudonyms of the lake of now."""
        ...


@frozen(kw_only=True)
class LateObjections:
    """Who objected since an extract was made."""

    ledger: Ledger
    keys: Keyring
    registry: ListsObjections

    def of(
        self,
        permit: DataPermit,
        made: ExtractMade,
        under: tuple[int, int],
        epoch: int,
        actor: Actor,
    ) -> frozenset[str]:
        """The persons on the list as the extract names them; empty where nobody objected since.

        `under` are the epochs that the extract was cut under, of the lake's pseudonyms and of the
        project's secret; `epoch` is that of the lake now. Taking the secret is recorded first.

        Raises:
            Refused: the list is changing, or it is in pseudonyms that do not lead to those of
                the extract, which was cut under former ones.
        """
        if not self._somebody(made):
            return frozenset()
        if under[0] != epoch:
            raise Refused(
                f"Persons objected since `{made.extract}` was made, and it stands under former "
                "pseudonyms that nothing leads to any more.",
                remedy="Open the newest extract of the permit.",
                rule="OPT-03",
            )
        _, persons = self.registry.current()
        use = SecretUsed(
            kind="pseudonym",
            scope=secret_scope(permit.project),
            epoch=under[1],
            purpose="late objections",
            subject=made.extract,
            identifiers=len(persons),
        )
        VaultBook(ledger=self.ledger).record_use(use, actor)
        secret = self.keys.secret("pseudonym", use.scope, under[1])
        return _turned(persons, lambda values: pseudonyms.project(secret, values))

    def _somebody(self, made: ExtractMade) -> bool:
        """Whether the registry took an objection after the version that `made` respects."""
        _, events = self.ledger.load(STREAM, (*OBJECTION_EVENTS, *ROTATED_OBJECTION_EVENTS))
        later: Sequence[Any] = events[made.objections :]
        return any(isinstance(event, ObjectionRegistered) for event in later)


def _turned(persons: Sequence[str], turn: Turn) -> frozenset[str]:
    """Each person (BEN_IDT_ANO) through `turn`; the rank that may follow stays."""
    heads = pa.array([person[:PSEUDONYM_LENGTH] for person in persons], pa.string())
    ranks = pa.array([person[PSEUDONYM_LENGTH:] for person in persons], pa.string())
    named = joined(turn_values(heads, turn), ranks)
    return frozenset(str(person) for person in named.to_pylist())


def every_identity(objecting: frozenset[str], tables: Mapping[str, Source]) -> frozenset[str]:
    """Those who object, and whoever the register of the extract cannot tell apart from them.

    As when an extract is cut: a pair (NUM_ENQ, BEN_RNG_GEM) that ever bore one of them is theirs,
    and so is whoever else bore it. A register without these columns adds nobody.
    """
    source = tables.get(_REGISTER)
    if not objecting or source is None:
        return objecting
    here = [PROJECT_NAMES.get(name, name) for name in _COLUMNS]
    connection = duckdb.connect(config={"threads": 1, "temp_directory": ""})
    try:
        parts = []
        for url in source.urls:
            with source.filesystem.open(url) as part:
                file = pq.ParquetFile(part)
                if not set(here) <= set(file.schema_arrow.names):
                    return objecting
                parts.append(file.read(columns=here).select(here).rename_columns(list(_COLUMNS)))
        connection.register("register", pa.concat_tables(parts))
        spread(connection, objecting)
        found = connection.execute("SELECT BEN_IDT_ANO FROM objecting").fetchall()
    finally:
        connection.close()
    return frozenset(str(person) for (person,) in found)
