"""A custodian in one file, opened by a passphrase (scrypt, RFC 7914).

The layout is in `docs/reference/formats/key-table.md`.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

from attrs import evolve, frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from bercail.foundation import (
    Invalid,
    Missing,
    Randomness,
    Refused,
    Secret,
    SystemRandomness,
    Unavailable,
    Unproven,
    canonical_json,
    sha256_hex,
)
from bercail.vault.custody import RootKey, Roots
from bercail.vault.keys import KEY_SIZE

_FORMAT = "bercail custodian"
_COST = 17
_MAX_COST = 20
_SHORTEST = 8


def _passphrase_key(passphrase: Secret, salt: bytes, cost: int) -> AESGCM:
    """The key that a passphrase gives: scrypt with N = 2^cost, r = 8, p = 1 (128 MiB at 17)."""
    kdf = Scrypt(salt=salt, length=KEY_SIZE, n=1 << cost, r=8, p=1)
    return AESGCM(kdf.derive(passphrase.reveal()))


@frozen(kw_only=True)
class _Content:
    """What the file says, still sealed."""

    name: str
    cost: int
    salt: bytes
    nonce: bytes
    roots: bytes

    def associated(self) -> bytes:
        return canonical_json([_FORMAT, 1, self.name, self.cost])

    def as_bytes(self) -> bytes:
        body: dict[str, Any] = {
            "format": _FORMAT,
            "version": 1,
            "name": self.name,
            "scrypt_cost": self.cost,
            "salt": base64.b64encode(self.salt).decode(),
            "nonce": base64.b64encode(self.nonce).decode(),
            "roots": base64.b64encode(self.roots).decode(),
        }
        body["digest"] = sha256_hex(canonical_json(body))
        return canonical_json(body) + b"\n"


def _parse(path: Path, data: bytes) -> _Content:
    try:
        body = json.loads(data)
        digest = body.pop("digest")
        if sha256_hex(canonical_json(body)) != digest:
            raise ValueError("digest")
        if (body["format"], body["version"]) != (_FORMAT, 1):
            raise ValueError("format")
        content = _Content(
            name=str(body["name"]),
            cost=int(body["scrypt_cost"]),
            salt=base64.b64decode(body["salt"], validate=True),
            nonce=base64.b64decode(body["nonce"], validate=True),
            roots=base64.b64decode(body["roots"], validate=True),
        )
        if not 1 <= content.cost <= _MAX_COST:
            raise ValueError("cost")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unproven(
            f"`{path}` is not a custodian file of version 1, or was altered.",
            remedy="Restore it from its last good copy.",
            rule="custodian-file",
        ) from error
    return content


class FileCustodian(Roots):
    """Holds its roots in a file that only the passphrase opens.

    The file is written whole or not at all, with permission for its owner alone. It may hold an
    old root beside the current one while a change of root is under way.
    """

    def __init__(
        self, path: Path, name: str, roots: list[Secret], sealing: _Sealing, randomness: Randomness
    ) -> None:
        super().__init__(name, [RootKey(root) for root in roots], randomness)
        self.path = path
        self._secrets = roots
        self._sealing = sealing

    @classmethod
    def create(
        cls, path: Path, passphrase: Secret, randomness: Randomness, *, cost: int = _COST
    ) -> FileCustodian:
        """A new custodian with a new root; `cost` is the base-2 logarithm of scrypt's N.

        Raises:
            Invalid: a passphrase under 8 bytes, or a cost outside 1 to 20.
            Refused: `custodian-exists`, when the file is there already.
            Unavailable: the disk does not take it.
        """
        drawn = Secret(randomness.take(KEY_SIZE))
        return cls.restore(path, passphrase, drawn, randomness, cost=cost)

    @classmethod
    def restore(
        cls,
        path: Path,
        passphrase: Secret,
        root: Secret,
        randomness: Randomness,
        *,
        cost: int = _COST,
    ) -> FileCustodian:
        """A custodian file for a root recovered from its shares; raises as `create`."""
        path = Path(path)
        _require_long(passphrase)
        if not 1 <= cost <= _MAX_COST:
            raise Invalid(
                f"A scrypt cost of `{cost}` is outside 1 to {_MAX_COST}.", remedy="Leave it at 17."
            )
        salt = randomness.take(32)
        sealing = _Sealing(key=_passphrase_key(passphrase, salt, cost), cost=cost, salt=salt)
        made = cls(path, path.stem, [root], sealing, randomness)
        made._write(replace=False)
        return made

    @classmethod
    def open(
        cls, path: Path, passphrase: Secret, randomness: Randomness | None = None
    ) -> FileCustodian:
        """The custodian kept in `path`.

        Raises:
            Missing: no such file.
            Invalid: the passphrase does not open it.
            Unproven: `custodian-file`, when the file was altered.
        """
        path = Path(path)
        try:
            content = _parse(path, path.read_bytes())
        except FileNotFoundError as error:
            raise Missing(
                f"There is no custodian file `{path}`.",
                remedy="Create it with `bercail vault create`; if it was lost, bring it back from "
                "its shares with `bercail vault recover`.",
            ) from error
        except OSError as error:
            raise Unavailable(
                f"`{path}` cannot be read: {error.strerror}.", remedy="Check its permissions."
            ) from error
        key = _passphrase_key(passphrase, content.salt, content.cost)
        try:
            plain = Secret(key.decrypt(content.nonce, content.roots, content.associated()))
        except InvalidTag as error:
            raise Invalid(
                f"The passphrase does not open `{path}`.",
                remedy="Check BERCAIL_PASSPHRASE, or the file named by BERCAIL_PASSPHRASE_FILE.",
            ) from error
        roots = [
            Secret(plain.reveal()[at : at + KEY_SIZE]) for at in range(0, len(plain), KEY_SIZE)
        ]
        sealing = _Sealing(key=key, cost=content.cost, salt=content.salt)
        return cls(path, content.name, roots, sealing, randomness or SystemRandomness())

    def with_new_root(self) -> FileCustodian:
        """Add a root to the file and make it the current one; the old ones still unwrap.

        First half of a change of root: after it, `Keyring.rotate_root` with the custodian
        returned, then its `forget_old_roots`. Killed anywhere between, nothing is lost.
        """
        roots = [*self._secrets, Secret(self._randomness.take(KEY_SIZE))]
        return self._rewritten(roots)

    def forget_old_roots(self) -> FileCustodian:
        """Keep only the current root: what older ones wrapped, in backups too, is lost."""
        return self._rewritten(self._secrets[-1:])

    def root_to_share(self) -> Secret:
        """The root itself, for a ceremony of shares and for nothing else.

        Raises:
            Refused: `root-change`, when there are two roots, since shares carry one.
        """
        if len(self._secrets) != 1:
            raise Refused(
                f"`{self.path}` holds {len(self._secrets)} roots: a change of root is under way.",
                remedy="Finish it with `bercail vault rotate-root`, then hold the ceremony.",
                rule="root-change",
            )
        return self._secrets[0]

    def with_passphrase(self, passphrase: Secret) -> FileCustodian:
        """Seal the same roots under another passphrase; the key table does not change."""
        _require_long(passphrase)
        salt = self._randomness.take(32)
        cost = self._sealing.cost
        sealing = _Sealing(key=_passphrase_key(passphrase, salt, cost), cost=cost, salt=salt)
        made = FileCustodian(self.path, self.name, self._secrets, sealing, self._randomness)
        made._write(replace=True)
        return made

    def _rewritten(self, roots: list[Secret]) -> FileCustodian:
        made = FileCustodian(self.path, self.name, roots, self._sealing, self._randomness)
        made._write(replace=True)
        return made

    def _write(self, *, replace: bool) -> None:
        nonce = self._randomness.take(12)
        empty = _Content(
            name=self.name, cost=self._sealing.cost, salt=self._sealing.salt, nonce=b"", roots=b""
        )
        content = evolve(empty, nonce=nonce, roots=self._sealed(nonce, empty.associated()))
        write_private(self.path, content.as_bytes(), replace=replace)

    def _sealed(self, nonce: bytes, associated: bytes) -> bytes:
        """The roots under the passphrase; apart from the writing, whose errors show its values."""
        plain = b"".join(root.reveal() for root in self._secrets)
        return self._sealing.key.encrypt(nonce, plain, associated)


@frozen(kw_only=True)
class _Sealing:
    """How the file is sealed: kept so that a change of root needs no passphrase again."""

    key: AESGCM
    cost: int
    salt: bytes


def _require_long(passphrase: Secret) -> None:
    if len(passphrase) < _SHORTEST:
        raise Invalid(
            f"The passphrase has {len(passphrase)} bytes, fewer than {_SHORTEST}.",
            remedy="Choose at least five random words.",
        )


def write_private(path: Path, data: bytes, *, replace: bool) -> None:
    """Write `data` for the owner alone (0600), whole or not at all, and flush it to the disk.

    Raises:
        Refused: `custodian-exists`, when the file is there and `replace` is false.
        Unavailable: the disk does not take it.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            _name(draft, path, replace=replace)
        finally:
            draft.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Unavailable(
            f"`{path}` cannot be written: {error.strerror}.",
            remedy="Check the disk's room and the folder's permissions.",
        ) from error


def _name(draft: Path, path: Path, *, replace: bool) -> None:
    """Give a finished draft its name, in one step."""
    if replace:
        draft.replace(path)
        return
    try:
        os.link(draft, path)
    except FileExistsError as error:
        raise Refused(
            f"`{path}` exists already, and may be the only key to what it opens.",
            remedy="Choose another path, or open this one.",
            rule="custodian-exists",
        ) from error
