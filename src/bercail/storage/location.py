"""Where objects live, as one line of text, and what opens it.

A location never holds a secret: credentials are a value of their own, and a
location that carries some is refused without being repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from attrs import field, frozen

from bercail.foundation import Invalid, Secret
from bercail.storage.system_keyring import kept

SCHEMES = ("memory", "file", "s3", "azure")
OPTIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "memory": frozenset(),
        "file": frozenset(),
        "s3": frozenset({"region", "checksum", "style", "ca", "proxy", "plain_http"}),
        "azure": frozenset({"ca", "proxy", "plain_http"}),
    }
)
_EXAMPLES = (
    "Write for example `memory:name`, `file:///srv/objects`, "
    "`s3://bucket?endpoint=https://s3.host.example&region=eu-west-1` or "
    "`azure://account?endpoint=https://account.blob.host.example`."
)


def _frozen_options(options: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(sorted(options.items())))


@frozen(kw_only=True)
class Location:
    """The address of a store.

    `name` is the bucket (S3), the account (Azure) or the name in memory; `path`
    is the folder (absolute) or, on S3, a prefix inside the bucket without
    slashes at its ends; `endpoint` is the URL of the service, without a secret.
    """

    scheme: str
    name: str = ""
    path: str = ""
    endpoint: str | None = None
    options: Mapping[str, str] = field(factory=dict, converter=_frozen_options, hash=False)

    def __attrs_post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise Invalid(f"`{self.scheme}` is not a kind of store.", remedy=_EXAMPLES)
        unknown = sorted(set(self.options) - OPTIONS[self.scheme])
        if unknown:
            known = ", ".join(sorted(OPTIONS[self.scheme])) or "none"
            raise Invalid(
                f"`{unknown[0]}` is not an option of a `{self.scheme}` location.",
                remedy=f"Known options: {known}.",
            )
        if self.scheme == "file":
            if not Path(self.path).is_absolute():
                raise Invalid(
                    f"The folder `{self.path}` is not absolute.",
                    remedy="Write `file:///` followed by the whole path.",
                )
        elif not self.name:
            raise Invalid(f"The `{self.scheme}` location names no store.", remedy=_EXAMPLES)

    @classmethod
    def parse(cls, text: str) -> Location:
        """Read a location written as one line.

        Raises:
            Invalid: for an unknown kind, a missing part, or a secret in the text.
        """
        if text.startswith("memory:"):
            return cls(scheme="memory", name=unquote(text.removeprefix("memory:").lstrip("/")))
        parts = _split(text)
        if parts.scheme == "file":
            if parts.netloc or parts.query:
                raise Invalid(
                    "A folder's location has no host and no options.",
                    remedy="Write `file:///` followed by the whole path.",
                )
            return cls(scheme="file", path=_folder(unquote(parts.path)))
        options = _options(parts.query)
        endpoint = options.pop("endpoint", None)
        if endpoint is not None:
            _require_plain_endpoint(endpoint)
            endpoint = endpoint.rstrip("/")
        path = unquote(parts.path).strip("/")
        if parts.scheme == "azure" and path:
            raise Invalid(
                f"An Azure location names an account, not `{path}` inside it.",
                remedy="Containers are the first part of object names: `container/blob`.",
            )
        return cls(
            scheme=parts.scheme,
            name=unquote(parts.netloc),
            path=path,
            endpoint=endpoint,
            options=options,
        )

    @classmethod
    def folder(cls, path: Path) -> Location:
        """The location of the folder `path`, made absolute."""
        return cls(scheme="file", path=_folder(str(path.absolute())))

    def __str__(self) -> str:
        if self.scheme == "memory":
            return f"memory:{quote(self.name)}"
        if self.scheme == "file":
            return f"file://{quote(self.path)}"
        query = dict(self.options)
        if self.endpoint:
            query = {"endpoint": self.endpoint, **query}
        path = f"/{quote(self.path)}" if self.path else ""
        tail = f"?{urlencode(query, safe=':/')}" if query else ""
        return f"{self.scheme}://{quote(self.name)}{path}{tail}"


def _split(text: str) -> SplitResult:
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in SCHEMES:
        # The text may be a pasted connection string: it is not repeated.
        raise Invalid("The location starts with no known kind of store.", remedy=_EXAMPLES)
    if "@" in rest.partition("?")[0].partition("/")[0]:
        raise _secret_inside()
    return urlsplit(text)


def _options(query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    options = dict(pairs)
    if len(options) != len(pairs):
        raise Invalid("The location gives an option twice.", remedy="Keep one of them.")
    if {"sig", "secret", "key", "sas", "token"} & {name.lower() for name in options}:
        raise _secret_inside()
    return options


def _require_plain_endpoint(endpoint: str) -> None:
    parts = urlsplit(endpoint)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise _secret_inside()
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Invalid(
            f"The endpoint `{endpoint}` is not the URL of a service.",
            remedy="Write `https://host` or, on this machine only, `http://127.0.0.1:port`.",
        )


def _secret_inside() -> Invalid:
    return Invalid(
        "The location holds a secret, or something that looks like one.",
        remedy="Keep credentials apart: in the environment or in a file named there.",
    )


def _folder(path: str) -> str:
    return path.rstrip("/") or "/"


@frozen(kw_only=True)
class Credentials:
    """What proves to a host who asks. Any part may be absent.

    `access_key` and `secret` are S3's pair; for Azure, `secret` alone is the
    account key (base64) and `sas` a shared access signature.
    """

    access_key: str | None = None
    secret: Secret | None = None
    sas: Secret | None = None

    @classmethod
    def from_environment(cls, prefix: str, environ: Mapping[str, str]) -> Credentials:
        """Read `{prefix}_ACCESS_KEY`, `{prefix}_SECRET_KEY`, `{prefix}_SAS`.

        Each may be given as `..._FILE` instead, the path of a file that holds it, or as
        `..._KEYRING`, the `service/user` of an entry of the system's keyring.

        Raises:
            Invalid: when one is given in two ways, its file cannot be read, its place in the
                keyring is not `service/user`, or the extra `keyring` is not installed.
            Missing: the keyring cannot be opened, or has no such entry.
        """
        access_key = _from_environment(f"{prefix}_ACCESS_KEY", environ)
        secret = _from_environment(f"{prefix}_SECRET_KEY", environ)
        sas = _from_environment(f"{prefix}_SAS", environ)
        return cls(
            access_key=access_key,
            secret=Secret(secret.encode()) if secret else None,
            sas=Secret(sas.lstrip("?").encode()) if sas else None,
        )

    @property
    def empty(self) -> bool:
        """Whether there is nothing here to prove anything with."""
        return self.access_key is None and self.secret is None and self.sas is None


def _from_environment(variable: str, environ: Mapping[str, str]) -> str | None:
    direct, path = environ.get(variable), environ.get(f"{variable}_FILE")
    place = environ.get(f"{variable}_KEYRING")
    ways = {variable: direct, f"{variable}_FILE": path, f"{variable}_KEYRING": place}
    given = [f"`{way}`" for way, value in ways.items() if value]
    if len(given) > 1:
        raise Invalid(f"Both {' and '.join(given)} are set.", remedy="Keep one of them.")
    if place:
        return kept(f"{variable}_KEYRING", place)
    if not path:
        return direct or None
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        raise Invalid(
            f"The file that `{variable}_FILE` names cannot be read.",
            remedy=f"Check that `{path}` exists, is text, and is readable by this account.",
        ) from None
