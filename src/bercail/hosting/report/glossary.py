"""The verdicts of the report, and the words that it explains: `data/report_words.json`."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from bercail.hosting.report.facts import Verdict

_WORDS: dict[str, dict[str, Any]] = json.loads(
    resources.files("bercail.hosting").joinpath("data", "report_words.json").read_text("utf-8")
)

# By language: what a verdict says, short and in a sentence.
VERDICTS: dict[str, dict[Verdict, tuple[str, str]]] = {
    language: {Verdict(name): (short, full) for name, (short, full) in words["verdicts"].items()}
    for language, words in _WORDS.items()
}
# By language: a term and its meaning; commands and names of files stand between backticks.
GLOSSARY: dict[str, tuple[tuple[str, str], ...]] = {
    language: tuple((term, meaning) for term, meaning in words["glossary"])
    for language, words in _WORDS.items()
}
