"""The reference of the silver tables, written from their definitions."""

from __future__ import annotations

from collections.abc import Iterator

from bercail.ingest.silver.concepts import CONCEPTS
from bercail.ingest.silver.definition import FIRST, LINEAGE, Concept
from bercail.ingest.silver.hospital_rules import SILVER_RULES
from bercail.ingest.silver.tables import sources_of

ABOUT = """One table of events per concept, made from bronze by `bercail silver build`. Rows are
ordered by (bucket, person, date, the other columns). A person is a number of this lake, never a
pseudonym. What the SNDS writes for `unknown` (1600, blanks) is empty here."""


def silver_page() -> str:
    """The page `docs/reference/silver-tables.md`: tables, columns, sources and rules."""
    parts = ["# Silver tables", ABOUT]
    for one in CONCEPTS.values():
        parts += [f"## `{one.table}`", f"{one.en[:1].upper()}{one.en[1:]}.", *_concept(one)]
    parts += ["## Rules", "\n".join(_rules())]
    return "\n\n".join(parts) + "\n"


def _concept(one: Concept) -> Iterator[str]:
    rows = [
        *((name, kind, told, "") for name, kind, told in FIRST),
        *((c.name, c.kind.value, c.en, _sources(one, c.name)) for c in one.columns),
        *((name, kind, told, "") for name, kind, told in LINEAGE),
    ]
    lines = [f"| `{name}` | {kind} | {told} | {source} |" for name, kind, told, source in rows]
    yield "\n".join(["| column | type | what it says | from |", "|---|---|---|---|", *lines])
    ways = [
        f"- *{branch.name}*: {', '.join(f'`{table}`' for table in branch.tables.values())}; "
        f"rules {', '.join(f'`{rule}`' for rule in branch.rules) or 'none'}"
        for branch in one.branches
    ]
    yield "\n".join(["Made from:", "", *ways])


def _sources(one: Concept, column: str) -> str:
    return ", ".join(f"`{source}`" for source in sources_of(one, column))


def _rules() -> Iterator[str]:
    used = dict.fromkeys(rule for one in CONCEPTS.values() for rule in one.rules)
    yield from (
        f"- `{rule}`: {SILVER_RULES[rule].en} ({SILVER_RULES[rule].source})" for rule in used
    )
