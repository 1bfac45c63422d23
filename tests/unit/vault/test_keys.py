"""Keys as values: their purposes, their sizes, and what is shown of them."""

from __future__ import annotations

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError

from bercail.foundation import Invalid, Secret
from bercail.vault import DataKey, Purpose
from bercail.vault.keys import SEED_SIZES, KeyEntry

ENTRY = KeyEntry(
    id="00ff",
    purpose=Purpose.DATA,
    kind="part",
    scope="ER_PRS_F",
    epoch=3,
    custodian="root",
    root="abcd",
    created="2026-11-21T09:30:00.000000Z",
    destroyed=None,
)


def test_the_purposes_are_words_of_the_key_table_and_their_sizes_are_fixed() -> None:
    assert {purpose.value: SEED_SIZES[purpose] for purpose in Purpose} == {
        "data": 32,
        "secret": 32,
        "dual-signer": 88,
        "note-signer": 64,
        "recipient": 120,
        "witness": 32,
    }


@pytest.mark.parametrize("change", [{"id": bytes(15)}, {"id": bytes(17)}])
def test_an_id_has_16_bytes(key: DataKey, change: dict[str, bytes]) -> None:
    with pytest.raises(Invalid, match=r"The id of a data key has 1[57] bytes, not 16\."):
        evolve(key, **change)


@pytest.mark.parametrize("size", [1, 31, 33])
def test_a_data_key_has_32_bytes(key: DataKey, size: int) -> None:
    with pytest.raises(Invalid, match=rf"The secret of a data key has {size} bytes, not 32\."):
        evolve(key, secret=Secret(bytes(size)))


def test_a_key_does_not_change(key: DataKey) -> None:
    with pytest.raises(FrozenInstanceError):
        key.id = bytes(16)  # type: ignore[misc]


def test_an_entry_is_shown_whole() -> None:
    assert ENTRY.as_dict() == {
        "id": "00ff",
        "purpose": "data",
        "kind": "part",
        "scope": "ER_PRS_F",
        "epoch": 3,
        "custodian": "root",
        "root": "abcd",
        "created": "2026-11-21T09:30:00.000000Z",
        "destroyed": None,
        "handed_to": [],
        "received_from": [],
    }
    end = "(id 00ff, root abcd, created 2026-11-21T09:30:00.000000Z)"
    assert ENTRY.line() == f"data part/ER_PRS_F epoch 3: opened by root {end}"


def test_an_entry_names_every_party() -> None:
    shared = evolve(
        ENTRY,
        destroyed="2026-11-22",
        handed_to=("a (11)", "b (22)"),
        received_from=("c (33)", "d (44)"),
    )
    assert shared.as_dict()["handed_to"] == ["a (11)", "b (22)"]
    assert shared.as_dict()["received_from"] == ["c (33)", "d (44)"]
    assert shared.line() == (
        "data part/ER_PRS_F epoch 3: destroyed 2026-11-22, handed to a (11), handed to b (22), "
        "received from c (33), received from d (44) "
        "(id 00ff, root abcd, created 2026-11-21T09:30:00.000000Z)"
    )
