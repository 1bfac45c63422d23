"""Commands of the lake: which tables there are, and whether they are what was signed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

from bercail.cli.door import JsonFlag, actor, emit, house, progress

app = typer.Typer(help="Sealed tables: list, count and prove them.", no_args_is_help=True)

TABLE_COLUMNS = ("table", "delivery", "rows", "parts", "statement_digest", "at")
SNAPSHOT_COLUMNS = (
    "snapshot",
    "delivery",
    "rows",
    "parts",
    "statement_digest",
    "signer",
    "at",
    "readable",
)

Table = Annotated[str, typer.Argument(help="A table of the catalogue, as ER_PRS_F.")]
Day = Annotated[str, typer.Argument(help="A day, as 2026-01-31, or a month, as 2026-01.")]
Clock = Annotated[
    Literal["arrival", "flux"],
    typer.Option("--by", help="By arrival of the deliveries, or by flux month."),
]
Reason = Annotated[str, typer.Option(help="Why, in 10 to 200 characters; written in the journal.")]
Hours = Annotated[int, typer.Option(min=0, help="Only files begun more than this long ago.")]


@app.command()
def tables(as_json: JsonFlag = False) -> None:
    """List the tables of the lake with their newest snapshot."""
    lake = house().lake
    rows = [lake.snapshot(name).as_dict() for name in lake.tables()]
    emit(rows, as_json, title="Tables", columns=TABLE_COLUMNS)


@app.command()
def snapshots(table: Table, as_json: JsonFlag = False) -> None:
    """List the signed snapshots of a table, oldest first."""
    lake = house().lake
    gone = lake.history.expired(table)
    found = [
        {**one.as_dict(), "signer": one.signer, "readable": one.id not in gone}
        for one in lake.snapshots(table)
    ]
    emit(found, as_json, title=f"Snapshots of {table}", columns=SNAPSHOT_COLUMNS)


@app.command()
def verify(
    table: Annotated[str | None, typer.Argument(help="One table; all when absent.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Prove the newest snapshot: signatures, metadata, and every byte of every part."""
    from bercail.lake import verify_tables

    with progress(as_json) as report:
        found = verify_tables(house().lake, table, report)
    emit([proof.as_dict() for proof in found], as_json, title="Proven")


@app.command()
def count(
    table: Table,
    snapshot: Annotated[str | None, typer.Option(help="A snapshot; the newest if absent.")] = None,
    as_of: Annotated[
        str | None, typer.Option(help="Only what was known on this day, or in this month.")
    ] = None,
    by: Clock = "arrival",
    as_json: JsonFlag = False,
) -> None:
    """Count the rows of a table from its files on the host; of now, or as known on a day."""
    from bercail.lake import count_known, count_rows
    from bercail.lake.history import parse_day

    lake = house().lake
    if as_of is None:
        emit({"table": table, "rows": count_rows(lake, table, snapshot)}, as_json)
        return
    day = parse_day(as_of)
    known = {"table": table, "as_of": day.isoformat(), "by": by}
    emit({**known, "rows": count_known(lake, table, day, by)}, as_json)


@app.command()
def orphans(older_than_hours: Hours = 24, as_json: JsonFlag = False) -> None:
    """List the files that interrupted deliveries left on the host."""
    found = house().lake.orphans(timedelta(hours=older_than_hours))
    emit([orphan.as_dict() for orphan in found], as_json, title="Orphans")


@app.command()
def sweep(older_than_hours: Hours = 24, as_json: JsonFlag = False) -> None:
    """Remove the files that `orphans` lists from the host."""
    here = house()
    removed = here.keeping.sweep(here.lake, timedelta(hours=older_than_hours), actor())
    emit([orphan.as_dict() for orphan in removed], as_json, title="Removed")


