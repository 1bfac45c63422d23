"""Which custodian a house has, as its configuration says it, and how that one is opened."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

from attrs import fields, frozen

from bercail.foundation import Invalid, Missing, Randomness, Secret
from bercail.vault.custody import RenewableCustodian
from bercail.vault.file_custodian import FileCustodian

SecretOf = Callable[[str], Secret]
"""Gives the secret of a variable: its own, or what it names with `_FILE` or `_KEYRING` behind."""


class CustodianKind(StrEnum):
    """Where the root is kept."""

    FILE = "file"
    PKCS11 = "pkcs11"
    TRANSIT = "transit"


_SECRETS = {
    CustodianKind.FILE: "BERCAIL_PASSPHRASE",
    CustodianKind.PKCS11: "BERCAIL_PIN",
    CustodianKind.TRANSIT: "BERCAIL_TRANSIT_TOKEN",
}
_REQUIRED = {
    CustodianKind.FILE: frozenset({"file"}),
    CustodianKind.PKCS11: frozenset({"library", "token", "key"}),
    CustodianKind.TRANSIT: frozenset({"address", "mount", "key"}),
}
_OPTIONAL = {
    CustodianKind.FILE: frozenset[str](),
    CustodianKind.PKCS11: frozenset[str](),
    CustodianKind.TRANSIT: frozenset({"namespace", "ca_file"}),
}
_DEFAULTS = {
    CustodianKind.FILE: {"file": "custodian.json"},
    CustodianKind.PKCS11: {"key": "bercail"},
    CustodianKind.TRANSIT: {"mount": "transit", "key": "bercail"},
}


@frozen(kw_only=True)
class CustodianSettings:
    """The table `[custodian]`. Fields of another kind are empty; no field holds a secret.

    `file` is a path, relative to the trust side. `library` is the path of a PKCS #11 library,
    `token` and `key` are labels in it. `address` is that of an OpenBao server, `mount` and `key`
    name a Transit key there; `namespace` and `ca_file` may stay empty.
    """

    kind: CustodianKind = CustodianKind.FILE
    file: str = ""
    library: str = ""
    token: str = ""
    key: str = ""
    address: str = ""
    mount: str = ""
    namespace: str = ""
    ca_file: str = ""

    def __attrs_post_init__(self) -> None:
        for field in fields(CustodianSettings):
            if field.name == "kind":
                continue
            given = bool(getattr(self, field.name))
            if given and field.name not in _REQUIRED[self.kind] | _OPTIONAL[self.kind]:
                raise Invalid(
                    f"A custodian of the kind `{self.kind.value}` has no `{field.name}`.",
                    remedy="Remove it from [custodian], or choose another kind.",
                )
            if not given and field.name in _REQUIRED[self.kind]:
                raise Invalid(
                    f"A custodian of the kind `{self.kind.value}` needs `{field.name}`.",
                    remedy="Add it to [custodian].",
                )

    @classmethod
    def from_table(cls, table: Mapping[str, object]) -> CustodianSettings:
        """The settings that a table of a TOML file gives, with the defaults of its kind.

        Raises:
            Invalid: an unknown kind or field, a field missing or not a text.
        """
        try:
            kind = CustodianKind(str(table.get("kind", "file")))
        except ValueError as error:
            known = ", ".join(kind.value for kind in CustodianKind)
            raise Invalid(
                f"There is no custodian of the kind `{table['kind']}`.",
                remedy=f"Write one of: {known}.",
            ) from error
        given = {name: value for name, value in table.items() if name != "kind"}
        texts = {name: value for name, value in given.items() if isinstance(value, str)}
        known_names = {field.name for field in fields(cls)}
        for name in given:
            if name not in known_names or name not in texts:
                raise Invalid(
                    f"The table [custodian] is wrong at `{name}`.",
                    remedy="docs/how-to/choose-a-custodian.md shows the fields; each is a text.",
                )
        return cls(kind=kind, **(_DEFAULTS[kind] | texts))

    @property
    def secret_name(self) -> str:
        """The variable of the environment with the passphrase, the PIN or the token."""
        return _SECRETS[self.kind]


def read_settings(path: Path) -> CustodianSettings:
    """The settings in the table `[custodian]` of a TOML file; other tables are not looked at.

    Raises:
        Missing: no such file.
        Invalid: not TOML, no such table, or one that is not understood.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("custodian")
    except FileNotFoundError as error:
        raise Missing(f"There is no file `{path}`.", remedy="Write it first.") from error
    except (OSError, ValueError) as error:
        raise Invalid(
            f"`{path}` cannot be read as TOML: {error}.", remedy="Correct it and try again."
        ) from error
    if not isinstance(table, dict):
        raise Invalid(
            f"`{path}` has no table [custodian].",
            remedy="docs/how-to/choose-a-custodian.md shows one for each kind.",
        )
    return CustodianSettings.from_table(table)


def open_custodian(
    settings: CustodianSettings, trust: Path, secret_of: SecretOf, randomness: Randomness
) -> RenewableCustodian:
    """The custodian of these settings; `trust` is the folder of the trust side.

    Raises:
        Missing: the secret, the file, the token, the key or the server's key is not there.
        Invalid, Refused, Unproven, Unavailable: as the custodian's own `open`.
    """
    secret = secret_of(settings.secret_name)
    # The libraries of tokens and servers are heavy: only a house that has one loads them.
    if settings.kind is CustodianKind.PKCS11:
        from bercail.vault.pkcs11_custodian import Pkcs11Custodian

        return Pkcs11Custodian.open(
            library=settings.library,
            token=settings.token,
            key=settings.key,
            pin=secret,
            randomness=randomness,
        )
    if settings.kind is CustodianKind.TRANSIT:
        from bercail.vault.transit_custodian import TransitCustodian

        return TransitCustodian.open(
            address=settings.address,
            mount=settings.mount,
            key=settings.key,
            token=secret,
            namespace=settings.namespace,
            ca_file=settings.ca_file,
        )
    return FileCustodian.open(trust / settings.file, secret, randomness)


def create_custodian(
    settings: CustodianSettings, trust: Path, secret_of: SecretOf, randomness: Randomness
) -> RenewableCustodian:
    """Make the first root of these settings, once.

    Raises:
        Refused: `custodian-exists`, when there is one.
        And what `open_custodian` raises.
    """
    secret = secret_of(settings.secret_name)
    if settings.kind is CustodianKind.PKCS11:
        from bercail.vault.pkcs11_custodian import Pkcs11Custodian

        return Pkcs11Custodian.create(
            library=settings.library,
            token=settings.token,
            key=settings.key,
            pin=secret,
            randomness=randomness,
        )
    if settings.kind is CustodianKind.TRANSIT:
        from bercail.vault.transit_custodian import TransitCustodian

        return TransitCustodian.create(
            address=settings.address,
            mount=settings.mount,
            key=settings.key,
            token=secret,
            namespace=settings.namespace,
            ca_file=settings.ca_file,
        )
    return FileCustodian.create(trust / settings.file, secret, randomness)
