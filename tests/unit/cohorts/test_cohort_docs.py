"""The pages about cohorts say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from bercail.cohorts import load_study
from bercail.cohorts.cleaning import RULES
from bercail.cohorts.codec import NODES, slots
from bercail.cohorts.views import VIEWS

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_study_of_the_how_to_loads(tmp_path: Path) -> None:
    page = (DOCS / "how-to" / "write-a-study.md").read_text(encoding="utf-8")
    study = tmp_path / "study.py"
    study.write_text("\n".join(re.findall(r"```python\n(.*?)```", page, re.S)), encoding="utf-8")
    assert load_study(study).name == "statins-after-stroke"


def test_the_format_names_every_node_key_column_and_rule() -> None:
    page = (DOCS / "reference" / "formats" / "cohort-model.md").read_text(encoding="utf-8")
    quoted = set(re.findall(r"`([^`]+)`", page))
    short = {name for text in quoted for name in (text, text.rpartition(".")[2])}
    assert set(NODES) <= quoted
    assert {name for kind in NODES.values() for name in slots(kind)} <= quoted
    assert set(RULES) <= quoted
    assert {name for view in VIEWS.values() for name in view.columns} <= short
