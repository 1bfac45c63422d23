"""The bag of a release as a reader opens it: every file listed, nothing else, every digest right.

Part of the second reader (`verify.py`); imports no writer of the airlock.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import bagit

from bercail.foundation import Missing, Unproven

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
FORMATS = ("bercail-release-package/1", "bercail-release-package/2")
INSPECTION = "disclosure/inspection.json"
ALWAYS = frozenset({INSPECTION, "review/context.json", "review/statement.json"})
_REVOKED = "revoked.dsse.json"
PLAIN = frozenset({"release.json", "review/set.json", "ro-crate-metadata.json"})
_LARGEST = 64 * 1024 * 1024


# Why a package is refused, as the end of a sentence, in English and in French.
_NO_FILE = (
    "it holds something that is neither file nor folder",
    "il contient autre chose que des fichiers et des dossiers",
)
_LARGE = (
    "a file is larger than any release has",
    "un fichier est plus grand que ceux d'une sortie",
)
_SAYS_REVOKED = ("it says itself that it is revoked", "il dit lui-même qu'il est révoqué")
_OTHER_TAGS = (
    "its tag files are not those of a release",
    "ses fichiers de description ne sont pas ceux d'une sortie",
)


def read_bag(folder: Path) -> dict[str, bytes]:
    """1. The payload by path, once the bag holds; raises Missing and Unproven."""
    if not folder.is_dir():
        raise Missing(
            f"There is no package at `{folder}`. / Il n'y a pas de paquet à `{folder}`.",
            remedy="Check the path. / Vérifiez le chemin.",
        )
    paths = list(folder.rglob("*"))
    if any(path.is_symlink() or not (path.is_file() or path.is_dir()) for path in paths):
        raise refused("package-files", *_NO_FILE)
    found = {path.relative_to(folder).as_posix() for path in paths if path.is_file()}
    if any((folder / name).stat().st_size > _LARGEST for name in found):
        raise refused("package-files", *_LARGE)
    payload = {name.removeprefix("data/") for name in found if name.startswith("data/")}
    votes = {name for name in payload if is_vote(name)}
    if _REVOKED in found:
        raise refused("package-revoked", *_SAYS_REVOKED)
    if found - {f"data/{name}" for name in payload} != _TAGS:
        raise refused("package-files", *_OTHER_TAGS)
    _require_files(folder, payload - votes)
    # The library logs file names on standard error; the refusal below says enough.
    logging.getLogger("bagit").setLevel(logging.CRITICAL)
    try:
        bagit.Bag(str(folder)).validate()
    except (bagit.BagError, OSError, UnicodeDecodeError, ValueError) as error:
        raise refused(
            "package-fixity", "the bag does not validate", "le paquet BagIt n'est pas valide"
        ) from error
    _listed(folder, "manifest-sha512.txt", {f"data/{name}" for name in payload})
    _listed(folder, "tagmanifest-sha512.txt", set(_TAGS - {"tagmanifest-sha512.txt"}))
    return {name: (folder / "data" / name).read_bytes() for name in payload}


def _require_files(folder: Path, payload: set[str]) -> None:
    """The files of the payload are those of its format; `_outputs` holds those of several."""
    if "release.json" not in payload:
        raise _not_its_files()
    release = parse((folder / "data/release.json").read_bytes(), "release.json")
    if release.get("format") not in FORMATS:
        raise refused("package-files", "it is of an unknown format", "il est d'un format inconnu")
    if release["format"] == FORMATS[0]:
        holds = payload == _LEAVING | PLAIN
    else:
        others = payload - PLAIN - ALWAYS
        holds = payload >= PLAIN | ALWAYS and all(
            name.startswith(("outputs/", "disclosure/")) for name in others
        )
    if not holds:
        raise _not_its_files()


def is_vote(name: str) -> bool:
    """Whether a file of the payload is the signed vote of a checker."""
    path = PurePosixPath(name)
    return str(path.parent) == "review/votes" and path.name.endswith(".dsse.json")


def _listed(folder: Path, manifest: str, names: set[str]) -> None:
    rows = (folder / manifest).read_text("utf-8").splitlines()
    listed = {row[130:]: row[:128] for row in rows if row[128:130] == "  "}
    if set(listed) != names or len(rows) != len(names):
        raise refused(
            "package-fixity",
            f"`{manifest}` does not list exactly its files",
            f"`{manifest}` ne liste pas exactement ses fichiers",
        )
    for name, digest in listed.items():
        if hashlib.sha512((folder / name).read_bytes()).hexdigest() != digest:
            raise refused(
                "package-fixity",
                f"a file differs from `{manifest}`",
                f"un fichier diffère de `{manifest}`",
            )


def json_of(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    """The JSON object in the file `name`; raises Unproven when it is none."""
    return parse(files[name], name)


def parse(data: bytes, name: str) -> dict[str, Any]:
    """The JSON object in `data`, the bytes of `name`; raises Unproven when it is none."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise refused(
            "package-files", f"`{name}` is not JSON", f"`{name}` n'est pas du JSON"
        ) from error
    if not isinstance(value, dict):
        raise refused("package-files", f"`{name}` is not an object", f"`{name}` n'est pas un objet")
    return value


def _not_its_files() -> Unproven:
    return refused(
        "package-files",
        "its payload has a file too many or too few",
        "son contenu a un fichier de trop ou de moins",
    )


REVOKED_RULE = "package-revoked"
_REVOKED_REMEDY = (
    "Do not use it any more, and tell who has a copy; the platform says what replaces it. / "
    "Ne l'utilisez plus, et prévenez qui en a une copie ; la plateforme dit ce qui le remplace."
)
_OTHER_REMEDY = (
    "Do not use it; fetch it again from the platform. / "
    "Ne l'utilisez pas ; allez le chercher de nouveau sur la plateforme."
)


def refused(rule: str, why: str, why_fr: str, *names: object) -> Unproven:
    """The refusal of a package, to raise; `names` stand at `{0}` of both texts."""
    if names:
        why, why_fr = why.format(*names), why_fr.format(*names)
    return Unproven(
        f"The package is refused: {why}. / Le paquet est refusé : {why_fr}.",
        remedy=_REVOKED_REMEDY if rule == REVOKED_RULE else _OTHER_REMEDY,
        rule=rule,
    )
