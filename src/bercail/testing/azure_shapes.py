"""A small server that answers as Azure Blob Storage does where the emulator cannot.

It knows what Azurite does not have: versions, soft-deleted blobs, immutability, customer-
provided keys and the directories of a hierarchical namespace. It lists containers and
blobs in the XML of the REST reference (learn.microsoft.com, "List Containers", "List
Blobs", version 2021-12-02), a page at a time, and reads blobs by version and snapshot.
Signatures are not checked: it stands for the shape of answers, not for their safety.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from attrs import field, frozen

from bercail.foundation import Secret
from bercail.storage import Credentials, Location

ACCOUNT = "shapes"
_MOMENT = datetime(2026, 11, 1, 8, 30, tzinfo=UTC)


@frozen(kw_only=True)
class ShapedBlob:
    """One state of one blob. `properties` are further elements of its Properties, as XML."""

    name: str
    content: bytes = b""
    container: str = "con1"
    kind: str = "BlockBlob"
    version: str | None = None
    current: bool = True
    snapshot: str | None = None
    deleted: bool = False
    metadata: Mapping[str, str] = field(factory=dict)
    tags: Mapping[str, str] = field(factory=dict)
    properties: str = ""

    @property
    def etag(self) -> str:
        """Changes with whatever makes this state another one."""
        told = f"{self.name}|{self.version}|{self.snapshot}|{sorted(self.metadata.items())}"
        return "0x" + sha256(told.encode() + self.content).hexdigest()[:15].upper()


@contextmanager
def azure_shapes(blobs: Sequence[ShapedBlob]) -> Iterator[tuple[Location, Credentials]]:
    """Serve `blobs` on a loopback port: where, and with which credentials to ask."""

    class Handler(_Answers):
        served = tuple(sorted(blobs, key=lambda blob: (blob.name, blob.version or "~")))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.05,), name="azure-shapes")
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}/{ACCOUNT}"
    try:
        yield (
            Location(scheme="azure", name=ACCOUNT, endpoint=endpoint),
            Credentials(secret=Secret(b"c2hhcGVz")),
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: tuple[ShapedBlob, ...] = ()

    def do_GET(self) -> None:
        path, asked = self._asked()
        if asked.get("comp") == "list":
            body = _blobs(self.served, path, asked) if path else _containers(self.served)
            self._send(200, {"Content-Type": "application/xml"}, body.encode())
        else:
            self._blob(path, asked, body=True)

    def do_HEAD(self) -> None:
        path, asked = self._asked()
        self._blob(path, asked, body=False)

    def log_message(self, *_: object) -> None:
        """Say nothing on the terminal."""

    def _asked(self) -> tuple[str, dict[str, str]]:
        parts = urlsplit(self.path)
        asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
        return unquote(parts.path).removeprefix(f"/{ACCOUNT}").strip("/"), asked

    def _blob(self, path: str, asked: dict[str, str], *, body: bool) -> None:
        found = _found(self.served, path, asked)
        if found is None:
            code = "BlobNotFound"
            self._send(404, {"x-ms-error-code": code}, b"")
            return
        content, status, headers = found.content, 200, _headers(found)
        wanted = self.headers.get("x-ms-range") or self.headers.get("Range")
        if body and wanted:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            content = content[int(first) : int(last) + 1 if last else None]
            end = int(first) + len(content) - 1
            headers["Content-Range"] = f"bytes {first}-{end}/{len(found.content)}"
            status = 206
        self._send(status, headers, content if body else b"", length=len(content))

    def _send(
        self, status: int, headers: Mapping[str, str], body: bytes, length: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)


def _found(served: Sequence[ShapedBlob], path: str, asked: Mapping[str, str]) -> ShapedBlob | None:
    version, snapshot = asked.get("versionid"), asked.get("snapshot")
    for blob in served:
        if f"{blob.container}/{blob.name}" != path or blob.deleted:
            continue
        if version is None and snapshot is None:
            if blob.current and blob.snapshot is None:
                return blob
        elif (version and blob.version == version) or (snapshot and blob.snapshot == snapshot):
            return blob
    return None


def _headers(blob: ShapedBlob) -> dict[str, str]:
    return {
        "ETag": f'"{blob.etag}"',
        "Last-Modified": format_datetime(_MOMENT, usegmt=True),
        "x-ms-blob-type": blob.kind,
        "x-ms-access-tier": "Hot",
        **({"x-ms-version-id": blob.version} if blob.version else {}),
        **{f"x-ms-meta-{key}": value for key, value in blob.metadata.items()},
    }


def _containers(served: Sequence[ShapedBlob]) -> str:
    named = "".join(
        f"<Container><Name>{name}</Name><Properties><Last-Modified>{_moment()}</Last-Modified>"
        f'<Etag>"0x1"</Etag><LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>'
        "<HasImmutabilityPolicy>false</HasImmutabilityPolicy><HasLegalHold>false</HasLegalHold>"
        "</Properties></Container>"
        for name in sorted({blob.container for blob in served})
    )
    return _answer(f"<Containers>{named}</Containers><NextMarker/>")


def _blobs(served: Sequence[ShapedBlob], container: str, asked: Mapping[str, str]) -> str:
    include = set(asked.get("include", "").split(","))
    shown = [blob for blob in served if blob.container == container and _asked_for(blob, include)]
    first = int(asked.get("marker", "0"))
    last = first + int(asked.get("maxresults", "5000"))
    marker = f"<NextMarker>{last}</NextMarker>" if last < len(shown) else "<NextMarker/>"
    page = "".join(_blob_xml(blob, include) for blob in shown[first:last])
    return _answer(f"<Blobs>{page}</Blobs>{marker}", container)


def _asked_for(blob: ShapedBlob, include: set[str]) -> bool:
    if blob.deleted:
        return "deleted" in include
    if blob.snapshot is not None:
        return "snapshots" in include
    return blob.current or "versions" in include


def _blob_xml(blob: ShapedBlob, include: set[str]) -> str:
    deleted = "<Deleted>true</Deleted>" if blob.deleted else ""
    snapshot = f"<Snapshot>{blob.snapshot}</Snapshot>" if blob.snapshot else ""
    version = f"<VersionId>{blob.version}</VersionId>" if blob.version else ""
    if blob.version and blob.current:
        version += "<IsCurrentVersion>true</IsCurrentVersion>"
    tags = "".join(
        f"<Tag><Key>{escape(key)}</Key><Value>{escape(value)}</Value></Tag>"
        for key, value in blob.tags.items()
    )
    tagged = f"<Tags><TagSet>{tags}</TagSet></Tags>" if tags and "tags" in include else ""
    metadata = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in blob.metadata.items())
    return (
        f"<Blob><Name>{escape(blob.name)}</Name>{deleted}{snapshot}{version}<Properties>"
        f"<Creation-Time>{_moment()}</Creation-Time><Last-Modified>{_moment()}</Last-Modified>"
        f"<Etag>{blob.etag}</Etag><Content-Length>{len(blob.content)}</Content-Length>"
        f"<Content-Type>application/octet-stream</Content-Type><BlobType>{blob.kind}</BlobType>"
        f"<AccessTier>Hot</AccessTier>{blob.properties}</Properties>"
        f"<Metadata>{metadata}</Metadata>{tagged}<OrMetadata/></Blob>"
    )


def _answer(inner: str, container: str = "") -> str:
    named = f' ContainerName="{container}"' if container else ""
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<EnumerationResults ServiceEndpoint="http://127.0.0.1/"{named}>{inner}'
        "</EnumerationResults>"
    )


def _moment() -> str:
    return format_datetime(_MOMENT, usegmt=True)
