"""A rehearsed exit to test with, over the world of `bercail.testing.moving`."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

from bercail.hosting import MigrationService
from bercail.hosting.exit import ExitRehearsal
from bercail.lake import SealedStore
from bercail.storage import Location, ObjectStore, open_store
from bercail.testing.moving import OPERATOR, MovingWorld

_NUMBERS = itertools.count()


def rehearsal(
    world: MovingWorld,
    *,
    away: ObjectStore | None = None,
    home: ObjectStore | None = None,
    timer: Callable[[], float] = time.monotonic,
) -> ExitRehearsal:
    """A rehearsal of leaving `world` for `away`, a new store in memory unless it is given.

    `timer` gives seconds.
    """
    place = away or open_store(Location.parse(f"memory:exit-{next(_NUMBERS)}"))

    def engine(source: ObjectStore, scope: str) -> MigrationService:
        return MigrationService(
            name=scope,
            source=source,
            target=SealedStore(
                place, world.keys, kind="exit", scope=scope, randomness=world.randomness
            ),
            home=place,
            work=world.folder / "exit" / scope,
            ledger=world.ledger,
            keys=world.keys,
            clock=world.clock,
            actor=OPERATOR,
            admit=world.admit,
            threads=2,
        )

    return ExitRehearsal(
        home=home or world.home,
        away=place,
        engine=engine,
        brought=world.service().ground,
        landing=world.target,
        ledger=world.ledger,
        timer=timer,
    )
