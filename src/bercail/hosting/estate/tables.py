"""The assessment as a few tables for a terminal, blockers first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from bercail.hosting.estate import words
from bercail.hosting.estate.assessment import Assessment, Judged, Obstacle
from bercail.hosting.estate.words import Language, word

_MOST_NAMES = 3


@frozen(kw_only=True)
class Shown:
    """One table: its title, its columns, and rows by column."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]


def tables(assessment: Assessment, language: Language) -> list[Shown]:
    """The tables; those that would be empty are left out, except the blockers."""
    critical = [one for one in assessment.obstacles if one.critical]
    found = [
        _table("blockers", ("name", "sort", "why", "needed by"), _obstacles(critical, language)),
        _table("unknowns", ("type", "count", "name"), _unknown(assessment)),
        _table("sorts", ("sort", "count", "work", "target", "bytes"), _sorts(assessment)),
        _table("order", ("stage", "sort", "count"), _order(assessment, language)),
        _table("gravity", ("name", "sort", "bytes", "needed by"), _gravity(assessment)),
        _table("access", ("role", "level", "principals", "guests"), _access(assessment, language)),
        _table("flags", ("why", "account", "role", "scope"), _flags(assessment, language)),
        _table("notices", ("place", "why"), _notices(assessment, language)),
    ]
    return [_worded(one, language) for one in found if one.rows or one.title == "blockers"]


def _table(title: str, columns: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> Shown:
    return Shown(
        title=title,
        columns=columns,
        rows=tuple(dict(zip(columns, row, strict=True)) for row in rows),
    )


def _worded(table: Shown, language: Language) -> Shown:
    """Titles, columns and codes in the language of the reader."""
    shown = [
        {word(column, language): _cell(column, value, language) for column, value in row.items()}
        for row in table.rows
    ]
    return Shown(
        title=word(table.title, language) if shown else f"{word(table.title, language)}: 0",
        columns=tuple(word(column, language) for column in table.columns),
        rows=tuple(shown),
    )


def _cell(column: str, value: Any, language: Language) -> Any:
    if column == "bytes":
        return words.size(value, language)
    if column in {"work", "target"}:
        return word(value, language)
    if column == "sort" and isinstance(value, Judged):
        return value.entry.name[language.value] if value.entry else word("unknown", language)
    return value


def _obstacles(found: Sequence[Obstacle], language: Language) -> list[Sequence[Any]]:
    return [
        (one.judged.resource.name, one.judged, one.why[language.value], _names(one.needed_by))
        for one in found
    ]


def _unknown(assessment: Assessment) -> list[Sequence[Any]]:
    return [(kind, len(ids), _names(ids)) for kind, ids in assessment.unknown.items()]


def _sorts(assessment: Assessment) -> list[Sequence[Any]]:
    found: dict[str, list[Judged]] = defaultdict(list)
    for one in assessment.judged:
        if one.entry:
            found[one.entry.key].append(one)
    rows = []
    for members in found.values():
        sizes = [one.resource.bytes for one in members if one.resource.bytes is not None]
        held = sum(sizes) if sizes else None
        first = members[0]
        rows.append((first, len(members), first.work.value, first.target.value, held))
    return sorted(rows, key=lambda row: (row[2], -row[1]))


def _order(assessment: Assessment, language: Language) -> list[Sequence[Any]]:
    by_id = {one.resource.id: one for one in assessment.judged}
    rows: dict[tuple[int, str], int] = defaultdict(int)
    for step in assessment.order:
        for own in step.members:
            entry = by_id[own].entry
            name = entry.name[language.value] if entry else word("unknown", language)
            if step.is_circle:
                name = f"{name} ({word('together', language)})"
            rows[step.stage, name] += 1
    return [(stage, name, count) for (stage, name), count in sorted(rows.items())]


def _gravity(assessment: Assessment) -> list[Sequence[Any]]:
    return [
        (one.judged.resource.name, one.judged, one.judged.resource.bytes, one.followers)
        for one in assessment.gravity
    ]


def _access(assessment: Assessment, language: Language) -> list[Sequence[Any]]:
    return [
        (one.role, word(one.level.value, language), one.principals, one.guests)
        for one in assessment.access.roles
    ]


def _flags(assessment: Assessment, language: Language) -> list[Sequence[Any]]:
    return [
        (word(one.rule, language), one.principal, one.role, one.scope)
        for one in assessment.access.flags
    ]


def _notices(assessment: Assessment, language: Language) -> list[Sequence[Any]]:
    return [
        (one.place, words.notice(one.rule, one.values, language))
        for one in assessment.inventory.notices
    ]


def _names(ids: Sequence[str]) -> str:
    shown = ", ".join(own.rsplit("/", 1)[-1] for own in ids[:_MOST_NAMES])
    return f"{shown} … ({len(ids)})" if len(ids) > _MOST_NAMES else shown
