"""Template expressions (`[concat(...)]`): resolved where the template alone says enough.

Grammar and functions: "Template functions" of the Azure Resource Manager documentation. What
needs the running service (`reference`, `listKeys`, `uniqueString`, the present subscription)
is not resolved, and the reason names the function or parameter, never a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from attrs import field, frozen

from bercail.hosting.estate.arm_ids import UNKNOWN, clean

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<name>[A-Za-z_][\w]*)|(?P<sign>[()\[\],.]))"
)
_DEEPEST = 60


class UnresolvedError(Exception):
    """An expression that the template alone does not settle.

    `cause` is one of the causes of `words`, `name` the function or parameter behind it.
    """

    def __init__(self, cause: str, name: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.name = clean(name[:60])


@frozen(kw_only=True)
class Scope:
    """What an expression may use: parameters and variables of its template, a copy's index."""

    parameters: Mapping[str, Any] = field(factory=dict)
    variables: Mapping[str, Any] = field(factory=dict)
    index: int | None = None
    depth: int = 0


def is_expression(text: str) -> bool:
    """Whether `text` is an expression (`[[` begins a plain text)."""
    return text.startswith("[") and text.endswith("]") and not text.startswith("[[")


def resolve(value: Any, scope: Scope) -> Any:
    """`value` with every expression in it resolved.

    Raises:
        UnresolvedError: one of them cannot be.
    """
    if scope.depth > _DEEPEST:
        raise UnresolvedError("circle")
    if isinstance(value, str):
        if is_expression(value):
            return _Parser(value[1:-1], scope).whole()
        return value[1:] if value.startswith("[[") else value
    if isinstance(value, list):
        return [resolve(item, scope) for item in value]
    if isinstance(value, Mapping):
        return {key: resolve(item, scope) for key, item in value.items()}
    return value


class _Parser:
    """Reads one expression and computes it on the way."""

    def __init__(self, text: str, scope: Scope) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._scope = scope
        self._next = 0
        place = 0
        while place < len(text.rstrip()):
            found = _TOKEN.match(text, place)
            if found is None or found.lastgroup is None:
                raise UnresolvedError("malformed")
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            place = found.end()

    def whole(self) -> Any:
        """The value of the whole expression."""
        value = self._value()
        if self._next != len(self._tokens):
            raise UnresolvedError("malformed")
        return value

    def _take(self, sign: str | None = None) -> tuple[str, str]:
        if self._next >= len(self._tokens):
            raise UnresolvedError("malformed")
        token = self._tokens[self._next]
        if sign is not None and token != ("sign", sign):
            raise UnresolvedError("malformed")
        self._next += 1
        return token

    def _peek(self, sign: str) -> bool:
        return self._next < len(self._tokens) and self._tokens[self._next] == ("sign", sign)

    def _value(self) -> Any:
        kind, text = self._take()
        if kind == "text":
            value: Any = text[1:-1].replace("''", "'")
        elif kind == "number":
            value = int(text)
        elif kind == "name":
            value = self._call(text)
        else:
            raise UnresolvedError("malformed")
        while self._peek(".") or self._peek("["):
            value = self._member(value)
        return value

    def _member(self, value: Any) -> Any:
        if self._take()[1] == ".":
            key: Any = self._take()[1]
        else:
            key = self._value()
            self._take("]")
        if isinstance(value, Mapping) and isinstance(key, str):
            low = {name.lower(): item for name, item in value.items()}
            if key.lower() in low:
                return low[key.lower()]
        if isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value):
            return value[key]
        raise UnresolvedError("member")

    def _call(self, name: str) -> Any:
        arguments: list[Any] = []
        self._take("(")
        while not self._peek(")"):
            arguments.append(self._value())
            if not self._peek(")"):
                self._take(",")
        self._take(")")
        function = _FUNCTIONS.get(name.lower())
        if function is None:
            raise UnresolvedError("function", name)
        try:
            return function(self._scope, arguments)
        except (AttributeError, LookupError, StopIteration, TypeError, ValueError):
            raise UnresolvedError("arguments", name) from None


def _named(kind: str) -> Callable[[Scope, list[Any]], Any]:
    def look_up(scope: Scope, arguments: list[Any]) -> Any:
        table = scope.parameters if kind == "parameter" else scope.variables
        low = {name.lower(): value for name, value in table.items()}
        name = arguments[0]
        if name.lower() not in low:
            raise UnresolvedError(kind, name)
        deeper = Scope(
            parameters=scope.parameters,
            variables=scope.variables,
            index=scope.index,
            depth=scope.depth + 1,
        )
        return resolve(low[name.lower()], deeper)

    return look_up


def _concat(_: Scope, arguments: list[Any]) -> Any:
    if all(isinstance(item, list) for item in arguments):
        return [one for item in arguments for one in item]
    return "".join(_text(item) for item in arguments)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, str | int):
        return str(value)
    raise TypeError


