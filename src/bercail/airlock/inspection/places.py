"""Where something stands in a file, in French: the words of places, never a value of the file."""

from __future__ import annotations

import re
from collections.abc import Mapping

WORDS_FR: Mapping[str, str] = {
    "a member stands twice in one object": "un membre figure deux fois dans un objet",
    "bound": "borne",
    "cell": "cellule",
    "chunk": "bloc",
    "column": "colonne",
    "columns": "colonnes",
    "comment": "commentaire",
    "context": "contexte",
    "data: addresses": "adresses `data:`",
    "defined names": "noms définis",
    "element": "élément",
    "insistence": "insistance",
    "line": "ligne",
    "lines": "lignes",
    "member": "membre",
    "notebook": "notebook",
    "opcode": "instruction",
    "opcodes that call code": "instructions qui appellent du code",
    "part": "partie",
    "row": "ligne",
    "rows other than numbers": "lignes autres que des nombres",
    "runs on several lines": "suites sur plusieurs lignes",
    "segment at byte": "segment à l'octet",
    "shared text": "texte partagé",
    "sheet": "feuille",
    "stream": "flux",
    "table": "tableau",
}
"""The words with which a place begins; a test holds the table against the inspection."""

_WORD = re.compile(
    r"(?:(?<=^)|(?<=, ))("
    + "|".join(sorted(map(re.escape, WORDS_FR), key=len, reverse=True))
    + r")(?=[ ,:]|$)"
)
_SPAN = re.compile(r"(?<=\d) to (?=\d)")
_PARAMETERS = re.compile(r"(?<=\d) parameters$")


def in_french(place: str) -> str:
    """`place` with its words in French; names and numbers stay as they are."""
    words = _WORD.sub(lambda found: WORDS_FR[found.group()], place)
    return _PARAMETERS.sub(" paramètres", _SPAN.sub(" à ", words))
