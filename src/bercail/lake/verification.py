"""Verify a snapshot: from its signed statement down to every byte of every part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import asdict, frozen

from bercail.foundation import Missing, Unproven
from bercail.lake.rereading import require_metadata, reread_part
from bercail.lake.snapshot import decode_statement
from bercail.vault import verify_dual

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bercail.lake.rereading import OpenReader
    from bercail.lake.shelf import SignedStatement
    from bercail.lake.snapshot import Statement
    from bercail.vault import DualPublicKey

Progress = "Callable[[str, int, int], None]"


@frozen(kw_only=True)
class Verification:
    """What was proven of one snapshot: its statements, and every part read again in full."""

    table: str
    snapshot: str
    statement_digest: str
    statements: int
    parts: int
    rows: int
    bytes: int

    def as_dict(self) -> dict[str, str | int]:
        """The values as `--json` prints them."""
        return asdict(self)


def verify_snapshot(
    table: str,
    snapshot: str | None,
    signed: Sequence[SignedStatement],
    key: DualPublicKey,
    open_reader: OpenReader,
    progress: Callable[[str, int, int], None] | None = None,
) -> Verification:
    """Prove `snapshot` of `table`, the newest when None, from the host's bytes.

    1. Both signatures and the chain of every statement up to it.
    2. The table metadata signed, and that its manifests name the parts signed.
    3. Every part: opened, hashed, its rows counted.

    Raises `Missing` for an unknown snapshot, `Unproven` at the first thing that does not hold.
    """
    chain = _chain_to(table, snapshot, signed, key)  # 1
    statement = chain[-1]
    require_metadata(open_reader, statement)  # 2
    for done, part in enumerate(statement.parts):  # 3
        if progress is not None:
            progress(table, done, len(statement.parts))
        if reread_part(open_reader, part.url, part.delivery) != part:
            raise Unproven(
                f"`{part.url}` is not the part that was signed.",
                remedy="Restore it from a copy of the host; do not use the snapshot until then.",
                rule="lake-parts",
            )
    if progress is not None:
        progress(table, len(statement.parts), len(statement.parts))
    return Verification(
        table=table,
        snapshot=statement.snapshot,
        statement_digest=statement.digest(),
        statements=len(chain),
        parts=len(statement.parts),
        rows=statement.rows,
        bytes=sum(part.size for part in statement.parts),
    )


def _chain_to(
    table: str, snapshot: str | None, signed: Sequence[SignedStatement], key: DualPublicKey
) -> list[Statement]:
    chain: list[Statement] = []
    for one in signed:
        verify_dual(key, one.statement, one.signature)
        statement = decode_statement(one.statement)
        _require_next(table, chain[-1] if chain else None, statement)
        chain.append(statement)
        if statement.snapshot == snapshot:
            return chain
    if not chain or snapshot is not None:
        raise Missing(
            f"`{table}` has no signed snapshot `{snapshot}`."
            if snapshot is not None
            else f"`{table}` has no signed snapshot.",
            remedy="See `bercail lake snapshots`.",
        )
    return chain


def _require_next(table: str, before: Statement | None, statement: Statement) -> None:
    # A rewrite replaces the parts and may move the epoch; nothing else may.
    held = before.parts if before and statement.rewrite is None else ()
    epoch = before.epoch if before and statement.rewrite is None else statement.epoch
    follows = (
        statement.table == table
        and statement.sequence == (before.sequence + 1 if before else 1)
        and statement.parent == (before.snapshot if before else None)
        and statement.previous == (before.digest() if before else None)
        and statement.parts[: len(held)] == held
        and statement.epoch == epoch
    )
    if not follows:
        raise Unproven(
            f"Statement {statement.sequence} of `{table}` does not follow the one before it.",
            remedy="Restore the statements from a copy of the trust side.",
            rule="lake-chain",
        )
