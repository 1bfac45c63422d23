"""Any file of tables, checked as the airlock would: protected, audited, explained.

1. The file is read as typed tables; what is not understood goes to people, with the reason.
2. Tables in which the author withheld cells already are audited as they are.
3. The others are protected, by suppression or by rounding as their schema says, and audited.
4. Rules that need what the file does not say, and findings of the reader, are listed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from attrs import field, frozen

from bercail.airlock.disclosure.audit import Audit, audit_tables
from bercail.airlock.disclosure.check import read_file
from bercail.airlock.disclosure.counts import ALL_LABEL, Key
from bercail.airlock.disclosure.findings import FOR_PEOPLE, VERDICTS_FR, Finding
from bercail.airlock.disclosure.labels import label_findings
from bercail.airlock.disclosure.protect.noise import noise_tables
from bercail.airlock.disclosure.protect.outcome import (
    CHANGED,
    ProtectedCell,
    ProtectedTables,
    in_unit,
    published,
)
from bercail.airlock.disclosure.protect.rounding import round_tables
from bercail.airlock.disclosure.protect.suppression import house_rule, suppress
from bercail.airlock.disclosure.rules.catalogue import RULES
from bercail.airlock.disclosure.rules.cells import primary_cells
from bercail.airlock.disclosure.rules.source_policy import SNDS_SOURCE, SourcePolicy
from bercail.airlock.disclosure.tables.reading import Reading, read_tables
from bercail.airlock.disclosure.tables.schema import Protection, TableSchema, read_schema
from bercail.airlock.disclosure.tables.typed import TypedTable, unit_in_french
from bercail.foundation import Invalid, Secret, Unproven

Verdict = Literal["clear", "protected", "people", "blocked"]
Progress = Callable[[str, int, int], None]


@frozen(kw_only=True)
class Assessment:
    """What the airlock would say of a file. `cells` are for checkers; they never leave.

    `outcome` is None when no table was protected here; `document` is what readers see of the
    tables, also where their author withheld cells, and None when it cannot be said. `people` are
    reasons why a person must look.
    """

    kind: str
    tables: tuple[TypedTable, ...]
    cells: tuple[ProtectedCell, ...] = field(repr=False)
    findings: tuple[Finding, ...]
    people: tuple[str, ...]
    outcome: ProtectedTables | None = field(default=None, repr=False)
    document: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def verdict(self) -> Verdict:
        """`blocked` may not go to review; `people` needs a judgement that no rule gives."""
        if any(finding.severity == "blocking" for finding in self.findings):
            return "blocked"
        if self.people:
            return "people"
        return "protected" if any(c.status != "shown" for c in self.cells) else "clear"

    def rows(self) -> list[dict[str, Any]]:
        """What an attacker could still learn: one row for each cell that is not shown."""
        return [
            {
                "table": self.tables[cell.table].name,
                "cell": " / ".join(ALL_LABEL if code is None else code for code in cell.key),
                "value": plain_number(cell.value),
                "status": cell.status,
                "rules": list(cell.rules),
                "attacker": span(cell.plain),
                "informed_attacker": span(cell.informed),
                "insider": span(cell.insider),
            }
            for cell in self.cells
            if cell.status != "shown"
        ]

    def checker_report(self) -> dict[str, Any]:
        """All that the checkers see; sealed, never published."""
        rules = {rule for cell in self.cells for rule in cell.rules}
        return {
            "kind": self.kind,
            "verdict": self.verdict,
            "tables": [
                {
                    "name": table.name,
                    "measure": table.measure.as_dict(),
                    "dimensions": [one.as_dict() for one in table.dimensions],
                    "cells": len(table.cells),
                }
                for table in self.tables
            ],
            "findings": [finding.as_dict() for finding in self.findings],
            "people": list(self.people),
            "rules": [RULES[rule].as_dict() for rule in sorted(rules)],
            "cells": self.rows(),
        }

    def lines(self) -> list[str]:
        """The outcome for a person at a terminal."""
        changed = [cell.status for cell in self.cells if cell.status in CHANGED]
        hidden = sum(cell.status != "shown" for cell in self.cells)
        how = changed[0] if changed else "hidden"
        head = (
            f"{self.verdict}: {hidden} of {len(self.cells)} cells {how} / "
            f"{VERDICTS_FR[self.verdict]} : {hidden} cases {_HOW_FR[how]} sur {len(self.cells)}"
        )
        lines = [head, *(one.line() for one in self.findings)]
        return lines + [FOR_PEOPLE.format(reason) for reason in self.people]


_HOW_FR: Mapping[str, str] = {
    "hidden": "masquées",
    "rounded": "arrondies",
    "noised": "bruitées",
}
"""What was done to the cells, in French."""


def assess_file(
    file: Path,
    policy: SourcePolicy = SNDS_SOURCE,
    schemas: Sequence[TableSchema] = (),
    progress: Progress | None = None,
) -> Assessment:
    """`assess` on a file of at most 16 MiB; raises as `read_file` and `assess`."""
    return assess(read_tables(read_file(file), schemas), policy, progress)


def assess_tables(
    data: bytes,
    schema: bytes = b"",
    policy: SourcePolicy = SNDS_SOURCE,
    progress: Progress | None = None,
) -> Assessment | None:
    """`assess` on the tables that `data` holds; None when it holds none that can be read.

    `schema`: a declaration (`read_schema`), empty to infer. With a declaration, bytes that are
    no table are `Invalid`.
    """
    schemas = read_schema(schema) if schema else ()
    try:
        reading = read_tables(data, schemas)
    except Invalid:
        if schema:
            raise
        return None
    if not reading.tables and not schemas:
        return None
    return assess(reading, policy, progress)


def assess(
    reading: Reading,
    policy: SourcePolicy = SNDS_SOURCE,
    progress: Progress | None = None,
    *,
    noise: Secret | None = None,
    outcome: ProtectedTables | None = None,
) -> Assessment:
    """What the airlock would say of the tables that were read.

    `noise`: the secret that draws cell-key noise, else a trial is made. `outcome`: the same tables,
    protected already with those of other files.

    Raises:
        Refused: rounding or noise was asked for tables that hold more than counts.
        Unproven: a solver failed, or the audit refuses the protected tables.
    """
    tables, cells = reading.tables, tuple[ProtectedCell, ...]()
    findings = [*reading.findings, *label_findings(tables)]
    people = [*reading.unread, *_undeclared(reading), *_overlaps(tables)]
    document: Mapping[str, Any] | None = None
    try:
        if has_withheld(tables):
            cells, document = _as_published(tables, policy, people)
        elif tables and outcome is None:
            outcome = protect(tables, reading.protection, policy, noise=noise, progress=progress)
    except Invalid as problem:
        people.append(problem.message)
    if outcome is not None:
        people += _missing_facts(outcome)
        findings += _class_findings(outcome)
    return Assessment(
        kind=reading.kind,
        tables=outcome.tables if outcome else tables,
        cells=outcome.cells if outcome else cells,
        findings=tuple(findings),
        people=tuple(dict.fromkeys(people)),
        outcome=outcome,
        document=outcome.document if outcome else document,
    )


def has_withheld(tables: Sequence[TypedTable]) -> bool:
    """Whether the author hid numbers already."""
    return any(cell.withheld for table in tables for cell in table.cells.values())


def _undeclared(reading: Reading) -> list[str]:
    tables = [reading.tables[number] for number in reading.inferred]
    return [
        f"Nobody declared what `{one.name}` counts; it was read as {one.measure.unit}. / "
        f"Personne n'a déclaré ce que compte `{one.name}` ; lu comme "
        f"{unit_in_french(one.measure.unit)}."
        for one in tables
    ]


TRIAL = Secret(b"a trial of cell-key noise, of no release")
"""Draws the noise where no key of a house is at hand; nothing drawn by it is released."""


def protect(
    tables: Sequence[TypedTable],
    protection: Protection,
    policy: SourcePolicy,
    *,
    noise: Secret | None = None,
    progress: Progress | None = None,
) -> ProtectedTables:
    """3. `tables` as their schema asks; the base of rounding and the noise are the policy's.

    Raises:
        Invalid, Refused, Unproven: as `suppress`, `round_tables` and `noise_tables`.
    """
    if protection == "rounding":
        return round_tables(tables, policy)
    if protection == "noise":
        return noise_tables(tables, policy, noise or TRIAL)
    return suppress(tables, policy, progress)


def _as_published(
    tables: tuple[TypedTable, ...], policy: SourcePolicy, people: list[str]
) -> tuple[tuple[ProtectedCell, ...], dict[str, Any] | None]:
    """2. The author's own hiding, attacked; cells that a rule would hide are named too."""
    values = {
        (number, key): None if cell.withheld else cell.value
        for number, table in enumerate(tables)
        for key, cell in table.cells.items()
    }
    document = published(tables, values, policy, method="author")
    try:
        audit = audit_tables(document, house_rule(policy))
    except Unproven as problem:
        people.append(problem.message)
        return (), None
    flags = {
        (number, flag.key): flag.rule
        for number, table in enumerate(tables)
        for flag in primary_cells(table, policy)
        if flag.effect == "hide"
    }
    if flags:
        people.append(
            f"{len(flags)} cells are shown that a rule would hide. / "
            f"{len(flags)} cases sont montrées qu'une règle masquerait."
        )
    people += _learnt(audit, policy)
    people.append(
        "The author withheld cells, so the true numbers cannot be checked here. / "
        "L'auteur a masqué des cases : les vrais nombres ne peuvent être vérifiés ici."
    )
    cells = tuple(
        _published_cell(number, key, table, audit, flags.get((number, key)))
        for number, table in enumerate(tables)
        for key in table.cells
    )
    return cells, document


