"""The configuration of one platform, read from a TOML file and checked at the door.

A configuration names places and people; it never holds a secret. Secrets come
from the environment or from files named there (`BERCAIL_PASSPHRASE`,
`BERCAIL_HOME_SECRET_KEY`, ... or the same name with `_FILE`).
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from bercail.foundation import Actor, Invalid, Missing, Role, Secret

CONFIG_NAME = "bercail.toml"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Person(_Table):
    """A natural person or a named service, with the roles the access body granted."""

    roles: frozenset[Role] = frozenset()


class StoreTable(_Table):
    """An object store: its location and the prefix of its credentials in the environment."""

    location: str
    credentials: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")


class HostTable(_Table):
    """Which qualified service carries the home store, and what kind of data goes there."""

    service: str
    data_class: Literal["real", "synthetic"] = "real"


class LakeTable(_Table):
    """Where the lake keeps its catalogue of tables and its signed statements."""

    catalogue: str = ""

    @field_validator("catalogue")
    @classmethod
    def _without_password(cls, address: str) -> str:
        # The text is not repeated: it may hold the password.
        if re.search(r"^[^/]*//[^/@]*:[^/@]*@|[?&]password=", address):
            raise ValueError("an address here never holds a password")
        return address


class CatalogueTable(_Table):
    """The operator's copy of the public schema, as `bercail catalogue import-schema` wrote it."""

    imported: Path | None = None


class CohortsTable(_Table):
    """The cluster that studies run on with `--engine spark`; its token is a secret."""

    cluster: str = ""
    tls: bool = False
    authority: Path | None = None
    workers: Path | None = None
    credentials: str = Field(default="", pattern=r"^([A-Z][A-Z0-9_]*)?$")
    ticket_minutes: int = 60


class Config(_Table):
    """One platform: its trust side, its home store, an optional source to move from."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    trust_side: Path
    home: StoreTable
    source: StoreTable | None = None
    host: HostTable
    journal: str = ""
    lake: LakeTable = LakeTable()
    catalogue: CatalogueTable = CatalogueTable()
    cohorts: CohortsTable = CohortsTable()
    custodian: dict[str, str] = {}
    evidence: Path | None = None
    people: dict[str, Person] = {}
    root: Path = Path()

    @property
    def trust(self) -> Path:
        """The folder of the trust side: key table, custodian, journal, log, state."""
        return self.root / self.trust_side

    @property
    def journal_url(self) -> str:
        """The database of the journal; a file of the trust side unless configured."""
        return self.journal or f"sqlite:///{self.trust / 'journal.db'}"

    @property
    def catalogue_url(self) -> str:
        """The database of the lake's catalogue; a file of the trust side unless configured."""
        return self.lake.catalogue or f"sqlite:///{self.trust / 'lake.db'}"

    @property
    def imported_catalogue(self) -> Path | None:
        """The file of the imported catalogue; None where the built-in one is all there is."""
        imported = self.catalogue.imported
        return self.root / imported if imported else None

    def actor(self, name: str) -> Actor:
        """The person called `name`. Raises `Missing` when the configuration has none."""
        person = self.people.get(name)
        if person is None:
            known = ", ".join(sorted(self.people)) or "nobody"
            raise Missing(
                f"`{name}` is not a person of this platform (known: {known}).",
                remedy="Name one with `--as`, or add the person to [people] in the configuration.",
            )
        return Actor(id=name, roles=person.roles)


def load_config(path: Path) -> Config:
    """Read and check the configuration file at `path`.

    Raises:
        Missing: no such file.
        Invalid: not TOML, or a table, key or value that is not understood.
    """
    if not path.is_file():
        raise Missing(
            f"There is no configuration at `{path}`.",
            remedy="Name one with `--config` or BERCAIL_CONFIG, or run `bercail demo`.",
        )
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(
            f"The configuration `{path}` is not TOML: {error}.",
            remedy="Correct the line named and try again.",
        ) from error
    try:
        return Config.model_validate({**raw, "root": path.resolve().parent})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Invalid(
            f"The configuration `{path}` is wrong at `{place}`: {first['msg'].lower()}.",
            remedy="docs/reference/configuration.md lists every key.",
        ) from error


def secret_from_environment(name: str, environ: Mapping[str, str] = os.environ) -> Secret:
    """The secret in the variable `name`, in the file that `name`_FILE points to, or in the
    entry `service/user` of the system's keyring that `name`_KEYRING names; the first of these.

    Raises:
        Missing: none is set, or the keyring cannot be opened or has no such entry.
        Invalid: the file cannot be read, the secret is empty, the place in the keyring is not
            `service/user`, or the extra `keyring` is not installed.
    """
    # Whoever holds a secret first sees to it that no core file or debugger shows it.
    from bercail.vault.process_hardening import harden_process

    harden_process()
    if value := environ.get(name):
        return Secret(value.encode("utf-8"))
    file, place = environ.get(f"{name}_FILE"), environ.get(f"{name}_KEYRING")
    # A traceback may show the variables of the function that raises: it is given the name only.
    del environ, value
    if place and not file:
        from bercail.storage.system_keyring import kept

        return Secret(kept(f"{name}_KEYRING", place).encode("utf-8"))
    return _secret_in_file(name, file)


def _secret_in_file(name: str, file: str | None) -> Secret:
    if file is None:
        raise Missing(
            f"The secret `{name}` is not set.",
            remedy=f"Set {name}, {name}_FILE to a file that holds it, or {name}_KEYRING.",
        )
    try:
        text = Path(file).read_bytes().strip()
    except OSError as error:
        raise Invalid(
            f"The file named by `{name}_FILE` cannot be read: {error.strerror}.",
            remedy="Check the path and its permissions.",
        ) from error
    if not text:
        raise Invalid(f"The file named by `{name}_FILE` is empty.", remedy="Write the secret.")
    return Secret(text)
