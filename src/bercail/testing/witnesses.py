"""Witnesses that really answer over HTTP on this machine, for tests of the ledger."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from attrs import frozen

from bercail.foundation import FixedClock, SeededRandomness
from bercail.ledger.http_door import HttpDoor
from bercail.ledger.witness import Witness, add_log, create_witness, open_witness
from bercail.ledger.witness_door import witness_door

NOW = datetime(2026, 11, 21, 22, 47, tzinfo=UTC)
"""The moment at which these witnesses cosign."""


@frozen(kw_only=True)
class RunningWitness:
    """A witness, its address, and the line that a policy has for it."""

    name: str
    witness: Witness
    url: str

    def line(self, kind: int = 0x06) -> str:
        """Its line in a policy, with its key of the given signature type."""
        key = next(key for key in self.witness.cosigner.keys if key.kind == kind)
        return f"witness {self.name} {key} {self.url}"


def make_witness(folder: Path, name: str, keys: Path) -> Witness:
    """A witness called `<name>.example/w` in `folder` that knows the log of the keys file."""
    create_witness(folder, f"{name}.example/w", SeededRandomness(sum(name.encode())))
    add_log(folder, keys)
    return open_witness(folder, FixedClock(NOW))


@contextmanager
def serving(door: HttpDoor) -> Iterator[str]:
    """Serve `door` in a thread; gives its address, and stops at the end."""
    thread = threading.Thread(target=door.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield door.url
    finally:
        door.shutdown()
        thread.join()
        door.server_close()


@contextmanager
def running_witness(folder: Path, name: str, keys: Path) -> Iterator[RunningWitness]:
    """A fresh witness that answers until the end."""
    witness = make_witness(folder, name, keys)
    with serving(witness_door(witness, "127.0.0.1", 0)) as url:
        yield RunningWitness(name=name, witness=witness, url=url)


def policy_text(lines: Sequence[str], threshold: str = "all") -> str:
    """A policy of the given witness lines, whose quorum is a group of them all."""
    names = " ".join(line.split()[1] for line in lines)
    return "\n".join([*lines, f"group them {threshold} {names}", "quorum them", ""])
