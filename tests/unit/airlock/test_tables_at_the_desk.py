"""Tables handed in as files: protected, replaced, verified, remembered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from bercail.airlock import State, verify_package
from bercail.airlock.disclosure.tables.reading import read_tables
from bercail.airlock.disclosure.tables.schema import read_schema
from bercail.foundation import Invalid, Missing, Refused, Unproven
from bercail.testing.airlock_desk import AUTHOR, CHECKERS, PERMIT, AirlockDesk, document
from bercail.testing.table_files import Rows, as_parquet, as_xlsx

COHORT = "ab" * 32
SNAPSHOTS = ["ER_PRS_F@7"]
CONTEXT = "Treated diabetics of 2025 by age group and sex"

# One count under 11: it and what gives it away are hidden.
COUNTS: Rows = (
    ("age", "sex", "persons"),
    ("0-39", "women", 40), ("0-39", "men", 31),
    ("40-59", "women", 6), ("40-59", "men", 58),
    ("60-79", "women", 77), ("60-79", "men", 12),
    ("80+", "women", 25), ("80+", "men", 90),
)  # fmt: skip


MARGINS: Rows = (
    *COUNTS,
    *((age, "Total", n) for age, n in (("0-39", 71), ("40-59", 64), ("60-79", 89), ("80+", 115))),
    *(("Total", sex, n) for sex, n in (("women", 148), ("men", 191), ("Total", 339))),
)


def schema(**changes: Any) -> dict[str, Any]:
    table = {
        "population": COHORT,
        "measure": {"name": "persons", "kind": "persons", "unit": "distinct persons"},
        "dimensions": [{"column": "age"}, {"column": "sex"}],
        "columns": {"value": "persons"},
    }
    own = {key: value for key, value in changes.items() if key in table or key == "across"}
    rest = {key: value for key, value in changes.items() if key not in own}
    return {
        "format": "bercail-table-schema/1",
        "snapshots": SNAPSHOTS,
        "tables": [table | own],
    } | rest


def as_csv(rows: Rows, sign: str = ",") -> bytes:
    return "".join(sign.join(map(str, row)) + "\n" for row in rows).encode()


def as_html(rows: Rows) -> bytes:
    lines = ["<tr>" + "".join(f"<td>{value}</td>" for value in row) + "</tr>" for row in rows]
    return f"<table>{''.join(lines)}</table>".encode()


def as_latex(rows: Rows) -> bytes:
    lines = [" & ".join(map(str, row)) + r" \\" for row in rows]
    return "\n".join(["\\begin{tabular}{lll}", *lines, "\\end{tabular}"]).encode()


FORMS = {
    "csv": as_csv,
    "tsv": lambda rows: as_csv(rows, "\t"),
    "xlsx": as_xlsx,
    "parquet": as_parquet,
    "html": as_html,
    "tex": as_latex,
}


def write(desk: AirlockDesk, name: str, data: bytes, declared: dict[str, Any] | None) -> Path:
    path = desk.folder / name
    path.write_bytes(data)
    if declared is not None:
        path.with_name(name + ".schema.json").write_text(json.dumps(declared))
    return path


def submit(desk: AirlockDesk, *files: Path, **options: Any) -> str:
    return desk.airlock.submit(files, PERMIT, AUTHOR, context=CONTEXT, **options).id


def release(desk: AirlockDesk, request: str) -> Path:
    for checker in CHECKERS[:2]:
        desk.airlock.review(request, checker, approve=True)
    return Path(desk.airlock.release(request, CHECKERS[0], desk.folder / "out")["package"])


@pytest.mark.parametrize("form", FORMS)
def test_a_table_of_any_format_leaves_protected_in_its_own_format(
    desk: AirlockDesk, form: str
) -> None:
    file = write(desk, f"counts.{form}", FORMS[form](MARGINS), schema())
    request = submit(desk, file)
    shown = desk.airlock.show(request, CHECKERS[0])
    assert (shown["state"], shown["verdict"]) == ("checked", "protected")
    package = release(desk, request)
    leaves = (package / f"data/outputs/counts.{form}").read_bytes()
    written = (package / "data/disclosure/counts/schema.json").read_bytes()
    (table,) = read_tables(leaves, read_schema(written)).tables
    values = {key: cell.value for key, cell in table.cells.items()}
    assert len(values) == 15
    assert values["40-59", "women"] is None
    assert values[None, None] == 339
    hidden = [key for key, value in values.items() if value is None]
    assert len(hidden) == 4
    verified = verify_package(package, desk.airlock.public_keys())
    assert (verified.cells, verified.hidden_cells) == (15, 4)
    assert verified.judged_by_people == ()


def test_the_same_tables_give_the_same_bytes(desk: AirlockDesk) -> None:
    from bercail.airlock.disclosure.policy import SNDS
    from bercail.airlock.tabled import declared_tables

    declared = json.dumps(schema()).encode()
    for form, make in FORMS.items():
        data = make(COUNTS)
        one, two = (declared_tables(f"a.{form}", data, declared, SNDS) for _ in range(2))
        assert one.replacement == two.replacement != data


def test_two_releases_whose_difference_discloses_are_refused_with_the_pair_named(
    desk: AirlockDesk,
) -> None:
    coarse = (("age", "persons"), ("0-59", 129), ("60+", 204))
    by_age = schema(dimensions=[{"column": "age"}])
    first = submit(desk, write(desk, "coarse.csv", as_csv(coarse), by_age))
    release(desk, first)
    # 0-59 is shown: 122 of 0-54 leave 7 persons of 55 to 59.
    fine = (("age", "persons"), ("0-54", 122), ("55-79", 108), ("80+", 103))
    second = submit(desk, write(desk, "fine.csv", as_csv(fine), by_age))
    shown = desk.airlock.show(second, CHECKERS[0])
    assert shown["state"] == "quarantined"
    assert "differencing" in shown["rules"]
    breach = shown["differencing"]["fine.csv"]["breaches"][0]
    assert (breach["earlier"], breach["new"]) == (f"{first}/coarse.csv", f"{second}/fine.csv")
    with pytest.raises(Refused, match="quarantined"):
        desk.airlock.review(second, CHECKERS[0], approve=True)


def test_a_file_and_a_table_of_the_platform_are_compared(desk: AirlockDesk) -> None:
    request = desk.submitted(((40, 31), (60, 58), (77, 12), (25, 90)))
    for checker in CHECKERS[:2]:
        desk.airlock.review(request, checker, approve=True)
    desk.airlock.release(request, CHECKERS[0], desk.folder / "out")
    # The total of the platform's table is 393: here five persons are missing.
    fewer = (("sex", "persons"), ("women", 197), ("men", 191))
    by_sex = schema(dimensions=[{"column": "sex"}])
    second = submit(desk, write(desk, "sex.csv", as_csv(fewer), by_sex))
    shown = desk.airlock.show(second, CHECKERS[0])
    assert shown["state"] == "quarantined"
    assert shown["differencing"]["sex.csv"]["breaches"][0]["earlier"] == f"{request}/table"


def test_of_two_requests_checked_at_once_the_later_release_is_looked_at_again(
    desk: AirlockDesk,
) -> None:
    by_age = schema(dimensions=[{"column": "age"}])
    coarse = (("age", "persons"), ("0-59", 129), ("60+", 204))
    fine = (("age", "persons"), ("0-54", 122), ("55-79", 108), ("80+", 103))
    first = submit(desk, write(desk, "coarse.csv", as_csv(coarse), by_age))
    second = submit(desk, write(desk, "fine.csv", as_csv(fine), by_age))
    assert desk.airlock.show(second, CHECKERS[0])["state"] == "checked"
    release(desk, first)
    with pytest.raises(Refused, match=f"{second}/fine.csv` together with `{first}/coarse.csv"):
        release(desk, second)


def test_without_a_schema_people_decide_and_are_told_why(desk: AirlockDesk) -> None:
    rows = (("age", "persons"), ("0-39", 120), ("40+", 205))
    request = submit(desk, write(desk, "ages.csv", as_csv(rows), None))
    shown = desk.airlock.show(request, CHECKERS[0])
    assert shown["verdict"] == "people"
    (file,) = shown["files"]
    assert file["disclosure"]["replaced"] is False
    told = " ".join(file["disclosure"]["people"])
    assert "Nobody declared what `ages.csv` counts; it looks like distinct persons." in told
    assert "neither protected nor compared" in told
    assert shown["differencing"] == {}
    package = release(desk, request)
    assert (package / "data/outputs/ages.csv").read_bytes() == as_csv(rows)
    assert verify_package(package, desk.airlock.public_keys()).judged_by_people == (
        "outputs/ages.csv",
    )


def test_a_declared_table_that_is_not_understood_goes_to_people_with_the_reason(
    desk: AirlockDesk,
) -> None:
    rows = (("age", "persons"), ("0-39", 120), ("40-59", 205), ("Total", 330))
    file = write(desk, "ages.csv", as_csv(rows), schema(dimensions=[{"column": "age"}]))
    request = submit(desk, file)
    shown = desk.airlock.show(request, CHECKERS[0])
    (one,) = (f for f in shown["files"] if f["role"] == "leaves")
    assert shown["verdict"] == "people"
    assert any("does not add up" in reason for reason in one["disclosure"]["people"])
    assert one["disclosure"]["replaced"] is False
    assert shown["differencing"] == {}


def test_cells_that_the_author_hid_are_remembered_as_they_are_shown(desk: AirlockDesk) -> None:
    rows = (("age", "persons"), ("0-39", 120), ("40-59", "*"), ("60-79", "*"), ("Total", 330))
    declared = schema(dimensions=[{"column": "age"}])
    first = submit(desk, write(desk, "ages.csv", as_csv(rows), declared))
    shown = desk.airlock.show(first, CHECKERS[0])
    assert shown["verdict"] == "people"
    package = release(desk, first)
    assert (package / "data/outputs/ages.csv").read_bytes() == as_csv(rows)
    # 120 of 0-39 are out: 115 of 0-34 leave five persons.
    fine = (("age", "persons"), ("0-34", 115), ("35-59", 99), ("60-79", 116))
    second = submit(desk, write(desk, "fine.csv", as_csv(fine), declared))
    shown = desk.airlock.show(second, CHECKERS[0])
    assert shown["state"] == "quarantined"
    assert shown["differencing"]["fine.csv"]["breaches"][0]["earlier"] == f"{first}/ages.csv"


def test_columns_that_nobody_protects_do_not_leave(desk: AirlockDesk) -> None:
    rows = (
        ("act", "euros", "patients", "first", "second", "note"),
        ("visits", 1200, 90, 200, 100, "alpha"),
        ("stays", 8000, 60, 700, 650, "beta"),
        ("scans", 4000, 30, 3800, 100, "gamma"),
        ("drugs", 5000, 70, 400, 350, "delta"),
    )
    declared = schema(
        measure={"name": "euros", "kind": "sum", "unit": "euros"},
        dimensions=[{"column": "act"}],
        columns={"value": "euros", "persons": "patients", "top": ["first", "second"]},
    )
    request = submit(desk, write(desk, "costs.csv", as_csv(rows), declared))
    shown = desk.airlock.show(request, CHECKERS[0])
    assert (shown["verdict"], "dominance" in shown["rules"]) == ("protected", True)
    package = release(desk, request)
    lines = (package / "data/outputs/costs.csv").read_text().splitlines()
    assert lines[0] == "act,euros"
    assert "scans," in lines
    whole = b"".join(path.read_bytes() for path in package.rglob("*") if path.is_file())
    assert not [secret for secret in (b"3800", b"gamma", b"4000") if secret in whole]
    assert verify_package(package, desk.airlock.public_keys()).hidden_cells == 1


def test_rounding_is_what_the_schema_asks_for(desk: AirlockDesk) -> None:
    file = write(desk, "counts.csv", as_csv(COUNTS), schema(protection="rounding"))
    request = submit(desk, file)
    package = release(desk, request)
    rows = (package / "data/outputs/counts.csv").read_text().splitlines()[1:]
    values = [int(row.rsplit(",", 1)[1]) for row in rows]
    assert len(values) == 8
    assert all(value % 10 == 0 for value in values)
    assert verify_package(package, desk.airlock.public_keys()).hidden_cells == 0
    costs = (("act", "euros", "persons"), ("visits", 120, 90), ("stays", 80, 60))
    amounts = schema(
        protection="rounding",
        measure={"name": "euros", "kind": "sum", "unit": "euros"},
        dimensions=[{"column": "act"}],
        columns={"value": "euros", "persons": "persons"},
    )
    with pytest.raises(Refused, match="Rounding to 10 is not for these tables"):
        submit(desk, write(desk, "costs.csv", as_csv(costs), amounts))
    refused = [record.kind for record in desk.journal.read("airlock-project/diabetes")]
    assert refused[-1] == "OutputRefused"


def test_an_absent_row_says_nothing_of_a_hidden_zero(desk: AirlockDesk) -> None:
    rows = [row for row in COUNTS if row[:2] != ("60-79", "men")]
    request = submit(desk, write(desk, "counts.csv", as_csv(rows), schema()))
    package = release(desk, request)
    lines = (package / "data/outputs/counts.csv").read_text().splitlines()
    assert len(lines) == 9
    assert [line for line in lines if line.startswith("60-79,men,")]


def test_a_cross_table_is_written_back_as_one(desk: AirlockDesk) -> None:
    rows = (("age", "women", "men"), ("0-39", 40, 31), ("40-59", 6, 58), ("60-79", 77, 12),
            ("80+", 25, 90))  # fmt: skip
    declared = schema(dimensions=[{"column": "age"}], across="sex", columns={})
    request = submit(desk, write(desk, "cross.csv", as_csv(rows, ";"), declared))
    package = release(desk, request)
    lines = (package / "data/outputs/cross.csv").read_text().splitlines()
    assert lines[0] == "age;women;men"
    assert len(lines) == 5
    assert lines[2].startswith("40-59;;")
    assert verify_package(package, desk.airlock.public_keys()).hidden_cells == 1


def test_a_schema_can_be_named_and_must_suit(desk: AirlockDesk) -> None:
    file = write(desk, "counts.csv", as_csv(COUNTS), None)
    meaning = write(desk, "meaning.json", json.dumps(schema()).encode(), None)
    request = submit(desk, file, schemas={"counts.csv": meaning})
    assert desk.airlock.show(request, AUTHOR)["verdict"] == "protected"
    roles = {one["name"]: one["role"] for one in desk.airlock.show(request, AUTHOR)["files"]}
    assert roles == {"counts.csv": "leaves", "counts.csv.schema.json": "declares"}
    with pytest.raises(Invalid, match="which is not handed in"):
        submit(desk, file, schemas={"other.csv": meaning})
    two = schema()
    two["tables"] *= 2
    for wrong, why in (
        (two, "exactly the tables of the file"),
        (schema() | {"tables": []}, "does not declare exactly|declares no table"),
        (schema(population="the cohort"), "64 hexadecimal digits"),
        (schema(snapshots=["lately"]), "TABLE@number"),
        (schema(protection="magic"), "`protection` is none of"),
    ):
        with pytest.raises(Invalid, match=why):
            submit(desk, write(desk, "counts.csv", as_csv(COUNTS), wrong))


def test_a_whole_folder_may_be_handed_in_but_no_schema_of_a_count_table(
    desk: AirlockDesk,
) -> None:
    file = write(desk, "counts.csv", as_csv(COUNTS), schema())
    request = submit(desk, file, file.with_name("counts.csv.schema.json"))
    assert submit(desk, file) == request
    counts = write(desk, "study.json", json.dumps(document([(40, 31), (20, 58)])).encode(), None)
    with pytest.raises(Invalid, match="says itself what it counts"):
        submit(desk, counts, schemas={"study.json": file})


def test_checkers_see_what_would_leave(desk: AirlockDesk) -> None:
    request = submit(desk, write(desk, "counts.csv", as_csv(COUNTS), schema()))
    records = desk.airlock.records
    assert b"40-59,women,6\n" in records.read(request, "counts.csv", CHECKERS[0])
    assert b"40-59,women,\r\n" in records.read(request, "outputs/counts.csv", CHECKERS[0])
    seen = [record.body["what"] for record in desk.journal.read(f"airlock-sight/{request}")]
    assert "outputs/counts.csv" in seen
    with pytest.raises(Refused):
        records.read(request, "outputs/counts.csv", AUTHOR)
    with pytest.raises(Missing):
        records.read(request, "outputs/other.csv", CHECKERS[0])


def test_the_policy_that_the_permit_signs_decides_on_files_too(desk: AirlockDesk) -> None:
    """Rare diseases: fifteen persons, no zero and no full cell is shown."""
    permit = desk.permits.get(PERMIT, desk.clock.now())
    desk.permits.add(evolve(permit, policies=("rare-diseases",)))
    rows = (("age", "persons"), ("0-39", 12), ("40-59", 205), ("60-79", 0), ("80+", 31))
    file = write(desk, "ages.csv", as_csv(rows), schema(dimensions=[{"column": "age"}]))
    package = release(desk, submit(desk, file))
    lines = (package / "data/outputs/ages.csv").read_text().splitlines()[1:]
    assert {line for line in lines if line.endswith(",")} >= {"0-39,", "60-79,"}
    report = json.loads((package / "data/disclosure/ages/report.json").read_bytes())
    assert report["policy"]["threshold"] == 15
    assert report["source_policy"]["zero_cells"] == "hide"
    verify_package(package, desk.airlock.public_keys())


def test_another_meaning_is_another_request(desk: AirlockDesk) -> None:
    first = submit(desk, write(desk, "counts.csv", as_csv(COUNTS), schema()))
    assert submit(desk, write(desk, "counts.csv", as_csv(COUNTS), schema())) == first
    other = schema(population="cd" * 32)
    assert submit(desk, write(desk, "counts.csv", as_csv(COUNTS), other)) != first


def test_a_returned_request_takes_a_schema(desk: AirlockDesk) -> None:
    rows = (("age", "persons"), ("0-39", 120), ("40+", 205))
    request = submit(desk, write(desk, "ages.csv", as_csv(rows), None))
    desk.airlock.give_back(request, CHECKERS[0], "say what it counts")
    file = write(desk, "ages.csv", as_csv(rows), schema(dimensions=[{"column": "age"}]))
    again = desk.airlock.submit(file, PERMIT, AUTHOR, context=CONTEXT, replaces=request)
    assert (again.id, again.state) == (request, State.CHECKED)
    assert desk.airlock.show(request, AUTHOR)["verdict"] == "clear"


def test_labels_that_identify_stop_a_declared_table(desk: AirlockDesk) -> None:
    rows = (("ben_nir_psa", "persons"), ("a", 120), ("b", 205))
    declared = schema(dimensions=[{"column": "ben_nir_psa"}])
    request = submit(desk, write(desk, "ids.csv", as_csv(rows), declared))
    assert desk.airlock.show(request, CHECKERS[0])["state"] == "quarantined"


def test_words_of_a_schema_that_identify_stop_the_request(desk: AirlockDesk) -> None:
    unit = {"name": "persons", "kind": "persons", "unit": "of 180017512345660"}
    file = write(desk, "counts.csv", as_csv(COUNTS), schema(measure=unit))
    shown = desk.airlock.show(submit(desk, file), CHECKERS[0])
    assert shown["state"] == "quarantined"
    assert "identifier" in shown["rules"]


@pytest.mark.parametrize(
    "change",
    [
        {"columns": {"value": ["persons"]}},
        {"columns": {"value": "persons", "top": "persons"}},
        {"columns": {"value": "persons", "persons": {}}},
        {"dimensions": [{"column": 3}]},
        {"across": 3},
        {"measure": {"name": "n", "kind": ["persons"], "unit": "p"}},
        {"population": 12},
    ],
)
def test_a_schema_of_another_shape_is_refused(desk: AirlockDesk, change: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="The schema cannot be read"):
        submit(desk, write(desk, "counts.csv", as_csv(COUNTS), schema(**change)))


def test_a_file_that_says_something_else_than_its_tables_is_refused(desk: AirlockDesk) -> None:
    from bercail.airlock.verify_bag import read_bag
    from bercail.airlock.verify_tables import verified_tables

    request = submit(desk, write(desk, "counts.csv", as_csv(MARGINS), schema()))
    files = read_bag(release(desk, request))
    policy = json.loads(files["disclosure/inspection.json"])["policy"]
    assert verified_tables(files, "counts.csv", policy) == (15, 4)
    shown = files["outputs/counts.csv"]
    for wrong in (
        files | {"outputs/counts.csv": shown.replace(b"40-59,women,", b"40-59,women,6")},
        files | {"outputs/counts.csv": shown.replace(b",339", b",338")},
        files | {"disclosure/counts/certificate.json": b"{}"},
        files | {"disclosure/counts/schema.json": b"{}"},
        files | {"disclosure/counts/tables.json": b'{"format": "another"}'},
        files | {"disclosure/counts/report.json": b'{"source_policy": {}}'},
    ):
        with pytest.raises(Unproven):
            verified_tables(wrong, "counts.csv", policy)
    with pytest.raises(Unproven, match="another policy"):
        verified_tables(files, "counts.csv", policy | {"threshold": 5})


def test_files_of_both_kinds_leave_together(desk: AirlockDesk) -> None:
    counts = desk.folder / "study.json"
    counts.write_text(json.dumps(document(((40, 31), (60, 58), (77, 12), (25, 90)))))
    rows = (("sex", "persons"), ("women", 202), ("men", 191))
    table = write(desk, "sex.csv", as_csv(rows), schema(dimensions=[{"column": "sex"}]))
    request = submit(desk, counts, table)
    package = release(desk, request)
    verified = verify_package(package, desk.airlock.public_keys())
    assert verified.cells == 15 + 2
    assert verified.judged_by_people == ()
