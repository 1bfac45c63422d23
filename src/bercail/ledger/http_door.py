"""A small, bounded HTTP server for the public parts of the ledger: a witness, a log.

Built on the standard library, with the bounds that it lacks: connections at a time, seconds a
connection may live, bytes of a body. It speaks plain HTTP: whoever is on the open network puts
a server with TLS before it.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from attrs import frozen

from bercail.foundation import BercailError, Unavailable

MOST_CONNECTIONS = 32
"""At a time; one more is closed at once, and its client tries again."""

LIFE_SECONDS = 30.0
"""How long a connection may last, whatever it sends: a slow client does not hold a place."""

MOST_BODY = 512 * 1024
"""Bytes of a request's body: a checkpoint with a hundred signatures."""

_LOG = logging.getLogger(__name__)


@frozen(kw_only=True)
class Reply:
    """What is sent back."""

    status: int
    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = {}


Respond = Callable[[str, str, bytes], Reply]
"""Gives the reply to a method, a path and a body."""


class HttpDoor(ThreadingHTTPServer):
    """Serves `respond` at `address` (host, port; port 0 takes a free one).

    Raises:
        Unavailable: the address cannot be taken.
    """

    daemon_threads = True
    request_queue_size = 64
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], respond: Respond) -> None:
        self.respond = respond
        self.life_seconds = LIFE_SECONDS
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        try:
            super().__init__(address, _Handler)
        except OSError as problem:
            raise Unavailable(
                f"The address `{address[0]}:{address[1]}` cannot be served.",
                remedy="Choose another with `--host` and `--port`.",
            ) from problem

    @property
    def url(self) -> str:
        """Where it answers."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take the connection if there is a place, else close it."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection, for `life_seconds` at most."""
        end = threading.Timer(self.life_seconds, _cut, [request])
        end.daemon = True
        end.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A client that went away is no error, and nobody's address is written down."""
        _LOG.debug("a connection ended early", exc_info=True)


def _cut(request: socket.socket) -> None:
    try:
        request.shutdown(socket.SHUT_RDWR)
    except OSError:
        _LOG.debug("the connection was closed already")


class _Handler(BaseHTTPRequestHandler):
    server: HttpDoor
    protocol_version = "HTTP/1.1"
    timeout = LIFE_SECONDS

    def do_GET(self) -> None:
        self._answer(b"")

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self._send(Reply(status=411, body=b"the length of the body must be given\n"))
        elif len(length) > 9 or int(length) > MOST_BODY:
            self.close_connection = True
            self._send(Reply(status=413, body=b"the body is too long\n"))
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                self._answer(body)

    def _answer(self, body: bytes) -> None:
        # A body that was not read must not be taken for the next request.
        if self.command != "POST" and "Content-Length" in self.headers:
            self.close_connection = True
        path = self.path.partition("?")[0]
        try:
            reply = self.server.respond(self.command, path, body)
        except BercailError as problem:
            _LOG.error("%s", problem)
            reply = Reply(status=503, body=b"not possible now\n")
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(reply.body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def version_string(self) -> str:
        """What it is, without the versions of its parts."""
        return "bercail"

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  inherited name
        """To the program's log, without the address of the client."""
        _LOG.info(format, *arguments)
