"""A release as a bag of files (BagIt 1.0, RFC 8493, SHA-512), the same bytes each time.

The bytes depend on the request and the release event only: released twice, or again after
a crash, a package is identical, and its digest was recorded before the first byte was out.
The writer is ours because the `bagit` library writes BagIt 0.97 and changes the process's
working directory; that library is the first reader in `verify`.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from bercail.airlock.crate import CrateFacts, crate
from bercail.airlock.crate_words import BOTH, ENGLISH
from bercail.airlock.request import Request
from bercail.airlock.shelf import INSPECTION, REPORT, TABLE_JSON
from bercail.airlock.statements import set_document
from bercail.foundation import Invalid, Missing, Unproven, canonical_json, sha256_hex

FORMAT = "bercail-release-package/1"
"""One count table; what is more has the next format."""

FORMAT_OF_MANY = "bercail-release-package/2"
RELEASE = "release.json"
SET = "review/set.json"
VOTES = "review/votes"
CRATE_FILE = "ro-crate-metadata.json"
SIGNATURE = "release.dsse.json"
REVOKED = "revoked.dsse.json"
_NAMESPACE = uuid.UUID("6f6b1f6e-51d7-5a53-9a54-6a9f6d0f7c11")


@frozen(kw_only=True)
class Facts:
    """What the package says that the request does not: fixed by the release event.

    `salts` open the digests of the files that leave, by path; empty for a set without salts.
    `only_english`: the metadata are those of a release made before they had a French half.
    """

    at: str
    ledger: str
    publisher: str
    checkers_required: int
    salts: Mapping[str, str] = field(factory=dict, repr=False)
    only_english: bool = False


def payload(request: Request, leaving: Mapping[str, bytes], facts: Facts) -> dict[str, bytes]:
    """Every file of the payload, by its path under `data/`."""
    files = dict(leaving)
    for vote in request.votes:
        if vote.approve:
            files[f"{VOTES}/{vote.checker}.dsse.json"] = vote.envelope.encode() + b"\n"
    files[SET] = canonical_json(set_document(request.entries, facts.salts)) + b"\n"
    lone = REPORT in leaving
    files[RELEASE] = canonical_json(_release(request, facts, lone=lone)) + b"\n"
    words = ENGLISH if facts.only_english else BOTH
    title, model_digest = words.results.format(request.id), ""
    if lone:
        table = json.loads(leaving[TABLE_JSON])
        title, model_digest = table["title"], str(table["provenance"].get("model_digest", ""))
    metadata = crate(
        request,
        CrateFacts(
            released_at=facts.at,
            publisher=facts.publisher,
            title=title,
            model_digest=model_digest,
            paths=tuple(sorted(files)),
            lone=lone,
            words=words,
        ),
    )
    files[CRATE_FILE] = json.dumps(metadata, ensure_ascii=False, indent=2).encode() + b"\n"
    return files


def _release(request: Request, facts: Facts, *, lone: bool) -> dict[str, Any]:
    report = {"report": REPORT} if lone else {"inspection": INSPECTION}
    return {
        "format": FORMAT if lone else FORMAT_OF_MANY,
        "request": request.id,
        "permit": request.permit,
        "project": request.project,
        "author": request.author,
        "released_at": facts.at,
        "checkers_required": facts.checkers_required,
        "set_digest": request.set_digest,
        "ledger": json.loads(facts.ledger),
        **report,
    }


def manifest(files: Mapping[str, bytes], prefix: str = "data/") -> bytes:
    """The manifest of `files`: SHA-512, two spaces, path; one line each, sorted."""
    rows = [
        f"{hashlib.sha512(data).hexdigest()}  {prefix}{path}\n"
        for path, data in sorted(files.items())
    ]
    return "".join(rows).encode()


def package_digest(files: Mapping[str, bytes]) -> str:
    """SHA-256 of the payload manifest, in hexadecimal: the identity of a release."""
    return sha256_hex(manifest(files))


def bag(request: Request, files: Mapping[str, bytes], at: str, signature: str) -> dict[str, bytes]:
    """Every file of the bag, by its path."""
    size = sum(len(data) for data in files.values())
    identifier = uuid.uuid5(_NAMESPACE, request.id)
    info = (
        "Bag-Software-Agent: Bercail\n"
        f"Bagging-Date: {at[:10]}\n"
        f"External-Identifier: urn:uuid:{identifier}\n"
        f"Internal-Sender-Identifier: {request.id}\n"
        f"Payload-Oxum: {size}.{len(files)}\n"
    )
    tags = {
        "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
        "bag-info.txt": info.encode(),
        "manifest-sha512.txt": manifest(files),
        SIGNATURE: signature.encode() + b"\n",
    }
    whole = {f"data/{path}": data for path, data in files.items()}
    whole |= tags
    whole["tagmanifest-sha512.txt"] = manifest(tags, prefix="")
    return whole


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the bag to `folder`, whole or not at all; an identical one there is left alone.

    Raises:
        Invalid: `folder` holds something else.
    """
    if folder.exists():
        found = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        if found != dict(files):
            raise Invalid(
                f"`{folder}` exists and is not this release. / "
                f"`{folder}` existe et n'est pas cette sortie.",
                remedy="Give another folder with `--out`, or remove this one. / "
                "Donnez un autre dossier avec `--out`, ou retirez celui-ci.",
            )
        return
    part = folder.with_name(f".{folder.name}.part")
    if part.exists():
        shutil.rmtree(part)
    for path, data in files.items():
        target = part / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
    part.rename(folder)


def mark(folder: Path, package_digest: str, envelope: str) -> None:
    """Put into the package at `folder` the signed word that it is revoked; again changes nothing.

    Raises:
        Missing: there is no package there.
        Unproven: it is another package.
    """
    listed = folder / "manifest-sha512.txt"
    if not listed.is_file():
        raise Missing(
            f"There is no package at `{folder}`. / Il n'y a pas de paquet à `{folder}`.",
            remedy="Check the path. / Vérifiez le chemin.",
        )
    if sha256_hex(listed.read_bytes()) != package_digest:
        raise Unproven(
            f"The package at `{folder}` is not the one that was revoked. / "
            f"Le paquet à `{folder}` n'est pas celui qui a été révoqué.",
            remedy="Nothing was marked. Give the folder of the revoked release. / "
            "Rien n'a été marqué. Donnez le dossier de la sortie révoquée.",
            rule="package-revoked",
        )
    (folder / REVOKED).write_bytes(envelope.encode() + b"\n")
