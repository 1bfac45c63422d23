"""Hosts that say yes to everything: the questions of each protocol find them out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest
from botocore.exceptions import ClientError

from bercail.foundation import Secret
from bercail.storage import Credentials, Location, open_store, s3_lock_probe
from bercail.storage.azure import AzureStore
from bercail.storage.azure_probe import AzureQuestions
from bercail.storage.probe_questions import Answer
from bercail.storage.s3 import S3Store
from bercail.storage.s3_lock_probe import LockQuestions


class YesMan(BaseHTTPRequestHandler):
    """An Azure account that takes whatever it is sent, at once, for everybody to read."""

    protocol_version = "HTTP/1.1"
    blobs: dict[str, bytes]

    def _say(self, status: int, body: bytes = b"", size: int | None = None) -> None:
        self.send_response(status)
        now = format_datetime(datetime.now(UTC), usegmt=True)
        kept = {"ETag": '"0x1"', "Last-Modified": now, "x-ms-blob-type": "BlockBlob"}
        kept |= {"Content-Type": "application/xml"}
        kept |= {"x-ms-lease-id": "0" * 36, "x-ms-request-server-encrypted": "false"}
        for name, value in kept.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if size is None else size))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = parse_qs(urlsplit(self.path).query)
        name = unquote(urlsplit(self.path).path)
        if "restype" not in asked and asked.get("comp") != ["lease"]:
            self.blobs[name] = body
        self._say(201)

    def do_DELETE(self) -> None:
        self._say(202)

    def do_HEAD(self) -> None:
        found = self.blobs.get(unquote(urlsplit(self.path).path))
        self._say(404 if found is None else 200, size=len(found or b""))

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        if asked.get("comp") != ["list"]:
            self._say(200, b"anything")
        elif "restype" in asked:
            self._say(200, self._listing(asked).encode())
        else:
            one = "<Name>c-1</Name><Properties><Etag>0x1</Etag></Properties><Metadata/>"
            told = f"<Containers><Container>{one}</Container></Containers>"
            self._say(200, f"<EnumerationResults>{told}</EnumerationResults>".encode())

    def _listing(self, asked: dict[str, list[str]]) -> str:
        start = f"/a/c-1/{asked.get('prefix', [''])[0]}"
        blobs = "".join(
            f"<Blob><Name>{escape(name.removeprefix('/a/c-1/'))}</Name><Properties>"
            f"<Content-Length>{len(body)}</Content-Length><Etag>0x1</Etag>"
            "<BlobType>BlockBlob</BlobType></Properties><Metadata/></Blob>"
            for name, body in self.blobs.items()
            if name.startswith(start)
        )
        return f"<EnumerationResults><Blobs>{blobs}</Blobs></EnumerationResults>"

    def log_message(self, *_: object) -> None:
        """Say nothing on the terminal."""


@pytest.fixture
def yes_man() -> Iterator[AzureStore]:
    YesMan.blobs = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), YesMan)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}/a"
    keys = Credentials(secret=Secret(b"AAAA"))
    store = open_store(Location(scheme="azure", name="a", endpoint=endpoint), keys)
    assert isinstance(store, AzureStore)
    yield store
    server.shutdown()
    thread.join()
    server.server_close()


IGNORED = (
    "wrong-content-md5",
    "wrong-content-crc64",
    "wrong-block-md5",
    "wrong-block-crc64",
    "if-none-match-put",
    "if-match-put",
    "if-match-delete",
    "lease",
    "wrong-block-list",
    "unfinished-invisible",
    "orphans-visible",
    "orphans-removable",
    "anonymous-refused",
    "tampered-signature-refused",
)


@pytest.mark.parametrize("name", IGNORED)
def test_an_azure_host_that_says_yes_is_found_out(yes_man: AzureStore, name: str) -> None:
    (question,) = (q for q in AzureQuestions(yes_man).questions() if q.name == name)
    assert question.ask(f"c-1/{name}")[0] == "ignored"


def test_every_question_about_azure_is_tried_on_it(yes_man: AzureStore) -> None:
    asked = {question.name for question in AzureQuestions(yes_man).questions()}
    assert asked - set(IGNORED) == {"versions", "clock", "range-crc64-told"}


class Buckets:
    """The vendor's client of an S3 host: what it refuses is named in `refuses`.

    It keeps versions, or only says so; `locked` is what it says of a bucket's locks.
    """

    def __init__(self, *refuses: str, locked: bool = True, versions: bool = True) -> None:
        self.refuses, self.locked, self.keeps = refuses, locked, versions
        self.held: list[tuple[str, str]] = []

    def __getattr__(self, method: str) -> Any:
        own = type(self).__dict__.get(f"_{method}")
        answer = partial(own, self) if own else lambda **_: {}

        def call(**options: Any) -> dict[str, Any]:
            if method in self.refuses or f"{method} {options.get('Key')}" in self.refuses:
                raise ClientError({"Error": {"Code": "No"}}, method)
            return cast("dict[str, Any]", answer(**options))

        return call

    def _get_object_lock_configuration(self, **_: Any) -> dict[str, Any]:
        state = "Enabled" if self.locked else "Off"
        return {"ObjectLockConfiguration": {"ObjectLockEnabled": state}}

    def _put_object(self, **options: Any) -> dict[str, Any]:
        version = f"v{len(self.held)}"
        self.held = [*self.held, (options["Key"], version)] if self.keeps else []
        return {"VersionId": version}

    def _list_object_versions(self, **_: Any) -> dict[str, Any]:
        return {"Versions": [{"Key": key, "VersionId": version} for key, version in self.held]}

    def _delete_object(self, **options: Any) -> dict[str, Any]:
        gone = (options["Key"], options.get("VersionId"))
        self.held = [one for one in self.held if one != gone]
        return {}


def locks(client: Buckets) -> dict[str, Answer]:
    location = Location.parse("s3://b?endpoint=http://127.0.0.1:1")
    store = SimpleNamespace(location=location, control=SimpleNamespace(client=client))
    questions = LockQuestions(cast("S3Store", store)).questions()
    return {question.name: question.ask("x") for question in questions}


def test_an_s3_host_that_takes_locks_and_deletes_all_the_same_is_found_out() -> None:
    told = locks(Buckets())
    for name in ("versions-offered", "lock-legal-hold", "lock-governance", "lock-compliance"):
        assert told[name][0] == "ignored", name
    assert told["lock-offered"][0] == told["scratch-bucket-removed"][0] == "held"


def test_a_bucket_asked_for_with_locks_and_made_without_is_found_out() -> None:
    told = locks(Buckets(locked=False, versions=False))
    assert told["lock-offered"][0] == told["versions-offered"][0] == "ignored"
    for name in ("lock-legal-hold", "lock-governance", "lock-compliance"):
        assert told[name][0] == "absent"


def test_a_host_that_makes_no_bucket_is_asked_no_more() -> None:
    client = Buckets("create_bucket")
    told = locks(client)
    assert {name for name, answer in told.items() if answer[0] == "held"} == {
        "scratch-bucket-removed"
    }
    assert client.held == []


def test_a_lock_that_outlasts_its_time_and_a_bucket_that_stays_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(s3_lock_probe, "_KEPT_SECONDS", 0)
    monkeypatch.setattr(s3_lock_probe, "_PATIENCE", 0.0)
    told = locks(Buckets("delete_object", "delete_bucket", "put_object_retention"))
    assert told["lock-compliance"] == ("absent", "a version cannot be deleted after its time")
    assert told["lock-governance"][0] == "held"
    assert told["lock-governance-bypass"][0] == "absent"
    assert told["scratch-bucket-removed"][0] == "absent"
    assert "remove it" in told["scratch-bucket-removed"][1]


def test_a_time_that_can_be_shortened_is_no_compliance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_lock_probe, "_KEPT_SECONDS", 0)
    monkeypatch.setattr(s3_lock_probe, "_PATIENCE", 0.0)
    assert "shortened" in locks(Buckets("delete_object"))["lock-compliance"][1]
