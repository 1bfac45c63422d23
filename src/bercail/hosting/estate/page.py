"""The assessment as one self-contained page: no script, no network, everything escaped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from bercail.foundation import Invalid
from bercail.hosting.estate import words
from bercail.hosting.estate.assessment import Assessment, Judged, Obstacle
from bercail.hosting.estate.picture import dependency_graph
from bercail.hosting.estate.words import Language, word

_STYLE = """
:root{--ink:#1d2433;--soft:#5b6578;--line:#dfe3ec;--red:#b3261e;--wash:#f6f7fa}
body{font:15px/1.5 Arial,'Liberation Sans',sans-serif;color:var(--ink);margin:0 auto;
max-width:1120px;padding:28px 20px 80px}
h1{font-size:27px;margin:0 0 4px}h2{font-size:19px;margin:38px 0 8px}
p{margin:4px 0 10px;color:var(--soft)}table{border-collapse:collapse;width:100%;font-size:13.5px}
th{text-align:left;border-bottom:2px solid var(--line);padding:6px 8px;font-weight:600}
td{border-bottom:1px solid var(--line);padding:6px 8px;vertical-align:top;
overflow-wrap:anywhere}td{min-width:5.6rem}
.tiles{display:flex;flex-wrap:wrap;gap:10px;margin:18px 0}.tiles div{background:var(--wash);
border-radius:8px;padding:10px 16px}.tiles b{display:block;font-size:22px}
.stop td:first-child{border-left:4px solid var(--red)}.wide{overflow-x:auto}
small{color:var(--soft)}
"""
_MOST_NAMES = 6


def write_page(assessment: Assessment, path: Path, language: Language) -> None:
    """Write the page to `path`.

    Raises:
        Invalid: the file cannot be written.
    """
    try:
        path.write_text(page(assessment, language), encoding="utf-8")
    except OSError as error:
        raise Invalid(
            f"Cannot write `{path}`: {error.strerror}.", remedy="Check the path."
        ) from error


def page(assessment: Assessment, language: Language) -> str:
    """The page as HTML."""
    critical = [one for one in assessment.obstacles if one.critical]
    others = [one for one in assessment.obstacles if not one.critical]
    picture = dependency_graph(assessment, language)
    sections = [
        _section("blockers", _obstacles(critical, language), language),
        _section("unknowns", _unknown(assessment, language), language),
        _section("sorts", _sorts(assessment, language), language),
        _section(
            "graph", f"<p>{_text('legend', language)}</p><div class=wide>{picture}</div>", language
        ),
        _section("order", _order(assessment, language), language),
        _section("gravity", _gravity(assessment, language), language),
        _section("access", _access(assessment, language), language),
        _section("flags", _flags(assessment, language), language),
        _section("cautions", _obstacles(others, language), language),
        _section("notices", _notices(assessment, language), language),
        _section("exports", _exports(assessment, language), language),
    ]
    title = _text("title", language)
    # The policy stops a browser from fetching anything, whatever a name in an export holds.
    return (
        f'<!doctype html><html lang="{language.value}"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{title}</h1>{_tiles(assessment, language)}{''.join(sections)}</body></html>\n"
    )


def _text(key: str, language: Language) -> str:
    return escape(word(key, language))


def _section(key: str, body: str, language: Language) -> str:
    return f'<section id="{key}"><h2>{_text(key, language)}</h2>{body}</section>'


def _tiles(assessment: Assessment, language: Language) -> str:
    told = assessment.summary()
    tiles = [
        (str(told["resources"]), "resources"),
        (str(told["blockers"]), "blockers"),
        (str(told["unknown"]), "unknowns"),
        (words.size(told["bytes_used"] + told["bytes_capacity"], language), "durable"),
        *[(str(count), work) for work, count in told["by_work"].items() if work != "unknown"],
    ]
    shown = "".join(f"<div><b>{escape(v)}</b>{_text(key, language)}</div>" for v, key in tiles)
    return f"<div class=tiles>{shown}</div>"


def _table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], language: Language, mark: str = ""
) -> str:
    """A table of plain texts; every cell is escaped here and nowhere else."""
    cells = ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    if not cells:
        return f"<p>{_text('nothing', language)}</p>"
    head = "".join(f"<th scope=col>{_text(key, language)}</th>" for key in heads)
    body = "".join(cells)
    return f"<table class='{mark}'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _obstacles(found: Sequence[Obstacle], language: Language) -> str:
    rows = [
        (
            one.judged.resource.name,
            one.judged.entry.name[language.value] if one.judged.entry else "",
            word(one.kind.value, language),
            one.why[language.value],
            _names(one.needed_by) or word("nobody", language),
        )
        for one in found
    ]
    return _table(("name", "sort", "kind", "why", "needed by"), rows, language, "stop")


def _unknown(assessment: Assessment, language: Language) -> str:
    rows = [(kind, str(len(ids)), _names(ids)) for kind, ids in assessment.unknown.items()]
    return _table(("type", "count", "name"), rows, language)


def _sorts(assessment: Assessment, language: Language) -> str:
    by_sort: dict[str, list[Judged]] = defaultdict(list)
    for one in assessment.judged:
        if one.entry:
            by_sort[one.entry.key].append(one)
    rows = []
    for found in by_sort.values():
        entry = found[0].entry
        if entry is None:
            continue
        sizes = [one.resource.bytes for one in found if one.resource.bytes is not None]
        rows.append(
            (
                entry.name[language.value],
                str(len(found)),
                word(entry.work.value, language),
                word(entry.target.value, language),
                word(entry.holds.value, language),
                words.size(sum(sizes), language) if sizes else "",
                entry.evidence[language.value],
                " ; ".join(text[language.value] for text in entry.alternatives),
            )
        )
    heads = ("sort", "count", "work", "target", "holds", "bytes", "evidence", "alternatives")
    return _table(heads, sorted(rows), language)


def _order(assessment: Assessment, language: Language) -> str:
    sorts = {
        one.resource.id: (one.resource.name, one.entry.name[language.value] if one.entry else "?")
        for one in assessment.judged
    }
    rows: list[Sequence[str]] = []
    alone: dict[tuple[int, str], list[str]] = defaultdict(list)
    for step in assessment.order:
        if step.is_circle:
            names = ", ".join(sorted(sorts[own][0] for own in step.members))
            rows.append((str(step.stage), word("together", language), names))
        else:
            name, sort = sorts[step.members[0]]
            alone[step.stage, sort].append(name)
    rows += [
        (str(stage), f"{sort} ({len(names)})", ", ".join(sorted(names)))
        for (stage, sort), names in alone.items()
    ]
    rows.sort(key=lambda row: (int(row[0]), row[1]))
    return _table(("stage", "sort", "name"), rows, language)


def _gravity(assessment: Assessment, language: Language) -> str:
    rows = [
        (
            one.judged.resource.name,
            one.judged.entry.name[language.value] if one.judged.entry else "",
            words.size(one.judged.resource.bytes, language),
            word(one.judged.resource.basis or "", language),
            str(one.followers),
        )
        for one in assessment.gravity
    ]
    return _table(("name", "sort", "bytes", "kind", "needed by"), rows, language)


def _access(assessment: Assessment, language: Language) -> str:
    rows = [
        (
            one.role,
            word(one.level.value, language),
            *map(str, (one.principals, one.users, one.groups, one.programs, one.guests)),
        )
        for one in assessment.access.roles
    ]
    heads = ("role", "level", "principals", "users", "groups", "programs", "guests")
    return _table(heads, rows, language)


def _flags(assessment: Assessment, language: Language) -> str:
    rows = [
        (word(one.rule, language), one.principal, one.domain or "", one.role, one.scope)
        for one in assessment.access.flags
    ]
    return _table(("why", "account", "domain", "role", "scope"), rows, language)


def _notices(assessment: Assessment, language: Language) -> str:
    rows = [
        (one.place, words.notice(one.rule, one.values, language))
        for one in assessment.inventory.notices
    ]
    return _table(("place", "why"), rows, language)


def _exports(assessment: Assessment, language: Language) -> str:
    return _table(("file", "kind"), assessment.inventory.sources, language)


def _names(ids: Sequence[str]) -> str:
    shown = ", ".join(own.rsplit("/", 1)[-1] for own in ids[:_MOST_NAMES])
    return f"{shown} … ({len(ids)})" if len(ids) > _MOST_NAMES else shown
