"""What obstore's errors mean here.

obstore tells the kind of a failure by its exception class, and the rest only in
its text: a status, and the code that the host wrote in its answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from bercail.foundation import BercailError, Invalid
from bercail.storage import failures
from bercail.storage.location import Location

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,80})</Code>")
_NO_HOME = {"NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"}
_RANGE_NOT_SATISFIABLE = 416


def is_beyond_the_end(error: BaseException) -> bool:
    """Whether a range was asked for that starts at the end of the object, or after."""
    # Azurite answers 206 without content for the first case; obstore objects to that, and to
    # the range that it tells of the first byte of an empty blob.
    told = str(error)
    objected = "StartTooLarge" in told or '"bytes 0--1/0"' in told
    return status_of(error) == _RANGE_NOT_SATISFIABLE or objected


def status_of(error: BaseException) -> int | None:
    """The HTTP status that obstore's text tells, if it tells one."""
    found = _STATUS.search(str(error))
    return int(found[1]) if found else None


def is_home_missing(error: BaseException) -> bool:
    """Whether the host said that the bucket or container itself is absent."""
    return _code_of(error) in _NO_HOME


def _code_of(error: BaseException) -> str:
    """The code that the host wrote in its answer, if there is one."""
    found = _CODE.search(str(error))
    return found[1] if found else ""


@contextmanager
def translated(location: Location, act: str, name: str) -> Iterator[None]:
    """Raise the house's errors in place of obstore's."""
    try:
        yield
    except (FileNotFoundError, BaseError) as error:
        raise translate(error, location, act, name) from None


def translate(error: BaseException, location: Location, act: str, name: str) -> BercailError:
    """The house's error for `error`, met while doing `act` on object `name`."""
    if is_home_missing(error):
        return failures.no_home(location)
    if isinstance(error, FileNotFoundError):
        return failures.no_object(location, name) if name else failures.no_home(location)
    if isinstance(error, AlreadyExistsError):
        return failures.exists_already(location, name)
    if isinstance(error, PreconditionError):
        return failures.changed(location, name)
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return failures.not_allowed(location, act, _code_of(error))
    status = status_of(error)
    if status is not None:
        return failures.from_status(location, act, status, _code_of(error))
    if "Invalid Access Key" in str(error):
        return Invalid(
            "The account key is not base64.",
            remedy="Copy the key again from the service that issued it.",
        )
    return failures.no_answer(location, act)
