"""Everything that happens to the persons of one block, in memory."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from attrs import evolve, frozen

from bercail.catalogue import Registry
from bercail.ingest.synth.acts import Acts, draw_acts
from bercail.ingest.synth.diabetes import draw_diabetes
from bercail.ingest.synth.diagnoses import draw_diagnoses
from bercail.ingest.synth.dispensing import Dispensing, draw_dispensing, visit_count
from bercail.ingest.synth.draws import Draws, Ints
from bercail.ingest.synth.drugs import Drugs, draw_drugs
from bercail.ingest.synth.identities import Identities, draw_identities
from bercail.ingest.synth.lines import Lines, draw_lines
from bercail.ingest.synth.long_term import LongTerm, draw_long_term, exempt_persons
from bercail.ingest.synth.people import NEVER, People, draw_people
from bercail.ingest.synth.profile import SynthProfile
from bercail.ingest.synth.sectors import (
    SECTORS,
    Consultations,
    SectorStays,
    draw_consultations,
    draw_sector,
)
from bercail.ingest.synth.stays import DEATH, Stays, draw_stays


@frozen(kw_only=True, eq=False)
class World:
    """Everything drawn for a profile; `identity` is the one each act was paid under."""

    profile: SynthProfile
    people: People
    identities: Identities
    drugs: Drugs
    dispensing: Dispensing
    acts: Acts
    lines: Lines
    identity: Ints
    long_term: LongTerm
    stays: Stays
    sectors: Mapping[str, SectorStays]
    consultations: Consultations


def draw_world(profile: SynthProfile, registry: Registry) -> World:
    """Everything that happens to the persons of a profile, in memory."""
    people = draw_people(profile)
    identities = draw_identities(profile, people)
    drugs = draw_drugs(registry)
    diabetes = draw_diabetes(profile, people, identities, visit_count(profile))
    dispensing = draw_dispensing(profile, people, drugs, diabetes)
    long_term = draw_long_term(profile, people, diabetes)
    diagnoses = draw_diagnoses(registry)
    stays = draw_stays(profile, people, diagnoses)
    people = _shown(profile, people, stays)
    acts = draw_acts(profile, people, drugs, dispensing, exempt_persons(people, long_term))
    return World(
        profile=profile,
        people=people,
        identities=identities,
        drugs=drugs,
        dispensing=dispensing,
        acts=acts,
        lines=draw_lines(profile, people, acts),
        identity=_identity_of_acts(profile, people, identities, drugs, acts, dispensing.drug),
        long_term=long_term,
        stays=stays,
        sectors={name: draw_sector(name, profile, people, diagnoses) for name in SECTORS},
        consultations=draw_consultations(profile, people, diagnoses),
    )


def _shown(profile: SynthProfile, people: People, stays: Stays) -> People:
    """The insurance never hears of some deaths that the hospital wrote down."""
    hospital = np.zeros(len(people), dtype=bool)
    hospital[stays.person[stays.kind == DEATH]] = True
    rate = profile.rate("deaths-only-in-pmsi")
    hidden = hospital & Draws(profile.stream, "deaths-hidden").chance(rate, len(people))
    return evolve(people, shown=np.where(hidden, NEVER, people.death))


def _identity_of_acts(
    profile: SynthProfile,
    people: People,
    identities: Identities,
    drugs: Drugs,
    acts: Acts,
    dispensed: Ints,
) -> Ints:
    """The identity of each act: one for a claim, and a fictitious one for some contraception."""
    draws = Draws(profile.stream, "payment")
    opens = np.flatnonzero(np.r_[True, acts.claim[1:] != acts.claim[:-1]])
    used = identities.used(draws, acts.person[opens], acts.day[opens])[acts.claim]
    ghosts = np.flatnonzero(identities.person < 0)
    contraceptive = np.array([code.startswith("G03A") for code in drugs.atc])
    alone = (acts.drugs == 1) & contraceptive[dispensed[acts.first_drug]]
    minor = alone & (people.age[acts.person] < 18)
    secret = minor & draws.chance(0.5, len(acts))
    return np.where(secret, ghosts[acts.person % len(ghosts)], used) if len(ghosts) else used
