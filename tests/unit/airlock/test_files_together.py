"""Tables of several files in one request: protected as one; and cell-key noise at the desk."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from bercail.airlock import verify_package
from bercail.airlock.disclosure.audit import audit_tables
from bercail.airlock.disclosure.policy import SNDS
from bercail.airlock.disclosure.protect.noise import noise_of, noise_tables
from bercail.airlock.disclosure.protect.suppression import house_rule
from bercail.airlock.disclosure.rules.source_policy import SNDS_SOURCE
from bercail.airlock.disclosure.tables.dimension import flat
from bercail.airlock.disclosure.tables.typed import PERSONS, Measure, TypedCell, TypedTable
from bercail.airlock.door import Bundle, look_at
from bercail.airlock.guarding import tables_of
from bercail.airlock.submitting import NOISE_KEY
from bercail.airlock.tabled import FileOfTables, declared_tables
from bercail.airlock.verify_tables import require_together
from bercail.foundation import Invalid, Refused, Secret, Unproven, canonical_json
from bercail.testing.airlock_desk import AUTHOR, CHECKERS, PERMIT, AirlockDesk
from bercail.vault.rules import may_take

COHORT = "ab" * 32
CONTEXT = "Treated diabetics of 2025 by age group"
Rows = Sequence[Sequence[object]]

# Both share the persons by age. 8 persons are under 40: each table hides that margin with another
# one, so that together they give it away.
BY_SEX: Rows = (
    ("age", "sex", "persons"),
    ("0-39", "women", 6), ("0-39", "men", 2), ("0-39", "Total", 8),
    ("40-59", "women", 2), ("40-59", "men", 30), ("40-59", "Total", 32),
    ("60+", "women", 16), ("60+", "men", 28), ("60+", "Total", 44),
    ("Total", "women", 24), ("Total", "men", 60), ("Total", "Total", 84),
)  # fmt: skip
BY_REGION: Rows = (
    ("age", "region", "persons"),
    ("0-39", "north", 8), ("0-39", "south", 0), ("0-39", "Total", 8),
    ("40-59", "north", 31), ("40-59", "south", 1), ("40-59", "Total", 32),
    ("60+", "north", 25), ("60+", "south", 19), ("60+", "Total", 44),
    ("Total", "north", 64), ("Total", "south", 20), ("Total", "Total", 84),
)  # fmt: skip
FILES = {"by_sex.csv": BY_SEX, "by_region.csv": BY_REGION}


def csv(rows: Rows) -> bytes:
    return "".join(",".join(map(str, row)) + "\n" for row in rows).encode()


def schema(rows: Rows, population: str = COHORT, **more: Any) -> bytes:
    table = {
        "population": population,
        "measure": {"name": "persons", "kind": "persons", "unit": "distinct persons"},
        "dimensions": [{"column": column} for column in rows[0][:2]],
        "columns": {"value": "persons"},
    }
    document = {"format": "bercail-table-schema/1", "snapshots": ["ER_PRS_F@7"], "tables": [table]}
    return json.dumps(document | more).encode()


def write(desk: AirlockDesk, name: str, rows: Rows, declared: bytes) -> Path:
    path = desk.folder / name
    path.write_bytes(csv(rows))
    path.with_name(name + ".schema.json").write_bytes(declared)
    return path


def submit(desk: AirlockDesk, *files: Path) -> str:
    return desk.airlock.submit(files, PERMIT, AUTHOR, context=CONTEXT).id


def release(desk: AirlockDesk, request: str) -> Path:
    for checker in CHECKERS[:2]:
        desk.airlock.review(request, checker, approve=True)
    return Path(desk.airlock.release(request, CHECKERS[0], desk.folder / "out")["package"])


def looked_at(**schemas: bytes) -> dict[str, FileOfTables]:
    """Both files at the door, with their schemas."""
    known = {name: schemas.get(name[:-4], schema(rows)) for name, rows in FILES.items()}
    data = {name: csv(rows) for name, rows in FILES.items()}
    bundle = look_at(data, {}, SNDS, schemas=known, context=CONTEXT)
    return {one.name: one.tables for one in bundle.leaving if one.tables}


def learnt(files: Sequence[FileOfTables]) -> int:
    """How many hidden cells somebody computes exactly who reads the tables of all files."""
    documents = [one.document for one in files if one.document]
    assert len(documents) == len(files)
    whole = {**documents[0], "tables": [table for one in documents for table in one["tables"]]}
    audit = audit_tables(whole, house_rule(SNDS_SOURCE))
    return sum(cell.plain[0] == cell.plain[1] for cell in audit.cells)


def test_tables_protected_apart_break_and_together_they_hold() -> None:
    apart = [declared_tables(name, csv(rows), schema(rows), SNDS) for name, rows in FILES.items()]
    assert learnt(apart) == 3
    assert learnt(list(looked_at().values())) == 0


@pytest.mark.parametrize("linked", ["", "study 1"])
def test_one_name_ties_files_without_a_cohort(linked: str) -> None:
    declared = {
        name[:-4]: schema(rows, population="", **({"linked": linked} if linked else {}))
        for name, rows in FILES.items()
    }
    assert (learnt(list(looked_at(**declared).values())) == 0) is bool(linked)


def test_other_cohorts_snapshots_and_protections_are_not_put_together() -> None:
    for other in (
        schema(BY_SEX, population="cd" * 32),
        schema(BY_SEX, snapshots=["ER_PRS_F@8"]),
        schema(BY_SEX, protection="rounding"),
    ):
        known = {"by_sex.csv": other, "by_region.csv": schema(BY_REGION)}
        data = {name: csv(rows) for name, rows in FILES.items()}
        assert look_at(data, {}, SNDS, schemas=known, context=CONTEXT).linked == ()


def test_files_that_disagree_are_told_to_people() -> None:
    rows = (*BY_SEX[:-1], ("Total", "Total", 84))
    wrong = tuple(("0-39", "women", 7) if row[:2] == ("0-39", "women") else row for row in rows)
    bundle = look_at(
        {"by_sex.csv": csv(wrong), "by_region.csv": csv(BY_REGION)},
        {},
        SNDS,
        schemas={name: schema(rows) for name, rows in FILES.items()},
        context=CONTEXT,
    )
    assert bundle.verdict == "people"
    assert any("could not be protected together" in line for line in bundle.lines())


def test_two_requests_are_refused_where_one_request_leaves(desk: AirlockDesk) -> None:
    paths = [write(desk, name, rows, schema(rows)) for name, rows in FILES.items()]
    request = submit(desk, *paths)
    shown = desk.airlock.show(request, CHECKERS[0])
    assert (shown["state"], shown["verdict"]) == ("checked", "protected")
    report = desk.airlock.report(request, CHECKERS[0])
    assert report["linked"][0]["files"] == ["by_region.csv", "by_sex.csv"]
    package = release(desk, request)
    verified = verify_package(package, desk.airlock.public_keys())
    assert verified.cells == 24
    inspection = json.loads((package / "data/disclosure/inspection.json").read_bytes())
    [group] = inspection["linked"]
    assert group["files"] == ["by_region.csv", "by_sex.csv"]
    told = json.loads((package / "data" / group["path"]).read_bytes())
    assert len(told["tables"]["tables"]) == 2
    assert told["certificate"]["sha256"]


def test_one_after_the_other_the_second_is_stopped(desk: AirlockDesk) -> None:
    release(desk, submit(desk, write(desk, "by_sex.csv", BY_SEX, schema(BY_SEX))))
    second = submit(desk, write(desk, "by_region.csv", BY_REGION, schema(BY_REGION)))
    assert desk.airlock.show(second, CHECKERS[0])["state"] == "quarantined"


def evidence(whole: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """A group as a release holds it, with an honest certificate of `whole`."""
    certificate = audit_tables(whole, house_rule(SNDS_SOURCE)).certificate()
    return {
        "files": list(names),
        "source_policy": SNDS_SOURCE.as_dict(),
        "tables": whole,
        "certificate": certificate | {"policy_sha256": SNDS_SOURCE.digest},
    }


def test_a_package_says_truly_what_was_protected_together() -> None:
    apart = {
        name: declared_tables(name, csv(rows), schema(rows), SNDS) for name, rows in FILES.items()
    }
    files = {
        f"disclosure/{name[:-4]}/{part}": data
        for name, one in apart.items()
        for part, data in one.evidence(SNDS).items()
    }
    policy = json.loads(canonical_json(SNDS.as_dict()))
    parts = [json.loads(files[f"disclosure/{name[:-4]}/tables.json"]) for name in FILES]
    whole = parts[0] | {"tables": [table for one in parts for table in one["tables"]]}
    group = {"files": list(FILES), "path": "disclosure/linked-1.json"}

    def held(told: dict[str, Any], said: dict[str, Any] = group) -> None:
        linked = {"disclosure/linked-1.json": canonical_json(told)}
        require_together(files | linked, {"linked": [said]}, policy)

    honest = evidence(whole, list(FILES))
    with pytest.raises(Unproven, match=r"known to be small|not what the audit finds"):
        held(honest)
    first = evidence(parts[0], list(FILES)[:1])
    for told, why in (
        (first | {"files": list(FILES)}, "not those of the files"),
        (honest | {"files": ["by_sex.csv"]}, "otherwise than in the inspection"),
        (honest | {"tables": whole | {"base": 5}}, "protected otherwise"),
        (honest | {"certificate": first["certificate"]}, "not what the audit finds"),
        (honest | {"source_policy": {}}, "not their form"),
        ({}, "not their form"),
    ):
        with pytest.raises(Unproven, match=why):
            held(told)
    for said in ({"files": ["none.csv"], "path": "none.json"}, {}):
        with pytest.raises(Unproven, match="not their form"):
            held(honest, said)
    require_together(files, {}, policy)


def counted(rows: Rows, cohort: str = COHORT) -> bytes:
    """The same numbers as a count table of the platform, which computes its margins."""
    inner = [row for row in rows[1:] if "Total" not in row]
    names = [str(name) for name in rows[0][:2]]
    return json.dumps(
        {
            "format": "bercail-count-table",
            "version": 1,
            "title": "Treated diabetics",
            "dimensions": [
                {"name": name, "categories": list(dict.fromkeys(row[at] for row in inner))}
                for at, name in enumerate(names)
            ],
            "cells": [{"categories": list(row[:2]), "persons": row[2]} for row in inner],
            "model_digest": cohort,
            "snapshots": ["ER_PRS_F@7"],
        }
    ).encode()


def tables_hidden(document: dict[str, Any]) -> set[tuple[str | None, ...]]:
    """The hidden cells of the tables by what they count: a cell of two tables is one."""
    return {
        tuple(
            f"{axis['name']}={code}"
            for axis, code in zip(table["dimensions"], cell["key"], strict=True)
            if code is not None
        )
        for table in document["tables"]
        for cell in table["cells"]
        if cell["value"] is None
    }


def read_together(bundle: Bundle) -> tuple[int, int]:
    """Who reads all tables of a bundle: cells known exactly, and cells known to be small."""
    documents = [table.document for table in tables_of(bundle).values()]
    whole = {**documents[0], "tables": [table for one in documents for table in one["tables"]]}
    cells = audit_tables(whole, house_rule(SNDS_SOURCE)).cells
    ends = [cell.informed for cell in cells]
    return (
        sum(low == high for low, high in ends),
        sum(high is not None and low > 0 and high < 11 for low, high in ends),
    )


def test_count_tables_are_protected_together_too_also_with_files(desk: AirlockDesk) -> None:
    tables = {"a.json": counted(BY_SEX), "b.json": counted(BY_REGION)}
    bundle = look_at(tables, {}, SNDS)
    assert [one.files for one in bundle.linked] == [("a.json", "b.json")]
    assert read_together(bundle) == (0, 0)
    mixed = {"a.json": counted(BY_SEX), "b.csv": csv(BY_REGION)}
    bundle = look_at(mixed, {}, SNDS, schemas={"b.csv": schema(BY_REGION)}, context=CONTEXT)
    assert [one.files for one in bundle.linked] == [("a.json", "b.csv")]
    assert read_together(bundle) == (0, 0)
    other = {"a.json": counted(BY_SEX), "b.json": counted(BY_REGION, "cd" * 32)}
    assert look_at(other, {}, SNDS).linked == ()
    paths = [desk.folder / name for name in mixed]
    for path in paths:
        path.write_bytes(mixed[path.name])
    paths[1].with_name("b.csv.schema.json").write_bytes(schema(BY_REGION))
    package = release(desk, submit(desk, *paths))
    assert verify_package(package, desk.airlock.public_keys()).cells == 24
    told = json.loads((package / "data/disclosure/linked-1.json").read_bytes())
    assert told["files"] == ["a.json", "b.csv"]
    assert len(told["certificate"]["cells"]) == len(tables_hidden(told["tables"]))


@pytest.mark.parametrize("seed", range(3))
def test_count_tables_of_one_cohort_never_give_each_other_away(seed: int) -> None:
    source = random.Random(seed)
    ages = {age: source.randint(2, 45) for age in ("0-39", "40-59", "60+")}

    def by(name: str) -> Rows:
        rows: list[Sequence[object]] = [("age", name, "persons")]
        for age, many in ages.items():
            one = source.randint(0, many)
            rows += [(age, "x", one), (age, "y", many - one)]
        return rows

    bundle = look_at({"a.json": counted(by("sex")), "b.json": counted(by("ald"))}, {}, SNDS)
    assert bundle.linked
    assert read_together(bundle) == (0, 0)


# Cell-key noise.


def test_an_author_may_hand_in_what_asks_for_noise() -> None:
    """The session of a researcher draws the noise of the cells that leave."""
    assert may_take(AUTHOR, NOISE_KEY) == ""


SECRET = Secret(bytes(range(32)))


def table(counts: dict[str, int], keys: dict[str, int] | None = None) -> TypedTable:
    return TypedTable(
        name="t",
        dimensions=(flat("age", tuple(counts)),),
        measure=PERSONS,
        cells={
            (name,): TypedCell(value=many, persons=many, cell_key=(keys or {}).get(name))
            for name, many in counts.items()
        },
        population=COHORT,
    )


def shown(one: TypedTable, secret: Secret = SECRET) -> dict[tuple[str | None, ...], int]:
    (body,) = noise_tables([one], SNDS_SOURCE, secret).document["tables"]
    return {tuple(cell["key"]): cell["value"] for cell in body["cells"]}


def test_noise_never_shows_a_small_count_and_stays_within_its_greatest_change() -> None:
    counts = {f"c{n}": n for n in range(60)}
    found = shown(table(counts))
    noise = noise_of(SNDS_SOURCE)
    assert (noise.most, noise.hidden) == (15, 10)
    for name, many in counts.items():
        assert abs(found[name,] - many) <= noise.most
        assert found[name,] == 0 or found[name,] >= 11
    assert found["c0",] == 0
    assert any(found[name,] != many for name, many in counts.items())


def test_the_same_cell_gets_the_same_noise_in_every_table_and_house_secret() -> None:
    one = {f"c{n}": 40 + n for n in range(30)}
    found = shown(table(one))
    assert shown(table(one)) == found
    part = {name: many for name, many in one.items() if name < "c2"}
    again = shown(table(part))
    assert all(again[name,] == found[name,] for name in part)
    assert shown(table(one), Secret(bytes(32))) != found
    # Other persons under the same words draw anew.
    more = shown(table({name: many + 1 for name, many in one.items()}))
    assert any(more[name,] - found[name,] != 1 for name in one)


def test_the_key_of_the_persons_decides_whatever_they_are_called() -> None:
    names = [f"c{n}" for n in range(30)]
    one = shown(table(dict.fromkeys(names, 40), {name: n for n, name in enumerate(names)}))
    other = [f"group {n}" for n in range(30)]
    two = shown(table(dict.fromkeys(other, 40), {name: n for n, name in enumerate(other)}))
    assert [one[name,] for name in names] == [two[name,] for name in other]
    assert len(set(one.values())) > 2
    margin = noise_tables(
        [table({"a": 20, "b": 30}, {"a": 2**32 - 1, "b": 2})], SNDS_SOURCE, SECRET
    ).tables[0]
    assert margin.cells[None,].cell_key == 1


def test_keys_that_are_not_those_of_persons_are_refused() -> None:
    """One key for all cells would give all the same noise, and their differences exactly."""
    with pytest.raises(Invalid, match="not those of its persons"):
        shown(table({"a": 40, "b": 50}, {"a": 7, "b": 7}))
    whole = table({"a": 40, "b": 50}, {"a": 7, "b": 8})
    for key, right in ((15, True), (2**32 + 15, True), (16, False)):
        cells = {**whole.cells, (None,): TypedCell(value=90, persons=90, cell_key=key)}
        if right:
            assert shown(evolve(whole, cells=cells))
        else:
            with pytest.raises(Invalid):
                shown(evolve(whole, cells=cells))


def test_noise_is_for_counts() -> None:
    euros = evolve(table({"a": 20}), measure=Measure(name="cost", kind="sum", unit="euros"))
    with pytest.raises(Refused, match="Noise is for counts"):
        noise_tables([euros], SNDS_SOURCE, SECRET)


def test_noise_leaves_and_is_the_same_in_the_next_release(desk: AirlockDesk) -> None:
    declared = schema(BY_SEX, protection="noise")
    first = release(desk, submit(desk, write(desk, "by_sex.csv", BY_SEX, declared)))
    verified = verify_package(first, desk.airlock.public_keys())
    assert (verified.cells, verified.hidden_cells, verified.judged_by_people) == (12, 0, ())
    leaves = (first / "data/outputs/by_sex.csv").read_bytes()
    assert leaves != csv(BY_SEX)
    document = json.loads((first / "data/disclosure/by_sex/tables.json").read_bytes())
    assert (document["method"], document["base"]) == ("noise", 16)
    # The very same cells in a file of another form: no noise is drawn again.
    again = write(desk, "again.csv", (BY_SEX[0], *reversed(BY_SEX[1:])), declared)
    second = release(desk, submit(desk, again))
    lines = (second / "data/outputs/again.csv").read_bytes().splitlines()
    assert sorted(lines) == sorted(leaves.splitlines())


def test_noise_beside_exact_numbers_of_a_cohort_goes_to_people(desk: AirlockDesk) -> None:
    release(desk, submit(desk, write(desk, "exact.csv", BY_SEX, schema(BY_SEX))))
    noised = write(desk, "noised.csv", BY_SEX, schema(BY_SEX, protection="noise"))
    request = submit(desk, noised)
    assert desk.airlock.show(request, CHECKERS[0])["verdict"] == "people"
    report = desk.airlock.report(request, CHECKERS[0])
    assert "once with noise" in report["differencing"]["noised.csv"]["people"][0]


def test_noise_of_linked_files_agrees_on_the_cells_they_share() -> None:
    known = {name[:-4]: schema(rows, protection="noise") for name, rows in FILES.items()}
    found = looked_at(**known)
    by_age = []
    for one in found.values():
        assert one.document is not None
        cells = {tuple(cell["key"]): cell["value"] for cell in one.document["tables"][0]["cells"]}
        by_age.append({key[0]: value for key, value in cells.items() if key[1] is None})
        assert any("a trial" in reason for reason in one.people)
    assert by_age[0] == by_age[1]
