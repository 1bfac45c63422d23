"""`python -m bercail.airlock.disclosure.audit TABLES.json [THRESHOLD]`: print the certificate."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from bercail.airlock.disclosure.attacker import HouseRule
from bercail.airlock.disclosure.audit.report import audit_tables


def main(arguments: list[str]) -> int:
    """Audit a file of protected tables; 1 when an attacker computes a hidden cell exactly."""
    threshold = int(arguments[1]) if len(arguments) > 1 else 11
    document = json.loads(Path(arguments[0]).read_text("utf-8"))
    found = audit_tables(document, HouseRule(threshold=threshold, high=threshold))
    sys.stdout.write(json.dumps(found.certificate(), indent=2) + "\n")
    exact = any(cell.informed[0] == cell.informed[1] for cell in found.cells)
    return 1 if exact or not found.consistent else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
