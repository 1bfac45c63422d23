"""Shares of the root: split, printed, typed back; each mistake named by the share's number."""

from __future__ import annotations

import itertools
import stat
from pathlib import Path

import pytest
import shamir_mnemonic

from bercail.foundation import (
    FixedClock,
    Invalid,
    Missing,
    Refused,
    Secret,
    SystemClock,
    SystemRandomness,
    Unavailable,
)
from bercail.vault import (
    FileCustodian,
    Keyring,
    MemoryCustodian,
    ShareCard,
    TypedShare,
    card_text,
    combine,
    read_card,
    recover_custodian,
    shares,
    shares_needed,
    split_root,
    write_cards,
)

PASSPHRASE = Secret(b"five words from a dice")
NEW = Secret(b"quite another passphrase")


@pytest.fixture
def custodian(tmp_path: Path) -> FileCustodian:
    return FileCustodian.create(tmp_path / "custodian.json", PASSPHRASE, SystemRandomness(), cost=4)


@pytest.fixture
def cards(custodian: FileCustodian, clock: FixedClock) -> tuple[ShareCard, ...]:
    return split_root(custodian, shares=5, needed=3, platform="demo", now=clock.now())


def typed(card: ShareCard, **change: object) -> TypedShare:
    return TypedShare(**{"number": card.number, "words": card.words, **change})  # type: ignore[arg-type]


def words(card: ShareCard) -> list[str]:
    return card.words.reveal().decode().split()


def line(words: list[str]) -> Secret:
    return Secret(" ".join(words).encode())


def test_any_three_of_five_give_the_root_and_open_the_house(
    custodian: FileCustodian, cards: tuple[ShareCard, ...], tmp_path: Path
) -> None:
    ring = Keyring(tmp_path / "keys.db", custodian, SystemRandomness(), SystemClock())
    key = ring.data_key("part", "ER_PRS_F")
    for chosen in itertools.permutations(cards, 3):
        assert len(combine([typed(card) for card in chosen], root=custodian.root)) == 32
    made = recover_custodian(
        tmp_path / "again.json", NEW, [typed(card) for card in cards[1:4]], SystemRandomness()
    )
    assert made.root == custodian.root
    opened = FileCustodian.open(tmp_path / "again.json", NEW)
    again = Keyring(tmp_path / "keys.db", opened, SystemRandomness(), SystemClock())
    assert again.by_id(key.id) == key


def test_a_card_says_everything_but_the_root(
    custodian: FileCustodian, cards: tuple[ShareCard, ...]
) -> None:
    text = card_text(cards[1]).reveal().decode()
    for said in (
        "2 sur / of 5",
        "demo",
        "custodian",
        custodian.root,
        "2026-11-21",
        "Gardez",
        "Keep",
    ):
        assert said in text
    assert len(words(cards[1])) == 33
    root = custodian.root_to_share().reveal()
    assert root.hex() not in text
    assert "hidden" in repr(cards[1])
    assert not any(f" {word} " in repr(cards[1]) for word in words(cards[1]))


def test_more_shares_than_needed_do_no_harm(
    custodian: FileCustodian, cards: tuple[ShareCard, ...]
) -> None:
    assert combine([typed(card) for card in cards], root=custodian.root)


def test_words_may_be_typed_by_their_first_four_letters(
    custodian: FileCustodian, cards: tuple[ShareCard, ...]
) -> None:
    short = [typed(card, words=line([w[:4].upper() for w in words(card)])) for card in cards[:3]]
    assert combine(short, root=custodian.root)


def test_two_shares_tell_nothing(cards: tuple[ShareCard, ...]) -> None:
    with pytest.raises(Invalid, match="2 shares were given, 3 are needed") as caught:
        combine([typed(cards[0]), typed(cards[4])])
    assert "Find 1 more" in caught.value.remedy


def test_no_share_at_all() -> None:
    with pytest.raises(Invalid, match="No share was given"):
        combine([])


