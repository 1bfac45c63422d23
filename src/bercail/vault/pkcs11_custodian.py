"""A custodian in a hardware security module, or any token with a PKCS #11 library.

The roots are AES-256 keys made inside the token, sensitive and never extractable: the token wraps
and unwraps, nobody reads them. The layout of a wrapped key is in
`docs/reference/formats/key-table.md`. The interface is OASIS PKCS #11 v2.40.
"""

from __future__ import annotations

from typing import Protocol, cast

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.mechanisms import GCMParams
from pkcs11.types import Session

from bercail.foundation import Randomness, Refused, Secret, Unproven
from bercail.vault.custody import altered_wrap, read_head
from bercail.vault.pkcs11_token import LOGINS, Login

_VERSION = b"\x02"
_NUMBER_SIZE = 4
_ID_SIZE = 12
_NONCE_SIZE = 12
_TAG_SIZE = 16

_TEMPLATE = {
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.MODIFIABLE: False,
}
_NEVER_OUTSIDE = (Attribute.ALWAYS_SENSITIVE, Attribute.NEVER_EXTRACTABLE)
"""Set by the token itself, and only on a key that was so since it was made (4.10, table 29)."""

_ALTERED = (
    pkcs11.EncryptedDataInvalid,
    pkcs11.EncryptedDataLenRange,
    pkcs11.DataInvalid,
    pkcs11.DataLenRange,
    pkcs11.SignatureInvalid,
    pkcs11.GeneralError,
    pkcs11.FunctionFailed,
)
"""What tokens answer to a ciphertext that does not authenticate; SoftHSM says GeneralError."""


class _TokenKey(Protocol):
    """A key inside the token, as far as this custodian uses it."""

    id: bytes

    def __getitem__(self, attribute: Attribute) -> bool: ...

    def encrypt(self, data: bytes, *, mechanism: Mechanism, mechanism_param: GCMParams) -> bytes:
        """Ciphertext and tag."""
        ...

    def decrypt(self, data: bytes, *, mechanism: Mechanism, mechanism_param: GCMParams) -> bytes:
        """The plaintext."""
        ...

    def destroy(self) -> None:
        """Remove the key from the token."""
        ...


