"""The switch of the canonical side, and the way back; nothing else moves it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

from attrs import frozen

from bercail.foundation import Actor
from bercail.hosting.events import RolledBack
from bercail.hosting.migration import rules
from bercail.hosting.migration.baseline import SinceCutOver, TargetBaseline
from bercail.hosting.migration.entry import ObjectState
from bercail.hosting.migration.freeze import Freeze
from bercail.hosting.migration.ground import Ground
from bercail.hosting.migration.rules import Act, Readiness
from bercail.hosting.migration.state import MigrationState
from bercail.hosting.migration.survey import SECOND_PAGE
from bercail.hosting.migration.worktable import WorkTable
from bercail.storage.past import find_past

_STATES = tuple(state for state in ObjectState if state is not ObjectState.GONE)


@frozen(kw_only=True)
class Switch:
    """Cuts over and rolls back on `ground`; `carry` and `prove` are the steps of the migration.

    Each step holds the migration's lock by itself, and the switch is one event, appended at
    the version of the journal that was read: two processes never both switch.
    """

    ground: Ground
    carry: Callable[[], object]
    prove: Callable[[], object]

    def cut_over(self, actor: Actor, freeze: Freeze, *, accept_left_behind: bool) -> None:
        """Make the target canonical.

        1. Assert that the source is read-only.
        2. Carry the last delta, if the source has moved since it was proved.
        3. Prove, if no proof stands.
        4. Look at both sides a last time, and switch.

        Killed anywhere, it is given again; the source stays canonical until step 4 ends.

        Raises:
            Refused: the source takes writes, moved after the freeze, or the target lost objects.
            Unproven: something carried does not agree; each object is named.
        """
        state, moved = self._freeze(actor, freeze)  # 1
        if moved:
            self.carry()  # 2
        if moved or state.proof is None:
            self.prove()  # 3
        self._switch(actor, freeze, accept_left_behind=accept_left_behind)  # 4

    def roll_back(self, actor: Actor, reason: str) -> SinceCutOver:
        """Make the source canonical again, and list what the target took since the cut-over.

        Raises:
            Refused: not cut over, no reason, or the erasure of the source has begun.
        """
        ground = self.ground
        with ground.step(Act.ROLL_BACK, actor):
            version, state = ground.record.state()
            rules.require_reason(state, actor, reason)
            file = ground.work / f"written-since-proof-{state.proofs}.jsonl"
            since = self._baseline.since(ground.home.list(), file)
            event = RolledBack(
                reason=reason.strip(),
                written=since.written,
                changed=since.changed,
                removed=since.removed,
                digest=since.digest,
            )
            ground.record.append(version, event, actor)
        return since

    @property
    def _baseline(self) -> TargetBaseline:
        return TargetBaseline(self.ground.work / "target-at-cut-over.sqlite")

    def _freeze(self, actor: Actor, freeze: Freeze) -> tuple[MigrationState, bool]:
        """The state once the freeze is recorded, and whether there is a last delta to carry."""
        with self.ground.step(Act.FREEZE, actor) as (table, state):
            rules.require_may_begin_cut_over(state, actor)
            event = freeze.assert_frozen(_containers(table))
            version, state = self.ground.record.state()
            rules.require_may_begin_cut_over(state, actor)
            self.ground.record.append(version, event, actor)
            if state.proof is None:
                return state, True
            with table:
                return state, not table.objects.compare(self.ground.listing()).empty

    def _switch(self, actor: Actor, freeze: Freeze, *, accept_left_behind: bool) -> None:
        ground = self.ground
        with ground.step(Act.CUT_OVER, actor) as (table, _):
            freeze.assert_frozen(_containers(table))
            with table:
                absent = ground.look_at_target(table)
                again = ground.listing(page=SECOND_PAGE)
                delta = table.objects.compare(ground.listing(), again)
            tallies = table.objects.tallies()
            ready = Readiness(
                delta=delta,
                pending=tallies[ObjectState.PENDING].objects + tallies[ObjectState.FAILED].objects,
                left_behind=tallies[ObjectState.NOT_CARRIED].objects,
                absent=absent,
            )
            version, state = ground.record.state()
            event = rules.decide_cut_over(
                state, actor, ready, accept_left_behind=accept_left_behind
            )
            self._baseline.keep(ground.home.list())
            ground.record.append(version, event, actor)


def _containers(table: WorkTable) -> Iterator[str]:
    """The first parts of the names that the source shows, each once."""
    rows = (row for row in table.objects.rows(*_STATES) if find_past(row.entry.name) is None)
    names = (row.entry.name.partition("/")[0] for row in rows)
    return (first for first, _ in groupby(names))
