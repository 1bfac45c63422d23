"""Identifiers of persons and professionals in text: where they stand, never what they are.

Sources: NIR and its key (INSEE; decree 82-103): 13 characters, then 97 minus the number modulo 97,
with 2A read as 19 and 2B as 18. Pseudonyms of the SNDS (`BEN_NIR_PSA`, `BEN_NIR_ANO`, `NUM_ENQ`):
17 to 20 letters and digits. RPPS: 11 digits with a Luhn digit (ISO 7812). FINESS: 9 characters
with a Luhn digit, 2A and 2B for Corsica.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import frozen

_GAP = r"[ .\u00a0-]?"
_NIR = re.compile(
    rf"(?<![0-9A-Za-z])([1-478]){_GAP}(\d\d){_GAP}(\d\d){_GAP}(\d\d|2[ABab]){_GAP}"
    rf"(\d\d\d){_GAP}(\d\d\d)(?:{_GAP}(\d\d))?(?![0-9A-Za-z])"
)
_PSEUDONYM = re.compile(r"(?<![0-9A-Za-z+/_=-])[0-9A-Za-z]{17,20}(?![0-9A-Za-z+/_=-])")
_RPPS = re.compile(r"(?<![0-9A-Za-z.,])1\d{10}(?![0-9A-Za-z]|[.,]\d)")
_FINESS = re.compile(r"(?<![0-9A-Za-z.,])(?:\d\d|2[AB])\d{7}(?![0-9A-Za-z]|[.,]\d)")
_UUID = re.compile(
    r"(?<![0-9A-Fa-f-])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9A-Fa-f-])"
)
_CORSICA = {"2A": "19", "2B": "18"}
_DEPARTMENTS = {f"{n:02}" for n in range(1, 100) if n != 20} | {"2A", "2B"}


@frozen
class Hit:
    """One identifier: where it begins, and whether it is sure (its check digit holds)."""

    start: int
    sure: bool


def find_identifiers(text: str) -> Iterator[Hit]:
    """Every place of `text` that holds an identifier, or a number of its form."""
    for found in _NIR.finditer(text):
        if (sure := _nir(found)) is not None:
            yield Hit(found.start(), sure)
    for found in _PSEUDONYM.finditer(text):
        if _is_pseudonym(found[0]):
            yield Hit(found.start(), True)
    for found in _RPPS.finditer(text):
        yield Hit(found.start(), luhn(found[0]))
    for found in _FINESS.finditer(text):
        if is_finess(found[0]):
            yield Hit(found.start(), found[0][0] == "0" or found[0][1] in "AB")
    for found in _UUID.finditer(text):
        yield Hit(found.start(), False)


def _nir(found: re.Match[str]) -> bool | None:
    """True for a NIR whose key holds, or of a plain month without a key; None for none."""
    *parts, key = found.groups()
    department = parts[3].upper()
    if department not in _DEPARTMENTS:
        return None
    month = int(parts[2])
    if key is None:
        return True if 1 <= month <= 12 else None
    number = int("".join([*parts[:3], _CORSICA.get(department, department), *parts[4:]]))
    if 97 - number % 97 == int(key):
        return True
    return False if 1 <= month <= 12 else None


def _is_pseudonym(token: str) -> bool:
    """Letters and digits mixed as chance mixes them: neither a number, nor a name in a program."""
    digits = sum(sign.isdigit() for sign in token)
    letters = len(token) - digits
    one_case = token.upper() == token
    return letters >= 2 and (digits >= 4 or (one_case and digits >= 1))


def luhn(token: str) -> bool:
    """Whether the last digit of `token` is its Luhn check digit."""
    total = 0
    for place, sign in enumerate(reversed(token)):
        double = int(sign) * (1 + place % 2)
        total += double - 9 if double > 9 else double
    return total % 10 == 0


def is_finess(token: str) -> bool:
    """Whether `token` has the form of a FINESS number, Corsican ones included."""
    if token[:2] not in _DEPARTMENTS | {"97", "98", "99"}:
        return False
    return token[1] in "AB" or luhn(token)
