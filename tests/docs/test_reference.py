"""The reference says everything that exists: pages made, commands, keys, variables, errors."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from bercail.cli.main import app
from bercail.config import Config
from bercail.foundation import BercailError
from bercail.ledger.events import NewEvent, RecordedEvent

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
# What the journal wraps every event in, and no event.
ENVELOPES = {NewEvent, RecordedEvent}
VARIABLE = re.compile(r"\bBERCAIL_[A-Z][A-Z0-9_]*[A-Z0-9]\b")


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    path = ROOT / "scripts" / "write_reference.py"
    spec = importlib.util.spec_from_file_location("write_reference", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def test_generated_pages_are_up_to_date(writer: ModuleType) -> None:
    assert writer.outdated() == [], "run `make docs`"
    assert writer.commands_page() == writer.commands_page()
    assert writer.events_page() == writer.events_page()


def commands(group: Any = None, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every command with the groups above it, as it is typed after `bercail`."""
    program: Any = group or typer.main.get_command(app)
    for name, command in program.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{above}{name} ")
        else:
            yield f"{above}{name}", command


def test_every_command_is_documented_says_what_it_does_and_takes_json() -> None:
    text = page("commands.md")
    names = [name for name, _ in commands()]
    assert len(names) > 40
    for name, command in commands():
        assert f"`bercail {name}" in text
        assert command.help, name
        options = {option for parameter in command.params for option in parameter.opts}
        assert "--json" in options, name
        for option in options - {"--json", "--help"}:
            assert option in text or option.upper() in text, (name, option)


def test_every_event_is_documented(writer: ModuleType) -> None:
    text = page("events.md")
    found = writer.event_classes()
    assert {"access", "airlock", "hosting", "ingest"} <= set(found)
    for kinds in found.values():
        for kind in kinds:
            assert re.search(rf"^### {kind.__name__}$", text, re.M), kind
            assert kind.__doc__, kind


def test_no_event_class_stands_outside_the_lists(writer: ModuleType) -> None:
    """A class of an `events.py` that is neither recorded nor inside one that is, is a mistake."""
    recorded = [kind for kinds in writer.event_classes().values() for kind in kinds]
    known = {*recorded, *writer._values_inside(tuple(recorded))}
    for name in {kind.__module__ for kind in recorded}:
        own = {kind for kind in vars(sys.modules[name]).values() if isinstance(kind, type)}
        found = {kind for kind in own if kind.__module__ == name} - ENVELOPES
        assert found <= known, name


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = [
            arg
            for arg in (field.annotation, *getattr(field.annotation, "__args__", ()))
            if isinstance(arg, type) and issubclass(arg, BaseModel)
        ]
        if inner:
            yield from keys(inner[0], f"{prefix}{name}.")
        elif name != "root":
            # `root` is the folder of the file, not a key that somebody writes.
            yield f"{prefix}{name}"


def test_every_configuration_key_is_documented() -> None:
    text = page("configuration.md")
    found = list(keys(Config))
    assert {"name", "home.location", "source.credentials", "people.roles"} <= set(found)
    for key in found:
        shown = key.replace("people.", "people.NAME.")
        assert f"| `{shown}` |" in text, key


def test_every_environment_variable_is_documented() -> None:
    text = page("configuration.md")
    used = {
        name
        for folder in ("src", "scripts")
        for path in (ROOT / folder).rglob("*.py")
        for name in VARIABLE.findall(path.read_text(encoding="utf-8"))
    }
    assert {"BERCAIL_CONFIG", "BERCAIL_ACTOR", "BERCAIL_PASSPHRASE"} <= used
    for name in used:
        prefix = re.sub(r"_(ACCESS_KEY|SECRET_KEY|SAS)$", "", name.removesuffix("_FILE"))
        assert f"`{name}`" in text or f"`{prefix}`" in text, name


def test_no_variable_is_documented_that_does_not_exist() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    for name in VARIABLE.findall(page("configuration.md")):
        base = re.sub(r"_(ACCESS_KEY|SECRET_KEY|SAS)$", "", name.removesuffix("_FILE"))
        assert base.removeprefix("BERCAIL_") in source, name


def test_every_error_family_is_documented_with_its_codes() -> None:
    text = page("errors.md")
    for kind in BercailError.__subclasses__():
        wanted = f"| `{kind.__name__}` | {kind.exit_code} | {kind.http_status} |"
        assert wanted in text, wanted


def mentions(text: str) -> Iterator[str]:
    """Every `bercail ...` that a page shows, in code of any kind."""
    code = [
        *re.findall(r"`([^`\n]+)`", text),
        *re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S),
    ]
    for line in "\n".join(code).replace("\\\n", " ").splitlines():
        found = re.match(r"(?:\$ )?(?:\S+=\S+ )*(?:\.venv/bin/)?bercail (.*)", line)
        if found:
            yield found[1]


def require_known(shown: str, known: Mapping[str, Any]) -> None:
    """`shown`, without `bercail`, names a command that exists, with options that it has."""
    words = shlex.split(shown.split("|")[0].split(">")[0].split("#")[0])
    while words and words[0] in {"--config", "--as"}:
        words = words[2:]
    if not words or words[0] == "--help":
        return
    typed = [" ".join(words[:length]) for length in (1, 2, 3)]
    groups = {" ".join(name.split()[:depth]) for name in known for depth in (1, 2)} - set(known)
    if " ".join(words) in groups:
        return
    name = next((name for name in typed if name in known), typed[1])
    assert name in known, f"`bercail {shown}`: there is no such command"
    options = {o for p in known[name].params for o in (*p.opts, *p.secondary_opts)} | {"--help"}
    for word in words:
        if word.startswith("--"):
            assert word.split("=")[0] in options, f"`bercail {shown}`: there is no `{word}`"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_a_page_names_exists(path: Path) -> None:
    known = dict(commands())
    for shown in mentions(path.read_text(encoding="utf-8")):
        require_known(shown, known)


def test_a_command_that_does_not_exist_is_found() -> None:
    known = dict(commands())
    shown = list(mentions("Run `bercail lake melt` or\n```console\n$ bercail demo --slowly\n```\n"))
    assert shown == ["lake melt", "demo --slowly"]
    for one in shown:
        with pytest.raises(AssertionError, match="there is no"):
            require_known(one, known)
