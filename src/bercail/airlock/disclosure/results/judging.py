"""A file with one declared result, judged as the airlock would.

1. The file is read as one grid, and the schema must speak of each of its columns.
2. The rules of the kind are applied to each row; what fails blocks, with its rows and a remedy.
3. What does not add up, and what the differencing guard cannot compare, is left to people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from bercail.airlock.disclosure.assessment import Assessment
from bercail.airlock.disclosure.counts import Axis, Counts
from bercail.airlock.disclosure.findings import (
    FOR_PEOPLE,
    VERDICTS_FR,
    Finding,
    wording_findings,
)
from bercail.airlock.disclosure.protect.outcome import published
from bercail.airlock.disclosure.results.counted import counted_tables
from bercail.airlock.disclosure.results.maps import judge_map
from bercail.airlock.disclosure.results.percentiles import judge_percentiles
from bercail.airlock.disclosure.results.ratios import judge_ratios
from bercail.airlock.disclosure.results.regressions import judge_regression
from bercail.airlock.disclosure.results.rows import Judged, Row, in_words, rows_of, unsuited
from bercail.airlock.disclosure.results.schema import ResultKind, ResultSchema
from bercail.airlock.disclosure.results.survival import judge_survival
from bercail.airlock.disclosure.rules.catalogue import RULES
from bercail.airlock.disclosure.rules.source_policy import SourcePolicy
from bercail.airlock.disclosure.rules.statistics import extreme
from bercail.airlock.disclosure.tables.reading import read_grids

METHOD = "declared"
"""The method of a published table that nothing was done to."""

_JUDGES: Mapping[ResultKind, Callable[[Sequence[Row], ResultSchema, SourcePolicy], Judged]] = {
    "survival": judge_survival,
    "percentiles": judge_percentiles,
    "ratios": judge_ratios,
    "map": judge_map,
    "regression": judge_regression,
}

REMEDIES: Mapping[str, tuple[str, str]] = {
    "extreme": (
        "Take the row out, or give a percentile with enough persons on each side.",
        "Retirez la ligne, ou donnez un centile avec assez de personnes de chaque côté.",
    ),
    "percentile-sides": (
        "Take the row out, or give a percentile nearer to the median.",
        "Retirez la ligne, ou donnez un centile plus proche de la médiane.",
    ),
    "ratio-counts": (
        "Put categories together until both counts and their difference reach the threshold.",
        "Regroupez des catégories : les deux effectifs et leur différence sont sous le seuil.",
    ),
    "persons-threshold": (
        "Put levels together until each holds enough persons, or take the model out.",
        "Regroupez des modalités pour que chacune ait assez de personnes, ou retirez le modèle.",
    ),
    "map-zone": (
        "Put the zone together with its neighbours, or draw wider zones.",
        "Regroupez la zone avec ses voisines, ou dessinez des zones plus larges.",
    ),
    "map-bounds": (
        "Use fewer classes, so that each holds more zones.",
        "Utilisez moins de classes, pour que chacune contienne plus de zones.",
    ),
}
"""One step for each rule, in English and French; a survival curve has its own."""


@frozen(kw_only=True)
class ResultAssessment(Assessment):
    """What the airlock would say of a declared result.

    `broken`: for each rule the numbers of the rows that break it; `rows_seen` counts all.
    `adds_up`: every row could be judged.
    """

    result: ResultKind
    rows_seen: int
    broken: Mapping[str, tuple[int, ...]] = field(factory=dict)
    adds_up: bool = False

    def checker_report(self) -> dict[str, Any]:
        """All that the checkers see; sealed, never published."""
        return super().checker_report() | {
            "result": self.result,
            "result_rows": self.rows_seen,
            "rules": [RULES[rule].as_dict() for rule in sorted(self.broken)],
            "broken": {rule: list(rows) for rule, rows in self.broken.items()},
        }

    def lines(self) -> list[str]:
        """The outcome for a person at a terminal."""
        failing = len({row for rows in self.broken.values() for row in rows})
        head = (
            f"{self.verdict}: {failing} of {self.rows_seen} rows of `{self.result}` refused / "
            f"{VERDICTS_FR[self.verdict]} : {failing} lignes de `{self.result}` refusées sur "
            f"{self.rows_seen}"
        )
        lines = [head, *(one.line() for one in self.findings)]
        return lines + [FOR_PEOPLE.format(reason) for reason in self.people]


def assess_result(data: bytes, schema: ResultSchema, policy: SourcePolicy) -> ResultAssessment:
    """What the airlock would say of the result that `data` holds.

    Raises:
        Invalid: the bytes are no table, or more than one (`output-type`); the schema does not
            speak of exactly the columns of the file (`table-schema`).
    """
    # 1.
    kind, grids, found = read_grids(data)
    if len(grids) != 1:
        raise unsuited("it holds not exactly one table", "il ne contient pas un seul tableau")
    rows = rows_of(grids[0], schema)
    # 2.
    judged = _with_extremes(_JUDGES[schema.kind](rows, schema, policy), rows, schema)
    findings = [*found, *_wording(rows, schema), *_failures(judged)]
    # 3.
    if not (judged.people or judged.broken or judged.tables):
        judged = evolve(judged, tables=counted_tables(rows, schema))
    document = _document(judged, policy)
    people = (*judged.people, *judged.notes, *(() if document else (_NOT_COMPARED,)))
    return ResultAssessment(
        kind=kind,
        tables=judged.tables,
        cells=(),
        findings=tuple(findings),
        people=people,
        document=document,
        result=schema.kind,
        rows_seen=len(rows),
        broken=judged.broken,
        adds_up=not judged.people,
    )


def _document(judged: Judged, policy: SourcePolicy) -> dict[str, Any] | None:
    """What the guard remembers: every number as it is shown; None for what is no count."""
    values = {
        (number, key): cell.value
        for number, table in enumerate(judged.tables)
        for key, cell in table.cells.items()
    }
    return published(judged.tables, values, policy, method=METHOD) if values else None


def _with_extremes(judged: Judged, rows: Sequence[Row], schema: ResultSchema) -> Judged:
    """`extreme` too where a column or a label of any result names a minimum or a maximum."""
    columns = [*schema.columns.values(), *schema.by]
    named = any(extreme(column) for column in columns)
    lines = {row.number for row in rows if named or any(map(extreme, row.by))}
    if not lines:
        return judged
    lines |= set(judged.broken.get("extreme", ()))
    return evolve(judged, broken={**judged.broken, "extreme": tuple(sorted(lines))})


_NOT_COMPARED = (
    "The result is not compared with other releases. / "
    "Le résultat n'est pas comparé aux autres sorties."
)


def _failures(judged: Judged) -> list[Finding]:
    """What breaks a rule: its words and remedy in both languages, and the rows."""
    found = []
    for rule, numbers in judged.broken.items():
        remedy, remedy_fr = judged.remedies.get(rule) or REMEDIES[rule]
        words = RULES[rule]
        where = in_words(numbers)
        where_fr = in_words(numbers, row="ligne", many="lignes")
        found.append(
            Finding(
                rule=rule,
                severity="blocking",
                message=f"{words.en} ({where}) / {words.fr} ({where_fr})",
                remedy=f"{remedy} / {remedy_fr}",
            )
        )
    return found


def _wording(rows: Sequence[Row], schema: ResultSchema) -> list[Finding]:
    """What the names of columns and the labels give away."""
    axes = []
    for part, column in schema.columns.items():
        labels = [row.texts[part] for row in rows] if part in _LABELS else []
        axes.append(_axis(column, labels))
    for place, column in enumerate(schema.by):
        axes.append(_axis(column, [row.by[place] for row in rows]))
    return wording_findings(Counts(title=schema.kind, axes=tuple(axes), cells={}))


_LABELS = frozenset({"zone", "class", "term", "level"})
"""Parts that hold words; every other part holds numbers or goes to people."""


def _axis(name: str, labels: Sequence[str]) -> Axis:
    return Axis(name=name, categories=tuple(dict.fromkeys(label for label in labels if label)))
