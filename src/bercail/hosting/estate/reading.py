"""Open an export: JSON in any of the encodings that shells write, bounded, secrets sifted out.

Exports hold secrets in clear (a Terraform state has every key and password). Two walls keep
them in: values under names that tell a secret are dropped while the file is parsed, and
later code takes from the rest only identifiers, types, names, sizes and service addresses.
No error quotes the file: places only.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from bercail.foundation import Invalid, Missing
from bercail.hosting.estate.arm_ids import parse_arm_id, service_addresses

MOST_BYTES = 512 << 20
"""A larger file is not read whole; what is one long list is streamed instead."""

_TELLING = re.compile(
    r"pass(word|wd|phrase)|secret(?!id|s?uri|s?permission)|(access|primary|secondary|shared|account|"
    r"private|api|auth|master|client|read(only|write)?|function|system|host|storage|ssh|vpn|psk)key"
    r"|connectionstring|sas(token|url|uri)?$|(?<!skip)(?<!next)token|credential|customdata|userdata"
    r"|kube(admin)?config|hexkey|pfx|protectedsettings|instrumentationkey|signature|^key1?2?$"
    r"|cert(ificate)?(data|body|pem|password)|base64$|^result$|bcrypt|authorization$"
)
_LOOKS_SECRET = re.compile(
    r"AccountKey=|SharedAccess(Key|Signature)|[?&]sig=|[?&]code=|Password=|Pwd=|"
    r"BEGIN [A-Z ]*PRIVATE",
    re.I,
)


def read_json(path: Path) -> Any:
    """The JSON value of `path`, sifted.

    Raises:
        Missing: there is no such file.
        Invalid: the file cannot be read, is too large, or is no whole JSON; the place is named.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise Invalid(
                f"`{path}` has {size:,} bytes; at most {MOST_BYTES:,} are read at once.",
                remedy="Export each subscription or each state apart, and give all the files.",
            )
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise Missing(f"There is no export `{path}`.", remedy="Check the path.") from error
    except OSError as error:
        raise Invalid(
            f"Cannot read `{path}`: {error.strerror}.", remedy="Check the path."
        ) from error
    value, place = _parse(raw)
    raw = b""
    if place is not None:
        # Raised here, where no variable and no cause holds a byte of the file.
        raise Invalid(
            f"`{path}` is not whole JSON: {place}.",
            remedy="Take the export again, with `--output json`; it may have been cut short.",
        )
    return value


def _parse(raw: bytes) -> tuple[Any, str | None]:
    """The value and None, or None and the place where the text stops being JSON."""
    if not raw.strip():
        return None, "the file is empty"
    try:
        return json.loads(raw, object_pairs_hook=sifted), None
    except json.JSONDecodeError as error:
        return None, f"{error.msg.lower()} at line {error.lineno}, column {error.colno}"
    except UnicodeDecodeError as error:
        return None, f"byte {error.start} is not text"
    except RecursionError:
        return None, "it is nested too deeply"
    except ValueError:
        return None, "it holds a number of too many digits"


def sifted(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """One object, without the values that its keys or their own look give away."""
    return {key: kept(key, value) for key, value in pairs}


def kept(key: str, value: Any) -> Any:
    """What stays of a member: itself, or what is no secret of it."""
    if isinstance(value, str):
        if _tells(key) or _LOOKS_SECRET.search(value):
            return _remainder(value)
        return value
    if isinstance(value, list) and _tells(key):
        # How many there are is no secret.
        return [None] * len(value)
    if isinstance(value, list):
        return [
            _remainder(item) if isinstance(item, str) and _LOOKS_SECRET.search(item) else item
            for item in value
        ]
    if isinstance(value, dict) and _tells(key):
        # A template's parameter may have such a name and be plain text all the same.
        return value if str(value.get("type", "")).lower() == "string" else {}
    return value


_KNOWN: dict[str, bool] = {}
_MOST_KNOWN = 20_000


def _tells(key: str) -> bool:
    """Whether a key names a secret; exports repeat few keys many times."""
    if key not in _KNOWN:
        if len(_KNOWN) >= _MOST_KNOWN:
            _KNOWN.clear()
        _KNOWN[key] = bool(_TELLING.search(re.sub(r"[^a-z0-9]", "", key.lower())))
    return _KNOWN[key]


def _remainder(value: str) -> str:
    """What may stay of a secret text: an identifier whole, else service addresses only."""
    if parse_arm_id(value) is not None:
        return value
    return " ".join(sorted(service_addresses(value)))
