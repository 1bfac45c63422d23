"""The second reader of one proof: shows that an event is in the log, imports no writer.

    python -m bercail.ledger.verify_proof PROOF_FILE KEYS.json

Or without Bercail: copy this file and `verify.py` into one folder and run this one there, with the
standard library and `cryptography` only:

    python -I verify_proof.py PROOF_FILE KEYS.json

Prints the event and exits with 0, or exits with 5 and the place that does not hold.
The format is C2SP tlog-proof; see `docs/reference/formats/ledger.md`.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if not (TYPE_CHECKING or __package__):
    # Run as a lone file. With `-I` nothing is imported from the folder of a program, which keeps
    # files that merely lie there out, so the one neighbour that is needed is named.
    _spec = importlib.util.spec_from_file_location("verify", Path(__file__).with_name("verify.py"))
    sys.modules["verify"] = importlib.util.module_from_spec(_spec)
    try:
        _spec.loader.exec_module(sys.modules["verify"])
    except FileNotFoundError:
        sys.exit("verify.py is not here: copy it into the folder of verify_proof.py.")
    from verify import (
        NotVerifiedError,
        base64_bytes,
        check_event,
        fail,
        node,
        read,
        read_head,
        read_keys,
    )
else:
    from bercail.ledger.verify import (
        NotVerifiedError,
        base64_bytes,
        check_event,
        fail,
        node,
        read,
        read_head,
        read_keys,
    )


def verify_proof(proof: Path, keys: Path | Mapping[str, Any]) -> dict[str, Any]:
    """The event that a proof file shows to be in the log; raises NotVerifiedError."""
    trusted = read_keys(keys)
    top, mark, note = read(proof.parent, proof.name).decode("utf-8", "replace").partition("\n\n")
    lines = top.split("\n")
    form = re.fullmatch(r"c2sp\.org/tlog-proof@v1\nextra \S+\nindex (0|[1-9]\d*)(\n\S+)*", top)
    if not mark or not form:
        fail(proof.name, "this is no proof of an event")
    head = read_head(note.encode("utf-8"), trusted, f"{proof.name}, checkpoint")
    line = base64_bytes(lines[1][6:], f"{proof.name}, line 2")
    event, commitment = check_event(line, f"{proof.name}, line 2")
    index = int(lines[2][6:])
    if event["position"] != index + 1:
        fail(f"{proof.name}, line 3", "the index is not that of the event")
    path = [
        base64_bytes(text, f"{proof.name}, line {n}") for n, text in enumerate(lines[3:], start=4)
    ]
    if _root_by_path(index, head.size, commitment, path) != head.root:
        fail(proof.name, "the inclusion path does not lead to the signed root")
    return event


def _root_by_path(index: int, size: int, data: bytes, path: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion path leads to (RFC 9162, 2.1.3.2); None if its length is wrong."""
    place, last, reached = index, size - 1, hashlib.sha256(b"\x00" + data).digest()
    for sibling in path:
        if last == 0:
            return None
        if place % 2 or place == last:
            reached = node(sibling, reached)
            while place and place % 2 == 0:
                place, last = place // 2, last // 2
        else:
            reached = node(reached, sibling)
        place, last = place // 2, last // 2
    return reached if last == 0 and index < size else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify one proof and print its event as JSON; 0 when it holds, 5 when it does not."""
    parser = argparse.ArgumentParser(description="Verify the proof of one event.")
    parser.add_argument("proof", type=Path, help="the proof file")
    parser.add_argument("keys", type=Path, help="the keys file, obtained apart from the proof")
    options = parser.parse_args(arguments)
    try:
        event = verify_proof(options.proof, options.keys)
    except NotVerifiedError as refusal:
        print(f"refused at {refusal.place}: {refusal.reason}", file=sys.stderr)
        return 5
    print(json.dumps(event, ensure_ascii=False, sort_keys=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
