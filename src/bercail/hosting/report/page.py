"""The report as one HTML page: it asks nothing of the network and runs no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bercail.hosting.naming import named
from bercail.hosting.report import plots
from bercail.hosting.report.facts import Facts, Moment
from bercail.hosting.report.glossary import GLOSSARY, VERDICTS
from bercail.hosting.report.wording import HEADINGS, decimal, moment, number, sentence, size

_STYLE = """
:root{--ink:#1d2433;--soft:#5d6679;--line:#d5dbe6}body{margin:0;color:var(--ink);
font:16px/1.5 "Liberation Sans",Arial,sans-serif}main{max-width:820px;margin:0 auto;padding:2rem}
h1{font-size:1.8rem;margin:.2rem 0}h2{font-size:1.15rem;margin:1.8rem 0 .5rem}
p.drawn{color:var(--soft)}table{border-collapse:collapse;width:100%;font-size:.93rem}
th,td{text-align:left;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);
vertical-align:top}th{color:var(--soft);font-weight:600}td{overflow-wrap:anywhere}
td.when{white-space:nowrap}td.who{min-width:6rem}
dt{color:var(--soft)}dd{margin:0 0 .4rem;font-size:1.2rem}
p.verdict{border-left:4px solid;padding:.4rem .9rem;background:#f5f7fb}p.verdict b{display:block;
font-size:1.15rem}code{font-size:.88em;overflow-wrap:anywhere}td.many,th.many{text-align:right}
dl.words dt{color:inherit;font-weight:600}dl.words dd{font-size:1rem}
figure{margin:.6rem 0}svg{max-width:100%;height:auto}@media print{main{padding:0}}
"""


def html(facts: Facts, language: str) -> str:
    """The page in `language`; the same facts give the same bytes."""
    words = HEADINGS[language]
    title = words["title"].format(name=facts.name)
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    body = "".join(
        [
            f"<h1>{escape(title)}</h1>",
            f'<p class="drawn">{escape(drawn(facts, language))}</p>',
            _verdict(facts, language),
            _section(words["moved"], _moved(facts, language) + _runs(facts, language)),
            _section(words["proof"], _proof(facts, language)),
            _section(words["exceptions"], _exceptions(facts, language)),
            _section(words["throughput"], _plot(plots.throughput(facts, language), words)),
            _section(words["growth"], _plot(plots.growth(facts, language), words)),
            _section(words["decisions"], _table(facts.decisions, language, "no_decisions")),
            _section(words["timeline"], _table(facts.moments, language, "no_decisions")),
            _section(words["glossary"], _list(GLOSSARY[language], ' class="words"')),
        ]
    )
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def drawn(facts: Facts, language: str) -> str:
    """From which events the report was drawn."""
    first, last = facts.moments[0], facts.moments[-1]
    return HEADINGS[language]["drawn"].format(
        first=first.position, last=last.position, at=moment(last.at)
    )


def moved(facts: Facts, language: str) -> list[tuple[str, str]]:
    """What was carried, and which side holds the truth: a name and a value each."""
    words, (objects, total) = HEADINGS[language], facts.carried
    return [
        (words["objects"], number(language, objects)),
        (words["bytes"], size(language, total)),
        (words["canonical"], words[facts.canonical]),
    ]


def run_heads(language: str) -> list[str]:
    """The heads of the columns of `runs`."""
    words = HEADINGS[language]
    heads = ("run", "began", "ended", "run_objects", "run_bytes", "throughput_axis")
    return [words[head] for head in heads]


def runs(facts: Facts, language: str) -> list[list[str]]:
    """A row for each copying run, under `run_heads`."""
    return [
        [
            str(run.number),
            moment(run.began) or "–",
            moment(run.ended),
            number(language, run.objects),
            number(language, run.bytes),
            "–" if (speed := run.megabytes_per_second) is None else decimal(language, speed),
        ]
        for run in facts.runs
    ]


def proof(facts: Facts, language: str) -> list[str]:
    """The paragraphs about the last proof; commands stand between backticks."""
    words, made = HEADINGS[language], facts.last("ProofMade")
    if made is None:
        return [words["no_proof"]]
    counts = {key: number(language, made.body[key]) for key in ("lines", "bytes")}
    counts["named"] = named(language, made.body["basis"])
    return [words["proved"].format(**{**made.body, **counts}), words["check"]]


def digests(facts: Facts, language: str) -> list[tuple[str, str]]:
    """The digests by which the last proof is known, with their names; none without a proof."""
    words, made = HEADINGS[language], facts.last("ProofMade")
    if made is None:
        return []
    return [(words[key], made.body[key]) for key in ("root", "manifest", "envelope")]


def exceptions(facts: Facts, language: str) -> list[str]:
    """One line for each kind of exception, with its number."""
    words = HEADINGS[language]
    colon = " : " if language == "fr" else ": "
    lines = [words[key] + colon + number(language, n) for key, n in facts.exceptions.items()]
    return lines or [words["no_exceptions"]]


def _verdict(facts: Facts, language: str) -> str:
    short, full = VERDICTS[language][facts.verdict]
    return f'<p class="verdict"><b>{escape(short)}</b>{escape(full)}</p>'


def _moved(facts: Facts, language: str) -> str:
    return _list(moved(facts, language))


def _runs(facts: Facts, language: str) -> str:
    rows = runs(facts, language)
    if not rows:
        return ""
    kinds = [""] * 3 + [' class="many"'] * 3
    head = "".join(
        f'<th scope="col"{kind}>{escape(text)}</th>'
        for kind, text in zip(kinds, run_heads(language), strict=True)
    )
    lines = "".join(
        "<tr>"
        + "".join(f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(kinds, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def _proof(facts: Facts, language: str) -> str:
    known = "".join(
        f"<dt>{escape(name)}</dt><dd><code>{escape(value)}</code></dd>"
        for name, value in digests(facts, language)
    )
    return _paragraphs(proof(facts, language)) + (f"<dl>{known}</dl>" if known else "")


def _list(rows: Sequence[tuple[str, str]], attributes: str = "") -> str:
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{_said(value)}</dd>" for name, value in rows)
    return f"<dl{attributes}>{lines}</dl>"


def _said(words: str) -> str:
    """Words for a page; what stands between backticks becomes code."""
    parts = escape(words).split("`")
    return "".join(f"<code>{x}</code>" if i % 2 else x for i, x in enumerate(parts))


def _exceptions(facts: Facts, language: str) -> str:
    lines = "".join(f"<li>{escape(line)}</li>" for line in exceptions(facts, language))
    return f"<ul>{lines}</ul>"


def _section(heading: str, content: str) -> str:
    return f"<section><h2>{escape(heading)}</h2>{content}</section>"


def _paragraphs(lines: Sequence[str]) -> str:
    return "".join(f"<p>{_said(line)}</p>" for line in lines)


def _plot(svg: str | None, words: dict[str, str]) -> str:
    if svg is None:
        return f"<p>{escape(words['no_throughput'])}</p>"
    described = svg.replace("<svg", '<svg role="img"', 1)
    return f"<figure>{described}</figure>"


def _table(moments: Sequence[Moment], language: str, empty: str) -> str:
    words = HEADINGS[language]
    if not moments:
        return f"<p>{escape(words[empty])}</p>"
    head = "".join(f'<th scope="col">{escape(words[key])}</th>' for key in ("when", "who", "what"))
    rows = "".join(
        f'<tr><td class="when">{moment(one.at)}</td><td class="who">{escape(one.actor)}</td>'
        f"<td>{escape(sentence(language, one.kind, one.body))}</td></tr>"
        for one in moments
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
