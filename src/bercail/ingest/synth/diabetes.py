"""Who is treated for diabetes, since when, and in which rhythm.

The definition to be found again is that of the CNAM's disease map: in one
year, at least three dispensing dates of ATC A10, or two when one of the packs
is large. Near misses, persons with one or two dates or with dates that are
cancelled later, are drawn with the dispensing.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

from bercail.ingest.synth.draws import Draws, Flags, Ints
from bercail.ingest.synth.identities import Identities
from bercail.ingest.synth.people import People
from bercail.ingest.synth.profile import SynthProfile
from bercail.ingest.synth.treatments import DIABETES, DIABETES_MEN, TYPE_ONE

# Large packs hold three months of tablets.
LARGE_PACK = 84
A10 = "A10"


@frozen(kw_only=True, eq=False)
class Diabetes:
    """`person`: who is treated; the other arrays have one item for each of them.

    `since` and `until` are visit numbers (a visit every 30 days); `large` says
    that the packs are of three months.
    """

    person: Ints
    type_one: Flags
    since: Ints
    until: Ints
    large: Flags


def draw_diabetes(
    profile: SynthProfile, people: People, identities: Identities, visits: int
) -> Diabetes:
    """Treated persons, more often among who has two identifiers.

    The excess is wanted: counting identifiers instead of persons must show.
    """
    draws = Draws(profile.stream, "diabetes")
    count = len(people)
    rate = np.array(DIABETES)[people.decade] / 1000
    rate = np.where(people.sex == 1, rate * DIABETES_MEN, rate * (2 - DIABETES_MEN))
    rate = np.where((identities.second >= 0) & ~people.child, rate * 3, rate)
    rate = np.where((identities.second >= 0) & people.child, rate * 4, rate)
    treated = draws.chance(rate, count)
    shared = np.flatnonzero(identities.shared)
    # Whatever the size of the population, some child under two identifiers is treated.
    treated[shared[:2]] = True
    person = np.flatnonzero(treated)
    size = len(person)
    type_one = draws.chance(np.array(TYPE_ONE)[people.decade[person]], size)
    new = draws.chance(0.10, size)
    stops = draws.chance(0.05, size)
    since = np.where(new, draws.between(0, visits - 1, size), 0)
    return Diabetes(
        person=person,
        type_one=type_one,
        since=since,
        until=np.where(stops, np.minimum(since + 8, visits), visits),
        large=~type_one & draws.chance(0.30, size),
    )
