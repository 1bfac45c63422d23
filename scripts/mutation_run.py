"""The processes of the mutation test: what each test reaches, and one fork for each mutant."""

from __future__ import annotations

import ast
import gc
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import CodeType, FunctionType

import pytest
from mutants import Mutant, mutants_of

AT_SERVERS = ("pkcs11_custodian.py", "pkcs11_token.py", "transit_custodian.py")
"""Modules whose tests need a token or a key server; other modules are tried without."""
MEMORY = 8 << 30
"""Bytes of its own that one mutant may hold: one that asks for more is killed."""
SLOWER, GRACE = 10, 6.0
"""A test of a mutant may take this many times longer than unchanged, and these seconds on top."""
LONGEST = 600.0
"""Seconds that all tests of one mutant may take."""

STARTERS = {
    "openbao",
    "softhsm",
    "server_directory",
    "test_servers_started_beside_us_inherit_no_secret",
    "test_no_command_line_and_no_answer_holds_a_secret",
}
"""Fixtures and tests that start servers: seconds each, and most modules know nothing of them."""


class Pool:
    """Forked processes, some at a time; each writes its own answer and has a time limit."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._running: dict[int, tuple[float, Callable[[str], None], Path]] = {}

    def start(self, work: Callable[[Path], str], done: Callable[[str], None], limit: float) -> None:
        """Run `work` in a fork; `done` gets what it returned, or `time` or `died`."""
        while len(self._running) >= self._jobs:
            self._collect()
        room = Path(tempfile.mkdtemp(prefix="mutant-", dir=Path.cwd()))
        child = os.fork()
        if child == 0:
            self._child(work, room)
        self._running[child] = (time.monotonic() + limit, done, room)

    def finish(self) -> None:
        """Wait for all of them."""
        while self._running:
            self._collect()

    def _child(self, work: Callable[[Path], str], room: Path) -> None:
        os.setsid()
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        answer = "died"
        try:
            answer = work(room)
        except BaseException as error:  # noqa: BLE001  # a mutant may break anything
            answer = f"broke {type(error).__name__}"
        finally:
            (room / "answer").write_text(answer, "utf-8")
            os._exit(0)

    def _collect(self) -> None:
        now = time.monotonic()
        for child, (limit, done, room) in list(self._running.items()):
            ended, status = os.waitpid(child, os.WNOHANG)
            if not ended and now < limit:
                continue
            answer = "died"
            if not ended or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM):
                answer = "time"
            elif (room / "answer").exists():
                answer = (room / "answer").read_text("utf-8")
            # What the tests of this mutant left running goes with its group.
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            if not ended:
                os.waitpid(child, 0)
            shutil.rmtree(room, ignore_errors=True)
            del self._running[child]
            done(answer)
        time.sleep(0.005)


def import_libraries() -> None:
    """Import every library of the room and its tests, and nothing of Bercail."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        for name in (
            "bercail.cli.main",
            "bercail.testing.fixtures",
            "bercail.testing.vault_fixtures",
        ):
            importlib.import_module(name)
        names = [
            name for name in list(sys.modules) if not name.startswith(("bercail", "__main__", "_"))
        ]
        os.write(writer, json.dumps(sorted(names)).encode()[: 1 << 20])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as source:
        names = json.load(source)
    os.waitpid(child, 0)
    for name in names:
        with suppress(ImportError):
            importlib.import_module(name)
    _set_hypothesis()


def _set_hypothesis() -> None:
    from hypothesis import Phase, settings

    settings.register_profile(
        "mutants",
        phases=[Phase.explicit, Phase.generate],  # whether it fails, not the smallest example
        database=None,
        deadline=None,
    )
    settings.load_profile("mutants")


def options(tests: tuple[str, ...] | list[str]) -> list[str]:
    """What pytest is started with, everywhere alike."""
    return [
        "-q",
        "--no-header",
        "--assert=plain",
        "--hypothesis-seed=1",
        "-p",
        "no:cacheprovider",
        "-ra",
        "--ignore=tests/unit/vault/test_vault_benchmarks.py",  # it judges programs, not the room
        *tests,
    ]


