"""How often each difficulty happens in what was drawn, under the names of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from bercail.ingest.synth import places
from bercail.ingest.synth.acts import FOR_INFORMATION, NO_VALUE
from bercail.ingest.synth.beneficiaries import archived, death_shown
from bercail.ingest.synth.causes import certified, matched
from bercail.ingest.synth.city_care import age_code
from bercail.ingest.synth.details import LABORATORY, NURSING, TECHNICAL, billed, detail_counts
from bercail.ingest.synth.draws import Flags, Ints, hashed
from bercail.ingest.synth.hospital import other_grouping
from bercail.ingest.synth.lines import (
    AGAIN,
    COMPLEMENT,
    DOUBLE,
    LAST_ARCHIVE,
    LATE,
    MAJORATION,
    RENEWED,
    REST,
    REVERSAL,
)
from bercail.ingest.synth.long_term import ENDLESS, UNKNOWN_END
from bercail.ingest.synth.outpatients import faulty, invoiced
from bercail.ingest.synth.people import NEVER
from bercail.ingest.synth.sectors import HOME, REHABILITATION
from bercail.ingest.synth.stays import COPY, SESSION
from bercail.ingest.synth.text import year_of
from bercail.ingest.synth.world import World


def difficulty_counts(world: World) -> dict[str, int]:
    """The number of persons, lines or stays of each difficulty: whole numbers."""
    return {name: int(count(world)) for name, count in COUNTERS.items()}


def _kind(kind: int) -> Callable[[World], int]:
    return lambda world: _count(world.lines.kind == kind)


def _count(flags: Flags) -> int:
    return int(np.count_nonzero(flags))


def _twins_alike(world: World) -> int:
    people = world.people
    return _count((people.twin >= 0) & (people.sex == people.sex[people.twin]))


def _provisional(world: World) -> Flags:
    ids = world.identities
    changed = (ids.second >= 0) & ~ids.shared & ~ids.spouse
    return np.asarray(changed & ~world.people.child)


def _came_of_age(world: World) -> int:
    ids = world.identities
    return _count((ids.second >= 0) & ~ids.shared & world.people.child)


def _lasting(world: World) -> int:
    ids = world.identities
    return _count(np.isin(ids.kind[: len(world.people)], (1, 2)) & ~_provisional(world))


def _one_line(world: World) -> int:
    """Persons of several lines of whom one line at least hides the death."""
    ids, people = world.identities, world.people
    known = np.flatnonzero(people.shown < NEVER)
    shown = death_shown(world.profile, people, ids)
    several = known[ids.second[known] >= 0]
    return _count(~shown[ids.first[several]])


def _unmatched(world: World) -> int:
    dead = certified(world.profile, world.people)
    return _count(~matched(world.profile, world.people, dead))


def _right_doubles(world: World) -> int:
    """Doubles that count: those that put a second reversal right are left out."""
    lines = world.lines
    again = np.isin(lines.act, lines.act[lines.kind == AGAIN])
    return _count((lines.kind == DOUBLE) & ~again)


def _several_drugs(world: World) -> int:
    return _count(np.where(world.lines.whole, world.acts.drugs[world.lines.act], 0) > 1)


def _details(world: World) -> int:
    lines = world.lines
    counts = detail_counts(world.profile, world.acts, (*TECHNICAL, *LABORATORY, *NURSING))
    return int(np.where(lines.whole, counts[lines.act], 0).sum())


def _billed(world: World) -> int:
    lines = world.lines
    return _count(lines.whole & billed(world.profile, world.acts)[lines.act])


def _without_cip13(world: World) -> int:
    acts, lines = world.acts, world.lines
    old = year_of(acts.day) <= 2007
    none = old & (hashed(np.arange(len(acts)), 24) < world.profile.rate("no-cip13"))
    return int(np.where(lines.whole & none[lines.act], acts.drugs[lines.act], 0).sum())


def _grouped(world: World) -> int:
    lines = world.lines
    rate = world.profile.rate("grouped-departements")
    home = world.people.departement[world.acts.person[lines.act]]
    far = places.OVERSEAS[home] | places.CORSICA[home]
    chosen = np.floor(lines.treated * rate) > np.floor((lines.treated - 1) * rate)
    return _count(far & chosen)


def _ages(world: World) -> Ints:
    acts, lines = world.acts, world.lines
    codes = age_code(world.profile, world.people, acts.person, acts.day)
    return codes[lines.act]


def _of_item(world: World, flags: Flags) -> int:
    """Lines of ER_PHA_F for the dispensed items marked."""
    pharmacy = np.flatnonzero(world.acts.drugs > 0)
    owner = np.repeat(pharmacy, world.acts.drugs[pharmacy])
    lines = world.lines
    times = np.bincount(lines.act, weights=lines.whole, minlength=len(world.acts))
    return int(times[owner][flags].sum())


def _archived_lines(world: World) -> int:
    """Lines of ER_PRS_F in tables of their year of flux."""
    kept_apart = bool(world.profile.rate("archived-lines"))
    return _count(world.lines.month // 12 <= LAST_ARCHIVE) if kept_apart else 0


def _nine_columns(world: World) -> int:
    """Lines that share eight columns of their key with another one."""
    return _kind(COMPLEMENT)(world)


COUNTERS: Mapping[str, Callable[[World], int]] = MappingProxyType(
    {
        "two-parents": lambda w: _count(w.identities.shared),
        "came-of-age": _came_of_age,
        "spouses": lambda w: _count(w.identities.spouse),
        "three-identifiers": lambda w: _count(w.identities.third >= 0),
        "provisional-numbers": lambda w: _count(_provisional(w)),
        "lasting-provisional": _lasting,
        "twins": _twins_alike,
        "no-own-number": lambda w: _count(~w.identities.known & (w.identities.person >= 0)),
        "archived-identities": lambda w: _count(archived(w.profile, w.people, w.identities)),
        "archived-lines": _archived_lines,
        "fictitious-numbers": lambda w: _count(w.identities.person < 0),
        "birth-date-variations": lambda w: _count(w.identities.varied),
        "birth-year-1600": lambda w: _count(w.identities.yearless),
        "other-schemes": lambda w: _count(places.scheme(w.profile, np.arange(len(w.people))) > 0),
        "deaths-on-one-line": _one_line,
        "deaths-only-in-pmsi": lambda w: _count(w.people.shown != w.people.death),
        "causes-of-death": lambda w: len(certified(w.profile, w.people)),
        "causes-unmatched": _unmatched,
        "ald-renewals": lambda w: (
            len(w.long_term) - len(np.unique(w.long_term.person * 1000 + w.long_term.disease))
        ),
        "ald-overlaps": lambda w: _count(w.long_term.early),
        "ald-end-1600": lambda w: _count(w.long_term.form == UNKNOWN_END),
        "ald-end-2099": lambda w: _count(w.long_term.form == ENDLESS),
        "ald-old-numbers": lambda w: _count(w.long_term.moved),
        "other-exemptions": lambda w: _count(np.isin(w.long_term.nature, (11, 12, 13))),
        "late-flows": lambda w: _count(w.lines.lag > LATE),
        "regularisations": _kind(REVERSAL),
        "cancellations": lambda w: _kind(REVERSAL)(w) - _kind(RENEWED)(w),
        "split-reversals": _kind(REST),
        "double-reversals": _kind(AGAIN),
        "mistaken-dispensings": lambda w: _of_item(w, w.dispensing.mistaken),
        "true-doubles": _right_doubles,
        "complements": _kind(COMPLEMENT),
        "majorations": _kind(MAJORATION),
        "for-information": lambda w: _count(w.acts.qualifier[w.lines.act] == FOR_INFORMATION),
        "empty-dpn-qlf": lambda w: _count(w.acts.qualifier[w.lines.act] == NO_VALUE),
        "several-drugs": _several_drugs,
        "detail-tables": _details,
        "hospital-billing": _billed,
        "loose-units": lambda w: _of_item(w, w.dispensing.by_unit),
        "no-cip13": _without_cip13,
        "grouped-departements": _grouped,
        "infant-ages": lambda w: _count((_ages(w) >= 1000) & (_ages(w) < 9999)),
        "unknown-ages": lambda w: _count(_ages(w) == 9999),
        "sessions": lambda w: _count(w.stays.kind == SESSION),
        "grouping-errors": lambda w: _count(w.stays.grouping_error),
        "other-grouping": lambda w: _count(
            other_grouping(w.profile.rate("other-grouping"), w.stays)
        ),
        "pie-copies": lambda w: _count(w.stays.kind == COPY),
        "bad-return-codes": lambda w: _count(w.stays.bad_return),
        "duplicate-finess": lambda w: _count(w.stays.double),
        "other-sectors": lambda w: sum(map(len, w.sectors.values())),
        "sector-error-groups": lambda w: sum(
            _count(w.sectors[name].error) for name in (HOME, REHABILITATION)
        ),
        "sector-return-codes": lambda w: sum(_count(s.bad_return) for s in w.sectors.values()),
        "outpatient-care": lambda w: len(invoiced(w)),
        "outpatient-return-codes": lambda w: _count(faulty(w, invoiced(w))),
        "nine-column-key": _nine_columns,
        "yearly-columns": lambda w: len(w.stays),
        "stay-numbers-restart": lambda w: len(w.stays),
        "stays-over-new-year": lambda w: _count(
            year_of(w.stays.entry) < year_of(w.stays.discharge)
        ),
        "leading-zeros": lambda w: _count(places.CORSICA[w.people.departement]),
    }
)
