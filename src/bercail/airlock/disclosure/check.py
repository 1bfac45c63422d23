"""The one function of the library: a table and a policy in, a protected table and reasons out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Literal

from attrs import field, frozen

from bercail.airlock.disclosure.attacker import Attack, HouseRule, Interval, attack
from bercail.airlock.disclosure.counts import ALL_LABEL, Counts, Key, parse_counts
from bercail.airlock.disclosure.findings import VERDICTS_FR, Finding, findings_of
from bercail.airlock.disclosure.heuristic import circulations
from bercail.airlock.disclosure.lattice import Lattice, lattice_of
from bercail.airlock.disclosure.policy import DisclosurePolicy
from bercail.airlock.disclosure.protected import ProtectedTable, protected_table
from bercail.airlock.disclosure.separation import Need
from bercail.airlock.disclosure.strict import Range, StrictAudit
from bercail.airlock.disclosure.suppression import Pattern, cheapest
from bercail.foundation import Invalid, Missing, Unproven

MAX_FILE = 16 * 1024 * 1024

Verdict = Literal["clear", "protected", "blocked"]
Status = Literal["shown", "small", "protecting"]


@frozen(kw_only=True)
class CellView:
    """One cell as a checker sees it: the true count, why it is hidden, what is left of it."""

    key: Key
    persons: int
    status: Status
    plain: tuple[int, int | None] | None = None
    informed: tuple[int, int | None] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The cell as checkers read it; intervals as `from..to`, margins as `(all)`."""
        return {
            "cell": [ALL_LABEL if label is None else label for label in self.key],
            "persons": self.persons,
            "status": self.status,
            "attacker": span(self.plain),
            "informed_attacker": span(self.informed),
        }


@frozen(kw_only=True)
class DisclosureCheck:
    """The outcome of a check. `cells` and `cost` are for checkers; they never leave.

    The total cost and the number of small cells say something about hidden counts, so
    `public_report` holds neither.
    """

    policy: DisclosurePolicy
    table: ProtectedTable
    cells: tuple[CellView, ...] = field(repr=False)
    findings: tuple[Finding, ...]
    attack: Attack = field(repr=False)
    cost: int = field(repr=False)
    optimal: bool

    @property
    def verdict(self) -> Verdict:
        """`clear` when nothing had to be hidden, `blocked` when it may not go to review."""
        if any(finding.severity == "blocking" for finding in self.findings):
            return "blocked"
        return "protected" if self.table.hidden else "clear"

    def checker_report(self) -> dict[str, Any]:
        """All that the checkers see; sealed, never published."""
        return {
            "title": self.table.title,
            "dimensions": [axis.as_dict() for axis in self.table.axes],
            "provenance": dict(self.table.provenance),
            "verdict": self.verdict,
            "policy": self.policy.as_dict(),
            "findings": [finding.as_dict() for finding in self.findings],
            "cost": self.cost,
            "optimal": self.optimal,
            "cells": [cell.as_dict() for cell in self.cells],
        }

    def public_report(self) -> dict[str, Any]:
        """What may be said in public about the check."""
        return {
            "format": "bercail-disclosure-report/1",
            "policy": self.policy.as_dict(),
            "policy_digest": self.policy.digest,
            "cells": len(self.table.cells),
            "hidden_cells": len(self.table.hidden),
            "chosen": "optimal" if self.optimal else "heuristic",
            "rules_applied": sorted({finding.rule for finding in self.findings} | _RULES),
        }

    def certificate(self) -> dict[str, Any]:
        """The attacker's result, which anyone can compute again from the published table."""
        return {
            "format": "bercail-audit-certificate/1",
            "policy_digest": self.policy.digest,
            **self.attack.as_dict(),
        }

    def lines(self) -> list[str]:
        """The outcome for a person at a terminal."""
        hidden, cells = len(self.table.hidden), len(self.cells)
        head = (
            f"{self.verdict}: {hidden} of {cells} cells hidden / "
            f"{VERDICTS_FR[self.verdict]} : {hidden} cases masquées sur {cells}"
        )
        rows = [head, *(finding.line() for finding in self.findings)]
        rows += [
            _HIDDEN_CELL.format(
                " / ".join(shown["cell"]), *_REASONS[cell.status], shown["informed_attacker"]
            )
            for cell in self.cells
            if cell.status != "shown"
            for shown in (cell.as_dict(),)
        ]
        return rows


_HIDDEN_CELL = "{0}: {1}, an attacker finds {3} / {2}, un attaquant trouve {3}"
_REASONS = {
    "small": ("under the threshold", "sous le seuil"),
    "protecting": ("protects another cell", "protège une autre case"),
}
_RULES = {"count-threshold", "margin-threshold", "secondary-suppression", "attacker-audit"}


def check_table(
    table: Counts,
    policy: DisclosurePolicy,
    progress: Callable[[str, int, int], None] | None = None,
    *,
    hidden: Collection[Key] | None = None,
) -> DisclosureCheck:
    """Protect `table` under `policy` and audit the result with the attacker program.

    `hidden`: the cells to hide, chosen already together with other tables; a small count that is
    not among them is hidden too.

    Raises:
        Unproven: a solver failed, or the audit refuses the protected table; nothing of it
            may be used then.
    """
    lattice = lattice_of(table)
    rule = house_rule(policy)
    needs = {
        cell: Need(cell=cell, down=persons - min(policy.low, persons), up=policy.high - persons)
        for cell, persons in enumerate(lattice.values)
        if policy.is_small(persons)
    }
    tell = progress or (lambda _label, _done, _total: None)
    tell("protect", 0, 2)
    pattern = _choose(lattice, needs, policy) if hidden is None else _chosen(lattice, needs, hidden)
    tell("audit", 1, 2)
    protected, found = _publishable(table, lattice, needs, pattern, rule)
    tell("audit", 2, 2)
    hidden = {interval.key: interval for interval in found.intervals}
    costs = _costs(lattice, policy)
    return DisclosureCheck(
        policy=policy,
        table=protected,
        cells=_views(lattice, needs, hidden),
        findings=findings_of(table, lattice, policy),
        attack=found,
        cost=sum(costs[n] for n, key in enumerate(lattice.keys) if key in hidden),
        optimal=pattern.optimal,
    )


