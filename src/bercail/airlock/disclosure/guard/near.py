"""Counts of two parts of declared results that lie a few persons apart, which people compare.

A denominator and the persons at risk at the start may be one group less three persons, or two
groups that have nothing to do with each other: nobody but the author knows. So it is no breach.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import field, frozen

from bercail.airlock.disclosure.guard.atoms import GuardedCell
from bercail.airlock.disclosure.guard.record import ReleaseRecord
from bercail.airlock.disclosure.guard.subsets import is_part

_MOST_NAMES = 3

_NEAR = (
    "Counts of `{0}` and of this release are fewer persons apart than the threshold (pairs: {1}), "
    "and nobody knows whether one group lies in the other; compare by hand: {2}. / Des effectifs "
    "de `{0}` et de cette sortie sont séparés de moins de personnes que le seuil (paires : {1}), "
    "et nul ne sait si un groupe est dans l'autre ; comparez à la main : {3}."
)
_NEAR_WITHIN = (
    "Counts of different parts of `{0}` are fewer persons apart than the threshold (pairs: {1}), "
    "and nobody knows whether one group lies in the other; compare by hand: {2}. / Des effectifs "
    "de parties différentes de `{0}` sont séparés de moins de personnes que le seuil (paires : "
    "{1}), et nul ne sait si un groupe est dans l'autre ; comparez à la main : {3}."
)


@frozen(kw_only=True)
class NearPair:
    """Two counts under the same labels: of a release by its number, and of the new release.

    `parts`: their names. `places`: where they stand (release, table, key).
    """

    release: int
    parts: tuple[str, str]
    places: frozenset[tuple[int, int, tuple[str | None, ...]]] = field(repr=False)


def near_pairs(
    cells: Sequence[GuardedCell], records: Sequence[ReleaseRecord], lead: int, threshold: int
) -> Iterator[NearPair]:
    """Counts of the new release, of its population `lead`, beside those of another part.

    Parts of one result are not compared: who is at risk, has an event or a level is known to lie
    in one another, or people are told already. Nor is what left before in the same words.
    """
    last = len(records) - 1
    shown = [cell for cell in cells if cell.part and cell.value is not None and not cell.base]
    before = {_words(cell) for cell in shown if cell.release != last}
    under: dict[object, list[GuardedCell]] = {}
    for cell in shown:
        under.setdefault(_labels(cell), []).append(cell)
    for cell in shown:
        if cell.release != last or cell.population != lead or _words(cell) in before:
            continue
        for other in under[_labels(cell)]:
            apart = abs((cell.value or 0) - (other.value or 0))
            if 0 < apart < threshold and _is_another(cell, other, records):
                yield NearPair(
                    release=other.release,
                    parts=(other.part, cell.part),
                    places=frozenset((one.release, one.table, one.key) for one in (cell, other)),
                )


def told(pairs: Iterable[NearPair], records: Sequence[ReleaseRecord]) -> list[str]:
    """One reason for each pair of releases, with the names of three pairs of parts."""
    found: dict[int, dict[object, tuple[str, str]]] = {}
    for pair in pairs:
        found.setdefault(pair.release, {}).setdefault(pair.places, pair.parts)
    last = len(records) - 1
    said = []
    for number in sorted(found):
        names = list(dict.fromkeys(found[number].values()))
        text = _NEAR_WITHIN if number == last else _NEAR
        many = len(found[number])
        said.append(text.format(records[number].release, many, *_in_words(names)))
    return said


def in_words(names: Sequence[str], *, more: str) -> str:
    """Three names, and how many more; `more` is `and {0} more` in a language."""
    shown = ", ".join(names[:_MOST_NAMES])
    rest = len(names) - _MOST_NAMES
    return f"{shown} {more.format(rest)}" if rest > 0 else shown


def _in_words(names: Sequence[tuple[str, str]]) -> tuple[str, str]:
    english = [f"`{one}` with `{other}`" for one, other in names]
    french = [f"`{one}` avec `{other}`" for one, other in names]
    return in_words(english, more="and {0} more"), in_words(french, more="et {0} de plus")


def _is_another(cell: GuardedCell, other: GuardedCell, records: Sequence[ReleaseRecord]) -> bool:
    """Whether two counts are of different parts of different results."""
    return cell.part != other.part and _result(cell, records) != _result(other, records)


def _result(cell: GuardedCell, records: Sequence[ReleaseRecord]) -> str:
    return str(records[cell.release].document["tables"][cell.table]["name"])


def _labels(cell: GuardedCell) -> frozenset[tuple[str, frozenset[str]]]:
    """The condition of a cell outside of the dimension of its part."""
    return frozenset(item for item in cell.condition.items() if not is_part(item[0]))


def _words(cell: GuardedCell) -> tuple[object, ...]:
    """What a count says; said again, it is nothing new."""
    return cell.part, cell.population, frozenset(cell.condition.items()), cell.value
