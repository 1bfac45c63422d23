"""Commands on the ledger: read it, publish its log, check it, prove one event."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from bercail.cli import ledger_incident, ledger_staff, ledger_watching, ledger_witness
from bercail.cli.door import JsonFlag, emit, house
from bercail.cli.ledger_public import Host, Port, read_file, run
from bercail.foundation import Unavailable

app = typer.Typer(help="What happened, in order, provably.", no_args_is_help=True)
app.add_typer(ledger_witness.app, name="witness")
app.add_typer(ledger_staff.app, name="staff")
app.add_typer(ledger_incident.app, name="incident")
app.add_typer(ledger_watching.alarms, name="alarm")
app.add_typer(ledger_watching.halts, name="halt")


@app.command()
def history(
    prefix: Annotated[str, typer.Argument(help="Only streams that begin with this.")] = "",
    limit: Annotated[int, typer.Option(help="How many events, the last ones.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """Show the last events, oldest first."""
    records = [record.as_dict() for record in house().ledger.history(prefix, limit)]
    lines = [
        f"{r['position']:>6}  {r['at'][:19]}  {r['kind']:<24} {r['actor']:<12} {r['stream']}"
        for r in records
    ]
    emit(records, as_json, lines=lines)


@app.command()
def publish(
    keys: Annotated[
        Path | None, typer.Option(help="Also write the keys file that verifiers need here.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Bring the published log up to the journal, cosigned where a witness policy stands."""
    head = house().ledger.publish(keys).as_dict()
    told = head.get("witnesses", [])
    if told and not as_json:
        head["witnesses"] = ", ".join(f"{one['witness']}: {one['answer']}" for one in told)
    emit(head, as_json, title="Published log")


@app.command()
def export(
    target: Annotated[Path, typer.Argument(help="Where to write the events, one line each.")],
    as_json: JsonFlag = False,
) -> None:
    """Write every event with its salt to a file, as confidential as the journal itself."""
    emit({"file": str(target), "events": house().ledger.export(target)}, as_json)


@app.command()
def verify(
    log: Annotated[Path | None, typer.Option(help="Another log folder than this house's.")] = None,
    keys: Annotated[Path | None, typer.Option(help="The keys file, obtained apart.")] = None,
    export: Annotated[Path | None, typer.Option(help="Check this export against the log.")] = None,
    earlier: Annotated[
        list[Path] | None, typer.Option(help="A checkpoint kept from before; repeatable.")
    ] = None,
    stamp_roots: Annotated[
        Path | None, typer.Option(help="Also check the time stamp of the head, by these roots.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Recompute the log from its raw files; refuse at the first place that does not hold."""
    ledger = house().ledger
    report = ledger.verify(log_dir=log, keys=keys, export=export, earlier=earlier or ())
    if stamp_roots is not None:
        from bercail.ledger.stamping import check_stamp

        stamped = check_stamp(log or ledger.log_dir, read_file(stamp_roots))
        report["stamped_at"] = stamped["stamped_at"]
    emit(report, as_json, title="The ledger holds")


@app.command()
def stamp(
    authority: Annotated[str, typer.Argument(help="The address of an RFC 3161 authority.")],
    roots: Annotated[Path, typer.Option(help="Its root certificates (PEM), obtained apart.")],
    as_json: JsonFlag = False,
) -> None:
    """Have the published head stamped by a time-stamping authority, and keep the stamp."""
    from bercail.ledger.stamping import stamp_head

    emit(stamp_head(house().ledger.log_dir, authority, read_file(roots)), as_json, title="Stamped")


@app.command()
def watch(
    source: Annotated[str, typer.Argument(help="The address or the folder of a published log.")],
    keys: Annotated[Path, typer.Option(help="The keys file of the log, obtained apart.")],
    kept: Annotated[Path, typer.Option(help="The folder where what is seen is kept.")],
    every: Annotated[
        int, typer.Option(help="Look again after so many seconds, until stopped; 0 looks once.")
    ] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Look at a log from outside; refuse when it contradicts what was seen before."""
    from bercail.ledger.watching import Watcher, fetcher

    watcher = Watcher(fetch=fetcher(source), keys=keys, kept=kept)
    emit(watcher.look(), as_json, title="The log continues what was seen")
    while every > 0:
        time.sleep(every)
        try:
            emit(watcher.look(), as_json, title="The log continues what was seen")
        except Unavailable as silence:
            typer.echo(str(silence), err=True)


@app.command()
def site(
    target: Annotated[Path, typer.Argument(help="The folder of the public site.")],
    as_json: JsonFlag = False,
) -> None:
    """Write the log as a folder of plain files, with a page in English and French."""
    from bercail.ledger.site import build_site

    ledger = house().ledger
    emit(build_site(ledger.log_dir, ledger.public_keys(), target), as_json, title="Public site")


@app.command()
def serve(
    folder: Annotated[Path, typer.Argument(help="The folder of a public site, or of a log.")],
    host: Host = "127.0.0.1",
    port: Port = 8350,
    as_json: JsonFlag = False,
) -> None:
    """Serve a public site or a log, read only, until stopped; TLS is for a server before it."""
    from bercail.ledger.site import site_door

    run(site_door(folder, host, port), as_json)


@app.command()
def prove(
    position: Annotated[int, typer.Argument(help="The position of the event.")],
    out: Annotated[
        Path | None, typer.Option(help="Write the proof to this file (.tlog-proof).")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Prove one event, to somebody who has the keys and nothing else."""
    proof = house().ledger.prove(position, out)
    emit({"position": position, "proof": proof}, as_json, lines=proof.splitlines())
