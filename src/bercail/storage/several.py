"""Several small objects at once: all asked for first, and only then all heard.

What a small object costs is not its bytes but the way to it: each answer that one waits for
finds the processor busy with somebody else's work. Asked together, the objects of a handful
are worked on one right after the other. Nothing is decided here: an object that does not come
plainly, or is not plainly taken, is left to the ordinary way, which retries and tells errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from attrs import frozen

from bercail.storage.source_checksums import CheckedSource, SourceChecksum
from bercail.storage.wire import Asked, Wire, piece_of
from bercail.storage.wrappers import ReadOnly, Retrying

if TYPE_CHECKING:
    from bercail.storage.kept_connections import Answer
    from bercail.storage.port import ObjectStore
    from bercail.storage.wire import Signs


@frozen(kw_only=True)
class Wanted:
    """A whole object of `size` bytes (at least 1) as it was when it had this entity tag."""

    name: str
    etag: str
    size: int


@runtime_checkable
class ReadsSeveral(Protocol):
    """A store that reads several objects at once."""

    def read_several(self, wanted: Sequence[Wanted]) -> list[bytes | None]:
        """Each object whole; None for one that did not come plainly, or is another by now."""
        ...


@runtime_checkable
class PutsSeveral(Protocol):
    """A store that writes several objects at once."""

    def put_several(self, bodies: Sequence[tuple[str, bytes]]) -> list[bool]:
        """For each name and body whether it stands; where not, it may have been written."""
        ...


def reads_several(store: ObjectStore) -> ReadsSeveral | None:
    """What reads several objects of `store` at once; None where a wrapper must see each."""
    while isinstance(store, Retrying | ReadOnly):
        if isinstance(store, CheckedSource) and store.relies_on is SourceChecksum.OBJECT:
            return None
        store = store.inner
    return store if isinstance(store, ReadsSeveral) else None


def puts_several(store: ObjectStore) -> PutsSeveral | None:
    """What writes several objects to `store` at once; None where a wrapper must see each."""
    while isinstance(store, Retrying):
        store = store.inner
    return store if isinstance(store, PutsSeveral) else None


Signed = tuple["Signs", Wanted]
"""An object, and what signs requests for it."""


def over_wire(
    wire: Wire,
    wanted: Sequence[Signed | None],
    ask: Mapping[str, str],
    agrees: Callable[[Answer], bool],
) -> list[bytes | None]:
    """Each object whose answer `agrees`; None for a None. `ask` are further headers."""
    plain = [one for one in wanted if one is not None]
    asked = [
        Asked(
            signs=signs,
            headers={"range": f"bytes=0-{one.size - 1}", "if-match": one.etag, **ask},
            most=one.size,
        )
        for signs, one in plain
    ]
    answers = wire.several("GET", asked)
    found = iter(
        [
            _content(one, answer) if answer is not None and agrees(answer) else None
            for (_, one), answer in zip(plain, answers, strict=True)
        ]
    )
    return [None if one is None else next(found) for one in wanted]


def _content(one: Wanted, answer: Answer) -> bytes | None:
    piece = piece_of(answer, 0, one.size)
    if piece is None or piece.etag != one.etag or piece.size != one.size:
        return None
    return piece.content
