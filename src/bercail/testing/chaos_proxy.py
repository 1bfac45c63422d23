"""A proxy of ours between a client and an HTTP server, that spoils what passes.

It runs an event loop in a thread of its own. Faults are values, chosen one an exchange by
a function, so that a test says exactly which exchange goes wrong, or draws from a seed.
A request is read whole, passed on over a connection of its own, and its answer read
whole; then the fault applies. Bodies may be of any content; listings are recognised by
their root element, so that their entries can be repeated, lost or aged.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import MappingProxyType, TracebackType
from urllib.parse import urlsplit

from attrs import evolve, field, frozen

from bercail.storage.source_checksums import as_azure

_ENTRY = re.compile(rb"<Contents>.*?</Contents>|<Blob>.*?</Blob>", re.S)
_LISTING = (b"<ListBucketResult", b"<EnumerationResults")
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "expect", "content-length"})
_PATIENCE = 60.0
_CRC64_ASKED, _CRC64_TOLD = "x-ms-range-get-content-crc64", "x-ms-content-crc64"
_SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code>'
    b"<Message>Please reduce your request rate.</Message></Error>"
)


@frozen(kw_only=True)
class Fault:
    """What goes wrong in one exchange; nothing, by default.

    `delay` is in seconds, before the answer. `cut_after` bytes of the answer's body, the
    connection is closed; with `reset` it is reset. `drop_answer` closes it without any
    answer, after the server has done what was asked. `flip_up` and `flip_down` are the
    byte of a body in which one bit is turned, on the way to the server and back.
    `slow_down` answers 503 with this Retry-After, in seconds, and asks the server nothing
    (`slow_status` instead of 503; with `slow_dated` the moment as a date, by the clock of the
    Date header);
    `refusal` answers this status with this code, likewise; with `silent` nobody answers, and
    nobody is asked, for a minute. `cut_up` bytes of a request's body reach the
    server, then both connections end.
    `repeat_entry`, `lose_entry` concern the first entry of a listing; `stale_list` serves
    the former answer to the same listing, if there was one. `skew` moves the Date header.
    `range_crc64` answers the question for the checksum of a range as Azure does, which Azurite
    cannot: of what the server gave, before `flip_down`. The question is kept from the server,
    so requests must be signed by their address (SAS), not by their headers.
    """

    delay: float = 0.0
    cut_after: int | None = None
    reset: bool = False
    drop_answer: bool = False
    flip_up: int | None = None
    flip_down: int | None = None
    slow_down: int | None = None
    slow_status: int = 503
    slow_dated: bool = False
    refusal: tuple[int, str] | None = None
    silent: bool = False
    cut_up: int | None = None
    repeat_entry: bool = False
    lose_entry: bool = False
    stale_list: bool = False
    skew: timedelta | None = None
    range_crc64: bool = False


NO_FAULT = Fault()


def _frozen_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(headers))


@frozen(kw_only=True)
class Exchange:
    """A request as the proxy saw it; `number` counts from 1. Header names in lower case."""

    number: int
    method: str
    target: str
    headers: Mapping[str, str] = field(converter=_frozen_headers, hash=False)
    body: bytes


@frozen(kw_only=True)
class _Answer:
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class ChaosProxy:
    """A proxy in front of `endpoint`; a context, or `start` and `close`.

    `choose` is called in the proxy's thread for each exchange. The Host header is passed
    on as the client wrote it, so that signatures hold.
    """

    def __init__(self, endpoint: str, choose: Callable[[Exchange], Fault]) -> None:
        target = urlsplit(endpoint)
        self._to = (target.hostname or "", target.port or 80)
        self.choose = choose
        self.seen: list[Exchange] = []
        self._listings: dict[str, bytes] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chaos-proxy")
        self._server: asyncio.Server | None = None
        self._path = target.path
        self.endpoint = ""

    def start(self) -> ChaosProxy:
        """Listen on a free loopback port; `endpoint` is then the proxy's."""
        self._thread.start()
        starting = asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(_PATIENCE)
        port = self._server.sockets[0].getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{port}{self._path}"
        return self

    def close(self) -> None:
        """Stop listening and end every connection."""
        asyncio.run_coroutine_threadsafe(self._closed(), self._loop).result(_PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> ChaosProxy:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def _closed(self) -> None:
        if self._server is not None:
            self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (exchange := await self._heard(reader, writer)) is not None:
                if not await self._answered(exchange, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            return
        except asyncio.CancelledError:
            return
        finally:
            writer.close()

    async def _heard(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Exchange | None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return None
        first, *rest = head.rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in rest)}
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await _body(reader, headers)
        exchange = Exchange(
            number=len(self.seen) + 1, method=method, target=target, headers=headers, body=body
        )
        self.seen.append(exchange)
        return exchange

    async def _answered(self, exchange: Exchange, writer: asyncio.StreamWriter) -> bool:
        """Answer as the fault says; False when the connection must end."""
        fault = self.choose(exchange)
        if fault.silent:
            await asyncio.sleep(_PATIENCE)
            return False
        if fault.cut_up is not None:
            await self._cut_short(exchange, fault.cut_up)
            _end(writer, reset=fault.reset)
            return False
        answer = _refused(fault) or await self._asked(exchange, fault)
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.drop_answer or (fault.reset and fault.cut_after is None):
            _end(writer, reset=fault.reset)
            return False
        answer = self._spoilt(exchange, answer, fault)
        sent = answer.body if exchange.method != "HEAD" else b""
        writer.write(_head(answer, exchange.method) + sent[: fault.cut_after])
        await writer.drain()
        if fault.cut_after is not None and fault.cut_after < len(sent):
            _end(writer, reset=fault.reset)
            return False
        return True

    async def _cut_short(self, exchange: Exchange, length: int) -> None:
        """Send the server the beginning of a request, and hang up."""
        _, writer = await asyncio.open_connection(*self._to, limit=1 << 20)
        writer.write(_request(exchange, exchange.body)[: -len(exchange.body) or None])
        writer.write(exchange.body[:length])
        await writer.drain()
        writer.close()

    async def _asked(self, exchange: Exchange, fault: Fault) -> _Answer:
        reader, writer = await asyncio.open_connection(*self._to, limit=1 << 20)
        try:
            asked = evolve(exchange, headers=_without(exchange, fault))
            writer.write(_request(asked, _flipped(exchange.body, fault.flip_up)))
            await writer.drain()
            return await asyncio.wait_for(_read_answer(reader, exchange.method), _PATIENCE)
        finally:
            writer.close()

    def _spoilt(self, exchange: Exchange, answer: _Answer, fault: Fault) -> _Answer:
        body = _flipped(answer.body, fault.flip_down)
        if any(mark in body[:2000] for mark in _LISTING):
            former = self._listings.get(_listing_key(exchange.target))
            self._listings[_listing_key(exchange.target)] = body
            if fault.stale_list and former is not None:
                body = former
            first = _ENTRY.search(body)
            if first and (fault.repeat_entry or fault.lose_entry):
                middle = first[0] * 2 if fault.repeat_entry else b""
                body = body[: first.start()] + middle + body[first.end() :]
        headers = answer.headers
        if fault.range_crc64 and _CRC64_ASKED in exchange.headers and answer.status == 206:
            headers = (*headers, (_CRC64_TOLD, as_azure(answer.body)))
        if fault.skew is not None:
            moved = format_datetime(datetime.now(UTC) + fault.skew, usegmt=True)
            headers = tuple((k, moved if k.lower() == "date" else v) for k, v in headers)
        return _Answer(status=answer.status, reason=answer.reason, headers=headers, body=body)


def _refused(fault: Fault) -> _Answer | None:
    """What the proxy answers by itself, if the fault says so."""
    if fault.slow_down is not None:
        return _slowed(fault, fault.slow_down)
    if fault.refusal is None:
        return None
    status, code = fault.refusal
    told = (("Content-Type", "application/xml"), ("x-ms-error-code", code))
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code></Error>'
    return _Answer(status=status, reason="No", headers=told, body=body.encode())


def _slowed(fault: Fault, wait: int) -> _Answer:
    now = datetime.now(UTC) + (fault.skew or timedelta())
    until = format_datetime(now + timedelta(seconds=wait), usegmt=True)
    told = (
        ("Date", format_datetime(now, usegmt=True)),
        ("Retry-After", until if fault.slow_dated else str(wait)),
        ("Content-Type", "application/xml"),
    )
    return _Answer(status=fault.slow_status, reason="Slow", headers=told, body=_SLOW_DOWN)


def _without(exchange: Exchange, fault: Fault) -> dict[str, str]:
    """The headers of a request as they are passed on."""
    hidden = {_CRC64_ASKED} if fault.range_crc64 else set()
    return {name: value for name, value in exchange.headers.items() if name not in hidden}


def _request(exchange: Exchange, body: bytes) -> bytes:
    """The request as it is passed on, over a connection of its own."""
    kept = [(k, v) for k, v in exchange.headers.items() if k not in _HOP]
    kept += [("content-length", str(len(body))), ("connection", "close")]
    lines = [f"{exchange.method} {exchange.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in kept]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _listing_key(target: str) -> str:
    """What is listed, without the signature, which changes each time."""
    path, _, query = target.partition("?")
    kept = [part for part in query.split("&") if not part.lower().startswith("x-amz-")]
    return f"{path}?{'&'.join(sorted(kept))}"


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "chunked" not in headers.get("transfer-encoding", "").lower():
        return await reader.readexactly(int(headers.get("content-length") or 0))
    pieces = []
    while size := int((await reader.readline()).split(b";")[0], 16):
        pieces.append(await reader.readexactly(size))
        await reader.readline()
    while (await reader.readline()).strip():
        continue
    return b"".join(pieces)


async def _read_answer(reader: asyncio.StreamReader, method: str) -> _Answer:
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *rest = head.rstrip("\r\n").split("\r\n")
        _, status, *reason = first.split(" ", 2)
        if status != "100":
            break
    headers = tuple((k, v.strip()) for k, _, v in (line.partition(":") for line in rest))
    told = {name.lower(): value for name, value in headers}
    if method == "HEAD" or status in {"204", "304"}:
        body = b""
    elif "content-length" in told or "transfer-encoding" in told:
        body = await _body(reader, told)
    else:
        body = await reader.read()
    return _Answer(status=int(status), reason=" ".join(reason), headers=headers, body=body)


def _head(answer: _Answer, method: str) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
    # The length of an answer to HEAD is the object's: it is passed on as told.
    hop = _HOP - {"content-length"} if method == "HEAD" else _HOP
    lines += [f"{name}: {value}" for name, value in answer.headers if name.lower() not in hop]
    if method != "HEAD" and answer.status not in {204, 304}:
        lines.append(f"Content-Length: {len(answer.body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _flipped(body: bytes, at: int | None) -> bytes:
    if at is None or not body:
        return body
    spot = at % len(body)
    return body[:spot] + bytes([body[spot] ^ 1]) + body[spot + 1 :]


def _end(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    """Close the connection, or reset it: then the other side learns at once."""
    connection = writer.get_extra_info("socket")
    if reset and connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort() if reset else writer.close()
