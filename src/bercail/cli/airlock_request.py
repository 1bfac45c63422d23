"""A request on a terminal: what stands, then what checkers must judge, file by file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bercail.cli.airlock_words import NEXT, ROLES_FR, tell, tell_rows
from bercail.cli.door import emit

LEARNT = "What an attacker could still learn / Ce qu'un attaquant pourrait encore apprendre"
INTERVALS = ("cell", "value", "status", "rules", "attacker", "informed_attacker", "insider")
_COUNTS = ("cell", "persons", "status", "attacker", "informed_attacker")
_APART = frozenset({"files", "cells", "findings", "differencing"})
"""What is told after the table of the request; `--json` has all of it in one."""


def emit_request(shown: Mapping[str, Any], as_json: bool, title: str) -> None:
    """Show a request as `Records.show` tells it, in an order that a checker can read."""
    files = shown.get("files", [])
    judged = [one for one in files if "inspection" in one]
    if as_json:
        emit(shown, True)
        return
    if not (judged or "cells" in shown):
        tell(shown, False, title)
        _next(shown)
        return
    tell({name: part for name, part in shown.items() if name not in _APART}, False, title)
    for one in judged:
        emit(one, False, lines=file_lines(one))
        told = one["disclosure"] or {}
        told_cells(told.get("cells", []), f"{one['name']}: {LEARNT.lower()}")
    emit(shown, False, lines=finding_lines(shown.get("findings", [])))
    hidden = [cell for cell in shown.get("cells", []) if cell.get("status") != "shown"]
    told_cells(hidden, LEARNT, _COUNTS)
    for name, verdict in shown.get("differencing", {}).items():
        emit(verdict, False, lines=guard_lines(name, verdict))
    _next(shown)


def _next(shown: Mapping[str, Any]) -> None:
    """What follows, for whose turn it is."""
    if text := NEXT.get(shown["state"]):
        emit(shown, False, lines=[text.format(shown["request"])])


def told_cells(rows: list[Any], title: str, columns: tuple[str, ...] = INTERVALS) -> None:
    """The cells that are not shown as they are, if there are any."""
    if rows:
        tell_rows(rows, False, title, columns)


def file_lines(one: Mapping[str, Any]) -> list[str]:
    """What was found in one file of a request; no value of it."""
    from bercail.airlock.disclosure.findings import FOR_PEOPLE, VERDICTS_FR
    from bercail.airlock.inspection.kinds import KINDS_FR, Kind

    seen, told = one["inspection"], one["disclosure"] or {}
    en, fr = [seen["kind"], one["role"]], [KINDS_FR[Kind(seen["kind"])], ROLES_FR[one["role"]]]
    if "verdict" in told:
        en, fr = [*en, told["verdict"]], [*fr, VERDICTS_FR[told["verdict"]]]
    lines = [f"{one['name']}: {', '.join(en)} / {', '.join(fr)}"]
    # Of a schema, which does not leave as it is, only what blocks is a matter.
    declares = one["role"] == "declares"
    remarks = [it for it in seen["remarks"] if not declares or it["severity"] == "blocking"]
    lines += [f"  {text}" for text in finding_lines(remarks)]
    lines += [f"  {text}" for text in finding_lines(told.get("findings", []))]
    lines += [f"  {rule['id']}: {rule['en']} / {rule['fr']}" for rule in told.get("rules", [])]
    return lines + [f"  {FOR_PEOPLE.format(reason)}" for reason in told.get("people", [])]


def finding_lines(findings: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Each finding with its places, in both languages."""
    from bercail.airlock.disclosure.findings import severity_label
    from bercail.airlock.inspection.remarks import told

    for one in findings:
        yield f"{severity_label(one['severity'])}: {told(one)}"


def guard_lines(name: str, verdict: Mapping[str, Any]) -> list[str]:
    """What the differencing guard says of the tables of one file."""
    from bercail.airlock.disclosure.findings import FOR_PEOPLE
    from bercail.airlock.view import folded_reasons

    many = verdict["releases"]
    lines = [
        f"{name}: compared with {many} earlier releases / comparé à {many} sorties antérieures"
    ]
    lines += [_BREACH.format(breach) for breach in verdict["breaches"]]
    reasons = folded_reasons(verdict["people"])
    return lines + [f"  {FOR_PEOPLE.format(reason)}" for reason in reasons]


_BREACH = "  breach / rupture: {0}"
