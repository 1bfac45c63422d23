"""The program `bercail`: groups of commands, and what an error looks like."""

from __future__ import annotations

import errno
import json
import os
import signal
import sqlite3
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from bercail.cli import (
    access,
    airlock,
    catalogue,
    cohort,
    demo,
    door,
    erase,
    estate,
    holder,
    host,
    ingest,
    lake,
    ledger,
    ledger_refusals,
    migrate,
    persons,
    rulebook,
    silver,
    store,
    study,
    synth,
    vault,
)
from bercail.cli import exit as leave
from bercail.cli.starting import begin
from bercail.foundation import BercailError, Invalid, Missing, Unavailable

app = typer.Typer(
    name="bercail",
    help="Bring health data home, and open it to research on a host that cannot read it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
GROUPS = (
    ("store", store),
    ("vault", vault),
    ("catalogue", catalogue),
    ("lake", lake),
    ("ledger", ledger),
    ("cohort", cohort),
    ("study", study),
    ("synth", synth),
    ("holder", holder),
    ("ingest", ingest),
    ("persons", persons),
    ("silver", silver),
    ("access", access),
    ("host", host),
    ("migrate", migrate),
    ("estate", estate),
    ("erase", erase),
    ("exit", leave),
    ("airlock", airlock),
    ("rulebook", rulebook),
)
for name, group in GROUPS:
    app.add_typer(group.app, name=name)
app.command(name="demo")(demo.demo)


@app.callback()
def options(
    config: Annotated[
        Path | None, typer.Option("--config", help="Configuration file (default bercail.toml).")
    ] = None,
    actor: Annotated[
        str | None,
        typer.Option("--as", help="The person who acts, as the configuration names them."),
    ] = None,
) -> None:
    """Options that every command shares."""
    door.choose(config=config, actor=actor)


INTERRUPTED = 130  # 128 + SIGINT, as shells count
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def run() -> None:
    """Run the program; every error leaves with the exit code of its family."""
    begin()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _told_to_end)
    try:
        # Typer shows wrong usage in its own way, which no program can read.
        code = app(standalone_mode=not _wants_json())
    except BercailError as error:
        ledger_refusals.keep(error, [name for name, _ in GROUPS])
        fail(error)
    except TyperException as error:
        fail(Invalid(error.format_message(), remedy="See the same command with `--help`."))
    except SystemExit as leaving:
        code = leaving.code
    except Exception as error:  # noqa: BLE001 - the last door: nothing may print a row's value
        known = foreseen(error)
        if known is None:
            unexpected(error)
        else:
            fail(known)
    if code == INTERRUPTED:
        tell("interrupted", "You stopped it.", "Run the same command again; it resumes.")
    sys.exit(code)


def fail(error: BercailError) -> None:
    """Print `error` for a person, or as JSON when the command line asks for it; then leave."""
    tell(error.family, error.message, error.remedy, error.rule)
    sys.exit(error.exit_code)


def tell(family: str, message: str, remedy: str, rule: str | None = None) -> None:
    """Write what went wrong to standard error."""
    if _wants_json():
        told = {"error": family, "message": message, "remedy": remedy, "rule": rule}
        sys.stderr.write(json.dumps(told, ensure_ascii=False) + "\n")
        return
    shown = f" [{rule}]" if rule else ""
    sys.stderr.write(f"{family}{shown}: {message}\n")
    if remedy:
        sys.stderr.write(f"  {remedy}\n")


def foreseen(error: BaseException) -> BercailError | None:
    """The family of an error that a library raised and that no room could word better."""
    if _is_disk_full(error):
        name = getattr(error, "filename", None)
        return Unavailable(
            f"The disk that holds `{name}` is full." if name else "The disk is full.",
            remedy="Free some space and run the same command again; it resumes.",
        )
    if isinstance(error, sqlite3.OperationalError):
        name = getattr(error, "sqlite_errorname", "no code")
        return Unavailable(
            f"A database of the trust side does not answer ({name}).",
            remedy="Check the disk's room and the permissions, then run the same command again.",
        )
    if isinstance(error, FileNotFoundError) and error.filename:
        return Missing(f"There is no `{error.filename}`.", remedy="Check the path.")
    if isinstance(error, OSError) and error.filename:
        return Invalid(
            f"`{error.filename}` cannot be used: {os.strerror(error.errno or 0).lower()}.",
            remedy="Check the path and its permissions.",
        )
    return None


def _is_disk_full(error: BaseException | None) -> bool:
    """Whether a full disk is behind `error`, whichever library says so."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def unexpected(error: BaseException) -> None:
    """Say where an unforeseen failure arose, without its text: it may hold a row's value."""
    if os.environ.get("BERCAIL_TRACEBACK"):
        traceback.print_exception(error)
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "bercail" in frame.filename] or frames
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "unknown place"
    tell(
        "error",
        f"`{type(error).__name__}` at {place}; its text is withheld.",
        "Run again with BERCAIL_TRACEBACK=1 on a machine without personal data to see it.",
    )
    sys.exit(1)


def _wants_json() -> bool:
    return "--json" in sys.argv


def _told_to_end(number: int, _: FrameType | None) -> Any:
    """Leave as after an error, so that servers and locks are let go of."""
    sys.exit(128 + number)


if __name__ == "__main__":
    run()
