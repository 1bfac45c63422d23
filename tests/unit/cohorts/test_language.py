"""What a study author may write, and where a mistake is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bercail.cohorts import Cohort, day, dispensings, long_term_illnesses, persons, stays
from bercail.cohorts.series import EventBool, EventDate, PersonBool, PersonDate, PersonInt
from bercail.foundation import Invalid

MISTAKES: dict[str, tuple[Callable[[], Any], str]] = {
    "person and event mixed": (
        lambda: persons.birth_year == dispensings.date.year,
        "one value per event of dispensings",
    ),
    "two views mixed": (lambda: dispensings.date > stays.entry, "is mixed with"),
    "and": (lambda: (persons.birth_year > 1) and (persons.birth_year < 3), "has no truth"),
    "chained comparison": (lambda: 1900 < persons.birth_year < 1950, "has no truth"),
    "not a set": (lambda: not dispensings, "neither true nor false"),
    "number with text": (lambda: persons.birth_year == "1950", "is of type text"),
    "float": (lambda: persons.birth_year > 1.5, "`float`"),
    "true is no number": (lambda: persons.birth_year == True, "type bool"),  # noqa: E712
    "date that is none": (lambda: persons.death_date < "2024-02-30", "`2024-02-30` is no date"),
    "date in another form": (lambda: persons.death_date < "20240229", "is no date"),
    "year too far": (lambda: dispensings.during(24), "`24` is no year"),
    "condition on persons in where": (
        lambda: dispensings.where(persons.sex == "male"),
        "not `PersonBool`",
    ),
    "condition of another view": (
        lambda: dispensings.where(stays.ghm == "01M301"),
        "looks at `stays`",
    ),
    "unknown rule": (lambda: dispensings.clean("dcir-magic"), "no cleaning rule `dcir-magic`"),
    "rule of another view": (lambda: stays.clean("dcir-net-lines"), "for stays"),
    "cleaning after narrowing": (
        lambda: dispensings.during(2024).clean("dcir-net-lines"),
        "come first",
    ),
    "empty code list": (lambda: dispensings.atc.is_in([]), "empty"),
    "code with spaces": (lambda: dispensings.atc.starts_with(" A10"), "is no code"),
    "one text as list": (lambda: dispensings.atc.is_in("A10"), "no list"),
    "equality of code sets": (lambda: stays.diagnoses == "I63", "holds several codes"),
    "window bound per event": (
        lambda: stays.between(dispensings.date),
        "has one value per event",
    ),
    "window without bounds": (lambda: stays.between(), "needs a start or an end"),
    "window on no date": (lambda: stays.between("2024-01-01", on="ghm"), "is no date"),
    "sum of dates": (lambda: dispensings.total(dispensings.date), "is of type date"),
    "count of another view": (lambda: dispensings.count_distinct(stays.entry), "no value of"),
    "count of a person's value": (
        lambda: dispensings.count_distinct(persons.birth_year),
        "`PersonInt`",
    ),
    "groups that do not rise": (lambda: persons.birth_year.groups(10, 5), "does not begin"),
    "groups of nothing": (lambda: persons.birth_year.groups_of(0, up_to=9), "do not make groups"),
    "shift too far": (lambda: persons.death_date.plus(years=101), "from -100 to 100"),
    "shift by a boolean": (lambda: persons.death_date.plus(days=True), "whole number"),
    "choice of two types": (
        lambda: (persons.sex == "male").choose("yes", 0),
        "is of type int",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_where_it_is_written(name: str) -> None:
    act, message = MISTAKES[name]
    with pytest.raises(Invalid, match=message):
        act()


def test_levels_are_different_types() -> None:
    assert isinstance(persons.birth_year, PersonInt)
    assert isinstance(persons.birth_year > 1950, PersonBool)
    assert isinstance(dispensings.date, EventDate)
    assert isinstance(dispensings.atc.starts_with("A10"), EventBool)
    assert isinstance(dispensings.first().date, PersonDate)
    assert isinstance(dispensings.minimum(dispensings.date), PersonDate)
    assert isinstance(day("2024-12-31"), PersonDate)


def test_the_same_words_make_the_same_node() -> None:
    one = dispensings.atc.is_in(["B", "A", "A"]).node
    other = dispensings.atc.is_in(("A", "B")).node
    assert one == other
    assert hash(one) == hash(other)
    assert dispensings.clean("dcir-net-lines", "dcir-base-acts").node == (
        dispensings.clean("dcir-base-acts").clean("dcir-net-lines").node
    )


def test_one_and_true_are_different() -> None:
    assert (persons.birth_year == 1).node != (dispensings.exists() == True).node  # noqa: E712
    with pytest.raises(Invalid, match="is of type int"):
        _ = dispensings.exists() == 1


def test_a_value_shows_its_name_and_no_data() -> None:
    assert repr(persons.birth_year) == "PersonInt(persons.birth_year)"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "population of events": ({"population": dispensings.large_pack}, "one value per event"),
    "population that is no condition": ({"population": persons.birth_year}, "type int"),
    "population true without data": ({"population": ~dispensings.exists()}, "without any data"),
    "everyone": ({"population": True}, "without any data"),
    "name in capitals": ({"name": "Study"}, "cannot name a study"),
    "two lines of title": ({"title": "a\nb"}, "one line of text"),
    "unknown person rule": ({"person_rules": ["person-tall"]}, "`person-tall`"),
    "rule twice": ({"person_rules": ["person-known-sex"] * 2}, "stands twice"),
    "index date that is none": ({"index_date": "today"}, "`today` is no date"),
    "attribute of events": ({"attributes": {"a": stays.ghm}}, "one value per event of stays"),
    "attribute name": ({"attributes": {"person": persons.sex}}, "cannot name an attribute"),
    "exclusion of events": ({"exclude": {"x": dispensings.large_pack}}, "exclusion `x`"),
    "table by nothing": ({"tables": {"t": []}}, "counts by ``"),
    "table by what is not there": ({"tables": {"t": ["sex"]}}, "counts by `sex`"),
    "table by the same twice": (
        {"attributes": {"sex": persons.sex}, "tables": {"t": ["sex", "sex"]}},
        "counts by `sex, sex`",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_cohort_cannot_exist(name: str) -> None:
    given, message = WRONG[name]
    valid: dict[str, Any] = {"name": "s", "title": "s", "population": dispensings.exists()}
    with pytest.raises(Invalid, match=message):
        Cohort(**{**valid, **given})


@pytest.mark.parametrize(
    "population",
    [
        dispensings.count() >= 0,
        dispensings.count_dates() == 0,
        dispensings.total(dispensings.quantity) < 1,
        ~persons.birth_year.is_known(),
        persons.alive_on("2024-12-31"),
        (persons.sex == "male").if_unknown(True),
        ~stays.exists() | long_term_illnesses.exists(),
    ],
)
def test_a_population_must_not_depend_on_who_is_in_the_file(population: PersonBool) -> None:
    with pytest.raises(Invalid, match="without any data") as caught:
        Cohort(name="s", title="s", population=population)
    assert caught.value.rule == "definite-population"


def test_absence_may_stand_beside_something_known() -> None:
    study = Cohort(
        name="s", title="s", population=persons.birth_year.is_known() & ~dispensings.exists()
    )
    assert len(study.model.digest) == 64
