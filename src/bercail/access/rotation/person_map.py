"""From the former pseudonyms of one project to its new ones, for the persons of its tables alone.

Neither function of a project can be inverted, so the map is made from the platform's own
pseudonyms: both pseudonyms of a person are computed, and kept where the former one stands in a
table of the project. It lives in memory while one project is turned and is written nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bercail.foundation import Unproven
from bercail.lake.identities import PSEUDONYM_LENGTH, Texts, Turn
from bercail.lake.pseudonym_search import WHOLE, persons_in

Packed = NDArray[np.bytes_]
_TYPE = f"S{PSEUDONYM_LENGTH}"


class PersonMap:
    """`wanted` are the distinct former pseudonyms; 35 bytes for each of them, and as many again
    while the map is made.

    What is no pseudonym by its form is never known, and `unknown` tells it.
    """

    def __init__(self, wanted: Texts) -> None:
        formed = wanted.filter(pc.match_substring_regex(wanted, WHOLE))
        self._former = np.sort(_packed(formed))
        self._known = np.zeros(len(self._former), dtype=np.bool_)
        self._next = np.zeros(len(self._former), dtype=_TYPE)

    def learn(self, identities: Iterable[Texts], former: Turn, successor: Turn | None) -> None:
        """Go through batches of platform pseudonyms until every wanted person is known.

        `former` gives the former pseudonym of one, `successor` the new one; without it, only
        who is known is learnt.
        """
        for batch in identities:
            if self._known.all():
                return
            persons = persons_in(batch)
            if len(persons):
                self._take(persons, former, successor)

    def unknown(self, values: Texts) -> Texts:
        """Those of `values` of which no person was learnt."""
        return values.filter(pa.array(~self._hits(values)))

    def turn(self, values: Texts) -> Texts:
        """The new pseudonym of each value; nulls stay. `Unproven` for one that is not known."""
        given = values.drop_null()
        if not self._hits(given).all():
            raise Unproven(
                "A table of a project holds a pseudonym that no person of the lake has.",
                remedy="The tables of the project stay shut. Run the change again.",
                rule="rotation-proof",
            )
        found = self._next[np.searchsorted(self._former, _packed(given))]
        if len(given) == len(values):
            return _texts(found)
        full = np.zeros(len(values), dtype=_TYPE)
        valid = np.asarray(pc.is_valid(values).to_numpy(zero_copy_only=False), dtype=np.bool_)
        full[valid] = found
        empty = pa.scalar(None, pa.string())
        return cast("Texts", pc.if_else(pa.array(valid), _texts(full), empty))

    def _take(self, persons: Texts, former: Turn, successor: Turn | None) -> None:
        places, hit = self._places(_packed(former(persons)))
        if not hit.any():
            return
        hit[hit] = ~self._known[places[hit]]
        self._known[places[hit]] = True
        if successor is not None:
            chosen = persons.filter(pa.array(hit))
            self._next[places[hit]] = _packed(successor(chosen))

    def _places(self, values: Packed) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        if not len(self._former):
            nowhere = np.zeros(len(values), dtype=np.intp)
            return nowhere, np.zeros(len(values), dtype=np.bool_)
        places = np.minimum(np.searchsorted(self._former, values), len(self._former) - 1)
        return places, self._former[places] == values

    def _hits(self, values: Texts) -> NDArray[np.bool_]:
        """Which values have a known person; none may be null."""
        formed = pc.match_substring_regex(values, WHOLE)
        found = np.zeros(len(values), dtype=np.bool_)
        chosen = np.asarray(formed.to_numpy(zero_copy_only=False), dtype=np.bool_)
        places, hit = self._places(_packed(values.filter(formed)))
        if len(self._former):
            found[chosen] = hit & self._known[places]
        return found


def _packed(values: Texts) -> Packed:
    """Texts of 17 bytes, none null, as fixed bytes."""
    if len(values) == 0:
        return np.zeros(0, dtype=_TYPE)
    fixed: Any = values.cast(pa.binary()).cast(pa.binary(PSEUDONYM_LENGTH))
    data = memoryview(fixed.buffers()[1])
    return np.frombuffer(data, _TYPE, len(fixed), fixed.offset * PSEUDONYM_LENGTH)


def _texts(packed: Packed) -> Texts:
    """Fixed bytes as texts."""
    count = len(packed)
    held = np.ascontiguousarray(packed)
    offsets = np.arange(count + 1, dtype=np.int32) * PSEUDONYM_LENGTH
    return pa.StringArray.from_buffers(
        count, pa.py_buffer(offsets.data), pa.py_buffer(held.view(np.uint8).data)
    )
