"""Assert that the source is read-only: by a write that must be refused, or on a person's word.

A probe write is the only thing that Bercail ever sends to a source. It is sent only when the
operator asks for it, under a name that nothing else has, and what it says is narrow: these
credentials cannot write there now. Whether others can is for a person to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from attrs import field, frozen, validators

from bercail.foundation import BercailError, Invalid, Randomness, Refused, new_id
from bercail.hosting.events import SourceFrozen
from bercail.storage import ObjectStore

PROBE_NAME = "bercail-freeze-probe"
_PROBE_BYTES = b"This object shows that the store is not read-only. It may be deleted.\n"


class Freeze(Protocol):
    """One way to assert that the source takes no more writes."""

    def assert_frozen(self, containers: Iterable[str]) -> SourceFrozen:
        """What was asserted; `containers` are the parts of the source that hold objects.

        Raises:
            Refused: the source can still be written to (rule `migration-freeze`).
            Unavailable: the host does not answer, which shows nothing either way.
        """
        ...


@frozen(kw_only=True)
class Attestation:
    """A person says that the source is read-only. `by` is a name, `statement` their words."""

    by: str
    statement: str

    def __attrs_post_init__(self) -> None:
        if not self.by.strip() or not self.statement.strip():
            raise Invalid(
                "An attestation needs a person's name and their words.",
                remedy="Give both `--attested-by` and `--attestation`.",
            )

    def assert_frozen(self, containers: Iterable[str]) -> SourceFrozen:
        """See `Freeze`; a person speaks for all containers."""
        del containers
        return SourceFrozen(how="attestation", by=self.by, statement=self.statement)


@frozen(kw_only=True)
class ProbeWrite:
    """Write a small object to the source through `store`, which must refuse it.

    `store` is the bare store, opened with credentials that wrote there before the freeze;
    `credentials` is their name, never their value. `by` is who asks.
    """

    store: ObjectStore = field(repr=False)
    credentials: str = field(validator=validators.min_len(1))
    by: str
    randomness: Randomness = field(repr=False)

    def assert_frozen(self, containers: Iterable[str]) -> SourceFrozen:
        """See `Freeze`. One write for each container of an Azure account, one in all elsewhere.

        1. The credentials must be good enough to list: a key that opens nothing is refused
           everything, and that would show nothing.
        2. Every write must be refused; one that succeeds is deleted, and the freeze with it.
        """
        next(self.store.list(), None)  # 1
        places = _places(self.store, containers)
        for place in places:  # 2
            self._require_refused(place + new_id(PROBE_NAME, self.randomness))
        if not places:
            raise Refused(
                "The source has no container to probe.",
                remedy="Attest the freeze instead: `--attested-by` and `--attestation`.",
                rule="migration-freeze",
            )
        return SourceFrozen(
            how="probe-write", by=self.by, credentials=self.credentials, probes=len(places)
        )

    def _require_refused(self, name: str) -> None:
        try:
            self.store.put(name, _PROBE_BYTES)
        except Refused:
            return
        left = "deleted again"
        try:
            self.store.delete(name)
        except BercailError:
            left = "and would not delete it: delete it yourself"
        raise Refused(
            f"The source is not read-only: it took the object `{name}` ({left}).",
            remedy="Make the source read-only on its own side, then cut over again.",
            rule="migration-freeze",
        )


def _places(store: ObjectStore, containers: Iterable[str]) -> list[str]:
    if store.location.scheme != "azure":
        return [""]
    return sorted({f"{container}/" for container in containers})
