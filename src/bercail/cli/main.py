"""The program `bercail`: groups of commands, and what an error looks like."""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from bercail.cli import (
    access,
    airlock,
    catalogue,
    cohort,
    demo,
    door,
    holder,
    host,
    ingest,
    lake,
    ledger,
    migrate,
    rulebook,
    store,
    synth,
    vault,
)
from bercail.foundation import BercailError, Unavailable

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
    ("synth", synth),
    ("holder", holder),
    ("ingest", ingest),
    ("access", access),
    ("host", host),
    ("migrate", migrate),
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
        str | None, typer.Option("--as", help="The person who acts, as named in [people].")
    ] = None,
) -> None:
    """Options that every command shares."""
    door.choose(config=config, actor=actor)


def run() -> None:
    """Run the program; every error leaves with the exit code of its family."""
    try:
        app()
    except BercailError as error:
        fail(error)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            unexpected(error)
        fail(
            Unavailable(
                f"The disk that holds `{error.filename or 'the work folder'}` is full.",
                remedy="Free some space and run the same command again; it resumes.",
            )
        )
    except Exception as error:  # noqa: BLE001 - the last door: nothing may print a row's value
        unexpected(error)


def fail(error: BercailError) -> None:
    """Print `error` for a person, or as JSON when the command line asks for it; then leave."""
    if "--json" in sys.argv:
        sys.stderr.write(json.dumps(error.as_dict(), ensure_ascii=False) + "\n")
    else:
        rule = f" [{error.rule}]" if error.rule else ""
        sys.stderr.write(f"{error.family}{rule}: {error.message}\n")
        if error.remedy:
            sys.stderr.write(f"  {error.remedy}\n")
    sys.exit(error.exit_code)


def unexpected(error: BaseException) -> None:
    """Say where an unforeseen failure arose, without its text: it may hold a row's value."""
    if os.environ.get("BERCAIL_TRACEBACK"):
        traceback.print_exception(error)
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "bercail" in frame.filename] or frames
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "unknown place"
    sys.stderr.write(
        f"error: `{type(error).__name__}` at {place}; its text is withheld.\n"
        "  Run again with BERCAIL_TRACEBACK=1 on a machine without personal data to see it.\n"
    )
    sys.exit(1)


if __name__ == "__main__":
    run()
