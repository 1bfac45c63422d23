"""The guard at the desk asks how two cohorts overlap, and believes the answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from attrs import define, field

from bercail.airlock import AirlockService
from bercail.airlock.disclosure.guard import (
    NobodyCompares,
    Population,
    Relation,
    Share,
    relation_of,
)
from bercail.foundation import Refused, sha256_hex
from bercail.testing.airlock_desk import AUTHOR, CHECKERS, PERMIT, AirlockDesk, document

MODELS = {sha256_hex(text): text for text in (b"model one", b"model two")}
FIRST, SECOND = MODELS
ROWS = ((40, 31), (60, 58), (77, 12), (25, 90))
MORE = ((60, 51), (90, 88), (99, 42), (55, 120))


@define
class Known:
    """Answers what it was told, and remembers what it was asked."""

    answer: Relation | None
    learnt: list[tuple[str, bytes, str]] = field(factory=list)
    asked: list[tuple[str, str, int]] = field(factory=list)

    def learn(self, digest: str, model: bytes, permit: str) -> None:
        self.learnt.append((digest, model, permit))

    def relation(self, first: Population, second: Population, threshold: int) -> Relation | None:
        self.asked.append((first.cohort, second.cohort, threshold))
        return self.answer


def service(desk: AirlockDesk, known: Known) -> AirlockService:
    return AirlockService(
        desk.ledger,
        desk.sealed,
        desk.permits,
        desk.keys,
        desk.clock,
        desk.randomness,
        populations=known,
    )


def table(desk: AirlockDesk, digest: str, rows: tuple[tuple[int, int], ...]) -> Path:
    folder = desk.folder / digest[:8]
    folder.mkdir()
    (folder / "model.json").write_bytes(MODELS[digest])
    path = folder / "table-1.json"
    path.write_text(json.dumps(document(rows, model_digest=digest)))
    return path


def submitted(desk: AirlockDesk, known: Known) -> tuple[str, str]:
    """A released request, and one of another cohort that waits for its first vote."""
    airlock = service(desk, known)
    first = airlock.submit(table(desk, FIRST, ROWS), PERMIT, AUTHOR).id
    for checker in CHECKERS[:2]:
        airlock.review(first, checker, approve=True)
    airlock.release(first, CHECKERS[0], desk.folder / "out")
    return first, airlock.submit(table(desk, SECOND, MORE), PERMIT, AUTHOR).id


def test_nearly_identical_cohorts_are_refused_with_the_pair_named(desk: AirlockDesk) -> None:
    known = Known(relation_of(3, 7, 300, 11))
    first, second = submitted(desk, known)
    shown = service(desk, known).show(second, CHECKERS[0])
    assert shown["state"] == "quarantined"
    assert "nearly-identical-cohorts" in shown["rules"]
    breaches = shown["differencing"]["table"]["breaches"]
    near = [one for one in breaches if one["rule"] == "nearly-identical-cohorts"]
    assert [(one["earlier"], one["new"]) for one in near] == [(f"{first}/table", f"{second}/table")]
    assert (FIRST, SECOND, 11) in known.asked


def test_cohorts_that_are_apart_need_no_people(desk: AirlockDesk) -> None:
    known = Known(relation_of(40, 70, 300, 11))
    _, second = submitted(desk, known)
    shown = service(desk, known).show(second, CHECKERS[0])
    assert (shown["state"], shown["differencing"]["table"]["people"]) == ("checked", [])
    for checker in CHECKERS[:2]:
        service(desk, known).review(second, checker, approve=True)
    # What changed since the check is asked again before a byte leaves.
    known.answer = relation_of(1, 0, 300, 11)
    with pytest.raises(Refused, match="fewer persons than the threshold") as refused:
        service(desk, known).release(second, CHECKERS[0], desk.folder / "out")
    assert refused.value.rule == "nearly-identical-cohorts"


def test_without_an_answer_people_compare(desk: AirlockDesk) -> None:
    known = Known(None)
    _, second = submitted(desk, known)
    shown = service(desk, known).show(second, CHECKERS[0])
    assert shown["verdict"] == "people"
    assert "nobody said how both overlap" in " ".join(shown["differencing"]["table"]["people"])


def test_the_models_of_the_tables_are_kept_and_no_other(desk: AirlockDesk) -> None:
    known = Known(relation_of(40, 70, 300, 11))
    airlock = service(desk, known)
    file = table(desk, FIRST, ROWS)
    stranger = desk.folder / "stranger.json"
    stranger.write_bytes(b"model three")
    airlock.submit(file, PERMIT, AUTHOR, models=[stranger])
    assert known.learnt == [(FIRST, MODELS[FIRST], PERMIT)]
    file.with_name("model.json").write_bytes(b"another model")
    airlock.submit(file, PERMIT, AUTHOR)
    assert len(known.learnt) == 1


def test_a_relation_holds_no_number_of_persons() -> None:
    assert relation_of(0, 10, 11, 11).as_dict() == {
        "only_first": "nobody",
        "only_second": "few",
        "both": "many",
        "difference": "few",
    }
    assert relation_of(5, 6, 0, 11).difference is Share.MANY
    kinds = [relation_of(*sizes, 50, 11).kind for sizes in ((0, 0), (0, 1), (1, 0), (1, 1))]
    assert kinds == ["same", "within", "around", "overlap"]
    nobody = NobodyCompares()
    nobody.learn(FIRST, b"", PERMIT)
    one = Population(cohort=FIRST, snapshot="")
    assert nobody.relation(one, one, 11) is None
