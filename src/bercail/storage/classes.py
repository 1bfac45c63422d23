"""In which storage class an S3 host keeps a new object.

A class is the target's own word: the tier of another host never becomes one by itself.
"""

from __future__ import annotations

import re
from secrets import token_hex

from bercail.foundation import BercailError, Invalid, Refused, Unavailable
from bercail.storage.passing import Passing
from bercail.storage.port import ObjectStore

ORDINARY = "STANDARD"
"""The class of objects written without one; hosts leave it out of their answers."""
# Not readable before they are restored (docs.aws.amazon.com, "Understanding and managing
# Amazon S3 storage classes"): what is written there could not be read back and proven.
OFFLINE = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_WORD = re.compile(r"[A-Z][A-Z0-9_]{0,39}")


def require_class_name(name: str) -> str:
    """`name`, when it may be one of a host's classes that can be read at once.

    Raises:
        Invalid: for another word, or a class that must be restored before it is read.
    """
    if not _WORD.fullmatch(name):
        raise Invalid(
            f"`{name}` is not the name of a storage class.",
            remedy="Write it as the host's documentation does, such as `STANDARD_IA`.",
        )
    if name in OFFLINE:
        raise Invalid(
            f"Objects of the class `{name}` cannot be read before they are restored, so a copy "
            "there could not be proven.",
            remedy="Choose a class that is read at once; change the class after the proof.",
        )
    return name


def in_class(store: ObjectStore, name: str) -> ObjectStore:
    """The same store, writing its objects in the class `name`.

    Raises:
        Invalid: for a store that has no classes.
    """
    from bercail.storage.s3 import S3Store

    if isinstance(store, Passing):
        return store.around(in_class(store.inner, name))
    if isinstance(store, S3Store):
        return store.in_class(name)
    raise Invalid(
        f"The store `{store.location}` has no storage classes.",
        remedy="Leave the classes out; only S3 hosts have some.",
    )


def require_class(store: ObjectStore, name: str) -> None:
    """Let a class pass in which the host keeps a small object of ours, and says so.

    The object is removed again.

    Raises:
        Refused: the host does not know the class, or keeps the object in another one
            (rule `storage-class`).
    """
    classed = in_class(store, require_class_name(name))
    probe = f"bercail-class-{token_hex(8)}"
    try:
        classed.put(probe, b"which class?")
        # The listing tells classes on every host; the answer about one object does not.
        found = next((info.tier for info in classed.list(probe)), None) or ORDINARY
    except Unavailable:
        raise
    except BercailError as error:
        raise _unknown(store, name, error.message) from None
    finally:
        classed.delete(probe)
    if found != name:
        raise _unknown(store, name, f"It kept the object in `{found}`.")


def _unknown(store: ObjectStore, name: str, what: str) -> Refused:
    return Refused(
        f"The store `{store.location}` keeps nothing in the class `{name}`. {what}",
        remedy="See in the host's documentation which classes this bucket has.",
        rule="storage-class",
    )
