"""Whatever a researcher, a checker or the public reads of the airlock is in English and French.

The sources are read with `ast`. A text is right when it says both in one string, English first
(`There is no file. / Le fichier n'existe pas.`), or when its French stands beside it: in the same
call or tuple, or in the variable of the same name with `_fr`. What is neither is named, with its
place, unless `ALONE` says why it is read by nobody whom the airlock serves.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from attrs import asdict

import bercail.airlock
from bercail.airlock import crate_words, denials
from bercail.airlock.bringing.rules import BringingState
from bercail.airlock.disclosure.findings import SEVERITIES_FR, VERDICTS_FR
from bercail.airlock.disclosure.results.schema import read_result_schema
from bercail.airlock.disclosure.rules.source_policy import SNDS_SOURCE, policy_from_dict
from bercail.airlock.disclosure.tables.schema import read_schema
from bercail.airlock.inspection.kinds import KINDS_FR, Kind
from bercail.airlock.inspection.places import WORDS_FR, in_french
from bercail.airlock.inspection.words import RULES
from bercail.airlock.request import State
from bercail.airlock.rules import OWNERS, Party
from bercail.cli.airlock_words import LABELS_FR, NEXT
from bercail.foundation import Invalid

ROOM = Path(bercail.airlock.__file__).parent
COMMANDS = ROOM.parent / "cli"
SOURCES = sorted([*ROOM.rglob("*.py"), *COMMANDS.glob("airlock*.py")])

ALONE: Mapping[tuple[str, str], str] = {
    ("crate_words.py", "ENGLISH"): "its French is `FRENCH`, and `BOTH` is what is written",
    ("inspection/kinds.py", "Kind"): "a value of JSON; its French is `KINDS_FR`",
    ("inspection/places.py", "WORDS_FR"): "the English is the key of its French",
    ("disclosure/rules/catalogue.py", "_CASD"): "the title of a published text",
    ("disclosure/guard/systems.py", "english"): "its French stands in the same sentence",
    ("disclosure/results/counted.py", "*"): "names in records that later releases are held against",
    ("disclosure/tables/typed.py", "PART_UNIT"): "a value of JSON, which no schema may name",
    ("history/azuretre.py", "NotReadableError"): "read by the operator who imports a history",
    ("outcome.py", "ENGINE_AND_PEOPLE"): "a value of JSON, which packages of before have too",
    ("history/service.py", "NotReadableError"): "read by the operator who imports a history",
}
"""Texts in English alone, by file and by the name of their assignment, class, call or keyword.

