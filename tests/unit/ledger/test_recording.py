"""Recording in a stream that others write to at the same moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bercail.foundation import Actor, Refused, Role
from bercail.ledger.recording import TURNS, StreamRecorder
from bercail.ledger.vault_book import VaultBook
from bercail.testing.small_house import SmallHouse
from bercail.vault.events import RecipientMade, SecretOpened

ANNE = Actor(id="anne", roles={Role.AUDITOR})
ONE, TWO, THREE = (RecipientMade(name=name, fingerprint="f") for name in ("one", "two", "three"))


class Crowd:
    """A ledger in which somebody else records something in each of the first `others` turns."""

    def __init__(self, ledger: Any, others: int) -> None:
        self._ledger = ledger
        self._others = others

    def load(self, stream: str, kinds: Any) -> Any:
        return self._ledger.load(stream, kinds)

    def append(self, stream: str, expected: int, events: Any, actor: Actor) -> int:
        if self._others:
            self._others -= 1
            self._ledger.append(stream, expected, [TWO], ANNE)
        return int(self._ledger.append(stream, expected, events, actor))


@pytest.fixture
def house(tmp_path: Path) -> Any:
    made = SmallHouse.build(tmp_path)
    yield made
    made.close()


def recorder(ledger: Any) -> StreamRecorder:
    return StreamRecorder(ledger=ledger, stream="s", kinds=(RecipientMade,))


def test_an_event_comes_after_those_of_others(house: Any) -> None:
    recorder(Crowd(house.ledger, 2)).record(ONE, ANNE)
    assert recorder(house.ledger).events() == (TWO, TWO, ONE)


def test_an_equal_event_is_recorded_once_even_when_another_was_faster(house: Any) -> None:
    book = recorder(house.ledger)
    assert book.record_once(ONE, ANNE)
    assert not book.record_once(ONE, ANNE)
    assert not recorder(Crowd(house.ledger, 1)).record_once(TWO, ANNE)
    book.record(ONE, ANNE)
    assert book.events() == (ONE, TWO, ONE)


def test_a_stream_that_never_stands_still_is_given_up(house: Any) -> None:
    with pytest.raises(Refused) as caught:
        recorder(Crowd(house.ledger, TURNS)).record(THREE, ANNE)
    assert caught.value.rule == "journal-conflict"


def test_another_refusal_is_not_tried_again(house: Any) -> None:
    class Shut(Crowd):
        def append(self, stream: str, expected: int, events: Any, actor: Actor) -> int:
            raise Refused("No.", rule="other")

    with pytest.raises(Refused, match="No"):
        recorder(Shut(house.ledger, 0)).record(ONE, ANNE)


def test_uses_stand_in_the_stream_of_their_day_and_the_history_has_both(house: Any) -> None:
    book = VaultBook(ledger=house.ledger)
    book.record_use(SecretOpened(kind="names", scope="lake", epoch=1), ANNE)
    book.record_use(SecretOpened(kind="names", scope="lake", epoch=1), ANNE)
    book.record_once(ONE, ANNE)
    assert house.ledger.streams("vault/") == ("vault/keys", "vault/uses/2026-11-21")
    kinds = [record["kind"] for record in book.history(10)]
    assert kinds == ["SecretOpened", "SecretOpened", "RecipientMade"]
    assert book.events() == (ONE,)
