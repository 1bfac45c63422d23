"""The metadata of a release as a Five Safes RO-Crate 0.4 (RO-Crate 1.2, JSON-LD).

Profile: https://w3id.org/5s-crate/0.4. What it asks of workflow crates is answered by the
study: its cohort model stands where the profile has the workflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from bercail.airlock.crate_words import BOTH, CrateWords
from bercail.airlock.inspection.kinds import CUSTOMS
from bercail.airlock.request import Request

PROFILE = "https://w3id.org/5s-crate/0.4"
CONTEXT = "https://w3id.org/ro/crate/1.2/context"
CRATE = "https://w3id.org/ro/crate/1.2"
_SHP = "https://w3id.org/shp#"
_DONE = "http://schema.org/CompletedActionStatus"
_SHA512 = "https://www.iana.org/assignments/named-information#sha-512"
_LICENCE = "https://spdx.org/licenses/etalab-2.0"

_TYPES = {suffix: custom.media for custom in CUSTOMS.values() for suffix in custom.suffixes} | {
    ".csv": "text/csv",
    ".json": "application/json",
    ".txt": "text/plain",
}


@frozen(kw_only=True)
class CrateFacts:
    """What the metadata say beyond the request: when, by whom, from which model.

    `lone`: one count table is all that leaves.
    """

    released_at: str
    publisher: str
    title: str
    model_digest: str
    paths: tuple[str, ...]
    lone: bool = True
    words: CrateWords = BOTH


def crate(request: Request, facts: CrateFacts) -> dict[str, Any]:
    """The content of `ro-crate-metadata.json`."""
    name = facts.words.review
    reviews = [_review(vote.checker, vote.at, name) for vote in request.votes if vote.approve]
    actions = [_study(request, facts), *_automatic(request, facts), *reviews, _bagging(facts)]
    people = sorted({request.author, *request.approvals})
    return {
        "@context": CONTEXT,
        "@graph": [
            {
                "@id": "ro-crate-metadata.json",
                "@type": "CreativeWork",
                "about": {"@id": "./"},
                "conformsTo": {"@id": CRATE},
            },
            _root(request, facts, actions),
            *_context(request, facts),
            *[_person(name, request) for name in people],
            *[_file(path) for path in facts.paths],
            *actions,
        ],
    }


def _context(request: Request, facts: CrateFacts) -> list[dict[str, Any]]:
    """What the actions refer to: profile, model, project, permit, platform, terms."""
    words = facts.words
    return [
        {"@id": PROFILE, "@type": "Profile", "name": words.profile},
        {
            "@id": "#model",
            "@type": "Dataset",
            "name": words.model,
            "identifier": f"sha256:{facts.model_digest}" if facts.model_digest else "unknown",
        },
        {
            "@id": "#project",
            "@type": "Project",
            "name": request.project,
            "identifier": [{"@id": "#permit"}],
        },
        {
            "@id": "#permit",
            "@type": "PropertyValue",
            "name": words.permit,
            "value": request.permit,
        },
        {"@id": "#platform", "@type": "Organization", "name": facts.publisher},
        {
            "@id": "#airlock",
            "@type": "SoftwareApplication",
            "name": words.airlock,
            "provider": {"@id": "#platform"},
        },
        {"@id": _SHA512, "@type": "DefinedTerm", "name": words.hash_name},
        {"@id": _LICENCE, "@type": "CreativeWork", "name": "Licence Ouverte 2.0"},
    ]


def _root(request: Request, facts: CrateFacts, actions: list[dict[str, Any]]) -> dict[str, Any]:
    described = facts.words.lone_table if facts.lone else facts.words.several
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": facts.title,
        "description": described.format(request.permit),
        "identifier": request.id,
        "conformsTo": {"@id": PROFILE},
        "datePublished": facts.released_at,
        "publisher": {"@id": "#platform"},
        "license": {"@id": _LICENCE},
        "sourceOrganization": {"@id": "#project"},
        "mainEntity": {"@id": "#model"},
        "hasPart": [{"@id": "#model"}, *({"@id": path} for path in facts.paths)],
        "mentions": [{"@id": action["@id"]} for action in actions],
    }


def _study(request: Request, facts: CrateFacts) -> dict[str, Any]:
    outputs = [path for path in facts.paths if path.startswith("outputs/")]
    return {
        "@id": "#study",
        "@type": "CreateAction",
        "name": facts.words.study,
        "actionStatus": _DONE,
        "agent": {"@id": f"#person-{request.author}"},
        "instrument": {"@id": "#model"},
        "result": [{"@id": path} for path in outputs],
    }


def _automatic(request: Request, facts: CrateFacts) -> list[dict[str, Any]]:
    at = request.submitted.at if request.submitted else facts.released_at
    return [
        _assessed("#disclosure-audit", "DisclosureCheck", facts.words.audit, at, "#airlock"),
        _assessed("#sign-off", "SignOff", facts.words.sign_off, facts.released_at, "#airlock"),
    ]


def _review(checker: str, at: str, name: str) -> dict[str, Any]:
    return _assessed(f"#review-{checker}", "DisclosureCheck", name, at, f"#person-{checker}")


def _assessed(identifier: str, kind: str, name: str, at: str, agent: str) -> dict[str, Any]:
    return {
        "@id": identifier,
        "@type": "AssessAction",
        "additionalType": {"@id": f"{_SHP}{kind}"},
        "name": name,
        "endTime": at,
        "object": {"@id": "./"},
        "agent": {"@id": agent},
        "actionStatus": _DONE,
    }


def _bagging(facts: CrateFacts) -> dict[str, Any]:
    return {
        "@id": "#bagit",
        "@type": "UpdateAction",
        "additionalType": {"@id": f"{_SHP}GenerateCheckValue"},
        "name": facts.words.bagging,
        "startTime": facts.released_at,
        "object": {"@id": "./"},
        "instrument": {"@id": _SHA512},
        "agent": {"@id": "#airlock"},
        "actionStatus": _DONE,
    }


def _person(name: str, request: Request) -> dict[str, Any]:
    person: dict[str, Any] = {"@id": f"#person-{name}", "@type": "Person", "name": name}
    if name == request.author:
        person["memberOf"] = [{"@id": "#project"}]
    else:
        person["affiliation"] = {"@id": "#platform"}
    return person


def _file(path: str) -> Mapping[str, Any]:
    name = path.rsplit("/", 1)[-1]
    suffix = name[name.rindex(".") :].lower() if "." in name else ""
    return {
        "@id": path,
        "@type": "File",
        "name": name,
        "encodingFormat": _TYPES.get(suffix, "application/octet-stream"),
    }
