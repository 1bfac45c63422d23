"""The report as a paged PDF: A4, tagged for screen readers, fit for archives.

Typst sets it offline from `report.typ`, with the typefaces that it carries in itself. What the
journal says goes in as data, so no word of it is read as markup. The file says when the last
event was recorded as its own date: the same journal gives the same bytes.

Source of the profile: ISO 19005-2 (PDF/A-2a) and ISO 14289-1 (PDF/UA-1).
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

import typst

from bercail.foundation import from_iso
from bercail.hosting.report import page, plots
from bercail.hosting.report.facts import Facts, Moment, Verdict
from bercail.hosting.report.glossary import GLOSSARY, VERDICTS
from bercail.hosting.report.wording import HEADINGS, moment, sentence

# One of the typefaces inside typst.
_FACE = "Libertinus Serif"
_STANDARDS: list[typst.PDFStandard] = ["a-2a", "ua-1"]
_TONES = {Verdict.ERASED: "good", Verdict.HOME: "good", Verdict.UNPROVEN: "bad"}


def pdf(facts: Facts, language: str) -> bytes:
    """The report in `language` as the bytes of a PDF."""
    return typst.compile(
        _template(),
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs={"sheet": json.dumps(sheet(facts, language), ensure_ascii=False)},
        pdf_standards=_STANDARDS,
        timestamp=int(from_iso(facts.moments[-1].at).timestamp()),
    )


def sheet(facts: Facts, language: str) -> dict[str, Any]:
    """Everything that the template shows, in `language`, as plain JSON types."""
    words = HEADINGS[language]
    known = page.digests(facts, language)
    return {
        "lang": language,
        "title": words["title"].format(name=facts.name),
        "drawn": page.drawn(facts, language),
        "page": words["page"],
        "words": words,
        "verdict": VERDICTS[language][facts.verdict],
        "tone": _TONES.get(facts.verdict, "open"),
        "front": [*page.moved(facts, language), *known[:1]],
        "moved": page.moved(facts, language),
        "run_heads": page.run_heads(language),
        "runs": page.runs(facts, language),
        "proof": page.proof(facts, language),
        "digests": known,
        "exceptions": page.exceptions(facts, language),
        "throughput": plots.throughput(facts, language, _FACE),
        "growth": plots.growth(facts, language, _FACE),
        "decisions": [_row(one, language) for one in facts.decisions],
        "timeline": [_row(one, language) for one in facts.moments],
        "glossary": GLOSSARY[language],
    }


def _row(one: Moment, language: str) -> list[str]:
    return [moment(one.at), one.actor, sentence(language, one.kind, one.body)]


@cache
def _template() -> bytes:
    return resources.files(__package__).joinpath("report.typ").read_bytes()
