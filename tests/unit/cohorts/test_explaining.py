"""A study is told so that a clinician reads it: by its own words, in plain French and English."""

from __future__ import annotations

from typing import Any

import pytest

from bercail.cohorts import Cohort, dispensings, interval, match, measure, persons, stays
from bercail.cohorts.explaining.sentences import explain

_drugs = dispensings.where(dispensings.atc.starts_with("B01AF"))
_first = _drugs.first().date
_bleeding = stays.where(stays.principal_diagnosis == "K922").between(_first, _first.plus(days=90))


def _told(language: str, **given: Any) -> str:
    wanted = {"population": _drugs.exists(), "index_date": _first} | given
    study = Cohort(name="s", title="s", **wanted)
    return "\n".join(explain(study.model, language))


@pytest.mark.parametrize(
    ("language", "whole", "named"),
    [
        (
            "en",
            "the date of dispensing of the first of events 1",
            "from the index date to the index",
        ),
        (
            "fr",
            "date de délivrance du premier parmi les",
            "d'entrée de la date index à la date index",
        ),
    ],
)
def test_the_index_date_is_told_once_and_then_named(language: str, whole: str, named: str) -> None:
    told = _told(language, attributes={"bled": _bleeding.exists()})
    assert told.count(whole) == 1
    assert named in told


@pytest.mark.parametrize("day", ["2024-01-01", persons.death_date])
def test_a_short_index_date_stays_itself(day: Any) -> None:
    told = _told("en", index_date=day, attributes={"days": persons.death_date.days_until(day)})
    assert "the index date" not in told


@pytest.mark.parametrize(
    ("value", "english", "french"),
    [
        (
            persons.age_on("2024-12-31") < 40,
            "age in 2024 (year less year of birth) is under 40",
            "âge en 2024 (année moins année de naissance) < 40",
        ),
        (
            persons.age_on(_first) >= 40,
            "age in the year of the index date",
            "âge dans l'année de la date index (année moins année de naissance) ≥ 40",
        ),
        (
            persons.alive_on("2024-12-31"),
            "x: no death is recorded up to 2024-12-31",
            "x: aucun décès n'est enregistré jusqu'au 2024-12-31",
        ),
        (
            persons.dead_on(_first),
            "x: a death is recorded up to the index date",
            "x: un décès est enregistré jusqu'à la date index",
        ),
        (~_drugs.exists(), "there is none of events 1", "il n'y a aucun des événements 1"),
        (
            (persons.death_date <= "2024-01-01").if_unknown(True),
            "on or before 2024-01-01 (if unknown: yes)",
            "date de décès est au plus tard le 2024-01-01 (si inconnu : oui)",
        ),
        (
            persons.death_date > _first,
            "date of death is after the index date",
            "date de décès est après la date index",
        ),
        (
            persons.birth_year - persons.birth_year == 0,
            "year of birth less year of birth is 0",
            "année de naissance moins année de naissance vaut 0",
        ),
    ],
)
def test_what_the_language_has_a_word_for_is_told_by_it(
    value: Any, english: str, french: str
) -> None:
    assert english in _told("en", attributes={"x": value})
    assert french in _told("fr", attributes={"x": value})


def test_counts_of_persons_and_sums_are_told_apart() -> None:
    inside = _drugs.between(interval.start, interval.end)
    given = {"first": "2024-01-01", "count": 2, "denominator": persons.alive_on(interval.start)}
    measures = [
        measure("users", numerator=inside.exists(), **given),
        measure("packs", numerator=inside.total(dispensings.quantity), **given),
    ]
    told = _told("en", measures=measures)
    assert "users: of the persons for whom no death is recorded" in told
    assert "those for whom there is at least one of events" in told
    assert "packs: the sum of number of packs in events 2, added up over the persons" in told
    french = _told("fr", measures=measures)
    assert "celles pour lesquelles il y a au moins un parmi les événements 2" in french
    assert "packs : somme de nombre de boîtes parmi les événements 2, additionnée sur" in french


def test_a_propensity_is_told() -> None:
    chosen = match(~_drugs.exists(), on=["sex"], propensity=["age"], caliper=0.25)
    given = {"attributes": {"sex": persons.sex, "age": persons.age_on("2024-01-01")}}
    told = _told("en", matching=chosen, **given)
    assert "with the same sex, nearest in propensity (from age; caliper 0.25), for whom" in told
    french = _told("fr", matching=chosen, **given)
    assert "les plus proches en propension (d'après age ; calibre 0.25), pour lesquels" in french


def test_no_french_article_goes_with_the_wrong_noun() -> None:
    told = _told(
        "fr",
        attributes={"sex": persons.sex, "last": _bleeding.nearest(_first).entry},
        matching=match(~_drugs.exists(), on=["sex"]),
        event_rows={"lines": (_drugs, ["date"])},
        exclude={"dead": persons.death_date < _first},
    )
    for wrong in ("du date", "au date", "le date", "de événements", "parmi événements"):
        assert wrong not in told
    assert "lines : date de délivrance des événements 1" in told
