"""How the cloud adapters reach a host: deadlines, retries, encryption on the way.

Where data go is said by the location alone. The vendors' clients would also obey
environment variables (a proxy, another endpoint, a profile): all are overruled.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from bercail.foundation import Invalid, Refused
from bercail.storage.location import Location

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

CONNECT_SECONDS: Final = 2
SILENCE_SECONDS: Final = 60
"""A host that sends nothing for this long is taken as gone: full servers hang, not fail."""
ATTEMPTS_AGAIN: Final = 2
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def require_transport(location: Location) -> None:
    """Let a location pass when what travels to it is encrypted, or does not travel.

    Raises:
        Refused: for plain HTTP to another machine (rule `storage-tls`).
    """
    parts = urlsplit(location.endpoint or "https://")
    if parts.scheme == "https" or parts.hostname in LOOPBACK:
        return
    if location.options.get("plain_http") != "accepted":
        raise Refused(
            f"The endpoint `{location.endpoint}` is plain HTTP to another machine.",
            remedy="Use https, or add `plain_http=accepted` where the network itself is sealed.",
            rule="storage-tls",
        )


def authority_file(location: Location) -> Path | None:
    """The file of certificates (PEM) named by the option `ca`, if there is one.

    Raises:
        Invalid: when it cannot be read.
    """
    if "ca" not in location.options:
        return None
    path = Path(location.options["ca"])
    try:
        with path.open("rb"):
            return path
    except OSError:
        raise Invalid(
            f"The certificates `{path}` cannot be read.",
            remedy="The option `ca` is the path of a PEM file.",
        ) from None


def proxy_url(location: Location) -> str | None:
    """The proxy that the location's option `proxy` names, if there is one.

    Raises:
        Invalid: when it is no URL.
    """
    proxy = location.options.get("proxy")
    if proxy is not None and not urlsplit(proxy).hostname:
        raise Invalid(
            "The option `proxy` is not a URL.", remedy="Write `proxy=http://proxy.example:3128`."
        )
    return proxy


def client_options(location: Location) -> ClientConfig:
    """The HTTP options of obstore for a location.

    Raises:
        Refused: see `require_transport`.
        Invalid: see `authority_file`.
    """
    require_transport(location)
    options: ClientConfig = {
        "allow_http": (location.endpoint or "").startswith("http://"),
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "read_timeout": timedelta(seconds=SILENCE_SECONDS),
        "timeout": timedelta(minutes=10),
        "pool_idle_timeout": timedelta(seconds=30),
        "user_agent": "bercail",
    }
    # Naming a proxy is the one way to make obstore forget that of the environment; the
    # host is then excluded from it, unless the location does want a proxy.
    if proxy := proxy_url(location):
        options["proxy_url"] = proxy
    else:
        options["proxy_url"] = "http://127.0.0.1:9"
        options["proxy_excludes"] = urlsplit(location.endpoint or "").hostname or ""
    if authority := authority_file(location):
        options["root_certificate"] = authority.read_bytes()
    return options


def retry_options() -> RetryConfig:
    """Short retries, so that an absent host is told in under ten seconds."""
    return {"max_retries": ATTEMPTS_AGAIN, "retry_timeout": timedelta(seconds=8)}
