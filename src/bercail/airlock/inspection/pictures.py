"""Pictures made of points: chunks and segments that hold more than the picture."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from bercail.airlock.inspection.archives import inflate
from bercail.airlock.inspection.limits import Budget, TooMuchError
from bercail.airlock.inspection.lines import scan_text
from bercail.airlock.inspection.remarks import Notes

_DRAWN = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"sBIT",
     b"bKGD", b"cICP"}
)  # fmt: skip
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_SOFTWARE = b"Software\0"
_CHUNKS = 20_000


def look_at_png(data: bytes, notes: Notes, budget: Budget) -> None:
    """A PNG as an output; raises TooMuchError when its points are more than a picture has."""
    size: int | None = None
    drawn: list[bytes] = []
    last = 8
    for number, (name, body, checked, end) in enumerate(_chunks(data), start=1):
        last = end
        if not checked or number > _CHUNKS:
            notes.add("broken", f"chunk {number}")
            return
        if number == 1:
            size = _points(body) if name == b"IHDR" else None
        if name == b"IDAT":
            drawn.append(body)
        elif name in _TEXTS:
            _text(name, body, number, notes, budget)
        elif name not in _DRAWN:
            notes.add("metadata", f"chunk {number}")
        if name == b"IEND":
            break
    else:
        notes.add("broken")
        return
    if last < len(data):
        notes.add("trailing-data", "", 1)
    _pixels(b"".join(drawn), size, notes, budget)
    notes.add("by-eye")


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool, int]]:
    """Name, body, whether its checksum holds, and where it ends; stops where the file does."""
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        name, end = data[at + 4 : at + 8], at + 12 + length
        if end > len(data):
            return
        body = data[at + 8 : end - 4]
        (stored,) = struct.unpack(">I", data[end - 4 : end])
        yield name, body, zlib.crc32(name + body) == stored, end
        at = end


def _points(header: bytes) -> int | None:
    """The bytes that the picture's points take, filters included; None for no header."""
    if len(header) != 13:
        return None
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", header)
    if colour not in _CHANNELS or depth not in (1, 2, 4, 8, 16):
        return None
    row = 1 + (width * depth * _CHANNELS[colour] + 7) // 8
    # An interlaced picture has seven passes, each with rows of its own.
    return int(row * height * (2 if interlace else 1))


def _pixels(packed: bytes, size: int | None, notes: Notes, budget: Budget) -> None:
    """The stream of points holds exactly the picture: neither less nor anything behind it."""
    if size is None:
        notes.add("broken")
        return
    if size > budget.left("unpacked"):
        raise TooMuchError("unpacked")
    stream = zlib.decompressobj()
    try:
        points = stream.decompress(packed, size + 1)
    except zlib.error:
        notes.add("broken")
        return
    budget.take("unpacked", len(points))
    if len(points) > size or stream.unused_data or stream.unconsumed_tail:
        notes.add("trailing-data")


def _text(name: bytes, body: bytes, number: int, notes: Notes, budget: Budget) -> None:
    """Drawing programs write their own name; any other text is metadata, and is searched."""
    if name == b"tEXt" and body.startswith(_SOFTWARE) and len(body) <= 120:
        scan_text(body[len(_SOFTWARE) :].decode("latin-1"), notes)
        return
    notes.add("metadata", f"chunk {number}")
    text = body
    if name == b"zTXt" and b"\0" in body:
        try:
            text = inflate(body[body.index(b"\0") + 2 :], budget)
        except ValueError:
            notes.add("broken", f"chunk {number}")
    if len(text) > 2_000:
        notes.add("encoded-data", f"chunk {number}")
    scan_text(text[:100_000].decode("latin-1"), notes)


def look_at_jpeg(data: bytes, notes: Notes) -> None:
    """A JPEG as an output: its segments, and what stands behind its end (ITU-T T.81, annex B)."""
    notes.add("by-eye")
    at = 2
    while at + 2 <= len(data):
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xD9:
            if at + 2 < len(data):
                notes.add("trailing-data")
            return
        if marker == 0xFF:
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2 or at + 2 + length > len(data):
            break
        # APP0 (JFIF) and APP14 (Adobe) say how to draw; others and comments say something else.
        if marker == 0xFE or (0xE1 <= marker <= 0xEF and marker != 0xEE):
            notes.add("metadata", f"segment at byte {at}")
            scan_text(data[at + 4 : at + 2 + length].decode("latin-1"), notes)
        at += 2 + length
        if marker == 0xDA:
            at = _after_scan(data, at)
    notes.add("broken")


def _after_scan(data: bytes, at: int) -> int:
    """Where the marker stands that ends the points of a scan; the end of `data` for none."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        # A stuffed zero and the restarts RST0 to RST7 belong to the points.
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2
    return len(data)
