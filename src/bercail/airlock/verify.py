"""The second reader of a release package: public keys in, everything computed again.

It imports no writer of the airlock. What it shows: the bag is whole; every file that leaves
is in the set that was voted on; enough distinct checkers, none of them the author, signed
that set; the airlock signed the package; and nobody who reads the table can compute a
hidden cell.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from attrs import frozen

from bercail.airlock.disclosure.attacker import HouseRule, attack
from bercail.airlock.verify_bag import (
    ALWAYS,
    FORMATS,
    INSPECTION,
    PLAIN,
    is_vote,
    json_of,
    parse,
    read_bag,
    refused,
)
from bercail.airlock.verify_tables import named_alone, require_together, verified_tables
from bercail.foundation import Invalid, Missing, canonical_json
from bercail.vault import DualPublicKey, open_dsse_envelope

_VOTE_TYPE = "application/vnd.bercail.airlock-vote+json"
_RELEASE_TYPE = "application/vnd.bercail.airlock-release+json"
_PROFILE = "https://w3id.org/5s-crate/0.4"


@frozen(kw_only=True)
class VerifiedPackage:
    """What a package was shown to be."""

    request: str
    permit: str
    project: str
    package_digest: str
    set_digest: str
    checkers: tuple[str, ...]
    cells: int
    hidden_cells: int
    judged_by_people: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The result for people and for `--json`."""
        return {
            "verified": True,
            "request": self.request,
            "permit": self.permit,
            "project": self.project,
            "package_digest": self.package_digest,
            "set_digest": self.set_digest,
            "checkers": list(self.checkers),
            "cells": self.cells,
            "hidden_cells": self.hidden_cells,
            "judged_by_people": list(self.judged_by_people),
        }


# Why a package is refused, as the end of a sentence, in English and in French.
_NO_CSV = ("a table has no CSV of its own", "un tableau n'a pas son propre CSV")
_NO_TABLE = ("a table has not the files of a table", "un tableau n'a pas les fichiers d'un tableau")
_NOT_NAMED = (
    "the inspection does not name exactly the outputs",
    "l'inspection ne nomme pas exactement les sorties",
)
_UNKNOWN_CHECKER = ("`{0}` is not a known checker", "`{0}` n'est pas un vérificateur connu")
_OTHER_VOTE = (
    "the vote of `{0}` is about something else",
    "le vote de `{0}` porte sur autre chose",
)
_OWN_VOTE = ("the author voted on the release", "l'auteur a voté sur la sortie")
_FEW_VOTES = ("only {0} checkers approved", "seuls {0} vérificateurs ont approuvé")
_OTHER_POLICY = (
    "the report of the table is under another policy",
    "le rapport du tableau relève d'une autre politique",
)
_SMALL_SHOWN = ("a count under the threshold is published", "un effectif sous le seuil est publié")
_NO_FORM = (
    "the table has not the form of a protected table",
    "le tableau n'a pas la forme d'un tableau protégé",
)
_OTHER_CERTIFICATE = (
    "the certificate is not what the audit finds",
    "le certificat n'est pas ce que trouve l'audit",
)
_OTHER_CSV = ("the CSV and the JSON table differ", "le CSV et le tableau JSON diffèrent")


def verify_package(folder: Path, keys: Mapping[str, Any]) -> VerifiedPackage:
    """Accept the package at `folder`, or raise at the first thing that does not hold.

    `keys`: what `bercail airlock keys` prints: the public key of the airlock and of each
    checker, and the digests of revoked packages. They must come from the platform, never from
    the package.

    1. The bag: every file listed, nothing else, every SHA-512 right.
    2. The set: its entries are exactly the files that leave, its digest is computed anew.
    3. The votes: enough distinct checkers, not the author, each signing that set.
    4. The release: the airlock signed this payload manifest.
    5. The tables: CSV and JSON agree, the audit is run again and finds nothing; protected files
       say what was audited, alone and together. People judged the others: their names are told.
    6. The crate: it names every file and the profile.
    7. The release was not revoked.

    Raises:
        Missing: there is no package there.
        Unproven: with the rule that failed.
    """
    files = read_bag(folder)
    release = json_of(files, "release.json")
    set_digest = _set(files, release)
    several = release["format"] == FORMATS[1]
    report = json_of(files, INSPECTION if several else _LONE[2])
    checkers = _votes(files, release, report, set_digest, keys)
    digest = _signed(folder, release, set_digest, keys)
    outputs = _outputs(files, report) if several else ([_LONE], [], ())
    cells, hidden = _counted(files, outputs, report)
    _crate(files)
    _require_standing(digest, keys)
    return VerifiedPackage(
        **{name: release[name] for name in ("request", "permit", "project")},
        package_digest=digest,
        set_digest=set_digest,
        checkers=checkers,
        cells=cells,
        hidden_cells=hidden,
        judged_by_people=outputs[2],
    )


