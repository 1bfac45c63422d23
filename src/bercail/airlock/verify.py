"""The second reader of a release package: public keys in, everything computed again.

It imports no writer of the airlock. What it shows: the bag is whole; every file that leaves
is in the set that was voted on; enough distinct checkers, none of them the author, signed
that set; the airlock signed the package; and nobody who reads the table can compute a
hidden cell.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import bagit
from attrs import frozen

from bercail.airlock.disclosure.attacker import HouseRule, attack
from bercail.foundation import Invalid, Missing, Unproven, canonical_json
from bercail.vault import DualPublicKey, open_dsse_envelope

_VOTE_TYPE = "application/vnd.bercail.airlock-vote+json"
_RELEASE_TYPE = "application/vnd.bercail.airlock-release+json"
_TAGS = frozenset(
    {
        "bag-info.txt",
        "bagit.txt",
        "manifest-sha512.txt",
        "release.dsse.json",
        "tagmanifest-sha512.txt",
    }
)
_LEAVING = frozenset(
    {
        "disclosure/certificate.json",
        "disclosure/report.json",
        "outputs/table.csv",
        "outputs/table.json",
        "review/statement.json",
    }
)
_PLAIN = frozenset({"release.json", "review/set.json", "ro-crate-metadata.json"})
_PROFILE = "https://w3id.org/5s-crate/0.4"
_LARGEST = 64 * 1024 * 1024


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
        }


def verify_package(folder: Path, keys: Mapping[str, Any]) -> VerifiedPackage:
    """Accept the package at `folder`, or raise at the first thing that does not hold.

    `keys`: what `bercail airlock keys` prints: the public key of the airlock and of each
    checker. They must come from the platform, never from the package.

    1. The bag: every file listed, nothing else, every SHA-512 right.
    2. The set: its entries are exactly the files that leave, its digest is computed anew.
    3. The votes: enough distinct checkers, not the author, each signing that set.
    4. The release: the airlock signed this payload manifest.
    5. The table: CSV and JSON agree, the audit is run again and finds nothing.
    6. The crate: it names every file and the profile.

    Raises:
        Missing: there is no package there.
        Unproven: with the rule that failed.
    """
    if not folder.is_dir():
        raise Missing(f"There is no package at `{folder}`.", remedy="Check the path.")
    files = _bag(folder)
    release = _json(files, "release.json")
    set_digest = _set(files, release)
    report = _json(files, "disclosure/report.json")
    checkers = _votes(files, release, report, set_digest, keys)
    digest = _signed(folder, release, set_digest, keys)
    cells, hidden = _table(files, report)
    _crate(files)
    return VerifiedPackage(
        request=release["request"],
        permit=release["permit"],
        project=release["project"],
        package_digest=digest,
        set_digest=set_digest,
        checkers=checkers,
        cells=cells,
        hidden_cells=hidden,
    )


def _bag(folder: Path) -> dict[str, bytes]:
    """1. The payload by path, once the bag holds."""
    paths = list(folder.rglob("*"))
    if any(path.is_symlink() or not (path.is_file() or path.is_dir()) for path in paths):
        raise _refused("package-files", "it holds something that is neither file nor folder")
    found = {path.relative_to(folder).as_posix() for path in paths if path.is_file()}
    if any((folder / name).stat().st_size > _LARGEST for name in found):
        raise _refused("package-files", "a file is larger than any release has")
    payload = {name.removeprefix("data/") for name in found if name.startswith("data/")}
    votes = {name for name in payload if _is_vote(name)}
    if found - {f"data/{name}" for name in payload} != _TAGS:
        raise _refused("package-files", "its tag files are not those of a release")
    if payload - votes != _LEAVING | _PLAIN:
        raise _refused("package-files", "its payload has a file too many or too few")
    # The library logs file names on standard error; the refusal below says enough.
    logging.getLogger("bagit").setLevel(logging.CRITICAL)
    try:
        bagit.Bag(str(folder)).validate()
    except (bagit.BagError, OSError, UnicodeDecodeError, ValueError) as error:
        raise _refused("package-fixity", "the bag does not validate") from error
    _listed(folder, "manifest-sha512.txt", {f"data/{name}" for name in payload})
    _listed(folder, "tagmanifest-sha512.txt", set(_TAGS - {"tagmanifest-sha512.txt"}))
    return {name: (folder / "data" / name).read_bytes() for name in payload}


def _is_vote(name: str) -> bool:
    path = PurePosixPath(name)
    return str(path.parent) == "review/votes" and path.name.endswith(".dsse.json")


def _listed(folder: Path, manifest: str, names: set[str]) -> None:
    rows = (folder / manifest).read_text("utf-8").splitlines()
    listed = {row[130:]: row[:128] for row in rows if row[128:130] == "  "}
    if set(listed) != names or len(rows) != len(names):
        raise _refused("package-fixity", f"`{manifest}` does not list exactly its files")
    for name, digest in listed.items():
        if hashlib.sha512((folder / name).read_bytes()).hexdigest() != digest:
            raise _refused("package-fixity", f"a file differs from `{manifest}`")


def _set(files: Mapping[str, bytes], release: Mapping[str, Any]) -> str:
    """2. The digest that was voted on, computed anew from the files."""
    document = _json(files, "review/set.json")
    entries = document.get("entries")
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise _refused("package-set", "the set has no entries")
    leaving = {one.get("name"): one.get("digest") for one in entries if one.get("part") == "leaves"}
    actual = {
        name: f"sha256:{hashlib.sha256(data).hexdigest()}"
        for name, data in files.items()
        if name in _LEAVING
    }
    if leaving != actual:
        raise _refused("package-set", "a file that leaves is not the one that was voted on")
    leaves = sorted(
        canonical_json([one.get("part"), one.get("name"), one.get("digest")]) for one in entries
    )
    digest = _merkle_root([hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]).hex()
    if digest != document.get("set_digest") or digest != release.get("set_digest"):
        raise _refused("package-set", "the digest of the set is wrong")
    return digest


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
    for name in sorted(name for name in files if _is_vote(name)):
        checker = PurePosixPath(name).name.removesuffix(".dsse.json")
        if checker not in keys.get("checkers", {}):
            raise _refused("package-votes", f"`{checker}` is not a known checker")
        public = DualPublicKey.from_dict(keys["checkers"][checker])
        statement = json.loads(open_dsse_envelope(_json(files, name), _VOTE_TYPE, [public]))
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
            raise _refused("package-votes", f"the vote of `{checker}` is about something else")
        if checker == release["author"]:
            raise _refused("package-votes", "the author voted on the release")
        checkers.append(checker)
    if len(checkers) < max(2, policy.get("checkers", 2), release["checkers_required"]):
        raise _refused("package-votes", f"only {len(checkers)} checkers approved")
    return tuple(checkers)


def _policy(files: Mapping[str, bytes], report: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The policy of the report and its digest, once it is the one voted on."""
    policy = report.get("policy")
    if not isinstance(policy, dict):
        raise _refused("package-votes", "the report names no policy")
    policy_digest = hashlib.sha256(canonical_json(policy)).hexdigest()
    entries = _json(files, "review/set.json")["entries"]
    voted_policy = [one.get("digest") for one in entries if one.get("part") == "policy"]
    if report.get("policy_digest") != policy_digest or voted_policy != [f"sha256:{policy_digest}"]:
        raise _refused("package-votes", "the policy is not the one that was voted on")
    return policy, policy_digest


