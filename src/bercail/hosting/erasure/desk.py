"""The desk of an erasure: plan it, give notice, release the list, collect evidence, certify."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from bercail.foundation import Actor, Missing, Refused, Unproven, sha256_hex, to_iso
from bercail.hosting.erasure import rules
from bercail.hosting.erasure.certificate import Certificate, statement, write_certificate
from bercail.hosting.erasure.deletion_list import DeletionList, write_list
from bercail.hosting.erasure.rules import LOOKED_AT, EvidenceBasis, Subject, Word
from bercail.hosting.events import (
    ErasureBegun,
    ErasureEvidenced,
    ErasureNotified,
    ErasurePlanned,
    SourceErased,
)
from bercail.hosting.migration.copy_run import Progress
from bercail.hosting.migration.ground import Ground
from bercail.hosting.migration.manifest import write_whole
from bercail.hosting.migration.pool import Gauge, run_bounded
from bercail.hosting.migration.proving import Basis, Prover, run_checks
from bercail.hosting.migration.rules import Act, require_may
from bercail.hosting.migration.worktable import WorkTable
from bercail.storage import ItemKind, inventory

_SUBJECT_OF = {
    ItemKind.CURRENT: Subject.CONTENTS,
    ItemKind.VERSION: Subject.VERSIONS,
    ItemKind.DELETE_MARKER: Subject.VERSIONS,
    ItemKind.SNAPSHOT: Subject.SNAPSHOTS,
    ItemKind.DELETED: Subject.SOFT_DELETED,
}


@frozen(kw_only=True)
class ErasurePlan:
    """A plan of erasure: its number, the list, what must be shown, and the rules behind it."""

    number: int
    list: DeletionList
    subjects: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for `--json`."""
        return {
            "plan": self.number,
            "objects": self.list.objects,
            "bytes": self.list.bytes,
            "kinds": dict(self.list.kinds),
            "not_carried": dict(self.list.not_carried),
            "list": str(self.list.file),
            "digest": self.list.digest,
            "to_be_shown": list(self.subjects),
            "notice_days": rules.NOTICE.days,
            "notice_rule": rules.NOTICE_SOURCE,
        }


