"""Who stands behind a token, and how that is forgotten without a proof being broken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bercail.foundation import (
    Actor,
    FixedClock,
    Invalid,
    Missing,
    Refused,
    SeededRandomness,
    Unavailable,
)
from bercail.ledger import Ledger
from bercail.ledger.events import STAFF_EVENTS, StaffErased
from bercail.ledger.staff import StaffRegister, staff_token
from bercail.ledger.verify import verify
from bercail.ledger.verify_proof import verify_proof
from bercail.testing.ledger_desk import ORIGIN, Desk, NoteTaken

NAME = "Ada Lovelace"
OPERATOR = Actor(id="operator-1")
START = datetime(2026, 11, 21, tzinfo=UTC)


def register(desk: Desk, days: int = 0) -> StaffRegister:
    """The register of the desk's house, so many days after the start."""
    clock = FixedClock(START + timedelta(days=days))
    randomness = SeededRandomness(desk.journal.last() + 100)
    ledger = Ledger(desk.journal, desk.log, desk.signer, clock, randomness, ORIGIN)
    return StaffRegister(path=desk.folder / "staff.db", ledger=ledger, randomness=randomness)


def act(desk: Desk, token: str, count: int = 1, days: int = 0) -> None:
    ledger = register(desk, days).ledger
    version = ledger.load("notes/one", [NoteTaken])[0]
    events = [NoteTaken(number=version + n) for n in range(count)]
    ledger.append("notes/one", version, events, Actor(id=token))


def test_a_token_is_a_commitment_that_can_be_opened(desk: Desk) -> None:
    staff = register(desk)
    token = staff.enrol(NAME, OPERATOR)
    member = staff.get(token)
    assert member.name == NAME
    assert staff_token(member.name, member.salt) == token
    assert staff_token("Ada Byron", member.salt) != token
    assert staff_token(member.name, bytes(32)) != token
    assert len(token) == len("staff-") + 26
    Actor(id=token)


def test_the_ledger_never_holds_the_name(desk: Desk) -> None:
    token = register(desk).enrol(NAME, OPERATOR)
    act(desk, token, 3)
    desk.publish()
    everything = desk.exported().read_bytes() + b"".join(desk.files().values())
    assert b"Lovelace" not in everything
    assert token.encode() in everything


def test_one_person_has_one_token(desk: Desk) -> None:
    staff = register(desk)
    staff.enrol(NAME, OPERATOR)
    with pytest.raises(Invalid, match="has a token already"):
        staff.enrol(NAME, OPERATOR)
    for name in ("", "  ", "a" * 201):
        with pytest.raises(Invalid, match="empty or too long"):
            staff.enrol(name, OPERATOR)
    assert len(staff.members()) == 1


@pytest.mark.requirement("LOG-02")
def test_who_acted_cannot_be_forgotten_within_a_year(desk: Desk) -> None:
    token = register(desk).enrol(NAME, OPERATOR)
    act(desk, token, days=10)
    for days in (10, 300, 374):
        with pytest.raises(Refused, match="for 365 days") as refusal:
            register(desk, days).erase(token, "left", OPERATOR)
        assert refusal.value.rule == "LOG-02"
    assert register(desk).get(token).name == NAME
    register(desk, 375).erase(token, "left the house", OPERATOR)
    with pytest.raises(Missing, match="Nobody is known"):
        register(desk).get(token)


@pytest.mark.requirement("LOG-02")
def test_a_longer_time_may_be_configured(desk: Desk) -> None:
    staff = register(desk, 400)
    longer = StaffRegister(
        path=staff.path, ledger=staff.ledger, randomness=staff.randomness, kept=timedelta(days=730)
    )
    token = longer.enrol(NAME, OPERATOR)
    act(desk, token)
    with pytest.raises(Refused, match="for 730 days"):
        longer.erase(token, "left", OPERATOR)


def test_erasing_a_person_breaks_no_proof(desk: Desk) -> None:
    token = register(desk).enrol(NAME, OPERATOR)
    act(desk, token, 300)
    desk.publish()
    before, proof = desk.files(), desk.folder / "p"
    desk.ledger.prove(7, proof)
    kept = desk.folder / "kept"
    kept.write_bytes(before["checkpoint"])
    salt = register(desk).get(token).salt

    register(desk, 366).erase(token, "left the house", OPERATOR)

    assert desk.files() == before
    assert verify_proof(proof, desk.keys)["actor"] == token
    desk.publish()
    report = verify(desk.log, desk.keys, desk.exported(), [kept])
    assert (report["events"], report["earlier"]) == (302, 1)
    left = (desk.folder / "staff.db").read_bytes()
    assert NAME.encode() not in left
    assert salt not in left
    assert token.encode() not in left


def test_an_erasure_is_an_event_with_its_reason(desk: Desk) -> None:
    staff = register(desk)
    token = staff.enrol(NAME, OPERATOR)
    with pytest.raises(Invalid, match="needs a reason"):
        staff.erase(token, " ", OPERATOR)
    staff.erase(token, "enrolled by mistake", OPERATOR)
    events = staff.ledger.load("staff", STAFF_EVENTS)[1]
    assert events[-1] == StaffErased(token=token, reason="enrolled by mistake")
    with pytest.raises(Missing):
        staff.erase(token, "again", OPERATOR)


def test_an_erasure_that_was_cut_short_can_be_done_again(desk: Desk) -> None:
    token = register(desk).enrol(NAME, OPERATOR)
    content = (desk.folder / "staff.db").read_bytes()
    register(desk).erase(token, "left", OPERATOR)
    (desk.folder / "staff.db").write_bytes(content)
    register(desk).erase(token, "left", OPERATOR)
    assert register(desk).members() == ()
    assert len(register(desk).ledger.load("staff", STAFF_EVENTS)[1]) == 2


def test_the_register_is_for_its_owner_only(desk: Desk, tmp_path: Path) -> None:
    staff = register(desk)
    staff.enrol(NAME, OPERATOR)
    assert (staff.path.stat().st_mode & 0o777) == 0o600
    staff.path.write_bytes(b"no database" * 100)
    with pytest.raises(Unavailable, match="cannot be used"):
        staff.members()
