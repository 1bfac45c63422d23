"""Which object names the house writes, and which it can still read.

Object stores disagree on odd names: some drop empty segments, some turn a
backslash into a slash, and HTTP clients resolve dot segments. Two different
names may then mean one object. So the house writes only names on which every
store agrees, and reads odd ones where the host can be asked for them safely.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from bercail.foundation import Invalid
from bercail.storage.past import PREFIX as PAST

LONGEST_NAME = 1024  # bytes of UTF-8: the limit of S3; Azure's is 1,024 characters
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_METADATA_KEY = re.compile(r"[a-z][a-z0-9]{0,127}")
_METADATA_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_MOST_METADATA = 2048  # bytes of all keys and values: the limit of S3


def is_portable(name: str) -> bool:
    """Whether every store keeps `name` exactly as it is given."""
    if not _is_sendable(name) or _CONTROL.search(name) or "\\" in name:
        return False
    if name.startswith(PAST):
        return False
    return all(name.split("/"))


def require_portable(name: str) -> None:
    """Let `name` pass when the house may write it.

    Raises:
        Invalid: for an empty or over-long name, empty or dot segments, a
            backslash, or control characters.
    """
    if not is_portable(name):
        raise Invalid(
            f"The object name {_shown(name)} does not mean the same on every store.",
            remedy=(
                f"Use 1 to {LONGEST_NAME} bytes of UTF-8 without control characters, "
                f"backslashes, empty segments, `.` or `..` between slashes, not below `{PAST}`."
            ),
        )


def require_sendable(name: str) -> None:
    """Let `name` pass when a host can be asked for it without being misread.

    Raises:
        Invalid: for an empty or over-long name, or one with `.` or `..` segments,
            which HTTP clients resolve before the host sees them.
    """
    if not _is_sendable(name):
        raise Invalid(
            f"The object name {_shown(name)} cannot be asked for safely.",
            remedy="Rename the object on its host, then try again.",
        )


def _is_sendable(name: str) -> bool:
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return False
    return 0 < size <= LONGEST_NAME and not {".", ".."} & set(name.split("/"))


def _shown(name: str) -> str:
    return f"`{ascii(name)[1:-1][:80]}`"


def require_metadata(metadata: Mapping[str, str]) -> None:
    """Let metadata pass when every host keeps it as it is given.

    Raises:
        Invalid: unless keys are lower-case letters and digits (Azure refuses hyphens,
            Ceph takes an underscore for one), values are
            printable ASCII without spaces at their ends, and all of it is at
            most 2,048 bytes (the limit of S3).
    """
    for key, value in metadata.items():
        if not _METADATA_KEY.fullmatch(key) or not _METADATA_VALUE.fullmatch(value):
            raise Invalid(
                f"The metadata `{ascii(key)[1:-1]}` is not kept alike by every host.",
                remedy="Keys are a-z and 0-9; values are printable ASCII and not empty.",
            )
    if sum(len(key) + len(value) for key, value in metadata.items()) > _MOST_METADATA:
        raise Invalid(
            f"The metadata is larger than {_MOST_METADATA} bytes.",
            remedy="Keep long descriptions in an object of their own.",
        )
