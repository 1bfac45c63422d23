"""What the story knows so far: `story.json`, replaced whole after each chapter."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import define, field

from bercail.demo.folder import STORY, write_whole
from bercail.foundation import Invalid

_NOTED = "unfinished"


@define
class Notebook:
    """Chapters told, and notes of the one that is being told; no value from a row."""

    path: Path
    told: dict[str, Any] = field(factory=dict)

    @classmethod
    def open(cls, out: Path, persons: int, *, local: bool) -> Notebook:
        """The notebook of `out`.

        Raises:
            Invalid: another story was begun there, or the file is no notebook.
        """
        book = cls(out / STORY)
        if book.path.exists():
            book.told = _read(book.path)
        asked = {"persons": persons, "local": local}
        begun = book.told.setdefault("asked", asked)
        if begun != asked:
            how = " in folders (--local)" if begun["local"] else ""
            raise Invalid(
                f"`{out}` holds a story of {begun['persons']} persons{how}.",
                remedy="Give the same options to finish it, `--fresh` to start over, "
                "or another `--out`.",
            )
        book.save()
        return book

    def has(self, chapter: str) -> bool:
        """Whether the chapter was told to its end."""
        return chapter in self.told

    def keep(self, chapter: str, facts: Mapping[str, Any]) -> None:
        """Write the chapter down; its notes are not needed any more."""
        self.told.pop(_NOTED, None)
        self.told[chapter] = dict(facts)
        self.save()

    def note(self, chapter: str, facts: Mapping[str, Any]) -> None:
        """Write down what a chapter knows before its end."""
        self.told[_NOTED] = {chapter: self.noted(chapter) | dict(facts)}
        self.save()

    def noted(self, chapter: str) -> dict[str, Any]:
        """What was noted for a chapter that was not told to its end."""
        found: dict[str, Any] = self.told.get(_NOTED, {}).get(chapter, {})
        return dict(found)

    def save(self) -> None:
        """Replace the file in one step, so that a killed story never leaves half a page."""
        text = json.dumps(self.told, ensure_ascii=False, indent=1, default=str)
        write_whole(self.path, text.encode("utf-8"))


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_bytes())
        if not isinstance(told["asked"]["persons"], int):
            raise TypeError
    except (ValueError, KeyError, TypeError):
        raise Invalid(
            f"`{path}` is no notebook of a story.",
            remedy="Start over with `--fresh`, or name another folder with `--out`.",
        ) from None
    return dict(told)
