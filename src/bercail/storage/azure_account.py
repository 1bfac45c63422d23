"""What an Azure location and its credentials must say, whatever client is used."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qsl

from bercail.foundation import Invalid
from bercail.storage.location import Credentials, Location


def require_endpoint(location: Location) -> str:
    """The endpoint of an Azure location; there is no default host here.

    Raises:
        Invalid: when the location names none.
    """
    if location.endpoint is None:
        raise Invalid(
            f"The location `{location}` names no endpoint.",
            remedy="Add `?endpoint=https://account.blob.core.windows.net`: no host is assumed.",
        )
    return location.endpoint


def _readable(location: Location, signature: bytes) -> str:
    """The signature as text, if it has the form of one: `name=value` joined by `&`, with `sig`.

    Raises:
        Invalid: it has not; nothing of it is told.
    """
    try:
        text = signature.decode("ascii")
        pairs = dict(parse_qsl(text.removeprefix("?"), strict_parsing=True, errors="strict"))
    except ValueError:
        pairs = {}
    if "sig" not in pairs:
        raise Invalid(
            f"The shared access signature for `{location}` is cut or garbled.",
            remedy="Copy it whole again, every character from `sv=` to the end of `sig=`.",
        )
    return text


def require_credentials(location: Location, credentials: Credentials) -> Any:
    """The credential as the vendor's client takes it: a signature or the account key.

    Raises:
        Invalid: when there is neither, the key is not base64, or the signature is cut or
            garbled. No message and no cause holds any of it.
    """
    if credentials.sas is not None:
        return _readable(location, credentials.sas.reveal())
    if credentials.secret is None:
        raise Invalid(
            f"The store `{location}` needs an account key or a shared access signature.",
            remedy="Set one in the variables that its configuration names.",
        )
    key = credentials.secret.reveal()
    try:
        base64.b64decode(key, validate=True)
    except ValueError:
        raise Invalid(
            "The account key is not base64.",
            remedy="Copy the key again from the service that issued it.",
        ) from None
    return {"account_name": location.name, "account_key": key.decode()}
