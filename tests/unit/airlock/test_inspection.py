"""The inspection: total tables, words in both languages, places and never values."""

from __future__ import annotations

import json

import pytest

from bercail.airlock.inspection import Disposition, Kind, inspect_bytes
from bercail.airlock.inspection.identifiers import is_finess, luhn
from bercail.airlock.inspection.kinds import CUSTOMS, is_disguised
from bercail.airlock.inspection.membership import attack
from bercail.airlock.inspection.words import CAUSES, RULES


def test_every_kind_has_its_customs_and_every_rule_its_words() -> None:
    assert set(CUSTOMS) == set(Kind)
    for rule, words in RULES.items():
        assert words.says, rule
        assert words.says_fr, rule
        assert words.remedy or rule == "protected-here", rule
        assert bool(words.remedy) == bool(words.remedy_fr), rule
        assert words.says != words.says_fr
    assert len(CAUSES) == 5
    assert {words.severity for words in CAUSES.values()} == {"fix"}


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"age,n\n40,120\n50,60\n", Kind.DELIMITED),
        (b"age;n\n40;120\n50;60\n", Kind.DELIMITED),
        ("année,n\n40,120\n50,60\n".encode("latin-1"), Kind.DELIMITED),
        ("age,n\n40,120\n50,60\n".encode("utf-16"), Kind.DELIMITED),
        (b"The study counts persons by age. It ends in 2024.\n", Kind.TEXT),
        (b"import os\nprint(os.name)\n", Kind.CODE),
        (b"library(dplyr)\nx <- 3\n", Kind.CODE),
        (b"SELECT sex, count(*)\nFROM persons\n", Kind.CODE),
        (b"2026-11-21 10:00 INFO a\n2026-11-21 10:01 INFO b\n", Kind.LOG),
        (b"\\begin{tabular}{ll}\na & 12\n\\end{tabular}\n", Kind.LATEX),
        (b"<html><body>x</body></html>", Kind.HTML),
        (b"<svg></svg>", Kind.SVG),
        (b"<PMML></PMML>", Kind.MODEL),
        (b"<a/>", Kind.MARKUP),
        (b'{"a": [1, 2]}', Kind.JSON),
        (b'{"nbformat": 4, "cells": [], "metadata": {}}', Kind.NOTEBOOK),
        (b'{"mark": "bar", "encoding": {}}', Kind.CHART),
        (b'{"format": "bercail-count-table"}', Kind.COUNT_TABLE),
        (b"GIF89a", Kind.PICTURE),
        (b"\x7fELF\x02", Kind.EXECUTABLE),
        (b"\x93NUMPY\x01", Kind.ARRAY),
        (b"RDX3\nX", Kind.DATASET),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind.OLD_OFFICE),
        (b"\x00\x01\x02\x03", Kind.UNKNOWN),
        (b"\xff\xfe\x00", Kind.UNKNOWN),
    ],
)
def test_a_file_is_known_by_its_content(data: bytes, kind: Kind) -> None:
    assert inspect_bytes("o", data).kind is kind


def test_what_is_not_understood_never_leaves_and_says_why() -> None:
    found = inspect_bytes("o", b"\x00\x01\x02\x03")
    assert found.disposition is Disposition.NEVER
    assert "not-understood" in found.rules


def test_check_digits() -> None:
    assert luhn("79927398713")
    assert not luhn("79927398710")
    assert is_finess("2A0000014")
    assert is_finess("750712184")
    assert not is_finess("750712185")
    assert not is_finess("000000000")


def test_counts_that_are_rounded_and_large_are_clean() -> None:
    assert inspect_bytes("t.csv", b"group,n\na,120\nb,65\n").rules == ("by-eye",)
    small = inspect_bytes("t.csv", b"group,n\na,120\nb,5\n")
    assert "cause-unredacted" in small.rules
    other = inspect_bytes("t.csv", b"group,n\na,120\nb,10\n", threshold=10)
    assert "cause-unredacted" not in other.rules
    assert "cause-unrounded" in inspect_bytes("t.csv", b"group,n\na,121\nb,65\n").rules


def test_a_remark_counts_all_and_shows_some_places() -> None:
    rows = "".join(f"=1+{n},120\n" for n in range(50))
    found = inspect_bytes("t.csv", f"a,n\n{rows}".encode())
    formula = next(one for one in found.remarks if one.rule == "formula")
    assert formula.many == 50
    assert len(formula.places) == 20
    shown = json.dumps(found.as_dict())
    assert "=1+7" not in shown
    assert "row 2, column 1" in shown


def test_a_suffix_is_a_lie_only_when_it_is_one_of_another_kind() -> None:
    assert is_disguised("a.png", Kind.DELIMITED)
    assert not is_disguised("a.txt", Kind.DELIMITED)
    assert not is_disguised("a.whatever", Kind.PNG)
    assert not is_disguised("a.png", Kind.UNKNOWN)


def test_the_measure_of_the_membership_attack() -> None:
    apart = attack([0.9, 0.95, 0.99] * 20, [0.5, 0.6, 0.7] * 20)
    assert apart.auc == 1.0
    same = attack([0.5, 0.6] * 30, [0.5, 0.6] * 30)
    assert same.auc == 0.5
    assert same.low < 0.5 < same.high
    # By hand: of 3 x 2 pairs, 4 are won and one is drawn.
    assert attack([0.9, 0.8, 0.5], [0.7, 0.5]).auc == pytest.approx(4.5 / 6)
