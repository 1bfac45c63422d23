"""Who is who: numbers that stay, doubts that are told, and builds that can be begun again."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from bercail.foundation import Refused, Role, Unavailable
from bercail.ingest.persons import (
    IDENTITIES,
    PERSONS,
    PersonDesk,
    WorkSettings,
    moved_persons,
    person_of_pairs,
    person_of_pseudonyms,
    sources,
)
from bercail.ingest.persons.sources import CARE_COLUMNS, REGISTER_COLUMNS
from bercail.lake.renewing import Renewing
from bercail.testing.fate import Killed
from bercail.testing.small_house import SmallHouse, person

OPERATOR = person("odile", Role.OPERATOR)
NEVER = date(1600, 1, 1)
Give = Callable[..., None]
Row = dict[str, Any]


def psa(name: str) -> str:
    """A pseudonym that ends with a letter."""
    return f"PSAPSAPSAPSAPSAP{name}"


def own(name: str) -> str:
    """A number of somebody's own, as a pseudonym."""
    return f"OWNOWNOWNOWNOWNO{name.upper()}"


def line(of: str, number: str | None = None, rank: int | None = 1, **columns: Any) -> Row:
    """A line of IR_BEN_R; `number` is that of the person, when certified."""
    given = {
        "BEN_NIR_PSA": psa(of),
        "BEN_RNG_GEM": rank,
        "BEN_NIR_ANO": None if number is None else own(number),
        "BEN_CDI_NIR": "00",
        "BEN_NAI_ANN": "1980",
        "BEN_NAI_MOI": "02",
        "BEN_SEX_COD": 2,
        "BEN_DCD_DTE": NEVER,
        "BEN_DTE_INS": date(2019, 5, 1),
        "BEN_DTE_MAJ": date(2020, 1, 1),
    }
    return {**given, **columns}


def care(of: str, rank: int = 1, code: str = "00", month: date = date(2024, 2, 1)) -> Row:
    return {
        "BEN_NIR_PSA": psa(of),
        "BEN_RNG_GEM": rank,
        "BEN_CDI_NIR": code,
        "FLX_DIS_DTD": month,
    }


@pytest.fixture
def desk(house: SmallHouse) -> PersonDesk:
    return PersonDesk(house.lake, house.ledger, WorkSettings(memory_limit="1GB"))


@pytest.fixture
def give(house: SmallHouse) -> Give:
    """Puts a delivery in the lake, a second after the one before."""

    def given(name: str, rows: Sequence[Row], table: str = "IR_BEN_R", corrects: str = "") -> None:
        house.clock.advance(timedelta(seconds=1))
        schema = CARE_COLUMNS if table.startswith("ER_PRS_F") else REGISTER_COLUMNS
        batches = [pa.RecordBatch.from_pylist(list(rows), schema=schema)]
        if corrects:
            house.lake.correcting.correct(
                table, batches, schema, delivery=name, corrects=corrects, epoch=1
            )
        else:
            house.lake.append(table, batches, schema, delivery=name)

    return given


def rows(house: SmallHouse, table: str) -> list[Row]:
    key = "identity" if table == IDENTITIES else "person"
    return house.lake.read(table).read_all().sort_by(key).to_pylist()


def numbers(house: SmallHouse) -> dict[tuple[str, int | None], int | None]:
    """The person of each pair, by the last letter of its pseudonym and its rank."""
    found = person_of_pairs(house.lake).read_all().to_pylist()
    return {(row["BEN_NIR_PSA"][-1], row["BEN_RNG_GEM"]): row["person"] for row in found}


def flagged(house: SmallHouse, flag: str) -> list[str]:
    found = person_of_pairs(house.lake).read_all().to_pylist()
    return sorted(f"{row['BEN_NIR_PSA'][-1]}{row['BEN_RNG_GEM']}" for row in found if row[flag])


def test_one_person_has_several_pseudonyms_and_one_number(house, desk, give) -> None:
    give("b1", [line("A", "x"), line("B", "y"), line("C", "x")])
    built = desk.build(OPERATOR)
    assert numbers(house) == {("A", 1): 1, ("B", 1): 2, ("C", 1): 1}
    assert (built.identities, built.persons, built.last_number) == (3, 2, 3)
    assert flagged(house, "several_psa") == ["A1", "C1"]
    first, second = rows(house, PERSONS)
    assert (first["person"], first["psa_count"], first["BEN_IDT_ANO"]) == (1, 2, own("x"))
    assert (second["person"], second["psa_count"], second["identities"]) == (2, 1, 1)


