"""Requests over connections kept open: what is read, and what is not taken for an answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from bercail.storage import Location
from bercail.storage.kept_connections import FellSilent, KeptConnections, NotPlain, Request
from bercail.testing import tls_door
from bercail.testing.tls_door import TlsDoor

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: one\r\n\r\nhello"


class Host:
    """A server that gives each connection its own list of answers, then closes it."""

    def __init__(self, *connections: list[bytes]) -> None:
        self._connections = connections
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.heard: list[bytes] = []
        self._thread = Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        for answers in self._connections:
            line, _ = self._listener.accept()
            with line:
                for answer in answers:
                    if not self._request(line):
                        return
                    line.sendall(answer)

    def _request(self, line: socket.socket) -> bytes:
        held = b""
        while b"\r\n\r\n" not in held:
            came = line.recv(65536)
            if not came:
                return b""
            held += came
        head, _, body = held.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        while len(body) < int(length or 0):
            body += line.recv(65536)
        self.heard.append(head + b"\r\n\r\n" + body)
        return held

    def close(self) -> None:
        self._thread.join(10)
        self._listener.close()
        assert not self._thread.is_alive()


@contextmanager
def lines_to(host: Host, silence: float = 10.0) -> Iterator[KeptConnections]:
    origin = f"http://127.0.0.1:{host.port}"
    location = Location(scheme="s3", name="b", endpoint=origin)
    lines = KeptConnections(location, origin, silence=silence)
    try:
        yield lines
    finally:
        lines.close()
        host.close()


def ask(lines: KeptConnections, most: int = 0) -> bytes:
    return lines.ask("GET", "/b/k", {"host": "h"}, most=most).body


def test_one_connection_serves_many_requests() -> None:
    host = Host([GOOD, GOOD, b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"])
    with lines_to(host) as lines:
        assert ask(lines) == ask(lines) == b"hello"
        answer = lines.ask("PUT", "/b/k", {"host": "h"}, (b"ab", b"", b"cd"))
    assert (answer.status, answer.body) == (404, b"")
    assert host.heard[0] == b"GET /b/k HTTP/1.1\r\nhost: h\r\n\r\n"
    assert host.heard[2].endswith(b"Content-Length: 4\r\n\r\nabcd")


def test_a_large_body_arrives_whole() -> None:
    body = bytes(range(256)) * 20_000
    head = f"HTTP/1.1 206 Part\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    host = Host([head + body, GOOD])
    with lines_to(host) as lines:
        assert ask(lines, most=len(body)) == body
        assert ask(lines) == b"hello"


def test_a_connection_that_the_host_closed_meanwhile_is_replaced() -> None:
    host = Host([GOOD], [GOOD])
    with lines_to(host) as lines:
        assert ask(lines) == b"hello"
        assert ask(lines) == b"hello"


def test_a_connection_is_closed_when_the_host_says_so() -> None:
    host = Host([GOOD.replace(b"ETag: one", b"Connection: close")], [GOOD])
    with lines_to(host) as lines:
        assert ask(lines) == ask(lines) == b"hello"


def test_what_comes_unasked_is_not_taken_for_the_next_answer() -> None:
    stray = GOOD.replace(b"hello", b"stray")
    host = Host([GOOD + stray], [GOOD])
    with lines_to(host) as lines:
        # A body that may be large is received alone: what follows it stays on the connection.
        assert ask(lines, most=1_000_000) == b"hello"
        assert ask(lines) == b"hello"


def test_several_requests_are_all_sent_before_the_first_answer_is_read() -> None:
    host = Host([GOOD], [GOOD.replace(b"hello", b"again")], [GOOD[:-1]], [GOOD])
    asked = [Request("GET", f"/b/{n}", {"host": "h"}, most=9) for n in range(3)]
    asked.append(Request("GET", "/b/a\r\nb", {"host": "h"}))
    with lines_to(host) as lines:
        answers = lines.ask_several(asked)
        assert lines.ask("GET", "/b/3", {"host": "h"}).body == b"hello"
    # The third answer was cut short, and the fourth request was none.
    assert [answer and answer.body for answer in answers] == [b"hello", b"again", None, None]
    assert [told.split(b" ")[1] for told in host.heard] == [b"/b/0", b"/b/1", b"/b/2", b"/b/3"]


def test_of_several_kept_connections_those_that_are_not_at_rest_are_replaced() -> None:
    """One was closed by the host, one brings bytes that nobody asked for; the third is kept."""
    listener = socket.create_server(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    lines = KeptConnections(Location(scheme="s3", name="b", endpoint=origin), origin, silence=5)
    asked = [Request("GET", f"/b/{n}", {"host": "h"}, most=9) for n in range(3)]

    def served(those: list[socket.socket]) -> list[bytes]:
        found: list[Any] = []
        asking = Thread(target=lambda: found.extend(lines.ask_several(asked)))
        asking.start()
        while len(those) < 3:
            those.append(listener.accept()[0])
        for one in those:
            one.recv(65536)
            one.sendall(GOOD)
        asking.join(10)
        return [answer.body for answer in found]

    first: list[socket.socket] = []
    second: list[socket.socket] = []
    try:
        assert served(first) == [b"hello"] * 3
        first[0].close()
        first[1].sendall(GOOD.replace(b"hello", b"stray"))
        second.append(first[2])
        assert served(second) == [b"hello"] * 3
    finally:
        for one in (*first, *second, listener):
            one.close()
        lines.close()


def test_nothing_asked_leaves_the_kept_connections_alone() -> None:
    with lines_to(Host([GOOD, GOOD])) as lines:
        assert ask(lines) == b"hello"
        assert lines.ask_several([]) == []
        assert ask(lines) == b"hello"


def test_a_silent_host_is_awaited_once_and_not_for_each_of_several() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    lines = KeptConnections(Location(scheme="s3", name="b", endpoint=origin), origin, silence=0.2)
    asked = [Request("GET", f"/b/{n}", {"host": "h"}, most=9) for n in range(2)]
    found: list[object] = []
    asking = Thread(target=lambda: found.extend(lines.ask_several(asked)))
    asking.start()
    first, second = listener.accept()[0], listener.accept()[0]
    try:
        # The second answer is there already, and is no longer asked for after the silence.
        second.sendall(GOOD)
        asking.join(10)
        assert found == [None, None]
    finally:
        for one in (first, second, listener):
            one.close()
        lines.close()


NOT_PLAIN = {
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "cut": GOOD[:-1],
    "cut in the head": GOOD[:20],
    "no length": b"HTTP/1.1 200 OK\r\n\r\nhello",
    "two lengths": GOOD.replace(b"ETag: one", b"Content-Length: 5"),
    "no number": GOOD.replace(b": 5", b": +5"),
    "another protocol": GOOD.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "a folded line": GOOD.replace(b"ETag: one", b" Content-Length: 5"),
    "an interim answer": b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD,
    "more than its length": GOOD + b"more",
    "more than was asked for": b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("answer", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_what_is_not_plain_is_no_answer(answer: bytes) -> None:
    with lines_to(Host([answer])) as lines, pytest.raises(NotPlain):
        ask(lines)


def test_a_host_that_says_nothing_fell_silent() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    lines = KeptConnections(Location(scheme="s3", name="b", endpoint=origin), origin, silence=0.2)
    try:
        with pytest.raises(FellSilent):
            ask(lines)
    finally:
        lines.close()
        listener.close()


@pytest.fixture
def papers(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of this machine that signed itself, and its key."""
    return tls_door.papers(tmp_path)


