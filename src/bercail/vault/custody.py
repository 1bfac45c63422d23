"""Custodians: who holds the root key under which every other key is wrapped."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol, runtime_checkable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bercail.foundation import Invalid, Randomness, Secret, Unproven
from bercail.vault.keys import KEY_SIZE, derive

ROOT_ID_SIZE = 8
WRAP_VERSION = b"\x01"
_NONCE_SIZE = 12
_HEAD = len(WRAP_VERSION) + ROOT_ID_SIZE


class Custodian(Protocol):
    """Holds one or more root keys and never hands them out.

    `wrap` seals a secret of 1 to 1,024 bytes under the current root, tied to `context`; two calls
    give two different results. `unwrap` gives it back when the context is the same, and raises
    Unproven when the root is another one, the context differs or a byte changed. A custodian
    behind a network raises Unavailable when it does not answer.
    """

    @property
    def name(self) -> str:
        """Who this is, for the key table and the certificates; never a secret."""
        ...

    @property
    def root(self) -> str:
        """The id of the current root, in hexadecimal."""
        ...

    def wrap(self, secret: Secret, context: bytes) -> bytes:
        """`secret` under the current root."""
        ...

    def unwrap(self, wrapped: bytes, context: bytes) -> Secret:
        """The secret wrapped with this context."""
        ...


@runtime_checkable
class RenewableCustodian(Custodian, Protocol):
    """A custodian that can be given a new root beside the ones it holds.

    An object knows the roots that its custodian held when it was opened, and no later one: it is
    then never mistaken about which root is current. Both methods return a custodian opened again.
    """

    def with_new_root(self) -> RenewableCustodian:
        """Add a root and make it the current one; the old ones still unwrap.

        First half of a change of root: after it, `Keyring.rotate_root` with the custodian
        returned, then its `forget_old_roots`. Killed anywhere between, nothing is lost.
        """
        ...

    def forget_old_roots(self) -> RenewableCustodian:
        """Keep only the current root: what older ones wrapped, in backups too, is lost."""
        ...


def read_head(
    wrapped: bytes, version: bytes, id_size: int, held: Collection[bytes], name: str
) -> tuple[bytes, bytes]:
    """The root id that a wrapped key carries, and what follows it.

    A wrapped key begins with one byte for the kind of custodian and the version of its format,
    then the id of the root.

    Raises:
        Unproven: `wrapped-version` or `wrapped-root`.
    """
    if wrapped[:1] != version:
        raise Unproven(
            f"`{name}` did not wrap this key: its version is another one.",
            remedy="Open the key table with the custodian that its entries name.",
            rule="wrapped-version",
        )
    root = bytes(wrapped[1 : 1 + id_size])
    if root not in held:
        raise Unproven(
            f"`{name}` does not hold the root that a key was wrapped under.",
            remedy="Open the key table with the custodian that its entries name.",
            rule="wrapped-root",
        )
    return root, bytes(wrapped[1 + id_size :])


def altered_wrap() -> Unproven:
    """The refusal of a wrapped key that does not authenticate."""
    return Unproven(
        "A wrapped key does not authenticate: it was altered, or belongs to another line.",
        remedy="Restore the key table from its last good copy.",
        rule="wrapped-key",
    )


class RootKey:
    """One root: a 256-bit key, and the id that its wraps carry.

    A wrap is `01`, the root id (8 bytes), a random nonce (12), then AES-256-GCM of the secret with
    its tag; the associated data is the first nine bytes and the context. A random nonce is safe
    for 2^32 wraps under one root (SP 800-38D, 8.3); a key table stays millions of times below.
    """

    def __init__(self, key: Secret) -> None:
        if len(key) != KEY_SIZE:
            raise Invalid(
                f"A root key has {len(key)} bytes, not {KEY_SIZE}.",
                remedy="Create the custodian again.",
            )
        self.id = derive(key, salt=b"bercail root id v1", info=b"", length=ROOT_ID_SIZE)
        wrapping = derive(key, salt=b"bercail root wrap v1", info=b"")
        self._cipher = AESGCM(wrapping)

    def wrap(self, secret: Secret, context: bytes, randomness: Randomness) -> bytes:
        """`secret` under this root."""
        head = WRAP_VERSION + self.id
        nonce = randomness.take(_NONCE_SIZE)
        return head + nonce + self._cipher.encrypt(nonce, secret.reveal(), head + context)

    def unwrap(self, wrapped: bytes, context: bytes) -> Secret:
        """The secret; raises Unproven (`wrapped-key`) when it does not authenticate."""
        nonce = wrapped[_HEAD : _HEAD + _NONCE_SIZE]
        try:
            plain = self._cipher.decrypt(
                nonce, wrapped[_HEAD + _NONCE_SIZE :], wrapped[:_HEAD] + context
            )
        except (InvalidTag, ValueError) as error:
            raise altered_wrap() from error
        return Secret(plain)


class Roots:
    """The roots one custodian holds: wraps under the last, unwraps under whichever made it."""

    def __init__(self, name: str, keys: list[RootKey], randomness: Randomness) -> None:
        self.name = name
        self._by_id = {key.id: key for key in keys}
        self._current = keys[-1]
        self._randomness = randomness

    @property
    def root(self) -> str:
        """The id of the current root, in hexadecimal."""
        return self._current.id.hex()

    def wrap(self, secret: Secret, context: bytes) -> bytes:
        """`secret` under the current root."""
        return self._current.wrap(secret, context, self._randomness)

    def unwrap(self, wrapped: bytes, context: bytes) -> Secret:
        """The secret wrapped with this context.

        Raises:
            Unproven: `wrapped-version`, `wrapped-root` or `wrapped-key`.
        """
        root, _ = read_head(wrapped, WRAP_VERSION, ROOT_ID_SIZE, self._by_id, self.name)
        return self._by_id[root].unwrap(bytes(wrapped), context)


class MemoryCustodian(Roots):
    """A custodian that dies with the process: for tests and rehearsals."""

    def __init__(self, randomness: Randomness, name: str = "memory") -> None:
        super().__init__(name, [RootKey(Secret(randomness.take(KEY_SIZE)))], randomness)
