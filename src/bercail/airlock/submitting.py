"""The act of handing in: look, seal, ask, check. Done again after a crash, it goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import evolve, field, frozen

from bercail.airlock import outcome, rules
from bercail.airlock.disclosure.check import read_file
from bercail.airlock.door import LONE_TABLE, Bundle, look_at, require_plain, require_takeable
from bercail.airlock.events import (
    AttachedFile,
    FilesAttached,
    OutputCounted,
    OutputRefused,
    RequestChecked,
    RequestOpened,
    RequestQuarantined,
    RequestSubmitted,
)
from bercail.airlock.ground import (
    Ground,
    ProgressReport,
    missing,
    project_stream,
    submission_of,
)
from bercail.airlock.guarding import (
    as_dicts,
    constraints_of,
    decided,
    guard_tables,
    tables_of,
)
from bercail.airlock.permits import PermitView
from bercail.airlock.request import Request, State
from bercail.airlock.rules import Act
from bercail.airlock.statements import AnonymityStatement, set_digest, statement_for
from bercail.airlock.tabled import SCHEMA_SUFFIX
from bercail.foundation import Actor, Invalid, Refused, new_id, sha256_hex, to_iso
from bercail.vault import Keyring, opaque_name

MODEL = "model.json"
"""The cohort model of a study, as it stands next to the tables that the study wrote."""

NOISE_KEY = "airlock-noise"
"""The kind of the secret that draws cell-key noise; another epoch draws all of it anew."""


@frozen(kw_only=True)
class Paper:
    """What an author hands in: files to leave, files for the checkers, and words.

    `schemas` say, by the names of files that leave, what their tables count; `models` are cohort
    models by digest, of which those that a table counts are kept.
    `statement` says why it is anonymous; `insisted` why usual causes of rejection stand;
    `replaces` names a returned request that takes the new files.
    """

    leaving: Mapping[str, bytes] = field(repr=False)
    supporting: Mapping[str, bytes] = field(factory=dict, repr=False)
    schemas: Mapping[str, bytes] = field(factory=dict, repr=False)
    models: Mapping[str, bytes] = field(factory=dict, repr=False)
    context: str = ""
    insisted: str = ""
    statement: AnonymityStatement | None = None
    replaces: str | None = None

    @property
    def size(self) -> int:
        """Bytes of all files."""
        parts = (self.leaving, self.supporting, self.schemas)
        return sum(len(data) for part in parts for data in part.values())


def read_files(paths: Sequence[Path]) -> dict[str, bytes]:
    """The bytes of files by name; raises as `read_file`, and Invalid when two names are equal."""
    found: dict[str, bytes] = {}
    for path in paths:
        if path.name in found:
            raise Invalid(
                f"Two files are called `{path.name}`. / Deux fichiers s'appellent `{path.name}`.",
                remedy="Rename one of them. / Renommez l'un d'eux.",
                rule="output-names",
            )
        found[path.name] = read_file(path)
    return found


def without_schemas(paths: Sequence[Path]) -> list[Path]:
    """`paths` without the schemas of others among them: a whole folder may be handed in."""
    described = {path.name + SCHEMA_SUFFIX for path in paths}
    return [path for path in paths if path.name not in described]


def read_models(paths: Sequence[Path], given: Sequence[Path]) -> dict[str, bytes]:
    """Cohort models by their digest: those given, and each `model.json` next to a file."""
    beside = dict.fromkeys(path.with_name(MODEL) for path in paths)
    found = [path for path in beside if path.is_file()]
    return {sha256_hex(data): data for data in map(read_file, [*found, *given])}


def read_schemas(paths: Sequence[Path], given: Mapping[str, Path]) -> dict[str, bytes]:
    """The schemas of files, by file name: those given, and those that stand next to a file."""
    beside = {path.name: path.with_name(path.name + SCHEMA_SUFFIX) for path in paths}
    found = {name: path for name, path in beside.items() if path.is_file()}
    return {name: read_file(path) for name, path in {**found, **given}.items()}


@frozen(kw_only=True)
class Submitting:
    """Hands a paper in."""

    ground: Ground

    def submit(
        self, paper: Paper, permit_id: str, actor: Actor, progress: ProgressReport | None = None
    ) -> Request:
        """See `AirlockService.submit`."""
        ground = self.ground
        permit = ground.permit(permit_id)
        # Also where the same files stand in a request already: nothing moves without a permit.
        rules.require_live(Act.SUBMIT, permit)
        request_id = paper.replaces or _request_id(ground.keys, permit_id, paper)
        version, request = ground.find(request_id)
        if paper.replaces and request.permit != permit_id:
            raise missing(request_id)
        if request.state is State.NONE:
            rules.require(actor, Act.OPEN, request, permit)
        bundle = self._looked_at(paper, permit, actor, progress)
        self._learn(paper, bundle, permit_id)
        if request.state is State.NONE:
            opened = RequestOpened(
                request=request_id, permit=permit_id, project=permit.project, author=actor.id
            )
            ground.append(request_id, version, (opened,), actor)
        self._attach(request_id, bundle, actor)
        self._ask(request_id, bundle, paper.statement or statement_for(bundle), actor)
        return self._settle(request_id, bundle, actor)

    def _looked_at(
        self, paper: Paper, permit: PermitView, actor: Actor, progress: ProgressReport | None
    ) -> Bundle:
        """The bundle; what is turned away is recorded in the project's stream."""
        policy = self.ground.policy(permit)
        try:
            bundle = look_at(
                paper.leaving,
                paper.supporting,
                policy,
                schemas=paper.schemas,
                context=paper.context.strip(),
                insisted=paper.insisted.strip(),
                source=self.ground.source(policy),
                noise=lambda: self.ground.keys.secret(NOISE_KEY, "cells"),
                progress=progress,
            )
            require_takeable(bundle)
            if paper.statement is not None:
                require_plain(*paper.statement.as_dict().values())
        except (Invalid, Refused) as error:
            refused = OutputRefused(
                permit=permit.id, author=actor.id, rule=error.rule or "", size=paper.size
            )
            version, _ = self.ground.project_events(permit.project)
            stream = project_stream(permit.project)
            self.ground.ledger.append(stream, version, (refused,), actor)
            raise
        if bundle.lone_table is not None:
            return evolve(bundle, files=(evolve(bundle.files[0], name=LONE_TABLE),))
        return bundle

    def _learn(self, paper: Paper, bundle: Bundle, permit_id: str) -> None:
        """The platform keeps the models of the cohorts that the tables count."""
        counted = {
            table["population"]
            for one in tables_of(bundle).values()
            for table in one.document["tables"]
        }
        for digest in sorted(counted & set(paper.models)):
            self.ground.populations.learn(digest, paper.models[digest], permit_id)

    def _attach(self, request_id: str, bundle: Bundle, actor: Actor) -> None:
        version, request = self.ground.find(request_id)
        shelf = self.ground.shelf(request_id)
        files = tuple(
            AttachedFile(
                name=one.name,
                kind=one.inspection.kind.value,
                role=one.role,
                size=len(one.data),
                commitment=shelf.commitment(one.name, one.data),
            )
            for one in bundle.files
        )
        if request.files == files:
            return
        permit = self.ground.permit(request.permit)
        rules.require(actor, Act.ATTACH, request, permit)
        for one in bundle.files:
            shelf.keep_file(one.name, one.data)
        self.ground.append(request_id, version, (FilesAttached(files=files),), actor)

    def _ask(
        self, request_id: str, bundle: Bundle, statement: AnonymityStatement, actor: Actor
    ) -> None:
        version, request = self.ground.find(request_id)
        if request.submitted and request.state is not State.RETURNED:
            return
        permit = self.ground.permit(request.permit)
        rules.require(actor, Act.SUBMIT, request, permit)
        submitted = RequestSubmitted(
            submission=new_id("submission", self.ground.randomness),
            members=tuple(sorted(permit.members)),
            at=to_iso(self.ground.clock.now()),
            context=bundle.context,
            insisted=bundle.insisted,
            **statement.as_dict(),
        )
        self.ground.append(request_id, version, (submitted,), actor)

    def _settle(self, request_id: str, bundle: Bundle, actor: Actor) -> Request:
        version, request = self.ground.find(request_id)
        if request.state is not State.SUBMITTED or not request.submitted or not request.files:
            return request
        permit = self.ground.permit(request.permit)
        rules.require(actor, Act.CHECK, request, permit)
        tables = tables_of(bundle)
        guarded = guard_tables(self.ground, request_id, tables, bundle.policy, actor)
        submission = request.submitted.submission
        leaving = outcome.leaving_files(bundle, request.submitted)
        report = outcome.checker_report(bundle) | {
            "differencing": as_dicts(guarded),
            "constraints": constraints_of(guarded),
        }
        shelf = self.ground.shelf(request_id)
        shelf.keep_check(submission, leaving, report)
        entries = shelf.entries(submission, request.files, leaving, bundle.policy.digest)
        cells = sum(one.cells for one in tables.values())
        self._count(request, bundle, cells, actor)
        verdict, by_guard = decided(guarded, bundle.verdict)
        found = tuple(sorted({*bundle.rules, *by_guard}))
        checked = RequestChecked(
            entries=entries,
            set_digest=set_digest(entries),
            policy_digest=bundle.policy.digest,
            verdict=verdict,
            cells=cells,
            hidden_cells=sum(one.hidden for one in tables.values()),
            rules=found,
            checkers=rules.checkers_needed(permit, bundle.policy),
        )
        quarantined = (RequestQuarantined(rules=found),) if verdict == "blocked" else ()
        events = (checked, *quarantined)
        return self.ground.append(request_id, version, events, actor)

    def _count(self, request: Request, bundle: Bundle, cells: int, actor: Actor) -> None:
        """EXP-08: outputs of a project are counted in a stream of its own."""
        version, earlier = self.ground.project_events(request.project)
        now = self.ground.clock.now()
        output = OutputCounted(
            request=request.id,
            submission=submission_of(request),
            cells=cells,
            at=to_iso(now),
            bytes=sum(one.inspection.size for one in bundle.leaving),
        )
        if events := rules.counted(earlier, output, bundle.policy, now):
            self.ground.ledger.append(project_stream(request.project), version, events, actor)


def _request_id(keys: Keyring, permit_id: str, paper: Paper) -> str:
    """The same bytes under the same permit have the same id; it says nothing of them."""
    secret = keys.secret("airlock-request", permit_id)
    digests = [sha256_hex(data) for data in paper.leaving.values()]
    digests += [f"supporting {sha256_hex(data)}" for data in paper.supporting.values()]
    digests += [f"schema {name} {sha256_hex(data)}" for name, data in paper.schemas.items()]
    tag = opaque_name(secret, "airlock-request", permit_id, "table", " ".join(sorted(digests)))
    return f"request-{tag.replace('/', '')[:16]}"
