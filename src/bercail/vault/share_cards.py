"""The card of a share on paper, in French and in English: written, and read back from a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bercail.foundation import Invalid, Secret
from bercail.vault.file_custodian import write_private
from bercail.vault.reading import read_file
from bercail.vault.shares import WORDS, ShareCard, TypedShare

_ACROSS = 3
_NUMBER = re.compile(r"^Part / Share\s*:\s*(\d+)", re.MULTILINE)
_WORD = re.compile(r"\b(\d{1,2})\. (\S+)")

_CARD = """\
BERCAIL : PART DE CLÉ / KEY SHARE
=================================
Part / Share          : {number} sur / of {shares}
Nécessaires / Needed  : {needed}
Plateforme / Platform : {platform}
Dépositaire / Custodian : {custodian}
Racine / Root         : {root}
Cérémonie / Ceremony  : {ceremony}
Date                  : {day}

{words}

FR  Cette part, avec {others} autre(s) de la même cérémonie, rouvre la plateforme. Gardez-la sur
    papier, sous pli fermé, en lieu sûr ; ne la photographiez pas, ne l'envoyez jamais. Si elle
    est perdue ou vue par quelqu'un d'autre, demandez une nouvelle cérémonie.
EN  This share, with {others} other(s) of the same ceremony, opens the platform again. Keep it on
    paper, in a closed envelope, in a safe place; never photograph or send it. If it is lost, or
    seen by anybody else, ask for a new ceremony.
"""


def card_text(card: ShareCard) -> Secret:
    """What is printed for the holder of one share: its numbered words, and how to keep them."""
    return Secret(
        _CARD.format(
            number=card.number,
            shares=card.shares,
            needed=card.needed,
            platform=card.platform,
            custodian=card.custodian,
            root=card.root,
            ceremony=card.ceremony,
            day=card.day,
            words=_columns(card.words),
            others=card.needed - 1,
        ).encode("utf-8")
    )


def write_cards(cards: Sequence[ShareCard], folder: Path) -> tuple[Path, ...]:
    """Write one file for each holder, for its owner alone (0600); returns the paths.

    Raises:
        Refused: `custodian-exists`, when a card of that name is there.
        Unavailable: the disk does not take it.
    """
    paths = []
    for card in cards:
        path = folder / f"share-{card.ceremony}-{card.number}-of-{card.shares}.txt"
        write_private(path, card_text(card).reveal(), replace=False)
        paths.append(path)
    return tuple(paths)


def read_card(path: Path) -> TypedShare:
    """The share that the file of a card holds; whatever else it says is not looked at.

    Raises:
        Missing: no such file.
        Invalid: no share number, or not its 33 numbered words.
        Unavailable: it cannot be read.
    """
    text = Secret(read_file(path, "card") or b" ")
    number = _number(text)
    if number is None:
        raise Invalid(f"`{path}` is not the card of a share.", remedy="Type the share instead.")
    lacking = _lacking(text)
    if lacking is not None:
        raise Invalid(
            f"Share {number}: word {lacking} is not on its card `{path}`.",
            remedy="Type the share from its paper.",
        )
    return TypedShare(number=number, words=_line(text))


def _columns(line: Secret) -> str:
    words = line.reveal().decode("ascii").split()
    numbered = [f"{place:2d}. {word:<10}" for place, word in enumerate(words, 1)]
    rows = [numbered[start : start + _ACROSS] for start in range(0, len(numbered), _ACROSS)]
    return "\n".join("    " + "  ".join(row).rstrip() for row in rows)


def _decoded(text: Secret) -> str:
    return text.reveal().decode("utf-8", "replace")


def _number(text: Secret) -> int | None:
    found = _NUMBER.search(_decoded(text))
    return int(found[1]) if found else None


def _numbered(text: Secret) -> dict[int, str]:
    lines = (line for line in _decoded(text).splitlines() if line.startswith(" "))
    return {int(place): word for line in lines for place, word in _WORD.findall(line)}


def _lacking(text: Secret) -> int | None:
    places = set(_numbered(text))
    return next((place for place in range(1, WORDS + 1) if place not in places), None)


def _line(text: Secret) -> Secret:
    found = _numbered(text)
    return Secret(" ".join(found[place] for place in range(1, WORDS + 1)).encode())
