"""The page of the mutation test: what was tried, what was noticed, and why the rest is harmless."""

from __future__ import annotations

from typing import Any

HEAD = """\
<!-- Written by `scripts/mutate_vault.py --page`. Do not edit. -->

# Mutation test of the vault

A test that runs a line does not thereby hold it. The mutation test asks the harder question: if
somebody broke this line, would a test say so? A program puts one small mistake at a time into a
module of the vault (a mutant) and runs the tests that reach it. A mutant is **killed** when one of
them fails. One that survives shows either a test that is missing, which is then written, or a
change that cannot matter, which is listed below with the reason. What is marked as open below is
neither yet.

```text
make mutate                          every module
make mutate ONLY="sealed.py keys.py" these modules
```

The run ends with an error when a mutant survives that has no reason in
`scripts/vault_survivors.json`. Nothing is ever changed in the checkout: the program works in a copy
of it. Tests that start a server take part only for the modules of the token and of the key server
(SoftHSM and OpenBao): what is killed in the other modules is killed without them.

## What is put in

- A comparison becomes its opposite, or loses or gains its boundary; `and` becomes `or`; one side of
  either is dropped; `not` and a minus sign are dropped.
- A check is left out, or always taken; a filter of a comprehension is dropped.
- Arithmetic is exchanged; a number moves by one up and down; `True` becomes `False`; one bound of a
  slice is dropped.
- A text or a byte string gains a character; an argument of a call becomes `None`; a named argument
  is dropped.
- A function returns nothing; a statement is left out (a call, a raise, an assignment to a field);
  `break` and `continue` are exchanged.

Left alone, since they decide nothing: sentences for people (messages, remedies, docstrings),
annotations, and whether a class takes its fields by name.

## Results

"Too long" counts mutants whose tests did not end in many times their usual time, or that took the
process down: they are among the killed.

"""


def page(
    answers: dict[str, dict[str, Any]], names: list[str], reasons: list[dict[str, Any]]
) -> str:
    """The whole page. `answers` is by module, `names` every module of the room."""
    known = {
        (one["module"], one["function"], one["before"], one["after"]): one["reason"]
        for one in reasons
    }
    lines = [
        "| module | mutants | killed | too long | survived |",
        "| --- | --: | --: | --: | --: |",
    ]
    total = [0, 0, 0, 0]
    for name in names:
        counts = _counts(answers.get(name, {}))
        if counts[0]:
            total = [a + b for a, b in zip(total, counts, strict=True)]
            lines.append(f"| `{name}` | " + " | ".join(map(str, counts)) + " |")
    lines.append("| **all of these** | " + " | ".join(f"**{n}**" for n in total) + " |")
    lines += ["", *_not_tried(answers, names), "## What survived, and why", ""]
    for name in names:
        left = _left(answers.get(name, {}))
        if left:
            lines += [f"### `{name}`", "", *_survivors(left, known), ""]
    return HEAD + "\n".join(lines).rstrip() + "\n"


def _counts(module: dict[str, Any]) -> list[int]:
    tried = list(module.get("answers", {}).values())
    killed = [one for one in tried if one["killed"]]
    slow = [one for one in killed if one["by"] in {"time", "died"}]
    return [len(tried), len(killed), len(slow), len(tried) - len(killed)]


def _left(module: dict[str, Any]) -> list[dict[str, Any]]:
    left = [one for one in module.get("answers", {}).values() if not one["killed"]]
    return sorted(left, key=lambda one: one["number"])


def _not_tried(answers: dict[str, dict[str, Any]], names: list[str]) -> list[str]:
    """Which modules this page says nothing about, or not everything."""
    lacking = []
    for name in names:
        module = answers.get(name)
        if name in {"__init__.py", "events.py"}:
            continue  # names and plain values: there is nothing to change in them
        if module is None:
            lacking.append(f"`{name}`")
        elif len(module["answers"]) < module["mutants"]:
            lacking.append(f"`{name}` ({len(module['answers'])} of {module['mutants']})")
    if not lacking:
        return []
    return [f"Not in this table, or not whole: {', '.join(lacking)}.", ""]


def _survivors(left: list[dict[str, Any]], known: dict[tuple[str, ...], str]) -> list[str]:
    lines = []
    for one in left:
        reason = known.get((one["module"], one["function"], one["before"], one["after"]), "")
        lines.append(
            f"- `{one['module']}:{one['line']}` in `{one['function'] or 'the module itself'}`: "
            f"`` {one['before']} `` becomes `` {one['after']} ``. "
            + (reason or "**Open: no test holds it yet.**")
        )
    return lines
