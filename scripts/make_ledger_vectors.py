"""Writes the test vectors of the ledger format; run once per version of the format.

The ML-DSA-44 signature is drawn anew each time; everything else is repeatable.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from bercail.testing.ledger_desk import Desk


def main(target: Path) -> None:
    """Fill `target` with a log of 261 events, its keys, its export, an earlier head, a proof."""
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
    shutil.rmtree(desk.log / ".incoming")
    (desk.log / ".lock").unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
