"""Builds the house from its configuration, and nothing else.

Each room is built once, when it is first asked for, with the rooms below it as arguments.
Never does: decide anything of the field. Hands out: `Platform`, and the desks that need none.
"""

from bercail.platform.alone import create_trust_side, holder_desk, recovery
from bercail.platform.ground import CUSTODIAN_FILE, HOME_PROBE, KEY_TABLE
from bercail.platform.house import Platform

__all__ = [
    "CUSTODIAN_FILE",
    "HOME_PROBE",
    "KEY_TABLE",
    "Platform",
    "create_trust_side",
    "holder_desk",
    "recovery",
]
