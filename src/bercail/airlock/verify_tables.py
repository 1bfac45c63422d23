"""The second reader of a file of tables that the engine protected.

Part of `verify.py`; imports no writer of the airlock. The file is read with its schema, the
audit is run again on the tables, and both must say the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from bercail.airlock.disclosure.audit import Audit, HouseRule, audit_tables
from bercail.airlock.disclosure.tables.dimension import flat
from bercail.airlock.disclosure.tables.reading import Reading, read_tables
from bercail.airlock.disclosure.tables.schema import read_schema
from bercail.airlock.disclosure.tables.typed import PERSONS, TypedTable
from bercail.airlock.verify_bag import json_of, refused
from bercail.foundation import Invalid, Unproven, canonical_json

EVIDENCE = ("certificate.json", "report.json", "schema.json", "tables.json")


# Why the tables of a package are refused, as the end of a sentence, in both languages.
_OTHER_POLICY = (
    "the report of the tables is under another policy",
    "le rapport des tableaux relève d'une autre politique",
)
_NO_FORM = (
    "the tables or their evidence have not the form they must have",
    "les tableaux ou leurs preuves n'ont pas la forme voulue",
)
_OTHER_FILE = (
    "the file and the tables that were audited differ",
    "le fichier et les tableaux audités diffèrent",
)


def named_alone(name: object, paths: list[str]) -> str:
    """`name`, once `paths` are those of a protected file of that name; raises Unproven."""
    stem = str(name).rsplit(".", 1)[0]
    own = [f"outputs/{name}", *(f"disclosure/{stem}/{one}" for one in EVIDENCE)]
    if sorted(own) != sorted(paths):
        raise refused(
            "package-files",
            "a protected file has not the evidence of one",
            "un fichier protégé n'a pas les preuves d'un tel fichier",
        )
    return str(name)


def verified_tables(
    files: Mapping[str, bytes], name: str, policy: Mapping[str, Any]
) -> tuple[int, int]:
    """Cells and hidden cells of the tables of one file.

    1. The report is under the policy that was voted on.
    2. The audit of the tables is run again: its certificate is the one stored, and no hidden
       count of persons is known exactly or known to be small.
    3. The file, read with its schema, holds the numbers of the tables and no other.

    Raises:
        Unproven: rule `package-audit`, with what does not hold.
    """
    stem = name.rsplit(".", 1)[0]
    certificate, report, _, tables = (
        json_of(files, f"disclosure/{stem}/{one}") for one in EVIDENCE
    )
    try:
        # 1.
        source = report["source_policy"]
        if report["policy"] != policy or source["counts"] != policy:
            raise _wrong(*_OTHER_POLICY)
        rule = _rule(source, policy)
        # 2.
        audit = audit_tables(tables, rule)
        _require_certificate(audit, certificate, source)
        values = [cell["value"] for one in tables["tables"] for cell in one["cells"]]
        _require_protected(tables, audit)
        # 3.
        schemas = read_schema(files[f"disclosure/{stem}/schema.json"])
        reading = read_tables(files[f"outputs/{name}"], schemas)
    except (KeyError, TypeError, ValueError, IndexError, Invalid) as error:
        raise _wrong(*_NO_FORM) from error
    if reading.unread or reading.inferred or not _agrees(reading, tables):
        raise _wrong(*_OTHER_FILE)
    return len(values), sum(value is None for value in values)


def require_together(
    files: Mapping[str, bytes], inspection: Mapping[str, Any], policy: Mapping[str, Any]
) -> None:
    """The tables of files that were protected as one, audited as one again.

    1. The tables of the group are those of its files, in their order, and no others.
    2. The audit is run again: the certificate is the one stored, and nobody who reads all of the
       files knows a hidden count of persons to be small.

    Raises:
        Unproven: rule `package-audit`, with what does not hold.
    """
    for group in inspection.get("linked", []):
        try:
            told = json_of(files, group["path"])
            source, whole = told["source_policy"], told["tables"]
            if told["files"] != group["files"] or source["counts"] != policy:
                raise _wrong(
                    "files protected as one are told otherwise than in the inspection",
                    "des fichiers protégés ensemble sont dits autrement que dans l'inspection",
                )
            # 1.
            _require_parts(files, group["files"], whole)
            # 2.
            audit = audit_tables(whole, _rule(source, policy))
            _require_certificate(audit, told["certificate"], source)
            _require_protected(whole, audit)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise _wrong(
                "the files protected as one have not their form",
                "les fichiers protégés ensemble n'ont pas leur forme",
            ) from error


def _require_parts(files: Mapping[str, bytes], names: list[str], whole: Mapping[str, Any]) -> None:
    rest = list(whole["tables"])
    for name in names:
        stem = str(name).rsplit(".", 1)[0]
        alone = f"disclosure/{stem}/tables.json"
        if alone in files:
            part = json_of(files, alone)
            if {**part, "tables": whole["tables"]} != whole:
                raise _wrong(
                    "files that were protected as one were protected otherwise",
                    "des fichiers protégés ensemble ont été protégés autrement",
                )
            mine = part["tables"]
        else:
            mine = [_of_counts(json_of(files, f"outputs/{stem}.json"))]
        if rest[: len(mine)] != mine:
            raise _wrong(
                "the tables protected as one are not those of the files",
                "les tableaux protégés ensemble ne sont pas ceux des fichiers",
            )
        rest = rest[len(mine) :]
    if rest or len(names) < 2:
        raise _wrong(
            "the tables protected as one are more than those of the files",
            "les tableaux protégés ensemble sont plus que ceux des fichiers",
        )


def _of_counts(table: Mapping[str, Any]) -> dict[str, Any]:
    """A count table of the platform, as it left, in the form that the audit reads."""
    return {
        "name": table["title"],
        "population": table["provenance"].get("model_digest", ""),
        "measure": PERSONS.as_dict(),
        "dimensions": [
            flat(axis["name"], tuple(axis["categories"])).as_dict() for axis in table["dimensions"]
        ],
        "cells": [{"key": cell["key"], "value": cell["persons"]} for cell in table["cells"]],
    }


def _rule(source: Mapping[str, Any], policy: Mapping[str, Any]) -> HouseRule:
    hides = policy["zeros"] != "publish" or "hide" in (source["zero_cells"], source["full_cells"])
    return HouseRule(
        threshold=policy["threshold"],
        low=policy["low"],
        high=policy["high"],
        zeros_published=not hides,
    )


def _require_certificate(
    audit: Audit, certificate: Mapping[str, Any], source: Mapping[str, Any]
) -> None:
    digest = hashlib.sha256(canonical_json(dict(source))).hexdigest()
    again = json.loads(canonical_json(audit.certificate() | {"policy_sha256": digest}))
    if not audit.consistent or certificate != again:
        raise _wrong(
            "the certificate is not what the audit finds",
            "le certificat n'est pas ce que trouve l'audit",
        )


def _require_protected(tables: Mapping[str, Any], audit: Audit) -> None:
    """No count of persons under the threshold is shown, unless rounded, or known to be small."""
    rounded = bool(tables["base"])
    for number, table in enumerate(tables["tables"]):
        if table["measure"]["kind"] != "persons":
            continue
        for cell in table["cells"]:
            value = cell["value"]
            if value is not None and not rounded:
                if 0 < value < audit.rule.threshold:
                    raise _wrong(
                        "a count under the threshold is published",
                        "un effectif sous le seuil est publié",
                    )
                continue
            seen = audit.find(number, tuple(cell["key"]))
            if seen is None or _is_small(seen.informed, audit.rule):
                raise _wrong(
                    "a hidden count is known to be small",
                    "un effectif masqué est connu comme petit",
                )


def _is_small(bounds: tuple[int, int | None], rule: HouseRule) -> bool:
    low, high = bounds
    could_be_shown = low == 0 and rule.zeros_published
    return high is not None and high < rule.threshold and not could_be_shown


def _agrees(reading: Reading, tables: Mapping[str, Any]) -> bool:
    bodies = tables["tables"]
    return len(reading.tables) == len(bodies) and all(
        _same(table, body) for table, body in zip(reading.tables, bodies, strict=True)
    )


def _same(table: TypedTable, body: Mapping[str, Any]) -> bool:
    shown = {tuple(cell["key"]): cell["value"] for cell in body["cells"]}
    scale = table.measure.scale
    return table.measure.as_dict() == body["measure"] and all(
        key in shown and shown[key] == (None if one.value is None else round(one.value * scale))
        for key, one in table.cells.items()
    )


def _wrong(why: str, why_fr: str) -> Unproven:
    return refused("package-audit", why, why_fr)
