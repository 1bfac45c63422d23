"""A new release against all earlier ones of the same lake.

1. Populations whose difference is under the threshold are refused at once, whatever the
   tables: subtracting one from the other shows those persons.
2. All cells of populations that lie in one another become one system over shared atoms, with
   every part that declared results count. An earlier state of the same cohort counts as lying
   in the later one, as long as the numbers allow it: records arrive.
3. Two shown numbers, one inside the other, whose difference is 1 to threshold - 1 show a small
   group. Where nobody knows whether one lies inside the other, people compare.
4. Every range that a release promised to keep is computed again with everything known; where
   it is not kept, the releases whose numbers bring that about are named.
5. No atom may be known to hold 1 to threshold - 1 persons.

What cannot be computed (too many atoms, populations that nobody compared) goes to people, with
the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import field, frozen

from bercail.airlock.disclosure.guard.joint import Findings, Joint
from bercail.airlock.disclosure.guard.near import in_words
from bercail.airlock.disclosure.guard.populations import Relations, Share, unknown_relations
from bercail.airlock.disclosure.guard.record import ReleaseRecord
from bercail.airlock.disclosure.guard.systems import joint_systems
from bercail.airlock.disclosure.guard.uncompared import (
    MIXED,
    NOT_COMPARED,
    mixed_methods,
    populations_of,
    uncompared_cohorts,
)
from bercail.airlock.disclosure.rules.source_policy import SourcePolicy
from bercail.foundation import Refused

UNDECIDED = "differencing-undecided"
"""The rule of everything that the guard cannot compute and people must compare."""

UNCOMPARED = "cohorts-not-compared"
"""The rule of cohorts that may be nearly identical, which nobody compared."""


@frozen(kw_only=True)
class Breach:
    """What a new release would give away, and the pair of releases that does it."""

    rule: str
    earlier: str
    new: str
    message: str
    places: tuple[tuple[str, int, tuple[str | None, ...]], ...] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, Any]:
        """The breach as checkers read it."""
        return {
            "rule": self.rule,
            "earlier": self.earlier,
            "new": self.new,
            "message": self.message,
            "places": [
                {"release": release, "table": table, "key": list(key)}
                for release, table, key in self.places
            ],
        }


@frozen(kw_only=True)
class GuardVerdict:
    """The outcome: breaches refuse, `people` are reasons why persons must look.

    `uncompared`: earlier releases of cohorts that may be nearly identical; `people` says so too.
    `releases`, `cells`, `atoms`: how much was looked at together.
    """

    breaches: tuple[Breach, ...]
    people: tuple[str, ...]
    releases: int
    cells: int
    atoms: int
    uncompared: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether nothing refuses the release; people may still have to look."""
        return not self.breaches

    @property
    def rules(self) -> tuple[str, ...]:
        """The ids of what was found: the rule of each breach, and of what people must compare."""
        found = {breach.rule for breach in self.breaches}
        found |= {UNDECIDED} if self.people else set()
        return tuple(sorted(found | ({UNCOMPARED} if self.uncompared else set())))

    def require_allowed(self) -> None:
        """Raise `Refused` with the first pair of releases named, unless allowed."""
        if self.breaches:
            first = self.breaches[0]
            english, _, french = first.message.partition(" / ")
            raise Refused(
                f"The release `{first.new}` together with `{first.earlier}`: {english} / "
                f"La sortie `{first.new}` avec `{first.earlier}` : {french}",
                remedy="Use the same categories and the same cohort as before, wait until more "
                "data have arrived, or round the counts. / Reprenez les mêmes catégories et la "
                "même cohorte, attendez d'autres données, ou arrondissez les effectifs.",
                rule=first.rule,
            )

    def require_seen(self, seen: Sequence[str]) -> None:
        """Raise `Refused` (`differencing-undecided`) when people were not told each reason."""
        if fresh := [reason for reason in self.people if reason not in seen]:
            raise Refused(
                f"Since the check, earlier releases changed what people must compare. / Depuis le "
                f"contrôle, des sorties antérieures ont changé ce qu'il faut comparer. {fresh[0]}",
                remedy="Return the request and hand it in again, so that checkers see it. / "
                "Renvoyez la demande et redéposez-la, pour que les vérificateurs le voient.",
                rule=UNDECIDED,
            )

    def as_dict(self) -> dict[str, Any]:
        """The verdict for checkers and for `--json`."""
        return {
            "allowed": self.allowed,
            "breaches": [breach.as_dict() for breach in self.breaches],
            "people": list(self.people),
            "rules": list(self.rules),
            "releases": self.releases,
            "cells": self.cells,
            "atoms": self.atoms,
        }


