"""Commands of the lake: which tables there are, and whether they are what was signed."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from bercail.cli.door import JsonFlag, emit, house, progress

app = typer.Typer(help="Sealed tables: list, count and prove them.", no_args_is_help=True)

SNAPSHOT_COLUMNS = ("table", "delivery", "rows", "parts", "statement_digest", "at")

Table = Annotated[str, typer.Argument(help="A table of the catalogue, as ER_PRS_F.")]
Hours = Annotated[int, typer.Option(min=0, help="Only files begun more than this long ago.")]


@app.command()
def tables(as_json: JsonFlag = False) -> None:
    """List the tables of the lake with their newest snapshot."""
    lake = house().lake
    rows = [lake.snapshot(name).as_dict() for name in lake.tables()]
    emit(rows, as_json, title="Tables", columns=SNAPSHOT_COLUMNS)


@app.command()
def snapshots(table: Table, as_json: JsonFlag = False) -> None:
    """List the signed snapshots of a table, oldest first."""
    found = [snapshot.as_dict() for snapshot in house().lake.snapshots(table)]
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
def count(table: Table, as_json: JsonFlag = False) -> None:
    """Count the rows of a table from its files on the host."""
    from bercail.lake import count_rows

    emit({"table": table, "rows": count_rows(house().lake, table)}, as_json)


@app.command()
def orphans(older_than_hours: Hours = 24, as_json: JsonFlag = False) -> None:
    """List the files that interrupted deliveries left on the host."""
    found = house().lake.orphans(timedelta(hours=older_than_hours))
    emit([orphan.as_dict() for orphan in found], as_json, title="Orphans")


@app.command()
def sweep(older_than_hours: Hours = 24, as_json: JsonFlag = False) -> None:
    """Remove the files that `orphans` lists from the host."""
    removed = house().lake.remove_orphans(timedelta(hours=older_than_hours))
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
    with progress(as_json) as report:
        found = (
            house()
            .lake.files.resealing(table)
            .run(new_key=new_key, destroy_old=not keep_old, progress=report)
        )
    emit(found.as_dict(), as_json, title="Sealed again")


@app.command(name="left-to-reseal")
def left_to_reseal(table: Table, as_json: JsonFlag = False) -> None:
    """List the files of a table that are not under its newest key, or not on the host."""
    left = house().lake.files.resealing(table).left()
    emit([one.as_dict() for one in left], as_json, title="Not under the newest key")
