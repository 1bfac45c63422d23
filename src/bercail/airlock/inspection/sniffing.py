"""What a file is, by its first bytes and its shape. Names and suffixes are not asked."""

from __future__ import annotations

import ast
import json
import pickletools
import re
import warnings
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from bercail.airlock.inspection.delimited import delimiter_of
from bercail.airlock.inspection.kinds import Kind

_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"\x89PNG\r\n\x1a\n", Kind.PNG),
    (b"\xff\xd8\xff", Kind.JPEG),
    (b"GIF8", Kind.PICTURE),
    (b"BM", Kind.PICTURE),
    (b"II*\0", Kind.PICTURE),
    (b"MM\0*", Kind.PICTURE),
    (b"%PDF-", Kind.PDF),
    (b"PK\x03\x04", Kind.ARCHIVE),
    (b"PK\x05\x06", Kind.ARCHIVE),
    (b"\x1f\x8b", Kind.ARCHIVE),
    (b"BZh", Kind.ARCHIVE),
    (b"\xfd7zXZ\0", Kind.ARCHIVE),
    (b"\x28\xb5\x2f\xfd", Kind.ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", Kind.ARCHIVE),
    (b"Rar!", Kind.ARCHIVE),
    (b"PAR1", Kind.PARQUET),
    (b"PARE", Kind.PARQUET),
    (b"ARROW1", Kind.ARRAY),
    (b"\x93NUMPY", Kind.ARRAY),
    (b"\x89HDF", Kind.ARRAY),
    (b"SQLite format 3\0", Kind.DATABASE),
    (b"RDX2\n", Kind.DATASET),
    (b"RDX3\n", Kind.DATASET),
    (b"X\n\0\0\0", Kind.DATASET),
    (b"<stata_dta>", Kind.DATASET),
    (b"$FL2", Kind.DATASET),
    (b"$FL3", Kind.DATASET),
    (b"\0\0\0\0\0\0\0\0\0\0\0\0\xc2\xea\x81\x60", Kind.DATASET),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind.OLD_OFFICE),
    (b"\x7fELF", Kind.EXECUTABLE),
    (b"MZ", Kind.EXECUTABLE),
    (b"\xca\xfe\xba\xbe", Kind.EXECUTABLE),
    (b"\0asm", Kind.EXECUTABLE),
)
_PICKLE_STARTS = b"(]}cNKIFLSVX)."
_LATEX = re.compile(r"\\(?:documentclass|begin\{|usepackage|section\{|hline)")
_CODE = re.compile(
    r"^[ \t]*(?:library\(|source\(|import \w|from \w+ import|def \w+\(|SELECT\s|CREATE\s|INSERT\s"
    r"|proc \w|data \w+;|#!|function\b|\w+ ?<- ?|WITH \w+ AS)",
    re.MULTILINE | re.IGNORECASE,
)
_LOG = re.compile(
    r"^[^\w\n]*(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\[?(?:INFO|DEBUG|WARN(?:ING)?|ERROR|NOTE|TRACE)\b)",
    re.MULTILINE,
)
_ELEMENTS = re.compile(r"[{\[,]")


@frozen(kw_only=True)
class Sniffed:
    """The kind of a file; its text and its JSON value where it has one.

    `twice`: a member stands twice in one object, so that readers may differ on what it says.
    """

    kind: Kind
    text: str | None = None
    value: Any = None
    reason: str = ""
    twice: bool = False


def sniff(data: bytes, elements: int = 200_000) -> Sniffed:
    """What `data` is; documents with more than `elements` members are told by reason `elements`."""
    for magic, kind in _MAGIC:
        if data.startswith(magic) and not (len(magic) == 2 and _text_of(data) is not None):
            return Sniffed(kind=kind)
    if data[257:262] == b"ustar":
        return Sniffed(kind=Kind.ARCHIVE)
    if data[8:12] == b"DUCK":
        return Sniffed(kind=Kind.DATABASE)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Sniffed(kind=Kind.PICTURE)
    if is_pickle(data):
        return Sniffed(kind=Kind.PICKLE)
    text = _text_of(data)
    if text is None:
        return Sniffed(kind=Kind.UNKNOWN)
    return _of_text(text, elements)


