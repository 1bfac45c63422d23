"""What is written, voted on and signed: the anonymity statement, the set, the votes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import field, frozen, validators

from bercail.airlock.door import Bundle
from bercail.airlock.events import Entry, RequestSubmitted
from bercail.airlock.request import Request
from bercail.foundation import canonical_json
from bercail.ledger import root

VOTE_TYPE = "application/vnd.bercail.airlock-vote+json"
RELEASE_TYPE = "application/vnd.bercail.airlock-release+json"
REVOCATION_TYPE = "application/vnd.bercail.airlock-revocation+json"
CHECKER_SIGNER = "checker/"
AIRLOCK_SIGNER = "airlock"

_WRITTEN = validators.and_(
    validators.instance_of(str), validators.min_len(10), validators.max_len(2000)
)


@frozen(kw_only=True)
class AnonymityStatement:
    """Why the output is anonymous, by the three criteria of WP216 (CNIL SEC-EXP-1; EXP-05)."""

    singling_out: str = field(validator=_WRITTEN)
    correlation: str = field(validator=_WRITTEN)
    inference: str = field(validator=_WRITTEN)

    def as_dict(self) -> dict[str, str]:
        """The three criteria."""
        return {
            "singling_out": self.singling_out,
            "correlation": self.correlation,
            "inference": self.inference,
        }


def statement_for(bundle: Bundle) -> AnonymityStatement:
    """What the automatic check can say by itself: all about tables, of files only what it found."""
    most = bundle.policy.threshold - 1
    classes = any(
        rule in ("class-disclosure", "full-cell") for one in bundle.leaving for rule in one.rules
    )
    protected = all(one.is_protected for one in bundle.leaving)
    return AnonymityStatement(
        singling_out=(_COUNTS if protected else _COUNTS_AND_FILES).format(most),
        correlation=_NO_IDENTIFIER if protected else _NONE_FOUND,
        inference=_WHOLE_GROUPS if classes else (_NO_WHOLE_GROUP if protected else _NONE_IN_TABLES),
    )


_COUNTS = (
    "No count of 1 to {0} distinct persons is published, and none can be computed from what is "
    "published (audit certificate). / "
    "Aucun effectif de 1 à {0} personnes distinctes n'est publié, et aucun ne peut être calculé "
    "à partir de ce qui est publié (certificat d'audit)."
)
_COUNTS_AND_FILES = (
    "Tables of counts: No count of 1 to {0} distinct persons is published, and none can be "
    "computed from what is published (audit certificate). Other files: judged by the checkers. / "
    "Tableaux d'effectifs : aucun effectif de 1 à {0} personnes distinctes n'est publié, et aucun "
    "ne peut être calculé à partir de ce qui est publié (certificat d'audit). Autres fichiers : "
    "jugés par les vérificateurs."
)
_NO_IDENTIFIER = (
    "The table holds no identifier of a person or professional, encrypted or not, and no record; "
    "only counts by category. / "
    "Le tableau ne contient aucun identifiant de personne ou de professionnel, chiffré ou non, et "
    "aucun enregistrement ; seulement des effectifs par catégorie."
)
_NONE_FOUND = (
    "No identifier was found in any file; other files are judged by the checkers. / "
    "Aucun identifiant n'a été trouvé dans les fichiers ; les autres fichiers sont jugés par les "
    "vérificateurs."
)
_WHOLE_GROUPS = (
    "Some groups stand in one category entirely; the checkers judge whether that is sensitive. / "
    "Des groupes sont entièrement dans une même catégorie ; les vérificateurs jugent si cela est "
    "sensible."
)
_NONE_IN_TABLES = (
    "Tables of counts: no published group stands in one category entirely. Other files: judged by "
    "the checkers. / "
    "Tableaux d'effectifs : aucun groupe publié n'est entièrement dans une même catégorie. Autres "
    "fichiers : jugés par les vérificateurs."
)
_NO_WHOLE_GROUP = (
    "No published group stands in one category entirely. / "
    "Aucun groupe publié n'est entièrement dans une même catégorie."
)


def statement_of(submitted: RequestSubmitted) -> AnonymityStatement:
    """The statement as it was recorded."""
    return AnonymityStatement(
        singling_out=submitted.singling_out,
        correlation=submitted.correlation,
        inference=submitted.inference,
    )


def set_digest(entries: Iterable[Entry]) -> str:
    """Merkle root (RFC 6962 hashing, SHA-256) over the entries, in hexadecimal.

    A leaf is the canonical JSON of `[part, name, digest]`; leaves are sorted.
    """
    leaves = sorted(canonical_json([one.part, one.name, one.digest]) for one in entries)
    return root(leaves).hex()


def vote_payload(request: Request, checker: str, *, approve: bool, at: str) -> bytes:
    """The statement that a checker signs. The reason stays inside: it may describe the result."""
    return canonical_json(
        {
            "request": request.id,
            "permit": request.permit,
            "project": request.project,
            "author": request.author,
            "set_digest": request.set_digest,
            "policy_digest": request.checked.policy_digest if request.checked else "",
            "checker": checker,
            "decision": "approve" if approve else "reject",
            "at": at,
        }
    )


def set_document(entries: Sequence[Entry], salts: Mapping[str, str]) -> dict[str, Any]:
    """The set as a release writes it; `salts` open the digests of what leaves, by path."""
    written: list[dict[str, str]] = []
    for one in entries:
        entry = {"part": one.part, "name": one.name, "digest": one.digest}
        opened = {"salt": salts[one.name]} if one.part == "leaves" and salts else {}
        written.append(entry | opened)
    return {
        "format": f"bercail-release-set/{2 if salts else 1}",
        "entries": written,
        "set_digest": set_digest(entries),
    }