def _format(_: Scope, arguments: list[Any]) -> str:
    return re.sub(r"\{(\d+)(?::[^}]*)?\}", lambda m: _text(arguments[int(m[1]) + 1]), arguments[0])


def _resource_id(scope: Scope, arguments: list[Any]) -> str:
    """`resourceId([subscription], [group], type, names...)`."""
    del scope
    given = [_text(item) for item in arguments]
    place = next(number for number, text in enumerate(given) if "/" in text and "." in text)
    before = given[:place]
    subscription = before[0] if len(before) > 1 else UNKNOWN
    group = before[-1] if before else UNKNOWN
    return f"/subscriptions/{subscription}/resourceGroups/{group}{_tail(given[place:])}"


def _subscription_id(_: Scope, arguments: list[Any]) -> str:
    given = [_text(item) for item in arguments]
    place = next(number for number, text in enumerate(given) if "/" in text and "." in text)
    subscription = given[0] if place else UNKNOWN
    return f"/subscriptions/{subscription}{_tail(given[place:])}"


def _extension_id(_: Scope, arguments: list[Any]) -> str:
    return f"{_text(arguments[0])}{_tail([_text(item) for item in arguments[1:]])}"


def _tail(given: list[str]) -> str:
    namespace, *types = given[0].strip("/").split("/")
    names = [part for name in given[1:] for part in name.split("/")]
    steps = [part for pair in zip(types, names, strict=True) for part in pair]
    return f"/providers/{namespace}/" + "/".join(steps)


def _copy_index(scope: Scope, arguments: list[Any]) -> int:
    if scope.index is None:
        raise UnresolvedError("arguments", "copyIndex")
    offset = next((item for item in arguments if isinstance(item, int)), 0)
    return scope.index + offset


def _if(_: Scope, arguments: list[Any]) -> Any:
    condition, yes, no = arguments
    return yes if condition else no


def _equals(_: Scope, arguments: list[Any]) -> bool:
    left, right = (item.lower() if isinstance(item, str) else item for item in arguments)
    return bool(left == right)


_PRESENT = {"id": f"/subscriptions/{UNKNOWN}", "subscriptionid": UNKNOWN}
_GROUP = {"id": f"/subscriptions/{UNKNOWN}/resourceGroups/{UNKNOWN}", "name": UNKNOWN}

_FUNCTIONS: Mapping[str, Callable[[Scope, list[Any]], Any]] = {
    "parameters": _named("parameter"),
    "variables": _named("variable"),
    "concat": _concat,
    "format": _format,
    "resourceid": _resource_id,
    "subscriptionresourceid": _subscription_id,
    "tenantresourceid": lambda _, given: _tail([_text(item) for item in given]),
    "extensionresourceid": _extension_id,
    "copyindex": _copy_index,
    "subscription": lambda *_: _PRESENT,
    "resourcegroup": lambda *_: _GROUP,
    "if": _if,
    "equals": _equals,
    "not": lambda _, given: not given[0],
    "and": lambda _, given: all(given),
    "or": lambda _, given: any(given),
    "true": lambda *_: True,
    "false": lambda *_: False,
    "empty": lambda _, given: not given[0],
    "length": lambda _, given: len(given[0]),
    "string": lambda _, given: _text(given[0]),
    "int": lambda _, given: int(given[0]),
    "add": lambda _, given: int(given[0]) + int(given[1]),
    "sub": lambda _, given: int(given[0]) - int(given[1]),
    "greater": lambda _, given: bool(given[0] > given[1]),
    "less": lambda _, given: bool(given[0] < given[1]),
    "tolower": lambda _, given: given[0].lower(),
    "toupper": lambda _, given: given[0].upper(),
    "trim": lambda _, given: given[0].strip(),
    "replace": lambda _, given: given[0].replace(given[1], given[2]),
    "substring": lambda _, given: given[0][given[1] :][: given[2] if given[2:] else None],
    "take": lambda _, given: given[0][: given[1]],
    "skip": lambda _, given: given[0][given[1] :],
    "first": lambda _, given: given[0][0],
    "last": lambda _, given: given[0][-1],
    "split": lambda _, given: given[0].split(given[1]),
    "join": lambda _, given: given[1].join(_text(item) for item in given[0]),
    "createarray": lambda _, given: list(given),
    "array": lambda _, given: given[0] if isinstance(given[0], list) else [given[0]],
    "contains": lambda _, given: given[1] in given[0],
    "startswith": lambda _, given: given[0].lower().startswith(given[1].lower()),
    "endswith": lambda _, given: given[0].lower().endswith(given[1].lower()),
    "coalesce": lambda _, given: next(item for item in given if item is not None),
    "createobject": lambda _, given: dict(zip(given[::2], given[1::2], strict=True)),
}
