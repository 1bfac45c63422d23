"""From a location to a store: the one list of adapters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from attrs import evolve, frozen

from bercail.foundation import Invalid
from bercail.storage import failures
from bercail.storage.location import Credentials, Location
from bercail.storage.port import ObjectStore
from bercail.storage.probe_report import ProbeReport


@frozen(kw_only=True)
class Adapter:
    """How one kind of store is opened, and how its home is made when absent."""

    scheme: str
    open: Callable[[Location, Credentials], ObjectStore]
    make_home: Callable[[Location, Credentials], None]


# Each function imports its adapter when called: the vendors' clients take half a
# second to load, which a command that touches no cloud should not wait for.


def _open_memory(location: Location, _: Credentials) -> ObjectStore:
    from bercail.storage.memory import MemoryStore

    return MemoryStore(location)


def _open_folder(location: Location, _: Credentials) -> ObjectStore:
    from bercail.storage.folder import FolderStore

    return FolderStore(location)


def _open_s3(location: Location, credentials: Credentials) -> ObjectStore:
    from bercail.storage.s3 import S3Store

    return S3Store(location, credentials)


def _open_azure(location: Location, credentials: Credentials) -> ObjectStore:
    from bercail.storage.azure import AzureStore

    return AzureStore(location, credentials)


def _make_nothing(location: Location, credentials: Credentials) -> None:
    """Memory needs no home; Azure containers appear with their first object."""


def _make_folder(location: Location, _: Credentials) -> None:
    try:
        Path(location.path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise failures.from_os(location, "creating the folder", error) from None


def _make_bucket(location: Location, credentials: Credentials) -> None:
    from bercail.storage.s3_control import S3Control

    S3Control(location, credentials).make_bucket()


ADAPTERS: tuple[Adapter, ...] = (
    Adapter(scheme="memory", open=_open_memory, make_home=_make_nothing),
    Adapter(scheme="file", open=_open_folder, make_home=_make_folder),
    Adapter(scheme="s3", open=_open_s3, make_home=_make_bucket),
    Adapter(scheme="azure", open=_open_azure, make_home=_make_nothing),
)


def _adapter(location: Location) -> Adapter:
    for adapter in ADAPTERS:
        if adapter.scheme == location.scheme:
            return adapter
    raise Invalid(
        f"No store is known for `{location.scheme}`.",
        remedy=f"Known kinds: {', '.join(adapter.scheme for adapter in ADAPTERS)}.",
    )


def open_store(
    location: Location,
    credentials: Credentials | None = None,
    *,
    probed: ProbeReport | None = None,
) -> ObjectStore:
    """The store at `location`. Opening asks nothing of the host yet.

    With `probed`, the result of a probe of that host, its `features` are those the probe
    saw, and an S3 host that ignores the default checksum is sent signed bodies instead,
    unless the location says otherwise.

    Raises:
        Invalid: for options, credentials or an endpoint that cannot serve, or a probe of
            another host.
        Refused: for plain HTTP to another machine (rule `storage-tls`).
    """
    if probed is None:
        return _adapter(location).open(location, credentials or Credentials())
    told = Location.parse(probed.location)
    if (told.scheme, told.name, told.endpoint) != (
        location.scheme,
        location.name,
        location.endpoint,
    ):
        raise Invalid(
            f"The probe of `{told}` says nothing about `{location}`.",
            remedy="Probe this store: `bercail store probe`.",
        )
    if location.scheme == "s3" and "checksum" not in location.options:
        signs = not probed.holds("wrong-crc64nvme") and probed.holds("wrong-payload-hash")
        if signs:
            location = evolve(location, options={**location.options, "checksum": "signature"})
    store = _adapter(location).open(location, credentials or Credentials())
    store.features = probed.features(
        store.features, checksum=location.options.get("checksum", "crc64nvme")
    )
    return store


def make_home(location: Location, credentials: Credentials | None = None) -> None:
    """Create the bucket or folder of `location` where it is absent.

    Raises:
        Unavailable, Refused: as the stores do.
    """
    _adapter(location).make_home(location, credentials or Credentials())
