"""Every identity of a difficult population is resolved to the right person; twins stay two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from bercail.catalogue import load
from bercail.foundation import Role
from bercail.ingest.persons import (
    IDENTITIES,
    PERSONS,
    PersonDesk,
    WorkSettings,
    person_of_pairs,
    person_of_pseudonyms,
)
from bercail.ingest.synth import SynthProfile, make
from bercail.ingest.synth.beneficiaries import archived
from bercail.ingest.synth.people import NEVER
from bercail.ingest.synth.world import World, draw_world
from bercail.testing.small_house import SmallHouse, person

# A few flux months are enough: care lines name nobody whom the registers do not.
SOME_CARE = ("DCIR_201703", "DCIR_201804")
OPERATOR = person("odile", Role.OPERATOR)
PROFILE = SynthProfile(persons=900, seed=11, difficulty="hard", form="parquet", first_year=2017)


@pytest.fixture(scope="module")
def world() -> World:
    return draw_world(PROFILE, load())


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallHouse]:
    """A lake with the registers and care lines of the population, and its person layer."""
    root = tmp_path_factory.mktemp("persons")
    make(PROFILE, root / "data")
    built = SmallHouse.build(root)
    for path in sorted((root / "data").glob("*/*.parquet")):
        if path.stem in ("IR_BEN_R", "IR_BEN_R_ARC") or path.parent.name in SOME_CARE:
            if path.stem not in ("IR_BEN_R", "IR_BEN_R_ARC", "ER_PRS_F"):
                continue
            table = pq.read_table(path)
            built.lake.append(
                path.stem, table.to_batches(), table.schema, delivery=path.parent.name
            )
    PersonDesk(built.lake, built.ledger, WorkSettings(memory_limit="1GB")).build(OPERATOR)
    yield built
    built.close()


def pairs(world: World) -> dict[tuple[str, int], int]:
    """The true person of each pair, -1 for a number that is nobody's."""
    ids = world.identities
    # The archive has a provisional number of its own, which begins with 7 or 8.
    old = np.flatnonzero(archived(PROFILE, world.people, ids))
    archive = ids.psa[old].copy()
    archive[:, 0] += 6
    psa = np.vstack([ids.psa, archive])
    rank = np.r_[ids.rank, np.ones(len(old), np.int64)]
    person = np.r_[ids.person, old]
    width = psa.shape[1]
    texts = np.ascontiguousarray(psa).view(f"S{width}").ravel()
    keys = zip(texts.tolist(), rank.tolist(), person.tolist(), strict=True)
    return {(text.decode(), number): who for text, number, who in keys}


def test_every_pair_leads_to_its_person(house: SmallHouse, world: World) -> None:
    truth = pairs(world)
    found = person_of_pairs(house.lake).read_all()
    number = {(row["BEN_NIR_PSA"], row["BEN_RNG_GEM"]): row for row in found.to_pylist()}
    assert set(number) == set(truth)
    by_person: dict[int, set[int]] = defaultdict(set)
    by_number: dict[int, set[int]] = defaultdict(set)
    for key, who in truth.items():
        assert number[key]["fictitious"] == (who < 0)
        assert not number[key]["ambiguous"]
        if who >= 0:
            by_person[who].add(number[key]["person"])
            by_number[number[key]["person"]].add(who)
    assert all(len(numbers) == 1 for numbers in by_person.values())
    assert all(len(people) == 1 for people in by_number.values())
    assert len(by_person) == PROFILE.persons


def test_twins_are_two_and_nobody_by_their_pseudonym_alone(house: SmallHouse, world: World) -> None:
    shared: dict[str, set[int]] = defaultdict(set)
    for (text, _), who in pairs(world).items():
        shared[text].add(who)
    twins = {text for text, people in shared.items() if len(people) > 1}
    assert len(twins) >= 2
    alone = person_of_pseudonyms(house.lake).read_all().to_pylist()
    nobody = {row["BEN_NIR_PSA"] for row in alone if row["person"] is None}
    assert nobody == twins
    assert {row["BEN_NIR_PSA"] for row in alone if row["twin"]} == twins


def test_doubts_are_counted_as_the_truth_counts_them(house: SmallHouse, world: World) -> None:
    people = house.lake.read(PERSONS).read_all()
    ids = world.identities
    real = people.filter(people["real_identifier"])
    old = archived(PROFILE, world.people, ids)
    assert old.sum() > 0
    counted = real.filter(pc.greater(real["psa_count"], 1)).num_rows
    assert counted == int(((ids.second >= 0) | old).sum())
    assert pc.max(real["psa_count"]).as_py() == 3
    identities = house.lake.read(IDENTITIES).read_all()
    assert identities.filter(identities["archived"]).num_rows == int(old.sum())
    fictitious = identities.filter(identities["fictitious"]).num_rows
    assert fictitious == int((ids.person < 0).sum())
    assert identities.filter(identities["unregistered"]).num_rows == 0


def test_birth_sex_and_death_are_those_of_the_person(house: SmallHouse, world: World) -> None:
    truth = pairs(world)
    by_number = {row["person"]: row for row in house.lake.read(PERSONS).read_all().to_pylist()}
    who_is = {
        truth[row["BEN_NIR_PSA"], row["BEN_RNG_GEM"]]: by_number[row["person"]]
        for row in person_of_pairs(house.lake).read_all().to_pylist()
        if truth.get((row["BEN_NIR_PSA"], row["BEN_RNG_GEM"]), -1) >= 0
    }
    births = world.people.birth.astype("datetime64[D]").astype("datetime64[M]").astype(int)
    for who, row in who_is.items():
        assert row["sex"] == world.people.sex[who]
        if row["birth_year"] is not None:
            assert row["birth_year"] == births[who] // 12 + 1970
        assert row["birth_month"] == births[who] % 12 + 1
        assert (row["death_date"] is not None) == (world.people.shown[who] < NEVER)
    # 1600 stands on one line of a person who has another one.
    assert all(row["birth_year_by"] == "agreed" for row in who_is.values())
