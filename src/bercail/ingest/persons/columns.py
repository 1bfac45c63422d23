"""The two tables of the person layer, column by column, and the table that one build works on."""

from __future__ import annotations

from typing import cast

import pyarrow as pa

IDENTITIES = "silver_identities"
PERSONS = "silver_persons"

# What IR_BEN_R, its archive and the care lines said of an identity, as bits that add up.
REGISTER, ARCHIVE, CARE = 1, 2, 4
# Values of BEN_CDI_NIR, as bits (nomenclature IR_NIR_V); any other value is the last one.
CODES = {"00": 1, "03": 2, "04": 4}
OTHER_CODE = 8
PROVISIONAL_BITS = CODES["03"] | CODES["04"]
REAL_BITS = CODES["00"] | PROVISIONAL_BITS

_TEXT, _INT, _LONG, _DAY, _FLAG = (
    cast("pa.DataType", kind)
    for kind in (pa.string(), pa.int32(), pa.int64(), pa.date32(), pa.bool_())
)

# What is added up for one identity over all its rows. Every function may meet a row twice without
# another answer (least, greatest, bits), so a build that is begun again does no harm, and a build
# over new rows alone equals one over all rows.
LEAST = ("first_seen", "inserted", "birth_year_low", "birth_month_low", "sex_low", "death_low")
GREATEST = (
    "last_seen",
    "birth_year_high",
    "birth_month_high",
    "birth_latest",
    "sex_high",
    "sex_latest",
    "death_high",
)
BITS = ("codes", "sources")
SUMMED: dict[str, pa.DataType] = {
    "first_seen": _DAY,
    "last_seen": _DAY,
    "inserted": _DAY,
    "birth_year_low": _INT,
    "birth_year_high": _INT,
    "birth_month_low": _INT,
    "birth_month_high": _INT,
    "birth_latest": _LONG,
    "sex_low": _INT,
    "sex_high": _INT,
    "sex_latest": _LONG,
    "death_low": _DAY,
    "death_high": _DAY,
    "codes": _INT,
    "sources": _INT,
}
IDENTITY_FLAGS = ("twin", "undecided", "ambiguous", "provisional", "fictitious", "archived")
PERSON_FLAGS = ("several_psa", "birth_variation", "sex_variation", "death_conflict")
FLAGS = (*IDENTITY_FLAGS, "unregistered", *PERSON_FLAGS)

IDENTITY_SCHEMA = pa.schema(
    [
        ("BEN_NIR_PSA", _TEXT),
        ("BEN_RNG_GEM", _INT),
        ("BEN_IDT_ANO", _TEXT),
        ("identity", _INT),
        ("person", _INT),
        ("valid_from", _DAY),
        ("valid_to", _DAY),
        *((name, _FLAG) for name in FLAGS),
        *SUMMED.items(),
    ]
)
PERSON_SCHEMA = pa.schema(
    [
        ("person", _INT),
        ("BEN_IDT_ANO", _TEXT),
        ("identities", _INT),
        ("psa_count", _INT),
        ("sex", _INT),
        ("sex_by", _TEXT),
        ("birth_year", _INT),
        ("birth_year_by", _TEXT),
        ("birth_month", _INT),
        ("birth_month_by", _TEXT),
        ("death_date", _DAY),
        ("death_by", _TEXT),
        ("first_seen", _DAY),
        ("last_seen", _DAY),
        ("real_identifier", _FLAG),
        *((name, _FLAG) for name in ("twin", "ambiguous", *PERSON_FLAGS)),
    ]
)
