"""Tables in HTML and LaTeX as grids; what markup can hide is found."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from bercail.airlock.disclosure.findings import Finding
from bercail.airlock.disclosure.tables.grid import Grid, grid_of
from bercail.airlock.disclosure.tables.plain_files import require_size
from bercail.foundation import Invalid

_SILENT = {"script", "style", "template", "noscript"}
_INVISIBLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0", re.I)
_EMBEDDED = {"script", "iframe", "object", "embed", "img", "svg", "canvas", "link"}
_MOST_SPAN = 50


def read_html(data: bytes) -> tuple[tuple[Grid, ...], tuple[Finding, ...]]:
    """A grid for each table of an HTML page; tables in tables are read apart.

    Raises:
        Invalid: a declaration that is none of HTML's (`output-type`).
    """
    reader = _parsed(data)
    found = []
    for rule, many, what, what_fr in (
        ("comment", reader.comments, "remarks in its source", "remarques dans sa source"),
        (
            "hidden-cells",
            reader.invisible,
            "elements that a reader does not see",
            "éléments qu'un lecteur ne voit pas",
        ),
        (
            "embedded-data",
            reader.embedded,
            "scripts, pictures or frames",
            "scripts, images ou cadres",
        ),
        (
            "embedded-data",
            reader.data_values,
            "`data-` values behind what is shown",
            "valeurs `data-` derrière ce qui est montré",
        ),
    ):
        if many:
            found.append(_finding(rule, _PAGE, f"{many} {what}", f"{many} {what_fr}"))
    grids = []
    for place, rows in enumerate(reader.tables, start=1):
        require_size(len(rows), max(map(len, rows), default=0))
        grid = grid_of(f"table {place}", rows)
        if grid.rows:
            grids.append(grid)
    return tuple(grids), tuple(found)


def _parsed(data: bytes) -> _Tables:
    reader = _Tables()
    try:
        reader.feed(data.decode("utf-8", errors="replace"))
        reader.close()
    except AssertionError:
        # What the parser says of it quotes the page.
        raise Invalid(
            "The page has a declaration that is not HTML. / "
            "La page a une déclaration qui n'est pas du HTML.",
            remedy="Take out what begins with `<![`. / Retirez ce qui commence par `<![`.",
            rule="output-type",
        ) from None
    return reader


class _Tables(HTMLParser):
    """Collects rows of texts; a cell over several columns or rows is repeated in each."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tables: list[list[list[str]]] = []
        self.comments = self.invisible = self.embedded = self.data_values = 0
        self._open: list[list[list[str]]] = []
        self._cell: list[str] | None = None
        self._span = (1, 1)
        self._below: list[dict[int, tuple[int, str]]] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag opens; attributes may hide the element or carry values of their own."""
        named = {name: value or "" for name, value in attrs}
        self.invisible += "hidden" in named or bool(_INVISIBLE.search(named.get("style", "")))
        self.data_values += sum(1 for name in named if name.startswith("data-"))
        self.embedded += tag in _EMBEDDED
        self._silent += tag in _SILENT
        if tag == "table":
            self._finish()
            self._open.append([])
            self._below.append({})
        elif tag == "tr" and self._open:
            self._finish()
            self._open[-1].append([])
            self._carry()
        elif tag in ("td", "th") and self._open and self._open[-1]:
            self._finish()
            self._cell = []
            self._span = (_span(named.get("colspan")), _span(named.get("rowspan")))

    def handle_endtag(self, tag: str) -> None:
        """A tag closes; a cell, row or table is whole."""
        self._silent -= tag in _SILENT and self._silent > 0
        if tag in ("td", "th", "tr"):
            self._finish()
        elif tag == "table" and self._open:
            self._finish()
            self.tables.append(self._open.pop())
            self._below.pop()

    def handle_data(self, data: str) -> None:
        """Text; of a cell when one is open."""
        if self._cell is not None and not self._silent:
            self._cell.append(data)

    def handle_comment(self, data: str) -> None:
        """A remark in the source."""
        self.comments += bool(data.strip())

    def _finish(self) -> None:
        if self._cell is None:
            return
        text = " ".join("".join(self._cell).split())
        row, below = self._open[-1][-1], self._below[-1]
        for _ in range(self._span[0]):
            if self._span[1] > 1:
                below[len(row)] = (self._span[1] - 1, text)
            row.append(text)
        self._cell = None
        self._carry()

    def _carry(self) -> None:
        """Texts of cells above that reach into this row."""
        row, below = self._open[-1][-1], self._below[-1]
        while len(row) in below and self._cell is None:
            left, text = below.pop(len(row))
            if left > 1:
                below[len(row)] = (left - 1, text)
            row.append(text)


def _span(text: str | None) -> int:
    return min(int(text), _MOST_SPAN) if text and text.isdecimal() and int(text) else 1


_TABULAR = re.compile(r"\\begin\{(tabular|tabularx|longtable)\*?\}(.*?)\\end\{\1\*?\}", re.S)
_RULES = re.compile(
    r"\\(hline|toprule|midrule|bottomrule|endhead|endfirsthead|endfoot|endlastfoot)"
    r"|\\c(mid)?(line|rule)(\([lr]*\))?\{[^}]*\}"
)
_REMARK = re.compile(r"(?<!\\)%.*")
_MULTI = re.compile(r"\\multicolumn\{(\d+)\}\{[^}]*\}\{(.*)\}\s*", re.S)
_ROW_SPAN = re.compile(r"\\multirow\{[^}]*\}\{[^}]*\}\{(.*)\}\s*", re.S)
_COMMAND = re.compile(r"\\(textbf|textit|emph|num|text|mathrm|textsc|underline)\{([^{}]*)\}")
_INVISIBLE_TEX = re.compile(r"\\(phantom|hphantom|vphantom|iffalse|textcolor\{white\})")


def read_latex(data: bytes) -> tuple[tuple[Grid, ...], tuple[Finding, ...]]:
    """A grid for each `tabular` of a LaTeX text."""
    text = data.decode("utf-8", errors="replace")
    found = []
    remarks = sum(1 for remark in _REMARK.findall(text) if remark.strip("% \t"))
    if remarks:
        found.append(_finding("comment", _SOURCE, f"{remarks} remarks", f"{remarks} remarques"))
    unseen = len(_INVISIBLE_TEX.findall(text))
    if unseen:
        found.append(
            _finding(
                "hidden-cells", _SOURCE, f"{unseen} invisible texts", f"{unseen} textes invisibles"
            )
        )
    plain = _REMARK.sub("", text)
    grids = []
    for place, match in enumerate(_TABULAR.finditer(plain), start=1):
        body = _RULES.sub("", _without_arguments(match.group(2)))
        rows = [_cells(line) for line in re.split(r"\\\\(?:\[[^\]]*\])?|\\tabularnewline", body)]
        require_size(len(rows), max(map(len, rows), default=0))
        grid = grid_of(f"table {place}", rows)
        if grid.rows:
            grids.append(grid)
    return tuple(grids), tuple(found)


def _without_arguments(body: str) -> str:
    """The body of a tabular without its column specification, which may hold braces."""
    rest = re.sub(r"^\s*\[[^\]]*\]", "", body).lstrip()
    while rest.startswith("{"):
        depth = 0
        for place, character in enumerate(rest):
            depth += (character == "{") - (character == "}")
            if not depth:
                rest = rest[place + 1 :]
                break
        else:
            return rest
        if re.match(r"\s*\{[^}]*[lcrpXS|][^}]*\}", rest) is None:
            break
    return rest


def _cells(line: str) -> list[str]:
    cells: list[str] = []
    for part in re.split(r"(?<!\\)&", line):
        text, many = part.strip(), 1
        if found := _MULTI.fullmatch(text):
            many, text = min(int(found.group(1)), _MOST_SPAN), found.group(2)
        if found := _ROW_SPAN.fullmatch(text):
            text = found.group(1)
        cells += [_plain(text)] * many
    return cells


def _plain(text: str) -> str:
    before = None
    while before != text:
        before, text = text, _COMMAND.sub(r"\2", text)
    text = re.sub(r"\\[,;:! ]|~|\{,\}", lambda m: "," if m.group() == "{,}" else " ", text)
    text = re.sub(r"\\([%&#_$])", r"\1", text)
    return " ".join(text.replace("$", "").replace("{", "").replace("}", "").split())


_PAGE = ("The page", "La page")
_SOURCE = ("The LaTeX source", "La source LaTeX")


def _finding(rule: str, where: tuple[str, str], what: str, what_fr: str) -> Finding:
    return Finding(
        rule=rule,
        severity="blocking",
        message=f"{where[0]} has {what}. / {where[1]} contient {what_fr}.",
        remedy="Hand in the table alone, as CSV. / Remettez le tableau seul, en CSV.",
    )