def check_file(
    file: Path, policy: DisclosurePolicy, progress: Callable[[str, int, int], None] | None = None
) -> DisclosureCheck:
    """`check_table` on a count table in a JSON file of at most 16 MiB.

    Raises:
        Missing: there is no such file.
        Invalid: it is too large, or no table of distinct persons.
    """
    return check_table(parse_counts(read_file(file)), policy, progress)


def read_file(file: Path) -> bytes:
    """The bytes of a file handed in; at most 16 MiB (raises as `check_file`)."""
    try:
        size = file.stat().st_size
        if size > MAX_FILE:
            raise Invalid(
                f"`{file}` has {size} bytes; the most is {MAX_FILE}. / "
                f"`{file}` fait {size} octets ; le maximum est {MAX_FILE}.",
                remedy="Let out results, not data: use fewer and wider categories. / "
                "Faites sortir des résultats, pas des données : moins de catégories, plus larges.",
                rule="output-size",
            )
        return file.read_bytes()
    except FileNotFoundError as error:
        raise Missing(
            f"There is no file `{file}`. / Le fichier `{file}` n'existe pas.",
            remedy="Check the path. / Vérifiez le chemin.",
        ) from error
    except (IsADirectoryError, PermissionError) as error:
        raise Invalid(
            f"`{file}` cannot be read as a file. / `{file}` ne se lit pas comme un fichier.",
            remedy="Give a file. / Donnez un fichier.",
        ) from error


def house_rule(policy: DisclosurePolicy) -> HouseRule:
    """What an informed attacker knows of `policy`."""
    return HouseRule(
        threshold=policy.threshold,
        low=policy.low,
        high=policy.high,
        zeros_published=policy.zeros == "publish",
    )


def span(bounds: tuple[int, int | None] | None) -> str:
    """An interval in words: `0..14`, `3..` when nothing limits it, empty for a shown cell."""
    if bounds is None:
        return ""
    low, high = bounds
    return f"{low}.." if high is None else f"{low}..{high}"


def _costs(lattice: Lattice, policy: DisclosurePolicy) -> tuple[int, ...]:
    return tuple(policy.cost_of(persons) for persons in lattice.values)


def _chosen(lattice: Lattice, needs: Mapping[int, Need], hidden: Collection[Key]) -> Pattern:
    """What was chosen elsewhere, over more tables than this one: never called optimal here."""
    cells = {cell for cell, key in enumerate(lattice.keys) if key in set(hidden)} | set(needs)
    return Pattern(hidden=frozenset(cells), cost=0, optimal=False, rounds=0)


def _choose(lattice: Lattice, needs: Mapping[int, Need], policy: DisclosurePolicy) -> Pattern:
    if not needs:
        return Pattern(hidden=frozenset(), cost=0, optimal=True, rounds=0)

    wanted = Range(
        low=policy.low,
        high=policy.high,
        threshold=policy.threshold,
        zeros_published=policy.zeros == "publish",
    )
    audit = StrictAudit(lattice, frozenset(needs), wanted).missing
    costs = _costs(lattice, policy)
    best = None
    if len(lattice) <= policy.exact_cells:
        best = cheapest(lattice, needs, costs, audit, most_rounds=policy.exact_rounds)
    return best or circulations(lattice, needs, costs, audit)


def _holds(seen: Attack, small: set[Key]) -> bool:
    return seen.consistent and all(
        seen.rule.keeps(interval.informed) for interval in seen.intervals if interval.key in small
    )


def _publishable(
    table: Counts,
    lattice: Lattice,
    needs: Mapping[int, Need],
    pattern: Pattern,
    rule: HouseRule,
) -> tuple[ProtectedTable, Attack]:
    """The table and its final audit; a cell that hiding does not hide is shown instead."""
    hidden = set(pattern.hidden)
    small = {lattice.keys[cell] for cell in needs}
    place = {key: cell for cell, key in enumerate(lattice.keys)}
    while True:
        protected = protected_table(table, lattice, hidden)
        seen = attack(protected.as_dict(), rule)
        known = {place[i.key] for i in seen.intervals if i.informed[0] == i.informed[1]}
        if not _holds(seen, small):
            break
        if not known:
            if seen.weaknesses():
                break
            return protected, seen
        hidden -= known
    raise Unproven(
        "The audit refuses the protected table: an attacker still learns a hidden cell. / "
        "L'audit refuse le tableau protégé : un attaquant apprend encore une case masquée.",
        remedy="Do not use the output; report the table's dimensions to the maintainers. / "
        "N'utilisez pas cette sortie ; signalez les dimensions du tableau aux mainteneurs.",
        rule="attacker-audit",
    )


def _views(
    lattice: Lattice, needs: Mapping[int, Need], hidden: Mapping[Key, Interval]
) -> tuple[CellView, ...]:
    views = []
    for cell, (key, persons) in enumerate(zip(lattice.keys, lattice.values, strict=True)):
        interval = hidden.get(key)
        if interval is None:
            views.append(CellView(key=key, persons=persons, status="shown"))
            continue
        views.append(
            CellView(
                key=key,
                persons=persons,
                status="small" if cell in needs else "protecting",
                plain=interval.plain,
                informed=interval.informed,
            )
        )
    return tuple(views)