class Session:
    """A session of pytest that tries the mutants inside functions, once the tests are collected."""

    def __init__(
        self,
        place: Path,
        room: Path,
        tests: tuple[str, ...],
        wanted: set[tuple[str, int]],
        jobs: int,
        reached: Path,
        answers: Path,
        servers: bool,
    ) -> None:
        self._place, self._room, self._tests = place, room, tests
        self._wanted = wanted
        self._pool = Pool(jobs)
        self._reached, self._answers = reached, answers
        self._servers = servers
        self._killers: dict[tuple[str, str], list[str]] = {}

    def run(self) -> int:
        """The exit code: 0 when the unchanged tests pass and every mutant was tried."""
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = int(pytest.main(options(self._tests), plugins=[self]))
            finally:
                sys.stdout.flush()
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what needs a server, unless these modules are about servers."""
        items[:] = [item for item in items if self._servers or not needs_server(item)]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Look at the tests once, then fork for every mutant."""
        gc.collect()
        functions = function_index(self._place / self._room)
        gc.freeze()
        answers: list[str] = []
        # A pool of its own: what the first look leaves running does not count as a mutant.
        looking = Pool(1)
        looking.start(
            lambda room: look(session, room, self._reached, self._room), answers.append, 1800
        )
        looking.finish()
        if answers != ["well"]:
            print(f"unchanged: {answers[0]}", flush=True)
            session.testsfailed = 1
            return True
        told = json.loads(self._reached.read_text("utf-8"))
        self._seconds: dict[str, float] = told["seconds"]
        for test in told["broken"]:
            print(f"fails unchanged, left out: {test}", flush=True)
            session.testsfailed += 1
        items = {item.nodeid: item for item in session.items}
        for name in sorted({name for name, _ in self._wanted}):
            lines = {int(k): v for k, v in told["lines"].get(name, {}).items()}
            path = self._place / self._room / name
            for mutant in mutants_of(path):
                if (name, mutant.number) in self._wanted:
                    self._try(mutant, path, lines, items, functions.get(str(path), []))
        self._pool.finish()
        return True

    def _try(
        self,
        mutant: Mutant,
        path: Path,
        lines: dict[int, list[str]],
        items: dict[str, pytest.Item],
        functions: list[FunctionType],
    ) -> None:
        covered = range(mutant.line, mutant.last_line + 1)
        tests = {test for line in covered for test in lines.get(line, ())}
        killers = self._killers.setdefault((mutant.module, mutant.function), [])
        order = sorted(tests, key=lambda t: (-killers.count(t), self._seconds[t]))
        told = answer_of(mutant, len(order))

        def done(answer: str) -> None:
            if answer.startswith("tests/"):
                killers.append(answer)
            if answer.startswith("broke"):
                # The code could not be exchanged: tried anew, as if no test had reached it.
                told["tests"], answer = 0, ""
            write_answer(self._answers, told, answer)

        if not order:
            write_answer(self._answers, told, "")
            return
        chosen = [(items[test], SLOWER * self._seconds[test] + GRACE) for test in order]

        def work(room: Path) -> str:
            return run_changed(mutant, path, functions, chosen, room)

        self._pool.start(work, done, LONGEST)


def unchanged(path: Path) -> Mutant:
    """No mutant at all: imported anew, it must survive, or the answers would mean nothing."""
    return Mutant(path.name, -1, 0, 0, "", "", "", ast.parse(path.read_text("utf-8")))


def needs_server(item: pytest.Item) -> bool:
    """Whether a test starts a server, through a fixture or by itself."""
    names = {item.name, *getattr(item, "fixturenames", ())}
    return bool(names & STARTERS)


def answer_of(mutant: Mutant, tests: int) -> dict[str, object]:
    """What is kept of a mutant, without whether it was killed. `tests` reach it."""
    return {
        "module": mutant.module,
        "number": mutant.number,
        "line": mutant.line,
        "function": mutant.function,
        "before": mutant.before,
        "after": mutant.after,
        "tests": tests,
    }


def write_answer(path: Path, told: dict[str, object], answer: str) -> None:
    """Add one answer; an empty one says that the mutant survived."""
    with path.open("a", encoding="utf-8") as sink:
        sink.write(json.dumps({**told, "killed": bool(answer), "by": answer}) + "\n")


def fails(item: pytest.Item, following: pytest.Item | None) -> str:
    """Why this test does not pass; empty when it does."""
    from _pytest.runner import runtestprotocol

    for report in runtestprotocol(item, nextitem=following, log=False):
        if not report.passed:
            return str(report.longrepr)[-3000:]
    return ""


def own_folder(session: pytest.Session, room: Path) -> None:
    """Give this process a folder of its own for `tmp_path`."""
    factory = session.config._tmp_path_factory  # noqa: SLF001  # pytest has no other way
    factory._basetemp = room / "tmp"  # noqa: SLF001
    (room / "tmp").mkdir()


def look(session: pytest.Session, room: Path, reached: Path, place: Path) -> str:
    """Run all tests unchanged; keep the seconds of each and the lines it reaches."""
    import coverage

    own_folder(session, room)
    folder = Path.cwd() / place
    watch = coverage.Coverage(data_file=None, include=[f"{folder}/*"], config_file=False)
    watch.start()
    seconds: dict[str, float] = {}
    broken: list[str] = []
    for item, following in zip(session.items, [*session.items[1:], None], strict=True):
        watch.switch_context(item.nodeid)
        begin = time.monotonic()
        why = fails(item, following)
        seconds[item.nodeid] = time.monotonic() - begin
        if why:
            broken.append(item.nodeid)
    watch.stop()
    data = watch.get_data()
    lines = {
        Path(file).name: {
            line: [context for context in contexts if context and context not in broken]
            for line, contexts in data.contexts_by_lineno(file).items()
        }
        for file in data.measured_files()
    }
    reached.write_text(json.dumps({"seconds": seconds, "lines": lines, "broken": broken}), "utf-8")
    return "well"


