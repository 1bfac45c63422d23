"""The truth beside the deliveries, computed from the persons and never from the files.

What a study counts in the files must be found here: the number of treated
diabetics of a year, of twins, of persons under two identifiers, of lines that
came late, were reversed or must be left out.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from bercail.ingest.synth.acts import FOR_INFORMATION, NO_VALUE
from bercail.ingest.synth.beneficiaries import death_shown
from bercail.ingest.synth.diabetes import LARGE_PACK
from bercail.ingest.synth.draws import Flags, Ints
from bercail.ingest.synth.lines import (
    AGAIN,
    BASE,
    COMPLEMENT,
    DOUBLE,
    LATE,
    MAJORATION,
    RENEWED,
    REST,
    REVERSAL,
    share_of_patient,
)
from bercail.ingest.synth.long_term import DATED, ENDLESS, UNKNOWN_END, LongTerm, with_disease
from bercail.ingest.synth.people import NEVER, day_number
from bercail.ingest.synth.stays import COPY, DEATH, SESSION
from bercail.ingest.synth.text import year_of
from bercail.ingest.synth.truth_difficulties import difficulty_counts
from bercail.ingest.synth.truth_sectors import sector_truth
from bercail.ingest.synth.world import World


def truth_of(world: World) -> dict[str, Any]:
    """The whole truth as JSON: whole numbers and names only."""
    return {
        "profile": world.profile.as_dict(),
        "definition": {
            "treated_diabetic": "in one year, at least 3 dispensing dates of ATC A10, or 2 when "
            f"a pack of {LARGE_PACK} units or more was dispensed; net of reversals; by as_of",
            "late": f"more than {LATE} months from care to flux",
        },
        "persons": _persons(world),
        "persons_by_age_sex": _by_age_sex(world),
        "treated_diabetics": _treated(world, arrived_only=True),
        "treated_diabetics_complete": _treated(world, arrived_only=False),
        "treated_diabetics_alive": _treated_alive(world),
        "treated_diabetics_by_age_sex": _treated_by_age_sex(world),
        "treated_diabetics_if_wrong": _wrong_counts(world),
        "drug_users": _drug_users(world),
        "lines": _lines(world),
        "drug_lines": _drug_lines(world),
        "long_term": _long_term(world.long_term),
        "stays": _stays(world),
        "sectors": sector_truth(world),
        "difficulties": difficulty_counts(world),
    }


def added(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The truth of two blocks of persons as one: every count is a sum."""
    found = dict(one)
    for name, value in other.items():
        held = found.get(name)
        if isinstance(value, dict) and name not in ("profile", "definition"):
            found[name] = added(held or {}, value)
        elif isinstance(value, int):
            found[name] = value + (held or 0)
    return found


def _count(flags: Flags) -> int:
    return int(np.count_nonzero(flags))


def _persons(world: World) -> dict[str, int]:
    people, identities = world.people, world.identities
    twins = people.twin >= 0
    alike = twins & (people.sex == people.sex[people.twin])
    end = day_number(world.profile.end)
    changed = (identities.second >= 0) & ~identities.shared & ~identities.spouse
    return {
        "persons": len(people),
        "identities": len(identities),
        "twins": _count(twins),
        "twins_of_same_sex": _count(alike),
        "with_two_identifiers": _count(identities.second >= 0),
        "children_of_two_parents": _count(identities.shared),
        "came_of_age": _count(changed & people.child),
        "provisional_then_definitive": _count(changed & ~people.child),
        "only_provisional": _count(np.isin(identities.kind[: len(people)], (1, 2)) & ~changed),
        "fictitious_numbers": _count(identities.person < 0),
        "without_own_number": _count(~identities.known & (identities.person >= 0)),
        "dead_by_as_of": _count(people.death < NEVER),
        "dead_in_period": _count(people.death <= end),
        "deaths_on_one_line_of_two": _count(
            death_shown(world.profile, people, identities)
            & (identities.person != np.arange(len(identities)))
        ),
        "born_in_period": _count(people.birth >= people.start),
    }


