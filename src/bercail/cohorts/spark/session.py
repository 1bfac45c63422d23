"""One session with a cluster: reachable, recent enough, and closed whatever happens."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from bercail.cohorts.spark.failures import told
from bercail.cohorts.spark.settings import SparkSettings
from bercail.foundation import BercailError, Invalid, Missing, Unavailable

# Arrow batches out of a Python data source came with Spark 4.0.
OLDEST = (4, 0)
_REACH_SECONDS = 10.0


@contextmanager
def open_session(settings: SparkSettings) -> Iterator[Any]:
    """A session of its own: its tables are seen by nobody else, and end with it.

    Raises:
        Missing: the client of Spark Connect is not installed.
        Unavailable: the cluster does not answer; see `failures.told`.
        Invalid: the cluster is older than Spark 4.0.
    """
    _require_client()
    _require_reachable(settings)
    with told():
        session = _created(settings)
        try:
            require_version(str(session.version))
            yield session
        finally:
            _end(session)


def require_version(text: str) -> None:
    """Refuse a cluster whose version is too old; Sail tells the version of Spark it follows."""
    found = re.match(r"(\d+)\.(\d+)", text)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        shown = found[0] if found else "unknown"
        raise Invalid(
            f"The cluster runs Spark `{shown}`, and sealed parts need 4.0.",
            remedy="Use a cluster of Spark 4.0 or later, or LakeSail.",
        )


def _require_client() -> None:
    try:
        with _as_a_file():
            import pyspark.sql.connect.session  # noqa: F401  # only whether it is there
    except ImportError as error:
        raise Missing(
            "The client of Spark Connect is not installed.",
            remedy="Install `bercail[cluster]`.",
        ) from error


@contextmanager
def _as_a_file() -> Iterator[None]:
    """Give a main program without a file one, for as long as the client is imported.

    The client takes `python -c` for a run of its own doctests, and would end the process.
    """
    program = sys.modules["__main__"]
    if hasattr(program, "__file__"):
        yield
        return
    program.__file__ = "<string>"
    try:
        yield
    finally:
        del program.__file__


def _require_reachable(settings: SparkSettings) -> None:
    # The client itself would try for ten minutes before it says so.
    try:
        with socket.create_connection((settings.host, settings.port), _REACH_SECONDS):
            return
    except OSError:
        raise Unavailable(
            f"Nothing answers at `{settings.host}:{settings.port}`.",
            remedy="Check the address of the cluster, and that its Spark Connect server runs.",
        ) from None


def _created(settings: SparkSettings) -> Any:
    from pyspark.sql.connect.client.retries import DefaultPolicy
    from pyspark.sql.connect.session import SparkSession

    session = SparkSession.builder.channelBuilder(_channel(settings)).create()
    session.client.set_retry_policies([DefaultPolicy(max_retries=4, max_backoff=5_000)])
    return session


def _channel(settings: SparkSettings) -> Any:
    import grpc  # type: ignore[import-untyped]
    from pyspark.sql.connect.client.core import DefaultChannelBuilder

    if settings.authority is None:
        return DefaultChannelBuilder(settings.url())
    try:
        trusted = settings.authority.read_bytes()
    except OSError as error:
        raise Missing(
            f"The certificates `{settings.authority}` cannot be read.",
            remedy="Name the file of the authority that signed the cluster's certificate.",
        ) from error

    class Trusting(DefaultChannelBuilder):
        def toChannel(self) -> Any:  # noqa: N802  # the client's name
            parts = grpc.ssl_channel_credentials(root_certificates=trusted)
            if self.token is not None:
                bearer = grpc.access_token_call_credentials(self.token)
                parts = grpc.composite_channel_credentials(parts, bearer)
            return self._secure_channel(self.endpoint, parts)

    return Trusting(settings.url())


def _end(session: Any) -> None:
    # What ended the run is what is told; a cluster that is gone has no session to close.
    with suppress(BercailError), told():
        session.stop()