def _require_standing(digest: str, keys: Mapping[str, Any]) -> None:
    """7. Revoked packages are in the keys that the platform gives out."""
    if digest in keys.get("revoked", []):
        raise refused("package-revoked", "its release was revoked", "sa sortie a été révoquée")


Outputs = tuple[list[tuple[str, ...]], list[str], tuple[str, ...]]
"""Paths of count tables, names of files that the engine protected, paths that people judged."""


def _counted(
    files: Mapping[str, bytes], outputs: Outputs, report: Mapping[str, Any]
) -> tuple[int, int]:
    """5. Cells and hidden cells of all tables, once each of them holds."""
    tables, protected, _ = outputs
    policy = report["policy"]
    require_together(files, report, policy)
    counted = [_table(files, paths, policy) for paths in tables]
    counted += [verified_tables(files, name, policy) for name in protected]
    return sum(cells for cells, _ in counted), sum(hidden for _, hidden in counted)


def _outputs(files: Mapping[str, bytes], inspection: Mapping[str, Any]) -> Outputs:
    """Paths of count tables, files protected by the engine, files that people judged: all."""
    tables: list[tuple[str, ...]] = []
    protected: list[str] = []
    people: list[str] = []
    named: list[str] = []
    for one in _list(inspection, "files"):
        paths = [path for path in one.get("paths", []) if isinstance(path, str)]
        named += paths
        if one.get("kind") != "count table":
            if len(paths) == 1:
                people += paths
            else:
                protected.append(named_alone(one.get("name"), paths))
            continue
        stems = [path.removesuffix(".csv") for path in paths if path.endswith(".csv")]
        if len(stems) != 1:
            raise refused("package-files", *_NO_CSV)
        stem = stems[0].removeprefix("outputs/")
        tables.append(
            (
                f"outputs/{stem}.json",
                f"outputs/{stem}.csv",
                f"disclosure/{stem}/report.json",
                f"disclosure/{stem}/certificate.json",
            )
        )
        if sorted(tables[-1]) != sorted(paths):
            raise refused("package-files", *_NO_TABLE)
    linked = _list(inspection, "linked") if "linked" in inspection else []
    named += [str(group.get("path")) for group in linked]
    standing = set(files) - PLAIN - ALWAYS - {name for name in files if is_vote(name)}
    if sorted(named) != sorted(standing):
        raise refused("package-files", *_NOT_NAMED)
    return tables, protected, tuple(sorted(people))


