"""What the search for identifiers in clear costs: CPU seconds of a load without it and with it.

The same delivery, the same house, in the same run; without it the scanner answers that it found
nothing. The ratio is that of the speeds.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

from bercail.foundation import Role
from bercail.ingest import identifiers
from bercail.ingest.folder import LocalFiles
from bercail.ingest.synth import SynthProfile, make
from bercail.testing.small_house import SmallHouse, person

PERSONS, GOAL, ROUNDS = 12_000, 0.9, 3
OPERATOR = person("operator", Role.OPERATOR)


def load(root: Path, delivery: Path, seed: int) -> float:
    folder = root / f"house-{seed}"
    folder.mkdir()
    house = SmallHouse.build(folder, seed=seed)
    began = time.process_time()
    house.ingest().load(LocalFiles(delivery.parent), delivery.name, OPERATOR)
    spent = time.process_time() - began
    house.close()
    return spent


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        make(SynthProfile(persons=PERSONS, seed=1, years=1), root / "clear")
        maker = SmallHouse.build(root, seed=0)
        maker.holder().prepare(root / "clear", root / "level-1")
        maker.close()
        # A year of hospital stays has the most text columns.
        delivery = max((root / "level-1").glob("MCO_*"))
        document = json.loads((delivery / "delivery.json").read_text(encoding="utf-8"))
        rows = sum(file["rows"] for file in document["files"])
        searched, unsearched = [], []
        for turn in range(ROUNDS):
            searched.append(load(root, delivery, 2 * turn + 1))
            with patch.object(identifiers, "scan", return_value={}):
                unsearched.append(load(root, delivery, 2 * turn + 2))
    ratio = min(unsearched) / min(searched)
    line = {
        "bench": "ingest load with the search for identifiers, rows per CPU second",
        "ours": round(rows / min(searched)),
        "against": round(rows / min(unsearched)),
        "ratio": round(ratio, 3),
        "goal": GOAL,
        "met": ratio >= GOAL,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