class ErasureDesk:
    """Leads the erasure of the source of the migration on `ground`; deletes nothing itself.

    `admit` is the host gate for the target: what is erased on one side must be allowed to
    stand on the other. Every step may be given again after an interruption.
    """

    def __init__(self, *, ground: Ground, admit: Callable[[], object], threads: int = 4) -> None:
        self._ground = ground
        self._admit = admit
        self._threads = threads
        self._folder = ground.work / "erasure"

    def plan(self, actor: Actor, *, accept_left_behind: bool = False) -> ErasurePlan:
        """List everything that the source holds; a new plan takes a former notice away.

        Raises:
            Refused: not cut over, or something would be lost that the target does not hold
                (rule `erasure-left-behind`).
        """
        ground = self._ground
        with ground.step(Act.PLAN_ERASURE, actor) as (table, state):
            number = state.erasures + 1
            found = self._list(table, f"to-erase-{number}.jsonl")
            lost = sum(found.not_carried.values())
            if lost and not accept_left_behind:
                raise Refused(
                    f"{lost} things on the source are not on the target and would be lost.",
                    remedy=f"They are in `{found.file}`, with `carried` false; roll back and "
                    "carry them, or say `--accept-left-behind`.",
                    rule="erasure-left-behind",
                )
            event = ErasurePlanned(
                plan=number,
                objects=found.objects,
                bytes=found.bytes,
                not_carried=lost,
                subjects=tuple(subject.value for subject in Subject),
                digest=found.digest,
            )
            version, state = ground.record.state()
            require_may(Act.PLAN_ERASURE, state, actor)
            ground.record.append(version, event, actor)
        return ErasurePlan(number=number, list=found, subjects=event.subjects)

    def notify(
        self, actor: Actor, *, given_by: str, given_to: str, document: Path | None = None
    ) -> ErasureNotified:
        """Record the notice; from this moment it runs.

        Raises:
            Refused: there is no plan. Invalid: nobody is named. Missing: no such document.
        """
        ground = self._ground
        with ground.step(Act.NOTIFY_ERASURE, actor):
            version, state = ground.record.state()
            event = rules.decide_notice(
                state,
                actor,
                ground.clock.now(),
                given_by=given_by,
                given_to=given_to,
                document=self._kept(document, "notice"),
            )
            ground.record.append(version, event, actor)
        return event

    def begin(self, actor: Actor, progress: Progress | None = None) -> ErasureBegun:
        """Release the list for deletion; from here on there is no roll-back.

        1. The notice must have run out.
        2. The source must still be what was planned.
        3. Every carried object is read on the target again and opened.

        Raises:
            Refused: too early, or the source changed. Unproven: the target does not hold all.
        """
        self._admit()
        ground = self._ground
        with ground.step(Act.BEGIN_ERASURE, actor) as (table, state):
            now = ground.clock.now()
            plan = rules.require_notice_over(state, actor, now)  # 1
            found = self._list(table, f"found-before-erasure-{plan.plan}.jsonl")  # 2
            rules.decide_begin(state, actor, now, digest=found.digest, reread=0)
            reread = self._require_target_whole(table, plan.plan, progress)  # 3
            version, state = ground.record.state()
            event = rules.decide_begin(state, actor, now, digest=found.digest, reread=reread)
            ground.record.append(version, event, actor)
        return event

    def look(self, actor: Actor) -> tuple[ErasureEvidenced, ...]:
        """Look at the source: its inventory, and every name of the list one by one.

        What remains is counted, not refused; look again once it is gone.

        Raises:
            Refused: the erasure has not begun. Unavailable: the host does not answer.
        """
        ground = self._ground
        with ground.step(Act.EVIDENCE_ERASURE, actor) as (_, state):
            number = state.erasures
            remaining = dict.fromkeys(LOOKED_AT, 0)
            for item in inventory(ground.source):
                if item.kind in _SUBJECT_OF:
                    remaining[_SUBJECT_OF[item.kind]] += 1
            looked, standing = self._ask_for_each(number)
            remaining[Subject.CONTENTS] = max(remaining[Subject.CONTENTS], standing)
            events = [
                ErasureEvidenced(
                    plan=number,
                    subject=subject.value,
                    basis=EvidenceBasis.SEEN.value,
                    by=actor.id,
                    remaining=remaining[subject],
                    looked=looked if subject is Subject.CONTENTS else 0,
                )
                for subject in LOOKED_AT
            ]
            for event in events:
                version, _ = ground.record.state()
                ground.record.append(version, event, actor)
        return tuple(events)

    def word(
        self, actor: Actor, subject: Subject, word: Word, document: Path | None = None
    ) -> ErasureEvidenced:
        """Record what a person says of `subject`; the document is kept on the trust side.

        Raises:
            Refused: the erasure has not begun. Invalid: nobody is named, or nothing is said.
        """
        ground = self._ground
        with ground.step(Act.EVIDENCE_ERASURE, actor):
            version, state = ground.record.state()
            said = evolve(word, document=self._kept(document, subject.value) or word.document)
            event = rules.decide_word(state, actor, subject, said)
            ground.record.append(version, event, actor)
        return event

    def certify(self, actor: Actor) -> Certificate:
        """Write and sign the certificate, once everything is shown or said to be gone.

        Raises:
            Refused: evidence is missing, or something remains (rule `erasure-evidence`).
        """
        ground = self._ground
        with ground.step(Act.CERTIFY_ERASURE, actor):
            version, state = ground.record.state()
            evidence = rules.require_complete(state, actor)
            said = statement(
                ground.name,
                str(ground.source.location),
                str(ground.home.location),
                state,
                evidence,
                at=to_iso(ground.clock.now()),
            )
            made = write_certificate(self._folder, state.erasures, said, ground.keys)
            event = SourceErased(
                plan=state.erasures,
                objects=said["objects"],
                seen=len(made.seen),
                on_word=len(made.on_word),
                certificate=made.digest,
            )
            ground.record.append(version, event, actor)
        return made

    def _list(self, table: WorkTable, name: str) -> DeletionList:
        self._folder.mkdir(parents=True, exist_ok=True)
        return write_list(inventory(self._ground.source), table, self._folder / name)

    def _require_target_whole(
        self, table: WorkTable, number: int, progress: Progress | None
    ) -> int:
        """How many objects of list `number` were found whole on the target."""
        ground, gauge = self._ground, Gauge()
        prover = Prover(
            source=ground.source, target=ground.target, gauge=gauge, basis=Basis.COPY_TIME
        )
        wrong = run_checks(table, prover, gauge, threads=self._threads, progress=progress)
        if wrong:
            raise Unproven(
                f"{len(wrong)} objects on the target do not open or are not what was proved, "
                f"for instance `{min(wrong)}`.",
                remedy="Erase nothing: roll back, and carry them again.",
                rule="erasure-target",
            )
        return sum(1 for _ in self._names(number, "carried", True))

    def _ask_for_each(self, number: int) -> tuple[int, int]:
        """How many names of the list were asked for, and how many still stand."""
        counts = {"looked": 0, "standing": 0}

        def one(name: str) -> bool:
            try:
                self._ground.source.head(name)
            except Missing:
                return False
            return True

        def taken(stands: bool) -> None:
            counts["looked"] += 1
            counts["standing"] += stands

        run_bounded(
            self._names(number, "kind", ItemKind.CURRENT.value),
            one,
            threads=self._threads,
            gauge=Gauge(),
            on_result=taken,
            on_tick=lambda: None,
        )
        return counts["looked"], counts["standing"]

    def _names(self, number: int, key: str, value: object) -> Iterator[str]:
        """The names of list `number` whose `key` is `value`."""
        with (self._folder / f"to-erase-{number}.jsonl").open("rb") as file:
            for line in file:
                said = json.loads(line)
                if said[key] == value:
                    yield said["name"]

    def _kept(self, document: Path | None, what: str) -> str:
        """The SHA-256 of a document, kept on the trust side under it; empty without one."""
        if document is None:
            return ""
        content = document.read_bytes()
        digest = sha256_hex(content)
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._folder / f"{what}-{digest[:16]}{document.suffix}", content)
        return digest
