"""Our side of the race with rclone: one step of a migration, in a process of its own.

The request comes as one line of JSON on standard input: `folder`, `steps`, `source` and
`home` (locations), `account` (key of the source), `access` and `secret` (of the home).
Secrets travel by the pipe, so that no command line shows them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from bercail.foundation import Actor, Role, Secret, SystemClock, SystemRandomness
from bercail.hosting import Basis, MigrationService
from bercail.lake import SealedStore
from bercail.ledger import Ledger, SqlJournal
from bercail.storage import Credentials, Location, open_store
from bercail.vault import FileCustodian, Keyring, note_signer

PASSPHRASE = Secret(b"five words of a benchmark only")
ROLES: frozenset[Role] = frozenset({Role.OPERATOR})
NAME = "race.example/journal"


def service(told: dict[str, Any]) -> MigrationService:
    """The migration that the request speaks of, as a new process opens it."""
    folder, clock, randomness = Path(told["folder"]), SystemClock(), SystemRandomness()
    kept = folder / "custodian"
    if not kept.exists():
        FileCustodian.create(kept, PASSPHRASE, randomness)
    keys = Keyring(folder / "keys.db", FileCustodian.open(kept, PASSPHRASE), randomness, clock)
    home = open_store(
        Location.parse(told["home"]),
        Credentials(access_key=told["access"], secret=Secret(told["secret"].encode())),
    )
    return MigrationService(
        name="race",
        source=open_store(
            Location.parse(told["source"]), Credentials(secret=Secret(told["account"].encode()))
        ),
        target=SealedStore(home, keys, kind="landing", scope="race", randomness=randomness),
        home=home,
        work=folder / "work",
        ledger=Ledger(
            SqlJournal(f"sqlite:///{folder / 'journal.db'}"),
            folder / "log",
            note_signer(keys, NAME),
            clock,
            randomness,
            NAME,
        ),
        keys=keys,
        clock=clock,
        actor=Actor(id="operator", roles=ROLES),
        admit=lambda: None,
        threads=told["threads"],
    )


def main() -> None:
    """Do the steps; a step that fails ends the process with its error."""
    told = json.loads(sys.stdin.readline())
    race = service(told)
    for step in told["steps"]:
        if step == "read-back":
            race.prove(Basis.COPY_TIME)
        else:
            getattr(race, step)()


if __name__ == "__main__":
    main()
