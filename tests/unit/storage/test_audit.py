"""The scan finds what is there, wherever it stands, and does not repeat it."""

from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bercail.foundation import Invalid, Unproven
from bercail.storage import CHUNK, Location, ObjectStore, open_store, scan
from bercail.storage.audit import Hit


@pytest.fixture
def store() -> ObjectStore:
    return open_store(Location.parse(f"memory:{uuid4().hex}"))


def test_a_clean_store_is_reported_clean(store: ObjectStore) -> None:
    store.put("a", b"12345")
    store.put("b", b"")
    seen: list[tuple[str, int, int]] = []
    report = scan(store, [b"canary"], lambda *step: seen.append(step))
    assert (report.objects, report.bytes, report.hits) == (2, 5, ())
    assert report.clean
    report.require_clean()
    assert seen == [("scan", 0, 2), ("scan", 1, 2), ("scan", 2, 2)]


def test_a_canary_across_two_pieces_is_found_once(store: ObjectStore) -> None:
    for shift in range(7):
        store.put(f"edge-{shift}", b"." * (CHUNK - shift) + b"canary" + b"." * 10)
    report = scan(store, [b"canary"])
    assert {(hit.name, hit.offset) for hit in report.hits} == {
        (f"edge-{shift}", CHUNK - shift) for shift in range(7)
    }
    assert len(report.hits) == 7


def test_names_and_metadata_are_searched_and_not_repeated(store: ObjectStore) -> None:
    store.put("folder/secret-name.csv", b"x", metadata={"note": "a hidden word"})
    report = scan(store, [b"secret-name", b"hidden"])
    assert set(report.hits) == {
        Hit(name="folder/[canary 0].csv", place="name", offset=None, canary_index=0),
        Hit(name="folder/[canary 0].csv", place="metadata", offset=None, canary_index=1),
    }
    with pytest.raises(Unproven) as refusal:
        report.require_clean()
    assert refusal.value.rule == "clear-text-on-host"
    assert "secret-name" not in f"{refusal.value} {report.as_dict()}"


def test_overlapping_and_repeated_canaries_are_all_found(store: ObjectStore) -> None:
    store.put("x", b"aaaa-ab")
    report = scan(store, [b"aa", b"ab"])
    assert [(hit.offset, hit.canary_index) for hit in report.hits] == [
        (0, 0),
        (1, 0),
        (2, 0),
        (5, 1),
    ]


@pytest.mark.parametrize("canaries", [[], [b""], [b"x", b""]])
def test_a_scan_for_nothing_is_invalid(store: ObjectStore, canaries: list[bytes]) -> None:
    with pytest.raises(Invalid):
        scan(store, canaries)


@given(
    text=st.binary(max_size=200).map(lambda b: bytes(c % 3 + 97 for c in b)),
    canaries=st.lists(st.sampled_from([b"a", b"ab", b"abc", b"bca", b"aaaa"]), min_size=1),
    piece=st.integers(min_value=1, max_value=9),
)
def test_any_cut_finds_what_one_search_finds(
    text: bytes, canaries: list[bytes], piece: int
) -> None:
    class Cut:
        """A store with one object, streamed in small pieces."""

        location = Location.parse("memory:cut")

        def list(self, prefix: str = "") -> object:
            inner = open_store(Location.parse(f"memory:{uuid4().hex}"))
            return iter([inner.put("x", text)])

        def stream(self, name: str, *, if_match: str | None = None) -> object:
            return (text[at : at + piece] for at in range(0, len(text), piece))

    found = {
        (hit.offset, hit.canary_index)
        for hit in scan(Cut(), canaries).hits
        if hit.place == "content"
    }  # type: ignore[arg-type]
    expected = {
        (at, index)
        for index, canary in enumerate(canaries)
        for at in range(len(text))
        if text.startswith(canary, at)
    }
    assert found == expected