def _signed(
    folder: Path, release: Mapping[str, Any], set_digest: str, keys: Mapping[str, Any]
) -> str:
    """4. The digest of the payload manifest, as the airlock signed it."""
    digest = hashlib.sha256((folder / "manifest-sha512.txt").read_bytes()).hexdigest()
    envelope = _parse((folder / "release.dsse.json").read_bytes(), "release.dsse.json")
    public = DualPublicKey.from_dict(keys.get("airlock"))
    statement = json.loads(open_dsse_envelope(envelope, _RELEASE_TYPE, [public]))
    expected = {
        "request": release["request"],
        "set_digest": set_digest,
        "package_digest": digest,
        "released_at": release["released_at"],
    }
    if statement != expected:
        raise _refused("package-signature", "the airlock signed another package")
    return digest


def _table(files: Mapping[str, bytes], report: Mapping[str, Any]) -> tuple[int, int]:
    """5. Cells and hidden cells of the table, once the audit holds."""
    table = _json(files, "outputs/table.json")
    policy = report["policy"]
    rule = HouseRule(
        threshold=policy["threshold"],
        low=policy["low"],
        high=policy["high"],
        zeros_published=policy["zeros"] == "publish",
    )
    cells = table.get("cells", [])
    shown = [cell["persons"] for cell in cells if cell["persons"] is not None]
    if any(0 < persons < rule.threshold for persons in shown):
        raise _refused("package-audit", "a count under the threshold is published")
    try:
        found = attack(table, rule)
    except (KeyError, TypeError, ValueError) as error:
        raise _refused(
            "package-audit", "the table has not the form of a protected table"
        ) from error
    if weak := found.weaknesses():
        raise _refused("package-audit", weak[0])
    certificate = _json(files, "disclosure/certificate.json")
    if {key: certificate.get(key) for key in found.as_dict()} != found.as_dict():
        raise _refused("package-audit", "the certificate is not what the audit finds")
    if _csv(table) != files["outputs/table.csv"]:
        raise _refused("package-audit", "the CSV and the JSON table differ")
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
    graph = _json(files, "ro-crate-metadata.json").get("@graph")
    if not isinstance(graph, list):
        raise _refused("package-crate", "the metadata have no graph")
    entities = {one.get("@id"): one for one in graph if isinstance(one, dict)}
    root = entities.get("./", {})
    parts = {one.get("@id") for one in root.get("hasPart", [])}
    named = set(files) - {"ro-crate-metadata.json"}
    if root.get("conformsTo") != {"@id": _PROFILE} or not named <= parts:
        raise _refused("package-crate", "the metadata do not name the profile and every file")


def _json(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    return _parse(files[name], name)


def _parse(data: bytes, name: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _refused("package-files", f"`{name}` is not JSON") from error
    if not isinstance(value, dict):
        raise _refused("package-files", f"`{name}` is not an object")
    return value


def read_keys(path: Path) -> dict[str, Any]:
    """The public keys written by `bercail airlock keys --json`."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise Missing(f"There is no keys file `{path}`.", remedy="Check the path.") from error
    except ValueError as error:
        raise Invalid(f"`{path}` is not JSON.", remedy="Fetch the keys file again.") from error
    if not isinstance(value, dict) or not isinstance(value.get("checkers"), dict):
        raise Invalid(f"`{path}` holds no keys.", remedy="Fetch the keys file again.")
    return value


def _refused(rule: str, why: str) -> Unproven:
    return Unproven(
        f"The package is refused: {why}.",
        remedy="Do not use it; fetch it again from the platform.",
        rule=rule,
    )
