"""A listing as a value, to be shown."""

from __future__ import annotations

from attrs import frozen

from bercail.storage.port import ObjectInfo, ObjectStore


@frozen(kw_only=True)
class Listing:
    """The objects found, in ascending order of names."""

    location: str
    objects: tuple[ObjectInfo, ...]

    @property
    def bytes(self) -> int:
        """The sizes added up."""
        return sum(info.size for info in self.objects)

    def as_dict(self) -> dict[str, object]:
        """The same as JSON values."""
        return {
            "location": self.location,
            "count": len(self.objects),
            "bytes": self.bytes,
            "objects": [info.as_dict() for info in self.objects],
        }

    def lines(self) -> list[str]:
        """One line an object, and a last one with the totals."""
        width = max((len(str(info.size)) for info in self.objects), default=1)
        shown = [f"{info.size:>{width}}  {info.name}" for info in self.objects]
        return [*shown, f"{len(self.objects)} objects, {self.bytes} bytes in {self.location}"]


def listing(store: ObjectStore, prefix: str = "") -> Listing:
    """Everything in `store` whose name starts with `prefix`.

    Raises:
        Missing, Unavailable, Refused: as the store does.
    """
    objects = sorted(store.list(prefix), key=lambda info: info.name)
    return Listing(location=str(store.location), objects=tuple(objects))
