"""Links between pages lead somewhere, and no page stands alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
# Pictures of a run, made by hand from the demo's report and not by a test.
PICTURES = {"docs/images/demo.png"}


def links(page: Path) -> list[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    found = LINK.findall(re.sub(r"`[^`\n]*`", "", text))
    return [link for link in found if not link.startswith(("http://", "https://", "mailto:"))]


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        inside = target.relative_to(ROOT).as_posix()
        if inside in PICTURES:
            continue
        assert target.exists(), f"{page.relative_to(ROOT)} links to `{link}`"
        if anchor:
            assert anchor in anchors(target), f"{page.relative_to(ROOT)} links to `{link}`"


def test_every_page_is_reached_from_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    reached, waiting = set[Path](), [index]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        named = (link.partition("#")[0] for link in links(page))
        waiting += [(page.parent / name).resolve() for name in named if name]
    alone = {page for page in PAGES if page.is_relative_to(ROOT / "docs")} - reached
    assert not alone, sorted(str(page.relative_to(ROOT)) for page in alone)


def test_pages_that_the_program_names_exist() -> None:
    """A remedy that sends somebody to a page that is not there is worse than none."""
    named = {
        (name, str(path.relative_to(ROOT)))
        for path in (ROOT / "src").rglob("*.py")
        for name in re.findall(r"docs/[A-Za-z0-9/_-]+\.md", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 10
    absent = sorted(f"{path} names {name}" for name, path in named if not (ROOT / name).is_file())
    assert not absent
