"""Writes the test vectors of the ledger format; run once per version of the format.

    python scripts/make_ledger_vectors.py FOLDER

The ML-DSA-44 signatures are drawn anew each time; everything else is repeatable, and a test makes
it again and compares.

`stamp/` is not written here: it is the answer of an authority outside, kept as it came. A stamp
made anew has other keys, another moment and another serial, so it would show nothing about reading
the kept one. It is current as long as `tests/unit/vault/test_stamps.py` reads it; a test holds that
what it stamps has the form of a checkpoint of today.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from bercail.foundation import Secret, canonical_json
from bercail.ledger.checkpoint import parse_checkpoint
from bercail.ledger.policy import load_policy
from bercail.testing.ledger_desk import Desk
from bercail.testing.witnesses import NOW, policy_text
from bercail.vault import Cosigner

WITNESSES = {1: 0x06, 2: 0x04, 3: 0x06}
"""The witnesses by number, with the type of the key in the policy. Seeds are public: the number of
the witness, 64 times."""


def main(target: Path) -> None:
    """Fill `target` with a log of 261 events, its keys, its export, an earlier head, a proof, and
    the same head with a quorum of witnesses.
    """
    shutil.rmtree(target / "log", ignore_errors=True)
    desk = Desk(target)
    desk.record(3, "permit/permit-1")
    desk.publish()
    shutil.copy(desk.log / "checkpoint", target / "earlier-checkpoint")
    desk.record(257, "delivery/DCIR_202302")
    desk.record(1, "permit/permit-1")
    desk.publish()
    desk.exported()
    desk.ledger.prove(3, target / "event-3.tlog-proof")
    witnessed(desk, target / "witnessed")
    shutil.rmtree(desk.log / ".incoming")
    (desk.log / ".lock").unlink()


def witnessed(desk: Desk, target: Path) -> None:
    """The head cosigned by two of three witnesses, the policy, and keys that name the quorum."""
    target.mkdir(exist_ok=True)
    cosigners = {
        number: Cosigner(f"w{number}.example/w", Secret(bytes([number]) * 64))
        for number in WITNESSES
    }
    lines = [
        f"witness w{number} {next(key for key in cosigners[number].keys if key.kind == kind)}"
        for number, kind in WITNESSES.items()
    ]
    policy = target / "policy"
    policy.write_text(policy_text(lines, "2"))
    note = (desk.log / "checkpoint").read_text("utf-8")
    text = parse_checkpoint(note).text()
    for number in (1, 2):
        made = cosigners[number].cosign(text, NOW).splitlines(keepends=True)
        kinds = [key.kind for key in cosigners[number].keys]
        note += made[kinds.index(WITNESSES[number])]
    (target / "checkpoint").write_text(note)
    keys = json.loads(desk.keys.read_bytes()) | {"quorum": load_policy(policy).rule()}
    (target / "keys.json").write_bytes(canonical_json(keys) + b"\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