@pytest.mark.parametrize("place", [1, 3, 5, 20, 33])
def test_a_word_that_is_none_is_named_by_its_place(
    cards: tuple[ShareCard, ...], place: int
) -> None:
    wrong = words(cards[1])
    wrong[place - 1] = "bercail"
    with pytest.raises(Invalid) as caught:
        shares_needed(typed(cards[1], words=line(wrong)))
    assert str(caught.value).startswith(f"Share 2: word {place} is not a word of the list.")
    assert "bercail" not in str(caught.value)


@pytest.mark.parametrize("change", ["another word", "exchanged", "other ending"])
def test_a_wrong_word_breaks_the_checksum(cards: tuple[ShareCard, ...], change: str) -> None:
    wrong = words(cards[2])
    if change == "another word":
        wrong[7] = "academic" if wrong[7] != "academic" else "acid"
    elif change == "exchanged":
        place = next(i for i in range(4, 32) if wrong[i] != wrong[i + 1])
        wrong[place], wrong[place + 1] = wrong[place + 1], wrong[place]
    else:
        wrong[-1] = "academic" if wrong[-1] != "academic" else "acid"
    with pytest.raises(Invalid) as caught:
        combine([typed(cards[0]), typed(cards[2], words=line(wrong)), typed(cards[1])])
    # One text for every share, so that it tells nothing of this one's words.
    assert caught.value.message == (
        "Share 3: its checksum does not hold; a word is wrong, or two are exchanged."
    )


def test_a_word_too_few_or_too_many(cards: tuple[ShareCard, ...]) -> None:
    with pytest.raises(Invalid, match="Share 1: it has 32 words, not 33"):
        combine([typed(cards[0], words=line(words(cards[0])[:-1]))])
    with pytest.raises(Invalid, match="Share 1: it has 34 words"):
        combine([typed(cards[0], words=line([*words(cards[0]), "acid"]))])


def test_the_number_of_another_card(cards: tuple[ShareCard, ...]) -> None:
    with pytest.raises(Invalid, match="Share 4: the words typed are those of share 2"):
        combine([typed(cards[1], number=4)])


def test_the_same_share_twice(cards: tuple[ShareCard, ...]) -> None:
    with pytest.raises(Invalid, match="Share 2 was given twice"):
        combine([typed(cards[0]), typed(cards[1]), typed(cards[1])])


def test_a_share_of_another_ceremony(
    custodian: FileCustodian, cards: tuple[ShareCard, ...], clock: FixedClock
) -> None:
    other = split_root(custodian, shares=5, needed=3, platform="demo", now=clock.now())
    with pytest.raises(Invalid, match=r"Share 3 is of another ceremony \(`....`\)"):
        combine([typed(cards[0]), typed(other[2]), typed(cards[1])])


def test_shares_that_only_look_like_one_ceremony(
    custodian: FileCustodian, monkeypatch: pytest.MonkeyPatch, clock: FixedClock
) -> None:
    """Two ceremonies may draw the same 15-bit mark: the digest in the shares tells them apart."""
    monkeypatch.setattr(shamir_mnemonic.shamir, "_random_identifier", lambda: 7)
    one = split_root(custodian, shares=3, needed=2, platform="demo", now=clock.now())
    two = split_root(custodian, shares=3, needed=2, platform="demo", now=clock.now())
    with pytest.raises(Invalid, match="Shares 1, 2 do not combine"):
        combine([typed(one[0]), typed(two[1])])


def test_the_shares_of_another_root(cards: tuple[ShareCard, ...]) -> None:
    with pytest.raises(Invalid, match="not `0011223344556677`"):
        combine([typed(card) for card in cards[:3]], root="0011223344556677")


def test_a_share_that_no_ceremony_of_ours_made() -> None:
    groups = shamir_mnemonic.generate_mnemonics(2, [(2, 2), (2, 2)], bytes(range(32)))
    share = TypedShare(number=1, words=Secret(groups[0][0].encode()))
    with pytest.raises(Invalid, match="Share 1: it was not made by a ceremony"):
        combine([share])


@pytest.mark.parametrize(("made", "needed"), [(5, 1), (1, 1), (3, 4), (17, 3)])
def test_numbers_that_protect_nothing(custodian: FileCustodian, made: int, needed: int) -> None:
    with pytest.raises(Invalid, match="is not possible"):
        split_root(custodian, shares=made, needed=needed, platform="demo", now=SystemClock().now())


