"""Desks that work without a house, or before there is one."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bercail.config import secret_from_environment
from bercail.foundation import Actor, Randomness, SystemClock, SystemRandomness
from bercail.platform.ground import CUSTODIAN_FILE

# Rooms bring heavy libraries, so each is imported when it is built: a command that needs
# one room does not wait for the others.
if TYPE_CHECKING:
    from bercail.ingest.holder import HolderService
    from bercail.platform.house import Platform
    from bercail.vault.recovery import Recovery


def recovery(here: Platform | None, path: Path) -> Recovery:
    """What makes the custodian file `path` from its shares; with an event for that of `here`."""
    from bercail.vault.recovery import Recovery

    own = here if here is not None and here.is_own_custodian(path) else None
    return Recovery(
        actor=here.session_actor if here else Actor(id="nobody"),
        randomness=here.randomness if here else SystemRandomness(),
        clock=here.clock if here else SystemClock(),
        table=own.key_table if own else None,
    )


def holder_desk() -> HolderService:
    """The data holder's desk; needs the holder's secret and nothing of the platform."""
    from bercail import catalogue
    from bercail.ingest.holder import HolderService

    secret = secret_from_environment("BERCAIL_HOLDER_SECRET")
    acting = os.environ.get("BERCAIL_ACTOR") or f"uid-{os.getuid()}"
    return HolderService(registry=catalogue.load(), secret=secret, acting=acting)


def create_trust_side(folder: Path, randomness: Randomness) -> None:
    """Make the trust side's folder and its custodian, once."""
    from bercail.vault import FileCustodian

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / CUSTODIAN_FILE
    if not path.exists():
        create = partial(FileCustodian.create, path, secret_from_environment("BERCAIL_PASSPHRASE"))
        create(randomness)
