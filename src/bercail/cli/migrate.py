"""`bercail migrate`: lift the whole house onto another host, and prove it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bercail.cli.door import JsonFlag, ProgressForm, actor, emit, house, progress
from bercail.foundation import Invalid, Missing, Unproven

if TYPE_CHECKING:
    from bercail.hosting import Freeze

app = typer.Typer(help="Move everything to another host, and prove it.", no_args_is_help=True)

NameOption = Annotated[str, typer.Option("--name", help="Name of the migration.")]
Basis = Annotated[
    Literal["independent-reread", "copy-time-digests"],
    typer.Option(help="Read the source again, or trust the digests of the copy."),
]


@app.command()
def survey(
    name: NameOption = "home",
    versions: Annotated[
        Literal["current", "all"] | None,
        typer.Option(help="Carry former versions and snapshots too; default: as the last survey."),
    ] = None,
    details: Annotated[
        bool | None,
        typer.Option(help="Ask every object for metadata, tags and lock (S3: two requests each)."),
    ] = None,
    twice: Annotated[
        bool, typer.Option(help="List a second time and count what the two disagree on.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """List the source whole; a second survey shows what changed."""
    from bercail.hosting import Versions

    wanted = Versions(versions) if versions else None
    with progress(as_json) as report:
        found = (
            house().migration(name).survey(report, versions=wanted, details=details, twice=twice)
        )
    emit(found.as_dict(), as_json, title="Survey")


@app.command()
def plan(
    name: NameOption = "home",
    tariff: Annotated[
        Path | None, typer.Option(help="A price list, for the cost; without one none is stated.")
    ] = None,
    measure: Annotated[
        bool, typer.Option(help="Measure the speed on a sample; default: that of the last run.")
    ] = False,
    classes: Annotated[
        Path | None,
        typer.Option(help="A file: which storage class of the target for which tier."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Compute, show and keep what copying will do, and what cannot be carried."""
    made = house().migration(name).plan(tariff=tariff, measure=measure, classes=classes)
    emit(made.as_dict(), as_json, title="Plan")


@app.command()
def copy(
    name: NameOption = "home",
    limit_day: Annotated[
        str | None, typer.Option(help="Bytes a second by day, such as `50MB`.")
    ] = None,
    limit_night: Annotated[str | None, typer.Option(help="Bytes a second by night.")] = None,
    night: Annotated[str, typer.Option(help="When the night is, local time.")] = "20:00-07:00",
    schedule: Annotated[
        Path | None,
        typer.Option(help="A file of limits by day and hour; it may change while this runs."),
    ] = None,
    progress_form: ProgressForm = "bar",
    as_json: JsonFlag = False,
) -> None:
    """Carry what the plan says, sealed; run again after an interruption, it resumes."""
    from bercail.hosting import Bandwidth, ScheduleFile

    if schedule is not None and (limit_day or limit_night):
        raise Invalid(
            "The bandwidth is said twice.",
            remedy="Keep `--schedule`, or `--limit-day` and `--limit-night`.",
        )
    by_flags = Bandwidth.parse(limit_day, limit_night, night)
    bandwidth = ScheduleFile(schedule) if schedule is not None else by_flags
    with progress(as_json, progress_form) as report:
        done = house().migration(name).copy(report, bandwidth=bandwidth)
    emit(done.as_dict(), as_json, title="Copy")


@app.command()
def status(name: NameOption = "home", as_json: JsonFlag = False) -> None:
    """Show where the migration stands and which side is canonical."""
    emit(house().migration(name).status().as_dict(), as_json, title="Migration")


@app.command()
def prove(
    name: NameOption = "home",
    basis: Basis = "independent-reread",
    progress_form: ProgressForm = "bar",
    as_json: JsonFlag = False,
) -> None:
    """Read every object again on both sides and sign what was found."""
    from bercail.hosting import Basis as ProofBasis

    with progress(as_json, progress_form) as report:
        proof = house().migration(name).prove(ProofBasis(basis), report)
    emit(proof.as_dict(), as_json, title="Proof")


