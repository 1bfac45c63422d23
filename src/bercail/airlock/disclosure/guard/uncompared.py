"""What ranges do not say: cohorts that nobody compared, and noise beside exact numbers."""

from __future__ import annotations

from collections.abc import Sequence

from bercail.airlock.disclosure.guard.populations import Population, Relations
from bercail.airlock.disclosure.guard.record import ReleaseRecord

NOT_COMPARED = (
    "The cohort of `{0}` may be nearly the same persons: nobody compared both, and the totals "
    "differ by less than the threshold or a total or a digest is missing. Compare them by hand. / "
    "La cohorte de `{0}` compte peut-être presque les mêmes personnes : personne n'a comparé les "
    "deux, et les totaux diffèrent de moins que le seuil, ou un total ou une empreinte manque. "
    "Comparez-les à la main."
)

MIXED = (
    "The cohort of `{0}` left once with noise and once without: a noised number lies near the true "
    "one, so it may tell what hiding or rounding kept. Look at both together. / "
    "La cohorte de `{0}` est sortie une fois bruitée et une fois sans bruit : un nombre bruité est "
    "proche du vrai et peut dire ce que le masquage ou l'arrondi gardait. Regardez-les ensemble."
)


def mixed_methods(new: ReleaseRecord, past: Sequence[ReleaseRecord]) -> tuple[str, ...]:
    """The earlier releases of a cohort of `new` of which exactly one of both has noise."""
    cohorts = {one.cohort for one in populations_of(new)}
    return tuple(
        record.release
        for record in past
        if _has_noise(record) != _has_noise(new)
        and cohorts & {one.cohort for one in populations_of(record)}
    )


def _has_noise(record: ReleaseRecord) -> bool:
    return bool(record.document.get("method") == "noise")


def populations_of(record: ReleaseRecord) -> tuple[Population, ...]:
    """The distinct populations that a release counts."""
    cohorts = dict.fromkeys(table["population"] for table in record.document["tables"])
    return tuple(Population(cohort=cohort, snapshot=record.snapshot) for cohort in cohorts)


def uncompared_cohorts(
    new: ReleaseRecord, past: Sequence[ReleaseRecord], threshold: int, relations: Relations
) -> tuple[str, ...]:
    """The earlier releases of a cohort that may differ from a new one by under `threshold`."""
    found = [
        record.release
        for record in past
        for one in populations_of(record)
        for other in populations_of(new)
        if _may_be_near(record, one, new, other, threshold, relations)
    ]
    return tuple(dict.fromkeys(found))


def _may_be_near(
    record: ReleaseRecord,
    one: Population,
    new: ReleaseRecord,
    other: Population,
    threshold: int,
    relations: Relations,
) -> bool:
    if not one.cohort or not other.cohort:
        return True
    if one.cohort == other.cohort or relations(one, other) is not None:
        return False
    mine, theirs = _totals(record, one), _totals(new, other)
    if mine is None or theirs is None:
        return True
    # Cohorts differ by as many persons as their totals do, at least.
    return max(mine[0], theirs[0]) - min(mine[1], theirs[1]) < threshold


def _totals(record: ReleaseRecord, population: Population) -> tuple[int, int] | None:
    """The least and greatest number of persons by the totals shown; None when none is shown."""
    slack = max(0, int(record.document.get("base") or 0) - 1)
    shown = [
        cell["value"]
        for table in record.document["tables"]
        if table["population"] == population.cohort and table["measure"]["kind"] == "persons"
        for cell in table["cells"]
        if cell["value"] is not None and all(code is None for code in cell["key"])
    ]
    return (min(shown) - slack, max(shown) + slack) if shown else None
