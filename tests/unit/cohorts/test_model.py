"""The model's JSON: one form, one identity, a closed list of nodes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bercail.cohorts import Cohort, Model, dispensings, load_study, match, persons
from bercail.cohorts.codec import MAX_DEPTH
from bercail.foundation import Invalid, canonical_json, sha256_hex

ROOT = Path(__file__).resolve().parents[3]
VECTOR = ROOT / "tests" / "vectors" / "cohorts" / "treated_diabetes.json"


def _model() -> Model:
    return Cohort(
        name="small",
        title="Small",
        person_rules=["person-known-sex"],
        population=dispensings.where(dispensings.atc.is_in(["A10BA02"])).exists(),
        exclude={"old": persons.birth_year < 1900},
        attributes={"sex": persons.sex},
        tables={"t": ["sex"]},
    ).model


def test_the_vector_is_the_study_and_its_identity() -> None:
    data = VECTOR.read_bytes()
    model = load_study(ROOT / "studies" / "treated_diabetes.py")
    assert model.to_json() == data
    assert Model.from_json(data) == model
    named = VECTOR.with_suffix(".sha256").read_text(encoding="utf-8").split()[0]
    assert model.digest == sha256_hex(data) == named


def test_another_word_is_another_identity() -> None:
    data = json.loads(_model().to_json())
    data["title"] = "Small!"
    assert Model.from_json(canonical_json(data)).digest != _model().digest


def _put(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(model: dict[str, Any]) -> None:
        *above, last = path.split(".")
        target: Any = model
        for step in above:
            target = target[int(step)] if step.isdigit() else target[step]
        target[last] = value

    return change


def _drop(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda model: model.pop(name) and None


CONDITION = "population.events.condition"
CHANGES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "other format": (_put("format", "x"), "no cohort model"),
    "other version": (_put("version", 2), "Version `2`"),
    "version true": (_put("version", True), "canonical"),
    "missing part": (_drop("tables"), "other keys"),
    "additional part": (_put("comment", "hi"), "other keys"),
    "unknown node": (_put(f"{CONDITION}.node", "system"), "unknown node `system`"),
    "node without name": (_put(f"{CONDITION}.node", None), "no node"),
    "additional key in a node": (_put(f"{CONDITION}.also", 1), "`is_in`.*other keys"),
    "fraction": (_put(f"{CONDITION}.codes", [1.5]), "no code"),
    "fraction outside a list": (_put("exclusions.0.condition.right.value", 1.5), "fraction"),
    "codes out of order": (_put(f"{CONDITION}.codes", ["B", "A"]), "canonical"),
    "rules out of order": (
        _put("population.events.events.rules", ["dcir-net-lines", "dcir-base-acts"]),
        "canonical",
    ),
    "rules that are text": (_put("population.events.events.rules", "abc"), "no cleaning rule"),
    "raw column": (
        _put(
            "exclusions.0.condition.left",
            {"node": "column", "of": "IR_BEN_R", "name": "BEN_NAI_ANN"},
        ),
        "one value per event of IR_BEN_R",
    ),
    "unknown column": (_put("attributes.0.value.name", "height"), "no `persons.height`"),
    "type that does not fit": (_put("exclusions.0.condition.right.of", "text"), "is no text"),
    "unknown type": (_put("exclusions.0.condition.right.of", "float"), "does not fit"),
    "unknown operation": (_put("exclusions.0.condition.op", "~"), "does not fit"),
    "events where a value stands": (
        _put("population", {"node": "events", "of": "stays", "rules": []}),
        "population is no expression",
    ),
    "list where a value stands": (_put("population", []), "population is no expression"),
    "nothing as label": (_put("exclusions.0.label", None), "one line of text"),
    "number as attribute name": (_put("attributes.0.name", 3), "does not fit"),
    "object as part": (_put("tables", {}), "no list"),
    "text as list of names": (_put("tables.0.by", "sex"), "no list of names"),
    "numbers in a list of names": (_put("person_rules", [1]), "something else"),
    "true for everyone": (
        _put("population", {"node": "literal", "of": "bool", "value": True}),
        "without any data",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_reader_refuses(name: str) -> None:
    change, message = CHANGES[name]
    value = json.loads(_model().to_json())
    change(value)
    with pytest.raises(Invalid, match=message):
        Model.from_json(canonical_json(value) if "fraction" not in name else _loose(value))


def _loose(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 100_000, b" " * (5 * 1024 * 1024)],
    ids=["empty", "open", "list", "null", "text", "not utf-8", "deep", "long"],
)
def test_a_reader_refuses_what_is_no_model(data: bytes) -> None:
    with pytest.raises(Invalid, match=r"cohort model|JSON"):
        Model.from_json(data)


def test_the_same_content_in_another_form_is_refused() -> None:
    spaced = json.dumps(json.loads(_model().to_json()), indent=1).encode()
    with pytest.raises(Invalid, match="canonical"):
        Model.from_json(spaced)


def test_a_model_is_not_too_deep() -> None:
    node: dict[str, Any] = {"node": "column", "of": "persons", "name": "real_identifier"}
    for _ in range(MAX_DEPTH + 2):
        node = {"node": "negation", "value": node}
    value = json.loads(_model().to_json())
    value["population"] = node
    with pytest.raises(Invalid, match="deeper"):
        Model.from_json(canonical_json(value))
    condition = persons.sex == "male"
    for _ in range(MAX_DEPTH):
        condition = condition & (persons.sex == "male")
    with pytest.raises(Invalid, match="too large"):
        Cohort(name="s", title="s", population=condition)


def test_dates_are_not_moved_out_of_the_calendar() -> None:
    moved = persons.death_date
    for _ in range(11):
        moved = moved.plus(years=100)
    with pytest.raises(Invalid, match="more than 1000 years"):
        Cohort(name="s", title="s", population=moved > "2024-01-01")


def test_a_model_cannot_change() -> None:
    with pytest.raises(AttributeError):
        _model().title = "x"  # type: ignore[misc]


def test_the_scale_of_a_mean_counts_as_a_factor() -> None:
    """The sum is multiplied by it, so beyond the limit a product would leave 64 bits."""

    def study(scale: int, by: int) -> Model:
        mean = dispensings.mean(dispensings.quantity, scale=scale)
        return Cohort(
            name="s", title="s", population=dispensings.exists(), attributes={"m": mean * by}
        ).model

    assert study(1_000, 1_000).attributes
    with pytest.raises(Invalid, match="multiplies a number by more than 1000000"):
        study(1_000, 1_001)


def _matched(**named: Any) -> Model:
    return Cohort(
        name="s",
        title="s",
        population=dispensings.exists(),
        attributes={"sex": persons.sex, "birth": persons.birth_year},
        matching=match(persons.sex.is_known(), **named),
    ).model


def test_a_propensity_is_part_of_the_identity_only_where_there_is_one() -> None:
    plain = _matched(on=["sex"])
    assert set(plain.as_dict()["matching"]) == {"controls", "on", "ratio"}
    nearest = _matched(on=["sex"], propensity=["birth"], caliper=0.20)
    assert nearest.as_dict()["matching"]["caliper"] == "0.2"
    for model in (plain, nearest):
        assert Model.from_json(model.to_json()) == model


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"propensity": "", "caliper": "0.2"}, "`0.2` is no caliper"),
        ({"propensity": ["birth"], "caliper": "0.20"}, "`0.20` is no caliper"),
        ({"propensity": ["birth"], "caliper": "0.0"}, "`0.0` is no caliper"),
        ({"propensity": ["sex"], "caliper": "0.2"}, "each once"),
    ],
)
def test_a_caliper_has_one_form(named: dict[str, Any], said: str) -> None:
    value = json.loads(_matched(on=["sex"]).to_json())
    value["matching"] |= {**named, "propensity": list(named["propensity"])}
    with pytest.raises(Invalid, match=said):
        Model.from_json(canonical_json(value))
