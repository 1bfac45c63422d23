"""Opaque names and bindings: what they are made of, and that nothing else gives them."""

from __future__ import annotations

import itertools
import re

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from bercail.foundation import Invalid, Secret
from bercail.vault import Binding, opaque_name

KEY = Secret(bytes(range(32)))
WORD = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


def test_a_name_is_sharded_lower_case_base_32() -> None:
    name = opaque_name(KEY, "part", "ER_PRS_F", "2023/été 1.parquet", "1")
    assert re.fullmatch(r"[a-z2-7]{2}/[a-z2-7]{50}", name)
    assert name == opaque_name(KEY, "part", "ER_PRS_F", "2023/été 1.parquet", "1")


def test_every_part_and_the_key_matter() -> None:
    parts = ("part", "ER_PRS_F", "a", "1")
    names = {opaque_name(KEY, *parts), opaque_name(Secret(bytes(32)), *parts)}
    names |= {
        opaque_name(KEY, *(part + ("x" if i == j else "") for j, part in enumerate(parts)))
        for i in range(4)
    }
    assert len(names) == 6


@given(parts=st.lists(WORD, min_size=4, max_size=4), cut=st.integers(1, 7))
def test_moving_a_letter_between_parts_gives_another_binding(parts: list[str], cut: int) -> None:
    kind, store, name, version = parts
    one = Binding(kind=kind, store=store, name=name, version=version)
    glued = store + name
    for place in range(1, len(glued)):
        other = evolve(one, store=glued[:place], name=glued[place:])
        assert (other.digest() == one.digest()) == (other == one)


@pytest.mark.parametrize("value", ["", None, 3, "\ud800"])
def test_a_binding_needs_four_texts(value: str) -> None:
    for part in ("kind", "store", "name", "version"):
        parts = dict.fromkeys(("kind", "store", "name", "version"), "x") | {part: value}
        with pytest.raises(Invalid, match=part):
            Binding(**parts)


def test_names_do_not_collide_over_versions() -> None:
    names = {
        opaque_name(KEY, "part", "t", str(n), str(v)) for n, v in itertools.product(range(20), "12")
    }
    assert len(names) == 40
