"""The page about applications names every key, and its example is one that is read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from bercail.access import document
from bercail.access.permit import TEXT_ITEMS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "application.md"


def test_every_key_is_named() -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = set(re.findall(r"`([a-z_.A-Z*]+)`", text))
    form: Any = document._Application
    for name, field in form.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel) and name != "items":
            assert {f"{name}.{key}" for key in inner.model_fields} <= shown, name
        elif name not in {"items", "tables"}:
            assert name in shown, name
    assert {f"tables.NAME.{key}" for key in document._Table.model_fields} <= shown
    assert set(TEXT_ITEMS) <= shown


def test_the_example_is_read_and_lacks_what_it_leaves_out(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    file = tmp_path / "application.toml"
    file.write_text(example, encoding="utf-8")
    read = document.read_application(file)
    assert read.project == "treated-diabetes"
    assert read.missing_items() == TEXT_ITEMS[2:]
