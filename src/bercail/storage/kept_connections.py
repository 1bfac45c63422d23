"""HTTP/1.1 over connections that are kept open, for requests whose answers are plain.

A general library spends a quarter to a half of a millisecond of CPU on a small request, and
copies a large body on its way; here it is a few system calls, and a large body arrives where
it stays. So this reads only what every store sends of an object: a status, headers, a body of
the length announced. Whatever else comes is `NotPlain`, and a general library is asked instead.
"""

from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from attrs import frozen

from bercail.storage.transport import (
    CONNECT_SECONDS,
    authority_file,
    proxy_url,
    require_transport,
)

if TYPE_CHECKING:
    from bercail.storage.location import Location

KEPT_SECONDS: Final = 10.0
"""A connection that rested for longer is not used again: hosts close theirs without a word."""
MOST_TOLD: Final = 1024 * 1024
"""Bytes of an answer that is no object: an error, or nothing."""
_MOST_KEPT = 128
_HEAD_END = b"\r\n\r\n"
_MOST_HEAD = 64 * 1024
_STEP = 64 * 1024
_LOOK = 4 * 1024
_AT_ONCE = 512 * 1024
_PIECES = 512  # of one system call; the limit is 1,024
_TLS_STEP = 1024 * 1024


class NotPlain(Exception):
    """The connection broke, or what came is not read here. It says nothing about the object."""


class FellSilent(Exception):
    """The host sent nothing for as long as one waits."""


@frozen(kw_only=True)
class Answer:
    """What a host answered. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@frozen
class Request:
    """One of several requests that may each be sent twice; see `KeptConnections.ask`."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: Sequence[bytes | memoryview] = ()
    most: int = 0


