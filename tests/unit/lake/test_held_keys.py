"""Keys that are held for a second: asked for once, and gone soon after they are destroyed."""

from __future__ import annotations

import pytest

from bercail.foundation import Missing, SystemRandomness
from bercail.lake import SealedStore, sealed_carriage
from bercail.lake.sealed_carriage import KEY_SECONDS, HeldKeys
from bercail.storage import Location, open_store
from bercail.vault import DataKey, Keyring


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at = 100.0

    def monotonic(self) -> float:
        return self.at


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(sealed_carriage, "time", made)
    return made


def test_the_ring_is_asked_once_a_second(
    keys: Keyring, moment: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = SealedStore(
        open_store(Location.parse("memory:held-keys")),
        keys,
        kind="file",
        scope="deliveries",
        randomness=SystemRandomness(),
    )
    asked: list[bytes] = []
    by_id = keys.by_id

    def counted(key_id: bytes) -> DataKey:
        asked.append(key_id)
        return by_id(key_id)

    monkeypatch.setattr(keys, "by_id", counted)
    held, key = HeldKeys(sealed), sealed.sealing_key()
    assert held.by_id(key.id) == held.by_id(key.id) == key
    assert asked == [key.id]
    keys.destroy("file", "deliveries")
    moment.at += KEY_SECONDS / 2
    assert held.by_id(key.id) == key
    moment.at += KEY_SECONDS
    with pytest.raises(Missing, match="was destroyed"):
        held.by_id(key.id)
    assert len(asked) == 2
    assert held._held == {}
