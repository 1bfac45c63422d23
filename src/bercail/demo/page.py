"""The page around the report: style, language switch, small pieces of HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

STYLE = """
:root{--ink:#1d2433;--soft:#5d6679;--line:#e3e7ef;--blue:#2b5fd9;--teal:#0f8b8d;--red:#c2334d;
--amber:#b87503;--paper:#fff;--ground:#f5f7fb}
*{box-sizing:border-box}body{margin:0;background:var(--ground);color:var(--ink);
font:16px/1.55 system-ui,sans-serif}main{max-width:900px;margin:0 auto;padding:2.5rem 1.2rem 4rem}
h1{font-size:2.3rem;line-height:1.15;margin:.2rem 0 .6rem;letter-spacing:-.02em}
h2{font-size:1.25rem;margin:0 0 .8rem;display:flex;gap:.6rem;align-items:baseline}
h2 b{color:var(--blue)}h2 i{margin-left:auto;font-size:.85rem;color:var(--soft);font-style:normal}
section{background:var(--paper);border:1px solid var(--line);border-radius:14px;
padding:1.3rem 1.5rem;margin:1.1rem 0}p{margin:.5rem 0}.lead{font-size:1.12rem;color:var(--soft)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:.8rem;
margin:1.4rem 0}.tile{background:var(--paper);border:1px solid var(--line);border-radius:12px;
padding:.9rem 1rem}.tile strong{display:block;font-size:1.35rem;letter-spacing:-.01em}
.tile span{color:var(--soft);font-size:.88rem}table{border-collapse:collapse;width:100%;
margin:.6rem 0;font-size:.94rem}th,td{padding:.34rem .6rem;text-align:left;
border-bottom:1px solid var(--line);vertical-align:top}th{color:var(--soft);font-weight:600}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.yes{color:var(--teal)}
.no{color:var(--red)}.verdicts{display:grid;grid-template-columns:1fr 1fr;gap:1rem}
.verdicts>div{border:1px solid var(--line);border-radius:10px;padding:.8rem 1rem}
.hidden{background:repeating-linear-gradient(45deg,#f3e4d3,#f3e4d3 5px,#fbf3ea 5px,#fbf3ea 10px);
color:var(--amber)}.hidden.second{background:repeating-linear-gradient(45deg,#dfe7fb,#dfe7fb 5px,
#f0f4fe 5px,#f0f4fe 10px);color:var(--blue)}code{font:.88em ui-monospace,monospace;
background:#eef1f7;border-radius:5px;padding:.1em .35em;overflow-wrap:anywhere}
figure{margin:1rem 0}svg{max-width:100%;height:auto}.switch{position:absolute;opacity:0}
.langs{float:right;display:flex;gap:.3rem}.langs label{cursor:pointer;border:1px solid
var(--line);border-radius:8px;padding:.15rem .6rem;background:var(--paper);font-size:.9rem}
#en:checked~main .fr,#fr:checked~main .en{display:none}
#en:checked~main label[for=en],#fr:checked~main label[for=fr]{border-color:var(--blue);
color:var(--blue);font-weight:600}#en:focus-visible~main label[for=en],
#fr:focus-visible~main label[for=fr]{outline:3px solid var(--blue)}
@media(max-width:640px){.verdicts{grid-template-columns:1fr}}@media print{.langs{display:none}}
"""


def page(title: str, body: str) -> str:
    """The whole document; it asks nothing of the network and runs no script."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        '<input class="switch" type="radio" name="language" id="en" checked>'
        '<input class="switch" type="radio" name="language" id="fr">'
        '<main><div class="langs"><label for="en" lang="en">English</label>'
        f'<label for="fr" lang="fr">Français</label></div>{body}</main></body></html>'
    )


def both(english: str, french: str) -> str:
    """A text in both languages; one of them shows."""
    return (
        f'<span class="en" lang="en">{escape(english)}</span>'
        f'<span class="fr" lang="fr">{escape(french)}</span>'
    )


def paragraph(english: str, french: str, kind: str = "") -> str:
    """A paragraph in both languages."""
    mark = f' class="{kind}"' if kind else ""
    return f"<p{mark}>{both(english, french)}</p>"


def tile(value: str, english: str, french: str) -> str:
    """A number with what it counts."""
    return f'<div class="tile"><strong>{escape(value)}</strong>{both(english, french)}</div>'


def figure(svg: str, english: str, french: str) -> str:
    """A plot with its description for those who cannot see it."""
    described = svg.replace("<svg", f'<svg role="img" aria-label="{escape(english)}"', 1)
    caption = f"<figcaption>{both(english, french)}</figcaption>"
    return f"<figure>{described}{caption}</figure>"


def rows(head: Sequence[tuple[str, str]], body: Sequence[Sequence[Any]]) -> str:
    """A table; numbers stand to the right. `head` gives the column names in both languages."""
    numeric = [
        bool(body) and all(isinstance(line[place], int) for line in body)
        for place in range(len(head))
    ]
    marks = [' class="n"' if is_number else "" for is_number in numeric]
    top = "".join(
        f'<th scope="col"{mark}>{both(*name)}</th>' for name, mark in zip(head, marks, strict=True)
    )
    lines = "".join(
        "<tr>"
        + "".join(f"<td{m}>{_cell(c)}</td>" for c, m in zip(line, marks, strict=True))
        + "</tr>"
        for line in body
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table>"


def pairs(values: Mapping[tuple[str, str], Any]) -> str:
    """A list of names and values."""
    lines = "".join(
        f'<tr><th scope="row">{both(*name)}</th><td>{_cell(value)}</td></tr>'
        for name, value in values.items()
    )
    return f"<table><tbody>{lines}</tbody></table>"


def number(value: int) -> str:
    """A whole number with thin spaces."""
    return f"{value:,}".replace(",", " ")


def _cell(value: Any) -> str:
    if isinstance(value, Markup):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return number(value)
    return escape(str(value))


class Markup(str):
    """HTML that is already escaped."""

    __slots__ = ()


def code(text: str) -> Markup:
    """A short piece of machine text."""
    return Markup(f"<code>{escape(text)}</code>")