@app.command()
def reseal(
    table: Table,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Begin a key even if an earlier run is unfinished.")
    ] = False,
    keep_old: Annotated[
        bool, typer.Option("--keep-old", help="Leave the old keys alive at the end.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Seal every file of a table again under a new key, then destroy the old one; resumes."""
    here = house()
    with progress(as_json) as report:
        found = here.keeping.reseal(
            lambda: here.lake.files.resealing(table),
            actor(),
            new_key=new_key,
            destroy_old=not keep_old,
            progress=report,
        )
    emit(found.as_dict(), as_json, title="Sealed again")


@app.command(name="left-to-reseal")
def left_to_reseal(table: Table, as_json: JsonFlag = False) -> None:
    """List the files of a table that are not under its newest key, or not on the host."""
    left = house().lake.files.resealing(table).left()
    emit([one.as_dict() for one in left], as_json, title="Not under the newest key")


@app.command()
def diff(
    table: Table,
    before: Annotated[str, typer.Argument(metavar="FROM", help="A snapshot by its id.")],
    after: Annotated[str, typer.Argument(metavar="TO", help="Another one.")],
    as_json: JsonFlag = False,
) -> None:
    """Tell what changed between two snapshots: rows by delivery, parts, columns; counts only."""
    found = house().lake.history.diff(table, before, after)
    emit(found.as_dict(), as_json, title=f"Difference of {table}")


@app.command(name="as-of")
def as_of(table: Table, day: Day, by: Clock = "arrival", as_json: JsonFlag = False) -> None:
    """Show what was known of a table on a day: the snapshot and the deliveries to pin."""
    from bercail.lake.history import parse_day

    found = house().lake.history.known(table, parse_day(day), by)
    emit(found.as_dict(), as_json, title=f"{table} on {day}")


@app.command()
def compact(
    table: Table,
    target_mib: Annotated[int, typer.Option(min=1, help="Size of a part to aim at.")] = 128,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Join the small parts of neighbouring deliveries; former snapshots stay until expired."""
    here, target = house(), target_mib * 1024 * 1024
    if dry_run:
        groups = here.lake.compaction.plan(table, target)
        rows = [{"parts": len(g), "bytes": sum(part.size for part in g)} for g in groups]
        emit(rows, as_json, title="Parts to join", columns=("parts", "bytes"))
        return
    emit(here.keeping.compact(here.lake, table, target, actor()).as_dict(), as_json)


@app.command()
def expire(
    table: Table,
    older_than: Annotated[int, typer.Option(min=0, help="Days since the snapshot was signed.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Let old snapshots go, with the files that only they reach; never the newest one."""
    here, age = house(), timedelta(days=older_than)
    if dry_run:
        emit(list(here.lake.expiring.expirable(table, age)), as_json, title="Would be let go")
        return
    emit(here.keeping.expire(here.lake, table, age, actor()).as_dict(), as_json)


@app.command()
def erase(
    table: Table,
    reason: Reason,
    delivery: Annotated[str | None, typer.Option(help="Erase all rows of this delivery.")] = None,
    persons: Annotated[
        Path | None, typer.Option(help="Erase the rows of the pseudonyms in this file, one a line.")
    ] = None,
    column: Annotated[str, typer.Option(help="The column of the pseudonyms.")] = "BEN_NIR_PSA",
    request: Annotated[str, typer.Option(help="The number of the request, with --persons.")] = "",
    keep_keys: Annotated[
        bool, typer.Option("--keep-keys", help="Do not seal again: old copies stay openable.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Erase a delivery or persons from a table, for good; resumes; prints the certificate."""
    from bercail.lake.row_choice import chosen_rows

    rows = chosen_rows(delivery, persons, column, request)
    here = house()
    with progress(as_json) as report:
        made = here.keeping.erase(
            here.lake, table, rows, reason, actor(), destroy_keys=not keep_keys, progress=report
        )
    emit(made.as_dict(), as_json, title="Erased")


@app.command(name="open-copy")
def open_copy(
    table: Table,
    out: Annotated[Path, typer.Option(help="An empty folder, or one to make.")],
    reason: Reason,
    snapshot: Annotated[str | None, typer.Option(help="A snapshot; the newest if absent.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write a snapshot in clear, as a standard Iceberg table, for an exit."""
    from bercail.lake.open_copy import WARNING

    here = house()
    typer.echo(f"WARNING: {WARNING}", err=True)
    with progress(as_json) as report:
        made = here.keeping.open_copy(
            here.lake, table, out, reason, actor(), snapshot=snapshot, progress=report
        )
    emit(made.as_dict(), as_json, title="Opened")
