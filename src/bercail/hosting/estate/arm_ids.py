"""Azure Resource Manager identifiers: one form for each resource, whoever writes it.

The form is Azure's: `/subscriptions/S/resourceGroups/G/providers/NAMESPACE/TYPE/NAME/...`,
compared without case. A template does not know its subscription and group; they are `~` then.
"""

from __future__ import annotations

import re

from attrs import frozen

UNKNOWN = "~"
_LONGEST = 2048
_SEGMENT = re.compile(r"[^/\x00-\x1f\x7f?#|;\"<>]{1,260}")
_NAME_LENGTH = 200
# Service addresses that name a resource, with the type it has.
_HOSTS = {
    "blob.core.windows.net": "microsoft.storage/storageaccounts",
    "dfs.core.windows.net": "microsoft.storage/storageaccounts",
    "file.core.windows.net": "microsoft.storage/storageaccounts",
    "queue.core.windows.net": "microsoft.storage/storageaccounts",
    "table.core.windows.net": "microsoft.storage/storageaccounts",
    "vault.azure.net": "microsoft.keyvault/vaults",
    "managedhsm.azure.net": "microsoft.keyvault/managedhsms",
    "documents.azure.com": "microsoft.documentdb/databaseaccounts",
    "mongo.cosmos.azure.com": "microsoft.documentdb/databaseaccounts",
    "servicebus.windows.net": "microsoft.servicebus/namespaces",
    "azurecr.io": "microsoft.containerregistry/registries",
    "postgres.database.azure.com": "microsoft.dbforpostgresql/flexibleservers",
    "mysql.database.azure.com": "microsoft.dbformysql/flexibleservers",
    "database.windows.net": "microsoft.sql/servers",
    "azurewebsites.net": "microsoft.web/sites",
    "search.windows.net": "microsoft.search/searchservices",
    "openai.azure.com": "microsoft.cognitiveservices/accounts",
    "cognitiveservices.azure.com": "microsoft.cognitiveservices/accounts",
    "redis.cache.windows.net": "microsoft.cache/redis",
}
_ADDRESS = re.compile(
    r"(?<![a-z0-9.-])([a-z0-9][a-z0-9-]{1,62})\.("
    + "|".join(re.escape(host) for host in _HOSTS)
    + r")(?![a-z0-9.-])",
    re.I,
)


@frozen(kw_only=True)
class ArmId:
    """A parsed identifier. `canonical` is in lower case, `kind` its type, `names` its name path."""

    canonical: str
    kind: str
    names: tuple[str, ...]
    name: str
    subscription: str | None
    group: str | None

    @property
    def tail(self) -> tuple[str, tuple[str, ...]]:
        """What stays the same when subscription and group are not known."""
        return self.kind, self.names


def parse_arm_id(text: str) -> ArmId | None:
    """The identifier in `text`, or None: it is none, or one of another form."""
    if not 15 < len(text) <= _LONGEST or not text.startswith("/"):
        return None
    parts = text.rstrip("/").split("/")[1:]
    if not all(_SEGMENT.fullmatch(part) for part in parts):
        return None
    low = [part.lower() for part in parts]
    subscription = group = None
    at = 0
    if low[0] == "subscriptions" and len(low) > 1:
        subscription, at = low[1], 2
        if len(low) > 3 and low[2] == "resourcegroups":
            group, at = low[3], 4
    if at == len(low) and at:
        kind = "microsoft.resources/subscriptions" + ("/resourcegroups" if group else "")
        names: tuple[str, ...] = (group,) if group else (low[1],)
    else:
        found = _provider_part(low[at:])
        if found is None:
            return None
        kind, names = found
    return ArmId(
        canonical="/" + "/".join(low),
        kind=kind,
        names=names,
        name=clean(parts[-1]),
        subscription=subscription,
        group=group,
    )


def _provider_part(low: list[str]) -> tuple[str, tuple[str, ...]] | None:
    """Type and names of the last `providers` block, all blocks being well formed."""
    last: list[str] = []
    starts = [place for place, part in enumerate(low) if part == "providers"]
    if not starts or starts[0] != 0:
        return None
    for start, end in zip(starts, [*starts[1:], len(low)], strict=True):
        last = low[start + 1 : end]
        if len(last) < 3 or len(last) % 2 == 0 or "." not in last[0]:
            return None
    return "/".join([last[0], *last[1::2]]), tuple(last[2::2])


def may_hold_address(text: str) -> bool:
    """A quick look that spares most texts the search."""
    low = text.lower()
    return "azure" in low or "windows.net" in low


def addresses(text: str) -> set[tuple[str, str]]:
    """(type, name) of each resource whose service address stands in `text`."""
    if not may_hold_address(text):
        return set()
    return {(_HOSTS[host.lower()], name.lower()) for name, host in _ADDRESS.findall(text)}


def service_addresses(text: str) -> set[str]:
    """The bare service addresses in `text`, without path or query."""
    return {f"https://{name}.{host}" for name, host in _ADDRESS.findall(text)}


def ancestors(canonical: str) -> list[str]:
    """The identifiers that contain this one, the nearest first."""
    parts = canonical.split("/")
    found = []
    while len(parts) > 5:
        parts = parts[:-2]
        if parts[-2] == "providers":
            parts = parts[:-2]
        if len(parts) > 2:
            found.append("/".join(parts))
    return found


def clean(text: str) -> str:
    """`text` as it may be shown: printable, of bounded length."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text[:_NAME_LENGTH])
    return shown if len(text) <= _NAME_LENGTH else shown + "…"