def test_only_a_sealed_file_is_shared() -> None:
    with pytest.raises(Invalid, match="`memory` is not kept in a sealed file"):
        split_root(
            MemoryCustodian(SystemRandomness()),
            shares=3,
            needed=2,
            platform="demo",
            now=SystemClock().now(),
        )


def test_no_ceremony_while_the_root_changes(custodian: FileCustodian, clock: FixedClock) -> None:
    both = custodian.with_new_root()
    with pytest.raises(Refused) as caught:
        split_root(both, shares=3, needed=2, platform="demo", now=clock.now())
    assert caught.value.rule == "root-change"
    assert split_root(both.forget_old_roots(), shares=3, needed=2, platform="demo", now=clock.now())


def test_a_recovery_never_writes_over_a_custodian(
    custodian: FileCustodian, cards: tuple[ShareCard, ...]
) -> None:
    with pytest.raises(Refused) as caught:
        recover_custodian(
            custodian.path, NEW, [typed(card) for card in cards[:3]], SystemRandomness()
        )
    assert caught.value.rule == "custodian-exists"


def test_cards_are_private_files_that_read_back(
    cards: tuple[ShareCard, ...], custodian: FileCustodian, tmp_path: Path
) -> None:
    paths = write_cards(cards, tmp_path / "cards")
    assert len(paths) == 5
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in paths)
    assert combine([read_card(path) for path in paths[2:]], root=custodian.root)
    with pytest.raises(Refused):
        write_cards(cards, tmp_path / "cards")


def test_files_that_are_no_card(cards: tuple[ShareCard, ...], tmp_path: Path) -> None:
    path = tmp_path / "card"
    with pytest.raises(Missing, match="no card"):
        read_card(path)
    with pytest.raises(Unavailable, match="cannot be read"):
        read_card(tmp_path)
    for text in ("", "a letter"):
        path.write_text(text)
        with pytest.raises(Invalid, match="is not the card of a share"):
            read_card(path)
    text = card_text(cards[3]).reveal().decode()
    path.write_text(text.replace("17. ", "17 "))
    with pytest.raises(Invalid, match="Share 4: word 17 is not on its card"):
        read_card(path)