def _learnt(audit: Audit, policy: SourcePolicy) -> list[str]:
    """What an attacker computes of cells that the author withheld, in numbers of cells."""
    exact = small = 0
    for cell in audit.cells:
        low, high = cell.plain
        exact += low == high
        small += high is not None and 0 < low < high < policy.threshold
    said = []
    if exact:
        said.append(
            f"{exact} withheld cells can be computed exactly from the others. / "
            f"{exact} cases masquées se calculent exactement à partir des autres."
        )
    if small:
        said.append(
            f"{small} withheld cells are known to be small. / "
            f"{small} cases masquées sont connues comme petites."
        )
    return said


def _published_cell(
    number: int, key: Key, table: TypedTable, audit: Audit, rule: str | None
) -> ProtectedCell:
    cell = table.cells[key]
    seen = audit.find(number, key) if cell.withheld else None
    return ProtectedCell(
        table=number,
        key=key,
        value=cell.value,
        status="withheld" if cell.withheld else "primary" if rule else "shown",
        rules=(rule,) if rule else (),
        plain=in_unit(seen.plain, table) if seen else None,
        informed=in_unit(seen.informed, table) if seen else None,
        insider=in_unit(seen.insider, table) if seen else None,
    )


def _missing_facts(outcome: ProtectedTables) -> list[str]:
    """Rules that could not be applied, each with the number of cells."""
    many: dict[tuple[int, str], int] = {}
    for number, flag in outcome.flags:
        if flag.effect == "people":
            many[(number, flag.rule)] = many.get((number, flag.rule), 0) + 1
    return [
        f"`{outcome.tables[number].name}`, {count} cells: {RULES[rule].en} / {count} cases : "
        f"{RULES[rule].fr}"
        for (number, rule), count in many.items()
    ]