def test_without_an_own_number_a_pair_is_a_person(house, desk, give) -> None:
    give("b1", [line("A"), line("B", rank=None), line("C", rank=0)])
    desk.build(OPERATOR)
    names = [row["BEN_IDT_ANO"] for row in rows(house, PERSONS)]
    assert names == [f"{psa('A')}1", None, f"{psa('C')}0"]
    assert numbers(house) == {("A", 1): 1, ("B", None): 2, ("C", 0): 3}


def test_twins_of_the_same_sex_are_two_persons_and_the_pseudonym_alone_is_nobody(
    house, desk, give
) -> None:
    give("b1", [line("A", "x", 1), line("A", "y", 2), line("B", "x", 1), line("D", "z")])
    desk.build(OPERATOR)
    assert numbers(house) == {("A", 1): 1, ("A", 2): 2, ("B", 1): 1, ("D", 1): 4}
    assert flagged(house, "twin") == ["A1", "A2"]
    assert flagged(house, "undecided") == []
    alone = person_of_pseudonyms(house.lake).read_all().to_pylist()
    assert {row["BEN_NIR_PSA"][-1]: row["person"] for row in alone} == {"A": None, "B": 1, "D": 4}
    assert [row["twin"] for row in rows(house, PERSONS)] == [True, True, False]


def test_two_ranks_without_own_numbers_are_not_decided(house, desk, give) -> None:
    give("b1", [line("A", None, 0), line("A", None, 1), line("B", "x", 0), line("B", "x", 1)])
    desk.build(OPERATOR)
    assert flagged(house, "undecided") == ["A0", "A1"]
    # Two ranks that lead to one own number are one person, written twice.
    assert flagged(house, "twin") == ["A0", "A1"]
    assert numbers(house)["B", 0] == numbers(house)["B", 1] == 3


def test_a_provisional_number_becomes_the_definitive_one_and_keeps_its_person(
    house, desk, give
) -> None:
    give("b1", [line("A", None, BEN_CDI_NIR="04")])
    desk.build(OPERATOR)
    give("b2", [line("A", "x", BEN_DTE_MAJ=date(2021, 3, 1)), line("B", "x")])
    built = desk.build(OPERATOR)
    assert numbers(house) == {("A", 1): 1, ("B", 1): 1}
    assert (built.persons, built.merged_persons, built.new_identities) == (1, 0, 2)
    old, new, other = rows(house, IDENTITIES)
    assert (old["valid_from"], old["valid_to"]) == (date(2019, 5, 1), date(2021, 3, 1))
    assert (new["valid_from"], new["valid_to"]) == (date(2021, 3, 1), None)
    assert (other["valid_from"], other["valid_to"]) == (date(2019, 5, 1), None)
    assert [row["provisional"] for row in (old, new, other)] == [True, False, False]
    assert rows(house, PERSONS)[0]["BEN_IDT_ANO"] == own("x")


def test_two_persons_found_to_be_one_take_the_older_number(house, desk, give) -> None:
    give("b1", [line("A"), line("B", "x"), line("C", "z")])
    before = desk.build(OPERATOR).identities_snapshot
    give("b2", [line("A", "x", BEN_DTE_MAJ=date(2021, 1, 1)), line("D", "w")])
    built = desk.build(OPERATOR)
    assert built.merged_persons == 1
    assert numbers(house) == {("A", 1): 1, ("B", 1): 1, ("C", 1): 3, ("D", 1): 5}
    assert moved_persons(house.lake, before).to_pylist() == [{"before": 2, "after": 1}]


def test_a_pair_that_leads_to_two_persons_leads_to_none(house, desk, give) -> None:
    give("b1", [line("A", "x"), line("B", "y")])
    desk.build(OPERATOR)
    give("b2", [line("A", "y"), line("A")])
    desk.build(OPERATOR)
    assert numbers(house) == {("A", 1): None, ("B", 1): 2}
    assert flagged(house, "ambiguous") == ["A1"]
    # The line without an own number stays with the number that the pair had first.
    assert [row["person"] for row in rows(house, IDENTITIES)] == [1, 2, 2, 1]
    assert [row["ambiguous"] for row in rows(house, PERSONS)] == [True, True]


