"""The plain case of HTTP/1.1, for what a copy asks ten thousand times.

A general client spends more on a small object than the object does on the wire, and copies
a large one three times. This one knows kept connections, a body of announced length, and
nothing else: for whatever is not that plain (a refusal, a redirect, a proxy, a broken
connection) it gives no answer, and the caller asks again through its general client, which
retries and tells errors. So it may save work and never decides anything.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
import time
import weakref
from collections import deque
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen

from bercail.storage import failures
from bercail.storage.location import Location
from bercail.storage.transport import (
    CONNECT_SECONDS,
    SILENCE_SECONDS,
    authority_file,
    proxy_url,
    require_transport,
)

_IDLE_SECONDS: Final = 4.0
"""Servers close what is idle for five seconds and more: a connection is not kept so long."""
_PAUSE_SECONDS: Final = 5.0
"""After a failure the general client alone is used for this long: it knows how to wait."""
_MOST_HEAD: Final = 32 * 1024
_PEEK: Final = 4096
_JOINED: Final = 256 * 1024
_END = b"\r\n\r\n"
_BUSY = {408, 425, 429, 502, 503, 504, 507}


@frozen(kw_only=True)
class Answer:
    """Status, headers by lower-case name, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _NotPlain(Exception):
    """What came is not the plain case."""


class Direct:
    """Requests to the host of one location; threads may share it.

    `host` is what the Host header says, where it is not that of the endpoint.
    """

    def __init__(self, location: Location, host: str | None = None) -> None:
        require_transport(location)
        parts = urlsplit(location.endpoint or "")
        self._location = location
        self.host = host or parts.netloc
        self.root = parts.path.rstrip("/")
        self._tls = _tls(location) if parts.scheme == "https" else None
        name = urlsplit(f"//{self.host}").hostname or ""
        self._address = (name, parts.port or (443 if self._tls else 80))
        self._usable = bool(name) and proxy_url(location) is None
        self._quiet_until = 0.0
        self._idle: deque[tuple[socket.socket, float, int]] = deque()
        weakref.finalize(self, _close_all, self._idle)

    def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | memoryview = b""
    ) -> Answer | None:
        """The answer, or None where it is not plain. `target` is encoded.

        Of an answer that is no success (2xx), only the status is told, and no connection kept.

        Raises:
            Unavailable: the host keeps silent for a minute.
        """
        if not self._usable or time.monotonic() < self._quiet_until:
            return None
        head = self._asked(method, target, headers, len(body))
        try:
            line = self._line()
        except (OSError, ssl.SSLError):
            self._pause()
            return None
        try:
            answer = _exchanged(line, head, body)
        except (TimeoutError, BlockingIOError):
            # Who has waited for the whole deadline does not begin to wait once more.
            line.close()
            self._pause()
            raise failures.no_answer(self._location, method) from None
        except (OSError, ValueError, _NotPlain):
            line.close()
            self._pause()
            return None
        except BaseException:
            line.close()
            raise
        if answer.headers.get("connection", "").casefold() == "close":
            line.close()
        else:
            self._idle.append((line, time.monotonic(), os.getpid()))
        if answer.status in _BUSY:
            self._pause()
        return answer

    def _asked(self, method: str, target: str, headers: Mapping[str, str], length: int) -> bytes:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if length or method == "PUT":
            lines.append(f"Content-Length: {length}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")

    def _pause(self) -> None:
        self._quiet_until = time.monotonic() + _PAUSE_SECONDS

    def _line(self) -> socket.socket:
        """A connection: the one last used, unless it has been idle for too long."""
        while self._idle:
            try:
                line, since, process = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if time.monotonic() - since < _IDLE_SECONDS and process == os.getpid():
                return line
            line.close()
        return self._connected()

    def _connected(self) -> socket.socket:
        line = socket.create_connection(self._address, CONNECT_SECONDS)
        try:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                line = self._tls.wrap_socket(line, server_hostname=self._address[0])
                line.settimeout(SILENCE_SECONDS)
                return line
            # The kernel's own deadlines, so that one call may wait for a whole body.
            line.settimeout(None)
            deadline = struct.pack("ll", SILENCE_SECONDS, 0)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, deadline)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, deadline)
        except BaseException:
            line.close()
            raise
        return line


def _tls(location: Location) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority = authority_file(location)
    if authority is not None:
        context.load_verify_locations(str(authority))
    else:
        context.load_default_certs()
    return context


def _close_all(idle: deque[tuple[socket.socket, float, int]]) -> None:
    while idle:
        idle.pop()[0].close()


def _exchanged(line: socket.socket, head: bytes, body: bytes | memoryview) -> Answer:
    if len(body) <= _JOINED:
        line.sendall(head + body)
    else:
        line.sendall(head)
        line.sendall(body)
    told, rest = _head_over_tls(line) if isinstance(line, ssl.SSLSocket) else _head(line)
    status, headers = _parsed(told)
    if status >= 300:
        return Answer(status=status, headers={"connection": "close"}, body=b"")
    if status < 200 or "transfer-encoding" in headers:
        raise _NotPlain
    if status == 204:
        return Answer(status=status, headers=headers, body=b"")
    length = int(headers.get("content-length", "-1"))
    if length < len(rest):
        raise _NotPlain
    if isinstance(line, ssl.SSLSocket):
        return Answer(status=status, headers=headers, body=_filled(line, rest, length))
    return Answer(status=status, headers=headers, body=_received(line, length))


def _head(line: socket.socket) -> tuple[bytes, bytes]:
    """The head of the answer and not a byte more: what follows is received where it stays."""
    held = b""
    while len(held) < _MOST_HEAD:
        peeked = line.recv(_PEEK, socket.MSG_PEEK)
        if not peeked:
            break
        # The end of the head may lie across what came before.
        end = (held + peeked).find(_END)
        take = len(peeked) if end < 0 else end + len(_END) - len(held)
        held += line.recv(take)
        if end >= 0:
            return held, b""
    raise _NotPlain


def _head_over_tls(line: ssl.SSLSocket) -> tuple[bytes, bytes]:
    held = b""
    while len(held) < _MOST_HEAD:
        came = line.recv(_JOINED)
        if not came:
            break
        held += came
        end = held.find(_END)
        if end >= 0:
            return held[: end + len(_END)], held[end + len(_END) :]
    raise _NotPlain


def _parsed(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head[: -len(_END)].decode("latin-1").split("\r\n")
    version, _, told = first.partition(" ")
    if version != "HTTP/1.1":
        raise _NotPlain
    headers: dict[str, str] = {}
    for header in lines:
        name, separator, value = header.partition(":")
        name = name.casefold()
        if not separator or (name == "content-length" and name in headers):
            raise _NotPlain
        headers[name] = value.strip()
    return int(told[:3]), headers


def _received(line: socket.socket, length: int) -> bytes:
    """Exactly `length` bytes, in one piece of memory where they come in one call."""
    body = line.recv(length, socket.MSG_WAITALL) if length else b""
    if len(body) == length:
        return body
    pieces, got = [body], len(body)
    while got < length:
        piece = line.recv(length - got, socket.MSG_WAITALL)
        if not piece:
            raise _NotPlain
        pieces.append(piece)
        got += len(piece)
    return b"".join(pieces)


def _filled(line: ssl.SSLSocket, begun: bytes, length: int) -> bytes:
    if len(begun) == length:
        return begun
    body = bytearray(length)
    body[: len(begun)] = begun
    at, view = len(begun), memoryview(body)
    while at < length:
        count = line.recv_into(view[at:])
        if not count:
            raise _NotPlain
        at += count
    return bytes(body)
