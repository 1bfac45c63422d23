"""The only way out.

For: letting a result leave once its small counts are hidden, an attacker program finds
nothing, and two checkers outside the project approve exactly those bytes.
Never does: let an author check their own request, publish a digest of what stays inside,
or write a byte outside before the release is recorded.
Hands out: `AirlockService`, the permit port `PermitLookup`, `verify_package` (a second
reader), and the library `bercail.airlock.disclosure`.
"""

from bercail.airlock.disclosure.check import DisclosureCheck, check_table
from bercail.airlock.disclosure.picture import plot_protected_table
from bercail.airlock.disclosure.policy import SNDS, DisclosurePolicy, strictest
from bercail.airlock.permits import AccessPermits, MemoryPermits, PermitLookup, PermitView
from bercail.airlock.request import Request, State
from bercail.airlock.rules import Act, may
from bercail.airlock.service import AirlockService
from bercail.airlock.statements import AnonymityStatement
from bercail.airlock.verify import VerifiedPackage, verify_package

__all__ = [
    "SNDS",
    "AccessPermits",
    "Act",
    "AirlockService",
    "AnonymityStatement",
    "DisclosureCheck",
    "DisclosurePolicy",
    "MemoryPermits",
    "PermitLookup",
    "PermitView",
    "Request",
    "State",
    "VerifiedPackage",
    "check_table",
    "may",
    "plot_protected_table",
    "strictest",
    "verify_package",
]
