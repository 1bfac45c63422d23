"""Who may do what: total, and denied by default."""

from __future__ import annotations

import pytest

from bercail.foundation import Actor, Refused, Role
from bercail.vault.rules import (
    ACTS,
    OPEN_TO_ALL,
    RECIPIENTS,
    Act,
    may,
    may_take,
    require,
    require_take,
)


@pytest.mark.parametrize("act", list(Act))
@pytest.mark.parametrize("role", list(Role))
def test_every_act_is_for_the_roles_of_its_line_alone(act: Act, role: Role) -> None:
    actor = Actor(id="someone", roles={role})
    assert (may(actor, act) == "") == (role in ACTS[act])
    if role in ACTS[act]:
        require(actor, act)
    else:
        with pytest.raises(Refused, match=f"`{act.value}` is refused: `someone` does not") as no:
            require(actor, act)
        assert no.value.rule == "IAM-05"


def test_without_a_role_nothing_is_possible() -> None:
    nobody = Actor(id="nobody")
    assert all(may(nobody, act) for act in Act)
    assert may_take(nobody, "pseudonym")


def test_a_refusal_names_the_roles_that_may() -> None:
    nobody = Actor(id="nobody")
    lacks = "`nobody` does not have the role "
    assert may(nobody, Act.DESTROY) == f"{lacks}`key_custodian`"
    assert may(nobody, Act.LIST_KEYS) == f"{lacks}`auditor` or `key_custodian` or `operator`"
    with pytest.raises(Refused, match=r"^`destroy keys` is refused: `nobody`"):
        require(nobody, Act.DESTROY)


def test_what_is_open_to_everybody() -> None:
    airlock = {"airlock-request", "airlock-commitment", "airlock-guard", "airlock-noise"}
    assert {"names", *airlock} == OPEN_TO_ALL


def test_a_secret_that_is_kept_back_is_named() -> None:
    with pytest.raises(Refused) as no:
        require_take(Actor(id="nobody"), "pseudonym", "level-2")
    assert no.value.message == (
        "The secret `pseudonym` of `level-2` is not given out: `nobody` has no role that uses it."
    )
    assert no.value.rule == "PSE-04"


def test_an_operator_holds_no_key_and_a_recipient_of_data_does_nothing_here() -> None:
    keeping = [act for act, roles in ACTS.items() if roles == {Role.KEY_CUSTODIAN}]
    assert Act.DESTROY in keeping
    assert Act.HAND_OVER in keeping
    assert not any(roles & RECIPIENTS for roles in ACTS.values())


def test_an_act_that_the_table_does_not_know_is_denied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(ACTS, Act.DESTROY)
    assert may(Actor(id="kay", roles={Role.KEY_CUSTODIAN}), Act.DESTROY)


@pytest.mark.parametrize("role", list(Role))
def test_pseudonym_secrets_are_for_those_who_make_pseudonyms(role: Role) -> None:
    actor = Actor(id="someone", roles={role})
    makes = role in {Role.OPERATOR, Role.ACCESS_OFFICER, Role.CITIZEN}
    assert (may_take(actor, "pseudonym") == "") == makes
    assert [may_take(actor, kind) for kind in OPEN_TO_ALL] == [""] * 5
    if makes:
        require_take(actor, "pseudonym", "level-2")
