"""Which deliveries a block of persons gives: fluxes, years of discharge, referentials."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa

from bercail.catalogue import Registry
from bercail.ingest.synth.beneficiaries import (
    archive_table,
    beneficiary_table,
    exemption_table,
)
from bercail.ingest.synth.causes import cause_tables
from bercail.ingest.synth.city_care import CityCare, city_care
from bercail.ingest.synth.deliveries import PlannedDelivery
from bercail.ingest.synth.diagnoses import Diagnoses, draw_diagnoses
from bercail.ingest.synth.hospital import hospital_tables, stays_of
from bercail.ingest.synth.lines import LAST_ARCHIVE
from bercail.ingest.synth.outpatients import outpatient_tables
from bercail.ingest.synth.sector_tables import TABLES, ambulatory_table, sector_year
from bercail.ingest.synth.sectors import PSYCHIATRY, SECTORS
from bercail.ingest.synth.text import Days
from bercail.ingest.synth.world import World


def planned_deliveries(world: World, registry: Registry) -> list[PlannedDelivery]:
    """Every delivery of a block of persons, in order; their tables are built when asked for."""
    profile = world.profile
    days = Days(profile.start - timedelta(days=800), profile.as_of + timedelta(days=31))
    care = city_care(
        profile,
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
    plan = [_city_delivery(care, registry, month) for month in care.months()]
    plan.extend(
        _hospital_delivery(world, registry, days, diagnoses, year) for year in profile.calendar
    )
    if profile.rate("other-sectors"):
        plan.extend(
            _sector_delivery(world, registry, days, diagnoses, sector, year)
            for sector in SECTORS
            for year in profile.calendar
        )
    plan.append(_referential_delivery(world, days))
    return plan


def _city_delivery(care: CityCare, registry: Registry, month: int) -> PlannedDelivery:
    first = date(month // 12, month % 12 + 1, 1)
    kept_apart = bool(care.profile.rate("archived-lines")) and first.year <= LAST_ARCHIVE

    def tables() -> dict[str, pa.Table]:
        found = care.tables(month)
        if not kept_apart:
            return found
        return {archive_of(registry, name, first.year): found[name] for name in found}

    return PlannedDelivery(
        name=f"DCIR_{first:%Y%m}",
        system="DCIR",
        period=f"{first:%Y-%m}",
        tables=tables,
    )


def archive_of(registry: Registry, table: str, year: int) -> str:
    """The table that keeps the lines of a flux of that year: `ER_PRS_F_2012` (sndsTools, DCIR)."""
    return f"{table}_{year}" if registry.table(table).column_names(year) else table


def _hospital_delivery(
    world: World, registry: Registry, days: Days, diagnoses: Diagnoses, year: int
) -> PlannedDelivery:
    def tables() -> dict[str, pa.Table]:
        chosen = world.stays.only(stays_of(world.stays, year))
        found = hospital_tables(
            world.profile,
            registry,
            days,
            world.people,
            world.identities,
            diagnoses,
            chosen,
            year,
        )
        return found | outpatient_tables(world, registry, days, year)

    return PlannedDelivery(name=f"MCO_{year}", system="MCO", period=str(year), tables=tables)


def _sector_delivery(
    world: World, registry: Registry, days: Days, diagnoses: Diagnoses, sector: str, year: int
) -> PlannedDelivery:
    def tables() -> dict[str, pa.Table]:
        stays = world.sectors[sector]
        item = sector_year(
            world.profile,
            registry,
            days,
            world.people,
            world.identities,
            diagnoses,
            stays,
            year,
        )
        found = TABLES[sector](item)
        if sector == PSYCHIATRY:
            found["R3A"] = ambulatory_table(item, world.consultations)
        stem = f"T_{sector}{year % 100:02d}"
        return {f"{stem}{suffix}": table for suffix, table in found.items()}

    return PlannedDelivery(name=f"{sector}_{year}", system=sector, period=str(year), tables=tables)


def _referential_delivery(world: World, days: Days) -> PlannedDelivery:
    profile, people, identities = world.profile, world.people, world.identities

    def tables() -> dict[str, pa.Table]:
        found = {"IR_BEN_R": beneficiary_table(profile, days, people, identities)}
        if profile.rate("archived-identities"):
            found["IR_BEN_R_ARC"] = archive_table(profile, people, identities)
        found["IR_IMB_R"] = exemption_table(profile, identities, world.long_term)
        return found | cause_tables(profile, days, people, identities)

    return PlannedDelivery(
        name=f"BEN_{profile.as_of:%Y%m}",
        system="BEN",
        period=f"{profile.as_of:%Y-%m}",
        tables=tables,
    )
