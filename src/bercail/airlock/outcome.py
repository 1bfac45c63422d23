"""The outcome of a check as files: what would leave, and what only the checkers see."""

from __future__ import annotations

from typing import Any

from bercail.airlock.disclosure.check import DisclosureCheck
from bercail.airlock.disclosure.policy import DisclosurePolicy
from bercail.airlock.door import LEAVES, Bundle, HandedIn
from bercail.airlock.events import RequestSubmitted
from bercail.airlock.guarding import joint_name, tables_of
from bercail.airlock.shelf import (
    CERTIFICATE,
    CONTEXT,
    INSPECTION,
    REPORT,
    STATEMENT,
    TABLE_CSV,
    TABLE_JSON,
)
from bercail.airlock.statements import statement_of
from bercail.foundation import canonical_json

ENGINE_AND_PEOPLE = "engine and people"
"""Who decided on a file that the engine protected, as a package writes it."""


def leaving_files(bundle: Bundle, submitted: RequestSubmitted) -> dict[str, bytes]:
    """Every file that would leave, by its path in the package.

    A count table alone leaves under the names of format 1; anything more under those of format 2
    (docs/reference/formats/release-package.md).
    """
    statement = {STATEMENT: canonical_json(statement_of(submitted).as_dict()) + b"\n"}
    if (lone := bundle.lone_table) is not None:
        paths = (TABLE_JSON, TABLE_CSV, REPORT, CERTIFICATE)
        return statement | dict(zip(paths, _table(lone), strict=True))
    files = statement
    for one in bundle.leaving:
        files |= _leaving(one, bundle.policy)
    files |= _linked(bundle)
    files[INSPECTION] = canonical_json(inspection_document(bundle)) + b"\n"
    files[CONTEXT] = canonical_json({"context": bundle.context}) + b"\n"
    return files


def _table(check: DisclosureCheck) -> tuple[bytes, bytes, bytes, bytes]:
    """The table twice, the report, the certificate."""
    return (
        check.table.json_bytes(),
        check.table.csv_bytes(),
        canonical_json(check.public_report()) + b"\n",
        canonical_json(check.certificate()) + b"\n",
    )


def _leaving(one: HandedIn, policy: DisclosurePolicy) -> dict[str, bytes]:
    if one.check is not None:
        return dict(zip(table_paths(one.name), _table(one.check), strict=True))
    if one.tables is None or one.tables.replacement is None:
        return {f"outputs/{one.name}": one.data}
    stem = one.name.rsplit(".", 1)[0]
    evidence = one.tables.evidence(policy)
    return {f"outputs/{one.name}": one.tables.replacement} | {
        f"disclosure/{stem}/{name}": data for name, data in evidence.items()
    }


def _linked(bundle: Bundle) -> dict[str, bytes]:
    """For each group of files that were protected as one, its tables and their certificate."""
    tables = tables_of(bundle) if bundle.linked else {}
    return {
        linked_path(number): canonical_json(
            group.evidence(tables[joint_name(group.files)].document)
        )
        + b"\n"
        for number, group in enumerate(bundle.linked, start=1)
    }


def _groups(bundle: Bundle) -> list[dict[str, Any]]:
    return [
        {"files": list(group.files), "path": linked_path(number)}
        for number, group in enumerate(bundle.linked, start=1)
    ]


def linked_path(number: int) -> str:
    """Where the evidence of a group stands; groups are numbered from 1."""
    return f"disclosure/linked-{number}.json"


def table_paths(name: str) -> tuple[str, str, str, str]:
    """Where a table handed in as `name` stands in a package of format 2, and its evidence."""
    stem = name.rsplit(".", 1)[0]
    return (
        f"outputs/{stem}.json",
        f"outputs/{stem}.csv",
        f"disclosure/{stem}/report.json",
        f"disclosure/{stem}/certificate.json",
    )


def inspection_document(bundle: Bundle) -> dict[str, Any]:
    """What may be said in public of the inspection: kinds, rules met, who decided."""
    return {
        "format": "bercail-inspection/1",
        "policy_digest": bundle.policy.digest,
        "policy": bundle.policy.as_dict(),
        "files": [
            {
                "name": one.name,
                "kind": one.inspection.kind.value,
                "decided_by": ENGINE_AND_PEOPLE if one.is_protected else "people",
                "rules": sorted({remark.rule for remark in one.remarks}),
                "paths": sorted(_leaving(one, bundle.policy)),
            }
            for one in bundle.leaving
        ],
        **({"linked": linked} if (linked := _groups(bundle)) else {}),
        "supporting": sum(1 for one in bundle.files if one.role != LEAVES),
    }


def checker_report(bundle: Bundle) -> dict[str, Any]:
    """All that the checkers see; sealed, never published."""
    if (lone := bundle.lone_table) is not None:
        return lone.checker_report()
    return {
        "verdict": bundle.verdict,
        "policy": bundle.policy.as_dict(),
        "context": bundle.context,
        "insisted": bundle.insisted,
        "causes": [cause.as_dict() for cause in bundle.causes],
        "files": [one.as_dict() for one in bundle.files],
        "linked": [one.as_dict() for one in bundle.linked],
    }
