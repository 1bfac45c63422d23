"""Commands of alarms and of the order to halt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bercail.cli.door import JsonFlag, actor, emit, house

if TYPE_CHECKING:
    from bercail.ledger.alarms import AlarmDesk
    from bercail.ledger.halting import HaltBook

alarms = typer.Typer(help="What somebody must look at today.", no_args_is_help=True)
halts = typer.Typer(help="Stop everything of a project at once.", no_args_is_help=True)

Project = Annotated[str, typer.Argument(help="The project.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, without names of persons.")]
_COLUMNS = ("alarm", "rule", "subject", "raised_at", "escalated")


def _alarms() -> AlarmDesk:
    from bercail.ledger.alarms import AlarmDesk

    return AlarmDesk(ledger=house().ledger)


def _halts() -> HaltBook:
    from bercail.ledger.halting import HaltBook

    return HaltBook(ledger=house().ledger)


@alarms.command()
def look(as_json: JsonFlag = False) -> None:
    """Read the journal and the roles of everyone; raise what is new, show what waits."""
    people = {
        name: sorted(role.value for role in person.roles)
        for name, person in house().config.people.items()
    }
    found = [one.as_dict() for one in _alarms().look(people, actor())]
    emit(found, as_json, title="Alarms that wait", columns=_COLUMNS)


@alarms.command(name="list")
def list_alarms(as_json: JsonFlag = False) -> None:
    """Every alarm ever raised, the oldest first."""
    found = [one.as_dict() for one in _alarms().all()]
    emit(found, as_json, title="Alarms", columns=(*_COLUMNS, "acknowledged_by"))


@alarms.command()
def acknowledge(
    alarm: Annotated[str, typer.Argument(help="The id of the alarm.")],
    finding: Annotated[str, typer.Option("--finding", help="What was found.")],
    as_json: JsonFlag = False,
) -> None:
    """Say what was found about an alarm."""
    found = [one.as_dict() for one in _alarms().acknowledge(alarm, finding, actor())]
    emit(found, as_json, title="Alarms that wait", columns=_COLUMNS)


@halts.command()
def order(project: Project, reason: Reason, as_json: JsonFlag = False) -> None:
    """Halt PROJECT: nothing of it leaves, and what runs for it ends."""
    _halts().halt(project, reason, actor())
    emit({"project": project, "halted": True}, as_json, title=project)


@halts.command()
def resume(project: Project, reason: Reason, as_json: JsonFlag = False) -> None:
    """Lift the order."""
    _halts().resume(project, reason, actor())
    emit({"project": project, "halted": False}, as_json, title=project)


@halts.command(name="list")
def list_halts(as_json: JsonFlag = False) -> None:
    """The projects that are halted now."""
    emit([{"project": name} for name in _halts().halted()], as_json, title="Halted projects")
