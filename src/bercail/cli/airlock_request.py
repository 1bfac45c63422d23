"""A request on a terminal: what stands, then what checkers must judge, file by file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bercail.cli.door import emit

LEARNT = "What an attacker could still learn"
INTERVALS = ("cell", "value", "status", "rules", "attacker", "informed_attacker", "insider")
_COUNTS = ("cell", "persons", "status", "attacker", "informed_attacker")
_APART = frozenset({"files", "cells", "findings", "differencing"})
"""What is told after the table of the request; `--json` has all of it in one."""


def emit_request(shown: Mapping[str, Any], as_json: bool, title: str) -> None:
    """Show a request as `Records.show` tells it, in an order that a checker can read."""
    files = shown.get("files", [])
    judged = [one for one in files if "inspection" in one]
    if as_json or not (judged or "cells" in shown):
        emit(shown, as_json, title=title)
        return
    emit({name: part for name, part in shown.items() if name not in _APART}, False, title=title)
    for one in judged:
        emit(one, False, lines=file_lines(one))
        told = one["disclosure"] or {}
        _cells(told.get("cells", []), f"{one['name']}: {LEARNT.lower()}", INTERVALS)
    emit(shown, False, lines=finding_lines(shown.get("findings", [])))
    hidden = [cell for cell in shown.get("cells", []) if cell.get("status") != "shown"]
    _cells(hidden, LEARNT, _COUNTS)
    for name, verdict in shown.get("differencing", {}).items():
        emit(verdict, False, lines=guard_lines(name, verdict))


def _cells(rows: list[Any], title: str, columns: tuple[str, ...]) -> None:
    if rows:
        emit(rows, False, title=title, columns=columns)


def file_lines(one: Mapping[str, Any]) -> list[str]:
    """What was found in one file of a request; no value of it."""
    seen, told = one["inspection"], one["disclosure"] or {}
    verdict = f", {told['verdict']}" if "verdict" in told else ""
    lines = [f"{one['name']}: {seen['kind']}, {one['role']}{verdict}"]
    # Of a schema, which does not leave as it is, only what blocks is a matter.
    declares = one["role"] == "declares"
    remarks = [it for it in seen["remarks"] if not declares or it["severity"] == "blocking"]
    lines += [f"  {text}" for text in finding_lines(remarks)]
    lines += [f"  {text}" for text in finding_lines(told.get("findings", []))]
    lines += [f"  {rule['id']}: {rule['en']} / {rule['fr']}" for rule in told.get("rules", [])]
    return lines + [f"  for people: {reason}" for reason in told.get("people", [])]


def finding_lines(findings: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Each finding with its places, and with its French where it has one."""
    for one in findings:
        said = " / ".join(text for text in (one["message"], one.get("message_fr")) if text)
        where = f" ({'; '.join(one['places'][:3])})" if one.get("places") else ""
        yield f"{one['severity']}: {said}{where}"


def guard_lines(name: str, verdict: Mapping[str, Any]) -> list[str]:
    """What the differencing guard says of the tables of one file."""
    from bercail.airlock.view import folded_reasons

    lines = [f"{name}: compared with {verdict['releases']} earlier releases"]
    lines += [f"  breach: {breach}" for breach in verdict["breaches"]]
    return lines + [f"  for people: {reason}" for reason in folded_reasons(verdict["people"])]
