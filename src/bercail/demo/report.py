"""`index.html`: what the story showed, in one self-contained page, in English and French."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from bercail.demo import sections
from bercail.demo.folder import write_whole
from bercail.demo.page import both, page

CHAPTERS = (
    ("foreign_cloud", "A foreign cloud is filled", "Un nuage étranger est rempli"),
    ("gate", "The host gate judges", "La barrière juge l'hébergeur"),
    ("homecoming", "Everything comes home", "Tout rentre au bercail"),
    ("warehouse", "Deliveries become tables", "Les livraisons deviennent des tables"),
    ("permission", "A project gets its extract", "Un projet reçoit son extraction"),
    ("study", "A study runs on two engines", "Une étude, deux moteurs"),
    ("release", "A result leaves through the airlock", "Un résultat sort par le sas"),
    ("ledger", "The log proves it", "Le journal le prouve"),
    ("scan", "The host holds nothing readable", "L'hébergeur ne peut rien lire"),
)


def write_report(out: Path, told: dict[str, Any], said: list[str]) -> Path:
    """Write the page of a finished story into `out`; returns its path."""
    parts = [sections.opening(told, said)]
    for number, (name, english, french) in enumerate(CHAPTERS, start=1):
        body = sections.BODIES[name](told[name])
        seconds = escape(f"{told[name]['seconds']:.1f} s")
        parts.append(
            f"<section><h2><b>{number}</b> {both(english, french)} <i>{seconds}</i></h2>"
            f"{body}</section>"
        )
    parts.append(sections.closing(told, [(e, told[n]["seconds"]) for n, e, _ in CHAPTERS]))
    path = out / "index.html"
    write_whole(path, page("Bercail", "".join(parts)).encode("utf-8"))
    return path
