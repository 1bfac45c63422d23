"""An extract holds the permit's tables, columns, years and persons; nothing else, nobody else."""

from __future__ import annotations

import json

import pytest

from bercail.access.permit import Population, TableScope
from bercail.access.scope import reached
from bercail.access.selection import Selection, pin
from bercail.foundation import Missing, Unavailable, Unproven
from bercail.testing.access_desk import (
    BEN,
    CAMILLE,
    CHAIN,
    IMB,
    KEY,
    ODILE,
    PHA,
    PRS,
    STAY,
    rows_of,
    scope,
)

PARIS = Population(departments=("075",))


def numbers(rows, column="DCT_ORD_NUM"):
    return sorted(row[column] for row in rows)


def owners(desk, rows, names, column="NUM_ENQ"):
    """The short names behind the pseudonyms of a column, sorted."""
    back = {desk.delivered(name): name for name in names}
    return sorted(back[row[column]] for row in rows)


def test_lines_are_those_of_the_persons_and_the_years(stocked):
    found = stocked.extract()
    assert sorted(found) == ["ER_PHA_F", "ER_PRS_F", "IR_BEN_R", "IR_IMB_R", "T_MCO23B", "T_MCO23C"]
    known = ["ana", "mum", "dad"]
    assert owners(stocked, found["IR_BEN_R"], known) == ["ana", "dad", "mum"]
    assert owners(stocked, found["ER_PRS_F"], known) == sorted(known * 3)
    days = {row["EXE_SOI_DTD"].isoformat() for row in found["ER_PRS_F"]}
    assert days == {"2023-01-01", "2024-01-09", "2024-12-31"}


def test_columns_are_those_of_the_scope_in_its_order_under_project_names(stocked):
    found = stocked.extract()
    renamed = {
        "BEN_NIR_PSA": "NUM_ENQ",
        "BEN_IDT_ANO": "NUM_ENQ_IDT",
        "BEN_NIR_ANO": "NUM_ENQ_ANO",
        "NIR_ANO_17": "NUM_ENQ",
    }
    for asked, name in ((BEN, "IR_BEN_R"), (PRS, "ER_PRS_F"), (PHA, "ER_PHA_F"), (IMB, "IR_IMB_R")):
        assert list(found[name][0]) == [renamed.get(column, column) for column in asked.columns]
    assert list(found["T_MCO23C"][0]) == [renamed.get(column, column) for column in CHAIN.columns]


def test_details_follow_their_line_through_the_nine_column_key(stocked):
    found = stocked.extract()
    lines = [tuple(row[name] for name in KEY) for row in found["ER_PRS_F"]]
    details = [tuple(row[name] for name in KEY) for row in found["ER_PHA_F"]]
    assert sorted(details) == sorted(lines)
    assert numbers(found["ER_PHA_F"], "PHA_PRS_C13") == numbers(found["ER_PRS_F"])


@pytest.mark.parametrize("column", [name for name in KEY if name != "ORG_CLE_NUM"])
def test_a_detail_that_differs_in_one_column_of_the_key_is_of_another_line(desk, column):
    mine, other = desk.line("ana", "2024-01-09"), desk.line("zoe", "2024-01-09")
    other = {**mine, "BEN_NIR_PSA": "zoe", column: desk.line("ana", "2024-01-09")[column]}
    if other[column] == mine[column]:
        other[column] = mine["EXE_SOI_DTD"] if "DTD" in column else 7
    drug = {**{name: other[name] for name in KEY}, "PHA_PRS_C13": 1}
    desk.load(
        "ONE",
        IR_BEN_R=[_row("ana", "ana-own")],
        ER_PRS_F=[mine, other],
        ER_PHA_F=[drug, {**{name: mine[name] for name in KEY}, "PHA_PRS_C13": 2}],
    )
    found = desk.extract(scope=scope(PHA))
    assert numbers(found["ER_PHA_F"], "PHA_PRS_C13") == [2]