@app.command(name="dual-run")
def dual_run(
    name: NameOption = "home",
    rounds: Annotated[int, typer.Option(help="Look at the source at most so often.")] = 10,
    quiet_rounds: Annotated[
        int, typer.Option(help="Stop once so many rounds in a row show no change.")
    ] = 2,
    pause: Annotated[float, typer.Option(help="Seconds between two rounds.")] = 0.0,
    depth: Annotated[
        Literal["listing-and-heads", "heads-and-sampled-contents", "heads-and-all-contents"],
        typer.Option(help="How deep both sides are compared at the end."),
    ] = "heads-and-sampled-contents",
    sample: Annotated[int, typer.Option(help="Objects re-read when contents are sampled.")] = 100,
    as_json: JsonFlag = False,
) -> None:
    """Carry deltas until the source is quiet, then compare both sides and name what differs."""
    from bercail.hosting import Depth

    with progress(as_json) as report:
        found = (
            house()
            .migration(name)
            .dual_run(
                rounds=rounds,
                quiet_rounds=quiet_rounds,
                pause=pause,
                depth=Depth(depth),
                sample=sample,
                progress=report,
            )
        )
    emit(found.as_dict(), as_json, title="Dual run")


@app.command(name="cut-over")
def cut_over(
    name: NameOption = "home",
    probe_credentials: Annotated[
        str | None,
        typer.Option(help="Show the freeze by a write with these credentials (their prefix)."),
    ] = None,
    probe_same_credentials: Annotated[
        bool, typer.Option(help="Show the freeze by a write with the source's own credentials.")
    ] = False,
    attested_by: Annotated[
        str | None, typer.Option(help="The person who says that the source is read-only.")
    ] = None,
    attestation: Annotated[str, typer.Option(help="What this person says.")] = "",
    accept_left_behind: Annotated[
        bool, typer.Option(help="Leave behind what cannot be carried.")
    ] = False,
    basis: Basis = "independent-reread",
    as_json: JsonFlag = False,
) -> None:
    """Make the target canonical: freeze, carry the last delta, prove it, switch once."""
    from bercail.hosting import Basis as ProofBasis

    freeze = _freeze(probe_credentials, probe_same_credentials, attested_by, attestation)
    service = house().migration(name)
    with progress(as_json) as report:
        state = service.cut_over(
            actor(),
            freeze=freeze,
            accept_left_behind=accept_left_behind,
            basis=ProofBasis(basis),
            progress=report,
        )
    emit(state.as_dict(), as_json, title="Migration")


def _freeze(
    credentials: str | None, same: bool, attested_by: str | None, attestation: str
) -> Freeze | None:
    """How the freeze is asserted; None when nothing says so, which the service refuses."""
    from bercail.hosting import Attestation

    if (credentials is not None) + same + (attested_by is not None) > 1:
        raise Invalid(
            "The freeze is asserted in one way.",
            remedy="Keep one of `--probe-credentials`, `--probe-same-credentials`, "
            "`--attested-by`.",
        )
    if attested_by is not None:
        return Attestation(by=attested_by, statement=attestation)
    return house().freeze_probe(credentials or "") if same or credentials is not None else None


@app.command(name="roll-back")
def roll_back(
    reason: Annotated[str, typer.Option(help="Why, in words; it is recorded.")],
    name: NameOption = "home",
    as_json: JsonFlag = False,
) -> None:
    """Make the source canonical again, and list what the target took since the cut-over."""
    since = house().migration(name).roll_back(actor(), reason=reason)
    emit(since.as_dict(), as_json, title="Roll-back")


@app.command()
def report(
    out: Annotated[Path, typer.Option(help="The folder to write to.")],
    name: NameOption = "home",
    as_json: JsonFlag = False,
) -> None:
    """Write the report for those who answer for it: HTML and PDF, in English and French."""
    emit(house().migration_reports.write(name, out).as_dict(), as_json, title="Report")


@app.command(name="verify-manifest")
def verify(
    manifest: Annotated[Path, typer.Argument(help="The file STEM.jsonl of a proof.")],
    envelope: Annotated[Path | None, typer.Option(help="Default: STEM.dsse.json.")] = None,
    keys: Annotated[
        Path | None, typer.Option(help="Public keys got by another way; default STEM.keys.json.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Check a proof with the second reader, which shares no code with the writer."""
    from bercail.hosting import verify_manifest

    for given in filter(None, (manifest, envelope, keys)):
        if not given.is_file():
            raise Missing(f"There is no file `{given}`.", remedy="Check the path.")
    try:
        statement = verify_manifest.verify(manifest, envelope, keys)
    except verify_manifest.NotProven as refusal:
        raise Unproven(
            f"The manifest is not proven: {refusal}.",
            remedy="Fetch the three files again; if it persists, prove the migration anew.",
        ) from refusal
    emit(statement, as_json, title="Statement")
