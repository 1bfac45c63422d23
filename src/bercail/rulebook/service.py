"""The desk of the rule book: list, show, and write the conformity page."""

from __future__ import annotations

from collections import Counter
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from bercail.foundation import Missing, Unavailable
from bercail.rulebook.evidence import EvidenceRun
from bercail.rulebook.page import render
from bercail.rulebook.requirement import Entry, Standing
from bercail.rulebook.rules import judge
from bercail.rulebook.shelf import load_evidence, load_requirements


class RulebookService:
    """The rule book with the evidence file `evidence_path`, read at each question.

    Without a path, or without a file there, nothing has evidence. All
    methods raise Invalid when that file is there and is no evidence file.
    """

    def __init__(self, evidence_path: Path | None) -> None:
        self._evidence_path = evidence_path

    def entries(self) -> tuple[Entry, ...]:
        """Every requirement and where it stands."""
        return judge(load_requirements(), self._run())

    def show(self, name: str) -> Entry:
        """The requirement called `name`; Missing, with the ids that look like it."""
        entries = {entry.requirement.id: entry for entry in self.entries()}
        found = entries.get(name.upper())
        if found is None:
            near = ", ".join(f"`{one}`" for one in get_close_matches(name.upper(), entries))
            raise Missing(
                f"There is no requirement `{name}`.",
                remedy=f"Did you mean {near}?" if near else "List them: `bercail rulebook list`.",
            )
        return found

    def page(self, out: Path) -> dict[str, Any]:
        """Write the conformity page to `out`; returns the number of requirements by standing.

        Raises:
            Unavailable: the file cannot be written.
        """
        run = self._run()
        entries = judge(load_requirements(), run)
        unfinished = out.with_name(f".{out.name}.unfinished")
        try:
            unfinished.write_text(render(entries, run), encoding="utf-8")
            unfinished.replace(out)
        except OSError as problem:
            raise Unavailable(
                f"The page cannot be written to `{out}`.",
                remedy="Choose a folder that exists, can be written and has room.",
            ) from problem
        counts = Counter(entry.standing for entry in entries)
        return {"file": str(out), **{standing.value: counts[standing] for standing in Standing}}

    def _run(self) -> EvidenceRun:
        path = self._evidence_path
        return EvidenceRun() if path is None else load_evidence(path)
