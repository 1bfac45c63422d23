"""Opaque names: what the host sees instead of a logical name."""

from __future__ import annotations

import base64
import hashlib
import hmac

from bercail.foundation import Secret
from bercail.vault.binding import encode_parts


def opaque_name(name_key: Secret, kind: str, scope: str, name: str, version: str) -> str:
    """The name on the host of one version of a logical name, as `ab/cdef...`.

    HMAC-SHA256 under `name_key` of the four parts, each after its length, written whole in
    lower-case base 32 (52 characters) and cut after the second one, so that a folder store
    spreads over 1,024 folders. Without the key it tells nothing of the name, not even
    whether two objects share it.
    """
    message = encode_parts("bercail opaque name v1", kind, scope, name, version)
    tag = hmac.digest(name_key.reveal(), message, hashlib.sha256)
    text = base64.b32encode(tag).decode("ascii").rstrip("=").lower()
    return f"{text[:2]}/{text[2:]}"
