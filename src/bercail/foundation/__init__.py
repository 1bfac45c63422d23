"""Words that all rooms use: errors, ids, clock, actors, secrets, encoding.

Never does: input or output, or importing another room of Bercail.
Hands out: the five error families, `Actor`, `Clock`, `Secret`, canonical encoding.
"""

from bercail.foundation.actors import Actor, Role
from bercail.foundation.clock import Clock, FixedClock, SystemClock
from bercail.foundation.encoding import canonical_json, from_iso, sha256_hex, to_iso
from bercail.foundation.errors import (
    BercailError,
    Invalid,
    Missing,
    Refused,
    Unavailable,
    Unproven,
)
from bercail.foundation.ids import Randomness, SeededRandomness, SystemRandomness, new_id
from bercail.foundation.secret import Secret

__all__ = [
    "Actor",
    "BercailError",
    "Clock",
    "FixedClock",
    "Invalid",
    "Missing",
    "Randomness",
    "Refused",
    "Role",
    "Secret",
    "SeededRandomness",
    "SystemClock",
    "SystemRandomness",
    "Unavailable",
    "Unproven",
    "canonical_json",
    "from_iso",
    "new_id",
    "sha256_hex",
    "to_iso",
]
