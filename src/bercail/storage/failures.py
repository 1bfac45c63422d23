"""The few errors that stores raise, worded once.

The text of a client library is never passed on: it repeats URLs, and a URL may
carry a shared access signature.
"""

from __future__ import annotations

import errno

from bercail.foundation import (
    BercailError,
    Invalid,
    Missing,
    Refused,
    Unavailable,
    Unproven,
)
from bercail.storage.location import Location

# docs.aws.amazon.com, "Error responses"; the last two are MinIO's and Azure's.
_SKEWED = {"RequestTimeTooSkewed", "RequestExpired"}
_NO_ROOM = {"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "AccountLimitExceeded"}
_INSUFFICIENT_STORAGE = 507
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def no_answer(location: Location, act: str) -> Unavailable:
    """The host cannot be reached, or stopped answering."""
    where = f" at `{location.endpoint}`" if location.endpoint else ""
    return Unavailable(
        f"The store `{location.name}`{where} does not answer ({act}).",
        remedy="Check that the service runs, its address and the network, then run again.",
    )


def busy(location: Location, act: str, status: int) -> Unavailable:
    """The host answers that it cannot serve now (429 or 5xx)."""
    return Unavailable(
        f"The store `{location.name}` cannot serve now: status {status} ({act}).",
        remedy="Wait and run again; if it lasts, ask the host about its service or its space.",
    )


def cut_short(location: Location, name: str, expected: int, got: int) -> Unavailable:
    """A body ended before its announced length."""
    return Unavailable(
        f"The store `{location.name}` sent {got} bytes of `{name}` instead of {expected}.",
        remedy="Run again; if it lasts, look for a proxy that cuts connections.",
    )


def garbled(location: Location, name: str) -> Unavailable:
    """A body is not what the host's own checksum says of it."""
    return Unavailable(
        f"The store `{location.name}` sent bytes of `{name}` that are not those of its checksum.",
        remedy="Run again; if it lasts, look for what alters bytes between here and the host.",
    )


def no_room(location: Location, act: str) -> Unavailable:
    """The host says that it is full, or that a quota is used up."""
    return Unavailable(
        f"The store `{location.name}` has no room left ({act}).",
        remedy="Make room or have the quota raised, then run again; nothing was half written.",
    )


def not_allowed(location: Location, act: str, code: str = "") -> Refused:
    """The host knows the caller too little, or not at all (401, 403)."""
    if code in _SKEWED:
        return Refused(
            f"The store `{location.name}` refuses requests dated by this machine's clock ({act}).",
            remedy="Set the clock of this machine, or have the host's set: they may differ by "
            "15 minutes at most. `bercail store probe` tells by how much they do.",
            rule="store-clock",
        )
    return Refused(
        f"The store `{location.name}` refuses these credentials ({act}).",
        remedy="Check the access key, the secret or the signature, the rights they carry, and "
        "this machine's clock.",
        rule="store-credentials",
    )


def no_object(location: Location, name: str) -> Missing:
    """There is no such object."""
    return Missing(
        f"The store `{location.name or location.path}` holds no object `{name}`.",
        remedy="List the store to see what it holds.",
    )


def no_home(location: Location) -> Missing:
    """The bucket, container or folder itself is absent."""
    return Missing(
        f"The store `{location}` does not exist on its host.",
        remedy="Create it, or correct the name.",
    )


def exists_already(location: Location, name: str) -> Refused:
    """`if_absent` met an object."""
    return Refused(
        f"The store `{location.name or location.path}` already holds `{name}`.",
        remedy="Choose another name; what is written once is not overwritten here.",
        rule="object-exists",
    )


def changed(location: Location, name: str) -> Unproven:
    """The object is not, or no longer, the version asked for."""
    return Unproven(
        f"The object `{name}` of `{location.name or location.path}` is not the version expected.",
        remedy="Find out who writes to this store, then start again from its present state.",
        rule="object-changed",
    )


def not_understood(location: Location, act: str, status: int | None, code: str) -> Invalid:
    """The host refuses the request as such."""
    told = f"status {status}" if status is not None else "no status"
    told += f", `{code}`" if code else ""
    return Invalid(
        f"The store `{location.name}` does not accept the request: {told} ({act}).",
        remedy="Check the options of the location; `checksum=signature` suits older S3 hosts.",
    )


def from_status(location: Location, act: str, status: int, code: str = "") -> BercailError:
    """The error for an HTTP status without a meaning of its own for the caller."""
    if status in {401, 403}:
        return not_allowed(location, act, code)
    if status == _INSUFFICIENT_STORAGE or code in _NO_ROOM:
        return no_room(location, act)
    if status == 404:
        return no_home(location)
    if status in {408, 425, 429} or status >= 500:
        return busy(location, act, status)
    return not_understood(location, act, status, code)


def from_os(location: Location, act: str, error: OSError) -> BercailError:
    """The error for a call that the operating system refused."""
    if error.errno in _FULL:
        return Unavailable(
            f"The disk that holds `{location.path}` is full ({act}).",
            remedy="Free some space, or move the store to a larger disk; nothing was half written.",
        )
    if error.errno in _FORBIDDEN:
        return Refused(
            f"This account may not write or read in `{location.path}` ({act}).",
            remedy="Give the account the right to the folder, or choose another folder.",
            rule="store-credentials",
        )
    name = errno.errorcode.get(error.errno or 0, "unknown error")
    return Unavailable(
        f"The disk that holds `{location.path}` fails with {name} ({act}).",
        remedy="Look at the system's journal for the disk, then run again.",
    )
