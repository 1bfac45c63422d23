"""What a host really does, asked by doing it.

Hosts that call themselves S3-compatible ignore some demands in silence: a
condition is not looked at, a checksum not compared. The loss then shows months
later. So before data go to a host, and on a store that holds none yet, the probe
makes demands that must be refused, and looks whether they are.
"""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex

from attrs import frozen

from bercail.foundation import BercailError, Refused, Unproven
from bercail.storage.parts import PART
from bercail.storage.port import ObjectStore


@frozen(kw_only=True)
class Trait:
    """One thing asked: whether the host holds it, and what happened."""

    name: str
    held: bool
    told: str

    def as_dict(self) -> dict[str, object]:
        """The same as JSON values."""
        return {"trait": self.name, "held": self.held, "told": self.told}


@frozen(kw_only=True)
class ProbeReport:
    """Everything asked of one host."""

    location: str
    traits: tuple[Trait, ...]

    @property
    def sound(self) -> bool:
        """Whether the host holds everything that the house relies on."""
        return all(trait.held for trait in self.traits)

    def as_dict(self) -> dict[str, object]:
        """The same as JSON values."""
        return {
            "location": self.location,
            "sound": self.sound,
            "traits": [trait.as_dict() for trait in self.traits],
        }


def probe(store: ObjectStore, folder: str = "bercail-probe") -> ProbeReport:
    """Ask `store`, under names that start with `folder`, which are deleted afterwards.

    About 34 MB are written, since large objects travel another way than small ones.

    Raises:
        Unavailable, Refused: when the store cannot be written to at all.
    """
    root = f"{folder}/{token_hex(8)}"
    store.put(f"{root}/first", b"first")
    store.delete(f"{root}/first")
    traits = []
    for name, ask in _QUESTIONS:
        traits.append(_asked(store, f"{root}/{name}", name, ask))
        for info in list(store.list(f"{root}/{name}")):
            store.delete(info.name)
    return ProbeReport(location=str(store.location), traits=tuple(traits))


def _asked(
    store: ObjectStore, name: str, trait: str, ask: Callable[[ObjectStore, str], str]
) -> Trait:
    try:
        wrong = ask(store, name)
    except BercailError as error:
        return Trait(name=trait, held=False, told=f"{error.family}: {error.message}")
    return Trait(name=trait, held=not wrong, told=wrong or "as promised")


def _small_if_absent(store: ObjectStore, name: str) -> str:
    return _overwritten(store, name, b"one", b"two")


def _large_if_absent(store: ObjectStore, name: str) -> str:
    large = bytes(PART + 1)
    return _overwritten(store, name, large, large)


def _overwritten(store: ObjectStore, name: str, first: bytes, second: bytes) -> str:
    store.put(name, first)
    try:
        store.put(name, second, if_absent=True)
    except Refused:
        return ""
    return "an existing object was overwritten although the write was conditional"


def _pinned_read(store: ObjectStore, name: str) -> str:
    old = store.put(name, b"one").etag
    store.put(name, b"two")
    try:
        store.read(name, 0, 3, if_match=old)
    except Unproven:
        return ""
    return "a read of one version was answered with another"


def _exact_names(store: ObjectStore, name: str) -> str:
    odd = f"{name}/a b+c%20d é#?"
    store.put(odd, b"x")
    found = [info.name for info in store.list(f"{name}/")]
    return "" if found == [odd] else "a name came back changed"


def _ranges(store: ObjectStore, name: str) -> str:
    store.put(name, b"0123456789")
    return "" if store.read(name, 3, 4) == b"3456" else "a range was answered with other bytes"


_QUESTIONS: tuple[tuple[str, Callable[[ObjectStore, str], str]], ...] = (
    ("conditional-put", _small_if_absent),
    ("conditional-multipart", _large_if_absent),
    ("pinned-read", _pinned_read),
    ("ranges", _ranges),
    ("exact-names", _exact_names),
)
