"""A watcher outside: what it accepts, what it keeps, and what it does not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from bercail.foundation import Invalid, Unavailable, Unproven
from bercail.ledger.http_door import HttpDoor, Reply
from bercail.ledger.site import site_door
from bercail.ledger.watching import Watcher, fetcher
from bercail.testing.ledger_desk import Desk
from bercail.testing.witnesses import policy_text, running_witness, serving


def watcher(desk: Desk, source: str | None = None) -> Watcher:
    return Watcher(
        fetch=fetcher(source or str(desk.log)), keys=desk.keys, kept=desk.folder / "watch"
    )


def test_a_log_that_grows_is_followed(desk: Desk) -> None:
    for size, grown in ((0, 0), (1, 1), (255, 254), (257, 2), (257, 0), (900, 643)):
        desk.record(size - desk.journal.last())
        desk.publish()
        seen = watcher(desk).look()
        assert (seen["size"], seen["grown"]) == (size, grown)
    kept = {path.name for path in (desk.folder / "watch").iterdir()}
    assert kept == {"latest", "0", "1", "255", "257", "900"}


def test_a_log_is_followed_over_http(desk: Desk) -> None:
    desk.record(300)
    desk.publish()
    with serving(site_door(desk.log, "127.0.0.1", 0)) as url:
        assert watcher(desk, url + "/").look()["size"] == 300
        desk.record(300)
        desk.publish()
        assert watcher(desk, url).look()["grown"] == 300


def test_the_witnesses_are_named(desk: Desk, tmp_path: Path) -> None:
    desk.publish()
    with running_witness(tmp_path / "w1", "w1", desk.keys) as running:
        (desk.folder / "witness-policy").write_text(policy_text([running.line()]))
        desk.record(2)
        desk.publish()
        assert watcher(desk).look()["cosigned_by"] == ["w1.example/w"]


def test_an_absent_log_is_not_a_wrong_one(desk: Desk) -> None:
    desk.publish()
    with pytest.raises(Unavailable, match="no checkpoint"):
        watcher(desk, str(desk.folder / "nowhere")).look()
    with serving(site_door(desk.folder, "127.0.0.1", 0)) as url:
        with pytest.raises(Unavailable, match="no checkpoint"):
            watcher(desk, url).look()
    with pytest.raises(Unavailable, match="cannot be read"):
        watcher(desk, url).look()
    with pytest.raises(Invalid, match="not the address"):
        watcher(desk, "ftp://log.example").look()


def test_a_failing_server_is_not_a_wrong_log(desk: Desk) -> None:
    desk.publish()
    with serving(HttpDoor(("127.0.0.1", 0), lambda *_: Reply(status=500))) as url:
        with pytest.raises(Unavailable, match="cannot be read"):
            watcher(desk, url).look()


def test_an_endless_answer_is_cut(desk: Desk) -> None:
    desk.publish()
    long = Reply(status=200, body=bytes(600_000))
    with serving(HttpDoor(("127.0.0.1", 0), lambda *_: long)) as url:
        with pytest.raises(Unavailable, match="cannot be read"):
            watcher(desk, url).look()


def test_a_folder_that_cannot_be_written(desk: Desk) -> None:
    desk.publish()
    (desk.folder / "watch").write_text("in the way")
    with pytest.raises(Unavailable, match="cannot be"):
        watcher(desk).look()


def test_keys_that_are_none(desk: Desk) -> None:
    desk.publish()
    desk.keys.write_text("[]")
    with pytest.raises(Unproven, match="not the keys file"):
        watcher(desk).look()


def test_tiles_that_are_absent_are_named(desk: Desk) -> None:
    desk.record(300)
    desk.publish()
    (desk.log / "tile/1/000.p/1").unlink()
    with pytest.raises(Unproven, match=r"tile/1/000\.p/1"):
        watcher(desk).look()
    assert not (desk.folder / "watch").exists()
