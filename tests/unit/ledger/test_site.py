"""The public site: its files, its pages, its server."""

from __future__ import annotations

import http.client
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bercail.foundation import Missing, Unavailable
from bercail.ledger.checkpoint import Checkpoint
from bercail.ledger.http_ask import http_ask
from bercail.ledger.site import build_site, page, site_door
from bercail.ledger.verify import verify
from bercail.testing.ledger_desk import Desk
from bercail.testing.witnesses import serving


def build(desk: Desk) -> dict[str, object]:
    return build_site(desk.log, desk.ledger.public_keys(), desk.folder / "site")


def test_the_site_is_a_log_that_can_be_verified(desk: Desk) -> None:
    desk.record(300)
    desk.publish()
    built = build(desk)
    assert (built["size"], built["files_copied"]) == (300, 5)
    assert verify(desk.folder / "site", desk.keys)["size"] == 300
    assert json.loads((desk.folder / "site/keys.json").read_text()) == desk.ledger.public_keys()


def test_the_site_grows_and_keeps_its_checkpoints(desk: Desk) -> None:
    for count in (255, 1, 300):
        desk.record(count)
        desk.publish()
        build(desk)
    site = desk.folder / "site"
    assert build(desk)["files_copied"] == 0
    kept = sorted(int(path.name) for path in (site / "checkpoints").iterdir())
    assert kept == [255, 256, 556]
    earlier = [site / "checkpoints" / str(size) for size in kept]
    assert verify(site, desk.keys, earlier=earlier)["earlier"] == 3
    # A partial tile of a checkpoint that was published stays.
    assert (site / "tile/0/000.p/255").exists()


def test_nothing_private_goes_out(desk: Desk) -> None:
    desk.record(3, "permit/secret-project")
    desk.publish()
    (desk.log / "notes.txt").write_text("left here by mistake")
    (desk.log / "tile/backup").write_text("same")
    build(desk)
    out = {str(p.relative_to(desk.folder / "site")) for p in (desk.folder / "site").rglob("*")}
    assert not {name for name in out if "notes" in name or "backup" in name or ".lock" in name}
    everything = b"".join(p.read_bytes() for p in (desk.folder / "site").rglob("*") if p.is_file())
    assert b"secret-project" not in everything


def test_a_log_without_a_checkpoint_has_no_site(desk: Desk) -> None:
    with pytest.raises(Missing, match="no checkpoint to show"):
        build(desk)


def test_a_site_that_cannot_be_written(desk: Desk) -> None:
    desk.publish()
    (desk.folder / "site").write_text("in the way")
    with pytest.raises(Unavailable, match="cannot be written"):
        build(desk)


class Tags(HTMLParser):
    """The tags of a page, their attributes, and whether they are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_page_has_nothing_from_elsewhere(desk: Desk, language: str) -> None:
    desk.record(3)
    text = page(desk.publish(), [3, 2], language)
    tags = Tags(text)
    assert tags.open == []
    assert ("html", {"lang": language}) in tags.seen
    assert "script" not in {tag for tag, _ in tags.seen}
    links = [
        value
        for _, attributes in tags.seen
        for name, value in attributes.items()
        if name in ("href", "src", "action")
    ]
    assert links
    assert all(link and re.fullmatch(r"[a-z0-9./]+", link) for link in links)
    assert "default-src 'none'" in text
    assert "checkpoints/2" in links


def test_a_name_is_no_markup() -> None:
    origin = "<script>alert(1)</script>.example"
    note = f"{origin}\n0\nAAAA\n\n\N{EM DASH} <b>bold</b> AAAA\n"
    text = page(Checkpoint(origin=origin, size=0, root=bytes(32), note=note), [], "en")
    assert "<script>" not in text
    assert "<b>bold" not in text


def test_the_server_gives_public_files_only(desk: Desk) -> None:
    desk.record(300)
    desk.publish()
    build(desk)
    site = desk.folder / "site"
    (site / "secret.txt").write_text("x")
    with serving(site_door(site, "127.0.0.1", 0)) as url:
        for name in (
            "",
            "index.html",
            "index.fr.html",
            "checkpoint",
            "keys.json",
            "checkpoints/300",
            "tile/0/000",
            "tile/entries/001.p/44",
        ):
            assert http_ask("GET", f"{url}/{name}")[0] == 200, name
        for name in (
            "secret.txt",
            "../log/checkpoint",
            "tile/../secret.txt",
            ".lock",
            "tile/64/000",
            "tile/0/1",
            "tile/0/001",
            "checkpoints/1",
            "%2e%2e/x",
        ):
            assert http_ask("GET", f"{url}/{name}")[0] == 404, name
        assert http_ask("POST", url + "/checkpoint", b"x")[0] == 405


def test_the_server_says_what_may_be_kept(desk: Desk) -> None:
    desk.record(256)
    desk.publish()
    with serving(site_door(desk.log, "127.0.0.1", 0)) as url:
        host = url.removeprefix("http://")
        for name, kind, caching in (
            ("/tile/0/000", "application/octet-stream", "immutable"),
            ("/checkpoint", "text/plain; charset=utf-8", "no-cache"),
        ):
            connection = http.client.HTTPConnection(host, timeout=30)
            connection.request("HEAD", name)
            answer = connection.getresponse()
            assert (answer.read(), answer.getheader("Content-Type")) == (b"", kind)
            assert caching in (answer.getheader("Cache-Control") or "")
            connection.close()


def test_a_stamp_is_public(desk: Desk) -> None:
    desk.record(1)
    desk.publish()
    (desk.log / "stamps").mkdir()
    (desk.log / "stamps/1.tsr").write_bytes(b"a stamp")
    build(desk)
    assert Path(desk.folder / "site/stamps/1.tsr").read_bytes() == b"a stamp"
