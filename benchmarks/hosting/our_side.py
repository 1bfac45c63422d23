"""Our side of the race with rclone: one step of a migration, in a process of its own.

The request comes as one line of JSON on standard input: `folder`, `steps`, `source` and
`home` (locations), `account` (key of the source), `access` and `secret` (of the home), `vault`
and `token` (of the OpenBao server that holds the root). Secrets travel by the pipe, so that no
command line shows them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bercail.cli.starting import begin

if TYPE_CHECKING:
    from bercail.hosting import MigrationService

NAME = "race.example/journal"


def service(told: dict[str, Any]) -> MigrationService:
    """The migration that the request speaks of, as a new process opens it."""
    # Loaded here, as a command of the program loads its room once the program has begun.
    from bercail.foundation import Actor, Role, Secret, SystemClock, SystemRandomness
    from bercail.hosting import MigrationService
    from bercail.lake import SealedStore
    from bercail.ledger import Ledger, SqlJournal
    from bercail.storage import Credentials, Location, open_store
    from bercail.vault import Keyring, note_signer
    from bercail.vault.transit_custodian import TransitCustodian

    folder, clock, randomness = Path(told["folder"]), SystemClock(), SystemRandomness()
    held = {"address": told["vault"], "mount": "transit", "key": f"root-{folder.name}"}
    stands = (folder / "keys.db").exists()
    open_or_create = TransitCustodian.open if stands else TransitCustodian.create
    custodian = open_or_create(**held, token=Secret(told["token"].encode()))
    keys = Keyring(folder / "keys.db", custodian, randomness, clock)
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
        actor=Actor(id="operator", roles=frozenset({Role.OPERATOR})),
        admit=lambda: None,
        threads=told["threads"],
    )


def main() -> None:
    """Do the steps, begun as the program begins; a step that fails ends it with its error."""
    begin()
    told = json.loads(sys.stdin.readline())
    race = service(told)
    from bercail.hosting import Basis

    for step in told["steps"]:
        if step == "read-back":
            race.prove(Basis.COPY_TIME)
        else:
            getattr(race, step)()


if __name__ == "__main__":
    main()
