"""What went wrong on a cluster, told without a word of what the cluster says.

Spark's messages quote values of rows and pieces of the query. Of a failure only its class
is told, and the marks that our own code leaves in it (`sealed_source.MARK`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from bercail.foundation import BercailError, Invalid, Missing, Refused, Unavailable, Unproven

_FAMILIES: dict[str, type[BercailError]] = {
    one.family: one for one in (Invalid, Missing, Refused, Unavailable, Unproven)
}
_MARKED = re.compile(r"bercail-failure:([a-z]+):([a-z0-9-]*):")
_CLASS = re.compile(r"[A-Z][A-Z0-9_]*(\.[A-Z0-9_]+)*")

# What a text holds, what is said of it, what to do; the first that fits is told.
_KNOWN: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (
        re.compile(r"OPERATION_CANCELED|[Jj]ob \d* ?cancell?ed|was cancell?ed|INTERRUPTED"),
        "The query was ended on the cluster.",
        "Ask who looks after the cluster, then run the study again.",
    ),
    (
        re.compile(r"OutOfMemory|UNABLE_TO_ACQUIRE_MEMORY|Resources exhausted|heap space"),
        "A worker of the cluster ran out of memory.",
        "Give the workers more memory, or more partitions.",
    ),
    (
        re.compile(
            r"ExecutorLost|[Ee]xecutor \S+ (was )?lost|[Ll]ost executor|WorkerLost|"
            r"ExecutorDead|FetchFailed|worker \S+ (is )?lost"
        ),
        "The cluster lost a worker while it ran the study.",
        "Run the study again; if it happens twice, the workers have too little memory.",
    ),
    (
        re.compile(r"UNAUTHENTICATED|PERMISSION_DENIED|[Aa]uthentication"),
        "The cluster does not accept the token.",
        "Give the token that this cluster was started with.",
    ),
    (
        re.compile(
            r"UNAVAILABLE|RETRIES_EXCEEDED|Connection refused|Socket closed|"
            r"INVALID_HANDLE|SESSION_(NOT_FOUND|CLOSED)|failed to connect|DEADLINE_"
        ),
        "The cluster stopped answering.",
        "Check that its Spark Connect server runs, then run the study again.",
    ),
)


@contextmanager
def told() -> Iterator[None]:
    """Whatever the client of Spark Connect raises inside comes out as an error of ours.

    Raises:
        Unavailable: the cluster does not answer, lost a worker, or ended the query.
        BercailError: what a worker of ours raised, such as `Unproven`.
    """
    # They come with the optional client, so they are looked up when it is there.
    from grpc import RpcError  # type: ignore[import-untyped]
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, RpcError) as error:
        raise failure(error) from None


def failure(error: Exception) -> BercailError:
    """The error of ours for what the client raised."""
    text = str(error)
    marked = _MARKED.search(text)
    if marked is not None and marked[1] in _FAMILIES:
        return _FAMILIES[marked[1]](
            "A worker of the cluster could not open a sealed part.",
            remedy="Verify the snapshot, and that the workers hold the cluster's key.",
            rule=marked[2] or None,
        )
    for pattern, message, remedy in _KNOWN:
        if pattern.search(text):
            return Unavailable(message, remedy=remedy)
    return Unavailable(
        f"The cluster stopped with `{_kind(error)}`.",
        remedy="Run the study with the DuckDB engine; if it runs there, report the class shown.",
    )


def _kind(error: Exception) -> str:
    ask = getattr(error, "getCondition", None)
    kind = ask() if callable(ask) else None
    return kind if isinstance(kind, str) and _CLASS.fullmatch(kind) else type(error).__name__
