"""Files that somebody hands to the vault: cards, public files, hand-overs, certificates."""

from __future__ import annotations

from pathlib import Path

from bercail.foundation import Missing, Unavailable


def read_file(path: Path, what: str) -> bytes:
    """The bytes of a file; `what` names it in the errors.

    Raises:
        Missing: no such file.
        Unavailable: it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise Missing(f"There is no {what} `{path}`.", remedy="Check its path.") from error
    except OSError as error:
        raise Unavailable(
            f"The {what} `{path}` cannot be read: {error.strerror}.",
            remedy="Check its permissions.",
        ) from error