def _class_findings(outcome: ProtectedTables) -> list[Finding]:
    found: dict[str, list[Key]] = {}
    for _, flag in outcome.flags:
        if flag.effect == "note":
            found.setdefault(flag.rule, []).append(flag.key)
    return [
        Finding(
            rule=rule,
            severity="note",
            message=f"{len(keys)} cells: {RULES[rule].en} / {len(keys)} cases : {RULES[rule].fr}",
            remedy="If the dimension is sensitive, widen its categories. / "
            "Si la dimension est sensible, élargissez ses catégories.",
            cells=tuple(keys),
        )
        for rule, keys in found.items()
    ]


def _overlaps(tables: Sequence[TypedTable]) -> list[str]:
    """Codes that overlap make no equations, so what they give away is not computed."""
    return [
        f"The codes of `{dimension.name}` in `{table.name}` overlap: people look at what they "
        f"give away together. / Les codes de `{dimension.name}` dans `{table.name}` se "
        "recouvrent : voyez ce qu'ils révèlent ensemble."
        for table in tables
        for dimension in table.dimensions
        if not dimension.partition
    ]


def plain_number(value: float | None) -> float | int | None:
    """A whole number without its `.0`."""
    return int(value) if value is not None and value.is_integer() else value


def span(bounds: tuple[float, float | None] | None) -> str:
    """An interval in words: `0..14`, `3..` when nothing limits it, empty for a shown cell."""
    if bounds is None:
        return ""
    low, high = bounds
    return f"{low:g}.." if high is None else f"{low:g}..{high:g}"
