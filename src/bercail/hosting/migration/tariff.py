"""What a migration costs, from a price list that the operator wrote down.

Without a list no cost is stated: prices change by contract, region and month, and a guess
in a plan would be taken for one.
"""

from __future__ import annotations

import json
import tomllib
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from attrs import frozen

from bercail.foundation import Invalid, Missing, sha256_hex
from bercail.hosting.migration.object_table import Tally

FORMAT = "bercail-tariff/1"
PRICES = ("egress_per_gb", "reads_per_10000", "target_per_gb_month")
# One object is asked about, then read in ranges of this many bytes.
READ_BYTES = 8 * 1024 * 1024
_TEXTS = ("format", "currency", "source")
_KNOWN = frozenset({*_TEXTS, *PRICES, "bytes_per_gb"})
_CENT = Decimal("0.01")


@frozen(kw_only=True)
class Cost:
    """Amounts as decimal strings with two digits, in `currency`.

    `copy` is what the source's host asks for reading everything once: `egress` and `reads`.
    `proof` is the same again, for a proof that reads the source a second time.
    `target_month` is a month of storage on the target of all that is to stand there.
    """

    currency: str
    egress: str
    reads: str
    copy: str
    proof: str
    target_month: str
    tariff: str
    source: str

    def as_dict(self) -> dict[str, str]:
        """Plain types; `tariff` is the SHA-256 of the price list, `source` where it is from."""
        return {
            "currency": self.currency,
            "egress": self.egress,
            "reads": self.reads,
            "copy": self.copy,
            "proof_by_second_reading": self.proof,
            "target_month": self.target_month,
            "tariff": self.tariff,
            "source": self.source,
        }


@frozen(kw_only=True)
class Tariff:
    """A price list. Prices are for one GB (of `bytes_per_gb` bytes) or 10,000 reads."""

    currency: str
    source: str
    egress_per_gb: Decimal
    reads_per_10000: Decimal
    target_per_gb_month: Decimal
    bytes_per_gb: int
    digest: str

    def cost(self, to_read: Tally, to_stand: Tally) -> Cost:
        """The cost of reading `to_read` from the source and keeping `to_stand` on the target."""
        egress = self._gigabytes(to_read.bytes) * self.egress_per_gb
        requests = 2 * to_read.objects + to_read.bytes // READ_BYTES
        reads = Decimal(requests) / 10_000 * self.reads_per_10000
        month = self._gigabytes(to_stand.bytes) * self.target_per_gb_month
        return Cost(
            currency=self.currency,
            egress=_amount(egress),
            reads=_amount(reads),
            copy=_amount(egress + reads),
            proof=_amount(egress + reads),
            target_month=_amount(month),
            tariff=self.digest,
            source=self.source,
        )

    def _gigabytes(self, size: int) -> Decimal:
        return Decimal(size) / self.bytes_per_gb


def load_tariff(path: Path) -> Tariff:
    """Read a price list in TOML, or in JSON where the name ends so.

    Raises:
        Missing: when there is no such file.
        Invalid: for a file that cannot be read, an unknown or absent key, or an amount that
            is not a decimal number written as text.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8")
        found = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except FileNotFoundError as error:
        raise Missing(f"There is no tariff `{path}`.", remedy="Check the path.") from error
    except (OSError, ValueError) as error:
        raise Invalid(
            f"The tariff `{path}` cannot be read ({type(error).__name__}).",
            remedy="Give a TOML file, or a JSON file whose name ends in `.json`.",
        ) from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise Invalid(f"`{path}` is not a tariff.", remedy=f'Start it with `format = "{FORMAT}"`.')
    odd = sorted(set(found) - _KNOWN) + sorted(_KNOWN - {"bytes_per_gb"} - set(found))
    if odd:
        raise Invalid(
            f"The tariff's key `{odd[0]}` is absent or not known.",
            remedy=f"Keys: {', '.join(sorted(_KNOWN))}.",
        )
    prices = {name: _price(name, found[name]) for name in PRICES}
    return Tariff(
        currency=_text(found, "currency"),
        source=_text(found, "source"),
        bytes_per_gb=_unit(found.get("bytes_per_gb", 10**9)),
        digest=sha256_hex(content),
        **prices,
    )


def _price(name: str, value: Any) -> Decimal:
    try:
        price = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        price = None
    if price is None or not price.is_finite() or price < 0:
        raise Invalid(
            f"The price `{name}` of the tariff is not an amount: `{value}`.",
            remedy='Write it as text, for instance `"0.085"`: a binary fraction would round.',
        )
    return price


def _text(found: dict[str, Any], name: str) -> str:
    if not isinstance(found[name], str) or not found[name].strip():
        raise Invalid(
            f"The tariff says nothing under `{name}`.",
            remedy="`currency` is for instance `EUR`; `source` says where and when you read it.",
        )
    return str(found[name]).strip()


def _unit(value: Any) -> int:
    if value not in (10**9, 2**30) or isinstance(value, float):
        raise Invalid(
            f"A GB of `{value}` bytes is not one that hosts bill by.",
            remedy="`bytes_per_gb` is 1000000000 or 1073741824; see your contract.",
        )
    return int(value)


def _amount(value: Decimal) -> str:
    return str(value.quantize(_CENT))
