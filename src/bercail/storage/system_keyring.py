"""Secrets that the keyring of the operating system keeps: Secret Service, KWallet, Keychain...

For who runs a step at a desk and would write a secret neither into a file nor into the
environment. The library is the extra `keyring`, loaded when a variable asks for it.
"""

from __future__ import annotations

from bercail.foundation import Invalid, Missing


def kept(variable: str, place: str) -> str:
    """The secret at `place`, `service/user` of the keyring, which `variable` names.

    Raises:
        Invalid: `place` is not of this form, or the extra `keyring` is not installed.
        Missing: the keyring cannot be opened, or has no such entry.
    """
    service, separator, user = place.rpartition("/")
    if not (separator and service and user):
        raise Invalid(
            f"`{variable}` names no entry of the keyring.",
            remedy="Write it as `service/user`, as in `keyring set service user`.",
        )
    found = _found(variable, service, user)
    if not found:
        raise Missing(
            f"The keyring has no entry that `{variable}` names.",
            remedy="Put it there with `keyring set SERVICE USER`, with the words of the variable.",
        )
    return found


def _found(variable: str, service: str, user: str) -> str | None:
    try:
        import keyring
    except ImportError:
        raise Invalid(
            f"`{variable}` asks for the keyring of the system, which is not installed here.",
            remedy="Install the extra `keyring`, or use the variable with `_FILE`.",
        ) from None
    try:
        return keyring.get_password(service, user)
    except Exception as error:  # noqa: BLE001  # each keyring raises what its own library does
        # What a keyring says may repeat what it was asked, or hold the secret.
        raise Missing(
            f"The keyring that `{variable}` asks for cannot be opened ({type(error).__name__}).",
            remedy="Unlock it, or log in where it runs; a server without one uses `_FILE`.",
        ) from None
