"""Write docs/reference/estate-mapping.md from the mapping files; a test holds them together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bercail.hosting.estate import load_mapping
from bercail.hosting.estate.mapping import Entry

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "estate-mapping.md"
MADE = "<!-- Written by scripts/write_estate_mapping.py from the mapping files. Do not edit. -->"
ABOUT = """\
What `bercail estate assess` says of each sort of resource. Why it is so, and what the words mean:
[the estate](../explanation/estate.md). The files stand in `src/bercail/hosting/data/estate/`, one
per family, in English and French; `load_mapping(folder)` reads others of the same form. A type that
is not here is *unknown*.

Each entry has `key`, `name`, `arm` and `terraform` (the types it covers), `target`, `work`,
`holds`, `evidence` and `alternatives`; where needed `links` (Terraform types that only tie two
resources together), `when` (facts that choose this entry before the general one), `size` (where an
export tells bytes), `inverse` (paths that point backwards) and `blocker` (`kind` and `why`)."""


def mapping_page() -> str:
    """The page."""
    mapping = load_mapping()
    parts = [MADE, "# Estate mapping", ABOUT]
    for family, title in mapping.titles.items():
        parts.append(f"## {title['en']}")
        for entry in mapping.entries:
            if entry.family == family:
                parts += _entry(entry)
    return "\n\n".join(parts) + "\n"


def _entry(entry: Entry) -> Iterator[str]:
    yield f"### {entry.name['en']} (*{entry.name['fr']}*)"
    yield (
        f"Target `{entry.target.value}`, work `{entry.work.value}`, holds `{entry.holds.value}`. "
        f"{entry.evidence['en']}"
    )
    lines = []
    if entry.alternatives:
        lines.append(f"- Alternatives: {'; '.join(text['en'] for text in entry.alternatives)}.")
    if entry.blocker:
        lines.append(f"- Blocker (`{entry.blocker.kind.value}`): {entry.blocker.why['en']}")
    if entry.when:
        facts = ", ".join(f"`{name}` holds `{value}`" for name, value in entry.when.items())
        lines.append(f"- When {facts}.")
    for label, names in (
        ("ARM", entry.arm),
        ("Terraform", entry.terraform),
        ("Links", entry.links),
    ):
        if names:
            lines.append(f"- {label}: {', '.join(f'`{name}`' for name in names)}")
    yield "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(mapping_page(), encoding="utf-8")
