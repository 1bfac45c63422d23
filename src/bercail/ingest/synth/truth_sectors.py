"""What must be found again in the tables of home care, rehabilitation and psychiatry."""

from __future__ import annotations

from typing import Any

import numpy as np

from bercail.ingest.synth.sectors import SectorStays
from bercail.ingest.synth.text import year_of
from bercail.ingest.synth.world import World


def sector_truth(world: World) -> dict[str, Any]:
    """For each sector and year of discharge: stays, patients, days; and ambulatory acts."""
    years = world.profile.calendar
    found: dict[str, Any] = {
        name: {str(year): _year(stays.of_year(year)) for year in years}
        for name, stays in world.sectors.items()
    }
    acts = world.consultations
    of_act = year_of(acts.day)
    found["ambulatory"] = {
        str(year): {
            "acts": int(np.count_nonzero(of_act == year)),
            "patients": len(np.unique(acts.person[of_act == year])),
        }
        for year in years
    }
    return found


def _year(stays: SectorStays) -> dict[str, int]:
    return {
        "stays": len(stays),
        "patients": len(np.unique(stays.person)),
        "days": int((stays.discharge - stays.entry).sum()),
        "not_grouped": int(np.count_nonzero(stays.error)),
        "bad_return_codes": int(np.count_nonzero(stays.bad_return)),
    }