`*` stands for all of a file.
"""

FAMILIES = frozenset({"Invalid", "Refused", "Missing", "Unproven", "Unavailable"})
TOLD = FAMILIES | {"Finding"}
"""Calls whose message and remedy people read, however short these are."""

# Errors of who writes programs, patterns, and the help of commands, which all rooms have alike.
_UNREAD = frozenset(
    {"ValueError", "TypeError", "KeyError", "AssertionError", "RuntimeError", "compile", "Literal",
     "Option", "Argument", "Typer", "getattr", "cast"}
)  # fmt: skip
_ENGLISH = re.compile(
    r"\b(the|an|is|are|of|its|it|be|and|with|this|that|has|was|were|cannot|there|by|from|must|"
    r"not|no|in|to|one|two|them|for)\b",
    re.IGNORECASE,
)
_NO_FRENCH = re.compile(
    r"\b(the|is|are|of|its|it|be|and|with|this|that|has|was|were|cannot|there|by|from|must)\b",
    re.IGNORECASE,
)
_FRENCH = re.compile(
    r"[éèêàâùûîôçœ]|\b(le|la|les|un|une|des|du|de|ne|pas|est|sont|et|ou|dans|sur|avec|par|ce|cette|"
    r"sa|ses|qui|que|au|aux|en|vos|votre|contient|cellule|colonne|jours)\b|\b[ldnsc]'|"
    r"\s[:;](\s|$)",
    re.IGNORECASE,
)
_MARK = "\x00"
"""Stands for a value in a text that is put together."""


def plain(text: str) -> str:
    """`text` without what stands in backticks: values, options and names have no language."""
    return re.sub(r"`[^`]*`", _MARK, text)


def is_english(text: str) -> bool:
    """Whether it is more than an id or glue, and has a word that is English alone."""
    words = re.findall(r"[A-Za-z']{2,}", plain(text))
    spoken = len(words) > 1 and re.search(r"[A-Za-z:,]\s", plain(text))
    return bool(spoken and _ENGLISH.search(plain(text)))


def is_french(text: str) -> bool:
    return bool(_FRENCH.search(plain(text))) and not _NO_FRENCH.search(plain(text))


def says_both(text: str) -> bool:
    """Whether a French half follows the English one."""
    halves = text.split(" / ")
    return len(halves) > 1 and is_french(halves[-1])


class Reader(ast.NodeVisitor):
    """Collects the texts of a source that lack their French."""

    def __init__(self, file: str, alone: Mapping[tuple[str, str], str] = ALONE) -> None:
        self.file, self.alone = file, alone
        self.found: list[str] = []
        self.used: set[tuple[str, str]] = set()
        self._above: list[ast.AST] = []

    def read(self, source: str) -> list[str]:
        self.visit(ast.parse(source))
        return self.found

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return  # A docstring.
        if isinstance(node, ast.Call):
            self._told(node)
        if whole(node) is not None and not isinstance(node, ast.BoolOp):
            self._text(node)
            return
        self._above.append(node)
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    self.visit(child)
        self._above.pop()

    def _miss(self, node: ast.AST, why: str) -> None:
        names = [*self._names(), *([called(node)] if isinstance(node, ast.Call) else []), "*"]
        for name in names:
            if (self.file, name) in self.alone:
                self.used.add((self.file, name))
                return
        if not _UNREAD & set(names):
            self.found.append(f"{self.file}:{getattr(node, 'lineno', 0)}: {why}")

    def _names(self) -> Iterator[str]:
        """The names of what stands around the present text."""
        for node in self._above:
            match node:
                case ast.Call():
                    yield called(node)
                case ast.keyword(arg=str(name)) | ast.ClassDef(name=name):
                    yield name
                case ast.Subscript(value=ast.Name(id=name)):
                    yield name
                case ast.Assign(targets=[ast.Name(id=name)]):
                    yield name
                case ast.AnnAssign(target=ast.Name(id=name)):
                    yield name

    def _told(self, call: ast.Call) -> None:
        """An error or a finding says both in its message and in its remedy, and has a remedy."""
        if called(call) not in TOLD:
            return
        texts = {one.arg: one.value for one in call.keywords}
        if call.args:
            texts["message"] = call.args[0]
        if called(call) in FAMILIES and "remedy" not in texts:
            self._miss(call, "an error without the next step")
        for name in ("message", "remedy"):
            text = whole(texts[name]) if name in texts else None
            if text and re.search("[A-Za-z]{2}", plain(text)) and not says_both(text):
                self._miss(call, f"a {name} of `{called(call)}` in one language: {text!r}")

    def _text(self, node: ast.AST) -> None:
        text = whole(node) or ""
        if self.file.startswith("inspection/") and {"add", "inside"} & set(self._names()):
            return  # A place; the words of places are held against their French below.
        if says_both(text):
            self._carried(node, text)
        elif is_english(text) and not is_french(text) and not self._has_twin():
            self._miss(node, f"in English alone: {text!r}")

    def _carried(self, node: ast.AST, text: str) -> None:
        """A parameter in words that the English half carries has its French in the other half."""
        function = next(
            (one for one in reversed(self._above) if isinstance(one, ast.FunctionDef)), None
        )
        if function is None or not isinstance(node, ast.JoinedStr):
            return
        every = [*function.args.args, *function.args.kwonlyargs]
        words = {
            one.arg
            for one in every
            if isinstance(one.annotation, ast.Name) and one.annotation.id == "str"
        }
        shown = [one.value.id for one in values(node) if isinstance(one.value, ast.Name)]
        for name in words & set(shown):
            if not _is_value(node, name) and not name.endswith("_fr") and f"{name}_fr" not in shown:
                self._miss(node, f"`{name}` has no `{name}_fr` in {text!r}")

    def _has_twin(self) -> bool:
        """Whether the French stands beside the text."""
        for outer in reversed(self._above):
            match outer:
                case ast.Tuple(elts=beside) | ast.List(elts=beside):
                    if paired(beside):
                        return True
                case ast.Call():
                    told = [one.value for one in outer.keywords if one.arg != "source"]
                    if paired([*outer.args, *told]):
                        return True
                case (
                    ast.Assign(targets=[ast.Name(id=name)])
                    | ast.AugAssign(target=ast.Name(id=name))
                ):
                    return self._assigns_french(name)
                case ast.Dict() | ast.FunctionDef() | ast.ClassDef():
                    return False
        return False

    def _assigns_french(self, name: str) -> bool:
        wanted = "fr" if name == "en" else f"{name}_fr"
        scope = next(
            (one for one in reversed(self._above) if isinstance(one, ast.FunctionDef)),
            self._above[0],
        )
        return any(
            isinstance(one, ast.Name) and one.id == wanted and isinstance(one.ctx, ast.Store)
            for one in ast.walk(scope)
        )


def called(call: ast.AST) -> str:
    """The last name of what is called."""
    function = call.func if isinstance(call, ast.Call) else call
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def values(node: ast.JoinedStr) -> list[ast.FormattedValue]:
    return [one for one in node.values if isinstance(one, ast.FormattedValue)]


def whole(node: ast.AST) -> str | None:
    """The text of an expression, a mark for each value in it; None where it is no text here."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr():
            parts = [whole(one) if isinstance(one, ast.Constant) else _MARK for one in node.values]
            return "".join(part or "" for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            parts = [whole(left), whole(right)]
            return None if parts == [None, None] else "".join(part or _MARK for part in parts)
        case ast.BoolOp(values=choices) if isinstance(choices[-1], ast.Constant | ast.JoinedStr):
            return whole(choices[-1])
    return None


def _is_value(node: ast.JoinedStr, name: str) -> bool:
    """Whether a parameter is the reader's own: in backticks, or the name before a colon."""
    for before, one in zip([None, *node.values], node.values, strict=False):
        if isinstance(one, ast.FormattedValue) and getattr(one.value, "id", "") == name:
            return before is None or (
                isinstance(before, ast.Constant) and str(before.value).endswith("`")
            )
    return False


def paired(nodes: list[ast.expr]) -> bool:
    """Whether there is a French text for each that is in English alone."""
    texts = [text for one in nodes for text in _choices(one)]
    french = sum(is_french(text) and not says_both(text) for text in texts)
    english = sum(is_english(text) and not is_french(text) for text in texts)
    return 0 < english <= french


def _choices(node: ast.AST) -> list[str]:
    """The texts of an argument: one, both of a condition, those of a call."""
    if isinstance(node, ast.Call):
        inside = [*node.args, *(one.value for one in node.keywords)]
        return [text for one in inside for text in _choices(one)]
    if isinstance(node, ast.IfExp):
        return [*_choices(node.body), *_choices(node.orelse)]
    text = whole(node)
    return [] if text is None else [text]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOM)) if ROOM in path.parents else path.name


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_text_has_its_french(path: Path) -> None:
    found = Reader(name_of(path)).read(path.read_text(encoding="utf-8"))
    assert found == []


