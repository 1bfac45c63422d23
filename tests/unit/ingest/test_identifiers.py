"""Identifiers in clear are found by their key; codes and pseudonyms are none."""

from __future__ import annotations

import pyarrow as pa
import pytest

from bercail.catalogue import load
from bercail.ingest.delivery import parse_manifest
from bercail.ingest.folder import LocalFiles
from bercail.ingest.identifiers import all_pseudonyms, is_iban, is_ins_c, is_nir, scan
from bercail.ingest.intake import check_delivery
from bercail.ingest.synth import SynthProfile, make


def found(text: str, *, coded: bool = False) -> set[str]:
    return set(scan(pa.array([None, text, "x"], pa.string()), coded=coded))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("185017512345609", True),
        ("185017512345610", False),
        ("185012A12345666", True),
        ("185012B12345693", True),
        ("185012B12345666", False),
        ("1 85 01 75 123 456 09", True),
        ("1850175123456", True),
        # A drug pack, and a number with a thirteenth month.
        ("3400930000001", False),
        ("1851375123456", False),
        ("18501751234560", False),
    ],
)
def test_the_key_of_a_nir_decides_and_corsica_has_its_own_rule(text, expected):
    assert is_nir(text) is expected


def test_the_key_of_an_ins_c_is_that_of_the_published_example():
    """The worked example that circulates with the algorithm of ASIP Sante (2009)."""
    assert is_ins_c("1541187387477485562488")
    assert not is_ins_c("1541187387477485562489")
    assert found("INS 1541187387477485562488.") == {"clear-ins"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FR7630006000011234567890189", True),
        ("FR7630006000011234567890188", False),
        ("DE89 3704 0044 0532 0130 00", True),
        ("ZZ89370400440532013000", False),
    ],
)
def test_an_iban_has_the_length_of_its_country_and_a_remainder_of_one(text, expected):
    assert is_iban(text) is expected


def test_each_kind_is_found_inside_other_words():
    assert found("née le, n° 1 85 01 75 123 456 09, Paris") == {"clear-nir"}
    assert found("écrire à jean.x@hopital.example.fr svp") == {"clear-email"}
    assert found("tél 06 12 34 56 78") == {"clear-telephone"}
    assert found("rappeler +33 (0)6 12 34 56 78") == {"clear-telephone"}
    assert found("0612345678") == {"clear-telephone"}
    assert found("RIB FR76 3000 6000 0112 3456 7890 189 ok") == {"clear-iban"}
    assert found("oid 1.2.250.1.213.1.4.10") == {"clear-ins"}


@pytest.mark.parametrize(
    "text",
    [
        "PQRSTUVWXYZ234567",
        "PQRSTUVWXYZ2345671",
        "x" * 17,
        "X" * 16 + "S",
        "12/01/2024",
        "01C010000",
    ],
)
def test_pseudonyms_marks_and_codes_are_no_identifiers(text):
    assert found(text) == set()


def test_ten_digits_of_a_list_are_no_telephone_unless_set_out_as_one():
    assert found("0612345678", coded=True) == set()
    assert found("06 12 34 56 78", coded=True) == {"clear-telephone"}


def test_a_telephone_of_twelve_signs_is_found_among_codes_too():
    assert found("+33612345678", coded=True) == {"clear-telephone"}
    assert found("a@b.fr", coded=True) == {"clear-email"}


def test_a_batch_of_pseudonyms_is_known_by_its_letters():
    real, other = "ABCDEFGHIJKLMNOPQ", "anne@exemple.fr.."
    assert len(other) == len(real)
    assert all_pseudonyms(pa.array([real, real]))
    assert all_pseudonyms(pa.array([other, real, real]).slice(1))
    assert scan(pa.array([real, other]))["clear-email"].tolist() == [1]
    # Of the right size together, and not each by itself.
    assert not all_pseudonyms(pa.array([real[:-1], real + "7"]))
    assert not all_pseudonyms(pa.array([real, None]))
    assert not all_pseudonyms(pa.array([real.lower()]))
    assert not all_pseudonyms(pa.array([], pa.string()))


def test_positions_are_those_of_the_batch_and_nulls_are_passed_over():
    values = pa.array([None, "abcdefgh", "a@b.fr", None, "c@d.fr"], pa.string())
    assert scan(values)["clear-email"].tolist() == [2, 4]


def test_synthetic_deliveries_have_no_false_positive(tmp_path, house):
    make(SynthProfile(persons=400, seed=3, years=2), tmp_path / "clear")
    house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")
    read = 0
    for path in sorted((tmp_path / "level-1").glob("*/delivery.json")):
        delivery = parse_manifest(path.parent.name, path.read_bytes())
        checked = check_delivery(delivery, LocalFiles(path.parent), load())
        read += sum(file.rows for file in delivery.files)
        assert {one.check for one in checked.findings} <= {"unknown-code"}
    assert read > 10_000