def is_pickle(data: bytes) -> bool:
    """Whether `data` begins with a serialised Python object; nothing of it is built."""
    if data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return True
    if data[:1] not in [bytes([one]) for one in _PICKLE_STARTS] or b"." not in data:
        return False
    seen = 0
    try:
        for opcode, _, _ in pickletools.genops(data[:100_000]):
            seen += 1
            if opcode.name == "STOP":
                return seen >= 3
            if seen > 10_000:
                return True
    except (ValueError, IndexError, UnicodeError, OverflowError, MemoryError):
        return False
    return False


def _text_of(data: bytes) -> str | None:
    """The text of `data` in UTF-8 or marked UTF-16; None when it is none."""
    try:
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            text = data.decode("utf-16")
        else:
            text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _western(data)
    return None if _has_controls(text) else text


def _western(data: bytes) -> str | None:
    """Old western text: few bytes above 127, and no control signs."""
    text = data.decode("latin-1")
    high = sum(1 for byte in data[:100_000] if byte > 127)
    if high * 5 > len(data[:100_000]) or _has_controls(text):
        return None
    return text


def _has_controls(text: str) -> bool:
    return bool(re.search(r"[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f]", text))


def _of_text(text: str, elements: int) -> Sniffed:
    head = text.lstrip()[:4_096]
    if head[:1] in "{[" and head:
        if sum(1 for _ in _ELEMENTS.finditer(text)) > elements:
            return Sniffed(kind=Kind.JSON, text=text, reason="elements")
        pairs = _Pairs()
        try:
            value = json.loads(text, object_pairs_hook=pairs)
        except RecursionError:
            return Sniffed(kind=Kind.JSON, text=text, reason="depth")
        except ValueError:
            value = None
        else:
            return Sniffed(kind=_of_json(value), text=text, value=value, twice=pairs.twice)
    if head[:1] == "<":
        return Sniffed(kind=_of_markup(head), text=text)
    return Sniffed(kind=_of_words(text), text=text)


class _Pairs:
    """Makes objects of JSON, and notes whether one names a member twice (RFC 8259, section 4)."""

    twice = False

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        self.twice |= len(made) < len(pairs)
        return made


def _of_json(value: Any) -> Kind:
    if not isinstance(value, Mapping):
        return Kind.JSON
    forms = {
        "bercail-count-table": Kind.COUNT_TABLE,
        "bercail-model": Kind.MODEL,
        "bercail-confidences": Kind.CONFIDENCES,
    }
    if (form := value.get("format")) in list(forms):
        return forms[form]
    if "nbformat" in value or ("cells" in value and "metadata" in value):
        return Kind.NOTEBOOK
    schema = value.get("$schema")
    if (isinstance(schema, str) and "vega" in schema) or {"mark", "encoding"} & set(value):
        return Kind.CHART
    if {"learner", "tree_info", "trees", "support_vectors", "coefficients"} & set(value):
        return Kind.MODEL
    return Kind.JSON


def _of_markup(head: str) -> Kind:
    lower = head.lower()
    for mark, kind in (("<svg", Kind.SVG), ("<pmml", Kind.MODEL), ("<html", Kind.HTML)):
        if mark in lower:
            return kind
    if "<!doctype html" in lower or "<table" in lower or "<body" in lower:
        return Kind.HTML
    return Kind.MARKUP


def _of_words(text: str) -> Kind:
    sample = text[:200_000]
    lines = sample.count("\n") + 1
    if len(_LOG.findall(sample)) * 3 >= lines:
        return Kind.LOG
    if _LATEX.search(sample):
        return Kind.LATEX
    if delimiter_of(text):
        return Kind.DELIMITED
    if _CODE.search(sample) or _is_python(sample):
        return Kind.CODE
    return Kind.TEXT


def _is_python(text: str) -> bool:
    """Whether it parses as Python and does something beyond naming words."""
    if len(text) > 50_000 or text.count("(") > 5_000:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(
        isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.Assign | ast.Call)
        for statement in tree.body[:500]
        for node in (statement, getattr(statement, "value", None))
    )
