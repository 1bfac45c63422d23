"""Recovery of the root by k of n shares that people hold on paper (SLIP-39).

A share is 33 words of the SLIP-39 list, the last three a checksum: it is written once, kept shut,
and typed back on the day the custodian is lost. Fewer than k shares tell nothing of the root.
The card is described in `docs/reference/formats/key-share.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import shamir_mnemonic as slip39  # type: ignore[import-untyped]
from attrs import frozen
from shamir_mnemonic.wordlist import WORDLIST  # type: ignore[import-untyped]

from bercail.foundation import Invalid, Randomness, Secret
from bercail.vault.custody import Custodian, RootKey
from bercail.vault.file_custodian import FileCustodian
from bercail.vault.keys import KEY_SIZE

WORDS = 33
MOST_SHARES = 16
_PREFIX = 4
# Every word of the list is told by its first four letters.
_BY_PREFIX: dict[str, str] = {word[:_PREFIX]: word for word in WORDLIST}
_RETYPE = "Compare it with its card, letter by letter, and type it again."


@frozen(kw_only=True)
class ShareCard:
    """One share, as its holder receives it.

    `root` is the fingerprint of the root (16 hexadecimal digits, the id that the key table shows),
    `ceremony` tells the shares of one ceremony from those of another (4 digits).
    """

    number: int
    shares: int
    needed: int
    platform: str
    custodian: str
    root: str
    ceremony: str
    day: str
    words: Secret


@frozen(kw_only=True)
class TypedShare:
    """A share typed back: the number on its card, and its words in one line."""

    number: int
    words: Secret


@frozen(kw_only=True)
class _Point:
    """What one share says of itself. The words stay hidden."""

    typed: TypedShare
    ceremony: int
    needed: int
    number: int


def split_root(
    custodian: Custodian, *, shares: int, needed: int, platform: str, now: datetime
) -> tuple[ShareCard, ...]:
    """The root of `custodian` in `shares` cards, of which any `needed` give it back.

    The shares are combined again before they are handed out. Each call is a ceremony of its own:
    cards of two ceremonies do not combine. Random bytes come from the kernel.

    Raises:
        Invalid: numbers outside 2 <= needed <= shares <= 16, or a custodian that is no sealed
            file: a token or a server keeps its root to itself.
        Refused: `root-change`, when the custodian holds two roots.
    """
    if not 2 <= needed <= shares <= MOST_SHARES:
        raise Invalid(
            f"`{needed}` of `{shares}` shares is not possible.",
            remedy=f"Choose at least 2, at most {MOST_SHARES}, and never more needed than made.",
        )
    if not isinstance(custodian, FileCustodian):
        raise Invalid(
            f"The root of `{custodian.name}` is not kept in a sealed file.",
            remedy="Recover it by the means of that custodian.",
        )
    root = custodian.root_to_share()
    lines = _split(root, shares, needed)
    typed = [TypedShare(number=number, words=words) for number, words in enumerate(lines, 1)]
    # Every share is used once at least: a share that does not combine is found today.
    for start in range(shares):
        combine([typed[(start + step) % shares] for step in range(needed)], root=custodian.root)
    day = now.date().isoformat()
    return tuple(_card(one, shares, platform, custodian, day) for one in typed)


def combine(shares: Sequence[TypedShare], *, root: str | None = None) -> Secret:
    """The root that the shares give; more shares than needed do no harm.

    `root` is the fingerprint on the cards, when it is known. No message holds a word of a share.

    Raises:
        Invalid: no share; a share with a wrong word, number or checksum; the same share twice; a
            share of another ceremony; too few shares; shares that give another root.
    """
    points = [_point(share) for share in shares]
    if not points:
        raise Invalid("No share was given.", remedy="Type the shares, one after the other.")
    _require_one_ceremony(points)
    needed = points[0].needed
    if len(points) < needed:
        raise Invalid(
            f"{len(points)} shares were given, {needed} are needed.",
            remedy=f"Find {needed - len(points)} more of the same ceremony.",
        )
    found = _combined(points[:needed])
    if found is None:
        numbers = ", ".join(str(point.number) for point in points[:needed])
        raise Invalid(
            f"Shares {numbers} do not combine: one of them is not of this ceremony.",
            remedy="Try with another share in the place of each, one at a time.",
        )
    if root is not None and RootKey(found).id.hex() != root:
        raise Invalid(
            f"The shares give the root `{RootKey(found).id.hex()}`, not `{root}`.",
            remedy="Take the cards whose fingerprint is that of the key table's root.",
        )
    return found


def shares_needed(share: TypedShare) -> int:
    """How many shares of its ceremony recover the root; raises Invalid when it is not right."""
    return _point(share).needed


def recover_custodian(
    path: Path,
    passphrase: Secret,
    shares: Sequence[TypedShare],
    randomness: Randomness,
    *,
    root: str | None = None,
) -> FileCustodian:
    """A new custodian file at `path` with the root that the shares give.

    Raises:
        Invalid: as `combine`, or a short passphrase.
        Refused: `custodian-exists`, when the file is there.
    """
    return FileCustodian.restore(path, passphrase, combine(shares, root=root), randomness)


def _card(
    share: TypedShare, shares: int, platform: str, custodian: Custodian, day: str
) -> ShareCard:
    point = _point(share)
    return ShareCard(
        number=point.number,
        shares=shares,
        needed=point.needed,
        platform=platform,
        custodian=custodian.name,
        root=custodian.root,
        ceremony=f"{point.ceremony:04x}",
        day=day,
        words=share.words,
    )


def _split(root: Secret, shares: int, needed: int) -> list[Secret]:
    groups = slip39.generate_mnemonics(1, [(needed, shares)], root.reveal())
    return [Secret(line.encode("ascii")) for line in groups[0]]


def _point(share: TypedShare) -> _Point:
    """Read one share; raises Invalid naming its number, and the place of a word at most."""
    problem = _problem(share)
    if problem is not None:
        raise Invalid(f"Share {share.number}: {problem}", remedy=_RETYPE)
    read = _read(share.words)
    if read is None:
        raise Invalid(
            f"Share {share.number}: its checksum does not hold; a word is wrong, or two are "
            "exchanged.",
            remedy=_RETYPE,
        )
    ceremony, number, needed, alone = read
    if not alone:
        raise Invalid(
            f"Share {share.number}: it was not made by a ceremony of this house.",
            remedy="Use the program that made it.",
        )
    if number != share.number:
        raise Invalid(
            f"Share {share.number}: the words typed are those of share {number}.",
            remedy="Check the number on the card.",
        )
    return _Point(typed=share, ceremony=ceremony, needed=needed, number=number)


def _problem(share: TypedShare) -> str | None:
    """What is wrong with the words before any checksum; never a word itself."""
    words = _words(share.words)
    for place, word in enumerate(words, 1):
        if word.reveal().decode("utf-8", "replace") not in WORDLIST:
            return f"word {place} is not a word of the list."
    return None if len(words) == WORDS else f"it has {len(words)} words, not {WORDS}."


def _words(line: Secret) -> list[Secret]:
    """The words in full, each of them told by its first four letters."""
    typed = line.reveal().decode("utf-8", "replace").lower().split()
    return [Secret(_full(word).encode()) for word in typed]


def _full(word: str) -> str:
    known = _BY_PREFIX.get(word[:_PREFIX], "")
    return known if known.startswith(word) else word


def _mnemonic(line: Secret) -> str:
    return " ".join(word.reveal().decode() for word in _words(line))


def _read(line: Secret) -> tuple[int, int, int, bool] | None:
    """Ceremony, number, shares needed and whether it is one group; None when not a share.

    The library's errors and values hold words, so neither leaves this function.
    """
    try:
        share = slip39.Share.from_mnemonic(_mnemonic(line))
    except slip39.MnemonicError:
        return None
    alone = share.group_count == 1 and len(share.value) == KEY_SIZE
    return share.identifier, share.index + 1, share.member_threshold, alone


def _require_one_ceremony(points: Sequence[_Point]) -> None:
    marks = [(point.ceremony, point.needed) for point in points]
    ours = max(marks, key=marks.count)
    seen: set[int] = set()
    for point, mark in zip(points, marks, strict=True):
        if mark != ours:
            raise Invalid(
                f"Share {point.number} is of another ceremony (`{point.ceremony:04x}`) than the "
                f"others (`{ours[0]:04x}`).",
                remedy="Take the card of the same ceremony; its number is printed on it.",
            )
        if point.number in seen:
            raise Invalid(f"Share {point.number} was given twice.", remedy="Give each share once.")
        seen.add(point.number)


def _combined(points: Sequence[_Point]) -> Secret | None:
    try:
        return Secret(slip39.combine_mnemonics([_mnemonic(p.typed.words) for p in points]))
    except slip39.MnemonicError:
        return None
