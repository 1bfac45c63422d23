"""The certificate of an erasure: what was seen, what is somebody's word, signed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from bercail.foundation import canonical_json, sha256_hex
from bercail.hosting.erasure.rules import ERASURE_SOURCE, EvidenceBasis
from bercail.hosting.erasure.wording import TEXTS
from bercail.hosting.events import ErasureEvidenced
from bercail.hosting.migration.manifest import write_whole
from bercail.hosting.migration.state import MigrationState
from bercail.hosting.naming import named
from bercail.hosting.report.wording import moment
from bercail.vault import Keyring, dsse_envelope, signer

FORMAT = "bercail-erasure-certificate/1"
PAYLOAD_TYPE = "application/vnd.bercail.erasure-certificate+json"
SIGNER = "erasure"


@frozen(kw_only=True)
class Certificate:
    """A certificate and its files; `digest` is the SHA-256 of the signed envelope."""

    seen: tuple[str, ...]
    on_word: tuple[str, ...]
    file: Path
    envelope: Path
    keys: Path
    readable: Mapping[str, Path]
    digest: str

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for `--json`."""
        return {
            "seen_by_us": list(self.seen),
            "on_the_word_of_others": list(self.on_word),
            "certificate": str(self.file),
            "envelope": str(self.envelope),
            "keys": str(self.keys),
            "readable": {language: str(path) for language, path in self.readable.items()},
            "digest": self.digest,
        }


def statement(
    name: str,
    source: str,
    target: str,
    state: MigrationState,
    evidence: Mapping[str, ErasureEvidenced],
    *,
    at: str,
) -> dict[str, Any]:
    """The certificate's content, in plain types that have one canonical form."""
    plan, notice, proof = state.erasure, state.notice, state.proof
    return {
        "format": FORMAT,
        "migration": name,
        "source": source,
        "target": target,
        "rules": ERASURE_SOURCE,
        "proof_root": proof.root if proof else "",
        "plan": plan.plan if plan else 0,
        "objects": plan.objects if plan else 0,
        "bytes": plan.bytes if plan else 0,
        "not_carried": plan.not_carried if plan else 0,
        "list_sha256": plan.digest if plan else "",
        "notice_given_by": notice.given_by if notice else "",
        "notice_given_to": notice.given_to if notice else "",
        "notice_until": notice.not_before if notice else "",
        "evidence": [_line(evidence[subject]) for subject in sorted(evidence)],
        "certified_at": at,
    }


def write_certificate(
    folder: Path, number: int, said: Mapping[str, Any], keys: Keyring
) -> Certificate:
    """Sign `said` and write its files: the content, the envelope, the keys, and two readings."""
    payload = canonical_json(dict(said))
    signing = signer(keys, SIGNER)
    written = canonical_json(dsse_envelope(PAYLOAD_TYPE, payload, [signing]))
    stem = folder / f"certificate-{number}"
    certificate = Certificate(
        seen=_subjects(said, seen=True),
        on_word=_subjects(said, seen=False),
        file=stem.with_suffix(".json"),
        envelope=stem.with_suffix(".dsse.json"),
        keys=stem.with_suffix(".keys.json"),
        readable={language: stem.with_suffix(f".{language}.txt") for language in TEXTS},
        digest=sha256_hex(written),
    )
    write_whole(certificate.file, payload)
    write_whole(certificate.envelope, written)
    write_whole(certificate.keys, canonical_json({SIGNER: signing.public.as_dict()}))
    for language, path in certificate.readable.items():
        write_whole(path, readable(said, language).encode("utf-8"))
    return certificate


def readable(said: Mapping[str, Any], language: str) -> str:
    """The certificate for a reader, in `en` or `fr`."""
    text = TEXTS[language]
    told = {**said, **{key: _second(said[key]) for key in ("certified_at", "notice_until")}}
    lines = [text["title"], "=" * len(text["title"]), "", text["what"].format(**told), ""]
    lines += [text["notice"].format(**told), ""]
    for basis in EvidenceBasis:
        found = [one for one in said["evidence"] if one["basis"] == basis.value]
        if not found:
            continue
        lines += [text[basis.value], ""]
        shown = ({**one, "subject": named(language, one["subject"])} for one in found)
        lines += [f"- {_shown(one, text)}" for one in shown]
        lines.append("")
    return "\n".join([*lines, text["limits"], ""])


def _second(at: str) -> str:
    """A recorded moment to the second, or nothing where there is none."""
    return f"{moment(at)} UTC" if at else ""


def _shown(one: Mapping[str, Any], text: Mapping[str, str]) -> str:
    if one["basis"] == EvidenceBasis.SEEN.value:
        return text["looked"].format(**one)
    document = text["document"].format(**one) if one["document"] else ""
    return text["said"].format(**one) + document


def _line(event: ErasureEvidenced) -> dict[str, Any]:
    return {
        "subject": event.subject,
        "basis": event.basis,
        "by": event.by,
        "remaining": event.remaining,
        "looked": event.looked,
        "document": event.document,
        "statement": event.statement,
    }


def _subjects(said: Mapping[str, Any], *, seen: bool) -> tuple[str, ...]:
    return tuple(
        one["subject"]
        for one in said["evidence"]
        if (one["basis"] == EvidenceBasis.SEEN.value) is seen
    )
