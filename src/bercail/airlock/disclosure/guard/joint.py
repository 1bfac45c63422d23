"""The joint system of releases whose populations lie in one another, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from attrs import field, frozen

from bercail.airlock.disclosure.audit.bounds import Unknowns
from bercail.airlock.disclosure.guard.ages import is_before
from bercail.airlock.disclosure.guard.atoms import (
    Atoms,
    GuardedCell,
    as_variables,
    atoms_of,
    conditions,
    in_common_values,
    universes,
)
from bercail.airlock.disclosure.guard.codings import unlike_codings
from bercail.airlock.disclosure.guard.populations import (
    Population,
    Relation,
    Relations,
    patterns,
)
from bercail.airlock.disclosure.guard.record import ReleaseRecord
from bercail.airlock.disclosure.guard.subsets import is_declared, measure_of, parts_of, says_of

MOST_ATOMS = 4000
MOST_PATTERNS = 16
MOST_ATOM_PROGRAMS = 400
MOST_PART_PROGRAMS = 60
"""With a declared part, since a table has one such system for each part that left before."""

_TOO_MANY = (
    "The releases tell {0} groups apart: too many to compute what they give away together; look "
    "by hand, or round the counts. / Les sorties distinguent {0} groupes : trop pour calculer ce "
    "qu'elles livrent ensemble ; regardez à la main, ou arrondissez les effectifs."
)
_NO_GROWTH = (
    "The numbers do not fit those of `{0}` as growth of the same data: data were corrected or "
    "taken out; compare them by hand. / Les nombres ne prolongent pas ceux de `{0}` : des données "
    "ont été corrigées ou retirées ; comparez-les à la main."
)

_NO_COUNTS = (
    "`{0}` holds no counts or amounts: compare it by hand. / "
    "`{0}` ne contient ni effectifs ni montants : comparez-le à la main."
)
_MANY_NESTED = (
    "{0} populations lie in one another: compare them by hand. / "
    "{0} populations sont emboîtées : comparez-les à la main."
)
_ANOTHER_COHORT = (
    "An earlier release counts another cohort, and nobody said how both overlap: compare them by "
    "hand. / Une sortie antérieure compte une autre cohorte, et personne n'a dit comment les deux "
    "se recouvrent : comparez-les à la main."
)

Place = tuple[str, int, tuple[str | None, ...]]


class Joint:
    """Cells of several releases over shared atoms; the last release is the new one."""

    def __init__(
        self,
        records: Sequence[ReleaseRecord],
        cells: Sequence[GuardedCell],
        atoms: Atoms,
        *,
        counts: bool,
        believed: frozenset[int] | None = None,
    ) -> None:
        self._records = tuple(records)
        # The releases whose numbers fit one another; promises are computed with these alone.
        self._believed = set(range(len(records))) if believed is None else set(believed)
        self.cells = tuple(cells)
        self.atoms = atoms
        # Few records are of few persons; a small amount of money is of anybody.
        self.counts = counts

    @property
    def newest(self) -> str:
        """The id of the new release."""
        return self._records[-1].release

    def release(self, number: int) -> str:
        """The id of a release by its number."""
        return self._records[number].release

    def place(self, cell: int) -> Place:
        """Where a cell stands: release, number of the table, key."""
        one = self.cells[cell]
        return self.release(one.release), one.table, one.key

    def possible(self, releases: set[int] | None = None) -> bool:
        """Whether any persons fit all numbers; when not, the populations do not lie as assumed.

        `releases`: only the numbers of these, without which all are taken.
        """
        return self._known(self._believed if releases is None else releases).possible()

    def believing(self, releases: set[int]) -> Joint:
        """The same system for somebody who takes only the numbers of `releases` as true."""
        return Joint(
            self._records,
            self.cells,
            self.atoms,
            counts=self.counts,
            believed=frozenset(releases),
        )

    def small_differences(self, threshold: int) -> Iterator[tuple[int, int]]:
        """Pairs of exactly shown cells (outer, inner) with a difference under `threshold`.

        Only pairs with a cell of the new release, and not both of one table. Numbers that fit no
        system count too: of the same population, or of the same condition.
        """
        if not self.counts:
            return
        exact = [n for n, cell in enumerate(self.cells) if cell.value is not None and not cell.base]
        last = len(self._records) - 1
        holds = self.atoms.holds
        values = np.array([self.cells[n].value for n in exact])
        for inner in exact:
            gap = values - self.cells[inner].value
            for outer in (exact[n] for n in np.flatnonzero((gap > 0) & (gap < threshold))):
                pair = (self.cells[outer], self.cells[inner])
                if last not in (pair[0].release, pair[1].release):
                    continue
                if (pair[0].release, pair[0].table) == (pair[1].release, pair[1].table):
                    continue
                if self._is_lasting(*pair):
                    inside = bool((holds[outer] >= holds[inner]).all())
                else:
                    # Data came and went; what one condition gained or lost is a group all the same.
                    inside = pair[0].condition == pair[1].condition
                if inside:
                    yield outer, inner

    def _is_lasting(self, one: GuardedCell, other: GuardedCell) -> bool:
        """Whether both count persons who stand to each other as the system assumes."""
        if one.population == other.population:
            return True
        return {one.release, other.release} <= self._believed

    def broken_promises(self) -> Iterator[tuple[Place, str]]:
        """Promised ranges that everything known breaks, with an earlier release to blame."""
        everything = self._believed
        last = len(self._records) - 1
        for cell, low, high in self._promises:
            if self.cells[cell].release not in everything:
                continue
            if self._keeps(everything, cell, low, high):
                continue
            owner = self.cells[cell].release
            if owner != last and not self._keeps(everything - {last}, cell, low, high):
                # Broken before: the new release is not the cause.
                continue
            yield self.place(cell), self._blamed(cell, low, high)

    def small_atoms(self, threshold: int) -> Iterator[str]:
        """An earlier release for the first atom that is known to be small, if any."""
        if self.atoms.count > (MOST_PART_PROGRAMS if self._has_part else MOST_ATOM_PROGRAMS):
            return
        last = len(self._records) - 1
        before = self._known(self._believed - {last})
        for atom in range(self.atoms.count):
            low, high = self._everything.bounds(atom)
            if not low > 0 or high is None or high >= threshold:
                continue
            old_low, old_high = before.bounds(atom)
            if old_low > 0 and old_high is not None and old_high < threshold:
                continue
            yield self.release(max(self._believed - {last}, default=last))
            return

    @property
    def _has_part(self) -> bool:
        """Whether a cell counts a part that a declared result names."""
        places = {(cell.release, cell.table) for cell in self.cells}
        return any(
            is_declared(self._records[release].document["tables"][table]["measure"])
            for release, table in places
        )

    @cached_property
    def _everything(self) -> Unknowns:
        return self._known(self._believed)

    @cached_property
    def _promises(self) -> list[tuple[int, int, int]]:
        places = {(cell.release, cell.table, cell.key): n for n, cell in enumerate(self.cells)}
        return [
            (places[(number, table, key)], low, high)
            for number, record in enumerate(self._records)
            for table, key, low, high in record.secrets
            if (number, table, key) in places
        ]

    def _keeps(self, releases: set[int], cell: int, low: int, high: int) -> bool:
        known = self._everything if releases == self._believed else self._known(releases)
        least, most = known.bounds(self._variable[cell])
        return least <= low and (most is None or most >= high)

    def _blamed(self, cell: int, low: int, high: int) -> str:
        """The first earlier release that alone, with the new one, breaks the promise."""
        last = len(self._records) - 1
        owner = self.cells[cell].release
        for number in sorted(self._believed - {last}):
            if not self._keeps({number, last, owner}, cell, low, high):
                return self.release(number if owner in (last, number) else owner)
        return self.release(owner if owner != last else max(0, last - 1))

    @cached_property
    def _variable(self) -> dict[int, int]:
        """Cells that are no single known number have an unknown of their own."""
        free = [n for n, cell in enumerate(self.cells) if cell.value is None or cell.base]
        return {cell: self.atoms.count + place for place, cell in enumerate(free)}

    def _known(self, releases: set[int]) -> Unknowns:
        """What a reader of these releases knows; promises of other releases stay unknowns."""
        size = self.atoms.count + len(self._variable)
        lower: list[int] = [0] * size
        upper: list[int | None] = [None] * size
        rows, known = [], []
        for number, cell in enumerate(self.cells):
            row = {int(atom): 1 for atom in np.flatnonzero(self.atoms.holds[number])}
            variable = self._variable.get(number)
            if variable is not None:
                rows.append({**row, variable: -1})
                known.append(0)
                if cell.value is not None and cell.release in releases:
                    lower[variable] = max(0, cell.value - cell.base + 1)
                    upper[variable] = cell.value + cell.base - 1
            elif cell.release in releases and row:
                rows.append(row)
                known.append(cell.value or 0)
        return Unknowns(rows, known, lower, upper, whole=self.counts)


@frozen(kw_only=True)
class Findings:
    """The systems of a release, apart for differences and for promises, and what cannot be.

    `all_numbers`: all numbers, whether they fit or not. `fitting`: numbers that fit one another.
    `contradicted`: earlier releases with other numbers of the same cohort in the same snapshot.
    """

    all_numbers: list[Joint] = field(factory=list)
    fitting: list[Joint] = field(factory=list)
    contradicted: list[str] = field(factory=list)
    people: list[str] = field(factory=list)


def joint_systems(records: Sequence[ReleaseRecord], relations: Relations) -> Findings:
    """The systems for each population and measure of the new (last) release.

    Reasons why something is left out are among its `people`.
    """
    found = Findings()
    new = records[-1]
    past = [table for record in records[:-1] for table in record.document["tables"]]
    done = set()
    for table in new.document["tables"]:
        measure = table["measure"]
        if measure["kind"] not in ("persons", "records", "sum"):
            found.people.append(_NO_COUNTS.format(table["name"]))
            continue
        for one in (measure, *parts_of(measure, past)):
            wanted = (table["population"], *measure_of(one))
            if wanted not in done:
                done.add(wanted)
                _system(records, wanted[0], one, relations, found)
    return found


def _system(
    records: Sequence[ReleaseRecord],
    cohort: str,
    measure: Mapping[str, Any],
    relations: Relations,
    found: Findings,
) -> None:
    tables = [
        _Table(number=number, place=place, body=table, snapshot=record.snapshot)
        for number, record in enumerate(records)
        for place, table in enumerate(record.document["tables"])
        if says_of(table, measure)
    ]
    groups = _same(list(dict.fromkeys(table.population for table in tables)), relations)
    lead = groups[Population(cohort=cohort, snapshot=records[-1].snapshot)]
    populations = list(dict.fromkeys(groups.values()))
    nested, unsure = _nested(populations, lead, relations, found.people)
    systems = []
    # The states of one cohort whose order nobody knows may lie in one another either way.
    for backwards in (False, True) if unsure else (False,):
        ways = {(outer, inner) if backwards else (inner, outer) for inner, outer in unsure}
        joint = _joint(records, tables, groups, lead, nested | ways, found.people)
        if joint is not None:
            systems.append(joint)
    fitting = [joint for joint in systems if joint.possible()]
    if systems and not fitting:
        contradicted = list(found.contradicted)
        fitting = _contradictions(systems[0], records, lead, found)
        if is_declared(measure):
            # A part is known by its name only: other numbers may be of other persons.
            found.contradicted[:] = contradicted
        found.all_numbers.extend(fitting or [systems[0].believing(set())])
    else:
        found.all_numbers.extend(fitting)
    found.fitting.extend(fitting)


def _contradictions(
    joint: Joint, records: Sequence[ReleaseRecord], lead: Population, found: Findings
) -> list[Joint]:
    """Leaves out the earlier releases that do not fit the new one; the others go on counting."""
    last = len(records) - 1
    kept = {last}
    if not joint.possible(kept):
        found.people.append(_NO_GROWTH.format(joint.newest))
        return []
    alone = []
    for number in sorted({cell.release for cell in joint.cells} - {last}, reverse=True):
        if joint.possible(kept | {number}):
            kept.add(number)
        elif joint.possible({number, last}):
            # It fits the new release, and only contradicts another earlier one.
            alone.append(joint.believing({number, last}))
            found.people.append(_NO_GROWTH.format(joint.release(number)))
        else:
            found.people.append(_NO_GROWTH.format(joint.release(number)))
            record = records[number]
            cohorts = {table["population"] for table in record.document["tables"]}
            # Without a digest nobody knows that both are the same cohort.
            if lead.cohort in cohorts - {""} and record.snapshot == lead.snapshot:
                found.contradicted.append(record.release)
    return [joint.believing(kept), *alone]


def _joint(
    records: Sequence[ReleaseRecord],
    tables: Sequence[_Table],
    groups: Mapping[Population, Population],
    lead: Population,
    nested: set[tuple[Population, Population]],
    people: list[str],
) -> Joint | None:
    """All tables of populations in `nested` over shared atoms; None when they are too many."""
    members = sorted({lead} | {one for pair in nested for one in pair})
    pairs = {(members.index(inner), members.index(outer)) for inner, outer in nested}
    kinds = patterns(members, pairs, MOST_PATTERNS)
    if kinds is None:
        people.append(_MANY_NESTED.format(len(members)))
        return None
    taken = [table for table in tables if groups[table.population] in members]
    common = in_common_values([table.body for table in taken])
    last = len(records) - 1
    people += _unlike(taken, common, last)
    refined = as_variables(common)
    cells = [
        cell
        for table, body in zip(taken, refined, strict=True)
        for cell in table.cells(body, members.index(groups[table.population]), records)
    ]
    atoms = atoms_of(cells, universes(refined), kinds, MOST_ATOMS)
    if atoms.limit_passed:
        people.append(_TOO_MANY.format(atoms.limit_passed))
        return None
    counts = all(table.body["measure"]["kind"] != "sum" for table in tables)
    return Joint(records, cells, atoms, counts=counts)


def _unlike(
    taken: Sequence[_Table], common: Sequence[Mapping[str, Any]], last: int
) -> tuple[str, ...]:
    """Codings of the new release that no earlier one has; parts say nothing of those of tables."""
    new = [body for table, body in zip(taken, common, strict=True) if table.number == last]
    parts = any(is_declared(body["measure"]) for body in new)
    earlier = [
        body
        for table, body in zip(taken, common, strict=True)
        if table.number != last and (parts or not is_declared(body["measure"]))
    ]
    return unlike_codings(new, earlier)


@frozen(kw_only=True)
class _Table:
    """A published table of one release."""

    number: int
    place: int
    body: Mapping[str, Any] = field(repr=False)
    snapshot: str

    @property
    def population(self) -> Population:
        """Who it counts."""
        return Population(cohort=self.body["population"], snapshot=self.snapshot)

    def cells(
        self, refined: Mapping[str, Any], population: int, records: Sequence[ReleaseRecord]
    ) -> Iterator[GuardedCell]:
        """Its cells, with their conditions in the finest values that all tables share."""
        base = int(records[self.number].document.get("base") or 0)
        for entry in refined["cells"]:
            yield GuardedCell(
                release=self.number,
                table=self.place,
                key=tuple(entry["key"]),
                population=population,
                condition=conditions(refined, entry["key"]),
                value=entry["value"],
                base=base,
            )


def _same(populations: list[Population], relations: Relations) -> dict[Population, Population]:
    """Each population with the first one that holds the same persons."""
    found: dict[Population, Population] = {}
    for one in populations:
        for other in dict.fromkeys(found.values()):
            relation = relations(other, one)
            if relation is not None and relation.kind == "same":
                found[one] = other
                break
        else:
            found[one] = one
    return found


def _nested(
    populations: list[Population], lead: Population, relations: Relations, people: list[str]
) -> tuple[set[tuple[Population, Population]], set[tuple[Population, Population]]]:
    """(inner, outer) pairs among `lead` and the populations that lie in it or around it.

    The second set holds the pairs that only the order of `populations` (oldest release first)
    speaks for. Records arrive, so an earlier state lies in the later.
    """
    pairs: set[tuple[Population, Population]] = set()
    unsure: set[tuple[Population, Population]] = set()
    near = []
    for one in populations:
        if one == lead:
            near.append(one)
            continue
        relation = _told(relations, one, lead)
        if relation is None and one.cohort != lead.cohort:
            people.append(_ANOTHER_COHORT)
        elif relation is None or relation.kind in ("within", "around"):
            near.append(one)
    for place, one in enumerate(near):
        for other in near[place + 1 :]:
            relation = _told(relations, one, other)
            if relation is None and one.cohort == other.cohort:
                before = is_before(one.snapshot, other.snapshot)
                pair = (other, one) if before is False else (one, other)
                (unsure if before is None else pairs).add(pair)
            elif relation is not None and relation.kind == "within":
                pairs.add((one, other))
            elif relation is not None and relation.kind == "around":
                pairs.add((other, one))
    return pairs, unsure


def _told(relations: Relations, one: Population, other: Population) -> Relation | None:
    """What is known beside the order of snapshots; None for two states of a cohort that overlap.

    Some persons leave a cohort when records arrive. Both states are then audited as if nobody
    did, as long as the numbers allow it.
    """
    found = relations(one, other)
    overlap = found is not None and found.kind == "overlap"
    return None if overlap and one.cohort == other.cohort else found
