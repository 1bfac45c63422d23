"""The bytes of a delivered file on their way to the reader: hashed, unpacked, watched."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import re
import zlib
from typing import Any, cast

import numpy as np

from bercail.ingest.delivery import Stream
from bercail.ingest.findings import Tally

PACKED = ".gz"
SAMPLE_BYTES = 64 << 10
# A line longer than two blocks of the reader; it is cut off there, whatever its length.
LONGEST_LINE = 4 << 20
_BLANK = re.compile(rb"\n(?=\r?\n)")


class Hashing(io.RawIOBase):
    """A stream whose SHA-256 is known once it has been read to the end."""

    def __init__(self, raw: Stream) -> None:
        self._raw = raw
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes of the raw stream."""
        data = self._raw.read(size) or b""
        self._digest.update(data)
        return data

    def readline(self, size: int | None = -1) -> bytes:
        """The next line of the raw stream."""
        data = self._raw.readline(-1 if size is None else size)
        self._digest.update(data)
        return data

    def drained(self) -> str:
        """The digest, in hexadecimal, after what is left was read."""
        while self.read(1 << 20):
            continue
        return self._digest.hexdigest()


class TextStream(io.RawIOBase):
    """The text of a file, unpacked when its name ends in `.gz`; watched as it passes.

    A damaged packed file and an endless line end the stream early, and are told in `trouble`.
    """

    def __init__(self, raw: Stream, name: str) -> None:
        self.hashing = Hashing(raw)
        packed = gzip.GzipFile(fileobj=cast("Any", self.hashing)) if name.endswith(PACKED) else None
        self._source: Any = packed or self.hashing
        self.trouble = ""
        self.sample = b""
        self.lines = 0
        self._blank = 0
        self._nul: list[int] = []
        self._nuls = 0
        self._last = b"\n"
        self._marked = False
        self._run = 0
        self._quotes = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def header(self, size: int) -> bytes:
        """The first line, at most `size` bytes."""
        try:
            line = bytes(self._source.readline(size))
            self._marked = line.startswith(codecs.BOM_UTF8)
            return line
        except (EOFError, gzip.BadGzipFile, zlib.error):
            self.trouble = "damaged-gzip"
            return b""

    def read(self, size: int = -1) -> bytes:
        """The next bytes; none after trouble."""
        if self.trouble:
            return b""
        try:
            data = self._source.read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            self.trouble = "damaged-gzip"
            return b""
        if data:
            self._watch(data)
        elif self._last != b"\n":
            self.lines, self._last = self.lines + 1, b"\n"
        return b"" if self.trouble else bytes(data)

    def _watch(self, data: bytes) -> None:
        if len(self.sample) < SAMPLE_BYTES:
            self.sample += data[: SAMPLE_BYTES - len(self.sample)]
        if b"\0" in data:
            self._nuls += data.count(b"\0")
            before = data.count(b"\n", 0, data.index(b"\0"))
            self._nul.append(self.lines + before + 2)
        end = data.rfind(b"\n")
        self._run = self._run + len(data) if end < 0 else len(data) - end - 1
        if self._run > LONGEST_LINE:
            self.trouble = "line-too-long"
        # Counted by columns of bits: `bytes.count` stops at every line, which costs as much as
        # reading the fields does.
        ends = np.frombuffer(data, dtype=np.uint8) == ord("\n")
        if (ends[1:] & ends[:-1]).any() or (b"\r" in data and b"\n\r\n" in data):
            self._blank += len(_BLANK.findall(data))
        self._blank += self._last == b"\n" and data.startswith((b"\n", b"\r\n"))
        self.lines += int(np.count_nonzero(ends))
        if b'"' in data:
            self._quotes += data.count(b'"')
        self._last = data[-1:]

    @property
    def odd_quotes(self) -> bool:
        """Whether some quote has no other: a field may not be closed."""
        return self._quotes % 2 == 1

    @property
    def filled(self) -> int:
        """The lines that are not empty, once the stream was read to its end."""
        return self.lines - self._blank

    def tell_into(self, tally: Tally) -> None:
        """Count what was seen in passing."""
        if self.trouble:
            line = [self.lines + 2] if self.trouble == "line-too-long" else []
            tally.add(self.trouble, "", 1, line)
        tally.add("nul-byte", "", self._nuls, self._nul)
        tally.add("blank-line", "", self._blank)
        tally.add("byte-order-mark", "", int(self._marked), [1])

    def close(self) -> None:
        """Let go of the unpacker; the raw stream belongs to its opener."""
        if isinstance(self._source, gzip.GzipFile):
            self._source.close()
        super().close()
