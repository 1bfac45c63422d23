"""A delivery's own folder inside a larger set of files."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from bercail.foundation import Missing
from bercail.ingest.delivery import Files, Stream


@frozen
class DeliveryFolder:
    """The files of `inner` under `prefix/`, named without it."""

    inner: Files
    prefix: str

    def names(self) -> tuple[str, ...]:
        """Names relative to the folder."""
        start = f"{self.prefix}/"
        return tuple(n.removeprefix(start) for n in self.inner.names() if n.startswith(start))

    def open(self, name: str) -> Stream:
        """The file; raises `Missing`."""
        return self.inner.open(f"{self.prefix}/{name}")


@frozen
class LocalFiles:
    """A folder of this machine as a set of files."""

    root: Path

    def names(self) -> tuple[str, ...]:
        """Every file below the folder, relative to it."""
        found = (p.relative_to(self.root).as_posix() for p in self.root.rglob("*") if p.is_file())
        return tuple(sorted(found))

    def open(self, name: str) -> Stream:
        """The file; raises `Missing`."""
        path = self.root / name
        if not path.is_file():
            raise Missing(
                f"There is no file `{name}` in `{self.root}`.", remedy="Check the manifest."
            )
        return path.open("rb")
