"""The airlock's desk: hand in, check, vote, release, revoke. One function for each act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bercail.airlock.disclosure.check import DisclosureCheck, check_file
from bercail.airlock.disclosure.guard.populations import ComparesPopulations, NobodyCompares
from bercail.airlock.disclosure.policy import SNDS, DisclosurePolicy
from bercail.airlock.ground import Ground, ProgressReport, SealedPlace
from bercail.airlock.permits import PermitLookup
from bercail.airlock.records import Records
from bercail.airlock.releasing import Releasing
from bercail.airlock.request import Request
from bercail.airlock.reviewing import Reviewing
from bercail.airlock.statements import AnonymityStatement
from bercail.airlock.submitting import (
    Paper,
    Submitting,
    read_files,
    read_models,
    read_schemas,
    without_schemas,
)
from bercail.foundation import Actor, Clock, Randomness
from bercail.ledger import Ledger
from bercail.vault import Keyring


class AirlockService:
    """One function for each act. Every act names its actor and leaves its event."""

    def __init__(
        self,
        ledger: Ledger,
        sealed: SealedPlace,
        permits: PermitLookup,
        keys: Keyring,
        clock: Clock,
        randomness: Randomness,
        policy: DisclosurePolicy = SNDS,
        *,
        publisher: str = "Bercail",
        populations: ComparesPopulations | None = None,
    ) -> None:
        self._ground = Ground(
            ledger=ledger,
            sealed=sealed,
            permits=permits,
            keys=keys,
            clock=clock,
            randomness=randomness,
            house_policy=policy,
            publisher=publisher,
            populations=populations or NobodyCompares(),
        )

    @property
    def records(self) -> Records:
        """Lists, files and figures."""
        return Records(ground=self._ground)

    def check(self, file: Path, progress: ProgressReport | None = None) -> DisclosureCheck:
        """What the airlock would say of the table in `file`; nothing is stored or recorded.

        Raises:
            Invalid: the file is no table of distinct persons.
        """
        return check_file(file, self._ground.house_policy, progress)

    def submit(
        self,
        files: Path | Sequence[Path],
        permit_id: str,
        actor: Actor,
        *,
        supporting: Sequence[Path] = (),
        schemas: Mapping[str, Path] | None = None,
        models: Sequence[Path] = (),
        context: str = "",
        insisted: str = "",
        statement: AnonymityStatement | None = None,
        replaces: str | None = None,
        progress: ProgressReport | None = None,
    ) -> Request:
        """Hand in `files` under a permit, and run the automatic check.

        The same bytes under one permit are one request: called again, or after a crash, it goes
        on from where it stands. `supporting` are for the checkers and do not leave; `schemas` say,
        by file name, what tables count (also `NAME.schema.json` next to a file): such a file
        leaves protected, and is compared with earlier releases; `models` are the cohort models of
        tables (also a `model.json` next to a file), by which cohorts are compared; `context` says
        what the files show; `insisted` why usual causes stand; `replaces` names a returned request.

        Raises:
            Refused: the permit is not live, or the actor is not of its project.
            Invalid: a file never leaves, is usually rejected, or has no suiting schema: recorded.
        """
        paths = without_schemas([files] if isinstance(files, Path) else files)
        paper = Paper(
            leaving=read_files(paths),
            supporting=read_files(supporting),
            schemas=read_schemas(paths, schemas or {}),
            models=read_models(paths, models),
            context=context,
            insisted=insisted,
            statement=statement,
            replaces=replaces,
        )
        return Submitting(ground=self._ground).submit(paper, permit_id, actor, progress)

    def review(self, request_id: str, actor: Actor, *, approve: bool, reason: str = "") -> Request:
        """Vote on exactly what the request holds now.

        Raises:
            Refused: not a checker, of the project, voted already, permit not live.
            Unproven: the sealed bytes are not those that were checked; recorded, votes void.
        """
        desk = Reviewing(ground=self._ground)
        return desk.review(request_id, actor, approve=approve, reason=reason)

    def give_back(self, request_id: str, actor: Actor, reason: str) -> Request:
        """Return the request to its author, with a reason; votes are void."""
        return Reviewing(ground=self._ground).give_back(request_id, actor, reason)

    def withdraw(self, request_id: str, actor: Actor, reason: str) -> Request:
        """Take the request back; it is final."""
        return Reviewing(ground=self._ground).withdraw(request_id, actor, reason)

    def release(self, request_id: str, actor: Actor, out: Path) -> dict[str, Any]:
        """Write the package of an approved request to `out/<request>`.

        1. The votes, the permit and the sealed bytes are looked at again.
        2. The digest of the package and its signature are recorded.
        3. The package is written. Called again it writes the same bytes.

        Raises:
            Refused: not approved, permit not live, votes on another set.
            Unproven: the sealed bytes, or the package, are not what was recorded.
        """
        return Releasing(ground=self._ground).release(request_id, actor, out)

    def revoke(
        self, request_id: str, actor: Actor, reason: str, marked: Path | None = None
    ) -> dict[str, Any]:
        """Take a release back; recorded, and told to everyone who fetches the public keys.

        `marked`: the folder of a package at hand, which then says itself that it is revoked.
        Called again, it only marks. What left cannot be made unseen: the mark says not to use it.

        Raises:
            Refused: not a checker, or the request is not released.
            Unproven: the package at hand is another one.
        """
        return Releasing(ground=self._ground).revoke(request_id, actor, reason, marked)

    def show(self, request_id: str, actor: Actor) -> dict[str, Any]:
        """The request as `actor` may see it; checkers see cells, nobody sees votes too early."""
        return self.records.show(request_id, actor)

    def report(self, request_id: str, actor: Actor) -> dict[str, Any]:
        """The checkers' report: true counts, why each cell is hidden, what attackers are left."""
        return self.records.report(request_id, actor)

    def public_keys(self) -> dict[str, Any]:
        """What `verify` needs: public keys of the airlock and checkers, revoked packages."""
        return self.records.public_keys()