class KeptConnections:
    """The connections to one host; threads may share them.

    `silence` is how many seconds a host may send nothing. `serves` is false where a location
    wants a proxy, or an address that is not read here: then nothing may be asked.
    """

    def __init__(self, location: Location, origin: str, *, silence: float) -> None:
        self._kept: list[_Connection] = []
        self._lock = threading.Lock()
        require_transport(location)
        parts = urlsplit(origin)
        self._host, self._tls = parts.hostname or "", parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        self._silence = silence
        self._authority = authority_file(location)
        self._context: ssl.SSLContext | None = None
        self.serves = proxy_url(location) is None and parts.scheme in {"http", "https"}

    def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: Sequence[bytes | memoryview] = (),
        *,
        most: int = 0,
    ) -> Answer:
        """Send a request that may be sent twice, and read the answer, with at most `most` bytes of
        an object.

        A connection that was kept may have been closed by the host meanwhile; then, and only
        when no byte of an answer came, the request goes once more over a fresh one.

        Raises:
            NotPlain, FellSilent: see there.
        """
        head = _request_head(method, target, headers, body)
        for kept in self._taken(1):
            with suppress(_Closed):
                return self._over(kept, head, body, most)
        try:
            return self._over(self._opened(), head, body, most)
        except _Closed:
            raise NotPlain from None

    def ask_several(self, requests: Sequence[Request]) -> list[Answer | None]:
        """Send all of them, each over a connection of its own, then read the answers in order.

        None stands for whatever `ask` would raise, a connection that the host had closed too.
        Once a request cannot be sent, no further one is; once the host keeps silent, no further
        answer is awaited: whoever asks again waits once, and not for each of them.
        """
        lines: list[_Connection] = []
        answers: list[Answer | None] = []
        kept = self._taken(len(requests))
        try:
            for request in requests:
                one = self._sent(request, kept)
                if one is None:
                    break
                lines.append(one)
            for request in requests[: len(lines)]:
                try:
                    answers.append(self._heard(lines.pop(0), request.most))
                except FellSilent:
                    break
        finally:
            for one in [*lines, *kept]:
                one.close()
        return answers + [None] * (len(requests) - len(answers))

    def close(self) -> None:
        """Close what is kept open."""
        with self._lock:
            kept, self._kept = self._kept, []
        for one in kept:
            one.close()

    def __del__(self) -> None:
        self.close()

    def _sent(self, request: Request, kept: list[_Connection]) -> _Connection | None:
        try:
            head = _request_head(request.method, request.target, request.headers, request.body)
            one = kept.pop() if kept else self._opened()
            with _broken(one):
                one.send(head, request.body)
        except (NotPlain, FellSilent, _Closed):
            return None
        return one

    def _heard(self, one: _Connection, most: int) -> Answer | None:
        try:
            return self._answered(one, most)
        except (NotPlain, _Closed):
            return None

    def _over(
        self, one: _Connection, head: bytes, body: Sequence[bytes | memoryview], most: int
    ) -> Answer:
        with _broken(one):
            one.send(head, body)
        return self._answered(one, most)

    def _answered(self, one: _Connection, most: int) -> Answer:
        with _broken(one):
            answer = one.answer(most)
        if one.lasts:
            self._keep(one)
        else:
            one.close()
        return answer

    def _taken(self, most: int) -> list[_Connection]:
        """Some of the connections that were kept, `most` of them, fit to be used again."""
        fresh = time.monotonic() - KEPT_SECONDS
        while most:
            with self._lock:
                found = self._kept[-most:]
                del self._kept[-most:]
            fit = _resting([one for one in found if one.rests_since >= fresh])
            for one in found:
                if one not in fit:
                    one.close()
            if fit or not found:
                return fit
        return []

    def _keep(self, one: _Connection) -> None:
        one.rests_since = time.monotonic()
        with self._lock:
            if len(self._kept) < _MOST_KEPT:
                self._kept.append(one)
                return
        one.close()

    def _opened(self) -> _Connection:
        try:
            line = socket.create_connection((self._host, self._port), CONNECT_SECONDS)
        except OSError:
            raise NotPlain from None
        try:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                line = self._trusting().wrap_socket(line, server_hostname=self._host)
            self._limit(line)
        except OSError:
            line.close()
            raise NotPlain from None
        return _Connection(line)

    def _limit(self, line: socket.socket) -> None:
        """Let no call on `line` wait for longer than the host may be silent."""
        if self._tls:
            # OpenSSL asks again where the system's deadline ends a call, so it is Python's here.
            line.settimeout(self._silence)
            return
        # The deadline is the system's: with one of Python's own, each call would be two.
        line.settimeout(None)
        whole, part = divmod(self._silence, 1)
        deadline = struct.pack("ll", int(whole), int(part * 1_000_000))
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, deadline)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, deadline)

    def _trusting(self) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                told = str(self._authority) if self._authority else None
                self._context = ssl.create_default_context(cafile=told)
            return self._context


class _Closed(Exception):
    """The host closed the connection before a byte of an answer."""


class _broken:  # noqa: N801  # read as a word: `with _broken(one)`
    """Close the connection on any error, and tell those of the system in the words of this room."""

    __slots__ = ("_one",)

    def __init__(self, one: _Connection) -> None:
        self._one = one

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        self._one.close()
        if isinstance(error, BlockingIOError | TimeoutError):
            raise FellSilent from None
        if isinstance(error, OSError):
            raise NotPlain from None


