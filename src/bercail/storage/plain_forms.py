"""How clear text betrays itself: known beginnings, and bytes that are not even.

Nothing here opens anything: it is what a stranger sees who holds the disks.
"""

from __future__ import annotations

import base64
import json
from contextlib import suppress

SEALED_MAGIC = b"BERCAIL\0"
"""The first bytes of every sealed object (docs/reference/formats/sealed-object.md)."""
SEALED_HEADER = 96
"""Bytes of the header, whose fields are public and not random."""
SEALED_START = SEALED_MAGIC + bytes((0, 1, 0, 1)) + bytes(4)
"""Magic, version 1, suite 1, reserved: the first 16 bytes."""
STREAM_MARK = 40
"""Byte 96: the length of the stream's header."""
SEALED_LEAST = 136 + 16
"""Bytes of the sealed empty object."""
BLOCK = 64 * 1024

_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"PAR1", "Parquet"),
    (b"PARE", "Parquet with an encrypted footer"),
    (b"ARROW1", "Arrow file"),
    (b"ORC", "ORC"),
    (b"Obj\x01", "Avro"),
    (b"PK\x03\x04", "ZIP, or an office document"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"%PDF-", "PDF"),
    (b"SQLite format 3\0", "SQLite"),
    (b"\x89PNG\r\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89HDF\r\n", "HDF5"),
    (b"<?xml", "XML"),
    (b"<!DOCTYPE", "HTML"),
    (b"-----BEGIN ", "PEM key or certificate"),
    (b"age-encryption.org/", "age file, not sealed by this house"),
    (b"crypt4gh", "Crypt4GH, not sealed by this house"),
    (b"Salted__", "OpenSSL enc, not sealed by this house"),
)
_DICOM_AT, _TAR_AT = 128, 257
_TEXT_SEPARATORS = (b",", b";", b"\t", b"|")

# Chi-square of 255 and of 15 degrees of freedom, at one chance in 10^12 on either side: an
# honest host of 60 TB, a thousand million blocks, raises a false alarm once in 500 audits.
_BYTES_LIMITS = (126.8, 447.6)
_HALVES_LIMITS = (0.18, 90.0)
_LEAST_FOR_BYTES, _LEAST_FOR_HALVES = 1024, 64


def recognised(start: bytes, least: int = 2) -> str | None:
    """The well-known form that `start`, the first kilobytes of something, begins; or None.

    Marks shorter than `least` bytes are left out: two bytes stand at the start of one
    ciphertext in 65,536.
    """
    for beginning, form in _BEGINNINGS:
        if len(beginning) >= least and start.startswith(beginning):
            return form
    if start[_DICOM_AT : _DICOM_AT + 4] == b"DICM":
        return "DICOM"
    if start[_TAR_AT : _TAR_AT + 5] == b"ustar":
        return "tar"
    return _recognised_text(start)


def _recognised_text(start: bytes) -> str | None:
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character cut at the end of what was read is no reason to doubt.
        if error.start < len(start) - 4 or error.start == 0:
            return None
        text = start[: error.start].decode("utf-8")
    if not text or any(ord(character) < 32 and character not in "\r\n\t\f" for character in text):
        return None
    if text.lstrip()[:1] in {"{", "["} and _begins_json(text):
        return "JSON"
    lines = text.splitlines()[:20]
    for separator in _TEXT_SEPARATORS:
        counts = {line.count(separator.decode()) for line in lines[:-1] or lines}
        if len(counts) == 1 and counts != {0}:
            return "CSV"
    return "text"


def _begins_json(text: str) -> bool:
    try:
        json.JSONDecoder().raw_decode(text.lstrip())
    except json.JSONDecodeError as error:
        # Cut off where the reading stopped, and valid up to there.
        return error.pos >= len(text.lstrip()) - 64
    return True


def is_even(block: bytes | memoryview) -> bool:
    """Whether the bytes are spread as those of a ciphertext are, by Pearson's chi-square.

    From 1,024 bytes on the 256 values are counted; from 64 on, the halves of bytes; fewer
    say nothing. Too even is as wrong as too uneven: chance is neither. A well compressed
    block may pass: it is told by its beginning, or by the absence of the sealed one.
    """
    import numpy as np  # a sixth of a second, which those who audit nothing do not spend

    values = np.frombuffer(block, dtype=np.uint8)
    if values.size >= _LEAST_FOR_BYTES:
        counts, limits = np.bincount(values, minlength=256), _BYTES_LIMITS
    elif values.size >= _LEAST_FOR_HALVES:
        halves = np.concatenate((values >> 4, values & 15))
        counts, limits = np.bincount(halves, minlength=16), _HALVES_LIMITS
    else:
        return True
    expected = counts.sum() / counts.size
    statistic = float(((counts - expected) ** 2).sum() / expected)
    return limits[0] <= statistic <= limits[1]


def disguises(canary: bytes) -> tuple[bytes, ...]:
    """The canary as given, and as UTF-16, hexadecimal and base64 would carry it."""
    forms = [canary, canary.hex().encode(), canary.hex().upper().encode()]
    with suppress(UnicodeDecodeError):
        text = canary.decode("utf-8")
        forms += [text.encode("utf-16-le"), text.encode("utf-16-be")]
    for shift in range(3):
        # The characters at the edges depend on what stands beside the canary.
        whole = base64.b64encode(bytes(shift) + canary).rstrip(b"=")
        inner = whole[2 * (shift > 0) + (shift > 1) : len(whole) - 1]
        if len(inner) >= 6:
            forms.append(inner)
    return tuple(dict.fromkeys(forms))
