"""Bytes on a host: put, get, list, prove what is there.

The only room that imports object-store clients. Never does: open or seal what it
carries, or know what it means.
Hands out: `Location`, `Credentials`, `open_store`, `open_home`, the port `ObjectStore`, its
wrappers, and `scan`, which searches every byte of a store for what must not be there.
"""

from bercail.storage.audit import Hit, ScanReport, scan
from bercail.storage.fixity import Checked
from bercail.storage.home import (
    ProbedHome,
    kept_home_probe,
    needs_probe,
    open_home,
    probe_home,
)
from bercail.storage.host_audit import Exposed, HostAudit, audit_host
from bercail.storage.inventory import Asked, InventoryItem, ItemKind, inventory
from bercail.storage.leftovers import Cleaning, Leftover, clean
from bercail.storage.limiting import Limit, Limited
from bercail.storage.listing import Listing, listing
from bercail.storage.location import Credentials, Location
from bercail.storage.open import ADAPTERS, make_home, open_store
from bercail.storage.passing import Passing
from bercail.storage.port import CHUNK, Features, ObjectInfo, ObjectStore
from bercail.storage.probe import probe
from bercail.storage.probe_report import (
    ProbeReport,
    Trait,
    keep_probe,
    kept_probe,
    require_fit_for_home,
)
from bercail.storage.probe_summary import ProbeSummary, probe_summary
from bercail.storage.source_checksums import CheckedSource, SourceChecksum
from bercail.storage.wrappers import Metered, ReadOnly, Retrying, Traffic

__all__ = [
    "ADAPTERS",
    "CHUNK",
    "Asked",
    "Checked",
    "CheckedSource",
    "Cleaning",
    "Credentials",
    "Exposed",
    "Features",
    "Hit",
    "HostAudit",
    "InventoryItem",
    "ItemKind",
    "Leftover",
    "Limit",
    "Limited",
    "Listing",
    "Location",
    "Metered",
    "ObjectInfo",
    "ObjectStore",
    "Passing",
    "ProbeReport",
    "ProbeSummary",
    "ProbedHome",
    "ReadOnly",
    "Retrying",
    "ScanReport",
    "SourceChecksum",
    "Traffic",
    "Trait",
    "audit_host",
    "clean",
    "inventory",
    "keep_probe",
    "kept_home_probe",
    "kept_probe",
    "listing",
    "make_home",
    "needs_probe",
    "open_home",
    "open_store",
    "probe",
    "probe_home",
    "probe_summary",
    "require_fit_for_home",
    "scan",
]
