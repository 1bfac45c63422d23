"""The systems of a new release: its tables, and those of earlier releases they can be held to.

1. Tables and parts of declared results that count persons are one system, a star; every other
   measure is one of its own.
2. Populations that lie in one another, or may, are gathered; their cells are said in the finest
   values that all tables share.
3. A star with too many groups is left for one system for each part, and people are told.
4. Numbers that no persons fit are sorted into those that fit one another (`fitting`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from bercail.airlock.disclosure.guard.atoms import (
    GuardedCell,
    as_variables,
    conditions,
    in_common_values,
    universes,
)
from bercail.airlock.disclosure.guard.codings import unlike_codings
from bercail.airlock.disclosure.guard.fitting import fitting_systems
from bercail.airlock.disclosure.guard.joint import Findings, Joint
from bercail.airlock.disclosure.guard.near import NearPair, in_words, near_pairs, told
from bercail.airlock.disclosure.guard.nesting import Pairs, nested_pairs, same_persons
from bercail.airlock.disclosure.guard.populations import Population, Relations, patterns
from bercail.airlock.disclosure.guard.record import ReleaseRecord
from bercail.airlock.disclosure.guard.star import star_of
from bercail.airlock.disclosure.guard.subsets import (
    measures_apart,
    part_of,
    says_of,
    system_of,
    with_names_apart,
)

MOST_ATOMS = 4000
MOST_PART_ATOMS = 12_000
"""Groups that parts of declared results tell apart; each stands in few equations."""
MOST_PATTERNS = 16

_TOO_MANY = (
    "The releases tell {0} groups apart: too many to compute what they give away together; look "
    "by hand, or round the counts. / Les sorties distinguent {0} groupes : trop pour calculer ce "
    "qu'elles livrent ensemble ; regardez à la main, ou arrondissez les effectifs."
)
_NOT_TOGETHER = (
    "The declared results tell too many groups apart to be held against each other, so each was "
    "held against the tables alone: compare {0} by hand. / Les résultats déclarés distinguent trop "
    "de groupes pour être confrontés entre eux, et chacun ne l'a été qu'aux tableaux : comparez "
    "{1} à la main."
)
_NO_COUNTS = (
    "`{0}` holds no counts or amounts: compare it by hand. / "
    "`{0}` ne contient ni effectifs ni montants : comparez-le à la main."
)
_MANY_NESTED = (
    "{0} populations lie in one another: compare them by hand. / "
    "{0} populations sont emboîtées : comparez-les à la main."
)


def joint_systems(
    records: Sequence[ReleaseRecord], relations: Relations, threshold: int
) -> Findings:
    """The systems for each population and measure of the new (last) release.

    Reasons why something is left out are among its `people`, and counts of different parts that
    lie fewer persons apart than `threshold`.
    """
    found = Findings()
    near: list[NearPair] = []
    done = set()
    for table in records[-1].document["tables"]:
        measure = table["measure"]
        if measure["kind"] not in ("persons", "records", "sum"):
            found.people.append(_NO_COUNTS.format(table["name"]))
            continue
        wanted = (table["population"], system_of(measure))
        if wanted in done:
            continue
        done.add(wanted)
        # 2.
        gathered = _Gathered(records, _tables(records, wanted[1]), table["population"], relations)
        near += gathered.near_pairs(threshold)
        # 1.
        trial = Findings()
        if gathered.judge(trial) or not gathered.parts:
            _add(found, trial)
        else:
            # 3.
            _part_by_part(gathered, found)
    found.people.extend(told(near, records))
    return found


def _add(found: Findings, more: Findings) -> None:
    found.all_numbers.extend(more.all_numbers)
    found.fitting.extend(more.fitting)
    found.contradicted.extend(more.contradicted)
    found.people.extend(more.people)


def _part_by_part(gathered: _Gathered, found: Findings) -> None:
    """One system for each part, with the tables and the same part of other releases."""
    names = [f"`{part}`" for part in gathered.parts]
    if len(names) > 1:
        english = in_words(names, more="and {0} more")
        found.people.append(_NOT_TOGETHER.format(english, in_words(names, more="et {0} de plus")))
    for one in gathered.apart():
        one.judge(found)


def _tables(records: Sequence[ReleaseRecord], system: tuple[str, ...]) -> list[_Table]:
    """The tables of every release that belong to one system."""
    return [
        _Table(number=number, place=place, body=table, snapshot=record.snapshot)
        for number, record in enumerate(records)
        for place, table in enumerate(record.document["tables"])
        if system_of(table["measure"]) == system
    ]


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

    @property
    def part(self) -> str:
        """The part of a declared result that it counts, if any."""
        return part_of(self.body["measure"])

    def cells(self, refined: Mapping[str, Any], population: int, base: int) -> list[GuardedCell]:
        """Its cells, with their conditions in the finest values that all tables share."""
        return [
            GuardedCell(
                release=self.number,
                table=self.place,
                part=self.part,
                key=tuple(entry["key"]),
                population=population,
                condition=conditions(refined, entry["key"]),
                value=entry["value"],
                base=base,
            )
            for entry in refined["cells"]
        ]


class _Gathered:
    """The tables of one system, of the new release's `cohort` and of what may lie in one another.

    `tables`: of all releases and populations, as far as they say something of the same measure.
    """

    def __init__(
        self,
        records: Sequence[ReleaseRecord],
        tables: Sequence[_Table],
        cohort: str,
        relations: Relations,
    ) -> None:
        self._records, self._all, self._relations = records, tables, relations
        self._last = len(records) - 1
        groups = same_persons(list(dict.fromkeys(one.population for one in tables)), relations)
        self._cohort = cohort
        self._lead = groups[Population(cohort=cohort, snapshot=records[-1].snapshot)]
        self._reasons: list[str] = []
        populations = list(dict.fromkeys(groups.values()))
        pairs = nested_pairs(populations, self._lead, relations, self._reasons)
        self._nested, self._unsure = pairs
        self._members = sorted({self._lead} | {one for pair in set().union(*pairs) for one in pair})
        self._tables = [one for one in tables if groups[one.population] in self._members]
        common = in_common_values(with_names_apart([one.body for one in self._tables]))
        self._reasons += self._unlike(common)
        self._refined = as_variables(common)
        self._cells = [
            cell
            for table, body in zip(self._tables, self._refined, strict=True)
            for cell in table.cells(
                body,
                self._members.index(groups[table.population]),
                int(records[table.number].document.get("base") or 0),
            )
        ]

    @property
    def parts(self) -> list[str]:
        """The parts of declared results, those of the new release first."""
        latest = sorted(self._tables, key=lambda one: -one.number)
        return [part for part in dict.fromkeys(one.part for one in latest) if part]

    def near_pairs(self, threshold: int) -> Iterator[NearPair]:
        """Counts of different parts that lie fewer persons apart than `threshold`."""
        lead = self._members.index(self._lead)
        return near_pairs(self._cells, self._records, lead, threshold)

    def apart(self) -> list[_Gathered]:
        """The same, for each measure of the new release with the tables alone."""
        new = [one.body for one in self._all if one.number == self._last]
        new = [body for body in new if body["population"] == self._cohort]
        past = [one.body for one in self._all if one.number != self._last]
        return [
            _Gathered(
                self._records,
                [one for one in self._all if says_of(one.body, measure)],
                self._cohort,
                self._relations,
            )
            for measure in measures_apart(new, past)
        ]

    def judge(self, found: Findings) -> bool:
        """Put what follows into `found`; whether there were few enough groups to compute it."""
        found.people.extend(self._reasons)
        systems = []
        # The states of one cohort whose order nobody knows may lie in one another either way.
        ways = [self._unsure]
        if self._unsure:
            ways.append({(outer, inner) for inner, outer in self._unsure})
        for way in ways:
            joint = self._joint(self._nested | way, found.people)
            if joint is not None:
                systems.append(joint)
        fitting = [joint for joint in systems if joint.possible()]
        if systems and not fitting:
            # 4.
            fitting = fitting_systems(systems[0], self._records, self._lead, found)
            found.all_numbers.extend(fitting or [systems[0].believing(())])
        else:
            found.all_numbers.extend(fitting)
        found.fitting.extend(fitting)
        return len(systems) == len(ways)

    def _joint(self, nested: Pairs, people: list[str]) -> Joint | None:
        """All cells over shared groups; None when they are too many."""
        members = self._members
        pairs = {(members.index(inner), members.index(outer)) for inner, outer in nested}
        kinds = patterns(members, pairs, MOST_PATTERNS)
        if kinds is None:
            people.append(_MANY_NESTED.format(len(members)))
            return None
        values = universes(self._refined)
        atoms = star_of(self._cells, values, kinds, MOST_ATOMS, MOST_PART_ATOMS)
        if atoms.limit_passed:
            people.append(_TOO_MANY.format(atoms.limit_passed))
            return None
        counts = all(table.body["measure"]["kind"] != "sum" for table in self._tables)
        return Joint(self._records, self._cells, atoms, counts=counts)

    def _unlike(self, common: Sequence[Mapping[str, Any]]) -> list[str]:
        """Codings of the new release that no earlier one has.

        A part is held to tables and to itself; parts say nothing of the codings of tables.
        """
        pairs = list(zip(self._tables, common, strict=True))
        found: list[str] = []
        for part in dict.fromkeys(one.part for one, _ in pairs if one.number == self._last):
            new = [body for one, body in pairs if one.number == self._last and one.part == part]
            earlier = [
                body for one, body in pairs if one.number != self._last and one.part in ("", part)
            ]
            found += unlike_codings(new, earlier)
        return list(dict.fromkeys(found))
