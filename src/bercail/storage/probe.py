"""What a host really does, asked by doing it.

Hosts that call themselves S3-compatible ignore some demands in silence: a
condition is not looked at, a checksum not compared. The loss then shows months
later. So before data go to a host the probe makes demands that must be refused,
under a scratch prefix that it empties afterwards, and looks whether they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import Protocol

from bercail.foundation import BercailError, Clock, SystemClock, to_iso
from bercail.storage.port import ObjectStore
from bercail.storage.port_probe import OF_THE_PORT
from bercail.storage.probe_questions import Answer, Question
from bercail.storage.probe_report import ProbeReport, Trait

_SLOWEST_SECONDS = 30.0


class ProtocolQuestions(Protocol):
    """What one protocol has to be asked beyond the port."""

    def questions(self) -> list[Question]:
        """All of them, in the order in which they are asked."""
        ...

    def identity(self) -> dict[str, str]:
        """What the host says of itself."""
        ...


def probe(
    store: ObjectStore, folder: str = "bercail-probe", *, clock: Clock | None = None
) -> ProbeReport:
    """Ask `store`, the bare adapter, under names below `folder`, which are deleted afterwards.

    1. It must be writable at all.
    2. What every kind of store promises is asked through the port.
    3. A host of S3 or Azure is asked about its protocol as well.
    4. The slowest answer is told; whatever is left under the prefix is deleted.

    About 250 MB are written, since large objects travel another way than small ones.

    Raises:
        Unavailable, Refused: when the store cannot be written to at all.
    """
    root = f"{folder}/{token_hex(8)}"
    store.put(f"{root}/first", b"first")
    store.delete(f"{root}/first")
    questions, identity = _questions(store)
    traits, slowest = [], 0.0
    try:
        for question in questions:
            began = time.monotonic()
            traits.append(_asked(question, f"{root}/{question.name}"))
            slowest = max(slowest, time.monotonic() - began)
            _emptied(store, f"{root}/{question.name}")
    finally:
        _emptied(store, root)
    traits.append(_in_time(slowest))
    return ProbeReport(
        location=str(store.location),
        at=to_iso((clock or SystemClock()).now()),
        identity={"kind": store.location.scheme, **identity},
        traits=tuple(traits),
    )


def _questions(store: ObjectStore) -> tuple[list[Question], Mapping[str, str]]:
    asked = [
        Question(name=name, ask=_through(store, ask), needed=needed)
        for name, ask, needed in OF_THE_PORT
    ]
    protocol = _protocol(store)
    if protocol is None:
        return asked, {}
    return [*asked, *protocol.questions()], protocol.identity()


def _protocol(store: ObjectStore) -> ProtocolQuestions | None:
    """The questions of the protocol that the adapter speaks; vendors' clients load when asked."""
    if store.location.scheme == "s3":
        from bercail.storage.s3 import S3Store
        from bercail.storage.s3_probe import S3Questions

        return S3Questions(store) if isinstance(store, S3Store) else None
    if store.location.scheme == "azure":
        from bercail.storage.azure import AzureStore
        from bercail.storage.azure_probe import AzureQuestions

        return AzureQuestions(store) if isinstance(store, AzureStore) else None
    return None


def _through(store: ObjectStore, ask: Callable[[ObjectStore, str], Answer]) -> _Ask:
    return lambda name: ask(store, name)


_Ask = Callable[[str], Answer]


def _asked(question: Question, name: str) -> Trait:
    try:
        verdict, told = question.ask(name)
    except BercailError as error:
        # Refused openly: nobody will take it for done.
        verdict, told = "absent", f"{error.family}: {error.message}"
    return Trait(name=question.name, verdict=verdict, told=told, needed=question.needed)


def _emptied(store: ObjectStore, prefix: str) -> None:
    for info in list(store.list(prefix)):
        store.delete(info.name)


def _in_time(slowest: float) -> Trait:
    told = f"the slowest question took {slowest:.1f} seconds"
    return Trait(
        name="answers-in-time",
        verdict="held" if slowest < _SLOWEST_SECONDS else "absent",
        told=told,
        needed=True,
    )
