"""Write docs/reference/cohort-language.md from the cases that every engine is tested on.

Without an argument the page is written; with `--check` nothing is, and a page that differs
makes it exit with 1.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from bercail.cohorts.scores import INDEXES
from bercail.cohorts.views import PERIODS, PERSONS, VIEWS
from bercail.testing.cohort_cases import Chapter, read_chapter

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "tests" / "spec" / "cohort_language"
PAGE = ROOT / "docs" / "reference" / "cohort-language.md"
HEAD = """# The cohort language

Made from `tests/spec/cohort_language/*.toml` by `scripts/make_cohort_language.py`: each value below
is one that every engine must give, or a test fails. Persons are a, b, c, d. How to write a study:
[a how-to](../how-to/write-a-study.md); what the words become:
[the format of a model](formats/cohort-model.md).
"""


def page() -> str:
    """The whole page."""
    chapters = [read_chapter(path) for path in sorted(CASES.glob("*.toml"))]
    lines = [HEAD, *_views(), *_indexes()]
    for chapter in chapters:
        lines += _chapter(chapter)
    return "\n".join(lines).rstrip() + "\n"


def _views() -> Iterator[str]:
    yield "## What a study may look at\n"
    yield "| view | columns | read from |"
    yield "|---|---|---|"
    for name, view in VIEWS.items():
        columns = ", ".join(f"`{column}`" for column in view.columns)
        if name == PERIODS:
            place = "made by `periods(...)`"
        elif name == PERSONS:
            place = "bronze"
        else:
            silver = "" if view.silver is None else f"`{view.silver.name}`"
            place = f"{silver}, or bronze" if view.bronze else silver
        yield f"| `{name}` | {columns} | {place} |"
    yield ""


def _indexes() -> Iterator[str]:
    yield "## Comorbidity indexes\n"
    yield "| name | what it is | groups | source |"
    yield "|---|---|---|---|"
    for index in INDEXES.values():
        yield f"| `{index.name}` | {index.en} | {len(index.groups)} | {index.source} |"
    yield ""


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield f"## {chapter.title}\n"
    yield f"{chapter.text}\n"
    for name, text in chapter.shown.items():
        yield f"`{name}`:\n"
        yield f"```text\n{text}\n```\n"
    for section in chapter.sections:
        yield f"### {chapter.title}: {section.title[0].lower()}{section.title[1:]}\n"
        if section.text:
            yield f"{section.text}\n"
        yield "| expression | value |"
        yield "|---|---|"
        for case in section.cases:
            yield f"| `{case.expression.replace('|', chr(92) + '|')}` | {case.expected} |"
        yield ""


def main(arguments: list[str]) -> int:
    """Write or check; 0 when the page is as it should be."""
    made = page()
    if "--check" not in arguments:
        PAGE.write_text(made, encoding="utf-8")
        return 0
    if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != made:
        print(f"{PAGE.relative_to(ROOT)} is not current: run scripts/make_cohort_language.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