def test_a_scope_of_details_alone_brings_no_lines(stocked):
    found = stocked.extract(scope=scope(PHA))
    assert list(found) == ["ER_PHA_F"]
    assert len(found["ER_PHA_F"]) == 9


def test_a_stay_follows_its_person_in_its_own_year(stocked):
    both = stocked.extract(scope=scope(CHAIN, STAY, first_year=2022, last_year=2023))
    assert numbers(both["T_MCO22B"], "DGN_PAL") == ["22-1"]
    assert numbers(both["T_MCO23B"], "DGN_PAL") == ["23-0", "23-1"]
    assert owners(stocked, both["T_MCO22C"], ["ana"]) == ["ana"]
    assert owners(stocked, both["T_MCO23C"], ["ana", "mum"]) == ["ana", "mum"]


def test_marks_for_nobody_lead_to_no_stay(stocked):
    found = stocked.extract()
    assert all(row["NUM_ENQ"] != "x" * 17 for row in found["T_MCO23C"])


def test_a_long_illness_counts_while_it_lasts(stocked):
    found = stocked.extract()
    assert numbers(found["IR_IMB_R"], "MED_MTF_COD") == ["LASTDAY", "UNKNOWN"]


@pytest.mark.parametrize(
    ("population", "psas"),
    [
        (PARIS, ["ana"]),
        (Population(born_from=1951), ["dad", "mum"]),
        (Population(born_until=1950), ["ana"]),
        (Population(born_from=1950, born_until=1990), ["ana", "dad", "mum"]),
        (Population(born_from=1951, departments=("075",)), []),
    ],
)
def test_the_population_is_by_birth_and_home(stocked, population, psas):
    found = stocked.extract(scope=scope(population=population))
    assert owners(stocked, found["IR_BEN_R"], ["ana", "mum", "dad"]) == psas
    assert owners(stocked, found["ER_PRS_F"], ["ana", "mum", "dad"]) == sorted(psas * 3)
    assert len(found["ER_PHA_F"]) == 3 * len(psas)


def test_a_person_comes_with_every_number_they_are_paid_under(desk):
    """One home is in the population; the other parent's row and lines belong to the person."""
    desk.load(
        "ONE",
        IR_BEN_R=[
            _row("mum", "kid-own", home="075"),
            _row("dad", "kid-own", home="069"),
            _row("zoe", "zoe-own", home="069"),
        ],
        ER_PRS_F=[desk.line(psa, "2024-01-09") for psa in ("mum", "dad", "zoe")],
    )
    found = desk.extract(scope=scope(BEN, PRS, population=PARIS))
    assert owners(desk, found["ER_PRS_F"], ["mum", "dad"]) == ["dad", "mum"]
    assert {row["NUM_ENQ_IDT"] for row in found["IR_BEN_R"]} == {desk.delivered("kid-own")}


def twins(desk, second_home="075"):
    """Same-sex twins of one insured: one BEN_NIR_PSA, two ranks, and one stay of either."""
    desk.load(
        "ONE",
        IR_BEN_R=[
            _row("mum", "mum/1", rank=1),
            _row("mum", "mum/2", rank=2, home=second_home),
            _row("ana", "ana-own"),
        ],
        ER_PRS_F=[desk.line("mum", "2024-01-09", 1), desk.line("mum", "2024-01-10", 2)],
        T_MCO23C=[
            {"ETA_NUM": "E", "RSA_NUM": "1", "NIR_ANO_17": "mum"},
            {"ETA_NUM": "E", "RSA_NUM": "2", "NIR_ANO_17": "ana"},
        ],
        T_MCO23B=[{"ETA_NUM": "E", "RSA_NUM": n, "DGN_PAL": n} for n in "12"],
    )


