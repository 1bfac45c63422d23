"""The desk of the dual run: carry deltas until the source is quiet, then compare both sides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from bercail.foundation import Invalid
from bercail.hosting.events import SidesCompared
from bercail.hosting.migration.copy_run import Progress
from bercail.hosting.migration.dual_run.comparing import Comparer, Comparison, Depth
from bercail.hosting.migration.dual_run.delta_log import DeltaLog, Growth
from bercail.hosting.migration.entry import ObjectState
from bercail.hosting.migration.ground import Ground
from bercail.hosting.migration.rules import Act
from bercail.hosting.migration.state import Phase

_SETTLED = (Phase.COPIED, Phase.PROVEN)
SAMPLE = 100


@frozen(kw_only=True)
class DualRunReport:
    """What a dual run did: `rounds` looked at the source, `carried` of them had to carry.

    `quiet` says that the last `quiet_rounds` rounds showed no change. `logged` lines were
    added to the log of deltas.
    """

    rounds: int
    carried: int
    quiet: bool
    quiet_rounds: int
    logged: int
    log_size: int
    comparison: Comparison

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for `--json`."""
        return {
            "rounds": self.rounds,
            "rounds_with_a_delta": self.carried,
            "quiet": self.quiet,
            "quiet_rounds": self.quiet_rounds,
            "deltas_logged": self.logged,
            "delta_log_size": self.log_size,
            **self.comparison.as_dict(),
        }


@frozen(kw_only=True)
class _Rounds:
    """How the rounds went; `quiet` counts those in a row at the end."""

    looked: int
    carried: int
    quiet: int
    logged: int


@frozen(kw_only=True)
class DualRun:
    """Runs on `ground`; `carry` surveys, plans and copies, as the operator's commands do.

    `sleep` waits `pause` seconds between two rounds.
    """

    ground: Ground
    carry: Callable[[], object]
    threads: int
    sleep: Callable[[float], None]

    def run(
        self,
        *,
        rounds: int = 10,
        quiet_rounds: int = 2,
        pause: float = 0.0,
        depth: Depth = Depth.SAMPLE,
        sample: int = SAMPLE,
        progress: Progress | None = None,
    ) -> DualRunReport:
        """Carry what changed, at most `rounds` times, until `quiet_rounds` in a row show nothing.

        1. Look at the source; when it moved, survey, plan and copy, and log the delta.
        2. Compare both sides, as deep as `depth` says.

        A proof that stands stays when no round carried anything.

        Raises:
            Refused: the migration is past its cut-over, or somebody else works on it.
            Invalid: fewer rounds than the quiet ones asked for.
        """
        if not 1 <= quiet_rounds <= rounds or sample < 0 or pause < 0:
            raise Invalid(
                f"`{quiet_rounds}` quiet rounds out of `{rounds}` cannot be.",
                remedy="Give at least one quiet round, and no fewer rounds than quiet ones.",
            )
        seen = self._follow(rounds, quiet_rounds, pause)  # 1
        comparison, size = self._compare(seen.quiet, depth, sample, progress)  # 2
        return DualRunReport(
            rounds=seen.looked,
            carried=seen.carried,
            quiet=seen.quiet >= quiet_rounds,
            quiet_rounds=seen.quiet,
            logged=seen.logged,
            log_size=size,
            comparison=comparison,
        )

    def _follow(self, rounds: int, quiet_rounds: int, pause: float) -> _Rounds:
        looked = carried = quiet = logged = 0
        while quiet < quiet_rounds and looked < rounds:
            if looked and pause:
                self.sleep(pause)
            looked += 1
            moved = self._moved()
            if moved:
                self.carry()
            carried, quiet = carried + moved, 0 if moved else quiet + 1
            if moved or looked == 1:
                # The first round also tells what a killed run logged and did not tell.
                logged += self._log().added
        return _Rounds(looked=looked, carried=carried, quiet=quiet, logged=logged)

    def _moved(self) -> bool:
        """Whether the source differs from what was carried, or something is left to carry."""
        _, state = self.ground.record.state()
        if state.phase is Phase.NEW:
            return True
        with self.ground.step(Act.DUAL_RUN) as (table, state):
            if state.phase not in _SETTLED:
                return True
            tallies = table.objects.tallies()
            if tallies[ObjectState.PENDING].objects or tallies[ObjectState.FAILED].objects:
                return True
            with table:
                return not table.objects.compare(self.ground.listing()).empty

    def _log(self) -> Growth:
        ground = self.ground
        with ground.step(Act.DUAL_RUN) as (table, state):
            known = state.deltas
            log = DeltaLog(ground.work / "dual-run")
            if known is not None:
                log.require_root(known.size, known.root)
            rows = table.objects.rows(ObjectState.CARRIED, ObjectState.NOT_CARRIED)
            growth = log.grow(rows, known.size if known else 0)
            if growth.event is not None:
                version, _ = ground.record.state()
                ground.record.append(version, growth.event, ground.actor)
        return growth

    def _compare(
        self, quiet: int, depth: Depth, sample: int, progress: Progress | None
    ) -> tuple[Comparison, int]:
        ground = self.ground
        with ground.step(Act.DUAL_RUN) as (table, state):
            comparer = Comparer(ground, threads=self.threads)
            number = state.comparisons + 1
            found = comparer.compare(table, number, depth, sample=sample, progress=progress)
            event = SidesCompared(
                comparison=found.number,
                depth=found.depth.value,
                objects=found.objects,
                reread=found.reread,
                same=found.same,
                differences=found.differences,
                digest=found.digest,
                quiet_rounds=quiet,
            )
            version, state = ground.record.state()
            ground.record.append(version, event, ground.actor)
        return found, state.deltas.size if state.deltas else 0
