"""Where a cluster is, how it is spoken to, and what its workers may open."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from attrs import Attribute, field, frozen

from bercail.foundation import Invalid, Secret
from bercail.storage import Credentials, Location
from bercail.vault import Party

DEFAULT_PORT = 15002
_EXAMPLE = "Write for example `sc://cluster.host.example:15002`."
_LONGEST_TICKET = 4 * 60


def _address(_: object, __: Attribute[str], value: str) -> None:
    parts = urlsplit(value)
    # A token in the address would come out in messages: it has a file of its own.
    if parts.scheme != "sc" or not parts.hostname or parts.path not in ("", "/") or "@" in value:
        raise Invalid("The address of the cluster is not that of Spark Connect.", remedy=_EXAMPLE)
    if ";" in value or parts.query:
        raise Invalid(
            "The address of the cluster carries options.",
            remedy="Give the token and TLS by their own settings.",
        )
    try:
        _ = parts.port
    except ValueError as error:
        raise Invalid("The port of the cluster is no number.", remedy=_EXAMPLE) from error


def _minutes(_: object, __: Attribute[int], value: int) -> None:
    if not 1 <= value <= _LONGEST_TICKET:
        raise Invalid(
            f"A ticket of `{value}` minutes is not allowed.",
            remedy=f"Give 1 to {_LONGEST_TICKET} minutes.",
        )


@frozen(kw_only=True)
class SparkSettings:
    """One cluster.

    `address` is `sc://host:port`. `token` is sent over TLS only; `authority` is a file of
    certificates (PEM) to trust in place of the system's. `workers` is the public side of the
    key that the workers hold (`bercail.cohorts.spark.worker_key`); without it no sealed file is
    read. `store` and `credentials` say where the workers fetch sealed parts, with an account
    that can read and nothing else. A ticket opens parts for `ticket_minutes`,
    and never beyond the end of the permit.
    """

    address: str = field(validator=_address)
    token: Secret | None = None
    tls: bool = False
    authority: Path | None = None
    workers: Party | None = None
    store: Location | None = None
    credentials: Credentials = field(factory=Credentials, repr=False)
    ticket_minutes: int = field(default=60, validator=_minutes)

    def __attrs_post_init__(self) -> None:
        if self.token is not None and not self.tls:
            raise Invalid(
                "A token would cross the network in clear.",
                remedy="Turn TLS on for the cluster, or leave the token out.",
            )

    @property
    def host(self) -> str:
        """The name or number of the machine."""
        return urlsplit(self.address).hostname or ""

    @property
    def port(self) -> int:
        """The port of Spark Connect."""
        return urlsplit(self.address).port or DEFAULT_PORT

    def url(self) -> str:
        """The address as the client of Spark Connect reads it; holds the token, never print it."""
        options = ";use_ssl=true" if self.tls else ""
        if self.token is not None:
            text = self.token.reveal().decode()
            if not re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", text):
                raise Invalid(
                    "The token of the cluster holds characters that no token has.",
                    remedy="Give the file that holds the token alone.",
                )
            options += f";token={text.replace('=', '%3D')}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"sc://{host}:{self.port}/{options}"
