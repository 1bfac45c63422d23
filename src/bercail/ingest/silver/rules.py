"""What a silver table is made from, where it stands, and what may happen next. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from attrs import asdict, evolve, frozen

from bercail.foundation import Actor, Refused, Role, canonical_json, sha256_hex
from bercail.ingest.silver.definition import Concept
from bercail.ingest.silver.events import BronzePin, SilverBegun, SilverBuilt

RULE = "silver-sources"
_DIGITS = 12


@frozen(kw_only=True)
class SilverState:
    """Where one silver table stands: what was made last, and what was begun after it.

    Two processes may begin at once, so several makings may be `open`; one of them is committed.
    `told` are the deliveries of all that were made.
    """

    turns: int = 0
    open: tuple[SilverBegun, ...] = ()
    made: SilverBegun | None = None
    built: SilverBuilt | None = None
    told: frozenset[str] = frozenset()

    @property
    def begun(self) -> SilverBegun | None:
        """What was begun last and is not told to stand."""
        return self.open[-1] if self.open else None


def fold(events: Iterable[Any]) -> SilverState:
    """The state that the events of one concept lead to."""
    state = SilverState()
    for event in events:
        if isinstance(event, SilverBegun):
            state = evolve(state, turns=state.turns + 1, open=(*state.open, event))
        elif isinstance(event, SilverBuilt):
            begun = [one for one in state.open if one.delivery == event.delivery]
            # Of those begun on one snapshot the lake takes one; the others begin again.
            state = evolve(
                state,
                built=event,
                made=begun[-1] if begun else state.made,
                open=(),
                told=state.told | {event.delivery},
            )
    return state


def recipe(concept: Concept, pins: Sequence[BronzePin]) -> str:
    """SHA-256 of all that decides the rows: the definition with its rules, and the pins."""
    return sha256_hex(
        canonical_json({"version": concept.version, "pins": [asdict(pin) for pin in pins]})
    )


def continues(concept: Concept, made: SilverBegun, numbers: str) -> bool:
    """Whether rows of the last making may stay: same definition and rules, same person numbers."""
    return (made.version, made.numbers) == (concept.version, numbers)


def begin(
    concept: Concept,
    state: SilverState,
    pins: tuple[BronzePin, ...],
    epoch: int,
    *,
    numbers: str,
    whole: bool,
) -> SilverBegun:
    """The next making; one that was begun with the same means is taken further under its name."""
    made_from = recipe(concept, pins)
    begun = state.begun
    wanted = (made_from, epoch, numbers, whole)
    if begun is not None and (begun.recipe, begun.epoch, begun.numbers, begun.whole) == wanted:
        return begun
    name = concept.name.replace("_", "-")
    return SilverBegun(
        concept=concept.name,
        delivery=f"{name}-{state.turns + 1:05}-{made_from[:_DIGITS]}",
        recipe=made_from,
        version=concept.version,
        rules=concept.rules,
        pins=pins,
        epoch=epoch,
        numbers=numbers,
        whole=whole,
    )


def require_operator(actor: Actor) -> None:
    """`Refused` (IAM-05) unless an operator acts."""
    if not actor.has(Role.OPERATOR):
        raise Refused(
            f"`{actor.id}` may not build silver tables.", remedy="An operator does.", rule="IAM-05"
        )


def require_sources(
    concept: Concept,
    made: SilverBegun,
    epoch: int,
    gone: Collection[tuple[str, str]],
) -> None:
    """`Refused` unless what the table was made from can still be read and joined.

    `gone` are the (table, snapshot) that were let go. Without them, nobody can tell whose lines
    have left bronze, so the table is made anew.
    """
    remedy = f"Make it anew: `bercail silver rebuild {concept.name}`."
    if made.epoch != epoch:
        raise Refused(
            f"`{concept.table}` was made from pseudonyms of epoch {made.epoch}; the lake is at "
            f"{epoch}.",
            remedy=remedy,
            rule=RULE,
        )
    for pin in made.pins:
        if (pin.table, pin.snapshot) in gone:
            raise Refused(
                f"`{concept.table}` was made from snapshot `{pin.snapshot}` of `{pin.table}`, "
                "which was let go.",
                remedy=remedy,
                rule=RULE,
            )


def require_own(concept: Concept, held: Collection[str], told: Collection[str]) -> None:
    """`Refused` when the lake's table holds rows of a delivery that the journal did not tell of."""
    if strange := set(held) - set(told):
        raise Refused(
            f"`{concept.table}` holds rows of `{min(strange)}`, of which the journal does not "
            "tell.",
            remedy="Verify the journal and the table; restore what was altered.",
            rule=RULE,
        )
