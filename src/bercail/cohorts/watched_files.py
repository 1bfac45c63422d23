"""A filesystem that remembers why a file did not open.

DuckDB turns whatever a filesystem raises into an error of its own, with a traceback as its
text. A broken seal must not come out as a host that may be tried again, so the first error
of ours is kept here and raised in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fsspec import AbstractFileSystem

from bercail.foundation import BercailError


class WatchedFiles(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The files of `inner`, read-only; `caught` is the first error of ours, or None."""

    cachable = False

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner
        self.protocol = inner.protocol
        self.caught: BercailError | None = None

    def ask(self, act: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """Do `act`; an error of ours is remembered on its way."""
        try:
            return act(*given, **named)
        except BercailError as error:
            self.caught = self.caught or error
            raise

    def open(self, path: str, *given: Any, **named: Any) -> WatchedHandle:
        """A handle on one file."""
        return WatchedHandle(self, self.ask(self.inner.open, path, *given, **named))

    def exists(self, path: str, *given: Any, **named: Any) -> Any:
        """Whether the file is there."""
        return self.ask(self.inner.exists, path, *given, **named)

    def isfile(self, path: str, *given: Any, **named: Any) -> Any:
        """Whether the path is a file."""
        return self.ask(self.inner.isfile, path, *given, **named)

    def info(self, path: str, *given: Any, **named: Any) -> Any:
        """Name, size and type."""
        return self.ask(self.inner.info, path, *given, **named)

    def glob(self, path: str, *given: Any, **named: Any) -> Any:
        """The paths that fit a pattern."""
        return self.ask(self.inner.glob, path, *given, **named)

    def modified(self, path: str, *given: Any, **named: Any) -> Any:
        """When the file changed last."""
        return self.ask(self.inner.modified, path, *given, **named)

    def ls(self, path: str, *given: Any, **named: Any) -> Any:
        """What stands in a folder."""
        return self.ask(self.inner.ls, path, *given, **named)


class WatchedHandle:
    """A handle whose every method is watched."""

    def __init__(self, files: WatchedFiles, handle: Any) -> None:
        self._files = files
        self._handle = handle

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._handle, name)
        if not callable(value):
            return value
        return lambda *given, **named: self._files.ask(value, *given, **named)
