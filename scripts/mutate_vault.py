"""Try the tests of the vault on a vault with mistakes put in, one at a time (`make mutate`).

    python scripts/mutate_vault.py                  the whole room
    python scripts/mutate_vault.py sealed.py ...    these modules
    python scripts/mutate_vault.py --again          only what survived the last time
    python scripts/mutate_vault.py --page           write the page from the answers kept

A mistake (a mutant, see `mutants.py`) that some test notices is killed. One that no test notices
survives: it must stand in `vault_survivors.json` with the reason why it cannot matter, else the
exit code is 1. The checkout is copied aside first; nothing is written into it but the answers
(`.cache/mutants.json`) and, with `--page`, `docs/reference/vault-mutations.md`.

1. One run of the unchanged tests tells which lines each test reaches, and how long it takes.
2. A mutant inside a function: a forked process that has collected the tests already exchanges the
   code of that function and runs the tests that reach the changed lines, the fastest first.
3. A mutant outside of functions: a forked process imports the room anew, mistake included, and
   runs the tests that reach the module.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mutants import mutants_of
from mutation_page import page
from mutation_run import AT_SERVERS, Fresh, Session, import_libraries

ROOT = Path(__file__).resolve().parent.parent
ROOM = Path("src/bercail/vault")
ANSWERS = ROOT / ".cache" / "mutants.json"
REASONS = Path(__file__).with_name("vault_survivors.json")
PAGE = ROOT / "docs" / "reference" / "vault-mutations.md"
COPIED = ("src", "tests", "scripts", "docs", "pyproject.toml")
LINKED = (".venv", "servers")
TESTS = (
    "tests/unit/vault",
    "tests/vectors/vault",
    "tests/attacks/test_key_table_attacks.py",
    "tests/attacks/test_sealing_attacks.py",
    "tests/attacks/test_no_secret_in_tracebacks.py",
    "tests/attacks/test_no_secret_leaks.py",
    "tests/contract/test_custodians.py",
)
KEY = ("module", "function", "before", "after")

Answers = dict[str, dict[str, Any]]
"""By module: the SHA-256 of its source, how many mutants it has, the answers by number."""


def main(arguments: list[str]) -> int:
    """0 when every survivor has its reason."""
    parser = argparse.ArgumentParser(description="Mutation test of the vault.")
    parser.add_argument("modules", nargs="*", help="file names; all of them unless given")
    parser.add_argument("--jobs", type=int, default=2, help="mutants tried at the same time")
    parser.add_argument("--again", action="store_true", help="only what survived the last time")
    parser.add_argument("--page", action="store_true", help="write the page, try nothing")
    wanted = parser.parse_args(arguments)
    names = sorted(path.name for path in (ROOT / ROOM).glob("*.py"))
    unknown = sorted(set(wanted.modules) - set(names))
    if unknown:
        print(f"no such module: {', '.join(unknown)}; known: {', '.join(names)}")
        return 2
    chosen = wanted.modules or names
    if not wanted.page:
        with _copy() as place:
            alone = [name for name in chosen if name not in AT_SERVERS]
            served = [name for name in chosen if name in AT_SERVERS]
            # A sealed server would answer two mutants at once.
            for group, jobs in ((alone, wanted.jobs), (served, 1)):
                _try_group(place, group, jobs, wanted.again)
    answers = _known()
    reasons = json.loads(REASONS.read_text("utf-8"))
    if wanted.page:
        current = {
            name: module
            for name, module in answers.items()
            if name in names and module["source"] == _digest(ROOT / ROOM / name)
        }
        PAGE.write_text(page(current, names, reasons), "utf-8")
    return _report(answers, chosen, {tuple(entry[name] for name in KEY) for entry in reasons})


@contextmanager
def _copy() -> Iterator[Path]:
    """A copy of what the tests need, in memory where the system has room for that."""
    memory = Path("/dev/shm")  # noqa: S108  # a folder of our own is made in it
    made = tempfile.mkdtemp(prefix="mutants-", dir=memory if memory.is_dir() else None)
    place = Path(made)
    try:
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, place / name)
            else:
                shutil.copy(ROOT / name, place / name)
        for name in LINKED:
            (place / name).symlink_to(ROOT / name)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _known() -> Answers:
    return json.loads(ANSWERS.read_text("utf-8")) if ANSWERS.exists() else {}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _try_group(place: Path, modules: list[str], jobs: int, again: bool) -> None:
    """Try the mutants of these modules and keep the answers."""
    numbers, wanted = {}, []
    for name in modules:
        path = place / ROOM / name
        found = [(mutant.number, bool(mutant.function)) for mutant in mutants_of(path)]
        numbers[name] = len(found)
        known = _known().get(name, {})
        left = {
            int(number)
            for number, answer in known.get("answers", {}).items()
            if not answer["killed"] and known["source"] == _digest(path)
        }
        wanted += [(name, n, inside) for n, inside in found if not again or n in left]
    if not wanted:
        return
    print(f"{', '.join(modules)}: {len(wanted)} mutants", flush=True)
    found_answers = _tried(place, modules, wanted, jobs)
    for name in modules:
        _keep(name, _digest(place / ROOM / name), numbers[name], found_answers)


def _tried(
    place: Path, modules: list[str], wanted: list[tuple[str, int, bool]], jobs: int
) -> list[dict[str, Any]]:
    """Every answer; pytest runs in processes of their own, this one never imports Bercail."""
    os.chdir(place)
    source = str(place / "src")
    sys.path.insert(0, source)
    os.environ["PYTHONPATH"] = source
    import_libraries()
    reached, answers_file = place / "reached.json", place / "answers.jsonl"
    answers_file.write_text("", "utf-8")
    inside = {(name, number) for name, number, within in wanted if within}
    outside = {(name, number) for name, number, within in wanted if not within}
    servers = bool(set(modules) & set(AT_SERVERS))
    code = Session(place, ROOM, TESTS, inside, jobs, reached, answers_file, servers).run()
    if not reached.exists():
        raise SystemExit("the tests could not be collected or looked at: nothing was tried")
    if code != 0:
        print("some tests fail on the unchanged room, and were left out")
    # What no test reaches may have run when the room was imported.
    for line in answers_file.read_text("utf-8").splitlines():
        answer = json.loads(line)
        if not answer["tests"]:
            outside.add((answer["module"], answer["number"]))
    Fresh(place, ROOM, outside, jobs, reached, answers_file).run()
    sys.path.remove(source)
    reached.unlink()
    return [json.loads(line) for line in answers_file.read_text("utf-8").splitlines()]


def _keep(name: str, digest: str, mutants: int, found: list[dict[str, Any]]) -> None:
    """Put the new answers of one module beside those on the same source."""
    answers = _known()
    mine = answers.get(name)
    if mine is None or mine["source"] != digest:
        mine = {"source": digest, "answers": {}}
    mine["mutants"] = mutants
    mine["answers"].update({str(one["number"]): one for one in found if one["module"] == name})
    answers[name] = mine
    ANSWERS.parent.mkdir(exist_ok=True)
    ANSWERS.write_text(json.dumps(answers, indent=0, sort_keys=True), "utf-8")


def _report(answers: Answers, chosen: list[str], reasons: set[tuple[str, ...]]) -> int:
    """Print a line per module and every survivor; 1 when one has no reason."""
    open_ends = 0
    for name in chosen:
        if name not in answers:
            continue
        tried = answers[name]["answers"].values()
        left = [answer for answer in tried if not answer["killed"]]
        told = f"{len(tried)} of {answers[name]['mutants']} mutants tried"
        stale = _digest(ROOT / ROOM / name) != answers[name]["source"]
        print(f"{name}: {told}, {len(left)} survived{', of another source' * stale}")
        for answer in sorted(left, key=lambda one: one["number"]):
            known = tuple(answer[part] for part in KEY) in reasons
            open_ends += not known
            print(
                f"  {'harmless' if known else 'SURVIVED'} {name}:{answer['line']} "
                f"{answer['function']} ({answer['tests']} tests): "
                f"`{answer['before']}` -> `{answer['after']}`"
            )
    print(f"{open_ends} survivors without a reason")
    return 1 if open_ends else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
