"""TLS in front of a server that speaks plain HTTP on this machine, as a host's own door does.

It runs an event loop in a thread of its own and passes bytes both ways, whatever they are.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_BLOCK = 1 << 16
_PATIENCE = 60.0


class TlsDoor:
    """A door to `endpoint` under the certificate `chain` with its private `key`; a context.

    `endpoint` is then the door's own, with the path of the server's. `opened` counts the
    connections whose handshake succeeded.
    """

    def __init__(self, endpoint: str, chain: Path, key: Path) -> None:
        target = urlsplit(endpoint)
        self._to = (target.hostname or "", target.port or 80)
        self._path = target.path
        self._papers = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._papers.load_cert_chain(chain, key)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tls-door")
        self._server: asyncio.Server | None = None
        self.endpoint = ""
        self.opened = 0

    def __enter__(self) -> TlsDoor:
        self._thread.start()
        starting = asyncio.start_server(self._pass, "127.0.0.1", 0, ssl=self._papers)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(_PATIENCE)
        port = self._server.sockets[0].getsockname()[1]
        self.endpoint = f"https://127.0.0.1:{port}{self._path}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._closed(), self._loop).result(_PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _closed(self) -> None:
        if self._server is not None:
            self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        try:
            back, forth = await asyncio.open_connection(*self._to)
            await asyncio.gather(_flow(reader, forth), _flow(back, writer))
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            return
        finally:
            writer.transport.abort()


async def _flow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while block := await reader.read(_BLOCK):
            writer.write(block)
            await writer.drain()
    finally:
        writer.close()


def papers(folder: Path) -> tuple[Path, Path]:
    """A certificate of this machine that signed itself, and its key, as files of `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a store")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, private
