"""The drawn population itself, over several seeds: what no seed may break."""

from __future__ import annotations

import numpy as np
import pytest

from bercail.catalogue import load
from bercail.ingest.synth import SynthProfile
from bercail.ingest.synth.draws import Draws, expand, rank_in_group
from bercail.ingest.synth.lines import LAST_LAG
from bercail.ingest.synth.people import ADULT_DAYS
from bercail.ingest.synth.truth import truth_of
from bercail.ingest.synth.world import World, draw_world


@pytest.fixture(scope="module", params=[1, 2, 11])
def world(request: pytest.FixtureRequest) -> World:
    return draw_world(SynthProfile(persons=700, seed=request.param), load())


def test_parents_are_grown_when_a_child_is_born(world: World) -> None:
    people = world.people
    children = np.flatnonzero(people.mother >= 0)
    assert len(children) > 50
    assert (people.sex[people.mother[children]] == 2).all()
    gap = people.birth[children] - people.birth[people.mother[children]]
    assert (gap > 0).all()
    grown = people.start - people.birth[people.mother[children]] >= ADULT_DAYS
    assert grown.all()


def test_twins_are_each_others_and_share_birth_and_parents(world: World) -> None:
    people = world.people
    twins = np.flatnonzero(people.twin >= 0)
    assert len(twins) >= 4
    other = people.twin[twins]
    assert (people.twin[other] == twins).all()
    assert (people.birth[other] == people.birth[twins]).all()
    assert (people.mother[other] == people.mother[twins]).all()


def test_an_identifier_and_rank_name_one_person(world: World) -> None:
    identities = world.identities
    pairs = {(bytes(psa), rank) for psa, rank in zip(identities.psa, identities.rank, strict=True)}
    assert len(pairs) == len(identities)
    own = {bytes(number) for number in identities.own[:, :13]}
    assert len(own) == len(world.people)


def test_acts_are_paid_under_an_identity_of_the_person_or_a_fictitious_one(world: World) -> None:
    owner = world.identities.person[world.identity]
    assert ((owner == world.acts.person) | (owner < 0)).all()


def test_lines_arrive_between_one_month_and_the_last(world: World) -> None:
    lines = world.lines
    assert lines.lag.min() == 1
    assert lines.lag.max() == LAST_LAG
    assert (np.diff(lines.month) >= 0).all()


def test_money_of_a_cancelled_act_adds_up_to_nothing(world: World) -> None:
    lines, acts = world.lines, world.acts
    whole = (lines.kind == 0) | (lines.kind == 4)
    for act in lines.cancelled_acts[:20]:
        mine = whole & (lines.act == act)
        total = int((acts.paid[act] * lines.sign[mine]).sum())
        assert total in (0, acts.paid[act] if mine.sum() == 1 else 0)


def test_the_truth_holds_no_float(world: World) -> None:
    def walk(value: object) -> None:
        assert not isinstance(value, float)
        if isinstance(value, dict):
            for item in value.values():
                walk(item)

    walk(truth_of(world))


def test_what_has_arrived_is_part_of_what_will_be(world: World) -> None:
    truth = truth_of(world)
    kinds = truth["lines"]["by_kind"]
    assert sum(kinds.values()) == truth["lines"]["arrived"]
    assert kinds["reversal"] > kinds["renewed"] > 0
    assert sum(truth["lines"]["by_lag_in_months"].values()) == truth["lines"]["arrived"]


def test_a_stream_depends_on_its_name_and_seed() -> None:
    first = Draws(1, "a").uniform(5).tolist()
    assert first == Draws(1, "a").uniform(5).tolist()
    assert first != Draws(1, "b").uniform(5).tolist()
    assert first != Draws(2, "a").uniform(5).tolist()


def test_ranks_and_expansions() -> None:
    assert rank_in_group(np.array([5, 3, 5, 5, 3])).tolist() == [0, 0, 1, 2, 1]
    owners, places = expand(np.array([2, 0, 1]))
    assert (owners.tolist(), places.tolist()) == ([0, 0, 2], [0, 1, 0])
    assert rank_in_group(np.array([], dtype=np.int64)).tolist() == []
