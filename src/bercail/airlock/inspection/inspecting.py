"""One function: the bytes of a file in, what it is and what is wrong with it out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from bercail.airlock.inspection.archives import look_at_archive, open_zip
from bercail.airlock.inspection.delimited import look_at_delimited
from bercail.airlock.inspection.documents import (
    look_at_chart,
    look_at_json,
    look_at_notebook,
    scan_strings,
)
from bercail.airlock.inspection.identifiers import find_identifiers
from bercail.airlock.inspection.kinds import CUSTOMS, Disposition, Kind, is_disguised
from bercail.airlock.inspection.limits import LIMITS, Budget, Limits, TooMuchError
from bercail.airlock.inspection.lines import look_at_text, scan_text
from bercail.airlock.inspection.markup import look_at_html, look_at_markup, look_at_svg
from bercail.airlock.inspection.membership import look_at_confidences
from bercail.airlock.inspection.models import look_at_model, look_at_pmml
from bercail.airlock.inspection.office import (
    is_office,
    is_spreadsheet,
    look_at_office,
    look_at_pdf,
    look_at_spreadsheet,
)
from bercail.airlock.inspection.pickles import look_at_pickle
from bercail.airlock.inspection.pictures import look_at_jpeg, look_at_png
from bercail.airlock.inspection.remarks import Notes, Remark
from bercail.airlock.inspection.sniffing import Sniffed, sniff

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_READ_BY_LINE = frozenset({Kind.TEXT, Kind.LOG, Kind.CODE, Kind.LATEX})
_BOMBS = frozenset({"unpacked", "ratio", "entries", "depth"})


@frozen(kw_only=True)
class Inspection:
    """What a file is and what was found; `name` is the one it was handed in under."""

    name: str
    kind: Kind
    size: int
    remarks: tuple[Remark, ...]

    @property
    def disposition(self) -> Disposition:
        """Who decides on it."""
        return CUSTOMS[self.kind].disposition

    @property
    def is_blocked(self) -> bool:
        """Whether something in it may not leave."""
        return any(one.severity == "blocking" for one in self.remarks)

    @property
    def to_fix(self) -> tuple[Remark, ...]:
        """What its author mends in one step."""
        return tuple(one for one in self.remarks if one.severity == "fix")

    @property
    def rules(self) -> tuple[str, ...]:
        """The ids of what was found, sorted."""
        return tuple(sorted(one.rule for one in self.remarks))

    def as_dict(self) -> dict[str, Any]:
        """The inspection for people and for `--json`; holds no value of the file."""
        return {
            "name": self.name,
            "kind": self.kind.value,
            "size": self.size,
            "decides": self.disposition.value,
            "remarks": [one.as_dict() for one in self.remarks],
        }


def inspect_bytes(
    name: str,
    data: bytes,
    *,
    threshold: int = 11,
    limits: Limits = LIMITS,
    supporting: bool = False,
) -> Inspection:
    """What `data`, handed in as `name`, is and holds. Never raises on any bytes.

    `threshold`: the least count of persons that may be shown. `supporting`: the file is for the
    checkers and does not leave, so rows and small counts in it are no fault.
    """
    notes, sight = Notes(), _Sight(Budget(limits), threshold, supporting)
    if not _NAME.fullmatch(name) or any(True for _ in find_identifiers(name.replace("_", " "))):
        notes.add("file-name")
    kind = sight.look(data, notes)
    if is_disguised(name, kind):
        notes.add("disguised")
    return Inspection(name=name, kind=kind, size=len(data), remarks=notes.remarks())


class _Sight:
    """One inspection: its bounds, and how deep inside containers it stands."""

    def __init__(self, budget: Budget, threshold: int, supporting: bool) -> None:
        self._budget = budget
        self._threshold = threshold
        self._supporting = supporting
        self._depth = 0

    def look(self, data: bytes, notes: Notes) -> Kind:
        """The kind of `data`; what is found goes to `notes`."""
        limits = self._budget.limits
        if not data or len(data) > limits.size:
            notes.add("too-much" if data else "broken")
            return Kind.UNKNOWN
        found = sniff(data, limits.elements)
        kind, members = found.kind, None
        try:
            if found.reason:
                raise TooMuchError(found.reason)
            if found.twice:
                notes.add("broken", "a member stands twice in one object")
            if data[:4] == b"PK\x03\x04":
                kind, members = self._zipped(data)
            self._read(kind, data, found, members or {}, notes)
        except TooMuchError as bound:
            notes.add("bomb" if bound.bound in _BOMBS else "too-much", f"bound: {bound.bound}")
        except RecursionError:
            notes.add("too-much", "bound: depth")
        return kind

    def _zipped(self, data: bytes) -> tuple[Kind, dict[str, bytes] | None]:
        """Office documents are zips; what is none, or is broken, is an archive."""
        # The members are counted once here and once when an archive is opened again.
        try:
            members = open_zip(data, Budget(self._budget.limits))
        except ValueError:
            return Kind.ARCHIVE, None
        if is_spreadsheet(members):
            return Kind.SPREADSHEET, members
        if is_office(members):
            return Kind.OFFICE, members
        if members and all(name.endswith(".npy") for name in members):
            return Kind.ARRAY, None
        return Kind.ARCHIVE, None

    def _read(
        self, kind: Kind, data: bytes, found: Sniffed, parts: Mapping[str, bytes], notes: Notes
    ) -> None:
        text, value, budget, threshold = (
            found.text or "",
            found.value,
            self._budget,
            self._threshold,
        )
        if kind in _READ_BY_LINE:
            look_at_text(text, kind, notes, budget)
            return
        readers: dict[Kind, Callable[[], None]] = {
            Kind.COUNT_TABLE: lambda: _count_table(value, notes, budget),
            Kind.DELIMITED: lambda: look_at_delimited(text, notes, budget, threshold),
            Kind.SPREADSHEET: lambda: look_at_spreadsheet(parts, notes, budget, threshold),
            Kind.OFFICE: lambda: self._office(parts, notes),
            Kind.PDF: lambda: look_at_pdf(data, notes, budget),
            Kind.HTML: lambda: look_at_html(text, notes, budget),
            Kind.MARKUP: lambda: look_at_markup(text, notes, budget),
            Kind.NOTEBOOK: lambda: look_at_notebook(value, notes, budget),
            Kind.CHART: lambda: look_at_chart(text, value, notes, budget, threshold),
            Kind.JSON: lambda: look_at_json(text, value, notes, budget),
            Kind.SVG: lambda: look_at_svg(text, notes, budget),
            Kind.PNG: lambda: look_at_png(data, notes, budget),
            Kind.JPEG: lambda: look_at_jpeg(data, notes),
            Kind.PICTURE: lambda: _other_picture(notes),
            Kind.MODEL: lambda: self._model(text, value, notes),
            Kind.CONFIDENCES: lambda: self._confidences(value, notes),
            Kind.PICKLE: lambda: look_at_pickle(data, notes),
            Kind.ARCHIVE: lambda: self._archive(data, notes),
            Kind.UNKNOWN: lambda: _unknown(notes),
        }
        readers.get(kind, lambda: notes.add("never-leaves"))()

    def _office(self, members: Mapping[str, bytes], notes: Notes) -> None:
        look_at_office(members, notes, self._budget)
        notes.add("cause-file-type")
        notes.add("not-understood")

    def _model(self, text: str, value: Any, notes: Notes) -> None:
        if isinstance(value, Mapping):
            look_at_model(text, value, notes, self._budget, self._threshold)
        else:
            look_at_pmml(text, notes, self._budget, self._threshold)

    def _archive(self, data: bytes, notes: Notes) -> None:
        self._depth += 1
        try:
            self._budget.enter(self._depth)
            look_at_archive(data, notes, self._budget, lambda data: self._member(data, notes))
        finally:
            self._depth -= 1

    def _member(self, data: bytes, notes: Notes) -> None:
        if data:
            self.look(data, notes)

    def _confidences(self, value: Any, notes: Notes) -> None:
        look_at_confidences(value, notes, supporting=self._supporting)
        scan_strings(value, notes, self._budget)


def _count_table(value: Any, notes: Notes, budget: Budget) -> None:
    """Title, names, labels and provenance leave with the table; its digest is hexadecimal only.

    Numbers of snapshots are long by nature: there, identifiers are looked for alone.
    """
    notes.add("protected-here")
    scan_strings({**value, "model_digest": None, "snapshots": None}, notes, budget)
    snapshots = value.get("snapshots")
    for snapshot in snapshots if isinstance(snapshots, list) else ():
        with notes.inside("member /snapshots"):
            scan_text(str(snapshot), notes, numbers=False)


def _other_picture(notes: Notes) -> None:
    notes.add("cause-file-type")
    notes.add("by-eye")


def _unknown(notes: Notes) -> None:
    notes.add("cause-file-type")
    notes.add("not-understood")
