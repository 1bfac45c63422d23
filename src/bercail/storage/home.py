"""The store of a home: opened with what a probe saw, and read-only until there is a probe.

The result of the probe is kept twice: in the store, for whoever looks at it, and in a file
of the operator's own, which is the one relied on: the host cannot change it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from secrets import token_hex
from typing import Literal
from urllib.parse import urlsplit

from bercail.foundation import Invalid, Refused, canonical_json
from bercail.storage import failures
from bercail.storage.fixity import Checked
from bercail.storage.location import Credentials, Location
from bercail.storage.open import open_store
from bercail.storage.passing import Passing
from bercail.storage.port import ObjectInfo, ObjectStore
from bercail.storage.probe import probe
from bercail.storage.probe_report import (
    ProbeReport,
    keep_probe,
    read_probe,
    require_fit_for_home,
)
from bercail.storage.transport import LOOPBACK
from bercail.storage.wrappers import Retrying

DataClass = Literal["real", "synthetic"]


def needs_probe(location: Location, data_class: DataClass) -> bool:
    """Whether a home at `location` takes no write before it was probed.

    A folder and memory are adapters of this house, held to the contract by its tests: they
    need none. Neither does an emulator on this machine for synthetic data; for real data it
    does, since what listens there may be a tunnel to anything.
    """
    if location.scheme in {"memory", "file"}:
        return False
    near = urlsplit(location.endpoint or "").hostname in LOOPBACK
    return data_class == "real" or not near


def open_home(
    location: Location,
    credentials: Credentials | None = None,
    *,
    data_class: DataClass,
    kept: Path | None = None,
) -> ProbedHome:
    """The home at `location`; nothing is asked of the host yet.

    1. The result of its probe is read from the file `kept`, if there is one.
    2. What that result says is relied on, and nothing else (`open_store`).
    3. Calls are repeated where that is safe (`Retrying`).
    4. Unless the host was seen to compare bodies with their checksums, each write is read
       back (`Checked`).
    5. Writing is refused while the home is unfit, or unprobed where it must not be.

    Raises:
        Invalid: for a location, credentials or a kept result that cannot serve.
        Refused: for plain HTTP to another machine (rule `storage-tls`).
    """
    probed = kept_home_probe(kept, location) if kept else None
    store: ObjectStore = Retrying(open_store(location, credentials, probed=probed))
    if probed is None or not store.features.server_checksums:
        store = Checked(store)
    return ProbedHome(store, probed=probed, must_be_probed=needs_probe(location, data_class))


def probe_home(
    location: Location, credentials: Credentials | None = None, *, kept: Path
) -> ProbeReport:
    """Probe a home, and keep the result in the store and in the file `kept`.

    An unfit home keeps its result too: it is then refused by name.

    Raises:
        Unavailable, Refused: when the store cannot be written to at all, or the file not.
    """
    store = open_store(location, credentials)
    report = probe(store)
    keep_probe(store, report)
    draft = kept.with_name(f"{kept.name}.{token_hex(8)}")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with draft.open("xb") as file:
            file.write(canonical_json(report.as_dict()))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(kept)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise failures.from_os(
            Location.folder(kept.parent), f"keeping `{kept.name}`", error
        ) from None
    return report


def kept_home_probe(kept: Path, location: Location) -> ProbeReport | None:
    """The result in the file `kept`, or None when there is none for this location.

    Raises:
        Invalid: when the file is not a result, or cannot be read.
    """
    try:
        report = read_probe(kept.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Invalid(
            f"The file `{kept}` cannot be read: {error.strerror}.",
            remedy="Check its permissions, or probe again: `bercail store probe-home`.",
        ) from None
    # A home that has moved is another home: the former result says nothing about it.
    return report if report.location == str(location) else None


class ProbedHome(Passing):
    """A home that takes no object while what its host really does is unknown or unfit.

    Reading and deleting pass: one must be able to leave such a home, and to empty it.
    `probed` is the result that it was opened with.
    """

    def __init__(
        self, store: ObjectStore, *, probed: ProbeReport | None, must_be_probed: bool
    ) -> None:
        super().__init__(store)
        self._must_be_probed = must_be_probed
        self.probed = probed

    def require_writable(self) -> None:
        """Let a home pass that may take data.

        Raises:
            Refused: when it was never probed (rule `store-unprobed`), or was found unfit
                (rule `store-unfit`).
        """
        if self.probed is not None:
            require_fit_for_home(self.probed)
        elif self._must_be_probed:
            raise Refused(
                f"What the store `{self.location}` really does was never asked: it takes no data.",
                remedy="Probe it once: `bercail store probe-home`. About 300 MB are written, "
                "under names of the probe's own, and removed.",
                rule="store-unprobed",
            )

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """See `ObjectStore.put`.

        Raises:
            Refused: see `require_writable`.
        """
        self.require_writable()
        return super().put(name, data, if_absent=if_absent, metadata=metadata)
