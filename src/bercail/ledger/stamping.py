"""Time stamps of checkpoints by an authority outside (RFC 3161); optional.

A stamp is over the three lines of the checkpoint's text, so it stays true when witnesses cosign
later. It stands in the log folder as `stamps/<size>.tsr`, and `openssl ts -verify` reads it.
"""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any

from bercail.foundation import Missing, Unavailable, Unproven, to_iso
from bercail.ledger.checkpoint import Checkpoint, parse_checkpoint
from bercail.ledger.folder import write_whole
from bercail.ledger.http_ask import http_ask, require_address
from bercail.vault.stamps import stamp_request, verify_stamp

_KIND = "application/timestamp-query"


def stamp_head(log_dir: Path, authority: str, roots: bytes) -> dict[str, Any]:
    """Have the head of the log stamped by the authority at an address; keep the checked answer.

    Raises:
        Missing: nothing is published yet.
        Unavailable: the authority does not answer; the log is as it was.
        Unproven: what it answers does not hold under `roots` (PEM); nothing is kept.
    """
    head = _head(log_dir)
    address = require_address(authority)
    asked = stamp_request(head.text().encode())
    try:
        status, reply = http_ask("POST", address, asked.der, _KIND)
    except OSError as problem:
        raise _silent(authority) from problem
    if status != HTTPStatus.OK:
        raise _silent(authority)
    at = verify_stamp(reply, head.text().encode(), roots, asked.nonce)
    stamp = _place(log_dir, head)
    try:
        stamp.parent.mkdir(exist_ok=True)
    except OSError as problem:
        raise Unavailable(
            f"The log folder `{log_dir}` cannot be used.",
            remedy="Check that it is a folder that this account may write, then try again.",
        ) from problem
    write_whole(stamp, [reply])
    return {**head.as_dict(), "stamped_at": to_iso(at), "stamp": str(stamp)}


def check_stamp(log_dir: Path, roots: bytes) -> dict[str, Any]:
    """The time at which an authority of `roots` (PEM) saw the head of the log.

    Raises:
        Missing: the head has no stamp.
        Unproven: the stamp is not of this head, or not of an authority of `roots`.
    """
    head = _head(log_dir)
    try:
        reply = _place(log_dir, head).read_bytes()
    except OSError:
        raise Missing(
            f"The head of {head.size} events has no time stamp.",
            remedy="Ask for one with `bercail ledger stamp`.",
        ) from None
    try:
        at = verify_stamp(reply, head.text().encode(), roots)
    except Unproven as refusal:
        raise Unproven(
            f"The time stamp of {head.size} events does not hold.",
            remedy=refusal.remedy,
            rule="LOG-04",
        ) from refusal
    return {**head.as_dict(), "stamped_at": to_iso(at)}


def _head(log_dir: Path) -> Checkpoint:
    try:
        return parse_checkpoint((log_dir / "checkpoint").read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        raise Missing(
            f"There is no checkpoint in `{log_dir}`.",
            remedy="Run `bercail ledger publish` first.",
        ) from None


def _place(log_dir: Path, head: Checkpoint) -> Path:
    return log_dir / "stamps" / f"{head.size}.tsr"


def _silent(authority: str) -> Unavailable:
    return Unavailable(
        f"The time-stamping authority at `{authority}` gives no stamp.",
        remedy="Try again later; the log is complete without it.",
    )
