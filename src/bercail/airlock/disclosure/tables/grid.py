"""A grid of texts as a file holds it, before anyone knows what it means."""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import field, frozen

MOST_ROWS = 5000
MOST_COLUMNS = 200

HIDDEN_MARKS = frozenset(
    {"", "*", "**", "***", "•", "••", "•••", "c", "s", "x", "ns", "nd", "n.d.", "..", "...", "-",
     "–", "—", "hidden", "masqué", "secret", "supprimé", "suppressed", "na", "n/a", "none"}
)  # fmt: skip
"""What people write where a number is withheld, in small letters."""

TOTAL_LABELS = frozenset(
    {"total", "totaux", "ensemble", "all", "(all)", "tous", "toutes", "overall", "sum",
     "grand total", "total général", "both", "both sexes"}
)  # fmt: skip
_LESS = re.compile(r"(n\s*)?[<≤]\s*=?\s*\d+")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_GROUPS = re.compile(r"(?<=\d)[\s\u00a0\u202f\u2009](?=\d{3}(\D|$))")


@frozen(kw_only=True)
class Grid:
    """Rows of texts, all of the same length; `name` says where it stood in the file."""

    name: str
    rows: tuple[tuple[str, ...], ...] = field(repr=False)

    @property
    def header(self) -> tuple[str, ...]:
        """The first row; empty where there is none, as in a file of remarks alone."""
        return self.rows[0] if self.rows else ()

    @property
    def body(self) -> tuple[tuple[str, ...], ...]:
        """The rows below the header."""
        return self.rows[1:]

    def column(self, place: int) -> tuple[str, ...]:
        """The texts of a column, without its header."""
        return tuple(row[place] for row in self.body)


def grid_of(name: str, rows: Sequence[Sequence[object]]) -> Grid:
    """Rows as texts without blanks around, without empty rows and columns, of one length."""
    texts = [[_text(value) for value in row] for row in rows]
    texts = [row for row in texts if any(row)]
    width = max((len(row) for row in texts), default=0)
    texts = [[*row, *[""] * (width - len(row))] for row in texts]
    kept = [place for place in range(width) if any(row[place] for row in texts)]
    return Grid(name=name, rows=tuple(tuple(row[place] for place in kept) for row in texts))


def is_hidden(text: str) -> bool:
    """Whether a text stands for a number that its author withheld."""
    return text.lower() in HIDDEN_MARKS or _LESS.fullmatch(text.lower()) is not None


def is_total(text: str) -> bool:
    """Whether a label stands for all categories together."""
    return text.strip().lower() in TOTAL_LABELS


def number(text: str) -> float | None:
    """The number written in `text`: `1 234`, `1,234`, `12,5`, `1.5e3`; None when it is none."""
    plain = _GROUPS.sub("", text.strip())
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", plain):
        plain = plain.replace(",", "")
    elif re.fullmatch(r"[+-]?\d+,\d+", plain):
        plain = plain.replace(",", ".")
    return float(plain) if _NUMBER.fullmatch(plain) else None


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
