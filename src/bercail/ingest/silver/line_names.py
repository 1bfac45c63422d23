"""What names a bronze line, or a hospital stay: 62 bits from its key, by plain arithmetic.

The key becomes whole numbers between -p and p (p = 2^31 - 1): a number modulo p; a date as its
days since 1600; a text as its first and its last eight bytes, big-endian, modulo p; nothing as 0.
Before them stands the year and the sector of a PMSI table, 0 for care lines, the person for tables
without a key of their own. Twice, with another factor f, number i (from 0) is multiplied by the
lowest 26 bits of f^(i+1) modulo p, and the sum is taken modulo p. The first sum, of 998117, is the
upper half, that of 1000003 the lower one.

Anybody recomputes it; MD5 would take a third of the time of a table. A sum asks for one division
where a polynomial step by step asks for one a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa

PRIME = 2**31 - 1
FACTORS = (998_117, 1_000_003)
# Products of a number and a weight stay below 2^57, so that many add up within 63 bits.
_WEIGHT_BITS = 26
_AT_ONCE = 32


def named(first: str, columns: Iterable[tuple[str, pa.DataType, bool]]) -> str:
    """SQL that names a line: `first` is a whole number, `columns` those of the key.

    Each column is given with its type and whether it may be empty.
    """
    numbers = [f"CAST({first} AS BIGINT)"]
    for column, held, empty in columns:
        numbers += (f"coalesce({one}, 0)" if empty else one for one in _as_numbers(column, held))
    high, low = (_sum(numbers, factor) for factor in FACTORS)
    return f"CAST((({high}) << 31) | ({low}) AS BIGINT)"


def _as_numbers(column: str, held: pa.DataType) -> list[str]:
    if pa.types.is_date32(held):
        return [f"CAST({column} - DATE '1600-01-01' AS BIGINT) % {PRIME}"]
    if pa.types.is_string(held):
        return [
            f"CAST(TRY_CAST(CAST(encode({side}({column}, 8)) AS BIT) AS UBIGINT) "
            f"% {PRIME} AS BIGINT)"
            for side in ("left", "right")
        ]
    return [f"CAST({column} AS BIGINT) % {PRIME}"]


def weights(count: int, factor: int) -> list[int]:
    """What each of `count` numbers is multiplied by."""
    found, power = [], 1
    for _ in range(count):
        power = power * factor % PRIME
        found.append(power % 2**_WEIGHT_BITS)
    return found


def _sum(numbers: Sequence[str], factor: int) -> str:
    products = [
        f"{number} * {weight}"
        for number, weight in zip(numbers, weights(len(numbers), factor), strict=True)
    ]
    sums = [
        f"({' + '.join(products[start : start + _AT_ONCE])}) % {PRIME}"
        for start in range(0, len(products), _AT_ONCE)
    ]
    # A remainder has the sign of what was divided.
    return f"({' + '.join(sums)} + {PRIME}) % {PRIME}"