class _Connection:
    """One connection, one request at a time."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._tls = isinstance(line, ssl.SSLSocket)
        self.rests_since = 0.0
        self.lasts = True

    def close(self) -> None:
        """Close it."""
        self._line.close()

    @property
    def number(self) -> int:
        """The number by which the system tells of it."""
        return self._line.fileno()

    @property
    def holds(self) -> bool:
        """Whether bytes that came are waiting in the TLS layer, where the system sees none."""
        return isinstance(self._line, ssl.SSLSocket) and self._line.pending() > 0

    def send(self, head: bytes, body: Sequence[bytes | memoryview]) -> None:
        """Send a request."""
        try:
            if self._tls:
                self._line.sendall(head)
                for piece in body:
                    self._line.sendall(piece)
            else:
                _send_pieces(self._line, [head, *body])
        except (BrokenPipeError, ConnectionResetError):
            raise _Closed from None

    def answer(self, most: int) -> Answer:
        """Read the answer to a GET or a PUT, with at most `most` bytes of an object."""
        head, body = self._head(at_once=self._tls or most <= _AT_ONCE)
        status, headers = _parsed_head(head)
        length = headers.get("content-length")
        if status < 200 or "transfer-encoding" in headers:
            raise NotPlain
        if length is None and status not in {204, 304}:
            raise NotPlain
        if not (length or "0").isdecimal() or int(length or 0) > max(most, MOST_TOLD):
            raise NotPlain
        self.lasts = headers.get("connection", "").lower() != "close"
        missing = int(length or 0) - len(body)
        if missing < 0:
            raise NotPlain
        return Answer(status=status, headers=headers, body=self._rest(body, missing))

    def _head(self, *, at_once: bool) -> tuple[bytes, bytes]:
        """The head of an answer, and what came with it of the body.

        Unless `at_once`, bytes are looked at first and taken after, up to the end of the head:
        so a large body is received where it stays.
        """
        held = b""
        while True:
            came = self._came(at_once=at_once)
            if not came:
                raise NotPlain if held else _Closed
            held += came
            end = held.find(_HEAD_END) + len(_HEAD_END)
            if end >= len(_HEAD_END):
                if at_once:
                    return held[:end], held[end:]
                self._line.recv(end - len(held) + len(came))
                return held[:end], b""
            if len(held) > _MOST_HEAD:
                raise NotPlain
            if not at_once:
                self._line.recv(len(came))

    def _came(self, *, at_once: bool) -> bytes:
        """What is there of an answer; nothing from a host that closed, politely or not."""
        try:
            return self._line.recv(_STEP) if at_once else self._line.recv(_LOOK, socket.MSG_PEEK)
        except ConnectionResetError:
            return b""

    def _rest(self, body: bytes, missing: int) -> bytes:
        if not missing:
            return body
        if not body and not self._tls:
            body = self._line.recv(missing, socket.MSG_WAITALL)
            missing -= len(body)
            if not missing:
                return body
        parts = [body]
        while missing:
            part = self._line.recv(min(missing, _TLS_STEP))
            if not part:
                raise NotPlain
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)


def _resting(connections: list[_Connection]) -> list[_Connection]:
    """Those to which nothing came since the last answer: bytes unasked for would be taken for
    the next one, and an end means that there is none.
    """
    # One question to the system for all of them: each lets another thread go first.
    asked = select.poll()
    for one in connections:
        asked.register(one.number, select.POLLIN)
    told = {number for number, _ in asked.poll(0)} if connections else set()
    return [one for one in connections if one.number not in told and not one.holds]


def _request_head(
    method: str, target: str, headers: Mapping[str, str], body: Sequence[bytes | memoryview]
) -> bytes:
    lines = [f"{method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body or method in {"PUT", "POST"}:
        lines.append(f"Content-Length: {sum(map(len, body))}")
    head = "\r\n".join(lines)
    # Nothing that was given may begin a line, or a request, of its own.
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
        raise NotPlain
    try:
        return head.encode("latin-1") + _HEAD_END
    except UnicodeEncodeError:
        raise NotPlain from None


def _send_pieces(line: socket.socket, pieces: Sequence[bytes | memoryview]) -> None:
    left = [memoryview(piece) for piece in pieces if piece]
    while left:
        sent = line.sendmsg(left[:_PIECES])
        while left and sent >= len(left[0]):
            sent -= len(left.pop(0))
        if sent:
            left[0] = left[0][sent:]


def _parsed_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head[: -len(_HEAD_END)].decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if version != "HTTP/1.1" or not rest[:3].isdecimal():
        raise NotPlain
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.lower(), value.strip()
        # A line that goes on from the one before, or a length told twice, is read differently
        # by different readers.
        if not colon or name != name.strip() or (name == "content-length" and name in headers):
            raise NotPlain
        headers[name] = value
    return int(rest[:3]), headers