def test_what_is_known_of_a_person_says_how(house, desk, give) -> None:
    late, later = date(2021, 1, 1), date(2022, 1, 1)
    give(
        "b1",
        [
            line("A", "x", BEN_NAI_ANN="1600", BEN_DCD_DTE=date(2020, 5, 5)),
            line("B", "x", BEN_NAI_ANN="1980", BEN_SEX_COD=9),
            line("C", "y", BEN_NAI_ANN="1979", BEN_DTE_MAJ=later, BEN_CDI_NIR="04"),
            line("D", "y", BEN_NAI_ANN="1981", BEN_NAI_MOI="03", BEN_SEX_COD=1, BEN_DTE_MAJ=late),
            line("E", "z", BEN_NAI_ANN="1600", BEN_SEX_COD=9, BEN_NAI_MOI="00"),
            line("F", "w", BEN_DCD_DTE=date(2020, 1, 1)),
            line("G", "w", BEN_DCD_DTE=date(2020, 1, 2)),
        ],
    )
    desk.build(OPERATOR)
    told = ("birth_year", "birth_year_by", "birth_month", "sex", "sex_by", "death_by")
    found = [tuple(row[name] for name in told) for row in rows(house, PERSONS)]
    assert found == [
        (1980, "agreed", 2, 2, "agreed", "agreed"),
        # The ordinary number is believed before the provisional one, though it is older.
        (1981, "latest", 3, 1, "latest", "unknown"),
        (None, "unknown", None, None, "unknown", "unknown"),
        (1980, "agreed", 2, 2, "agreed", "latest_day"),
    ]
    deaths = [row["death_date"] for row in rows(house, PERSONS)]
    assert deaths == [date(2020, 5, 5), None, None, date(2020, 1, 2)]
    assert flagged(house, "birth_variation") == ["C1", "D1"]
    assert flagged(house, "sex_variation") == ["C1", "D1"]
    assert flagged(house, "death_conflict") == ["F1", "G1"]


def test_the_archive_speaks_of_persons_too(house, desk, give) -> None:
    give("b1", [line("A", "x")])
    give("a1", [line("B", "x", BEN_DTE_MAJ=date(2011, 1, 1)), line("A", "x")], "IR_BEN_R_ARC")
    desk.build(OPERATOR)
    assert numbers(house) == {("A", 1): 1, ("B", 1): 1}
    assert flagged(house, "archived") == ["A1", "B1"]


def test_a_person_of_care_lines_alone_is_a_person(house, desk, give) -> None:
    give("b1", [line("A", "x")])
    give("p1", [care("A"), care("B"), care("B"), care("A", 2)], "ER_PRS_F")
    desk.build(OPERATOR)
    assert numbers(house) == {("A", 1): 1, ("B", 1): 2, ("A", 2): 3}
    assert flagged(house, "unregistered") == ["A2", "B1"]
    give("b2", [line("B", "x", BEN_DTE_MAJ=date(2024, 5, 1))])
    give("p2", [care("C", code="11", month=date(2024, 3, 1))], "ER_PRS_F_2012")
    desk.build(OPERATOR)
    assert numbers(house)["B", 1] == 1
    assert flagged(house, "fictitious") == ["C1"]
    by_number = {row["identity"]: row for row in rows(house, IDENTITIES)}
    assert by_number[2]["valid_to"] == date(2024, 5, 1)
    assert [row["real_identifier"] for row in rows(house, PERSONS)] == [True, True, False]


def test_marks_of_no_identity_are_nobody(house, desk, give) -> None:
    unknown = "X" * 16 + "D"
    nobody = {"BEN_NIR_PSA": unknown}
    give("b1", [line("A", BEN_NIR_ANO="x" * 17), line("B", **nobody), line("C", BEN_NIR_PSA=None)])
    give("p1", [care("A") | nobody], "ER_PRS_F")
    assert desk.build(OPERATOR).identities == 1
    assert rows(house, PERSONS)[0]["BEN_IDT_ANO"] == f"{psa('A')}1"


def test_nothing_new_makes_no_build(house, desk, give) -> None:
    assert desk.build(OPERATOR) is None
    give("b1", [line("A", "x")])
    assert desk.status()["new_deliveries"] == 1
    assert desk.build(OPERATOR) is not None
    assert desk.build(OPERATOR) is None
    assert desk.status()["new_deliveries"] == 0
    assert len(house.lake.snapshots(IDENTITIES)) == 1


def test_only_new_deliveries_are_read(house, desk, give, monkeypatch) -> None:
    give("b1", [line("A", "x")])
    desk.build(OPERATOR)
    give("b2", [line("B", "y")])
    opened: list[str] = []
    real = sources.rows_of_part

    def seen(filesystem: Any, part: Any, *rest: Any) -> Any:
        opened.append(part.url)
        return real(filesystem, part, *rest)

    monkeypatch.setattr(sources, "rows_of_part", seen)
    desk.build(OPERATOR)
    assert [url.split("/")[4] for url in opened] == ["b2"]


