"""The desk of the report: read the journal, write the files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from bercail.foundation import Missing, sha256_hex
from bercail.hosting.migration.manifest import write_whole
from bercail.hosting.report.facts import Facts
from bercail.hosting.report.page import html
from bercail.hosting.report.sheet import pdf
from bercail.hosting.report.wording import LANGUAGES
from bercail.ledger import Ledger

# More than any migration records; the journal gives the last ones.
_MOST_EVENTS = 1_000_000


@frozen(kw_only=True)
class MigrationReport:
    """The files that were written, by name, with their SHA-256; and how many events they tell."""

    events: int
    files: Mapping[Path, str]

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for `--json`."""
        return {
            "events": self.events,
            "files": {str(path): digest for path, digest in self.files.items()},
        }


class ReportDesk:
    """Writes reports of migrations from `ledger`."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def write(self, name: str, folder: Path) -> MigrationReport:
        """Write `migration-NAME.LANGUAGE.html` and `.pdf` for each language into `folder`.

        The same journal gives the same HTML, byte for byte, on every machine with the same
        versions of the libraries.

        Raises:
            Missing: the journal knows no migration of that name.
        """
        facts = Facts.of(name, self._ledger.history(f"migration/{name}", _MOST_EVENTS))
        if not facts.moments:
            raise Missing(
                f"The journal knows no migration `{name}`.",
                remedy="Run `bercail migrate survey` first, or name another with `--name`.",
            )
        folder.mkdir(parents=True, exist_ok=True)
        files = {}
        for language in LANGUAGES:
            stem = f"migration-{name}.{language}"
            made = {".html": html(facts, language).encode("utf-8"), ".pdf": pdf(facts, language)}
            for ending, content in made.items():
                write_whole(folder / f"{stem}{ending}", content)
                files[folder / f"{stem}{ending}"] = sha256_hex(content)
        return MigrationReport(events=len(facts.moments), files=files)
