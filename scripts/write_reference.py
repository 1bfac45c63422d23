"""Write the generated pages: commands, events, benchmarks, and the index of all pages.

Each page is made from the program itself, so it says what is there and nothing else.
Without arguments the pages are written; with `--check` nothing is written, the pages that
are out of date are named, and the exit code is 1 when there is one.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints

import attrs
import typer

import bercail
from bercail.cli.main import app
from bercail.ingest.silver.pages import silver_page

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
MADE = "<!-- Written by `make docs` (scripts/write_reference.py). Do not edit. -->"
ABOUT_COMMANDS = """\
Every command takes `--json` and then prints JSON on standard output; progress and errors go to
standard error. Exit codes: [errors](errors.md)."""
ABOUT_EVENTS = """\
What the journal can hold. The kind of an event is the name of its class; its body holds these
fields. Beside them stand position, stream, version, actor and time
([format](formats/ledger.md)). No event holds a value of a person's row."""
ABOUT_INDEX = """\
Begin with [your first demo](tutorial/first-demo.md). Then: [who has to be trusted, and with
what](explanation/trust-model.md), [the rooms](explanation/rooms.md), [what the demo shows and
what it does not](explanation/demo.md). Beside these pages stand [security](../SECURITY.md),
[contributing](../CONTRIBUTING.md) and [changes](../CHANGELOG.md)."""
ABOUT_BENCHMARKS = """\
`make bench` runs them all, `make bench ROOM=vault` one room's. Each measures ours and what it is
held against in the same run and prints JSON lines
`{"bench", "ours", "against", "ratio", "goal", "met"}`."""


def commands_page() -> str:
    """Every command with its arguments and options, from the program itself."""
    program: Any = typer.main.get_command(app)
    parts = [
        MADE,
        "# Commands",
        f"{program.help} {ABOUT_COMMANDS}",
        "These options stand before the group:",
        _parameters(program),
    ]
    parts += _commands_of(program, "", "##")
    return "\n\n".join(part for part in parts if part) + "\n"


def _commands_of(group: Any, above: str, level: str) -> list[str]:
    parts = []
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            parts += [f"{level} {above}{name}", command.help or ""]
            parts += _commands_of(command, f"{above}{name} ", f"{level}#")
        else:
            parts += _command(f"bercail {above}{name}", command, level)
    return parts


def _command(title: str, command: Any, level: str) -> list[str]:
    arguments = [_argument(p) for p in command.params if p.param_type_name == "argument"]
    usage = " ".join([title, *arguments])
    return [f"{level} `{usage}`", inspect.cleandoc(command.help or ""), _parameters(command)]


def _argument(parameter: Any) -> str:
    name = (parameter.metavar or parameter.name).upper()
    return str(name if parameter.required else f"[{name}]")


def _parameters(command: Any) -> str:
    rows = []
    for parameter in command.params:
        if parameter.name in {"as_json", "help"}:
            continue
        is_argument = parameter.param_type_name == "argument"
        shown = _argument(parameter) if is_argument else _option(parameter)
        rows.append(f"| `{shown}` | {_values(parameter)} | {_meaning(parameter)} |")
    if not rows:
        return ""
    return "\n".join(["| | value | |", "|---|---|---|", *rows])


def _option(parameter: Any) -> str:
    return " / ".join([*parameter.opts, *parameter.secondary_opts])


def _values(parameter: Any) -> str:
    kind = parameter.type_descriptor.annotation
    if parameter.param_type_name == "option" and parameter.is_flag:
        return ""
    if inspect.isclass(kind) and issubclass(kind, Enum):
        return ", ".join(f"`{member.value}`" for member in kind)
    names = {Path: "path", str: "text", int: "number"}
    inner = next((names[arg] for arg in (kind, *get_args(kind)) if arg in names), str(kind))
    return f"{inner}, repeatable" if parameter.multiple else inner


def _meaning(parameter: Any) -> str:
    words = [(parameter.help or "").replace("|", "\\|")]
    default = parameter.default
    if parameter.required and parameter.param_type_name == "option":
        words.append("Required.")
    elif default not in (None, False, "", []):
        given = default.value if isinstance(default, Enum) else default
        off = parameter.secondary_opts if default is True else ()
        words.append(f"Default: `{parameter.opts[0] if off else given}`.")
    if getattr(parameter, "min", None) is not None:
        words.append(f"At least {parameter.min}.")
    return " ".join(word for word in words if word)


