"""Commands of an incident: what must be told to the authorities by when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bercail.cli.door import JsonFlag, actor, emit, house
from bercail.foundation import Invalid, from_iso, to_iso

if TYPE_CHECKING:
    from bercail.ledger.incidents import Deadline, IncidentDesk

app = typer.Typer(help="The time limits of an incident.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The name of the incident, without names of persons.")]


def _desk() -> IncidentDesk:
    from bercail.ledger.incidents import IncidentDesk

    return IncidentDesk(ledger=house().ledger)


def _shown(found: Sequence[tuple[str, Deadline]]) -> list[dict[str, Any]]:
    return [
        {
            "incident": name,
            "step": deadline.step.value,
            "due": to_iso(deadline.due),
            "told": to_iso(deadline.told) if deadline.told else None,
            "late": deadline.late,
        }
        for name, deadline in found
    ]


@app.command("open")
def open_incident(
    name: Name,
    known: Annotated[
        str, typer.Option(help="Since when it is known here: `2026-11-21T22:46:15.000000Z`; now.")
    ] = "",
    as_json: JsonFlag = False,
) -> None:
    """Open an incident: 24 hours to warn, 72 to notify, a month to report."""
    desk = _desk()
    try:
        since = from_iso(known) if known else desk.ledger.clock.now()
    except ValueError:
        raise Invalid(
            f"`{known}` is not a moment.", remedy="Write it as `2026-11-21T22:46:15.000000Z`."
        ) from None
    emit(_shown([(name, step) for step in desk.open(name, since, actor())]), as_json)


@app.command()
def tell(
    name: Name,
    step: Annotated[
        Literal["early-warning", "notification", "final-report"],
        typer.Argument(help="What was told to the authorities."),
    ],
    as_json: JsonFlag = False,
) -> None:
    """Record that a step was told to the authorities, now."""
    from bercail.ledger.incidents import Step

    emit(_shown([(name, one) for one in _desk().tell(name, Step(step), actor())]), as_json)


@app.command()
def due(as_json: JsonFlag = False) -> None:
    """Show what is still to be told, the most pressing first."""
    emit(_shown(_desk().due()), as_json)