class Pkcs11Custodian:
    """Holds its roots in a token: the AES keys labelled `key` in the token labelled `token`.

    A root's id is its CKA_ID: a number that grows by one with each new root, and 8 random bytes;
    the highest is the current one. Threads and forked children may share a custodian.
    """

    def __init__(
        self,
        library: str,
        token: str,
        key: str,
        pin: Secret,
        randomness: Randomness,
    ) -> None:
        self.name = f"pkcs11:{token}/{key}"
        self._place = (library, token)
        self._key = key
        self._pin = pin
        self._randomness = randomness
        self._roots = self._login().ask(self._found_roots)
        self._login().ask(self._require_sound)

    @classmethod
    def create(
        cls, *, library: str, token: str, key: str, pin: Secret, randomness: Randomness
    ) -> Pkcs11Custodian:
        """Make the first root inside the token. The token itself is initialised beforehand.

        Raises:
            Refused: `custodian-exists`, when the token holds a key of this label.
            And what `open` raises.
        """
        login = LOGINS.at(library, token, pin)

        def make(session: Session) -> None:
            if _labelled(session, key):
                raise Refused(
                    f"The token `{token}` holds a key labelled `{key}` already.",
                    remedy="Open that one, or choose another label.",
                    rule="custodian-exists",
                )
            _generate(session, key, 1, randomness)

        login.change(make)
        return cls(library, token, key, pin, randomness)

    @classmethod
    def open(
        cls, *, library: str, token: str, key: str, pin: Secret, randomness: Randomness
    ) -> Pkcs11Custodian:
        """The custodian whose roots are in the token.

        Raises:
            Missing: no such library, token or key.
            Invalid: the PIN does not open the token, or the token cannot do AES-GCM.
            Refused: `token-pin`, when the PIN is locked; `extractable-root`, when the token
                would hand out the root.
            Unproven: `custodian-proof`, when the token does not authenticate the context.
            Unavailable: the token does not answer.
        """
        return cls(library, token, key, pin, randomness)

    @property
    def root(self) -> str:
        """The id of the current root, in hexadecimal."""
        return self._roots[-1].hex()

    def wrap(self, secret: Secret, context: bytes) -> bytes:
        """`secret` under the current root.

        Raises:
            Missing: the token no longer holds it.
            Unavailable: the token does not answer.
        """
        root = self._roots[-1]

        def act(session: Session) -> bytes:
            return self._encrypted(self._held(session, root), root, secret, context)

        return self._login().ask(act)

    def unwrap(self, wrapped: bytes, context: bytes) -> Secret:
        """The secret wrapped with this context.

        Raises:
            Unproven: `wrapped-version`, `wrapped-root` or `wrapped-key`.
            Missing: the token no longer holds the root.
            Unavailable: the token does not answer.
        """
        root, body = read_head(wrapped, _VERSION, _ID_SIZE, self._roots, self.name)
        if len(body) <= _NONCE_SIZE + _TAG_SIZE:
            raise altered_wrap()

        def act(session: Session) -> Secret:
            key = self._held(session, root)
            try:
                return _decrypted(key, root, body, context)
            except _ALTERED as error:
                # The same answer may mean a token that fails: then this raises it again.
                self._require_sound(session)
                raise altered_wrap() from error

        return self._login().ask(act)

    def with_new_root(self) -> Pkcs11Custodian:
        """Make a root in the token, the current one from now on; the old ones still unwrap.

        First half of a change of root: after it, `Keyring.rotate_root` with the custodian
        returned, then its `forget_old_roots`. Killed anywhere between, nothing is lost.
        """

        def make(session: Session) -> None:
            last = max(_labelled(session, self._key), default=self._roots[-1])
            number = int.from_bytes(last[:_NUMBER_SIZE], "big") + 1
            _generate(session, self._key, number, self._randomness)

        self._login().change(make)
        return self._again()

    def forget_old_roots(self) -> Pkcs11Custodian:
        """Destroy in the token every root before the current one of this custodian.

        A backup of the token keeps them until it is destroyed too.
        """

        def destroy(session: Session) -> None:
            for root, key in _labelled(session, self._key).items():
                if root < self._roots[-1]:
                    key.destroy()

        self._login().change(destroy)
        return self._again()

    def _again(self) -> Pkcs11Custodian:
        library, token = self._place
        return Pkcs11Custodian(library, token, self._key, self._pin, self._randomness)

    def _login(self) -> Login:
        """Looked up at each use, since a forked child has logins of its own."""
        return LOGINS.at(*self._place, self._pin)

    def _found_roots(self, session: Session) -> tuple[bytes, ...]:
        roots = tuple(sorted(_labelled(session, self._key)))
        if not roots:
            raise pkcs11.NoSuchKey
        return roots

    def _held(self, session: Session, root: bytes) -> _TokenKey:
        """The key of a root, looked up at each use: a stale handle may mean another key."""
        found = _labelled(session, self._key).get(root)
        if found is not None:
            return found
        # A token that logged us out hides its private keys instead of refusing: this tells.
        session.generate_key(KeyType.AES, 256, template=_TEMPLATE).destroy()
        raise pkcs11.NoSuchKey

    def _encrypted(self, key: _TokenKey, root: bytes, secret: Secret, context: bytes) -> bytes:
        nonce = self._randomness.take(_NONCE_SIZE)
        sealed = key.encrypt(
            secret.reveal(),
            mechanism=Mechanism.AES_GCM,
            mechanism_param=GCMParams(nonce, _VERSION + root + context),
        )
        return _VERSION + root + nonce + bytes(sealed)

    def _require_sound(self, session: Session) -> None:
        """Show that the current root stays inside, opens what it wraps, and heeds the context."""
        root = self._roots[-1]
        key = self._held(session, root)
        if not all(key[attribute] for attribute in _NEVER_OUTSIDE):
            raise Refused(
                f"The key `{self._key}` is or was outside the token, or can leave it.",
                remedy="Create a root inside the token, and move the keys to it.",
                rule="extractable-root",
            )
        probe = Secret(self._randomness.take(32))
        body = self._encrypted(key, root, probe, b"one")[1 + _ID_SIZE :]
        sound = _decrypted(key, root, body, b"one") == probe
        try:
            _decrypted(key, root, body, b"another")
            sound = False
        except _ALTERED:
            pass  # as it must be
        if not sound:
            raise Unproven(
                f"`{self.name}` does not authenticate what it wraps.",
                remedy="Do not use this token.",
                rule="custodian-proof",
            )


def _decrypted(key: _TokenKey, root: bytes, body: bytes, context: bytes) -> Secret:
    return Secret(
        key.decrypt(
            body[_NONCE_SIZE:],
            mechanism=Mechanism.AES_GCM,
            mechanism_param=GCMParams(body[:_NONCE_SIZE], _VERSION + root + context),
        )
    )


def _labelled(session: Session, label: str) -> dict[bytes, _TokenKey]:
    """The roots of a label, by id."""
    wanted = {
        Attribute.CLASS: ObjectClass.SECRET_KEY,
        Attribute.KEY_TYPE: KeyType.AES,
        Attribute.LABEL: label,
    }
    found = cast("list[_TokenKey]", list(session.get_objects(wanted)))
    return {bytes(key.id): key for key in found}


def _generate(session: Session, label: str, number: int, randomness: Randomness) -> None:
    session.generate_key(
        KeyType.AES,
        256,
        id=number.to_bytes(_NUMBER_SIZE, "big") + randomness.take(_ID_SIZE - _NUMBER_SIZE),
        label=label,
        store=True,
        capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
        template=_TEMPLATE,
    )