def test_twins_keep_their_ranks(desk):
    twins(desk)
    found = desk.extract(scope=scope(BEN, PRS))
    assert sorted(
        (row["NUM_ENQ"], row["BEN_RNG_GEM"], row["NUM_ENQ_IDT"])
        for row in found["IR_BEN_R"]
        if row["NUM_ENQ"] == desk.delivered("mum")
    ) == [
        (desk.delivered("mum"), 1, desk.delivered("mum") + "1"),
        (desk.delivered("mum"), 2, desk.delivered("mum") + "2"),
    ]
    assert [row["BEN_RNG_GEM"] for row in found["ER_PRS_F"]] == [1, 2]


def test_a_stay_that_may_be_the_other_twins_is_left_out(desk):
    """The lines of the twin in the population come, by rank; the stay has no rank."""
    twins(desk, second_home="069")
    found = desk.extract(scope=scope(PRS, CHAIN, STAY, population=PARIS))
    assert [row["BEN_RNG_GEM"] for row in found["ER_PRS_F"]] == [1]
    assert numbers(found["T_MCO23B"], "DGN_PAL") == ["2"]
    assert owners(desk, found["T_MCO23C"], ["ana"]) == ["ana"]


def test_a_stay_of_twins_who_both_belong_is_delivered(desk):
    twins(desk)
    assert numbers(desk.extract(scope=scope(STAY))["T_MCO23B"], "DGN_PAL") == ["1", "2"]


def test_a_row_of_nobody_is_left_out_and_spoils_the_stay(desk):
    desk.load(
        "ONE",
        IR_BEN_R=[_row("ana", "ana-own"), _row("ana", None, rank=2), _row("bob", "bob-own")],
        T_MCO23C=[{"ETA_NUM": "E", "RSA_NUM": n, "NIR_ANO_17": n} for n in ("ana", "bob")],
    )
    found = desk.extract(scope=scope(BEN, CHAIN))
    assert owners(desk, found["IR_BEN_R"], ["ana", "bob"]) == ["ana", "bob"]
    assert owners(desk, found["T_MCO23C"], ["bob"]) == ["bob"]


def test_deliveries_of_other_columns_are_united_by_name(desk):
    early = {k: v for k, v in desk.line("ana", "2024-01-09").items() if k != "PRS_ACT_QTE"}
    desk.load("ONE", IR_BEN_R=[_row("ana", "ana-own")], ER_PRS_F=[early])
    desk.load("TWO", ER_PRS_F=[desk.line("ana", "2024-01-10")])
    found = desk.extract(scope=scope(PRS))
    assert sorted(row["PRS_ACT_QTE"] or 0 for row in found["ER_PRS_F"]) == [0, 1]


def test_a_column_that_the_lake_lacks_is_not_in_the_extract(desk):
    desk.load("ONE", IR_BEN_R=[_row("ana", "ana-own")])
    wider = TableScope(table="IR_BEN_R", columns=("BEN_NIR_PSA", "BEN_SEX_COD"))
    (row,) = desk.extract(scope=scope(wider))["IR_BEN_R"]
    assert list(row) == ["NUM_ENQ"]


def test_details_of_a_delivery_without_lines_look_for_them_everywhere(desk):
    line = desk.line("ana", "2024-01-09")
    desk.load("ONE", IR_BEN_R=[_row("ana", "ana-own")], ER_PRS_F=[line])
    desk.load("TWO", ER_PHA_F=[{**{name: line[name] for name in KEY}, "PHA_PRS_C13": 5}])
    assert numbers(desk.extract(scope=scope(PHA))["ER_PHA_F"], "PHA_PRS_C13") == [5]


def test_a_table_without_a_line_is_delivered_empty(desk):
    desk.load("ONE", IR_BEN_R=[_row("ana", "ana-own")], ER_PRS_F=[desk.line("bob", "2024-01-09")])
    assert desk.extract(scope=scope(PRS)) == {"ER_PRS_F": []}


