"""From acts to lines: when each is processed, and what is added or corrected later.

1. Each claim reaches the flux one month after the care or later: 99 % within
   six months, the last ones after 27 (L'essentiel du SNDS, CNAM).
2. Some acts have a complement (CPL_MAJ_TOP = 1) or a majoration (2).
3. Some acts stand twice: two equal lines that are both true.
4. Some are corrected in a later flux: the reversal with negative amounts, then
   the new line; some are only reversed.
5. Lines are numbered so that the nine columns of the key name one line.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

from bercail.ingest.synth.acts import FOR_INFORMATION, GENERAL_PRACTICE, SHARE_OF_PATIENT, Acts
from bercail.ingest.synth.draws import Draws, Flags, Ints
from bercail.ingest.synth.people import People
from bercail.ingest.synth.profile import SynthProfile
from bercail.ingest.synth.text import month_of, month_start

# Kinds of lines, in the order in which they follow each other in a claim. REST is the
# second line of a reversal cut in two; AGAIN a reversal too many, put right by a DOUBLE.
BASE, DOUBLE, COMPLEMENT, MAJORATION, REVERSAL, RENEWED, REST, AGAIN = range(8)
NEGATIVE = (REVERSAL, REST, AGAIN)
LAST_LAG = 27
LATE = 6
# Fluxes to this year stand in tables of their year (sndsTools, get_first_non_archived_year: 2013).
LAST_ARCHIVE = 2012
_CLAIMS_OF_A_BLOCK = 1_000_000

# Share of the claims by number of months from care to flux.
_LAGS = [0.0, 0.800, 0.130, 0.036, 0.015, 0.007, 0.0035]
_TAIL = [0.85**n for n in range(LAST_LAG - LATE)]


@frozen(kw_only=True, eq=False)
class Lines:
    """One item for each line of ER_PRS_F, ordered by flux month and key.

    `month` is the month index (year * 12 + month - 1) of FLX_DIS_DTD,
    `treated` the day of FLX_TRT_DTD. `lag` counts the months from care to
    flux. Lines of a flux after the profile's `as_of` are not here; `unseen`
    counts them.
    """

    act: Ints
    kind: Ints
    month: Ints
    treated: Ints
    lag: Ints
    claim_number: Ints
    line_number: Ints
    refund_type: Ints
    reversed_acts: Ints
    cancelled_acts: Ints
    unseen: int

    def __len__(self) -> int:
        return len(self.act)

    @property
    def sign(self) -> Ints:
        """-1 for reversals, 1 for the rest."""
        return np.where(np.isin(self.kind, NEGATIVE), -1, 1)

    @property
    def whole(self) -> Flags:
        """Lines that carry the quantity of their act."""
        return ~np.isin(self.kind, (COMPLEMENT, MAJORATION, REST))


def draw_lines(profile: SynthProfile, people: People, acts: Acts) -> Lines:
    """Every line that has arrived by `as_of`; see the steps in the head of this file."""
    draws = Draws(profile.stream, "lines")
    size = len(acts)
    every = np.arange(size)
    # Step 1.
    claims = int(acts.claim[-1]) + 1 if size else 0
    late = profile.rate("late-flows")
    lag = draws.pick([*_LAGS, *(late / sum(_TAIL) * share for share in _TAIL)], claims)
    if late:
        # Whatever the size of the population, some line comes at the last moment.
        lag[:: max(1, claims // 3)] = LAST_LAG
    lag = lag[acts.claim]
    mistaken = acts.mistaken > 0
    # Steps 2 and 3.
    consultation = (acts.nature == GENERAL_PRACTICE) & (acts.origin != FOR_INFORMATION)
    adult = people.age[acts.person] >= 18
    added = profile.rate("majorations")
    majored = consultation & np.where(
        adult, draws.chance(added, size), draws.chance(added / 2, size)
    )
    completed = draws.chance(profile.rate("complements"), size) & (acts.drugs == 0)
    doubled = draws.chance(profile.rate("true-doubles"), size) & (acts.paid > 0) & ~mistaken
    # Step 4.
    corrected = draws.chance(profile.rate("regularisations"), size) & ~doubled & (lag < LAST_LAG)
    cancelled = mistaken | (corrected & draws.chance(profile.rate("cancellations"), size))
    corrected |= mistaken
    later = np.minimum(lag + draws.between(1, 5, size), LAST_LAG)
    parts = [
        (every, BASE, lag),
        (every[doubled], DOUBLE, lag[doubled]),
        (every[completed], COMPLEMENT, lag[completed]),
        (every[majored], MAJORATION, lag[majored]),
        (every[corrected], REVERSAL, later[corrected]),
        (every[corrected & ~cancelled], RENEWED, later[corrected & ~cancelled]),
    ]
    parts += _more_reversals(profile, every, corrected & ~mistaken, later)
    return _numbered(profile, draws, people, acts, parts, corrected, cancelled)


def _more_reversals(
    profile: SynthProfile, every: Ints, corrected: Flags, later: Ints
) -> list[tuple[Ints, int, Ints]]:
    """Reversals cut in two lines, and reversals too many with what puts them right."""
    draws = Draws(profile.stream, "lines-more")
    size = len(every)
    split = corrected & draws.chance(profile.rate("split-reversals"), size)
    twice = corrected & ~split & draws.chance(profile.rate("double-reversals"), size)
    twice &= later < LAST_LAG
    righted = np.minimum(later + draws.between(1, 3, size), LAST_LAG)
    return [
        (every[split], REST, later[split]),
        (every[twice], AGAIN, later[twice]),
        (every[twice], DOUBLE, righted[twice]),
    ]


def _numbered(
    profile: SynthProfile,
    draws: Draws,
    people: People,
    acts: Acts,
    parts: list[tuple[Ints, int, Ints]],
    corrected: Flags,
    cancelled: Flags,
) -> Lines:
    act = np.concatenate([part[0] for part in parts])
    kind = np.concatenate([np.full(len(part[0]), part[1]) for part in parts])
    lag = np.concatenate([part[2] for part in parts])
    month = month_of(acts.day)[act] + lag
    last = profile.as_of.year * 12 + profile.as_of.month - 1
    arrived = month <= last
    unseen = int((~arrived).sum())
    act, kind, lag, month = act[arrived], kind[arrived], lag[arrived], month[arrived]
    treated = _treated(draws, acts, act, month, lag)
    office = people.departement[acts.person]
    # One sortable number: flux month, day in the month, office, act, kind.
    position = (month - month.min()) * 32 + treated - month_start(month - 1)
    order = np.argsort(((position * 128 + office[act]) << 32) + act * 8 + kind, kind="stable")
    act, kind, lag, month, treated = (values[order] for values in (act, kind, lag, month, treated))
    claim_number, line_number = _key_numbers(position[order] * 128 + office[act], acts, act, kind)
    return Lines(
        act=act,
        kind=kind,
        month=month,
        treated=treated,
        lag=lag,
        # Each block of persons has claim numbers of its own.
        claim_number=claim_number + profile.place * _CLAIMS_OF_A_BLOCK,
        line_number=line_number,
        # A complement shares all but this last column of the key with its act.
        refund_type=np.where(kind == COMPLEMENT, 1, 0),
        reversed_acts=np.flatnonzero(corrected),
        cancelled_acts=np.flatnonzero(cancelled),
        unseen=unseen,
    )


def _treated(draws: Draws, acts: Acts, act: Ints, month: Ints, lag: Ints) -> Ints:
    """The day a claim is processed, in the month before the flux, never before the care."""
    first = month_start(month - 1)
    last = month_start(month) - 1
    first = np.where(lag == 1, np.maximum(first, acts.day[act]), first)
    part = draws.uniform(len(acts) + 1)
    # Lines of one claim are processed on the same day: the draw belongs to the claim.
    return first + np.floor(part[acts.claim[act]] * (last - first + 1)).astype(np.int64)


def _key_numbers(group: Ints, acts: Acts, act: Ints, kind: Ints) -> tuple[Ints, Ints]:
    """DCT_ORD_NUM within day and office, PRS_ORD_NUM within the claim."""
    claim = acts.claim[act]
    opens_group = np.r_[True, group[1:] != group[:-1]]
    opens_claim = opens_group | np.r_[True, claim[1:] != claim[:-1]]
    number = np.cumsum(opens_claim)
    start = np.maximum.accumulate(np.where(opens_group, number, 0))
    counted = kind != COMPLEMENT
    before = np.cumsum(counted)
    base = np.maximum.accumulate(np.where(opens_claim, before - counted, 0))
    return number - start + 1, before - base


def share_of_patient(acts: Acts, lines: Lines) -> Flags:
    """Lines that are a flat share paid by the patient: a majoration with CPL_AFF_COD = 16."""
    adult_share = (lines.kind == MAJORATION) & (lines.act % 4 != 0)
    return np.asarray(adult_share | (acts.share[lines.act] == SHARE_OF_PATIENT))
