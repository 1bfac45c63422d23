"""What the commands of the ledger that speak with the outside share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bercail.cli.door import emit
from bercail.foundation import Invalid

if TYPE_CHECKING:
    from bercail.ledger.http_door import HttpDoor

Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.")]


def run(door: HttpDoor, as_json: bool) -> None:
    """Say where `door` answers, and serve until stopped."""
    emit({"serving": door.url}, as_json, lines=[f"serving on {door.url}"])
    try:
        door.serve_forever()
    except KeyboardInterrupt:
        emit({"serving": None}, as_json, lines=["stopped"])
    finally:
        door.server_close()


def read_file(path: Path) -> bytes:
    """The content of a file that the user named; raises Invalid when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        raise Invalid(f"`{path}` cannot be read.", remedy="Check that the file is there.") from None