def test_the_event_tells_counts_and_snapshots_and_no_person(stocked):
    permit = stocked.permit()
    made = stocked.access.extract(permit, ODILE)
    assert made.persons == 2
    assert made.objections == 0
    assert made.rows["ER_PRS_F"] == 9
    assert made.snapshots["T_MCO23C"] == stocked.house.lake.snapshot("T_MCO23C").id
    record = stocked.house.ledger.history()[-1]
    assert record.actor == ODILE.id
    told = json.dumps(record.body)
    for name in ("ana", "mum", "ana-own"):
        assert stocked.stored(name) not in told
        assert stocked.delivered(name) not in told


def test_an_extract_does_not_change_when_the_lake_grows(own):
    permit = own.permit()
    made = own.access.extract(permit, ODILE)
    before = rows_of(own.access.open_extract(permit, CAMILLE))
    own.load("BEN_202612", IR_BEN_R=[_row("eve", "eve-own")])
    own.load("DCIR_202412", ER_PRS_F=[own.line("eve", "2024-06-01")])
    assert own.access.extract(permit, ODILE) == made
    assert rows_of(own.access.open_extract(permit, CAMILLE)) == before


def test_the_same_state_gives_the_same_bytes(stocked):
    """Two permits of one project differ in nothing but their names."""
    first, second = stocked.permit(), stocked.permit()
    parts = []
    for permit in (first, second):
        made = stocked.access.extract(permit, ODILE)
        store = stocked.house.sealed("project", "diabetes")
        manifest = json.loads(store.read(f"{made.extract}/extract.json"))
        parts.append([(part["table"], part["sha256"], part["rows"]) for part in manifest["parts"]])
    assert parts[0] == parts[1]


def test_an_extract_needs_its_tables_in_the_lake(stocked):
    beyond = stocked.permit(scope=scope(CHAIN, first_year=2030, last_year=2031))
    with pytest.raises(Missing, match="T_MCOaaC"):
        stocked.access.extract(beyond, ODILE)


def test_progress_counts_the_tables(stocked):
    told = []
    stocked.access.extract(stocked.permit(), ODILE, lambda *step: told.append(step))
    assert told[0] == ("extract", 0, 6)
    assert told[-1] == ("extract", 6, 6)


def test_too_little_memory_is_unavailable_and_nothing_may_spill(stocked):
    """A spilled row would lie unsealed on a disk; the message names no column."""
    lake, registry = stocked.house.lake, stocked.house.registry
    asked = scope(BEN)
    pins = pin(lake, reached(asked, lake.tables(), registry))
    objecting = [f"{n:017}" for n in range(50_000)]
    with pytest.raises(Unavailable, match="OutOfMemoryException") as stopped:
        Selection(lake, registry, asked, pins, objecting, memory="1MB")
    assert "BEN_" not in str(stopped.value)
    selection = Selection(lake, registry, asked, pins, objecting)
    setting = selection._connection.sql("SELECT current_setting('temp_directory')")
    assert setting.fetchall() == [("",)]
    selection.close()


def test_a_changed_part_of_the_lake_is_unproven(own):
    permit = own.permit(scope=scope(PRS))
    host = own.house.host
    for part in own.house.lake.parts("ER_PRS_F"):
        _, _, name = part.url.removeprefix("sealed://").partition("/")
        opaque = own.house.sealed("lake", "ER_PRS_F").opaque_name(name)
        sealed = bytearray(host.get(opaque))
        sealed[len(sealed) // 2] ^= 1
        host.put(opaque, bytes(sealed))
    with pytest.raises(Unproven):
        own.access.extract(permit, ODILE)
    assert own.access.show(permit.replace("permit", "application"))["extract"] is None


def _row(psa, person, rank=1, home="075"):
    return {
        "BEN_NIR_PSA": psa,
        "BEN_RNG_GEM": rank,
        "BEN_IDT_ANO": person,
        "BEN_NAI_ANN": "1950",
        "BEN_RES_DPT": home,
    }
