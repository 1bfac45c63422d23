"""Policies of sources: made, signed, applied; never laxer than the one they follow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from attrs import evolve

from bercail.airlock.disclosure.rules.source_policy import SNDS_SOURCE, SourcePolicy
from bercail.airlock.policies import PolicyDesk, signed_sources
from bercail.airlock.policies.events import PolicySigned
from bercail.airlock.policies.rules import weaker_settings
from bercail.airlock.policies.service import STREAM, check_envelope, read_key, read_policy
from bercail.foundation import Actor, Invalid, Missing, Refused, Role, Unproven
from bercail.testing.airlock_desk import AUTHOR, CHECKERS, PERMIT, AirlockDesk

OPERATOR = Actor(id="operator-1", roles={Role.OPERATOR})


def policies(desk: AirlockDesk) -> PolicyDesk:
    return PolicyDesk(ledger=desk.ledger, keys=desk.keys)


def stricter(version: int = 2, threshold: int = 20, **changes: int) -> SourcePolicy:
    return evolve(
        SNDS_SOURCE,
        version=version,
        counts=evolve(SNDS_SOURCE.counts, version=version, threshold=threshold, high=threshold),
        **changes,
    )


def test_a_signed_policy_is_recorded_once_and_checked_with_a_public_key(desk: AirlockDesk) -> None:
    envelope = policies(desk).sign(stricter(), OPERATOR)
    assert policies(desk).sign(stricter(), OPERATOR) == envelope
    assert [one.kind for one in desk.journal.read(STREAM)] == ["PolicySigned"]
    file, key = desk.folder / "snds.dsse.json", desk.folder / "key.json"
    file.write_bytes(envelope)
    key.write_text(json.dumps(policies(desk).public_key().as_dict()))
    found = check_envelope(file, read_key(key))
    assert (found["name"], found["version"], found["digest"]) == ("snds", 2, stricter().digest)
    assert found["weaker_than_snds"] == []
    outer = json.loads(envelope)
    outer["signatures"] = []
    file.write_text(json.dumps(outer))
    with pytest.raises(Unproven):
        check_envelope(file, read_key(key))


def test_what_is_signed_is_what_holds_at_the_desk(desk: AirlockDesk) -> None:
    """A table under 20 persons is hidden, and votes given before are void of force."""
    rows = ((40, 31), (15, 58))
    before = desk.submitted(rows)
    assert desk.airlock.show(before, CHECKERS[0])["verdict"] == "clear"
    policies(desk).sign(stricter(), OPERATOR)
    with pytest.raises((Refused, Unproven)):
        desk.airlock.review(before, CHECKERS[0], approve=True)
    desk.airlock.withdraw(before, AUTHOR, "the policy changed")
    file = desk.table_file(((40, 31), (15, 59)))
    request = desk.airlock.submit(file, PERMIT, AUTHOR).id
    assert desk.airlock.show(request, CHECKERS[0])["verdict"] == "protected"


def test_other_statistics_follow_the_signed_policy_too(desk: AirlockDesk) -> None:
    path = desk.folder / "model.csv"
    rows = [("t", "b", "n"), *((f"x{n}", 0.5 + n, 30) for n in range(12))]
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    columns = {"term": "t", "estimate": "b", "persons": "n"}
    declared = {"format": "bercail-table-schema/1", "result": "regression", "columns": columns}
    path.with_name("model.csv.schema.json").write_text(json.dumps(declared))
    context = "A model of the treated in 2025"
    desk.airlock.submit([path], PERMIT, AUTHOR, context=context)
    policies(desk).sign(stricter(threshold=11, residual_degrees=19), OPERATOR)
    path.write_text(path.read_text() + "y,0.1,30\n")
    with pytest.raises(Refused) as told:
        desk.airlock.submit([path], PERMIT, AUTHOR, context=context)
    assert told.value.rule == "degrees-of-freedom"


def test_a_permit_may_name_a_signed_policy(desk: AirlockDesk) -> None:
    registry = evolve(stricter(1, 30), name="registry", counts=evolve(stricter(1, 30).counts,
                      name="registry"))  # fmt: skip
    permit = evolve(desk.permits.get(PERMIT, desk.clock.now()), policies=("registry",))
    desk.permits.add(permit)
    with pytest.raises(Refused, match="unknown here"):
        desk.submitted()
    policies(desk).sign(registry, OPERATOR)
    request = desk.submitted(((40, 31), (25, 58)))
    assert desk.airlock.show(request, CHECKERS[0])["verdict"] == "protected"


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (stricter(threshold=10), "counts.threshold"),
        (stricter(residual_degrees=9), "residual_degrees"),
        (stricter(dominance_percent=90), "dominance_percent"),
        (stricter(rounding=5), "rounding"),
        (evolve(stricter(), name="other"), "one plain name"),
        (evolve(stricter(), version=3), "does not follow"),
    ],
)
def test_a_laxer_or_crooked_policy_is_not_signed(
    desk: AirlockDesk, policy: SourcePolicy, why: str
) -> None:
    with pytest.raises(Refused, match=why) as told:
        policies(desk).sign(policy, OPERATOR)
    assert told.value.remedy
    assert signed_sources(desk.ledger, desk.keys) == {}


def test_a_version_follows_and_only_an_operator_signs(desk: AirlockDesk) -> None:
    for who in (AUTHOR, *CHECKERS):
        with pytest.raises(Refused, match="no operator"):
            policies(desk).sign(stricter(), who)
    with pytest.raises(Refused, match="does not follow"):
        policies(desk).sign(stricter(1), OPERATOR)
    # The known one may be signed as it is.
    assert policies(desk).sign(SNDS_SOURCE, OPERATOR)
    policies(desk).sign(stricter(3), OPERATOR)
    with pytest.raises(Refused, match="does not follow"):
        policies(desk).sign(stricter(2, 25), OPERATOR)
    with pytest.raises(Refused, match=r"counts\.threshold"):
        policies(desk).sign(stricter(4, 15), OPERATOR)
    policies(desk).sign(stricter(4, 25), OPERATOR)
    assert policies(desk).show(("snds",)).threshold == 25
    assert policies(desk).show(("snds", "pmsi")).name == "pmsi+snds"
    with pytest.raises(Missing, match="nowhere"):
        policies(desk).show(("nowhere",))


def test_a_policy_that_nobody_signed_stops_the_desk(desk: AirlockDesk) -> None:
    envelope = json.loads(policies(desk).sign(stricter(), OPERATOR))
    forged = {**envelope, "payload": envelope["payload"][:-4] + "AAA="}
    event = PolicySigned(
        name="snds", version=9, digest="", by="operator-1", envelope=json.dumps(forged)
    )
    desk.ledger.append(STREAM, 1, [event], OPERATOR)
    with pytest.raises(Unproven):
        desk.submitted()


def test_a_file_that_is_no_policy_says_so(tmp_path: Path) -> None:
    with pytest.raises(Missing):
        read_policy(tmp_path / "none.json")
    for text in ("no json", "{}", json.dumps(SNDS_SOURCE.as_dict() | {"more": 1})):
        (tmp_path / "policy.json").write_text(text)
        with pytest.raises(Invalid):
            read_policy(tmp_path / "policy.json")
    with pytest.raises(Invalid):
        read_policy(tmp_path)


def test_weaker_settings_are_named() -> None:
    assert weaker_settings(SNDS_SOURCE, SNDS_SOURCE) == ()
    assert weaker_settings(SNDS_SOURCE, stricter()) == ("counts.threshold", "counts.high")
