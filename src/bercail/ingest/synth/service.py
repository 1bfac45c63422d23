"""The desk of the generator: draw a world, write its deliveries, write its truth.

1. The folder is bound to the profile, so that two populations never mix.
2. What is finished already is checked by its digests and left alone; when
   everything is, nothing is drawn.
3. The world is drawn: persons first, then what happens to them.
4. Deliveries are written, each whole before the next.
5. The truth is written last.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bercail.catalogue import Registry, load
from bercail.foundation import Refused
from bercail.ingest.synth.acts import Acts, draw_acts
from bercail.ingest.synth.beneficiaries import beneficiary_table, exemption_table
from bercail.ingest.synth.city_care import CityCare, city_care
from bercail.ingest.synth.deliveries import (
    PlannedDelivery,
    on_disk,
    read_manifest,
    write_delivery,
    write_json,
)
from bercail.ingest.synth.diabetes import draw_diabetes
from bercail.ingest.synth.diagnoses import Diagnoses, draw_diagnoses
from bercail.ingest.synth.dispensing import draw_dispensing, visit_count
from bercail.ingest.synth.draws import Draws, Ints
from bercail.ingest.synth.drugs import Drugs, draw_drugs
from bercail.ingest.synth.hospital import hospital_tables, stays_of
from bercail.ingest.synth.identities import Identities, draw_identities
from bercail.ingest.synth.lines import draw_lines
from bercail.ingest.synth.long_term import draw_long_term, exempt_persons
from bercail.ingest.synth.people import People, draw_people
from bercail.ingest.synth.profile import SynthProfile, SynthReport
from bercail.ingest.synth.stays import draw_stays
from bercail.ingest.synth.text import Days
from bercail.ingest.synth.truth import World, truth_of

Progress = Callable[[str, int, int], None]
TRUTH, PROFILE = "truth.json", "profile.json"
_LABEL = "synthetic deliveries"


def make(profile: SynthProfile, out: Path, progress: Progress | None = None) -> SynthReport:
    """Write the deliveries of a profile and their truth into `out`.

    Running it again finishes what a killed run left, and changes nothing else.

    Raises:
        Refused: `out` holds the deliveries of another profile.
        Unavailable: the disk is full or cannot be written.
    """
    # Step 1.
    _bind(profile, out)
    # Step 2.
    finished = _finished(profile, out)
    if finished is not None:
        return finished
    # Step 3.
    registry = load()
    world = draw_world(profile, registry)
    plan = _plan(world, registry)
    # Step 4.
    manifests, written = [], 0
    for done, planned in enumerate(plan):
        _tell(progress, done, len(plan))
        manifest = read_manifest(out / planned.name)
        if manifest is None:
            manifest = write_delivery(planned, out)
            written += 1
        manifests.append(manifest)
    # Step 5.
    truth = truth_of(world) | {"deliveries": [planned.name for planned in plan]}
    with on_disk(out):
        write_json(out / TRUTH, truth)
    _tell(progress, len(plan), len(plan))
    return _report(profile, truth, manifests, written)


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(_LABEL, done, total)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _bind(profile: SynthProfile, out: Path) -> None:
    with on_disk(out):
        out.mkdir(parents=True, exist_ok=True)
        held = _read(out / PROFILE)
        if held is None:
            write_json(out / PROFILE, profile.as_dict())
    if held is not None and held != profile.as_dict():
        raise Refused(
            f"The folder `{out}` holds the deliveries of another profile.",
            remedy="Choose another folder, or remove this one.",
            rule="synth-one-profile",
        )


def _finished(profile: SynthProfile, out: Path) -> SynthReport | None:
    truth = _read(out / TRUTH)
    if truth is None or truth.get("profile") != profile.as_dict():
        return None
    manifests = []
    for name in truth["deliveries"]:
        manifest = read_manifest(out / name)
        if manifest is None:
            return None
        manifests.append(manifest)
    return _report(profile, truth, manifests, 0)


def draw_world(profile: SynthProfile, registry: Registry) -> World:
    """Everything that happens to the persons of a profile, in memory."""
    people = draw_people(profile)
    identities = draw_identities(profile, people)
    drugs = draw_drugs(registry)
    diabetes = draw_diabetes(profile, people, identities, visit_count(profile))
    dispensing = draw_dispensing(profile, people, drugs, diabetes)
    long_term = draw_long_term(profile, people, diabetes)
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
        stays=draw_stays(profile, people, draw_diagnoses(registry)),
    )


def _identity_of_acts(
    profile: SynthProfile,
    people: People,
    identities: Identities,
    drugs: Drugs,
    acts: Acts,
    dispensed: Ints,
) -> Ints:
    """The identity of each act: one for a claim, and a fictitious one for some contraception."""
    draws = Draws(profile.seed, "payment")
    opens = np.flatnonzero(np.r_[True, acts.claim[1:] != acts.claim[:-1]])
    used = identities.used(draws, acts.person[opens], acts.day[opens])[acts.claim]
    ghosts = np.flatnonzero(identities.person < 0)
    contraceptive = np.array([code.startswith("G03A") for code in drugs.atc])
    alone = (acts.drugs == 1) & contraceptive[dispensed[acts.first_drug]]
    minor = alone & (people.age[acts.person] < 18)
    secret = minor & draws.chance(0.5, len(acts))
    return np.where(secret, ghosts[acts.person % len(ghosts)], used)


def _plan(world: World, registry: Registry) -> list[PlannedDelivery]:
    profile = world.profile
    days = Days(profile.start - timedelta(days=800), profile.as_of + timedelta(days=31))
    care = city_care(
        days,
        world.people,
        world.drugs,
        world.dispensing,
        world.acts,
        world.lines,
        world.identities,
        world.identity,
    )
    diagnoses = draw_diagnoses(registry)
    plan = [_city_delivery(care, month) for month in care.months()]
    plan.extend(
        _hospital_delivery(world, registry, days, diagnoses, year) for year in profile.calendar
    )
    plan.append(_referential_delivery(world, days))
    return plan


def _city_delivery(care: CityCare, month: int) -> PlannedDelivery:
    first = date(month // 12, month % 12 + 1, 1)
    return PlannedDelivery(
        name=f"DCIR_{first:%Y%m}",
        system="DCIR",
        period=f"{first:%Y-%m}",
        tables=lambda: care.tables(month),
    )


def _hospital_delivery(
    world: World, registry: Registry, days: Days, diagnoses: Diagnoses, year: int
) -> PlannedDelivery:
    def tables() -> dict[str, pa.Table]:
        chosen = world.stays.only(stays_of(world.stays, year))
        return hospital_tables(
            world.profile,
            registry,
            days,
            world.people,
            world.identities,
            diagnoses,
            chosen,
            year,
        )

    return PlannedDelivery(name=f"MCO_{year}", system="MCO", period=str(year), tables=tables)


def _referential_delivery(world: World, days: Days) -> PlannedDelivery:
    profile, people, identities = world.profile, world.people, world.identities
    return PlannedDelivery(
        name=f"BEN_{profile.as_of:%Y%m}",
        system="BEN",
        period=f"{profile.as_of:%Y-%m}",
        tables=lambda: {
            "IR_BEN_R": beneficiary_table(profile, days, people, identities),
            "IR_IMB_R": exemption_table(profile, identities, world.long_term),
        },
    )


def _report(
    profile: SynthProfile, truth: dict[str, Any], manifests: list[dict[str, Any]], written: int
) -> SynthReport:
    rows: dict[str, int] = {}
    size = 0
    for manifest in manifests:
        for file in manifest["files"]:
            rows[file["table"]] = rows.get(file["table"], 0) + file["rows"]
            size += file["bytes"]
    return SynthReport(
        profile=profile,
        deliveries=tuple(truth["deliveries"]),
        rows=dict(sorted(rows.items())),
        size=size,
        written=written,
        truth=truth,
    )
