"""The small changes that the mutation test of the vault tries, one at a time.

A mutant is one change of one node of a module's syntax tree: a comparison turned round, a check
left out, a number moved by one, an argument dropped. Sentences for people (messages, remedies,
docstrings) and type annotations are left alone: they decide nothing.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
PLAIN_CALLS = {"isinstance", "len", "int", "str", "bytes", "range", "min", "max", "sorted", "tuple"}
"""Calls whose argument cannot become `None` without an error at once: not worth a mutant."""
SPEECH = {"remedy", "kw_only"}
"""Keywords that say something to a reader and decide nothing."""
QUERIES = ("SELECT", "UPDATE", "INSERT", "CREATE", "PRAGMA", "DELETE", "BEGIN")


class Mutant(NamedTuple):
    """One change: where it is, what it does, and the new syntax tree of the module."""

    module: str
    """Name of the file, such as `sealed.py`."""
    number: int
    """Its place among the mutants of the module, from 0."""
    line: int
    last_line: int
    function: str
    """Qualified name of the outermost function that holds it; empty outside of all functions."""
    before: str
    after: str
    tree: ast.Module


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Every mutant of one module, in the order of its lines.

    The tree of a mutant is good until the next one is asked for.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = list(_visit(tree, "", False))
    found.sort(key=lambda place: (place.node.lineno, place.node.col_offset))
    number = 0
    for place in found:
        for new in _changes(place.node, place.parent):
            before, after = _one_line(place.node), _one_line(new)
            if before == after:
                continue
            place.put(new)
            ast.fix_missing_locations(tree)
            last = place.node.end_lineno or place.node.lineno
            # A statement with a body is reached where it begins.
            if isinstance(place.node, ast.stmt) and hasattr(place.node, "body"):
                last = place.node.lineno
            yield Mutant(
                path.name, number, place.node.lineno, last, place.function, before, after, tree
            )
            number += 1
            place.put(place.node)


class _Place(NamedTuple):
    node: ast.expr | ast.stmt
    parent: ast.AST
    field: str
    index: int | None
    function: str

    def put(self, new: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, new)
        else:
            getattr(self.parent, self.field)[self.index] = new


def _visit(parent: ast.AST, qualified: str, inside: bool) -> Iterator[_Place]:
    """Every expression and statement under `parent` that may be changed."""
    for field, value in ast.iter_fields(parent):
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(node, ast.AST) or _left_alone(node, parent, field):
                continue
            # Defaults and decorators of a function run with the module, not with the function.
            runs_later = inside or (isinstance(parent, FUNCTIONS) and field == "body")
            name = qualified
            if isinstance(parent, FUNCTIONS) and not runs_later:
                name = qualified.rpartition(".")[0]
            if isinstance(node, (ast.expr, ast.stmt)):
                yield _Place(node, parent, field, index, name if runs_later else "")
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not runs_later:
                name = f"{qualified}.{node.name}".lstrip(".")
            yield from _visit(node, name, runs_later)


def _left_alone(node: ast.AST, parent: ast.AST, field: str) -> bool:
    if field in ("annotation", "returns", "type_params") or isinstance(node, ast.expr_context):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True  # a docstring
    if isinstance(node, ast.keyword) and node.arg in SPEECH:
        return True
    if isinstance(node, ast.Assign) and _named(node.targets[0], "__all__"):
        return True
    if isinstance(node, ast.If) and _named(node.test, "TYPE_CHECKING"):
        return True
    if isinstance(parent, ast.Call) and _named(parent.func, "cast") and node is parent.args[0]:
        return True
    return _is_sentence(node)


def _is_sentence(node: ast.AST) -> bool:
    """Whether it is text for people: several words, and no statement for SQLite."""
    if isinstance(node, ast.JoinedStr):
        text = "".join(
            part.value if isinstance(part, ast.Constant) else "." for part in node.values
        )
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value
    else:
        return False
    return text.count(" ") >= 2 and not text.lstrip().startswith(QUERIES)


def _named(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _one_line(node: ast.AST) -> str:
    shown = copy.copy(node)
    if isinstance(shown, (ast.If, ast.While)):
        return f"{'if' if isinstance(shown, ast.If) else 'while'} {ast.unparse(shown.test)}:"
    return " ".join(ast.unparse(shown).split())


def _changes(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    """What `node` may be turned into."""
    for change in (_logic, _conditions, _numbers, _texts):
        yield from change(node)
    if not isinstance(parent, ast.Raise):
        yield from _calls(node)
    # A raise alone under an `if`: leaving the check out is the same change.
    if not (isinstance(node, ast.Raise) and isinstance(parent, ast.If) and not parent.orelse):
        yield from _statements(node)


def _with(node: ast.AST, **fields: object) -> ast.AST:
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _logic(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            for other in COMPARISONS[type(operator)]:
                operators = list(node.ops)
                operators[place] = other()
                yield _with(node, ops=operators)
    elif isinstance(node, ast.BoolOp):
        yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
        for place in range(len(node.values)):
            kept = node.values[:place] + node.values[place + 1 :]
            yield kept[0] if len(kept) == 1 else _with(node, values=kept)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        yield node.operand


def _conditions(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, (ast.If, ast.While)):
        yield _with(node, test=ast.Constant(False))
        if isinstance(node, ast.If):
            yield _with(node, test=ast.Constant(True))
    elif isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse
    elif isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
        for place, clause in enumerate(node.generators):
            if clause.ifs:
                clauses = list(node.generators)
                clauses[place] = _with(clause, ifs=[])
                yield _with(node, generators=clauses)


def _numbers(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        if not (isinstance(node.op, (ast.BitOr,)) and _is_type(node)):
            yield _with(node, op=ARITHMETIC[type(node.op)]())
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        yield ast.Constant(node.value + 1)
        if node.value > 1:
            yield ast.Constant(node.value - 1)
    elif isinstance(node, ast.Slice):
        if node.lower is not None:
            yield _with(node, lower=None)
        if node.upper is not None:
            yield _with(node, upper=None)


def _is_type(node: ast.BinOp) -> bool:
    """Whether `a | b` joins types, as in `isinstance(x, bytes | str)`."""
    sides = (node.left, node.right)
    return any(isinstance(side, ast.Name) and side.id[:1].isupper() for side in sides) or any(
        isinstance(side, ast.Name) and side.id in {"bytes", "str", "int", "bytearray"}
        for side in sides
    )


def _texts(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
        extra: str | bytes = "X" if isinstance(node.value, str) else b"X"
        yield ast.Constant(node.value + extra)  # type: ignore[operator]


def _calls(node: ast.AST) -> Iterator[ast.AST]:
    if not isinstance(node, ast.Call):
        return
    if isinstance(node.func, ast.Name) and node.func.id in PLAIN_CALLS:
        return
    told = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)
    for place, argument in enumerate(node.args):
        if isinstance(argument, told):
            arguments = list(node.args)
            arguments[place] = ast.Constant(None)
            yield _with(node, args=arguments)
    for place, keyword in enumerate(node.keywords):
        flag = isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, bool)
        if keyword.arg not in {*SPEECH, None} and not flag:
            yield _with(node, keywords=node.keywords[:place] + node.keywords[place + 1 :])


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Return) and not (
        node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None)
    ):
        yield ast.Return(ast.Constant(None))
    elif isinstance(node, ast.Break):
        yield ast.Continue()
    elif isinstance(node, ast.Continue):
        yield ast.Break()
    elif (
        isinstance(node, (ast.AugAssign, ast.Delete))
        or (isinstance(node, ast.Expr) and not isinstance(node.value, (ast.Yield, ast.YieldFrom)))
        or (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], (ast.Attribute, ast.Subscript))
        )
    ) or isinstance(node, ast.Raise):
        yield ast.Pass()
