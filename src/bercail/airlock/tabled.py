"""Tables handed in as CSV, TSV, XLSX, Parquet, HTML or LaTeX files, with what they mean.

1. The declared schema says what the tables of the file count; they are assessed under the
   policy, and what cannot be understood goes to people, with the reason.
2. A protected replacement is written in the format of the file. It is read again: unless it says
   exactly what the audit saw, nothing of it is used.
3. What readers will see of the tables is what the differencing guard remembers.

Without a declared schema the file is left as it is, to people, who are told that it is neither
protected nor compared with other releases.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from bercail.airlock.disclosure.assessment import Assessment, assess
from bercail.airlock.disclosure.findings import FOR_PEOPLE, Finding
from bercail.airlock.disclosure.policy import DisclosurePolicy
from bercail.airlock.disclosure.protect.outcome import ProtectedTables
from bercail.airlock.disclosure.results.judging import ResultAssessment, assess_result
from bercail.airlock.disclosure.results.schema import declares_result, read_result_schema
from bercail.airlock.disclosure.rules.source_policy import (
    SNDS_SOURCE,
    SOURCES,
    SourcePolicy,
    strictest_source,
)
from bercail.airlock.disclosure.tables.reading import Reading, read_tables
from bercail.airlock.disclosure.tables.replacing import (
    published_schemas,
    sheets_of,
    values_read,
)
from bercail.airlock.disclosure.tables.schema import (
    TableSchema,
    read_schema,
    schema_document,
)
from bercail.airlock.disclosure.tables.typed import TypedTable, unit_in_french
from bercail.airlock.disclosure.tables.writing import written
from bercail.airlock.inspection import Kind
from bercail.foundation import Invalid, Secret, canonical_json

ProgressReport = Callable[[str, int, int], None]
SCHEMA_SUFFIX = ".schema.json"
"""A schema stands next to its file under the name of the file and this."""

KINDS = frozenset({Kind.DELIMITED, Kind.SPREADSHEET, Kind.PARQUET, Kind.HTML, Kind.LATEX})
"""The kinds of files in which tables are looked for."""

REPORT_FORMAT = "bercail-tables-report/1"

MENDED = frozenset(
    {
        "by-eye",
        "cause-file-type",
        "cause-no-counts",
        "cause-unredacted",
        "cause-unrounded",
        "extreme",
        "never-leaves",
    }
)
"""What an inspection finds in the file as handed in and does not hold for a replacement."""

JUDGED = frozenset({"cause-no-counts", "cause-unredacted", "cause-unrounded"})
"""What an inspection guesses of counts that the rules of a declared result decide."""


def source_policy(policy: DisclosurePolicy, signed: Iterable[SourcePolicy] = ()) -> SourcePolicy:
    """The policy of all statistics whose rules for persons are those of `policy`.

    The rest is that of the sources it is named after (`pmsi+rare-diseases`), the strictest of
    them, and at least that of the SNDS. `signed`: what an operator signed, in the place of a known
    policy of that name.
    """
    known = {one.name: one for one in (*SOURCES, *signed)}
    names = {SNDS_SOURCE.name, *policy.name.split("+")} & set(known)
    return evolve(strictest_source([known[name] for name in sorted(names)]), counts=policy)


@frozen(kw_only=True)
class FileOfTables:
    """What became of one file of tables. `replacement` leaves in its place, when there is one.

    `schemas` are those of the replacement; empty when nothing was declared, and for a declared
    result, of which `snapshots` says the state of the lake. `document` is what
    readers see; None when nobody can say, and then the guard remembers nothing.
    """

    assessment: Assessment | None = None
    schemas: tuple[TableSchema, ...] = ()
    snapshots: tuple[str, ...] = ()
    replacement: bytes | None = field(default=None, repr=False)
    people: tuple[str, ...] = ()

    @property
    def document(self) -> Mapping[str, Any] | None:
        """The tables as they would be published."""
        return self.assessment.document if self.assessment else None

    @property
    def snapshot(self) -> str:
        """The state of the lake that the tables were made from, as count tables write it."""
        return "+".join(self.schemas[0].snapshots if self.schemas else self.snapshots)

    @property
    def is_judged(self) -> bool:
        """Whether it is a declared result all of whose numbers the rules could read."""
        found = self.assessment
        return isinstance(found, ResultAssessment) and found.adds_up

    @property
    def refused(self) -> tuple[Finding, ...]:
        """The rules that a declared result breaks, and extremes of tables; it may not leave."""
        found = self.assessment
        if found is None:
            return ()
        broken = found.broken if isinstance(found, ResultAssessment) else ("extreme",)
        return tuple(one for one in found.findings if one.rule in broken)

    @property
    def mended(self) -> frozenset[str]:
        """What the inspection finds in the file as handed in and no longer stands."""
        if self.replacement is not None:
            return MENDED
        return JUDGED if self.is_judged else frozenset()

    @property
    def verdict(self) -> str:
        """The verdict of the assessment, `people` without one."""
        return self.assessment.verdict if self.assessment else "people"

    @property
    def cells(self) -> int:
        """The number of published cells, hidden ones too."""
        return sum(len(body["cells"]) for body in self.document["tables"]) if self.document else 0

    @property
    def hidden(self) -> int:
        """The number of hidden cells."""
        tables = self.document["tables"] if self.document else ()
        return sum(cell["value"] is None for body in tables for cell in body["cells"])

    def checker_report(self) -> dict[str, Any]:
        """All that the checkers see; sealed, never published."""
        report = self.assessment.checker_report() if self.assessment else {"verdict": "people"}
        return report | {"people": list(self.people), "replaced": self.replacement is not None}

    def evidence(self, policy: DisclosurePolicy) -> dict[str, bytes]:
        """What travels with a replacement, by short name: tables, schema, report, certificate."""
        outcome = self.assessment.outcome if self.assessment else None
        if outcome is None:
            return {}
        report = {
            "format": REPORT_FORMAT,
            "policy": policy.as_dict(),
            "source_policy": outcome.policy.as_dict(),
            "method": outcome.document["method"],
            "cells": self.cells,
            "hidden_cells": self.hidden,
            "chosen": "optimal" if outcome.optimal else "heuristic",
        }
        documents = {
            "tables.json": outcome.document,
            "schema.json": schema_document(self.schemas),
            "report.json": report,
            "certificate.json": outcome.certificate(),
        }
        return {name: canonical_json(value) + b"\n" for name, value in documents.items()}

    def lines(self) -> list[str]:
        """What was found, for a person at a terminal; no value of the file."""
        known = self.assessment.lines() if self.assessment else []
        told = set(known)
        rows = [line for one in self.people if (line := FOR_PEOPLE.format(one)) not in told]
        return known + rows


def read_declared(name: str, data: bytes, schema: bytes) -> Reading:
    """1. The tables of `data` under a declared `schema`, none of them for a declared result.

    Raises:
        Invalid: as `declared_tables`.
    """
    schemas = () if declares_result(schema) else read_schema(schema)
    reading = read_tables(data, schemas)
    if reading.inferred or len(schemas) > len(reading.tables) + len(reading.unread):
        raise _unsuited(
            name,
            "it does not declare exactly the tables of the file",
            "il ne déclare pas exactement les tableaux du fichier",
        )
    if not schemas:
        raise _unsuited(name, "it declares no table", "il ne déclare aucun tableau")
    return reading


def declared_tables(
    name: str,
    data: bytes,
    schema: bytes,
    policy: DisclosurePolicy,
    *,
    source: SourcePolicy | None = None,
    noise: Secret | None = None,
    outcome: ProtectedTables | None = None,
    alone: str = "",
) -> FileOfTables:
    """The tables of `data` under a declared `schema`, protected under `policy`.

    `source`: the policy of all statistics, that of the known sources by default. `noise`: the
    secret that draws cell-key noise; without it the numbers are a trial. `outcome`: the same
    tables, protected with those of other files; `alone`: why they could not be, for people.

    Raises:
        Invalid: the schema cannot be read, it does not speak of every table of the file, or the
            protected tables cannot be written in the format of the file (rule `table-schema`).
        Refused: the schema asks for rounding or noise where it does not hold.
        Unproven: a solver failed, or the audit refuses the protected tables.
    """
    if declares_result(schema):
        return _declared_result(data, schema, source or source_policy(policy))
    # 1.
    reading = read_declared(name, data, schema)
    assessment = assess(reading, source or source_policy(policy), noise=noise, outcome=outcome)
    if alone:
        assessment = evolve(assessment, people=(*assessment.people, alone))
    if assessment.document is None:
        people = (*assessment.people, _NOT_REMEMBERED.format(name))
        return FileOfTables(assessment=assessment, people=people)
    if assessment.outcome is None:
        return FileOfTables(
            assessment=assessment, schemas=reading.schemas, people=assessment.people
        )
    trial = (_TRIAL,) if not noise and _is_noise(reading) else ()
    return _replaced(name, data, reading, assessment, assessment.outcome, trial)


def _replaced(
    name: str,
    data: bytes,
    reading: Reading,
    assessment: Assessment,
    outcome: ProtectedTables,
    trial: tuple[str, ...],
) -> FileOfTables:
    """2 and 3: the protected tables in the format of the file, and what is remembered of them."""
    published = published_schemas(reading, outcome.tables)
    replacement = written(reading.kind, sheets_of(reading, outcome.tables, outcome.document), data)
    _require_same(name, replacement, published, outcome.document)
    return FileOfTables(
        assessment=assessment,
        schemas=published,
        replacement=replacement,
        people=(*assessment.people, *trial),
    )


def _is_noise(reading: Reading) -> bool:
    return any(schema.protection == "noise" for schema in reading.schemas)


_TRIAL = (
    "The noise shown is a trial: that of a release is drawn with the key of the house. / "
    "Le bruit montré est un essai : celui d'une sortie est tiré avec la clé de la maison."
)
_NOT_REMEMBERED = (
    "`{0}` is neither protected nor compared with other releases. / "
    "`{0}` n'est ni protégé ni comparé aux autres sorties."
)


def _declared_result(data: bytes, schema: bytes, policy: SourcePolicy) -> FileOfTables:
    """A result under its schema: judged row by row, neither hidden nor changed."""
    declared = read_result_schema(schema)
    found = assess_result(data, declared, policy)
    return FileOfTables(assessment=found, snapshots=declared.snapshots, people=found.people)


def asks_noise(schema: bytes) -> bool:
    """Whether a schema asks for cell-key noise; false for bytes that are no schema."""
    try:
        return any(one.protection == "noise" for one in read_schema(schema))
    except Invalid:
        return False


def words_of_schema(schema: bytes) -> bytes:
    """A schema without digests and snapshots, long by nature: what is left are its words.

    Bytes that are no schema come back as they are.
    """
    try:
        value = json.loads(schema)
    except (ValueError, RecursionError):
        return schema
    if not isinstance(value, dict):
        return schema
    if "result" in value:
        return json.dumps(
            {name: part for name, part in value.items() if name not in ("population", "snapshots")}
        ).encode()
    tables = value.get("tables")
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        return schema
    plain = [{name: part for name, part in one.items() if name != "population"} for one in tables]
    words = {name: part for name, part in value.items() if name != "snapshots"}
    return json.dumps(words | {"tables": plain}).encode()


def undeclared_tables(name: str, data: bytes) -> FileOfTables | None:
    """What a file without a schema seems to hold, for people; None when it holds no table."""
    try:
        reading = read_tables(data)
    except Invalid:
        return None
    if not reading.tables:
        return None
    reasons = [
        f"Nobody declared what `{name}` counts; it looks like {reading.tables[at].measure.unit}. / "
        f"Personne n'a déclaré ce que compte `{name}` ; cela ressemble à "
        f"{unit_in_french(reading.tables[at].measure.unit)}."
        for at in reading.inferred
    ]
    return FileOfTables(people=(*reasons, *reading.unread, _NOT_REMEMBERED.format(name)))


def suggested_schema(data: bytes) -> dict[str, Any]:
    """The schema that the headers of a file suggest; `unread` says why some tables have none.

    It is for the author to confirm: who is counted and in which state of the lake stands in no
    header, so `population` and `snapshots` are left empty.

    Raises:
        Invalid: the bytes are no table of a known kind.
    """
    reading = read_tables(data)
    document = schema_document(reading.schemas) | {"snapshots": []}
    return document | ({"unread": list(reading.unread)} if reading.unread else {})


def _require_same(
    name: str,
    replacement: bytes,
    schemas: Sequence[TableSchema],
    document: Mapping[str, Any],
) -> None:
    again = read_tables(replacement, schemas)
    if again.unread or not says_the_same(again, document):
        raise _unsuited(
            name,
            "its labels cannot be written again in the format of the file",
            "ses libellés ne peuvent être réécrits dans le format du fichier",
        )


def says_the_same(reading: Reading, document: Mapping[str, Any]) -> bool:
    """Whether each number of the tables read is that of `document`, hidden where it is hidden."""
    if len(reading.tables) != len(document["tables"]):
        return False
    return all(
        _agrees(table, body) for table, body in zip(reading.tables, document["tables"], strict=True)
    )


def _agrees(table: TypedTable, body: Mapping[str, Any]) -> bool:
    shown = {tuple(entry["key"]): entry["value"] for entry in body["cells"]}
    scale = table.measure.scale
    return all(
        key in shown and shown[key] == (None if value is None else int(value * scale))
        for key, value in values_read(table).items()
    )


def _unsuited(name: str, why: str, why_fr: str) -> Invalid:
    return Invalid(
        f"The schema of `{name}` does not suit the file: {why}. / "
        f"Le schéma de `{name}` ne convient pas au fichier : {why_fr}.",
        remedy="Begin from `bercail airlock suggest FILE`, or hand the tables in as CSV. / "
        "Partez de `bercail airlock suggest FICHIER`, ou remettez les tableaux en CSV.",
        rule="table-schema",
    )
