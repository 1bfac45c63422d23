"""Attacks on the road to a host: lying servers, environments, links, leaked secrets."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, field
from awscrt.checksums import crc64nvme

from bercail.foundation import (
    BercailError,
    Invalid,
    Missing,
    Refused,
    Secret,
    Unavailable,
    Unproven,
)
from bercail.storage import Credentials, Location, ObjectStore, open_store
from bercail.testing.servers import RunningServer

SECRET = base64.b64encode(b"this must never be shown to anyone").decode()
CREDENTIALS = Credentials(access_key="someone", secret=Secret(SECRET.encode()))
DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


@define
class Answer:
    """What the server says; `length` is the Content-Length it claims."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(factory=dict)
    length: int | None = None


@define
class Heard:
    """One request as it arrived; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class LyingServer:
    """An HTTP server that answers as told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: Callable[[Heard], Answer] = lambda _: Answer(status=500)
        self.heard: list[Heard] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                heard = Heard(self.command, self.path, headers, self.rfile.read(size))
                outer.heard.append(heard)
                said = outer.answer(heard)
                self.send_response(said.status)
                for name, value in said.headers.items():
                    self.send_header(name, value)
                length = len(said.body) if said.length is None else said.length
                self.send_header("Content-Length", str(length))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(said.body)
                if length != len(said.body):
                    self.close_connection = True

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_any  # noqa: N815  # the library's names

            def log_message(self, *_: Any) -> None:
                """Say nothing on the terminal."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def liar() -> Iterator[LyingServer]:
    server = LyingServer()
    yield server
    server.close()


@pytest.fixture(params=["s3", "azure"])
def lied_to(request: pytest.FixtureRequest, liar: LyingServer) -> ObjectStore:
    location = Location(scheme=request.param, name="acct", endpoint=liar.endpoint)
    return open_store(location, CREDENTIALS)


def part(body: bytes, *, etag: str, start: int, total: int, length: int | None = None) -> Answer:
    end = start + (len(body) if length is None else length) - 1
    headers = {
        "ETag": etag,
        "Last-Modified": DATE,
        "Content-Range": f"bytes {start}-{end}/{total}",
        "x-ms-blob-type": "BlockBlob",
    }
    return Answer(status=206, body=body, headers=headers, length=length)


class TestLyingHosts:
    def test_a_host_that_ignores_the_version_asked_for(
        self, liar: LyingServer, lied_to: ObjectStore
    ) -> None:
        liar.answer = lambda _: part(b"12345", etag='"new"', start=0, total=5)
        with pytest.raises(Unproven):
            lied_to.read("container/x", 0, 5, if_match='"old"')
        with pytest.raises(Unproven):
            list(lied_to.stream("container/x", if_match='"old"'))

    def test_a_host_that_changes_the_object_under_the_reader(
        self, liar: LyingServer, lied_to: ObjectStore
    ) -> None:
        def answer(heard: Heard) -> Answer:
            start = int(heard.headers["range"].partition("=")[2].partition("-")[0])
            etag = '"new"' if start >= 8 else '"old"'
            return part(b"abcd", etag=etag, start=start, total=16)

        liar.answer = answer
        stream = lied_to.stream("container/x", chunk=4)
        assert next(stream) + next(stream) == b"abcdabcd"
        with pytest.raises(Unproven):
            next(stream)

    def test_a_body_cut_short(self, liar: LyingServer, lied_to: ObjectStore) -> None:
        liar.answer = lambda _: part(b"123", etag='"e"', start=0, total=5, length=5)
        with pytest.raises(Unavailable):
            lied_to.read("container/x", 0, 5)

    def test_a_range_answered_in_part(self, liar: LyingServer, lied_to: ObjectStore) -> None:
        liar.answer = lambda _: part(b"123", etag='"e"', start=0, total=10)
        with pytest.raises(Unavailable):
            lied_to.read("container/x", 0, 5)

    def test_an_end_that_is_none(self, liar: LyingServer, lied_to: ObjectStore) -> None:
        """The host says that a range is beyond the end, then that the object is longer."""
        headers = {"ETag": '"e"', "Last-Modified": DATE}

        def answer(heard: Heard) -> Answer:
            status = 200 if heard.method == "HEAD" else 416
            return Answer(status=status, headers=headers, length=100 if status == 200 else 0)

        liar.answer = answer
        with pytest.raises(Unproven):
            lied_to.read("container/x", 0, 5)

    def test_a_range_answered_with_another(self, liar: LyingServer, lied_to: ObjectStore) -> None:
        liar.answer = lambda _: part(b"12345", etag='"e"', start=3, total=100)
        with pytest.raises(BercailError):
            lied_to.read("container/x", 0, 5)

    def test_a_range_ignored(self, liar: LyingServer, lied_to: ObjectStore) -> None:
        headers = {"ETag": '"e"', "Last-Modified": DATE}
        liar.answer = lambda _: Answer(body=b"x" * 100, headers=headers)
        with pytest.raises(BercailError):
            lied_to.read("container/x", 10, 5)

    @pytest.mark.parametrize(
        "body",
        [
            b"not xml at all",
            b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>',
            b"<html><body>Please log in to the network</body></html>" * 3 + b"<unclosed>",
        ],
    )
    def test_a_listing_that_is_none(
        self, liar: LyingServer, lied_to: ObjectStore, body: bytes
    ) -> None:
        headers = {"Content-Type": "application/xml"}
        liar.answer = lambda _: Answer(body=body, headers=headers)
        with pytest.raises(BercailError):
            list(lied_to.list("container/"))

    def test_a_listing_without_end(self, liar: LyingServer) -> None:
        entry = (
            b"<Contents><Key>k</Key><Size>1</Size><ETag>e</ETag>"
            b"<LastModified>2026-10-21T07:28:00Z</LastModified></Contents>"
        )
        page = (
            b"<ListBucketResult><IsTruncated>true</IsTruncated>"
            + entry
            + b"<NextContinuationToken>same</NextContinuationToken></ListBucketResult>"
        )
        liar.answer = lambda _: Answer(body=page)
        location = Location(scheme="s3", name="b", endpoint=liar.endpoint)
        with pytest.raises(Invalid):
            list(open_store(location, CREDENTIALS).list())
        assert len(liar.heard) == 2

    @pytest.mark.parametrize(
        ("status", "family"),
        [(503, Unavailable), (429, Unavailable), (403, Refused), (404, Missing)],
    )
    def test_statuses_have_their_family_everywhere(
        self, liar: LyingServer, lied_to: ObjectStore, status: int, family: type[BercailError]
    ) -> None:
        liar.answer = lambda _: Answer(status=status)
        for act in (
            lambda: lied_to.get("container/x"),
            lambda: lied_to.head("container/x"),
            lambda: list(lied_to.list("container/")),
        ):
            with pytest.raises(family):
                act()

    def test_a_redirection_takes_no_one_elsewhere(
        self, liar: LyingServer, lied_to: ObjectStore
    ) -> None:
        elsewhere = LyingServer()
        try:
            target = elsewhere.endpoint.replace("127.0.0.1", "localhost")
            liar.answer = lambda heard: Answer(
                status=307, headers={"Location": target + heard.path}
            )
            for act in (
                lambda: lied_to.put("container/x", b"data"),
                lambda: lied_to.get("container/x"),
                lambda: lied_to.head("container/x"),
                lambda: list(lied_to.list("container/")),
                lambda: lied_to.delete("container/x"),
            ):
                with pytest.raises(BercailError):
                    act()
            assert elsewhere.heard == []
        finally:
            elsewhere.close()


class TestWhatIsSent:
    def test_the_host_is_given_a_checksum_to_compare(self, liar: LyingServer) -> None:
        liar.answer = lambda _: Answer(headers={"ETag": '"e"'})
        location = Location(scheme="s3", name="b", endpoint=liar.endpoint)
        open_store(location, CREDENTIALS).put("x", b"some bytes")
        (heard,) = liar.heard
        expected = base64.b64encode(crc64nvme(b"some bytes").to_bytes(8, "big")).decode()
        assert heard.headers["x-amz-checksum-crc64nvme"] == expected
        assert heard.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=someone/")
        assert SECRET not in str(heard)

    def test_corruption_on_the_way_is_refused_by_the_host(
        self, liar: LyingServer, seaweedfs: RunningServer, s3_location: Location
    ) -> None:
        """A checksum computed for other bytes, as after a flipped bit, does not pass."""
        import urllib3

        liar.answer = lambda _: Answer(headers={"ETag": '"e"'})
        relayed = evolve(s3_location, endpoint=liar.endpoint)
        open_store(relayed, seaweedfs.credentials).put("x", b"some bytes")
        (heard,) = liar.heard
        for body, status in ((b"somE bytes", 400), (b"some bytes", 200)):
            answer = urllib3.request(
                "PUT",
                seaweedfs.endpoint + heard.path,
                body=body,
                headers=heard.headers,
                retries=False,
            )
            assert answer.status == status

    def test_the_environment_does_not_say_where_data_go(
        self,
        liar: LyingServer,
        seaweedfs: RunningServer,
        s3_location: Location,
        azurite: RunningServer,
        azure_root: str,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        config = tmp_path / "config"
        config.write_text(f"[default]\nendpoint_url = {liar.endpoint}\nregion = mars\n")
        hostile = {
            "AWS_ENDPOINT_URL": liar.endpoint,
            "AWS_ENDPOINT_URL_S3": liar.endpoint,
            "AWS_ENDPOINT": liar.endpoint,
            "AWS_SESSION_TOKEN": "stolen",
            "AWS_ACCESS_KEY_ID": "other",
            "AWS_SECRET_ACCESS_KEY": "other",
            "AWS_SKIP_SIGNATURE": "true",
            "AWS_PROFILE": "no-such-profile",
            "AWS_CONFIG_FILE": str(config),
            "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
            "AWS_S3_EXPRESS": "true",
            "AZURE_STORAGE_ENDPOINT": liar.endpoint,
            "AZURE_STORAGE_ACCOUNT_KEY": "b3RoZXI=",
            "AZURE_STORAGE_SAS_TOKEN": "sig=stolen",
            "AZURE_STORAGE_USE_EMULATOR": "true",
            "AZURE_SKIP_SIGNATURE": "true",
            "HTTP_PROXY": liar.endpoint,
            "HTTPS_PROXY": liar.endpoint,
            "ALL_PROXY": liar.endpoint,
            "http_proxy": liar.endpoint,
            "all_proxy": liar.endpoint,
        }
        for name, value in hostile.items():
            monkeypatch.setenv(name, value)
        for server, location, root in (
            (seaweedfs, s3_location, ""),
            (azurite, azurite.location(), azure_root),
        ):
            store = open_store(location, server.credentials)
            store.put(f"{root}x", b"1")
            store.put(f"{root}large", iter([bytes(17 << 20)]), if_absent=True)
            assert store.get(f"{root}x") == b"1"
            assert store.head(f"{root}x").size == 1
            assert len(list(store.list(root))) == 2
            store.delete(f"{root}x")
        assert liar.heard == []

    def test_a_proxy_is_used_when_the_location_says_so(self, liar: LyingServer) -> None:
        liar.answer = lambda _: Answer(status=404)
        for scheme in ("s3", "azure"):
            location = Location(
                scheme=scheme,
                name="b",
                endpoint="http://127.0.0.1:9",
                options={"proxy": liar.endpoint},
            )
            store = open_store(location, CREDENTIALS)
            for act in (
                lambda store=store: store.get("container/x"),
                lambda store=store: list(store.list("container/")),
            ):
                with pytest.raises(Missing):
                    act()
        # Behind a proxy the general clients ask alone: two stores, two questions each.
        assert len(liar.heard) == 4
        assert all(heard.path.startswith("http://127.0.0.1:9/") for heard in liar.heard)

    @pytest.mark.parametrize(
        "endpoint",
        [
            "http://192.0.2.1:9000",
            "http://s3.example",
            "http://localhost.example",
            "http://127.0.0.1.example",
        ],
    )
    @pytest.mark.parametrize("scheme", ["s3", "azure"])
    def test_nothing_travels_in_clear_to_another_machine(self, scheme: str, endpoint: str) -> None:
        location = Location(scheme=scheme, name="b", endpoint=endpoint)
        with pytest.raises(Refused) as refusal:
            open_store(location, CREDENTIALS)
        assert refusal.value.rule == "storage-tls"
        accepted = evolve(location, options={"plain_http": "accepted"})
        assert open_store(accepted, CREDENTIALS).location == accepted


class TestSecrets:
    @pytest.mark.parametrize(
        "text",
        [
            f"s3://key:{SECRET}@bucket",
            f"s3://bucket?endpoint=https://key:{SECRET}@h.example",
            f"s3://bucket?endpoint=https://h.example&secret={SECRET}",
            f"azure://acct?endpoint=https://h.example%3Fsig%3D{SECRET}",
            f"azure://acct?endpoint=https://h.example&sig={SECRET}",
            f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={SECRET}",
            f"https://acct.blob.example/c?sig={SECRET}",
        ],
    )
    def test_a_location_with_a_secret_is_refused_unseen(self, text: str) -> None:
        with pytest.raises(Invalid) as refusal:
            Location.parse(text)
        assert SECRET[:20] not in f"{refusal.value!r} {refusal.value} {refusal.value.as_dict()}"

    def test_credentials_do_not_print(self) -> None:
        credentials = Credentials(access_key="k", secret=Secret(b"hush"), sas=Secret(b"sig=hush"))
        assert "hush" not in f"{credentials!r} {credentials}"


class TestLinks:
    """A drop box that its sender can write to must not lend out other files."""

    @pytest.fixture
    def outside(self, tmp_path: Path) -> Path:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "passwords").write_bytes(b"not yours")
        return outside

    @pytest.fixture
    def store(self, tmp_path: Path, outside: Path) -> ObjectStore:
        box = tmp_path / "box"
        box.mkdir()
        (box / "link").symlink_to(outside / "passwords")
        (box / "folder").symlink_to(outside)
        (box / "loop").symlink_to(box)
        os.mkfifo(box / "pipe")
        (box / "honest").write_bytes(b"mine")
        return open_store(Location.folder(box))

    def test_links_and_pipes_are_not_listed(self, store: ObjectStore) -> None:
        assert [info.name for info in store.list()] == ["honest"]

    @pytest.mark.parametrize("name", ["link", "folder/passwords", "pipe", "loop/link"])
    def test_they_are_not_read(self, store: ObjectStore, name: str) -> None:
        for act in (
            lambda: store.get(name),
            lambda: store.head(name),
            lambda: list(store.stream(name)),
        ):
            with pytest.raises((Missing, Refused)):
                act()

    def test_nothing_is_written_or_deleted_through_them(
        self, store: ObjectStore, outside: Path
    ) -> None:
        with pytest.raises(Refused) as refusal:
            store.put("folder/new", b"x")
        assert refusal.value.rule == "folder-link"
        with pytest.raises(Refused):
            store.delete("folder/passwords")
        store.put("link", b"replaced, not followed")
        assert [path.name for path in outside.iterdir()] == ["passwords"]
        assert (outside / "passwords").read_bytes() == b"not yours"

    def test_a_folder_reached_through_a_link_is_itself_usable(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "alias").symlink_to(tmp_path / "real")
        store = open_store(Location.folder(tmp_path / "alias"))
        store.put("a/b", b"1")
        assert store.get("a/b") == b"1"
