"""Checkpoints stamped by a real authority on this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bercail.foundation import Invalid, Missing, Unavailable, Unproven
from bercail.ledger.http_door import HttpDoor, Reply
from bercail.ledger.stamping import check_stamp, stamp_head
from bercail.testing.ledger_desk import Desk
from bercail.testing.stamp_authority import StampAuthority, make_authority, running_authority
from bercail.testing.witnesses import serving


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> StampAuthority:
    return make_authority(tmp_path_factory.mktemp("authority"))


def test_a_head_is_stamped_and_checked_by_openssl_too(
    desk: Desk, authority: StampAuthority
) -> None:
    desk.record(3)
    desk.publish()
    with running_authority(authority) as url:
        told = stamp_head(desk.log, url, authority.roots)
    assert check_stamp(desk.log, authority.roots)["stamped_at"] == told["stamped_at"]
    text = desk.folder / "text"
    text.write_text("".join((desk.log / "checkpoint").read_text("utf-8").splitlines(True)[:3]))
    root = authority.folder / "root.pem"
    command = ["openssl", "ts", "-verify", "-data", text, "-in", told["stamp"], "-CAfile", root]
    outcome = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Verification: OK" in outcome.stdout + outcome.stderr
    assert desk.ledger.verify()["size"] == 3


def test_the_stamp_of_another_head_does_not_hold(desk: Desk, authority: StampAuthority) -> None:
    desk.record(3)
    desk.publish()
    with running_authority(authority) as url:
        stamp = Path(stamp_head(desk.log, url, authority.roots)["stamp"])
    desk.record(1)
    desk.publish()
    with pytest.raises(Missing, match="head of 4 events has no time stamp"):
        check_stamp(desk.log, authority.roots)
    stamp.rename(stamp.with_name("4.tsr"))
    with pytest.raises(Unproven, match="of 4 events does not hold"):
        check_stamp(desk.log, authority.roots)


def test_a_stamp_by_somebody_else_is_not_kept(
    desk: Desk, authority: StampAuthority, tmp_path: Path
) -> None:
    desk.record(1)
    desk.publish()
    stranger = make_authority(tmp_path / "stranger")
    with running_authority(stranger) as url:
        with pytest.raises(Unproven, match="does not hold"):
            stamp_head(desk.log, url, authority.roots)
    assert not (desk.log / "stamps").exists()


def test_a_stamp_of_an_earlier_request_is_not_taken_again(
    desk: Desk, authority: StampAuthority
) -> None:
    desk.record(1)
    desk.publish()
    with running_authority(authority) as url:
        old = Path(stamp_head(desk.log, url, authority.roots)["stamp"]).read_bytes()
    with serving(HttpDoor(("127.0.0.1", 0), lambda *_: Reply(status=200, body=old))) as url:
        with pytest.raises(Unproven, match="does not hold"):
            stamp_head(desk.log, url, authority.roots)


def test_an_authority_that_does_not_answer(desk: Desk, authority: StampAuthority) -> None:
    with pytest.raises(Missing, match="no checkpoint"):
        stamp_head(desk.log, "http://127.0.0.1", authority.roots)
    desk.publish()
    with serving(HttpDoor(("127.0.0.1", 0), lambda *_: Reply(status=500))) as url:
        with pytest.raises(Unavailable, match="gives no stamp"):
            stamp_head(desk.log, url, authority.roots)
    with pytest.raises(Unavailable, match="gives no stamp"):
        stamp_head(desk.log, url, authority.roots)
    with pytest.raises(Invalid, match="not the address"):
        stamp_head(desk.log, "tsa.example", authority.roots)


def test_a_stamp_that_cannot_be_kept(desk: Desk, authority: StampAuthority) -> None:
    desk.publish()
    (desk.log / "stamps").write_text("in the way")
    with running_authority(authority) as url:
        with pytest.raises(Unavailable, match="cannot be"):
            stamp_head(desk.log, url, authority.roots)