def test_over_tls_a_host_that_says_nothing_fell_silent(papers: tuple[Path, Path]) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    silent = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with TlsDoor(silent, *papers) as door:
        options = {"ca": str(papers[0])}
        location = Location(scheme="s3", name="b", endpoint=door.endpoint, options=options)
        lines = KeptConnections(location, door.endpoint, silence=0.2)
        try:
            with pytest.raises(FellSilent):
                ask(lines)
            assert door.opened == 1
        finally:
            lines.close()
            listener.close()


@pytest.mark.parametrize("header", ["a\r\nx: y", "a\nx: y", "a\r", "\N{SNOWMAN}"])
def test_nothing_that_is_given_begins_a_line_of_its_own(header: str) -> None:
    origin = "http://127.0.0.1:1"
    lines = KeptConnections(Location(scheme="s3", name="b", endpoint=origin), origin, silence=1.0)
    with pytest.raises(NotPlain):
        lines.ask("GET", "/b/k", {"x-amz-meta-a": header})


def test_a_location_that_wants_a_proxy_is_not_served_here() -> None:
    origin = "http://127.0.0.1:1"
    options = {"proxy": "http://127.0.0.1:2"}
    location = Location(scheme="s3", name="b", endpoint=origin, options=options)
    assert not KeptConnections(location, origin, silence=1.0).serves
