"""What every `Journal` must do. A new adapter is one file and one subclass of `JournalContract`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bercail.foundation import Invalid, Refused
from bercail.ledger import CONFLICT, Journal, NewEvent

AT = "2026-11-21T22:46:15.000000Z"


def draft(number: int = 0, kind: str = "NoteTaken", **body: Any) -> NewEvent:
    """An event to record; `number` distinguishes its body and its salt."""
    salt = number.to_bytes(16, "big")
    return NewEvent(kind=kind, body={"number": number, **body}, actor="tester", at=AT, salt=salt)


class JournalContract:
    """Subclass it and give the fixture `reopen`: a function that opens the same, at first empty,
    journal once more (for an adapter without storage, the same object)."""

    @pytest.fixture
    def journal(self, reopen: Callable[[], Journal]) -> Journal:
        """The journal under test, empty."""
        return reopen()

    def test_begins_empty(self, journal: Journal) -> None:
        """Nothing was recorded."""
        assert journal.last() == 0
        assert journal.read("never") == ()
        assert list(journal.read_all()) == []
        assert journal.streams() == ()

    def test_gives_back_what_was_recorded(self, journal: Journal) -> None:
        """Every member of an event comes back, at its place."""
        event = draft(7, text='é "\\\u2028\x00', deep={"list": [1, None, True, -(2**60)]})
        (recorded,) = journal.append("room/one", 0, [event])
        assert journal.read("room/one") == (recorded,)
        assert (recorded.position, recorded.version, recorded.stream) == (1, 1, "room/one")
        assert recorded.body == event.body
        assert (recorded.kind, recorded.actor, recorded.at, recorded.salt) == (
            event.kind,
            event.actor,
            event.at,
            event.salt,
        )

    def test_positions_and_versions_have_no_gap(self, journal: Journal) -> None:
        """Positions count the journal, versions the stream."""
        journal.append("a", 0, [draft(1), draft(2)])
        journal.append("b", 0, [draft(3)])
        journal.append("a", 2, [draft(4)])
        places = [(e.position, e.stream, e.version) for e in journal.read_all()]
        assert places == [(1, "a", 1), (2, "a", 2), (3, "b", 1), (4, "a", 3)]
        assert [e.position for e in journal.read("a")] == [1, 2, 4]
        assert journal.last() == 4

    @pytest.mark.parametrize("expected", [0, 1, 3])
    def test_refuses_a_stream_that_moved(self, journal: Journal, expected: int) -> None:
        """The caller must have read what it decides on."""
        journal.append("a", 0, [draft(1), draft(2)])
        with pytest.raises(Refused) as refusal:
            journal.append("a", expected, [draft(3)])
        assert refusal.value.rule == CONFLICT
        assert journal.last() == 2

    def test_records_all_or_nothing(self, journal: Journal) -> None:
        """An append of which one event cannot be written down leaves no trace."""
        journal.append("a", 0, [draft(1)])
        with pytest.raises(Invalid):
            journal.append("a", 1, [draft(2), draft(3, share=0.5)])
        assert [e.body["number"] for e in journal.read_all()] == [1]
        journal.append("a", 1, [draft(4)])
        assert journal.last() == 2

    def test_an_empty_append_changes_nothing(self, journal: Journal) -> None:
        """And still checks the version."""
        assert journal.append("a", 0, []) == ()
        assert journal.streams() == ()
        with pytest.raises(Refused):
            journal.append("a", 1, [])

    @pytest.mark.parametrize("name", ["", "/a", "a b", "a\n", "é", "a" * 201, "a'--"])
    def test_refuses_a_name_that_is_none(self, journal: Journal, name: str) -> None:
        """Names of streams hold no spaces, no quotes, nothing outside ASCII."""
        with pytest.raises(Invalid):
            journal.append(name, 0, [draft(1)])

    def test_refuses_a_negative_version(self, journal: Journal) -> None:
        """A stream holds no less than nothing."""
        with pytest.raises(Invalid):
            journal.append("a", -1, [draft(1)])

    def test_reads_on_from_a_position(self, journal: Journal) -> None:
        """`read_all` goes on where a reader stopped."""
        journal.append("a", 0, [draft(n) for n in range(1, 6)])
        assert [e.position for e in journal.read_all(3)] == [4, 5]
        assert list(journal.read_all(5)) == []
        assert len(list(journal.read_all(-1))) == 5

    def test_lists_streams_by_prefix(self, journal: Journal) -> None:
        """Upper and lower case are different, `_` is no wildcard."""
        for name in ("x_a/1", "xba/2", "X_a/3", "x_a/0"):
            journal.append(name, 0, [draft(1)])
        assert journal.streams("x_a/") == ("x_a/0", "x_a/1")
        assert journal.streams() == ("X_a/3", "x_a/0", "x_a/1", "xba/2")

    def test_keeps_its_own_copy(self, journal: Journal) -> None:
        """What a caller does to a body afterwards changes nothing that is kept."""
        body: dict[str, Any] = {"list": [1]}
        event = NewEvent(kind="NoteTaken", body=body, actor="t", at=AT, salt=bytes(16))
        (recorded,) = journal.append("a", 0, [event])
        body["list"].append(2)
        recorded.body["list"].append(3)
        assert journal.read("a")[0].body == {"list": [1]}

    def test_a_batch_keeps_every_character(self, journal: Journal) -> None:
        """However many events are recorded at once, what they hold is read back as it was."""
        difficult = [
            "\t",
            "\n",
            "\r",
            "\\",
            "\\N",
            "\\.",
            "'",
            '"',
            "é",
            "\U0001f600",
            "\x00",
            "",
            " a ",
        ]
        drafts = [
            NewEvent(
                kind="NoteTaken", body={"text": t}, actor="t", at=AT, salt=bytes(range(n, n + 16))
            )
            for n, t in enumerate(difficult * 4)
        ]
        recorded = journal.append("a", 0, drafts)
        read = journal.read("a")
        assert read == recorded
        assert [e.body["text"] for e in read] == difficult * 4
        assert [e.salt for e in read] == [draft.salt for draft in drafts]
        assert [e.position for e in read] == list(range(1, len(drafts) + 1))

    def test_is_durable(self, journal: Journal, reopen: Callable[[], Journal]) -> None:
        """Another opening sees everything that was recorded, and continues it."""
        journal.append("a", 0, [draft(1)])
        other = reopen()
        assert other.read("a") == journal.read("a")
        other.append("a", 1, [draft(2)])
        assert journal.last() == 2

    def test_many_events_come_in_order(self, journal: Journal) -> None:
        """More than any page of any adapter."""
        journal.append("a", 0, [draft(n) for n in range(4_500)])
        assert [e.body["number"] for e in journal.read_all()] == list(range(4_500))

    def test_one_winner_for_each_version(self, reopen: Callable[[], Journal]) -> None:
        """Of many writers at once, exactly one appends at each version; no position is lost."""
        journals = [reopen() for _ in range(4)]

        def race(number: int) -> int:
            journal, won = journals[number], 0
            for turn in range(10):
                try:
                    journal.append("contested", turn, [draft(number)])
                    won += 1
                except Refused as refusal:
                    if refusal.rule != CONFLICT:
                        raise
                journal.append(f"own/{number}", 2 * turn, [draft(turn), draft(turn)])
            return won

        with ThreadPoolExecutor(4) as pool:
            won = sum(pool.map(race, range(4)))
        journal = journals[0]
        contested = journal.read("contested")
        assert won == len(contested) == 10
        assert [e.version for e in contested] == list(range(1, won + 1))
        positions = [e.position for e in journal.read_all()]
        assert positions == list(range(1, won + 4 * 20 + 1))
        assert all(len(journal.read(f"own/{n}")) == 20 for n in range(4))
