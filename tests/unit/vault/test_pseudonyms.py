"""Pseudonyms: equal to a slow independent writing of the format, apart in every other respect."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from importlib import import_module
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given, settings
from hypothesis import strategies as st

from bercail.foundation import Invalid, Secret
from bercail.vault import level_one, level_two, project, pseudonyms
from bercail.vault.cmac import BatchCmac

SECRET = Secret(bytes(range(32)))
OTHER = Secret(bytes(range(1, 33)))
IDENTITY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=47).filter(
    lambda text: 1 <= len(text.encode()) <= 47
)
PSEUDONYM = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=17, max_size=17)


def slow(secret: Secret, function: str, label: str, message: bytes) -> str:
    """The format as the document tells it, one value at a time, with other parts."""
    info = b"bercail pseudonym v1\0"
    for part in (function, label):
        info += len(part.encode()).to_bytes(4, "big") + part.encode()
    extracted = hmac.digest(bytes(32), secret.reveal(), hashlib.sha256)
    key = hmac.digest(extracted, info + b"\x01", hashlib.sha256)
    code = CMAC(AES(key))
    code.update(message)
    return base64.b32encode(code.finalize()).decode()[:17]


def eleven(text: str) -> bytes:
    return base64.b32decode(text + "A" * 7)[:11]


@given(
    values=st.lists(st.one_of(st.none(), IDENTITY), max_size=20), label=st.text("ab", max_size=2)
)
@settings(max_examples=60, deadline=None)
def test_level_one_agrees_with_the_slow_writing(values: list[str | None], label: str) -> None:
    found = level_one(SECRET, pa.array(values, pa.string()), label)
    found.validate(full=True)
    assert found.to_pylist() == [
        None if v is None else slow(SECRET, "level-1", label, b"\x01" + v.encode()) for v in values
    ]


@pytest.mark.parametrize(("function", "name"), [(level_two, "level-2"), (project, "project")])
@given(
    values=st.lists(st.one_of(st.none(), PSEUDONYM), max_size=20), label=st.text("ab", max_size=2)
)
@settings(max_examples=40, deadline=None)
def test_later_levels_agree_with_the_slow_writing(
    function: Callable[..., pa.StringArray], name: str, values: list[str | None], label: str
) -> None:
    found = function(SECRET, pa.array(values, pa.string()), label)
    found.validate(full=True)
    assert found.to_pylist() == [
        None if v is None else slow(SECRET, name, label, b"\x02" + bytes(4) + eleven(v))
        for v in values
    ]


@pytest.mark.parametrize("length", range(48))
def test_batch_codes_agree_with_the_library(length: int) -> None:
    width = max(16, -(-length // 16) * 16)
    rng = np.random.default_rng(length)
    messages = rng.integers(0, 256, (3, width), dtype=np.uint8)
    expected = []
    for row in messages:
        code = CMAC(AES(SECRET.reveal()))
        code.update(bytes(row[:length]))
        expected.append(code.finalize())
    messages[:, length:] = 0
    blocks = np.ascontiguousarray(messages.reshape(3, -1, 16).swapaxes(0, 1))
    tags = BatchCmac(SECRET.reveal(), 3).of(blocks, length)
    assert [bytes(tag) for tag in tags] == expected


def test_longer_than_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    values = pa.array([None if i % 7 == 0 else f"{i:022d}" for i in range(1000)])
    whole = level_one(SECRET, values)
    twice = level_two(SECRET, whole)
    monkeypatch.setattr(pseudonyms, "_ROWS", 64)
    assert level_one(SECRET, values).equals(whole)
    assert level_two(SECRET, whole).equals(twice)
    spoiled = pa.array([*whole.to_pylist()[:991], "x" * 17, *whole.to_pylist()[992:]])
    with pytest.raises(Invalid, match="Row 991 "):
        level_two(SECRET, spoiled)
    early = pa.array([*whole.to_pylist()[:100], "x" * 17, *whole.to_pylist()[101:]])
    with pytest.raises(Invalid, match="Row 100 "):
        level_two(SECRET, early)


def test_sizes_that_only_look_equal_are_taken_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    # The bytes of all are a multiple of their number, within a block and over several.
    values = ["12", "3", "456", *("7" * (1 + i % 47) for i in range(47 * 5)), "89"]
    single = [level_one(SECRET, pa.array([value]))[0].as_py() for value in values]
    monkeypatch.setattr(pseudonyms, "_ROWS", 16)
    assert level_one(SECRET, pa.array(["000", *values])[1:]).to_pylist() == single
    assert level_one(SECRET, pa.array(values[:3])).to_pylist() == single[:3]
    # The two that differ are the last of a block.
    border = ["22"] * 14 + ["1", "333"] + ["22"] * 4
    by_itself = [level_one(SECRET, pa.array([value]))[0].as_py() for value in border]
    assert level_one(SECRET, pa.array(border)).to_pylist() == by_itself


def test_levels_labels_and_secrets_are_apart() -> None:
    one = level_one(SECRET, pa.array(["1650175056012"]))
    found = {
        one[0].as_py(),
        level_one(SECRET, pa.array(["1650175056012"]), "PMSI")[0].as_py(),
        level_one(OTHER, pa.array(["1650175056012"]))[0].as_py(),
        level_two(SECRET, one)[0].as_py(),
        level_two(SECRET, one, "PMSI")[0].as_py(),
        level_two(OTHER, one)[0].as_py(),
        project(SECRET, one)[0].as_py(),
        project(SECRET, one, "p1")[0].as_py(),
    }
    assert len(found) == 8


def test_no_label_is_the_empty_one() -> None:
    one = level_one(SECRET, pa.array(["1650175056012"]))
    assert one.equals(level_one(SECRET, pa.array(["1650175056012"]), ""))
    assert level_two(SECRET, one).equals(level_two(SECRET, one, ""))
    assert project(SECRET, one).equals(project(SECRET, one, ""))


def test_the_most_rows_fill_the_offsets_of_an_arrow_string() -> None:
    most = pseudonyms._MOST_ROWS
    assert most * 17 <= np.iinfo(np.int32).max < (most + 1) * 17


def test_equal_persons_stay_equal_and_others_apart() -> None:
    values = pa.array([str(i % 5000) for i in range(10_000)])
    found = level_one(SECRET, values).to_pylist()
    assert found[:5000] == found[5000:]
    assert len(set(found)) == 5000


def test_slices_nulls_and_empty_arrays() -> None:
    values = pa.array(["a", None, "bb", "ccc", None, "dd"])
    whole = level_one(SECRET, values)
    assert level_one(SECRET, values[2:]).equals(whole[2:])
    assert level_two(SECRET, whole[2:]).equals(level_two(SECRET, whole)[2:])
    for empty in (pa.array([], pa.string()), pa.array([None], pa.null()), values[:0]):
        for function in (level_one, level_two, project):
            found = function(SECRET, empty)
            assert found.type == pa.string()
            assert found.to_pylist() == [None] * len(empty)


def test_a_null_that_hides_bytes_stays_null() -> None:
    offsets, data = np.array([0, 3, 6, 9], dtype=np.int32), b"abcdefghi"
    hidden = pa.StringArray.from_buffers(
        3, pa.py_buffer(offsets), pa.py_buffer(data), pa.py_buffer(b"\x05"), 1
    )
    assert (
        level_one(SECRET, hidden).to_pylist()
        == level_one(SECRET, pa.array(["abc", None, "ghi"])).to_pylist()
    )


@pytest.mark.parametrize(
    "kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_any_arrow_text_is_taken(kind: pa.DataType) -> None:
    values = pa.array(["a", None, "bb", "a"])
    assert level_one(SECRET, values.cast(kind)).equals(level_one(SECRET, values))


@pytest.mark.parametrize(
    ("function", "values", "said"),
    [
        (level_one, ["ok", None, ""], "Row 2 of the identifiers (0 bytes) is not 1 to 47 bytes"),
        (level_one, ["é" * 24], "Row 0 of the identifiers (48 bytes)"),
        (level_two, [None, "A" * 16], "Row 1 of the identifiers (16 bytes) is not 17 characters"),
        (level_two, ["A" * 17, None, "A" * 16 + "0"], "Row 2 of the identifiers (17 bytes)"),
        (project, ["x" * 17], "Row 0 of the identifiers (17 bytes) is not made of A to Z"),
    ],
)
def test_malformed_values_are_named_by_row_and_never_shown(
    function: Callable[..., pa.StringArray], values: list[str | None], said: str
) -> None:
    with pytest.raises(Invalid) as caught:
        function(SECRET, pa.array(values))
    assert said in caught.value.message
    assert not any(value and value in str(caught.value) for value in values if value != "ok")


@pytest.mark.parametrize("place", range(17))
def test_every_byte_outside_the_alphabet_is_seen_at_every_place(place: int) -> None:
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    for code in range(128):
        text = "B" * place + chr(code) + "7" * (16 - place)
        if code in alphabet:
            assert len(level_two(SECRET, pa.array([text]))[0].as_py()) == 17
        else:
            with pytest.raises(Invalid, match="Row 1 "):
                level_two(SECRET, pa.array(["A" * 17, text]))


def test_what_lies_outside_of_a_slice_is_not_looked_at() -> None:
    around = pa.array(["", "ab", "cde", "", ""])[1:3]
    assert level_one(SECRET, around).equals(level_one(SECRET, pa.array(["ab", "cde"])))
    alike = pa.array(["ab", "cd", "", ""])[:2]
    assert level_one(SECRET, alike).equals(level_one(SECRET, pa.array(["ab", "cd"])))


def test_empty_texts_alone_are_invalid() -> None:
    with pytest.raises(Invalid, match=r"Row 0 of the identifiers \(0 bytes\)"):
        level_one(SECRET, pa.array(["", ""]))


def test_numbers_are_no_identifiers() -> None:
    with pytest.raises(Invalid, match="are text, not `int64`"):
        level_one(SECRET, pa.array([1]))


def test_short_secrets_and_long_arrays_are_invalid(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Invalid, match="16 bytes, fewer than 32"):
        level_one(Secret(bytes(16)), pa.array(["a"]))
    monkeypatch.setattr(pseudonyms, "_MOST_ROWS", 1)
    with pytest.raises(Invalid, match="2 identifiers is too long"):
        level_one(SECRET, pa.array(["a", "b"]))
    assert len(level_one(SECRET, pa.array(["a"]))) == 1


def test_half_the_bits_change_with_one() -> None:
    found = level_one(SECRET, pa.array([f"{i:013d}" for i in range(4000)])).to_pylist()
    numbers = [int.from_bytes(eleven(text), "big") >> 3 for text in found]
    flips = [(a ^ b).bit_count() for a, b in pairwise(numbers)]
    assert 42.0 < sum(flips) / len(flips) < 43.0


def test_the_room_hands_out_its_pseudonym_functions_and_nothing_else_of_theirs() -> None:
    room, functions = map(import_module, ("bercail.vault", "bercail.vault.pseudonyms"))
    for name in ("level_one", "level_two", "project"):
        assert getattr(room, name) is getattr(functions, name)
    with pytest.raises(AttributeError, match=r"module 'bercail\.vault' has no attribute"):
        _ = room.BatchCmac