def test_every_exception_is_still_needed() -> None:
    used = set()
    for path in SOURCES:
        reader = Reader(name_of(path))
        reader.read(path.read_text(encoding="utf-8"))
        used |= reader.used
    assert used == set(ALONE)


PLANTED = {
    "an error in English": 'raise Invalid("The file is no text.", remedy="Do. / Faites.")',
    "a remedy in English": 'raise Missing("No. / Ce n\'est pas là.", remedy="Check the path.")',
    "no next step": 'raise Refused("It is late. / Il est tard.")',
    "English in the French half": 'raise Invalid("It is. / It is not.", remedy="Do / Faites-le.")',
    "a short message": 'raise Invalid("Nothing.", remedy="Do. / Faites-le.")',
    "a finding": 'Finding(message=f"{n} cells are small. / {n} petites cases.", remedy="Merge.")',
    "a reason": 'people.append("Nobody declared what it counts.")',
    "a constant": '_REASON = "The result is not compared with other releases."',
    "a line": 'lines.append(f"{many} of the cells are hidden")',
    "a table of words": '_WORDS = {"few": "under the threshold"}',
    "a pair of two English halves": 'told(rows, "The times do not grow.", "The times grow.")',
    "half of two pairs": 'Wording("It is small.", "Merge them.", "Il est petit.")',
    "words without their French": (
        "def wrong(why: str) -> Invalid:\n"
        '    return Invalid(f"It is: {why}. / Il est : {why}.", remedy="Do. / Faites-le.")'
    ),
    "a variable without its French": 'def f():\n    where = "a sealed file does not open"',
}


@pytest.mark.parametrize("source", PLANTED.values(), ids=PLANTED)
def test_what_lacks_its_french_is_found(source: str) -> None:
    assert Reader("planted.py").read(source)


