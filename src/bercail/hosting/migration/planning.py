"""The two steps before anything moves: take a survey, make a plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import evolve, field, frozen

from bercail.foundation import Randomness, SystemRandomness
from bercail.hosting.events import PlanMade, SurveyTaken
from bercail.hosting.migration.classes import NONE, Classes, load_classes
from bercail.hosting.migration.copy_run import Progress
from bercail.hosting.migration.entry import ObjectState
from bercail.hosting.migration.ground import CLASSES, SOURCE_CHECKSUM, Ground
from bercail.hosting.migration.object_table import Tally
from bercail.hosting.migration.obstacles import code_of
from bercail.hosting.migration.plan import Plan, keep_plan, make_plan, priced
from bercail.hosting.migration.rules import Act
from bercail.hosting.migration.sighting import Scope, Versions
from bercail.hosting.migration.speed import Speed, kept_rate, measure
from bercail.hosting.migration.status import Survey
from bercail.hosting.migration.survey import Looker, keep_scope, kept_scope
from bercail.hosting.migration.tariff import load_tariff
from bercail.hosting.migration.worktable import WorkTable
from bercail.storage.classes import require_class
from bercail.storage.source_checksums import learn, rely_on

_LIVE = (ObjectState.PENDING, ObjectState.CARRIED, ObjectState.NOT_CARRIED)


@frozen(kw_only=True)
class PlanDesk:
    """Surveys and plans on `ground`. `admit` lets made-up bytes be written to the target."""

    ground: Ground
    admit: Callable[[], object]
    threads: int
    randomness: Randomness = field(factory=SystemRandomness, repr=False)

    def survey(
        self,
        progress: Progress | None = None,
        *,
        versions: Versions | None = None,
        details: bool | None = None,
        twice: bool = False,
    ) -> Survey:
        """See `MigrationService.survey`."""
        ground = self.ground
        with ground.step(Act.SURVEY) as (table, state):
            scope = self._scope(versions, details)
            keep_scope(ground.work, scope)
            looker = Looker(source=ground.source, scope=scope, opaque=ground.opaque)
            survey = looker.take(
                table,
                state.surveys + 1,
                lambda taken: ground.record.post(table, _survey_taken(taken)),
                twice=twice,
                progress=progress,
            )
            ground.record.settle(table, ground.actor)
        if progress is not None:
            progress("survey", survey.objects, survey.objects)
        return survey

    def plan(
        self, *, tariff: Path | None = None, measured: bool = False, classes: Path | None = None
    ) -> Plan:
        """See `MigrationService.plan`.

        1. Read the tariff and the storage classes, so that a wrong file stops before anything
           is asked; have the target keep a small object in each class.
        2. Look at what the target shows.
        3. Ask the source which checksums of its own it gives, to be relied on from now on.
        4. Take the speed of the last run, or measure one now.
        5. Decide for each object, keep the plan as a file, and record it.
        """
        ground = self.ground
        prices = load_tariff(tariff) if tariff is not None else None  # 1
        chosen = self._chosen(classes)
        with ground.step(Act.PLAN) as (table, state):
            with table:
                table.objects.retry_failed()
                ground.look_at_target(table)  # 2
            told = learn(ground.source, _names(table))  # 3
            rely_on(ground.source, told)
            speed = self._measured(table) if measured else kept_rate(table)  # 4
            with table:  # 5
                table.set_note(SOURCE_CHECKSUM, told.value)
                kept = self._kept(table, chosen)
                noted = {
                    kind: Tally(objects=count, bytes=size)
                    for kind, (count, size) in table.note("noted", {}).items()
                }
                rows = table.objects.outlooks(*_LIVE)
                plan = make_plan(state.plans + 1, state.surveys, rows, noted, kept)
                plan = evolve(plan, speed=speed, source_checksum=told)
                plan = plan if prices is None else priced(plan, prices)
                keep_plan(ground.work / "plans", plan)
                ground.record.post(table, _plan_made(plan))
            ground.record.settle(table, ground.actor)
            return plan

    def _chosen(self, file: Path | None) -> Classes | None:
        if file is None:
            return None
        chosen = load_classes(file)
        if chosen.names():
            self.admit()
        for name in chosen.names():
            require_class(self.ground.home, name)
        return chosen

    def _kept(self, table: WorkTable, chosen: Classes | None) -> Classes:
        """The classes chosen now, and where nothing was, those of the last plan."""
        if chosen is None:
            return classes_of(table)
        table.set_note(CLASSES, chosen.as_dict())
        return chosen

    def _scope(self, versions: Versions | None, details: bool | None) -> Scope:
        """What was asked for, and where nothing was, what the last survey took in."""
        kept = kept_scope(self.ground.work)
        return Scope(
            versions=kept.versions if versions is None else versions,
            details=kept.details if details is None else details,
        )

    def _measured(self, table: WorkTable) -> Speed | None:
        self.admit()
        return measure(
            self.ground.source,
            self.ground.home,
            table.objects.work(),
            threads=self.threads,
            randomness=self.randomness,
        )


def classes_of(table: WorkTable) -> Classes:
    """The storage classes that the last plan with a file of them chose."""
    kept = table.note(CLASSES)
    return NONE if kept is None else Classes.from_dict(kept)


def _by_code(plan: Plan) -> dict[str, int]:
    found: Counter[str] = Counter()
    for caution, count in plan.cautions.items():
        found[code_of(caution)] += count
    return dict(sorted(found.items()))


def _names(table: WorkTable) -> Iterator[str]:
    """Objects of the source that can be read, the empty ones left out."""
    rows = table.objects.rows(ObjectState.PENDING, ObjectState.CARRIED)
    return (row.entry.name for row in rows if row.entry.size)


def _survey_taken(survey: Survey) -> SurveyTaken:
    return SurveyTaken(
        survey=survey.number,
        objects=survey.objects,
        bytes=survey.bytes,
        new=survey.delta.new,
        changed=survey.delta.changed,
        gone=survey.delta.gone,
    )


def _plan_made(plan: Plan) -> PlanMade:
    return PlanMade(
        plan=plan.number,
        survey=plan.survey,
        digest=plan.digest,
        to_copy=plan.to_copy.objects,
        to_copy_bytes=plan.to_copy.bytes,
        not_carried=sum(plan.left_behind.values()),
        cautions=_by_code(plan),
    )