def _list(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = document.get(name)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise refused(
            "package-files",
            f"`{name}` is no list of objects",
            f"`{name}` n'est pas une liste d'objets",
        )
    return found


def _set(files: Mapping[str, bytes], release: Mapping[str, Any]) -> str:
    """2. The digest that was voted on, computed anew from the files."""
    document = json_of(files, "review/set.json")
    entries = document.get("entries")
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise refused("package-set", "the set has no entries", "l'ensemble n'a pas d'entrées")
    leaving = {one.get("name"): one for one in entries if one.get("part") == "leaves"}
    actual = {name for name in files if name not in PLAIN and not is_vote(name)}
    if set(leaving) != actual or any(
        one.get("digest") != _digest(one, files[name]) for name, one in leaving.items()
    ):
        raise refused(
            "package-set",
            "a file that leaves is not the one that was voted on",
            "un fichier qui sort n'est pas celui du vote",
        )
    leaves = sorted(
        canonical_json([one.get("part"), one.get("name"), one.get("digest")]) for one in entries
    )
    digest = _merkle_root([hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]).hex()
    if digest != document.get("set_digest") or digest != release.get("set_digest"):
        raise refused(
            "package-set",
            "the digest of the set is wrong",
            "l'empreinte de l'ensemble est fausse",
        )
    return digest


def _digest(entry: Mapping[str, Any], data: bytes) -> str:
    """The digest of a file as its entry takes it: with the salt that the release opened, or plain.

    A salt has 52 characters, so that none of the file can be moved into it.
    """
    salt = entry.get("salt")
    if salt is None:
        return f"sha256:{hashlib.sha256(data).hexdigest()}"
    if not isinstance(salt, str) or len(salt) != 52 or not salt.isascii():
        return ""
    opened = hashlib.sha256(salt.encode() + b"\0" + data).hexdigest()
    return f"salted-sha256:{opened}"


def _merkle_root(row: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, from leaf hashes."""
    if len(row) == 1:
        return row[0]
    split = 1 << ((len(row) - 1).bit_length() - 1)
    left, right = _merkle_root(row[:split]), _merkle_root(row[split:])
    return hashlib.sha256(b"\1" + left + right).digest()


def _votes(
    files: Mapping[str, bytes],
    release: Mapping[str, Any],
    report: Mapping[str, Any],
    set_digest: str,
    keys: Mapping[str, Any],
) -> tuple[str, ...]:
    """3. The checkers who approved this set."""
    policy, policy_digest = _policy(files, report)
    checkers = []
    for name in sorted(name for name in files if is_vote(name)):
        checker = PurePosixPath(name).name.removesuffix(".dsse.json")
        if checker not in keys.get("checkers", {}):
            raise refused("package-votes", *_UNKNOWN_CHECKER, checker)
        public = DualPublicKey.from_dict(keys["checkers"][checker])
        statement = json.loads(open_dsse_envelope(json_of(files, name), _VOTE_TYPE, [public]))
        expected = {
            "request": release["request"],
            "permit": release["permit"],
            "project": release["project"],
            "author": release["author"],
            "set_digest": set_digest,
            "policy_digest": policy_digest,
            "checker": checker,
            "decision": "approve",
        }
        if {key: statement.get(key) for key in expected} != expected:
            raise refused("package-votes", *_OTHER_VOTE, checker)
        if checker == release["author"]:
            raise refused("package-votes", *_OWN_VOTE)
        checkers.append(checker)
    if len(checkers) < max(2, policy.get("checkers", 2), release["checkers_required"]):
        raise refused("package-votes", *_FEW_VOTES, len(checkers))
    return tuple(checkers)


def _policy(files: Mapping[str, bytes], report: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The policy of the report and its digest, once it is the one voted on."""
    policy = report.get("policy")
    if not isinstance(policy, dict):
        raise refused(
            "package-votes",
            "the report names no policy",
            "le rapport ne nomme aucune politique",
        )
    policy_digest = hashlib.sha256(canonical_json(policy)).hexdigest()
    entries = json_of(files, "review/set.json")["entries"]
    voted_policy = [one.get("digest") for one in entries if one.get("part") == "policy"]
    if report.get("policy_digest") != policy_digest or voted_policy != [f"sha256:{policy_digest}"]:
        raise refused(
            "package-votes",
            "the policy is not the one that was voted on",
            "la politique n'est pas celle du vote",
        )
    return policy, policy_digest


def _signed(
    folder: Path, release: Mapping[str, Any], set_digest: str, keys: Mapping[str, Any]
) -> str:
    """4. The digest of the payload manifest, as the airlock signed it."""
    digest = hashlib.sha256((folder / "manifest-sha512.txt").read_bytes()).hexdigest()
    envelope = parse((folder / "release.dsse.json").read_bytes(), "release.dsse.json")
    public = DualPublicKey.from_dict(keys.get("airlock"))
    statement = json.loads(open_dsse_envelope(envelope, _RELEASE_TYPE, [public]))
    expected = {
        "request": release["request"],
        "set_digest": set_digest,
        "package_digest": digest,
        "released_at": release["released_at"],
    }
    if statement != expected:
        raise refused(
            "package-signature",
            "the airlock signed another package",
            "le sas a signé un autre paquet",
        )
    return digest


_LONE = (
    "outputs/table.json",
    "outputs/table.csv",
    "disclosure/report.json",
    "disclosure/certificate.json",
)


def _table(
    files: Mapping[str, bytes], paths: tuple[str, ...], policy: Mapping[str, Any]
) -> tuple[int, int]:
    """5. Cells and hidden cells of a table, once the audit holds."""
    table = json_of(files, paths[0])
    if json_of(files, paths[2]).get("policy") != policy:
        raise refused("package-audit", *_OTHER_POLICY)
    rule = HouseRule(
        threshold=policy["threshold"],
        low=policy["low"],
        high=policy["high"],
        zeros_published=policy["zeros"] == "publish",
    )
    cells = table.get("cells", [])
    shown = [cell["persons"] for cell in cells if cell["persons"] is not None]
    if any(0 < persons < rule.threshold for persons in shown):
        raise refused("package-audit", *_SMALL_SHOWN)
    try:
        found = attack(table, rule)
    except (KeyError, TypeError, ValueError) as error:
        raise refused("package-audit", *_NO_FORM) from error
    if weak := found.weaknesses():
        raise refused("package-audit", *weak[0])
    certificate = json_of(files, paths[3])
    if {key: certificate.get(key) for key in found.as_dict()} != found.as_dict():
        raise refused("package-audit", *_OTHER_CERTIFICATE)
    if _csv(table) != files[paths[1]]:
        raise refused("package-audit", *_OTHER_CSV)
    return len(cells), len(cells) - len(shown)


def _csv(table: Mapping[str, Any]) -> bytes:
    """The CSV that belongs to the JSON table, written here a second time."""
    rows = [[axis["name"] for axis in table["dimensions"]] + ["persons", "status"]]
    for cell in table["cells"]:
        labels = ["(all)" if label is None else label for label in cell["key"]]
        hidden = cell["persons"] is None
        shown = "" if hidden else str(cell["persons"])
        rows.append([*labels, shown, "hidden" if hidden else "published"])
    return "".join(",".join(map(_quoted, row)) + "\r\n" for row in rows).encode()


def _quoted(text: str) -> str:
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _crate(files: Mapping[str, bytes]) -> None:
    """6. The metadata name the profile and every file."""
    graph = json_of(files, "ro-crate-metadata.json").get("@graph")
    if not isinstance(graph, list):
        raise refused(
            "package-crate",
            "the metadata have no graph",
            "les métadonnées n'ont pas de graphe",
        )
    entities = {one.get("@id"): one for one in graph if isinstance(one, dict)}
    root = entities.get("./", {})
    parts = {one.get("@id") for one in root.get("hasPart", [])}
    named = set(files) - {"ro-crate-metadata.json"}
    if root.get("conformsTo") != {"@id": _PROFILE} or not named <= parts:
        raise refused(
            "package-crate",
            "the metadata do not name the profile and every file",
            "les métadonnées ne nomment pas le profil et chaque fichier",
        )


_FETCH_KEYS = (
    "Fetch again the file that `bercail airlock keys --json` writes. / "
    "Allez rechercher le fichier qu'écrit `bercail airlock keys --json`."
)


def read_keys(path: Path) -> dict[str, Any]:
    """The public keys written by `bercail airlock keys --json`."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise Missing(
            f"There is no keys file `{path}`. / Il n'y a pas de fichier de clés `{path}`.",
            remedy="Check the path. / Vérifiez le chemin.",
        ) from error
    except ValueError as error:
        raise Invalid(
            f"`{path}` is not JSON. / `{path}` n'est pas du JSON.", remedy=_FETCH_KEYS
        ) from error
    if not isinstance(value, dict) or not isinstance(value.get("checkers"), dict):
        raise Invalid(
            f"`{path}` holds no keys. / `{path}` ne contient pas de clés.", remedy=_FETCH_KEYS
        )
    return value
