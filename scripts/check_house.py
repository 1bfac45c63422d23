"""House rules that no linter knows: sizes, names, addresses, open ends.

Prints every breach and exits with 1 when there is one.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN_NAMES = {
    "utils",
    "util",
    "common",
    "helpers",
    "helper",
    "core",
    "base",
    "manager",
    "misc",
}
MOST_LINES, MOST_FUNCTION_LINES, MOST_METHODS = 500, 40, 10
PORT_METHODS = 8
OPEN_ENDS = re.compile(r"\b(TODO|FIXME|XXX)\b|NotImplementedError|pragma: no cover")
# Words put together here so that this file does not name what it looks for.
PATHS = re.compile("|".join(["/" + name + "/" for name in ("work", "root", "farm")]))
ADDRESS = re.compile(r"https?://[^ \"']*/(simple|packages)/")


def tracked(pattern: str) -> list[Path]:
    """Files of the checkout that git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / line for line in out.splitlines() if (ROOT / line).is_file()]


def sizes_and_names(path: Path) -> list[str]:
    """Breaches of the size and naming rules in one Python file."""
    shown = path.relative_to(ROOT)
    text = path.read_text(encoding="utf-8")
    breaches = []
    if text.count("\n") > MOST_LINES:
        breaches.append(f"{shown}: {text.count(chr(10))} lines, at most {MOST_LINES}")
    if FORBIDDEN_NAMES & {path.stem, *shown.parent.parts}:
        breaches.append(f"{shown}: this name says nothing")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            # A test, or the two sides of a benchmark, may share a long set-up.
            exempt = {"tests", "benchmarks"} & set(shown.parts)
            if length > MOST_FUNCTION_LINES and not exempt:
                breaches.append(f"{shown}:{node.lineno}: `{node.name}` has {length} lines")
        if isinstance(node, ast.ClassDef):
            breaches += class_breaches(node, str(shown))
    return breaches


def class_breaches(node: ast.ClassDef, shown: str) -> list[str]:
    """Too many public methods, or a port that asks for too much."""
    methods = [
        item.name
        for item in node.body
        if isinstance(item, ast.FunctionDef)
        and not item.name.startswith("_")
        and not ({"property", "cached_property", "staticmethod"} & _decorators(item))
    ]
    bases = {item.id for item in node.bases if isinstance(item, ast.Name)}
    limit = PORT_METHODS if "Protocol" in bases else MOST_METHODS
    if "tests" in shown or "testing" in shown or len(methods) <= limit:
        return []
    return [
        f"{shown}:{node.lineno}: `{node.name}` has {len(methods)} public methods, at most {limit}"
    ]


def _decorators(node: ast.FunctionDef) -> set[str]:
    return {d.id for d in node.decorator_list if isinstance(d, ast.Name)}


def words(path: Path) -> list[str]:
    """Open ends and addresses in one text file."""
    shown = path.relative_to(ROOT)
    breaches = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if path.suffix == ".py" and path != Path(__file__).resolve() and OPEN_ENDS.search(line):
            breaches.append(f"{shown}:{number}: left open")
        if PATHS.search(line) or ADDRESS.search(line):
            breaches.append(f"{shown}:{number}: a path of one machine or a download address")
    return breaches


def main() -> int:
    """Check every file; 0 when the house is in order."""
    breaches: list[str] = []
    for path in tracked("*.py"):
        breaches += sizes_and_names(path)
    for pattern in ("*.py", "*.md", "*.toml", "*.lock", "*.json", "*.sh", "*.yml", "Makefile"):
        for path in tracked(pattern):
            breaches += words(path)
    foundation = sum(
        len(p.read_text(encoding="utf-8").splitlines())
        for p in (ROOT / "src/bercail/foundation").glob("*.py")
    )
    if foundation > 600:
        breaches.append(f"foundation has {foundation} lines, at most 600")
    for breach in breaches:
        print(breach)
    print(f"house rules: {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