def test_a_correction_makes_it_read_everything_and_keeps_the_numbers(house, desk, give) -> None:
    give("b1", [line("A", "x"), line("B", "y")])
    give("b2", [line("C", "z")])
    desk.build(OPERATOR)
    give("b3", [line("B", "y"), line("D", "w")], corrects="b1")
    assert desk.status()["reads_everything_again"]
    built = desk.build(OPERATOR)
    assert built.whole
    assert numbers(house) == {("B", 1): 2, ("C", 1): 3, ("D", 1): 4}
    assert (built.last_number, built.new_identities) == (4, 1)


def test_a_number_is_never_given_again(house, desk, give) -> None:
    give("b1", [line("A", "x")])
    give("b2", [line("B", "y")])
    desk.build(OPERATOR)
    house.lake.correcting.correct(
        "IR_BEN_R",
        [pa.RecordBatch.from_pylist([], schema=REGISTER_COLUMNS)],
        REGISTER_COLUMNS,
        delivery="b3",
        corrects="b2",
        epoch=1,
    )
    assert desk.build(OPERATOR).last_number == 2
    give("b4", [line("B", "y"), line("C", "z")])
    desk.build(OPERATOR)
    assert numbers(house) == {("A", 1): 1, ("B", 1): 3, ("C", 1): 4}


def test_numbers_survive_a_change_of_the_pseudonyms(house, desk, give) -> None:
    give("b1", [line("A", "x"), line("B"), line("C", "x")])
    desk.build(OPERATOR)
    before = {(row["identity"], row["person"]) for row in rows(house, IDENTITIES)}
    house.rotation().apply(OPERATOR)
    assert desk.build(OPERATOR) is None
    after = rows(house, IDENTITIES)
    assert {(row["identity"], row["person"]) for row in after} == before
    assert not {row["BEN_NIR_PSA"] for row in after} & {psa("A"), psa("B"), psa("C")}
    assert desk.build(OPERATOR, whole=True).new_identities == 0
    assert rows(house, IDENTITIES) == after


@pytest.mark.parametrize("at", ["silver_identities", "silver_persons", "event"])
def test_a_build_killed_anywhere_is_begun_again(house, desk, give, monkeypatch, at) -> None:
    give("b1", [line("A"), line("B", "x")])
    desk.build(OPERATOR)
    give("b2", [line("A", "x", BEN_DTE_MAJ=date(2021, 1, 1)), line("C", "y")])
    committed = desk._committed

    def killed(connection: Any, name: str, epoch: int, onto: Any) -> dict[str, str]:
        if at == "silver_identities":
            raise Killed
        if at == "silver_persons":
            renew = Renewing.renew

            def only(self: Any, table: str, *rest: Any, **named: Any) -> Any:
                if table == PERSONS:
                    raise Killed
                return renew(self, table, *rest, **named)

            monkeypatch.setattr(Renewing, "renew", only)
        made = committed(connection, name, epoch, onto)
        raise Killed(made)

    with monkeypatch.context() as patched:
        patched.setattr(desk, "_committed", killed)
        with pytest.raises(Killed):
            desk.build(OPERATOR)
    monkeypatch.undo()
    give("b3", [line("D", "z")])
    built = PersonDesk(house.lake, house.ledger).build(OPERATOR)
    assert numbers(house) == {("A", 1): 1, ("B", 1): 1, ("C", 1): 4, ("D", 1): 5}
    assert built.last_number == 5
    assert {row["person"] for row in rows(house, PERSONS)} == {1, 4, 5}
    assert house.lake.verify(IDENTITIES).rows == built.identities


def test_each_build_is_a_signed_snapshot_and_an_event_without_a_pseudonym(
    house, desk, give
) -> None:
    give("b1", [line("A", "x")])
    built = desk.build(OPERATOR)
    assert house.lake.snapshot(IDENTITIES).id == built.identities_snapshot
    assert house.lake.snapshot(PERSONS).id == built.persons_snapshot
    events = json.dumps([record.body for record in house.ledger.history("persons")])
    assert "identities_snapshot" in events
    assert psa("A") not in events
    assert own("x") not in events


def test_an_operator_builds_and_nobody_else(desk, give) -> None:
    give("b1", [line("A", "x")])
    with pytest.raises(Refused) as refused:
        desk.build(person("axel", Role.ACCESS_OFFICER))
    assert refused.value.rule == "IAM-05"


def test_too_little_memory_is_said_without_a_value(house, give) -> None:
    give("b1", [line("A", "x")])
    poor = PersonDesk(house.lake, house.ledger, WorkSettings(memory_limit="1KB"))
    with pytest.raises(Unavailable) as error:
        poor.build(OPERATOR)
    assert psa("A") not in str(error.value)
