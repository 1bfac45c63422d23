"""How two cohorts overlap, counted on a real lake, and what of it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from bercail.access.permit import Population as Asked
from bercail.airlock.disclosure.guard import Population, relation_of
from bercail.cohorts import Cohort, Model, persons
from bercail.foundation import Invalid, sha256_hex
from bercail.platform.populations import KIND, CohortCounter
from bercail.testing.access_desk import BEN, CLAIRE, AccessDesk, level_one, scope

THRESHOLD = 3


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[AccessDesk]:
    """Ten persons born from 1950 to 1959, in two départements."""
    made = AccessDesk(tmp_path)
    load(made, range(10))
    yield made
    made.close()


def load(desk: AccessDesk, numbers: range) -> None:
    desk.load(
        f"BEN_2026{numbers.start + 1:02}",
        IR_BEN_R=[
            {
                "BEN_NIR_PSA": f"p{number}",
                "BEN_RNG_GEM": 1,
                "BEN_IDT_ANO": f"p{number}-own",
                "ASS_NIR_ANO": f"p{number}",
                "BEN_NAI_ANN": str(1950 + number),
                "BEN_RES_DPT": "075" if number % 2 else "069",
            }
            for number in numbers
        ],
    )


def born_before(year: int) -> Model:
    return Cohort(
        name="born", title="Born early", population=persons.birth_year < year, label="Born early"
    ).model


def counter(desk: AccessDesk) -> CohortCounter:
    return CohortCounter(
        lake=desk.house.lake,
        sealed=desk.house.sealed(KIND, "lake"),
        permits=lambda permit: desk.access.find_permit(permit, desk.house.clock.now())[0],
        objections=desk.access.objections,
    )


def kept(desk: AccessDesk, model: Model, permit: str) -> Population:
    counter(desk).learn(model.digest, model.to_json(), permit)
    snapshot = desk.house.lake.snapshot("IR_BEN_R").id
    return Population(cohort=model.digest, snapshot=f"IR_BEN_R@{snapshot}")


def test_two_cohorts_are_counted_on_the_persons_themselves(desk: AccessDesk) -> None:
    permit = desk.permit(scope=scope(BEN))
    five, six, nine = (kept(desk, born_before(1950 + n), permit) for n in (5, 6, 9))
    asked = counter(desk)
    assert asked.relation(five, six, THRESHOLD) == relation_of(0, 1, 5, THRESHOLD)
    assert asked.relation(six, five, THRESHOLD) == relation_of(1, 0, 5, THRESHOLD)
    assert asked.relation(nine, five, THRESHOLD) == relation_of(4, 0, 5, THRESHOLD)
    assert asked.relation(five, five, THRESHOLD) == relation_of(0, 0, 5, THRESHOLD)


def test_the_same_cohort_in_two_states_of_the_lake(desk: AccessDesk) -> None:
    permit = desk.permit(scope=scope(BEN))
    before = kept(desk, born_before(2000), permit)
    load(desk, range(10, 12))
    after = kept(desk, born_before(2000), permit)
    assert before != after
    assert counter(desk).relation(before, after, THRESHOLD) == relation_of(0, 2, 10, THRESHOLD)


def test_an_answer_is_kept_against_the_threshold_and_not_counted_again(
    desk: AccessDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    permit = desk.permit(scope=scope(BEN))
    five, six = (kept(desk, born_before(1950 + n), permit) for n in (5, 6))
    first = counter(desk).relation(five, six, THRESHOLD)
    monkeypatch.setattr(CohortCounter, "_persons", None)
    assert counter(desk).relation(five, six, THRESHOLD) == first
    assert counter(desk).relation(six, five, THRESHOLD) == relation_of(1, 0, 5, THRESHOLD)
    with pytest.raises(TypeError):
        counter(desk).relation(five, six, THRESHOLD + 1)


def test_the_years_and_population_of_a_permit_limit_its_cohort(desk: AccessDesk) -> None:
    """Five of the ten live in 075: of those born before 1955 two, before 1956 three."""
    asked = evolve(scope(BEN), population=Asked(departments=("075",)))
    permit = desk.permit(scope=asked)
    five, eight = (kept(desk, born_before(1950 + n), permit) for n in (5, 8))
    assert counter(desk).relation(five, eight, 3) == relation_of(0, 2, 2, 3)


def test_one_model_under_two_permits_is_asked_of_both(desk: AccessDesk) -> None:
    """The small difference is the answer; where nobody is near, and both differ, there is none."""
    wide = desk.permit(scope=scope(BEN))
    narrow = desk.permit(scope=evolve(scope(BEN), population=Asked(departments=("075",))))
    five, eight = (kept(desk, born_before(1950 + n), wide) for n in (5, 8))
    assert counter(desk).relation(five, eight, 3) == relation_of(0, 3, 5, 3)
    kept(desk, born_before(1955), narrow)
    kept(desk, born_before(1958), narrow)
    found = counter(desk).relation(five, eight, 3)
    assert found is not None
    assert found.difference == relation_of(0, 2, 2, 3).difference
    assert counter(desk).relation(five, eight, 2) is None


def test_what_cannot_be_counted_has_no_answer(desk: AccessDesk) -> None:
    permit = desk.permit(scope=scope(BEN))
    known = kept(desk, born_before(1955), permit)
    strange = evolve(known, cohort="ab" * 32)
    assert counter(desk).relation(known, strange, THRESHOLD) is None
    for snapshot in ("IR_BEN_R@1", "", "ER_PRS_F@1"):
        gone = evolve(known, snapshot=snapshot)
        assert counter(desk).relation(known, gone, THRESHOLD) is None


def test_only_a_model_of_that_digest_is_kept(desk: AccessDesk) -> None:
    model = born_before(1955)
    with pytest.raises(Invalid, match="as its digest was taken"):
        counter(desk).learn("ab" * 32, model.to_json(), "permit-1")
    with pytest.raises(Invalid):
        counter(desk).learn(sha256_hex(b"{}"), b"{}", "permit-1")


def test_persons_who_object_are_not_counted(desk: AccessDesk) -> None:
    permit = desk.permit(scope=scope(BEN))
    five, eight = (kept(desk, born_before(1950 + n), permit) for n in (5, 8))
    assert counter(desk).relation(five, eight, 3) == relation_of(0, 3, 5, 3)
    desk.access.objections.register(level_one("p6-own"), CLAIRE)
    assert counter(desk).relation(five, eight, 3) == relation_of(0, 2, 5, 3)