def _by_age_sex(world: World) -> dict[str, dict[str, int]]:
    """By five-year age group (95 and over together) and sex, on the eve of the first day.

    The age is the year before the first one less the year of birth; the unborn are left out.
    """
    people = world.people
    age = world.profile.first_year - 1 - year_of(people.birth)
    group = np.where(age < 0, -1, np.minimum(age // 5 * 5, 95))
    return {
        str(low): {str(sex): _count((group == low) & (people.sex == sex)) for sex in (1, 2)}
        for low in range(0, 100, 5)
    }


def net_items(world: World, *, arrived_only: bool) -> Flags:
    """Which dispensed items remain when reversals are taken off."""
    acts, lines = world.acts, world.lines
    if arrived_only:
        balance = np.bincount(
            lines.act,
            weights=lines.sign * lines.whole,
            minlength=len(acts),
        )
        kept = balance > 0
    else:
        kept = np.ones(len(acts), dtype=bool)
        kept[lines.cancelled_acts] = False
    return np.asarray(kept[_act_of_item(world)])


def _act_of_item(world: World) -> Ints:
    pharmacy = np.flatnonzero(world.acts.drugs > 0)
    return np.repeat(pharmacy, world.acts.drugs[pharmacy])


def treated_persons(world: World, year: int, kept: Flags, owner: Ints | None = None) -> Ints:
    """Who meets the definition in a year; `owner` replaces the person of each item."""
    dispensing, drugs = world.dispensing, world.drugs
    who = dispensing.person if owner is None else owner
    chosen = kept & drugs.antidiabetic[dispensing.drug] & (year_of(dispensing.day) == year)
    person, day = who[chosen], dispensing.day[chosen]
    dates = np.unique(np.stack([person, day]), axis=1)[0]
    size = int(who.max(initial=0)) + 1
    number = np.bincount(dates, minlength=size)
    large = np.zeros(size, dtype=bool)
    large[person[drugs.large[dispensing.drug[chosen]]]] = True
    return np.flatnonzero((number >= 3) | ((number >= 2) & large))


def _treated(world: World, *, arrived_only: bool) -> dict[str, int]:
    kept = net_items(world, arrived_only=arrived_only)
    return {str(year): len(treated_persons(world, year, kept)) for year in world.profile.calendar}


def _treated_alive(world: World) -> dict[str, int]:
    """Of the treated of each year, those who live on after its last day."""
    kept = net_items(world, arrived_only=True)
    death = world.people.death
    return {
        str(year): _count(
            death[treated_persons(world, year, kept)] > day_number(date(year, 12, 31))
        )
        for year in world.profile.calendar
    }


def _treated_by_age_sex(world: World) -> dict[str, dict[str, dict[str, int]]]:
    """By year, ten-year age group (year less year of birth) and sex (1, 2)."""
    kept = net_items(world, arrived_only=True)
    born = year_of(world.people.birth)
    found: dict[str, dict[str, dict[str, int]]] = {}
    for year in world.profile.calendar:
        treated = treated_persons(world, year, kept)
        groups: dict[str, dict[str, int]] = {}
        for low in range(0, 100, 10):
            name = f"{low:02d}-{low + 9:02d}" if low < 90 else "90+"
            group = np.minimum((year - born[treated]) // 10 * 10, 90) == low
            sexes = world.people.sex[treated][group]
            groups[name] = {str(sex): _count(sexes == sex) for sex in (1, 2)}
        found[str(year)] = groups
    return found


def _wrong_counts(world: World) -> dict[str, dict[str, int]]:
    """What three usual mistakes give; each differs from the truth when the data is large."""
    acts, lines = world.acts, world.lines
    of_item = _act_of_item(world)
    kept = net_items(world, arrived_only=True)
    sent = np.zeros(len(acts), dtype=bool)
    sent[lines.act] = True
    with_value = acts.qualifier != NO_VALUE
    under = world.identity[of_item]
    soon = np.zeros(len(acts), dtype=bool)
    soon[lines.act[lines.lag <= 1]] = True
    rules = {
        "identifiers_counted_as_persons": (kept, under),
        "reversals_ignored": (sent[of_item], None),
        "empty_dpn_qlf_dropped": (kept & with_value[of_item], None),
        "late_lines_missed": (kept & soon[of_item], None),
    }
    return {
        name: {
            str(year): len(treated_persons(world, year, flags, owner))
            for year in world.profile.calendar
        }
        for name, (flags, owner) in rules.items()
    }


def _drug_users(world: World) -> dict[str, dict[str, int]]:
    """Persons with at least one drug of each anatomical and therapeutic group, by year."""
    dispensing = world.dispensing
    kept = net_items(world, arrived_only=True)
    groups = sorted({code[:3] for code in world.drugs.atc})
    number = np.array([groups.index(code[:3]) for code in world.drugs.atc])[dispensing.drug]
    years = year_of(dispensing.day)
    found: dict[str, dict[str, int]] = {}
    for year in world.profile.calendar:
        chosen = kept & (years == year)
        pairs = np.unique(np.stack([number[chosen], dispensing.person[chosen]]), axis=1)[0]
        counts = np.bincount(pairs, minlength=len(groups))
        found[str(year)] = {
            group: int(count) for group, count in zip(groups, counts, strict=True) if count
        }
    return found


def _lines(world: World) -> dict[str, Any]:
    acts, lines = world.acts, world.lines
    lags = np.bincount(lines.lag)
    qualifier, origin = acts.qualifier[lines.act], acts.origin[lines.act]
    kinds = {"double": DOUBLE, "complement": COMPLEMENT, "majoration": MAJORATION}
    kinds |= {"base": BASE, "reversal": REVERSAL, "renewed": RENEWED}
    kinds |= {"rest": REST, "again": AGAIN}
    return {
        "arrived": len(lines),
        "after_as_of": lines.unseen,
        "late": _count(lines.lag > LATE),
        "by_lag_in_months": {str(lag): int(n) for lag, n in enumerate(lags) if n},
        "by_kind": {name: _count(lines.kind == kind) for name, kind in sorted(kinds.items())},
        "negative": _count(np.isin(lines.kind, (REVERSAL, AGAIN))),
        "acts_corrected": len(lines.reversed_acts),
        "acts_cancelled": len(lines.cancelled_acts),
        "shares_of_patient": _count(share_of_patient(acts, lines)),
        "for_information": _count(qualifier == FOR_INFORMATION),
        "shares_with_origin_71": _count((qualifier == 0) & (origin == FOR_INFORMATION)),
        "empty_dpn_qlf": _count(qualifier == NO_VALUE),
        "under_fictitious_number": _count(world.identities.person[world.identity[lines.act]] < 0),
    }


def _drug_lines(world: World) -> dict[str, int]:
    acts, lines, dispensing = world.acts, world.lines, world.dispensing
    whole = lines.whole
    per_line = np.where(whole, acts.drugs[lines.act], 0)
    times = np.bincount(lines.act, weights=whole, minlength=len(acts)).astype(np.int64)
    repeats = times[_act_of_item(world)]
    antidiabetic = world.drugs.antidiabetic[dispensing.drug]
    large = world.drugs.large[dispensing.drug]
    return {
        "arrived": int(per_line.sum()),
        "negative": int(per_line[lines.sign < 0].sum()),
        "lines_with_several_drugs": _count(per_line > 1),
        "large_packs": int(repeats[large].sum()),
        "antidiabetics": int(repeats[antidiabetic].sum()),
        "antidiabetics_in_large_packs": int(repeats[antidiabetic & large].sum()),
        "by_unit": int(repeats[dispensing.by_unit].sum()),
    }


def _long_term(long_term: LongTerm) -> dict[str, int]:
    return {
        "lines": len(long_term),
        "persons": len(np.unique(long_term.person)),
        "persons_with_diabetes": with_disease(long_term, "E1"),
        "end_dated": _count(long_term.form == DATED),
        "end_1600": _count(long_term.form == UNKNOWN_END),
        "end_2099": _count(long_term.form == ENDLESS),
    }


def _stays(world: World) -> dict[str, Any]:
    stays = world.stays
    year = year_of(stays.discharge)
    counted = ~stays.grouping_error & (stays.kind != COPY) & (stays.kind != SESSION)
    counted &= ~stays.double
    return {
        "by_year": {
            str(one): {
                "stays": _count(year == one),
                "counted": _count(counted & ~stays.transfusion & (year == one)),
                "sessions": _count((stays.kind == SESSION) & (year == one)),
                "copies": _count((stays.kind == COPY) & (year == one)),
                "grouping_errors": _count(stays.grouping_error & (year == one)),
                "bad_return_codes": _count(stays.bad_return & (year == one)),
                "begun_the_year_before": _count((year_of(stays.entry) < one) & (year == one)),
            }
            for one in world.profile.calendar
        },
        "deaths": _count(stays.kind == DEATH),
        "of_twins_of_same_sex": _count(_ambiguous(world)),
    }


def _ambiguous(world: World) -> Flags:
    """Stays whose NIR_ANO_17 belongs to two persons."""
    people, stays = world.people, world.stays
    twin = people.twin[stays.person]
    alike = (twin >= 0) & (people.sex[stays.person] == people.sex[twin])
    return np.asarray(alike & people.child[stays.person])
