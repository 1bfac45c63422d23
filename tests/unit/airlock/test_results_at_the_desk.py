"""Declared results handed in: refused with a remedy, left to people, or on their way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bercail.airlock import verify_package
from bercail.airlock.disclosure.policy import SNDS
from bercail.airlock.door import look_at
from bercail.cli.airlock import app
from bercail.foundation import Invalid, Refused
from bercail.testing.airlock_desk import AUTHOR, CHECKERS, PERMIT, AirlockDesk

COHORT = "ab" * 32
CONTEXT = "Treated diabetics of 2025 followed for two years"
Rows = Sequence[Sequence[object]]

CURVE: Rows = (
    ("month", "n_risk", "n_event", "surv"),
    (6, 203, 21, 0.897),
    (12, 168, 24, 0.768),
    (24, 129, 31, 0.584),
)
CURVE_COLUMNS = {"time": "month", "at_risk": "n_risk", "events": "n_event", "survival": "surv"}
ZONES: Rows = (("dep", "patients"), ("75", 121), ("69", 64), ("13", 48))


def hand_in(
    desk: AirlockDesk, name: str, rows: Rows, kind: str, columns: dict[str, str], **more: Any
) -> str:
    path = desk.folder / name
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    declared = {"format": "bercail-table-schema/1", "result": kind, "columns": columns} | more
    path.with_name(name + ".schema.json").write_text(json.dumps(declared))
    return desk.airlock.submit([path], PERMIT, AUTHOR, context=CONTEXT).id


def map_of(desk: AirlockDesk, name: str, rows: Rows) -> str:
    columns = {"zone": "dep", "persons": "patients"}
    known: dict[str, Any] = {"population": COHORT, "snapshots": ["ER_PRS_F@7"]}
    return hand_in(desk, name, rows, "map", columns, zoning="departments", **known)


def release(desk: AirlockDesk, request: str) -> Path:
    for checker in CHECKERS[:2]:
        desk.airlock.review(request, checker, approve=True)
    return Path(desk.airlock.release(request, CHECKERS[0], desk.folder / "out")["package"])


def test_a_curve_that_passes_is_judged_and_leaves_as_it_is(desk: AirlockDesk) -> None:
    request = hand_in(desk, "curve.csv", CURVE, "survival", CURVE_COLUMNS)
    shown = desk.airlock.show(request, CHECKERS[0])
    # The rules hold; people look because nobody said which cohort the curve is of.
    assert (shown["state"], shown["verdict"]) == ("checked", "people")
    assert "cause-unrounded" not in shown["rules"]
    package = release(desk, request)
    assert (package / "data/outputs/curve.csv").read_bytes() == (
        desk.folder / "curve.csv"
    ).read_bytes()
    verified = verify_package(package, desk.airlock.public_keys())
    assert verified.judged_by_people == ("outputs/curve.csv",)


def test_a_step_that_fails_is_refused_with_its_row_and_a_remedy(desk: AirlockDesk) -> None:
    rows = (*CURVE[:2], (9, 168, 5, 0.87), (12, 152, 19, 0.761), (24, 129, 31, 0.578))
    with pytest.raises(Refused, match=r"row 3.*ligne 3") as told:
        hand_in(desk, "curve.csv", rows, "survival", CURVE_COLUMNS)
    assert told.value.rule == "survival-step"
    assert "3-4" in (told.value.remedy or "")
    assert "Faites une seule marche" in (told.value.remedy or "")


def test_a_curve_that_does_not_add_up_keeps_the_usual_causes(desk: AirlockDesk) -> None:
    rows = (*CURVE[:2], (12, 230, 24, 0.768), CURVE[3])
    with pytest.raises(Invalid, match="cause-unrounded"):
        hand_in(desk, "curve.csv", rows, "survival", CURVE_COLUMNS)


def test_what_does_not_add_up_is_told_to_the_checkers(desk: AirlockDesk) -> None:
    path = desk.folder / "curve.csv"
    rows = (CURVE[0], (6, 200, 20, 0.9), (12, 230, 25, 0.8))
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    declared = {
        "format": "bercail-table-schema/1",
        "result": "survival",
        "columns": CURVE_COLUMNS,
    }
    path.with_name("curve.csv.schema.json").write_text(json.dumps(declared))
    request = desk.airlock.submit([path], PERMIT, AUTHOR, context=CONTEXT).id
    shown = desk.airlock.show(request, CHECKERS[0])
    assert (shown["state"], shown["verdict"]) == ("checked", "people")
    assert "The persons at risk grow in row 3." in json.dumps(shown)


def test_a_map_is_compared_with_what_left_before(desk: AirlockDesk) -> None:
    first = map_of(desk, "map.csv", ZONES)
    assert desk.airlock.show(first, CHECKERS[0])["verdict"] == "clear"
    release(desk, first)
    # The same cohort in the same snapshot, and three persons less in one zone.
    other = map_of(desk, "again.csv", (*ZONES[:2], ("69", 61), ZONES[3]))
    shown = desk.airlock.show(other, CHECKERS[0])
    assert (shown["state"], shown["verdict"]) == ("quarantined", "blocked")
    assert "differencing" in shown["rules"]


def test_a_curve_is_remembered_and_holds_later_results_to_it(desk: AirlockDesk) -> None:
    known: dict[str, Any] = {"population": COHORT, "snapshots": ["ER_PRS_F@7"]}
    first = hand_in(desk, "curve.csv", CURVE, "survival", CURVE_COLUMNS, **known)
    shown = desk.airlock.show(first, CHECKERS[0])
    assert (shown["state"], shown["verdict"]) == ("checked", "clear")
    release(desk, first)
    # All of the same cohort are two persons more than were at risk at the first step.
    total = (("dep", "patients"), ("75", 121), ("69", 84))
    columns = {"zone": "dep", "persons": "patients"}
    near = hand_in(desk, "near.csv", total, "map", columns, zoning="departments", **known)
    shown = desk.airlock.show(near, CHECKERS[0])
    assert (shown["state"], shown["verdict"]) == ("quarantined", "blocked")
    assert "differencing" in shown["rules"]
    assert f"{first}/curve.csv" in json.dumps(shown)
    again = hand_in(desk, "again.csv", CURVE, "survival", CURVE_COLUMNS, **known)
    assert desk.airlock.show(again, CHECKERS[0])["verdict"] == "clear"


def test_results_of_one_request_are_held_against_each_other(desk: AirlockDesk) -> None:
    """The map counts 233 persons, and the ratio is of 230 of them."""
    share: Rows = (("share", "treated", "everyone"), (0.3826, 88, 230))
    paths = [desk.folder / name for name in ("map.csv", "share.csv")]
    for path, rows in zip(paths, (ZONES, share), strict=True):
        path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    declared = {"format": "bercail-table-schema/1", "population": COHORT}
    declared |= {"snapshots": ["ER_PRS_F@7"]}
    schemas = (
        {"result": "map", "columns": {"zone": "dep", "persons": "patients"}}
        | {"zoning": "departments"},
        {
            "result": "ratios",
            "columns": {"ratio": "share", "numerator": "treated", "denominator": "everyone"},
        },
    )
    for path, own in zip(paths, schemas, strict=True):
        path.with_name(path.name + ".schema.json").write_text(json.dumps(declared | own))
    request = desk.airlock.submit(paths, PERMIT, AUTHOR, context=CONTEXT).id
    shown = desk.airlock.show(request, CHECKERS[0])
    assert (shown["state"], shown["verdict"]) == ("quarantined", "blocked")
    assert f"{request}/map.csv" in json.dumps(shown)


def test_a_schema_of_a_result_is_looked_at_without_its_digests() -> None:
    declared = {
        "format": "bercail-table-schema/1",
        "result": "map",
        "columns": {"zone": "dep", "persons": "patients"},
        "zoning": "departments",
        "population": COHORT,
        "snapshots": ["ER_PRS_F@7"],
    }
    data = "".join(",".join(map(str, row)) + "\n" for row in ZONES).encode()
    schemas = {"map.csv": json.dumps(declared).encode()}
    bundle = look_at({"map.csv": data}, {}, SNDS, schemas=schemas, context=CONTEXT)
    assert bundle.verdict == "clear"
    assert bundle.causes == ()
    named = {"map.csv": json.dumps(declared | {"note": "of 1 85 05 78 006 084 91"}).encode()}
    blocked = look_at({"map.csv": data}, {}, SNDS, schemas=named, context=CONTEXT)
    assert blocked.verdict == "blocked"


def test_a_map_of_nobody_knows_whom_goes_to_people(desk: AirlockDesk) -> None:
    release(desk, map_of(desk, "map.csv", ZONES))
    columns = {"zone": "dep", "persons": "patients"}
    other = hand_in(desk, "other.csv", ZONES, "map", columns, zoning="departments")
    shown = desk.airlock.show(other, CHECKERS[0])
    assert (shown["state"], shown["verdict"]) == ("checked", "people")


def test_check_shows_the_rows_that_fail(desk: AirlockDesk) -> None:
    file, declared = desk.folder / "map.csv", desk.folder / "declared.json"
    file.write_text("dep,patients\n75,121\n69,7\n13,48\n")
    columns = {"zone": "dep", "persons": "patients"}
    value = {"format": "bercail-table-schema/1", "result": "map", "columns": columns}
    declared.write_text(json.dumps(value | {"zoning": "departments"}))
    words = ["check", str(file), "--schema", str(declared)]
    shown = CliRunner().invoke(app, words, catch_exceptions=False).output
    assert shown.startswith("blocked: delimited text")
    assert "1 of 3 rows of `map` refused" in shown
    assert "(row 3)" in shown
    assert "Regroupez la zone avec ses voisines" in shown
    told = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False).output
    report = json.loads(told)["tables"]
    assert (report["verdict"], report["broken"]) == ("blocked", {"map-zone": [3]})
    assert [rule["id"] for rule in report["rules"]] == ["map-zone"]
