"""The cluster of the configuration, as the engine of studies wants it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bercail.config import Config, secret_from_environment
from bercail.foundation import Missing, Secret

# Rooms bring heavy libraries, so each is imported when it is used.
if TYPE_CHECKING:
    from bercail.cohorts.spark import SparkSettings
    from bercail.storage import Credentials
    from bercail.vault import Party

TOKEN = "BERCAIL_CLUSTER_TOKEN"


def cluster_settings(
    config: Config, reader: Credentials, environ: Mapping[str, str] = os.environ
) -> SparkSettings:
    """How to reach the cluster of [cohorts], and what its workers may open of the home store.

    `reader` is the account that the workers read with. The token of the cluster, where it asks
    for one, is in the environment.

    Raises:
        Missing: the configuration names no cluster, or a file that is not there.
        Invalid: an address, a file or a number that cannot be; a token without TLS.
    """
    from bercail.cohorts.spark import SparkSettings
    from bercail.storage import Location

    table = config.cohorts
    if not table.cluster:
        raise Missing(
            "The configuration names no cluster.",
            remedy="Set `cluster` under [cohorts], for example `sc://cluster.house.example:443`.",
        )
    return SparkSettings(
        address=table.cluster,
        token=_token(environ),
        tls=table.tls,
        authority=config.root / table.authority if table.authority else None,
        workers=_party(config.root / table.workers) if table.workers else None,
        store=Location.parse(config.home.location),
        credentials=reader,
        ticket_minutes=table.ticket_minutes,
    )


def _token(environ: Mapping[str, str]) -> Secret | None:
    if not any(environ.get(f"{TOKEN}{way}") for way in ("", "_FILE", "_KEYRING")):
        return None
    return secret_from_environment(TOKEN, environ)


def _party(path: Path) -> Party:
    from bercail.vault import Party

    try:
        return Party.from_bytes(path.read_bytes())
    except OSError as error:
        raise Missing(
            f"The public key of the workers, `{path}`, cannot be read.",
            remedy="Name under [cohorts] `workers` the file that `worker_key` wrote.",
        ) from error
