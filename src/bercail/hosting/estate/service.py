"""The desk of the estate: read exports, merge them, judge them. Nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bercail.foundation import Invalid
from bercail.hosting.estate.access import summarise
from bercail.hosting.estate.assessment import Assessment
from bercail.hosting.estate.detection import read_export
from bercail.hosting.estate.inventory import merge
from bercail.hosting.estate.mapping import EstateMapping, load_mapping, load_roles
from bercail.hosting.estate.resource import Export

ProgressReport = Callable[[str, int, int], None]


def assess(
    paths: Sequence[Path],
    mapping: EstateMapping | None = None,
    progress: ProgressReport | None = None,
) -> Assessment:
    """The assessment of the exports in `paths`, one inventory for all of them.

    Raises:
        Invalid: no file is given, or one cannot be read as an export; it is named.
    """
    if not paths:
        raise Invalid("No export is given.", remedy="Name one file or more.")
    known = mapping or load_mapping()
    exports: list[Export] = []
    for number, path in enumerate(paths):
        if progress:
            progress("exports", number, len(paths))
        exports.append(read_export(path, known))
    inventory = merge(_named_apart(exports, paths))
    return Assessment(inventory, known, summarise(inventory, load_roles()))


def _named_apart(exports: list[Export], paths: Sequence[Path]) -> list[Export]:
    """Two different files of one name would be confused in the report.

    Raises:
        Invalid: it is so.
    """
    by_label: dict[str, Path] = {}
    for export, path in zip(exports, paths, strict=True):
        other = by_label.setdefault(export.label, path)
        if other.resolve() != path.resolve():
            raise Invalid(
                f"`{other}` and `{path}` have the same file name.",
                remedy="Rename one of them: the report names exports by their file name.",
            )
    return exports
