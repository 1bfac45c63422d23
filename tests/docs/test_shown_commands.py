"""Every command that a page shows in a `console` block is run, in the order of the page.

A line that begins with `$ ` is a command; the lines below it are what it prints, `...` standing
for anything. A comment right before the block may say more:

    <!-- console: story exit=3
    $ a command that runs first and is not shown
    -->

`story`: the page works in the platform of a small story told once. `exit=3`: the last command
of the block leaves with 3. Commands of `make` are looked up in the Makefile and not run.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(
    r"(?:<!-- console:(?P<mark>.*?)-->\n)?^```console\n(?P<body>.*?)^```", re.M | re.S
)
# After each command the shell notes where it stands and what it has exported.
AFTER = '\n_left=$?; env -0 >"$_NOTE"; pwd >"$_NOTE.place"; exit $_left\n'
SECONDS = 120


@frozen(kw_only=True)
class Command:
    """One shown command: its line in the page, what it should print, how it should leave."""

    line: int
    text: str
    printed: tuple[str, ...] = ()
    code: int = 0


@frozen(kw_only=True)
class Shown:
    """What a page shows: whether it needs a story, and its commands in order."""

    needs_story: bool
    commands: tuple[Command, ...]


def read_page(text: str) -> Shown:
    """The commands of a page."""
    marks = [found["mark"] or "" for found in BLOCK.finditer(text)]
    commands = [command for found in BLOCK.finditer(text) for command in _of_block(text, found)]
    return Shown(
        needs_story=any("story" in mark.split() for mark in marks), commands=tuple(commands)
    )


def _of_block(text: str, found: re.Match[str]) -> Iterator[Command]:
    first = text.count("\n", 0, found.start("body")) + 1
    mark = found["mark"] or ""
    for hidden in re.findall(r"^\$ (.*)$", mark, re.M):
        yield Command(line=first, text=hidden)
    entries: list[tuple[int, str, list[str]]] = []
    lines = enumerate(found["body"].splitlines(), start=first)
    for number, line in lines:
        if line.startswith("$ "):
            text_so_far = line[2:]
            while text_so_far.endswith("\\"):
                text_so_far = text_so_far[:-1] + next(lines)[1]
            entries.append((number, text_so_far, []))
        else:
            assert entries, f"line {number}: a console block begins with a command"
            entries[-1][2].append(line)
    code = re.search(r"exit=(\d)", mark)
    for place, (number, command, printed) in enumerate(entries):
        last = place == len(entries) - 1
        leaves = int(code[1]) if code and last else 0
        yield Command(line=number, text=command, printed=tuple(printed), code=leaves)


def require_printed(expected: tuple[str, ...], printed: str, where: str) -> None:
    """Each expected line appears, in order; `...` inside a line stands for any text."""
    rest = printed.splitlines()
    for line in expected:
        if line.strip() in {"", "..."}:
            continue
        pattern = re.compile(".*?".join(map(re.escape, line.strip().split("..."))))
        place = next((n for n, text in enumerate(rest) if pattern.fullmatch(text.strip())), None)
        assert place is not None, f"{where}: `{line}` is not printed; printed was:\n{printed}"
        rest = rest[place + 1 :]


def run(command: Command, environment: dict[str, str], place: Path, where: str) -> Path:
    """Run one command; `environment` takes what it exports. Returns where the shell then stands."""
    note = place.parent / "note"
    done = subprocess.run(
        ["bash", "-c", command.text + AFTER],
        cwd=place,
        env={**environment, "_NOTE": str(note)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == command.code, f"{where} left with {done.returncode}:\n{said}"
    require_printed(command.printed, said, where)
    pairs = (entry.partition("=") for entry in note.read_text("utf-8").split("\0") if entry)
    environment.update({name: value for name, _, value in pairs})
    return Path((note.parent / "note.place").read_text("utf-8").strip())


def require_target(words: list[str], where: str) -> None:
    """A shown `make` names a target and variables that the Makefile has."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in words:
        name, given, _ = word.partition("=")
        wanted = rf"^{name} \?=" if given else rf"^{name}:"
        assert re.search(wanted, makefile, re.M), f"{where}: the Makefile has no `{name}`"


WITH_COMMANDS = [page for page in PAGES if read_page(page.read_text("utf-8")).commands]


@pytest.mark.xdist_group("docs")
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: str(page.relative_to(ROOT)))
def test_shown_commands_run(
    page: Path,
    tmp_path: Path,
    warm_shell: dict[str, str],
    request: pytest.FixtureRequest,
) -> None:
    shown = read_page(page.read_text("utf-8"))
    place = tmp_path / "checkout"
    place.mkdir()
    for name in ("studies", "scripts", "src"):
        (place / name).symlink_to(ROOT / name)
    environment = dict(warm_shell)
    if shown.needs_story:
        story: dict[str, str] = request.getfixturevalue("told_story")
        environment |= story
        (place / "demo").mkdir()
        (place / "demo" / "small").symlink_to(story["FOLDER"])
    for command in shown.commands:
        where = f"{page.relative_to(ROOT)}:{command.line}: `{command.text}`"
        words = command.text.split()
        if words[0] == "make":
            require_target(words[1:], where)
        else:
            place = run(command, environment, place, where)


def test_the_runner_sees_commands_output_marks_and_lines() -> None:
    mark = "<!-- console: story exit=3\n$ hidden\n-->\n"
    page = f"x\n\n{mark}```console\n$ one \\\n  two\nout\n$ three\n```\n"
    shown = read_page(page)
    assert shown.needs_story
    assert [(c.line, c.text, c.printed, c.code) for c in shown.commands] == [
        (7, "hidden", (), 0),
        (7, "one   two", ("out",), 0),
        (10, "three", (), 3),
    ]


def test_the_runner_refuses_what_is_not_so(
    tmp_path: Path, shell_environment: dict[str, str]
) -> None:
    place = tmp_path / "here"
    place.mkdir()
    environment = dict(shell_environment)
    with pytest.raises(AssertionError, match="left with 4"):
        run(Command(line=1, text="exit 4"), environment, place, "page")
    with pytest.raises(AssertionError, match="is not printed"):
        run(Command(line=1, text="echo one", printed=("two",)), environment, place, "page")
    run(Command(line=1, text="echo a 1 b", printed=("a ... b",)), environment, place, "page")
    stands = run(Command(line=1, text="export X=7; mkdir y; cd y"), environment, place, "page")
    assert environment["X"] == "7"
    assert stands == place / "y"
    with pytest.raises(AssertionError, match="has no `nothing`"):
        require_target(["nothing"], "page")
    with pytest.raises(AssertionError, match="has no `SIZE`"):
        require_target(["demo", "SIZE=3"], "page")