def event_classes() -> Mapping[str, tuple[type, ...]]:
    """For each room, the classes of its tuples of events, in their order."""
    found: dict[str, tuple[type, ...]] = {}
    for module in _modules():
        tuples = [value for name, value in vars(module).items() if name.endswith("EVENTS")]
        classes = [kind for value in tuples if isinstance(value, tuple) for kind in value]
        own = [kind for kind in classes if kind.__module__ == module.__name__]
        if own:
            room = module.__name__.split(".")[1]
            found[room] = (*found.get(room, ()), *own)
    return dict(sorted(found.items()))


def _modules() -> Iterator[Any]:
    for module in pkgutil.walk_packages(bercail.__path__, "bercail."):
        if module.name.rsplit(".", 1)[-1] == "events":
            yield importlib.import_module(module.name)


def events_page() -> str:
    """Every event that the journal can hold, per room, with its fields."""
    parts = [
        MADE,
        "# Events",
        ABOUT_EVENTS,
    ]
    for room, classes in event_classes().items():
        parts.append(f"## {room}")
        for kind in classes:
            parts += _event(kind, f"### {kind.__name__}")
        for kind in _values_inside(classes):
            parts += _event(kind, f"### {kind.__name__} (a value inside events)")
    return "\n\n".join(parts) + "\n"


def _event(kind: type, heading: str) -> list[str]:
    hints = get_type_hints(kind)
    rows = [f"| `{field.name}` | {_type(hints[field.name])} |" for field in attrs.fields(kind)]
    about = " ".join(inspect.cleandoc(kind.__doc__ or "").split())
    return [heading, about, "\n".join(["| field | type |", "|---|---|", *rows])]


def _values_inside(classes: tuple[type, ...]) -> list[type]:
    """The records that fields of `classes` hold, theirs included, in order of appearance."""
    found: list[type] = []
    waiting = list(classes)
    while waiting:
        kind = waiting.pop(0)
        for hint in get_type_hints(kind).values():
            inner = [arg for arg in (hint, *get_args(hint)) if attrs.has(arg)]
            fresh = [arg for arg in inner if arg not in found and arg not in classes]
            found += fresh
            waiting += fresh
    return found


def _type(hint: Any) -> str:
    if inspect.isclass(hint) and issubclass(hint, Enum):
        return ", ".join(f"`{member.value}`" for member in hint)
    name = re.sub(r"(?:\w+\.)+(\w+)", r"\1", str(hint if get_args(hint) else hint.__name__))
    return name.replace("|", "or")


def benchmarks_page() -> str:
    """Every benchmark with what it measures, from its own first words."""
    parts = [
        MADE,
        "# Benchmarks",
        ABOUT_BENCHMARKS,
    ]
    for file in sorted((ROOT / "benchmarks").glob("*/bench_*.py")):
        about = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        parts += [f"## {file.parent.name}: `{file.relative_to(ROOT)}`", about]
    return "\n\n".join(parts) + "\n"


KINDS = (
    ("tutorial", "Tutorial: learn it by doing"),
    ("how-to", "How to: one task after the other"),
    ("reference", "Reference: look it up"),
    ("reference/formats", "Formats: every byte, and what a reader refuses"),
    ("explanation", "Explanation: why it is so"),
    ("adr", "Decisions, with the options refused"),
)


def index_page() -> str:
    """Every page of the documentation under its kind, by its own title."""
    parts = [MADE, "# Bercail: documentation", ABOUT_INDEX]
    for folder, heading in KINDS:
        pages = [path for path in sorted((DOCS / folder).glob("*.md")) if path.stem != "index"]
        lines = [f"- [{_title(path)}]({path.relative_to(DOCS).as_posix()})" for path in pages]
        parts += [f"## {heading}", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def _title(path: Path) -> str:
    made = PAGES.get(path.relative_to(DOCS).as_posix())
    text = made() if made else path.read_text(encoding="utf-8")
    found = re.search(r"^# (.+)$", text, re.M)
    return found[1] if found else path.stem


# The index comes last: it takes the titles of the pages above it.
PAGES: Mapping[str, Callable[[], str]] = {
    "reference/commands.md": commands_page,
    "reference/events.md": events_page,
    "reference/benchmarks.md": benchmarks_page,
    "reference/silver-tables.md": silver_page,
    "index.md": index_page,
}


def outdated() -> list[str]:
    """The generated pages that are absent or no longer what the program says."""
    late = []
    for name, made in PAGES.items():
        path = DOCS / name
        if not path.is_file() or path.read_text(encoding="utf-8") != made():
            late.append(name)
    return late


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` say which are out of date."""
    late = outdated()
    if "--check" in arguments:
        for name in late:
            print(f"docs/{name} is out of date; run `make docs`")
        return 1 if late else 0
    for name in late:
        (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"written: docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