def guard_release(
    new: ReleaseRecord,
    earlier: Sequence[ReleaseRecord],
    policy: SourcePolicy,
    relations: Relations = unknown_relations,
) -> GuardVerdict:
    """What `new` gives away with all `earlier` releases of its lake; stores nothing.

    `relations` counts persons in one of two populations only, inside the platform, against the
    threshold of `policy`.

    Raises:
        Unproven: a solver gives no answer.
    """
    past = [record for record in earlier if record.lake == new.lake]
    # The same release looked at again, after a crash for instance, is not its own past.
    past = [record for record in past if record.release != new.release]
    breaches = list(_near_populations(new, past, relations))
    found = joint_systems([*past, new], relations, policy.threshold)
    uncompared = uncompared_cohorts(new, past, policy.threshold, relations)
    people = [NOT_COMPARED.format(release) for release in uncompared] + found.people
    people += [MIXED.format(release) for release in mixed_methods(new, past)]
    breaches += _contradictions(new, found)
    for joint in found.all_numbers:
        breaches += _differences(joint, policy)
    for joint in found.fitting:
        breaches += _promises(joint, policy)
    return GuardVerdict(
        breaches=tuple(dict.fromkeys(breaches)),
        people=tuple(dict.fromkeys(people)),
        uncompared=uncompared,
        releases=len(past),
        cells=sum(len(joint.cells) for joint in found.all_numbers),
        atoms=sum(joint.atoms.count for joint in found.all_numbers),
    )


def _near_populations(
    new: ReleaseRecord, past: Sequence[ReleaseRecord], relations: Relations
) -> list[Breach]:
    """1. Cohorts that differ by fewer persons than the threshold, but differ."""
    found, seen = [], set()
    for record in (*past, new):
        for one in populations_of(record):
            for other in populations_of(new):
                if one == other or (other, one) in seen:
                    continue
                seen.add((one, other))
                relation = relations(one, other)
                if relation is None or relation.difference is not Share.FEW:
                    continue
                found.append(
                    Breach(
                        rule="nearly-identical-cohorts",
                        earlier=record.release,
                        new=new.release,
                        message="their cohorts differ by fewer persons than the threshold, so the "
                        "difference of their numbers is about those persons. / leurs cohortes "
                        "diffèrent de moins de personnes que le seuil : la différence de leurs "
                        "nombres parle de ces personnes.",
                    )
                )
    return found


def _contradictions(new: ReleaseRecord, found: Findings) -> list[Breach]:
    """2. The same persons in the same state of the lake, and numbers that no persons fit."""
    return [
        Breach(
            rule="differencing",
            earlier=release,
            new=new.release,
            message="they give numbers of the same cohort in the same snapshot that contradict "
            "each other, so one of both was not made from it. / leurs nombres de la même cohorte "
            "dans le même état se contredisent : l'un des deux n'en vient pas.",
        )
        for release in found.contradicted
    ]


def _differences(joint: Joint, policy: SourcePolicy) -> list[Breach]:
    """3. Shown numbers, one inside the other, with a small difference."""
    found: dict[tuple[int, int], Breach] = {}
    for outer, inner in joint.small_differences(policy.threshold):
        pair = (joint.cells[outer].release, joint.cells[inner].release)
        earlier = joint.release(min(pair))
        found.setdefault(
            pair,
            Breach(
                rule="differencing",
                earlier=earlier,
                new=joint.newest,
                message="the difference of two shown numbers is a group under the threshold. / "
                "la différence de deux nombres montrés est un groupe sous le seuil.",
                places=(joint.place(outer), joint.place(inner)),
            ),
        )
    return list(found.values())


def _promises(joint: Joint, policy: SourcePolicy) -> list[Breach]:
    """4 and 5. Promised ranges that are not kept, and atoms known to be small."""
    found = [
        Breach(
            rule="differencing",
            earlier=releases[0],
            new=joint.newest,
            message=_narrowed(releases[1:]),
            places=(place,),
        )
        for place, releases in joint.broken_promises()
    ]
    if not found and joint.counts:
        found += [
            Breach(
                rule="differencing",
                earlier=earlier,
                new=joint.newest,
                message="a group that both tell apart is known to be under the threshold. / "
                "un groupe que les deux distinguent est connu comme étant sous le seuil.",
            )
            for earlier in joint.small_atoms(policy.threshold)
        ]
    return found


def _narrowed(others: Sequence[str]) -> str:
    """Which numbers narrow a hidden one down: of both releases, and of `others` beside them."""
    names = [f"`{one}`" for one in others]
    english, french = in_words(names, more="and {0} more"), in_words(names, more="et {0} de plus")
    return (
        "a hidden number of one can be narrowed down with the numbers of both"
        + (f", and of {english}" if names else "")
        + ". / un nombre masqué de l'une se resserre avec les nombres des deux"
        + (f", et de {french}." if names else ".")
    )