def test_a_library_error_never_passes_with_its_words(
    cards: tuple[ShareCard, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = words(cards[0])
    wrong[9] = "academic" if wrong[9] != "academic" else "acid"
    with pytest.raises(Invalid) as caught:
        combine([typed(cards[0], words=line(wrong))])
    assert caught.value.__context__ is None


def test_a_card_counts_the_others_and_its_file_says_which_it_is(
    cards: tuple[ShareCard, ...], tmp_path: Path
) -> None:
    text = card_text(cards[0]).reveal().decode()
    assert "avec 2 autre(s) de la" in text
    assert "with 2 other(s) of" in text
    paths = write_cards(cards[:2], tmp_path)
    assert [path.name for path in paths] == [
        f"share-{cards[0].ceremony}-{number}-of-5.txt" for number in (1, 2)
    ]


@pytest.mark.parametrize("place", [1, 2, 32, 33])
def test_a_card_without_one_of_its_words(
    cards: tuple[ShareCard, ...], tmp_path: Path, place: int
) -> None:
    path = tmp_path / "card"
    text = card_text(cards[3]).reveal().decode()
    path.write_text(text.replace(f"{place:2d}. ", f"{place:2d}  "), "utf-8")
    with pytest.raises(Invalid, match=f"Share 4: word {place} is not on its card"):
        read_card(path)


def test_what_is_written_on_a_card_by_hand_is_not_looked_at(
    cards: tuple[ShareCard, ...], tmp_path: Path
) -> None:
    path = tmp_path / "card"
    text = card_text(cards[1]).reveal().decode()
    path.write_text(f"{text}1. acid\n33. academic\nPart / Share : 9\n", "utf-8")
    assert read_card(path) == typed(cards[1])


def test_a_file_that_is_no_text_is_no_card(cards: tuple[ShareCard, ...], tmp_path: Path) -> None:
    path = tmp_path / "card"
    with pytest.raises(Missing, match="There is no card `"):
        read_card(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Invalid, match="is not the card of a share"):
        read_card(path)
    path.write_bytes(card_text(cards[1]).reveal() + b"\xff\xfe")
    assert read_card(path) == typed(cards[1])


@pytest.mark.parametrize(("made", "needed"), [(2, 2), (3, 3), (16, 2), (16, 16)])
def test_numbers_at_the_limits(
    custodian: FileCustodian, clock: FixedClock, made: int, needed: int
) -> None:
    cards = split_root(custodian, shares=made, needed=needed, platform="demo", now=clock.now())
    assert [(card.number, card.shares, card.needed) for card in cards] == [
        (number, made, needed) for number in range(1, made + 1)
    ]
    assert combine([typed(card) for card in cards[-needed:]], root=custodian.root)


@pytest.mark.parametrize("bad", range(5))
def test_a_share_that_does_not_combine_is_found_on_the_day_it_is_made(
    custodian: FileCustodian, clock: FixedClock, monkeypatch: pytest.MonkeyPatch, bad: int
) -> None:
    monkeypatch.setattr(shamir_mnemonic.shamir, "_random_identifier", lambda: 7)
    real = shares._split

    def one_of_another(root: Secret, count: int, needed: int) -> list[Secret]:
        lines, others = real(root, count, needed), real(root, count, needed)
        return [*lines[:bad], others[bad], *lines[bad + 1 :]]

    monkeypatch.setattr(shares, "_split", one_of_another)
    with pytest.raises(Invalid, match="do not combine"):
        split_root(custodian, shares=5, needed=3, platform="demo", now=clock.now())


def test_shares_of_another_root_are_never_handed_out(
    custodian: FileCustodian, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shares._split
    monkeypatch.setattr(
        shares, "_split", lambda _, count, needed: real(Secret(bytes(32)), count, needed)
    )
    with pytest.raises(Invalid, match=f"not `{custodian.root}`"):
        split_root(custodian, shares=3, needed=2, platform="demo", now=clock.now())


def test_only_the_shares_that_were_used_are_named(
    custodian: FileCustodian, monkeypatch: pytest.MonkeyPatch, clock: FixedClock
) -> None:
    monkeypatch.setattr(shamir_mnemonic.shamir, "_random_identifier", lambda: 7)
    one = split_root(custodian, shares=3, needed=2, platform="demo", now=clock.now())
    two = split_root(custodian, shares=3, needed=2, platform="demo", now=clock.now())
    with pytest.raises(Invalid, match="Shares 1, 2 do not combine"):
        combine([typed(one[0]), typed(two[1]), typed(one[2])])


def test_a_recovery_of_another_root_writes_nothing(
    cards: tuple[ShareCard, ...], tmp_path: Path
) -> None:
    path = tmp_path / "again.json"
    with pytest.raises(Invalid, match="not `0011223344556677`"):
        recover_custodian(
            path,
            NEW,
            [typed(card) for card in cards[:3]],
            SystemRandomness(),
            root="0011223344556677",
        )
    assert not path.exists()


@pytest.mark.parametrize("letters", [4, 5, 6, 7])
def test_words_may_be_typed_by_any_beginning_that_tells_them(
    custodian: FileCustodian, cards: tuple[ShareCard, ...], letters: int
) -> None:
    short = [typed(card, words=line([w[:letters] for w in words(card)])) for card in cards[:3]]
    assert combine(short, root=custodian.root)


def test_words_that_are_no_text_are_named_by_their_place(cards: tuple[ShareCard, ...]) -> None:
    good = cards[1].words.reveal().split()
    line_of_bytes = Secret(b" ".join([*good[:6], b"\xff\xfe", *good[7:]]))
    with pytest.raises(Invalid, match="Share 2: word 7 is not a word of the list"):
        combine([typed(cards[1], words=line_of_bytes)])


def test_a_card_has_three_words_on_a_line(cards: tuple[ShareCard, ...]) -> None:
    lines = card_text(cards[0]).reveal().decode().splitlines()
    numbered = [one for one in lines if one.startswith("    ") and "." in one[:8]]
    assert [one.split()[::2] for one in numbered] == [
        [f"{first + step}." for step in range(3)] for first in range(1, 34, 3)
    ]
