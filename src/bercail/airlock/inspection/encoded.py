"""Data written as something else: base 64, hexadecimal, letters inside numbers, too many digits."""

from __future__ import annotations

import math
import re
import struct
from collections import Counter
from collections.abc import Iterator

_RUN = re.compile(r"[A-Za-z0-9+/_-]{40,}={0,2}")
_HEX = re.compile(r"(?:0[xX])?[0-9a-fA-F]+")
_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][-+]?\d++)?+(?!\w|\.\w)")
_LONG = 200
_DIGITS = 8
_MOST_DIGITS = 12
_PRINTED = 7


def find_runs(text: str) -> Iterator[tuple[str, int, int]]:
    """Rules, places and lengths of encoded runs: `encoded-data`, `encoded-possible` for short ones.

    A run is random enough when its letters are spread (over 3.5 bits a letter), or it is all
    hexadecimal; ordinary words joined by signs are not.
    """
    for found in _RUN.finditer(text):
        token = found[0]
        if _HEX.fullmatch(token):
            # Up to 128: a digest of SHA-512 and shorter.
            yield _by_length(token, 128), found.start(), len(token)
        elif _is_mixed(token):
            yield _by_length(token, _LONG), found.start(), len(token)


def _by_length(token: str, most: int) -> str:
    return "encoded-possible" if len(token) <= most else "encoded-data"


def _is_mixed(token: str) -> bool:
    sample = token[:1_000]
    if len(token) > _LONG and not re.search(r"[_-]", sample):
        # Base 32 has one case; no word and no name is that long.
        return True
    if not all(re.search(sort, sample) for sort in (r"\d", "[a-z]", "[A-Z]")):
        return False
    counts = Counter(sample)
    bits = -sum(n / len(sample) * math.log2(n / len(sample)) for n in counts.values())
    return bits > 3.5


def find_numbers(text: str) -> Iterator[tuple[str, int]]:
    """Rules and places of numbers that say too much: `encoded-number`, `long-number`."""
    for found in _NUMBER.finditer(text):
        if rule := number_rule(found[0]):
            yield rule, found.start()


def number_rule(token: str) -> str | None:
    """The rule that the number written as `token` meets; None for an ordinary one.

    A number spells text when the eight bytes of its double, or its whole value's bytes, are
    letters: seven at least, which chance gives once in thousands of numbers of that length.
    """
    digits = re.sub(r"[eE].*", "", token).lstrip("+-").replace(".", "").strip("0")
    if len(digits) <= _DIGITS:
        return None
    if len(digits) > 400:
        return "long-number"
    if len(digits) >= _MOST_DIGITS and _spells(token):
        return "encoded-number"
    return "long-number" if len(digits) > _DIGITS and ("." in token or len(digits) > 15) else None


def _spells(token: str) -> bool:
    try:
        value = float(token)
        whole = int(token) if re.fullmatch(r"[-+]?\d{1,400}", token) else 0
    except (OverflowError, ValueError):
        return False
    forms = []
    if math.isfinite(value):
        forms += [struct.pack(">d", value), struct.pack("<d", value)]
    if whole > 0:
        forms.append(whole.to_bytes((whole.bit_length() + 7) // 8, "big"))
    return any(_letters(form) >= min(_PRINTED, len(form)) and len(form) >= 5 for form in forms)


def _letters(form: bytes) -> int:
    """The longest stretch of letters, digits and spaces in `form`."""
    best = run = 0
    for byte in form:
        run = run + 1 if chr(byte).isascii() and (chr(byte).isalnum() or byte == 32) else 0
        best = max(best, run)
    return best