RIGHT = {
    "an error": 'raise Invalid("No text. / Pas de texte.", remedy="Do. / Faites-le.")',
    "a pair": 'told(rows, "The times do not grow.", "Les temps ne croissent pas.")',
    "variables": 'def f():\n    where = "a file of it"\n    where_fr = "un fichier"',
    "words with their French": (
        "def wrong(why: str, why_fr: str) -> Invalid:\n"
        '    return Invalid(f"It is {why}. / Il est {why_fr}.", remedy="Do. / Faites-le.")'
    ),
    "the reader's own value": (
        "def wrong(name: str) -> Invalid:\n"
        '    return Invalid(f"`{name}` is no. / `{name}` n\'est pas.", remedy="Do. / Faites-le.")'
    ),
    "a docstring": '"""It is not for readers."""',
    "an error of a program": 'raise ValueError("there is no policy")',
}


@pytest.mark.parametrize("source", RIGHT.values(), ids=RIGHT)
def test_what_has_its_french_is_left_alone(source: str) -> None:
    assert Reader("right.py").read(source) == []


@pytest.mark.parametrize(
    ("schema", "english", "french"),
    [
        (b"{", "it is no JSON at line 1, column 2", "ce n'est pas du JSON à la ligne 1, colonne 2"),
        (b'{"a": "\xe9"}', "it is no text in UTF-8", "ce n'est pas du texte en UTF-8"),
        (b'{"tables": []}', "it has no `format`", "il n'a pas de `format`"),
        (b'{"format": "x"}', "it does not say `", "il ne dit pas `"),
        (b"[]", "a member is of another kind", "un membre n'est pas du type"),
    ],
)
def test_a_schema_that_cannot_be_read_says_why_in_both(
    schema: bytes, english: str, french: str
) -> None:
    for read in (read_schema, read_result_schema):
        with pytest.raises(Invalid) as told:
            read(schema)
        before, _, after = told.value.message.partition(" / ")
        assert english in before
        assert french in after


def test_a_policy_that_cannot_be_read_names_its_member_in_both() -> None:
    known = SNDS_SOURCE.as_dict()
    for wrong in (
        known | {"rounding": 7},
        known | {"counts": known["counts"] | {"threshold": 1}},
        known | {"counts": known["counts"] | {"thresholds": 11}},
    ):
        with pytest.raises(Invalid) as told:
            policy_from_dict(wrong)
        english, _, french = told.value.message.partition(" / ")
        name = next(one for one in ("rounding", "thresholds", "threshold") if one in english)
        assert f"its `{name}` is not allowed" in english
        assert f"son `{name}` n'est pas permis" in french


def test_what_follows_is_told_for_states_that_wait_for_somebody() -> None:
    waiting = {state for state, party in OWNERS.items() if party is not Party.NOBODY}
    told = {State(state) for state in NEXT}
    assert told <= waiting
    assert waiting - told == {State.NONE, State.DRAFT, State.SUBMITTED, State.IN_REVIEW}


def test_tables_of_words_are_whole() -> None:
    assert set(KINDS_FR) == set(Kind)
    assert set(denials.STATES_FR) == {one.value for one in State}
    assert set(denials.BRINGING_FR) == {one.value for one in BringingState}
    assert set(denials.TURNS_FR) == {one.value for one in Party}
    assert set(SEVERITIES_FR) == {"note", "fix", "blocking"}
    assert set(VERDICTS_FR) == {"clear", "protected", "people", "blocked"}
    for rule, words in RULES.items():
        assert is_french(words.says_fr), rule
        assert is_french(words.remedy_fr) or not words.remedy, rule
    assert all(french for french in LABELS_FR.values())
    for name, text in asdict(crate_words.BOTH).items():
        assert says_both(text), name


def test_places_in_a_file_are_told_in_both_languages() -> None:
    assert in_french("sheet 2, row 3, column 4") == "feuille 2, ligne 3, colonne 4"
    assert in_french("member /line, lines 3 to 9") == "membre /line, lignes 3 à 9"
    assert in_french("12 parameters") == "12 paramètres"
    assert in_french("AUC 0.912 (0.880..0.940)") == "AUC 0.912 (0.880..0.940)"


def test_every_word_of_a_place_is_known() -> None:
    """What the inspection says of places begins with a word whose French is known."""
    said = set()
    for path in sorted((ROOM / "inspection").glob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and called(call) in ("add", "inside"):
                place = call.args[-1 if called(call) == "inside" else 1 : 2]
                said |= {text for one in place if (text := whole(one))}
    spoken = {text.replace(_MARK, "1") for text in said if re.search("[a-z]{3}", text)}
    assert {"element 1", "row 1", "1 parameters"} <= spoken
    for text in spoken:
        assert in_french(text) != text or text in WORDS_FR, text
