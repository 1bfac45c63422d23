"""A custodian in an OpenBao server (or another that speaks its Transit interface).

The roots are the versions of one AES-256-GCM key of a Transit mount; the server wraps and unwraps,
nobody reads them. The layout of a wrapped key is in `docs/reference/formats/key-table.md`.
"""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import hvac
import requests
from hvac.exceptions import (
    Forbidden,
    InvalidPath,
    InvalidRequest,
    Unauthorized,
    VaultDown,
    VaultError,
    VaultNotInitialized,
)

from bercail.foundation import BercailError, Invalid, Missing, Refused, Secret, Unavailable
from bercail.vault.custody import altered_wrap, read_head

_VERSION = b"\x03"
_ID_SIZE = 12
_PREFIX = "vault:v"
_KIND = "aes256-gcm96"
_ID_LABEL = b"bercail transit root v1"
_TIMEOUT = (3.0, 10.0)
"""Seconds to connect, and to wait for an answer."""
_LOOPBACK = ("127.0.0.1", "::1", "localhost")

_Answer = TypeVar("_Answer")


class _Rejected(Exception):
    """The server understood a request and refuses it (status 400)."""


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _require_address(address: str) -> str:
    """An address that shows the token to nobody on the way."""
    parts = urlsplit(address)
    local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or local):
        raise Invalid(
            f"`{address}` is not the https address of a server.",
            remedy="Write `address` in [custodian] as `https://name:8200`; plain http is taken "
            "on this machine only.",
        )
    return address.rstrip("/")


class _Server:
    """One server and one token; each thread of each process has a connection of its own."""

    def __init__(self, address: str, token: Secret, namespace: str, ca_file: str) -> None:
        self.address = _require_address(address)
        self._token = token
        self._namespace = namespace
        self._ca_file = ca_file
        self._here = threading.local()

    def ask(self, act: Callable[[Any], _Answer]) -> _Answer:
        """What `act` gives on the Transit client.

        Raises:
            Refused: `transit-token` or `transit-certificate`.
            Missing: the key or the mount does not exist.
            Unavailable: no answer, a sealed server, or an answer that is not Transit's.
            _Rejected: the server understood and says no; the caller knows why.
        """
        problem: BercailError | _Rejected
        try:
            return act(self._client().secrets.transit)
        except InvalidRequest:
            problem = _Rejected()
        except VaultError as error:
            problem = self._told(error)
        except requests.exceptions.SSLError:
            problem = Refused(
                f"The certificate of `{self.address}` is not one that this machine trusts.",
                remedy="Name the file of its authority as `ca_file` in [custodian].",
                rule="transit-certificate",
            )
        except requests.exceptions.RequestException as error:
            problem = self._silent(type(error).__name__)
        except (KeyError, TypeError, ValueError):
            problem = self._silent("the answer is not one of Transit")
        # Raised here and not above, so that no request, with token and key, hangs on the error.
        raise problem

    def _client(self) -> hvac.Client:
        if getattr(self._here, "process", None) != os.getpid():
            session = requests.Session()
            # Neither a proxy, nor an authority, nor a password of the environment.
            session.trust_env = False
            session.verify = self._ca_file or True
            self._here.client = hvac.Client(
                url=self.address,
                token=self._token.reveal().decode("utf-8", "replace"),
                namespace=self._namespace or None,
                session=session,
                timeout=_TIMEOUT,
                allow_redirects=False,
            )
            self._here.process = os.getpid()
        client: hvac.Client = self._here.client
        return client

    def _told(self, error: VaultError) -> BercailError:
        if isinstance(error, VaultDown | VaultNotInitialized):
            return Unavailable(
                f"The server `{self.address}` is sealed, or not initialised.",
                remedy="Its key holders unseal it: each gives a share to `bao operator unseal`.",
            )
        if isinstance(error, Forbidden | Unauthorized):
            return Refused(
                f"The server `{self.address}` does not accept this token for this act.",
                remedy="Renew the token, and check that its policy is the one that "
                "docs/how-to/choose-a-custodian.md gives.",
                rule="transit-token",
            )
        if isinstance(error, InvalidPath):
            return _no_root(self.address)
        return self._silent(type(error).__name__)

    def _silent(self, why: str) -> Unavailable:
        return Unavailable(
            f"The server `{self.address}` does not answer as it should ({why}).",
            remedy="Check that it runs and can be reached from here, then try again.",
        )


