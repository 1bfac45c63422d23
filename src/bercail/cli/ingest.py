"""`bercail ingest`: deliveries of the landing zone become tables."""

from __future__ import annotations

from typing import Annotated

import typer
from attrs import asdict

from bercail.cli.door import JsonFlag, actor, emit, house, progress

app = typer.Typer(help="Check and load deliveries.", no_args_is_help=True)

HELD_COLUMNS = ("delivery", "state", "since", "by", "releasable", "findings")
EXPIRY_COLUMNS = ("delivery", "period", "kept_until", "tables", "rows")


@app.command()
def load(
    delivery: Annotated[
        str | None, typer.Argument(help="A folder of the landing zone; all of them if left out.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Check every file of a delivery, then load it; a failed check quarantines all of it."""
    landing = house().migration().landed()
    with progress(as_json) as report:
        reports = house().ingest.load_all(landing, actor(), report, only=delivery)
    emit([item.as_dict() for item in reports], as_json, title="Loaded")


@app.command()
def status(
    delivery: Annotated[
        str | None, typer.Argument(help="One delivery; every one ever tried if left out.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Where a delivery stands, with the findings that keep it out; or all of them."""
    desk = house().ingest
    if delivery is None:
        emit(desk.statuses(), as_json, title="Deliveries")
    else:
        emit(desk.status(delivery), as_json, title=delivery)


@app.command()
def quarantine(as_json: JsonFlag = False) -> None:
    """List what is held back: rules, counts and positions, never values."""
    emit(house().ingest.quarantine(), as_json, title="Quarantine", columns=HELD_COLUMNS)


@app.command()
def release(
    delivery: str,
    reason: Annotated[str, typer.Option(help="Why it may pass; kept in the ledger.")],
    as_json: JsonFlag = False,
) -> None:
    """An access officer lets volumes or unknown codes pass; `replay` then loads the delivery."""
    emit(house().ingest.release(delivery, reason, actor()), as_json, title=delivery)


@app.command()
def replay(delivery: str, as_json: JsonFlag = False) -> None:
    """Check a delivery again, after a release or a change of the rules, and load it."""
    landing = house().migration().landed()
    report = house().ingest.replay(landing, delivery, actor())
    emit(report.as_dict(), as_json, title=delivery)


@app.command()
def expire(
    plan: Annotated[bool, typer.Option("--plan", help="Only show it; the default.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Erase what is over the limit.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Deliveries kept for twenty years after their year of care, which leave the lake."""
    desk = house().retention
    found = desk.apply(actor()) if apply and not plan else desk.plan()
    title = "Erased" if apply and not plan else "Over the limit"
    emit([one.as_dict() for one in found], as_json, title=title, columns=EXPIRY_COLUMNS)


@app.command()
def rotate(
    apply: Annotated[
        bool, typer.Option("--apply", help="Rotate, or take an interrupted rotation further.")
    ] = False,
    expire: Annotated[
        bool, typer.Option("--expire", help="Remove what is older than the proven rotation.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why: the schedule, or a suspicion.")] = "schedule",
    as_json: JsonFlag = False,
) -> None:
    """Change the platform's pseudonym secret; without `--apply`, show the plan."""
    from bercail.ingest.rotation.plan import lines as plan_lines

    desk = house().rotation
    if apply:
        with progress(as_json) as report:
            proven = desk.apply(actor(), reason=reason, progress=report)
        projects = [asdict(one) for one in desk.projects()]
        emit({**asdict(proven), "projects": projects}, as_json, title="Proven")
    elif expire:
        emit([asdict(one) for one in desk.expire(actor())], as_json, title="Expired")
    else:
        plan = desk.plan()
        emit(plan.as_dict() if as_json else plan_lines(plan), as_json, title=plan.rotation)


@app.command()
def column(
    table: str,
    name: str,
    kind: Annotated[
        str, typer.Option(help="It holds pseudonyms: `person`, or `person_ranked`.")
    ] = "",
    exclude: Annotated[str, typer.Option(help="It holds none, for this reason.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """An access officer says what a column holds that looks like pseudonyms."""
    house().rotation.judge(table, name, actor(), kind=kind, reason=exclude)
    emit({"table": table, "column": name, "kind": kind or "excluded"}, as_json, title="Judged")
