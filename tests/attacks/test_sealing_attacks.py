"""What a host that holds sealed objects may try; each attempt is refused by its own rule."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import evolve
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bercail.foundation import Secret, SeededRandomness, Unproven
from bercail.vault import Binding, DataKey, SealedReader, open_bytes, seal_bytes

KEY = DataKey(
    id=bytes(range(16)), kind="part", scope="ER_PRS_F", epoch=1, secret=Secret(bytes(range(32)))
)
BINDING = Binding(kind="part", store="ER_PRS_F", name="part-0.parquet", version="1")
FIRST, NEXT, SEGMENT = 65480, 65520, 65536
PLAIN = bytes(i * 11 % 253 for i in range(FIRST + 2 * NEXT + 100))
SEALED = seal_bytes(PLAIN, KEY, BINDING, SeededRandomness(1))
EXACT = seal_bytes(PLAIN[: FIRST + NEXT], KEY, BINDING, SeededRandomness(2))


def refused(sealed: bytes, binding: Binding = BINDING, key: DataKey = KEY) -> Unproven:
    with pytest.raises(Unproven) as caught:
        open_bytes(sealed, lambda _: key, binding)
    assert caught.value.remedy
    return caught.value


def segment(index: int) -> slice:
    start = 136 if index == 0 else 96 + index * SEGMENT
    return slice(start, 96 + (index + 1) * SEGMENT)


def flipped(sealed: bytes, at: int) -> bytes:
    return sealed[:at] + bytes([sealed[at] ^ 0x20]) + sealed[at + 1 :]


@pytest.mark.parametrize(
    ("at", "rule"),
    [
        (0, "sealed-magic"),
        (7, "sealed-magic"),
        (9, "sealed-version"),
        (11, "sealed-suite"),
        (15, "sealed-suite"),
        (20, "sealed-key"),
        (40, "sealed-commitment"),
        (70, "sealed-binding"),
        (96, "sealed-suite"),
        (100, "sealed-segment"),
        (130, "sealed-segment"),
        (136, "sealed-segment"),
        (200_000, "sealed-segment"),
        (-1, "sealed-segment"),
    ],
)
def test_one_bit_anywhere(at: int, rule: str) -> None:
    assert refused(flipped(SEALED, at % len(SEALED))).rule == rule


def test_the_refusal_names_the_segment() -> None:
    assert "Segment 1 of 4" in refused(flipped(SEALED, 96 + SEGMENT + 5)).message


@pytest.mark.parametrize("keep", [0, 5, 95, 135, 151, 96 + SEGMENT + 16])
def test_cut_where_no_object_can_end(keep: int) -> None:
    assert refused(SEALED[:keep]).rule == "sealed-length"


@pytest.mark.parametrize("keep", [152, 70_000, 96 + SEGMENT, 96 + 2 * SEGMENT, len(SEALED) - 1])
def test_cut_where_an_object_could_end(keep: int) -> None:
    assert refused(SEALED[:keep]).rule == "sealed-segment"


def test_cut_at_a_segment_edge_is_seen_on_opening_without_reading() -> None:
    cut = SEALED[: 96 + 2 * SEGMENT]
    with pytest.raises(Unproven, match="Segment 1 of 2"):
        SealedReader(lambda o, n: cut[o : o + n], len(cut), lambda _: KEY, BINDING)


@pytest.mark.parametrize("tail", [b"\x00", bytes(16), bytes(17), bytes(SEGMENT)])
def test_extended(tail: bytes) -> None:
    assert refused(SEALED + tail).rule == "sealed-segment"
    assert refused(EXACT + tail).rule in {"sealed-segment", "sealed-length"}


def test_an_empty_last_segment_is_no_way_to_end() -> None:
    assert refused(EXACT + bytes(16)).rule == "sealed-length"


def test_two_segments_swapped() -> None:
    swapped = bytearray(SEALED)
    swapped[segment(1)], swapped[segment(2)] = SEALED[segment(2)], SEALED[segment(1)]
    assert "Segment 1 of 4" in refused(bytes(swapped)).message


def test_a_segment_dropped_or_doubled() -> None:
    assert refused(SEALED[: segment(1).start] + SEALED[segment(2).start :]).rule == "sealed-segment"
    doubled = SEALED[: segment(2).start] + SEALED[segment(1)] + SEALED[segment(2).start :]
    assert refused(doubled).rule == "sealed-segment"


def test_a_segment_of_another_writing_of_the_same_object() -> None:
    again = seal_bytes(PLAIN, KEY, BINDING, SeededRandomness(9))
    mixed = bytearray(SEALED)
    mixed[segment(1)] = again[segment(1)]
    assert refused(bytes(mixed)).rule == "sealed-segment"


@pytest.mark.parametrize("part", ["kind", "store", "name", "version"])
def test_another_object_in_its_place(part: str) -> None:
    other = evolve(BINDING, **{part: "another"})
    swapped = seal_bytes(PLAIN, KEY, other, SeededRandomness(3))
    assert refused(swapped).rule == "sealed-binding"


def test_a_binding_written_over_another() -> None:
    other = evolve(BINDING, name="part-1.parquet")
    stolen = bytearray(seal_bytes(PLAIN, KEY, other, SeededRandomness(3)))
    stolen[64:96] = BINDING.digest()
    assert refused(bytes(stolen)).rule == "sealed-segment"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda key: evolve(key, id=bytes(16)), "sealed-key"),
        (lambda key: evolve(key, secret=Secret(bytes(32))), "sealed-commitment"),
    ],
)
def test_the_wrong_key(change: Callable[[DataKey], DataKey], rule: str) -> None:
    assert refused(SEALED, key=change(KEY)).rule == rule


def test_a_commitment_written_over_another_does_not_open_it() -> None:
    wrong = evolve(KEY, secret=Secret(bytes(32)))
    forged = bytearray(SEALED)
    forged[32:64] = wrong.commitment
    assert refused(bytes(forged), key=wrong).rule == "sealed-segment"


def test_a_host_that_answers_short() -> None:
    def stingy(offset: int, length: int) -> bytes:
        return SEALED[offset : offset + length - (1 if offset > 136 else 0)]

    with pytest.raises(Unproven) as caught:
        SealedReader(stingy, len(SEALED), lambda _: KEY, BINDING)
    assert caught.value.rule == "sealed-length"


def test_a_host_that_changes_the_object_under_a_reader() -> None:
    held = bytearray(SEALED)

    def read_at(offset: int, length: int) -> bytes:
        return bytes(held[offset : offset + length])

    opened = SealedReader(read_at, len(held), lambda _: KEY, BINDING)
    held[segment(1)] = seal_bytes(PLAIN, KEY, BINDING, SeededRandomness(9))[segment(1)]
    assert opened.read_at(0, 10) == PLAIN[:10]
    with pytest.raises(Unproven, match="Segment 1"):
        opened.read_at(FIRST, 10)


def test_no_refusal_holds_a_byte_of_the_plaintext() -> None:
    canary = b"1650175056012 CANARY"
    sealed = seal_bytes(canary * 4000, KEY, BINDING, SeededRandomness(4))
    for at in (0, 9, 20, 40, 70, 100, 500, len(sealed) - 1):
        assert "CANARY" not in str(refused(flipped(sealed, at)))


@given(
    at=st.integers(0, len(EXACT) - 1),
    mask=st.integers(1, 255),
    keep=st.integers(0, len(EXACT)),
    insert=st.binary(max_size=40),
)
@settings(max_examples=150, deadline=None)
def test_no_alteration_opens(at: int, mask: int, keep: int, insert: bytes) -> None:
    changed = bytearray(EXACT)
    changed[at] ^= mask
    assert refused(bytes(changed)).rule
    assume(keep < len(EXACT) or insert)
    spliced = EXACT[:keep] + insert + EXACT[keep + at % 3 :]
    assume(spliced != EXACT)
    assert refused(spliced).rule
