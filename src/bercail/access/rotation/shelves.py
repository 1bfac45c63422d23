"""Which sealed tables a project has: those of its extracts, and those that it made itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from attrs import asdict, evolve, frozen

from bercail.access.events import ExtractMade
from bercail.access.extract import FORMAT, MANIFEST, ExtractPart, read_manifest
from bercail.access.rotation.tables import ProjectTable
from bercail.access.rules import Dossier
from bercail.foundation import canonical_json, sha256_hex
from bercail.lake import SealedStore


class KeepsProjectTables(Protocol):
    """Who keeps the tables that projects make themselves, sealed in the place of the project.

    It asks `ProjectTables.require_settled` before it opens one.
    """

    def tables(self, project: str) -> Sequence[ProjectTable]:
        """The newest version of each table; every text column by its name in the file."""
        ...

    def replace(self, project: str, turn: str, tables: Mapping[str, tuple[str, str]]) -> None:
        """From now on each table of `tables`, by its name, is at this version and digest.

        Again for the same `turn`, nothing happens. The version before stays by its number.
        """
        ...

    def expire(self, project: str) -> int:
        """Remove the versions that a `turn` replaced; how many files. Again, nothing happens."""
        ...


class EmptyShelf:
    """A house in which projects make no tables of their own."""

    def tables(self, _project: str) -> Sequence[ProjectTable]:
        """None."""
        return ()

    def replace(self, project: str, turn: str, tables: Mapping[str, tuple[str, str]]) -> None:
        """Nothing to do."""

    def expire(self, _project: str) -> int:
        """Nothing to remove."""
        return 0


@frozen(kw_only=True)
class FormerExtract:
    """A recorded extract of an application, with its manifest."""

    application: str
    made: ExtractMade
    manifest: Mapping[str, Any]

    def tables(self) -> tuple[ProjectTable, ...]:
        """Its parts."""
        return tuple(
            ProjectTable(
                table=str(part["table"]),
                name=str(part["name"]),
                sha256=str(part["sha256"]),
                extract=self.made.extract,
            )
            for part in self.manifest["parts"]
        )

    def successor(self, turn: str) -> str:
        """The name of the extract that `turn` makes of it: the same each time."""
        stem = self.made.extract.rpartition("-")[0]
        made_from = canonical_json({"extract": self.made.extract, "turn": turn})
        return f"{stem}-{sha256_hex(made_from)[:16]}"

    def turned_manifest(
        self, turn: str, under: Mapping[str, int], digests: Mapping[str, str]
    ) -> bytes:
        """The manifest of the successor; `digests` are those of its parts, by table."""
        name = self.successor(turn)
        parts = [
            evolve(
                ExtractPart(**{**part, "columns": tuple(part["columns"])}),
                name=f"{name}/{part['table']}.parquet",
                sha256=digests[part["table"]],
            )
            for part in self.manifest["parts"]
        ]
        return canonical_json(
            {
                **self.manifest,
                **under,
                "format": FORMAT,
                "extract": name,
                "former": self.made.extract,
                "turn": turn,
                "parts": [asdict(part) for part in parts],
            }
        )


def extracts_of(sealed: SealedStore, dossiers: Mapping[str, Dossier]) -> tuple[FormerExtract, ...]:
    """The extracts of these dossiers; raises as `read_manifest`."""
    return tuple(
        FormerExtract(
            application=identifier,
            made=one.extract,
            manifest=read_manifest(sealed, one.extract),
        )
        for identifier, one in sorted(dossiers.items())
        if one.extract is not None
    )


def delete_extract(sealed: SealedStore, made: ExtractMade) -> int:
    """Remove the parts of an extract, then its manifest; how many files were there."""
    manifest = f"{made.extract}/{MANIFEST}"
    if not sealed.exists(manifest):
        return 0
    names = [part["name"] for part in read_manifest(sealed, made)["parts"]]
    for name in [*names, manifest]:
        sealed.delete(name)
    return len(names) + 1


def under(extracts: Iterable[FormerExtract], secret: int) -> tuple[FormerExtract, ...]:
    """The extracts that are not under the project's secret of the epoch `secret` already."""
    return tuple(one for one in extracts if one.manifest.get("secret") != secret)
