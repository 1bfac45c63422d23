"""Files of one request whose tables an attacker would read side by side, protected as one.

Two tables can each be safe and give a number away together. So tables of several files that
count the same cohort in the same state of the lake go into one program, as the tables of one file
do; `linked` in their schemas says so where no cohort is declared.

1. Each count table and each file with a declared schema is read; a file in which the author hid
   cells stays alone.
2. Files of the same protection are put together by cohort and snapshots, or by their `linked`.
3. Each group is protected in one program and audited; every file gets its part back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from bercail.airlock.disclosure.assessment import has_withheld, protect
from bercail.airlock.disclosure.audit import audit_tables
from bercail.airlock.disclosure.protect.outcome import ProtectedTables
from bercail.airlock.disclosure.protect.parting import parted
from bercail.airlock.disclosure.protect.suppression import house_rule
from bercail.airlock.disclosure.rules.source_policy import SourcePolicy
from bercail.airlock.disclosure.tables.reading import Reading, read_tables
from bercail.airlock.tabled import ProgressReport, read_declared
from bercail.foundation import BercailError, Invalid, Refused, Secret

LINKED_FORMAT = "bercail-linked-tables/1"


@frozen(kw_only=True)
class LinkedFiles:
    """Files that were protected as one. `certificate` is of the audit of `document`: all tables."""

    files: tuple[str, ...]
    policy: SourcePolicy
    document: Mapping[str, Any] = field(repr=False)
    certificate: Mapping[str, Any] = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """The group as the checkers read it; sealed."""
        return {"files": list(self.files), "certificate": dict(self.certificate)}

    def evidence(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The group as a release holds it; `verify` audits the tables together again.

        `document`: the tables as they leave. A count table may show a cell that was hidden with
        the group, where hiding does not hide it; then the audit is of what leaves.

        Raises:
            Unproven: the published numbers contradict each other, or the solver fails.
        """
        certificate = dict(self.certificate)
        if document != self.document:
            audit = audit_tables(document, house_rule(self.policy))
            certificate = {**audit.certificate(), "policy_sha256": self.policy.digest}
        return {
            "format": LINKED_FORMAT,
            "files": list(self.files),
            "source_policy": self.policy.as_dict(),
            "tables": dict(document),
            "certificate": certificate,
        }


@frozen(kw_only=True)
class Together:
    """What became of the files that were looked at together.

    `outcomes`: by name, the part of each file that stands in a group. `reasons`: by name, why
    files that belong together could not be protected as one; people look then.
    """

    groups: tuple[LinkedFiles, ...] = ()
    outcomes: Mapping[str, ProtectedTables] = field(factory=dict, repr=False)
    reasons: Mapping[str, str] = field(factory=dict)


def protected_together(
    files: Mapping[str, tuple[bytes, bytes | None]],
    policy: SourcePolicy,
    *,
    noise: Secret | None = None,
    progress: ProgressReport | None = None,
) -> Together:
    """The tables of `files` that belong together, protected as one.

    `files`: bytes and schema, by name; a count table of the platform has no schema. A file
    that cannot be read, or not be protected so, is left to be looked at alone.

    Raises:
        Unproven: a solver failed, or the audit refuses the protected tables.
    """
    # 1.
    readings = dict(_readings(files))
    groups: list[LinkedFiles] = []
    outcomes: dict[str, ProtectedTables] = {}
    reasons: dict[str, str] = {}
    # 2.
    for names in _groups(readings):
        group = {name: readings[name] for name in names}
        tables = [table for reading in group.values() for table in reading.tables]
        # 3.
        try:
            how = group[names[0]].protection
            whole = protect(tables, how, policy, noise=noise, progress=progress)
        except (Invalid, Refused) as problem:
            reasons |= dict.fromkeys(names, _not_together(names, problem))
            continue
        outcomes |= _parts(whole, group)
        groups.append(_linked(names, whole))
    return Together(groups=tuple(groups), outcomes=outcomes, reasons=reasons)


def _linked(names: tuple[str, ...], whole: ProtectedTables) -> LinkedFiles:
    return LinkedFiles(
        files=names,
        policy=whole.policy,
        document=whole.document,
        certificate=whole.certificate(),
    )


def _not_together(names: Sequence[str], problem: BercailError) -> str:
    files = ", ".join(f"`{name}`" for name in names)
    return (
        f"{files} could not be protected together. / {files} : impossible de les protéger "
        f"ensemble. {problem.message}"
    )


def _parts(whole: ProtectedTables, group: Mapping[str, Reading]) -> dict[str, ProtectedTables]:
    found: dict[str, ProtectedTables] = {}
    start = 0
    for name, reading in group.items():
        found[name] = parted(whole, start, len(reading.tables))
        start += len(reading.tables)
    return found


def _readings(files: Mapping[str, tuple[bytes, bytes | None]]) -> Iterator[tuple[str, Reading]]:
    for name, (data, schema) in sorted(files.items()):
        try:
            reading = read_tables(data) if schema is None else read_declared(name, data, schema)
        except Invalid:
            # Told when the file is looked at alone, with its remedy.
            continue
        if reading.tables and not reading.unread and not has_withheld(reading.tables):
            yield name, reading


def _groups(readings: Mapping[str, Reading]) -> list[tuple[str, ...]]:
    """Names that share a tie, directly or through others; each group has two files or more."""
    groups: list[tuple[set[str], set[tuple[str, ...]]]] = []
    for name, reading in readings.items():
        names, ties = {name}, _ties(reading)
        for group in [one for one in groups if one[1] & ties]:
            groups.remove(group)
            names, ties = names | group[0], ties | group[1]
        groups.append((names, ties))
    return [tuple(sorted(names)) for names, _ in groups if len(names) > 1]


def _ties(reading: Reading) -> set[tuple[str, ...]]:
    """What a file may share with another: a cohort in a state of the lake, a declared name."""
    protection = reading.protection
    if not reading.schemas:
        linked, said = "", reading.tables[0].provenance.get("snapshots") or ()
    else:
        linked, said = reading.schemas[0].linked, reading.schemas[0].snapshots
    snapshots = sorted(map(str, said))
    found = {
        (protection, "cohort", table.population, *snapshots)
        for table in reading.tables
        if table.population
    }
    return found | ({(protection, "linked", linked, *snapshots)} if linked else set())