def function_index(room: Path) -> dict[str, list[FunctionType]]:
    """Every living function of the room by its file."""
    index: dict[str, list[FunctionType]] = {}
    for found in gc.get_objects():
        if type(found) is FunctionType and found.__code__.co_filename.startswith(f"{room}/"):
            index.setdefault(found.__code__.co_filename, []).append(found)
    return index


def run_changed(
    mutant: Mutant,
    path: Path,
    functions: list[FunctionType],
    chosen: list[tuple[pytest.Item, float]],
    room: Path,
) -> str:
    """Exchange the code of the function that holds the change, then run the tests.

    Returns the id of the first test that fails; nothing when all pass.
    """
    codes = dict(_codes_in(compile(mutant.tree, str(path), "exec")))
    changed = 0
    # A function made inside the changed one, when the room was imported, lives on by itself.
    made_inside = f"{mutant.function}.<locals>."
    for function in functions:
        old = function.__code__
        new = codes.get((old.co_qualname, old.co_firstlineno))
        if new is not None and f"{old.co_qualname}.<locals>.".startswith(made_inside):
            function.__code__ = new
            changed += 1
    if not changed:
        raise LookupError(mutant.function)
    own_folder(chosen[0][0].session, room)
    # The kernel ends a test that hangs, wherever it hangs.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    items = [item for item, _ in chosen]
    for (item, limit), following in zip(chosen, [*items[1:], None], strict=True):
        signal.setitimer(signal.ITIMER_REAL, limit)
        if fails(item, following):
            return item.nodeid
    return ""


def _codes_in(code: CodeType) -> Iterator[tuple[tuple[str, int], CodeType]]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield (constant.co_qualname, constant.co_firstlineno), constant
            yield from _codes_in(constant)


class Fresh:
    """Tries the mutants outside of functions: each process imports the room anew."""

    def __init__(
        self,
        place: Path,
        room: Path,
        wanted: set[tuple[str, int]],
        jobs: int,
        reached: Path,
        answers: Path,
    ) -> None:
        self._place, self._room, self._wanted = place, room, wanted
        self._pool = Pool(jobs)
        self._reached, self._answers = reached, answers

    def run(self) -> None:
        """Try every one."""
        told = json.loads(self._reached.read_text("utf-8"))
        seconds: dict[str, float] = told["seconds"]
        for name in sorted({name for name, _ in self._wanted}):
            lines = told["lines"].get(name, {})
            files = {test.partition("::")[0] for reached in lines.values() for test in reached}
            # A test may look at a constant and run no line of the module: its whole file counts.
            tests = {test for test in seconds if test.partition("::")[0] in files}
            order = sorted(tests - set(told["broken"]), key=seconds.__getitem__)
            path = self._place / self._room / name
            self._try(unchanged(path), order, set(seconds))
            for mutant in mutants_of(path):
                if (name, mutant.number) in self._wanted:
                    self._try(mutant, order, set(seconds))
        self._pool.finish()

    def _try(self, mutant: Mutant, order: list[str], known: set[str]) -> None:
        told = answer_of(mutant, len(order))

        def work(room: Path) -> str:
            return run_anew(self._place, self._room, mutant, order, known, room)

        def done(answer: str) -> None:
            if mutant.before:
                write_answer(self._answers, told, answer)
            elif answer:
                raise RuntimeError(f"{mutant.module} unchanged and imported anew: {answer}")

        self._pool.start(work, done, LONGEST)


def run_anew(
    place: Path, room: Path, mutant: Mutant, order: list[str], known: set[str], own: Path
) -> str:
    """Import Bercail with the changed module in place of the true one, and run the tests."""
    source = own / "src" / "bercail"
    source.mkdir(parents=True)
    # Only the room lacks the module: without its own `__init__.py` the package would be none.
    for folder, target, left in (
        (place / "src/bercail", source, "vault"),
        (place / room, source / "vault", mutant.module),
    ):
        target.mkdir(exist_ok=True)
        for found in folder.iterdir():
            if found.name not in {left, "__pycache__"}:
                (target / found.name).symlink_to(found)
    (source / "vault" / mutant.module).write_text(ast.unparse(mutant.tree), "utf-8")
    sys.path.insert(0, str(own / "src"))
    os.environ["PYTHONPATH"] = str(own / "src")
    only = Only(order, known)
    files = sorted({test.partition("::")[0] for test in order})
    code = pytest.main(options(["-x", f"--basetemp={own / 'made'}", *files]), plugins=[only])
    return "" if code == 0 else only.failed or f"pytest ended with {int(code)}"


class Only:
    """Runs the tests told and those that nobody knew, the fastest first; keeps the failed one."""

    def __init__(self, order: list[str], known: set[str]) -> None:
        self._rank = {test: place for place, test in enumerate(order)}
        self._known = known
        self.failed = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """A mutant may change the names of tests: unknown ones run first."""
        items[:] = [
            item
            for item in items
            if item.nodeid in self._rank
            or (item.nodeid not in self._known and not needs_server(item))
        ]
        items.sort(key=lambda item: self._rank.get(item.nodeid, -1))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the first failure."""
        if report.failed and not self.failed:
            self.failed = report.nodeid