def _no_root(address: str) -> Missing:
    return Missing(
        f"The server `{address}` holds no such root, or no longer.",
        remedy="Correct `mount` and `key` in [custodian], or restore the server's snapshot.",
    )


class TransitCustodian:
    """Holds its roots in the Transit key `key` of `mount`: one root for each version of the key.

    A root's id is the start of an HMAC that the server makes with that version, so it tells a key
    from another of the same name. Threads and forked children may share a custodian.
    """

    def __init__(self, server: _Server, mount: str, key: str) -> None:
        self.name = f"transit:{mount}/{key}"
        self._server = server
        self._mount = mount
        self._key = key
        found = self._described()
        self._require_sound(found)
        first, last = int(found["min_decryption_version"]), int(found["latest_version"])
        self._versions = {self._id_of(number): number for number in range(first, last + 1)}
        self._current = next(root for root, number in self._versions.items() if number == last)

    @classmethod
    def create(
        cls,
        *,
        address: str,
        mount: str,
        key: str,
        token: Secret,
        namespace: str = "",
        ca_file: str = "",
    ) -> TransitCustodian:
        """Make the key on the server, never exportable; the mount exists beforehand.

        Raises:
            Refused: `custodian-exists`, when the mount holds a key of this name.
            And what `open` raises.
        """
        server = _Server(address, token, namespace, ca_file)
        try:
            server.ask(lambda transit: transit.read_key(key, mount_point=mount))
        except Missing:
            _make(server, mount, key)
        else:
            raise Refused(
                f"The mount `{mount}` of `{server.address}` holds a key `{key}` already.",
                remedy="Open that one, or choose another name.",
                rule="custodian-exists",
            )
        return cls(server, mount, key)

    @classmethod
    def open(
        cls,
        *,
        address: str,
        mount: str,
        key: str,
        token: Secret,
        namespace: str = "",
        ca_file: str = "",
    ) -> TransitCustodian:
        """The custodian whose roots are on the server.

        Raises:
            Invalid: the address is neither https nor this machine, or the key is of another kind.
            Missing: no such mount or key.
            Refused: `transit-token`, `transit-certificate`; `extractable-root`, when the server
                would hand out the root.
            Unavailable: the server does not answer, or is sealed.
        """
        return cls(_Server(address, token, namespace, ca_file), mount, key)

    @property
    def root(self) -> str:
        """The id of the current root, in hexadecimal."""
        return self._current.hex()

    def wrap(self, secret: Secret, context: bytes) -> bytes:
        """`secret` under the current root.

        Raises:
            Missing: the server no longer wraps under it.
            Refused, Unavailable: as `open`.
        """
        number = self._versions[self._current]
        try:
            answer = self._server.ask(
                lambda transit: transit.encrypt_data(
                    self._key,
                    plaintext=_base64(secret.reveal()),
                    associated_data=self._associated(self._current, context),
                    key_version=number,
                    mount_point=self._mount,
                )["data"]["ciphertext"]
            )
        except _Rejected as error:
            raise _no_root(self._server.address) from error
        # A server may make a missing key anew instead of refusing: this tells.
        if self._id_of(number) != self._current:
            raise _no_root(self._server.address)
        return _VERSION + self._current + self._body(answer, number)

    def unwrap(self, wrapped: bytes, context: bytes) -> Secret:
        """The secret wrapped with this context.

        Raises:
            Unproven: `wrapped-version`, `wrapped-root` or `wrapped-key`.
            Missing: the server no longer holds the root.
            Refused, Unavailable: as `open`.
        """
        root, body = read_head(wrapped, _VERSION, _ID_SIZE, self._versions, self.name)
        number = self._versions[root]
        try:
            return self._server.ask(
                lambda transit: Secret(
                    base64.b64decode(
                        transit.decrypt_data(
                            self._key,
                            f"{_PREFIX}{number}:{_base64(body)}",
                            associated_data=self._associated(root, context),
                            mount_point=self._mount,
                        )["data"]["plaintext"]
                    )
                )
            )
        except _Rejected as error:
            refusal = error
        # The server refuses in one way an altered wrap and a root it gave up; it makes no HMAC
        # with a version it gave up, and another one with a key made anew.
        if self._id_of(number) != root:
            raise _no_root(self._server.address) from refusal
        raise altered_wrap() from refusal

    def with_new_root(self) -> TransitCustodian:
        """Add a version to the key, the current one from now on; the old ones still unwrap.

        First half of a change of root: after it, `Keyring.rotate_root` with the custodian
        returned, then its `forget_old_roots`. Killed anywhere between, nothing is lost.
        """
        self._changed(lambda transit: transit.rotate_key(self._key, mount_point=self._mount))
        return TransitCustodian(self._server, self._mount, self._key)

    def forget_old_roots(self) -> TransitCustodian:
        """Remove from the server every version before the current one of this custodian.

        A snapshot of the server keeps them until it is destroyed too.
        """
        number = self._versions[self._current]
        # In three requests: the client refuses the first two in one, and a trim asks for both.
        for limit in ("min_encryption_version", "min_decryption_version"):
            self._limit(limit, number)
        self._changed(lambda transit: transit.trim_key(self._key, number, mount_point=self._mount))
        return TransitCustodian(self._server, self._mount, self._key)

    def _limit(self, limit: str, number: int) -> None:
        self._changed(
            lambda transit: transit.update_key_configuration(
                self._key, mount_point=self._mount, **{limit: number}
            )
        )

    def _changed(self, act: Callable[[Any], object]) -> None:
        try:
            self._server.ask(act)
        except _Rejected as error:
            raise _no_root(self._server.address) from error

    def _described(self) -> dict[str, Any]:
        found: dict[str, Any] = self._server.ask(
            lambda transit: transit.read_key(self._key, mount_point=self._mount)["data"]
        )
        return found

    def _require_sound(self, found: dict[str, Any]) -> None:
        if found["type"] != _KIND or found["derived"]:
            raise Invalid(
                f"The key `{self.name}` is of the kind `{found['type']}`, or derived.",
                remedy=f"Name a key of the kind {_KIND}, not derived.",
            )
        if found["exportable"] or found["allow_plaintext_backup"] or found["imported_key"]:
            raise Refused(
                f"The key `{self.name}` was outside the server, or can leave it.",
                remedy="Create a key that cannot be exported, and move the keys to it.",
                rule="extractable-root",
            )

    def _id_of(self, number: int) -> bytes:
        """The id of a version, from the server's HMAC; raises Missing when it is gone."""
        try:
            text: str = self._server.ask(
                lambda transit: transit.generate_hmac(
                    self._key,
                    _base64(_ID_LABEL),
                    key_version=number,
                    algorithm="sha2-256",
                    mount_point=self._mount,
                )["data"]["hmac"]
            )
        except _Rejected as error:
            raise _no_root(self._server.address) from error
        return self._body(text, number)[:_ID_SIZE]

    def _body(self, text: str, number: int) -> bytes:
        """The bytes of what the server writes as `vault:vN:` and base 64."""
        prefix = f"{_PREFIX}{number}:"
        try:
            if not str(text).startswith(prefix):
                raise ValueError(prefix)
            return base64.b64decode(text.removeprefix(prefix), validate=True)
        except ValueError as error:
            raise Unavailable(
                f"The server `{self._server.address}` answers in a form that is not Transit's.",
                remedy="Check that `address` in [custodian] is an OpenBao server.",
            ) from error

    def _associated(self, root: bytes, context: bytes) -> str:
        return _base64(_VERSION + root + context)


def _make(server: _Server, mount: str, key: str) -> None:
    try:
        server.ask(
            lambda transit: transit.create_key(
                key,
                key_type=_KIND,
                exportable=False,
                allow_plaintext_backup=False,
                derived=False,
                mount_point=mount,
            )
        )
    except _Rejected as error:
        raise Invalid(
            f"The server `{server.address}` does not make a key `{key}` in `{mount}`.",
            remedy="Correct `mount` and `key` in [custodian].",
        ) from error
