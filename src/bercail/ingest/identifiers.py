"""Finds identifiers in clear in any text: NIR, INS, e-mail, telephone, bank account.

Each batch is sifted by regular expressions over whole columns; only what is left is judged value
by value, with its key. A pseudonym is passed over for its shape, wherever it stands, and not for
the name of its column.

Sources: SNDS security referential 6.1 (no direct identifier); the composition of the NIR and its
key (decree 82-103, INSEE); ISO 13616 (IBAN); the INS referential of the ANS (OID of the NIR and of
the NIA; INS-C of 20 digits and a key); the French numbering plan.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

PSEUDONYM_LENGTH = 17
_OF_PSEUDONYMS = np.zeros(256, dtype=np.bool_)
_OF_PSEUDONYMS[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")] = True
_AT = ord("@")
# The shortest e-mail address; the longest texts without any number looked for: ten digits may be a
# telephone, and in a column of codes only twelve signs (`+33` and nine digits) may.
SHORTEST, SHORTEST_NUMBER, SHORTEST_AMONG_CODES = 6, 9, 11
PSEUDONYM_SHAPE = r"^([A-Z2-7]{17}[0-9]?|[xX]{16}[xXSD])$"

# What any of them has: an at sign, or a long run of digits, or the beginning of an IBAN.
_SIEVE = r"@|[0-9][0-9ABab .\-]{8,}[0-9]|\(0\)|[A-Z]{2}[0-9]{2}[ A-Z0-9]{10,}"
_EMAIL = r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)*\.[A-Za-z]{2,}"
_NIR = (
    r"[1-478][ .\-]?[0-9]{2}[ .\-]?[0-9]{2}[ .\-]?(?:[0-9]{2}|2[ABab])"
    r"[ .\-]?[0-9]{3}[ .\-]?[0-9]{3}(?:[ .\-]?[0-9]{2})?"
)
_INS_OID = r"1\.2\.250\.1\.213\.1\.4\.(8|9|10|11)([^0-9]|$)"
_INS_C = r"[0-9]{22}"
_PHONE_SET_OUT = (
    r"(\+|(^|[^0-9])00)33[ .\-]?(\(0\))?[ .\-]?[1-9]([ .\-]?[0-9]{2}){4}([^0-9]|$)"
    r"|(^|[^0-9.,\-])0[1-9]([ .\-][0-9]{2}){4}([^0-9.,]|$)"
)
_PHONE_BARE = r"(^|[^0-9])0[1-9][0-9]{8}([^0-9]|$)"
_IBAN = r"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?"
# Countries of the single euro payments area and near; ISO 13616 gives each one length.
_BY_LENGTH = {
    15: "NO",
    16: "BE",
    18: "DK FI FO GL NL",
    19: "SI",
    20: "AT BA EE LT LU XK",
    21: "CH HR LI LV",
    22: "BG DE GB IE ME RS",
    23: "GI",
    24: "AD CZ ES MD PK RO SE SK TN",
    25: "PT",
    26: "DZ IS TR",
    27: "FR GR IT MC SM",
    28: "AL CY HU LB MA PL",
    31: "MT",
}
_IBAN_LENGTHS = {land: length for length, lands in _BY_LENGTH.items() for land in lands.split()}
_NIR_EXACT = re.compile(rf"(?<![0-9]){_NIR}(?![0-9])")
_INS_C_EXACT = re.compile(rf"(?<![0-9]){_INS_C}(?![0-9])")
_IBAN_EXACT = re.compile(r"(?<![A-Z0-9])[A-Z]{2}[0-9]{2}[A-Z0-9 ]{10,40}")


def is_nir(text: str) -> bool:
    """Whether 13 characters, or 15 with their key, are composed as a NIR or NIA.

    With a key, the key decides: 97 less the number modulo 97, Corsica's 2A counting as 19 and 2B
    as 18. Without one, month and department must exist, and only the first digits 1, 2, 7 and 8
    count: 3 and 4 would make a NIR of every drug pack number (34009...).
    """
    number = re.sub(r"[ .\-]", "", text).upper()
    if len(number) not in (13, 15):
        return False
    whole = number[:5] + number[5:7].replace("2A", "19").replace("2B", "18") + number[7:]
    month, department = int(number[3:5]), number[5:7]
    placed = (1 <= month <= 12 or 20 <= month <= 42 or month >= 50) and department != "00"
    if len(number) == 15:
        return placed and 97 - int(whole[:13]) % 97 == int(whole[13:])
    return placed and number[0] in "1278"


def is_ins_c(text: str) -> bool:
    """Whether 22 digits are an INS-C: 20 digits and 97 less their remainder by 97.

    Source: ASIP Sante, design of the INS-C, algorithm of calculation, 1.0.0 of 30 October 2009.
    """
    return 97 - int(text[:20]) % 97 == int(text[20:])


def is_iban(text: str) -> bool:
    """Whether a text begins with an IBAN: the length of its country, remainder 1 by 97."""
    account = text.replace(" ", "")
    length = _IBAN_LENGTHS.get(account[:2], 0)
    if not length or len(account) < length or account[length : length + 1].isdigit():
        return False
    turned = account[4:length] + account[:4]
    return int("".join(str(int(sign, 36)) for sign in turned)) % 97 == 1


def scan(values: pa.StringArray, *, coded: bool = False) -> dict[str, Places]:
    """The positions of values that hold an identifier, by the check that finds it.

    In a column of codes or keys (`coded`), ten digits that begin with a zero are a number of a
    list and no telephone, unless they are set out as one.
    """
    longest = pc.max(pc.binary_length(values)).as_py() or 0
    if longest < SHORTEST or all_pseudonyms(values):
        return {}
    numbers = longest > (SHORTEST_AMONG_CODES if coded else SHORTEST_NUMBER)
    if not numbers and not (_letters(values) == _AT).any():
        return {}
    sifted = _matches(values, _SIEVE) if numbers else _with_at_sign(values)
    at = np.flatnonzero(sifted)
    if not len(at):
        return {}
    left = values.take(cast("pa.Int64Array", pa.array(at)))
    strangers = np.flatnonzero(~_matches(left, PSEUDONYM_SHAPE))
    at, left = at[strangers], left.take(cast("pa.Int64Array", pa.array(strangers)))
    telephones = _matches(left, _PHONE_SET_OUT)
    if not coded:
        telephones = telephones | _matches(left, _PHONE_BARE)
    found = {
        "clear-nir": _judged(left, _NIR, _NIR_EXACT, is_nir),
        "clear-ins": _matches(left, _INS_OID) | _judged(left, _INS_C, _INS_C_EXACT, is_ins_c),
        "clear-email": _matches(left, _EMAIL),
        "clear-telephone": telephones,
        "clear-iban": _judged(left, _IBAN, _IBAN_EXACT, is_iban),
    }
    return {check: at[mask] for check, mask in found.items() if mask.any()}


def all_pseudonyms(values: pa.StringArray) -> bool:
    """Whether every value has the 17 letters of a pseudonym; quick, and not asked of nulls."""
    letters = _letters(values)
    if values.null_count or not len(values) or len(letters) != PSEUDONYM_LENGTH * len(values):
        return False
    same = pc.all(pc.equal(pc.binary_length(values), pa.scalar(PSEUDONYM_LENGTH, pa.int32())))
    return bool(same.as_py()) and bool(_OF_PSEUDONYMS[letters].all())


def _letters(values: pa.StringArray) -> npt.NDArray[np.uint8]:
    """The bytes of all values, one after the other."""
    _, offsets, data = values.buffers()
    if data is None or offsets is None or not len(values):
        return np.empty(0, dtype=np.uint8)
    bounds = np.frombuffer(memoryview(offsets), dtype=np.int32)
    first, last = bounds[values.offset], bounds[values.offset + len(values)]
    return np.frombuffer(memoryview(data), dtype=np.uint8)[first:last]


def _with_at_sign(values: pa.StringArray) -> Mask:
    return _filled(pc.match_substring(values, "@"))


def _matches(values: pa.StringArray, pattern: str) -> Mask:
    return _filled(pc.match_substring_regex(values, pattern))


def _filled(mask: Any) -> Mask:
    certain: Any = pc.fill_null(mask, pa.scalar(False))
    return cast("Mask", certain.to_numpy(zero_copy_only=False))


def _judged(
    values: pa.StringArray, sieve: str, exact: re.Pattern[str], rule: Callable[[str], bool]
) -> Mask:
    """Which values hold a text of the form `exact` that the rule accepts."""
    held = _matches(values, sieve).copy()
    for place in np.flatnonzero(held):
        text = str(values[int(place)].as_py())
        held[place] = any(rule(one.group()) for one in exact.finditer(text))
    return held
