"""The mapping: for each type of resource, its target on the common layer. Data files, no code.

The files stand in `hosting/data/estate/*.json`, one per family. What no file names is unknown;
nothing is guessed from a name that looks alike.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Any, cast

from attrs import field, frozen

from bercail.foundation import Invalid, sha256_hex

MAPPING_FORMAT = "bercail-estate-mapping/1"
ROLES_FORMAT = "bercail-estate-roles/1"
LANGUAGES = ("en", "fr")


class Target(StrEnum):
    """Where a resource goes on the layer that every qualified host has."""

    VM = "vm"
    S3 = "s3"
    POSTGRESQL = "postgresql"
    OIDC = "oidc"
    OCI = "oci"
    GIT = "git"
    NETWORK = "network"
    FIREWALL = "firewall"
    NONE = "none"
    UNKNOWN = "unknown"


class Work(StrEnum):
    """What has to be done: carry it, build it again, use another thing, leave it behind."""

    MOVE = "move"
    REBUILD = "rebuild"
    REPLACE = "replace"
    DROP = "drop"
    UNKNOWN = "unknown"


class Holds(StrEnum):
    """What a resource keeps when everything is switched off."""

    DURABLE = "durable"
    STATE = "state"
    SECRET = "secret"
    LOG = "log"
    TRANSIT = "transit"
    COPY = "copy"
    NONE = "none"
    UNKNOWN = "unknown"


class BlockerKind(StrEnum):
    """Why a resource may stop the whole migration."""

    NO_EQUIVALENT = "no-equivalent"
    PROPRIETARY_API = "proprietary-api"
    CANNOT_LEAVE = "cannot-leave"


def _both(text: Mapping[str, str]) -> Mapping[str, str]:
    if set(text) != set(LANGUAGES) or not all(text.values()):
        raise ValueError("a wording needs `en` and `fr`")
    return dict(text)


@frozen(kw_only=True)
class Blocker:
    """A possible blocker; `why` in both languages."""

    kind: BlockerKind
    why: Mapping[str, str] = field(converter=_both)


UNITS = {"B": 1, "MiB": 1 << 20, "GiB": 1 << 30}


@frozen(kw_only=True)
class SizeAt:
    """Where an export tells bytes: a dotted `path`, its `unit`, and `basis` (used or capacity)."""

    path: str
    unit: str
    basis: str


@frozen(kw_only=True)
class Entry:
    """What becomes of one sort of resource.

    `arm` and `terraform` are the types it covers, `links` Terraform types that only tie two
    resources together, `when` the facts of a resource that must hold (text contained), `inverse`
    the paths that point backwards and so are no dependency.
    """

    key: str
    family: str
    name: Mapping[str, str] = field(converter=_both)
    arm: tuple[str, ...]
    terraform: tuple[str, ...]
    links: tuple[str, ...]
    target: Target
    work: Work
    holds: Holds
    evidence: Mapping[str, str] = field(converter=_both)
    alternatives: tuple[Mapping[str, str], ...]
    blocker: Blocker | None
    when: Mapping[str, str]
    size: tuple[SizeAt, ...]
    inverse: frozenset[str]

    def fits(self, facts: Mapping[str, str]) -> bool:
        """Whether every fact that this entry asks for is there."""
        return all(wanted in facts.get(name, "").lower() for name, wanted in self.when.items())


class EstateMapping:
    """All entries, looked up by type. `digest` is the SHA-256 of the files read."""

    def __init__(
        self, entries: tuple[Entry, ...], titles: Mapping[str, Mapping[str, str]], digest: str
    ) -> None:
        self.entries, self.titles, self.digest = entries, titles, digest
        self._by_arm: dict[str, list[Entry]] = {}
        self._by_terraform: dict[str, Entry] = {}
        self._links: set[str] = set()
        for entry in entries:
            for kind in entry.arm:
                self._by_arm.setdefault(kind.lower(), []).append(entry)
            for name in entry.terraform:
                if self._by_terraform.setdefault(name, entry) is not entry:
                    raise ValueError(f"`{name}` stands in two entries")
            self._links.update(entry.links)
        for kind, found in self._by_arm.items():
            # Entries that ask for a fact are tried first, the general one last.
            found.sort(key=lambda entry: not entry.when)
            if sum(not entry.when for entry in found) != 1:
                raise ValueError(f"`{kind}` needs exactly one entry without `when`")

    def find(self, kind: str, terraform: str | None, facts: Mapping[str, str]) -> Entry | None:
        """The entry of a resource, or None: the type is unknown."""
        entries = self._by_arm.get(kind, [])
        fitting = next((entry for entry in entries if entry.fits(facts)), None)
        by_name = self._by_terraform.get(terraform or "")
        # A fact (a data lake, a function app) says more than the name of a Terraform type.
        if fitting is not None and (fitting.when or by_name is None):
            return fitting
        return by_name or fitting

    def is_link(self, terraform: str) -> bool:
        """Whether a Terraform type only ties other resources together."""
        return terraform in self._links

    def arm_types(self, terraform: str) -> frozenset[str]:
        """The ARM types (lower case) that a Terraform type may stand for."""
        entry = self._by_terraform.get(terraform)
        return frozenset(kind.lower() for kind in entry.arm) if entry else frozenset()

    def inverse(self, kind: str, terraform: str | None) -> frozenset[str]:
        """The paths of a resource that point backwards."""
        by_name = self._by_terraform.get(terraform or "")
        found = [*self._by_arm.get(kind, []), *([by_name] if by_name else [])]
        return frozenset(path for entry in found for path in entry.inverse)

    def sizes(self, kind: str, terraform: str | None) -> tuple[SizeAt, ...]:
        """Where an export may tell the bytes of such a resource."""
        by_name = self._by_terraform.get(terraform or "")
        found = [*self._by_arm.get(kind, []), *([by_name] if by_name else [])]
        return tuple(size for entry in found for size in entry.size)


def load_mapping(folder: Path | None = None) -> EstateMapping:
    """The mapping of `folder`, or the one that ships with Bercail.

    Raises:
        Invalid: a file cannot be read or does not hold a mapping.
    """
    place = folder or resources.files("bercail.hosting") / "data" / "estate"
    try:
        files = sorted(
            (file for file in place.iterdir() if file.name.endswith(".json")),
            key=lambda file: file.name,
        )
        read = [(file.name, file.read_bytes()) for file in files]
    except OSError as error:
        raise Invalid(
            f"Cannot read the mapping in `{folder}`: {error.strerror}.", remedy="Check the path."
        ) from error
    entries: list[Entry] = []
    titles: dict[str, Mapping[str, str]] = {}
    label = "mapping"
    try:
        for name, raw in read:
            label = name
            data = json.loads(raw)
            if data["format"] != MAPPING_FORMAT:
                raise ValueError(f"the format is not `{MAPPING_FORMAT}`")
            titles[data["family"]] = _both(data["title"])
            entries += [_entry(row, data["family"]) for row in data["entries"]]
        digest = sha256_hex(b"".join(raw for _, raw in read))
        return EstateMapping(tuple(entries), titles, digest)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Invalid(
            f"The mapping file `{label}` is not well formed: {type(error).__name__} ({error}).",
            remedy="Compare it with docs/reference/estate-mapping.md.",
        ) from error


def load_roles() -> dict[str, str]:
    """Names of built-in roles, by the identifier of their definition."""
    raw = (resources.files("bercail.hosting") / "data" / "estate_roles.json").read_bytes()
    return cast("dict[str, str]", json.loads(raw)["roles"])


def _entry(row: dict[str, Any], family: str) -> Entry:
    blocker = row.get("blocker")
    return Entry(
        key=row["key"],
        family=family,
        name=row["name"],
        arm=tuple(row["arm"]),
        terraform=tuple(row["terraform"]),
        links=tuple(row.get("links", ())),
        target=Target(row["target"]),
        work=Work(row["work"]),
        holds=Holds(row["holds"]),
        evidence=row["evidence"],
        alternatives=tuple(_both(text) for text in row["alternatives"]),
        blocker=Blocker(kind=BlockerKind(blocker["kind"]), why=blocker["why"]) if blocker else None,
        when=dict(row.get("when", {})),
        size=tuple(_size(size) for size in row.get("size", ())),
        inverse=frozenset(row.get("inverse", ())),
    )


def _size(row: dict[str, str]) -> SizeAt:
    if row["unit"] not in UNITS or row["basis"] not in {"used", "capacity"}:
        raise ValueError("a size needs a known `unit`, and `basis` used or capacity")
    return SizeAt(path=row["path"], unit=row["unit"], basis=row["basis"])
