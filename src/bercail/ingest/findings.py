"""Every check of a delivery: its level, and whether an officer may let it pass.

The table is the rule: `release` asks it, the format's page prints it, and a check that it does
not name cannot be counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc
from attrs import frozen

from bercail.foundation import Invalid
from bercail.ingest.events import FindingCounted

ERROR, WARNING = "error", "warning"
LINES_KEPT = 5


@frozen(kw_only=True)
class Check:
    """One rule: `level` unless a count decides; `releasable` by an officer, with a reason."""

    id: str
    family: str
    meaning: str
    level: str = ERROR
    releasable: bool = False


def _family(family: str, releasable: bool, level: str, **meanings: str) -> dict[str, Check]:
    return {
        name.replace("_", "-"): Check(
            id=name.replace("_", "-"),
            family=family,
            meaning=meaning,
            level=level,
            releasable=releasable,
        )
        for name, meaning in meanings.items()
    }


CHECKS: dict[str, Check] = {
    **_family(
        "digest",
        False,
        ERROR,
        digest="the file is not the one that the manifest announces",
        row_count="the file has another number of lines than announced",
    ),
    **_family(
        "reading",
        False,
        ERROR,
        header_missing="no first line with column names, or one that is too long",
        other_separator="columns separated by another sign than `;`",
        encoding_latin_1="bytes that are not UTF-8 and read as Latin-1",
        encoding_cp1252="bytes that are not UTF-8 and read as Windows-1252",
        encoding_mixed="some lines in UTF-8 and some in another encoding",
        encoding_utf_16="a file in UTF-16",
        nul_byte="zero bytes",
        damaged_gzip="a compressed file that ends too early or is damaged",
        damaged_parquet="a Parquet file that ends too early or is damaged",
        wrong_type="a column of Parquet whose type cannot be read as the catalogue's",
        lossy_number="a value of Parquet that the column's type cannot hold as it is",
        line_too_long="a line longer than any table has",
        unbalanced_quotes="a quoted field that is not closed on its line",
        field_count="a line with more or fewer fields than the header",
        not_a_date="a field that is no day written dd/MM/yyyy",
        not_a_whole_number="a field that is no whole number",
        not_a_number="a field that is no number with a decimal point",
        decimal_comma="a number with a decimal comma",
        number_with_blanks="a number with blanks in it",
        unreadable="a file that cannot be read as CSV",
    ),
    **_family(
        "schema",
        False,
        ERROR,
        unnamed_column="a column without a name",
        repeated_column="a column named twice",
        unknown_column="a column that the catalogue does not have",
        column_not_in_year="a column that the table does not have in that year",
        schema_of_another_year="the columns are those of another year",
        missing_key_column="a key column that is absent",
        swapped_columns="two columns whose values stand under each other's name",
        too_long="text longer than its column",
    ),
    **_family(
        "key",
        False,
        ERROR,
        empty_key="a key column that is empty",
        repeated_key="a key that a line before has",
        line_without_parent="a detail line without its ER_PRS_F line",
    ),
    **_family(
        "pseudonym", False, ERROR, not_a_pseudonym="an identity that is no pseudonym and no mark"
    ),
    **_family(
        "identifier",
        False,
        ERROR,
        clear_nir="a national number (NIR or NIA)",
        clear_ins="a national health identity (INS)",
        clear_email="an e-mail address",
        clear_telephone="a telephone number",
        clear_iban="a bank account number",
    ),
    **_family(
        "code list", True, ERROR, unknown_code="a code that is not in the list of its column"
    ),
    **_family(
        "volume",
        True,
        ERROR,
        unexpected_volume="far more or far fewer lines than earlier deliveries",
        missing_period="a month or year of the series was never loaded",
    ),
    **_family(
        "reading",
        False,
        WARNING,
        blank_line="empty lines, which are passed over",
        byte_order_mark="a byte order mark before the first line, which is passed over",
    ),
    **_family(
        "reference",
        False,
        WARNING,
        person_not_in_register="lines of persons that the register (IR_BEN_R) does not have",
    ),
}


def finding(
    check: str,
    file: str,
    *,
    column: str = "",
    count: int = 1,
    lines: Sequence[int] = (),
    level: str = "",
) -> FindingCounted:
    """A finding of a known check; `Invalid` for another, or for a level it may not have."""
    known = CHECKS.get(check)
    if known is None:
        raise Invalid(f"`{check}` is no check of deliveries.", remedy="See findings.CHECKS.")
    kept = tuple(sorted(lines)[:LINES_KEPT])
    return FindingCounted(
        check=check,
        file=file,
        column=column,
        count=count,
        first_line=kept[0] if kept else 0,
        level=level or known.level,
        lines=kept,
    )


def errors(findings: Sequence[FindingCounted]) -> tuple[FindingCounted, ...]:
    """Those that keep a delivery out."""
    return tuple(one for one in findings if one.level == ERROR)


def warnings(findings: Sequence[FindingCounted]) -> tuple[FindingCounted, ...]:
    """Those that do not."""
    return tuple(one for one in findings if one.level != ERROR)


def releasable(found: FindingCounted) -> bool:
    """Whether an officer may let it pass; never for a check that this version does not know."""
    known = CHECKS.get(found.check)
    return known is not None and known.releasable


def never_passes(check: str) -> bool:
    """Whether one finding of a check keeps a delivery out, whatever an officer says."""
    known = CHECKS.get(check)
    return known is None or (known.level == ERROR and not known.releasable)


def as_line(found: FindingCounted) -> str:
    """The finding in one line: rule, place, count, first line."""
    column = f" column {found.column}" if found.column else ""
    line = f", first at line {found.first_line}" if found.first_line else ""
    return f"{found.check} in {found.file}{column}: {found.count}{line}"


class Tally:
    """Counts the findings of one file, batch after batch; line 1 is the header.

    `fatal` is whether any was of a check that nobody may let pass.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: dict[tuple[str, str], tuple[int, tuple[int, ...]]] = {}
        self.fatal = False

    def mask(self, check: str, column: str, mask: Any, rows_before: int) -> int:
        """Count the true values of `mask`, a batch that begins after `rows_before` rows."""
        count = int(pc.sum(mask).as_py() or 0)
        if count:
            certain = pc.fill_null(mask, False).to_numpy(zero_copy_only=False)
            first = np.flatnonzero(certain)[:LINES_KEPT] + rows_before + 2
            self.add(check, column, count, first.tolist())
        return count

    def add(self, check: str, column: str, count: int, lines: Sequence[int] = ()) -> None:
        """Count `count` findings of `check`, the first of them at `lines`."""
        if count:
            self.fatal |= never_passes(check)
            before, kept = self._found.get((check, column), (0, ()))
            self._found[check, column] = (before + count, (*kept, *lines)[:LINES_KEPT])

    def counted(self, check: str, column: str) -> int:
        """How many were counted so far."""
        return self._found.get((check, column), (0, ()))[0]

    def findings(self, levels: dict[tuple[str, str], str]) -> tuple[FindingCounted, ...]:
        """Everything, as it was found; `levels` for what a share decides."""
        return tuple(
            finding(
                check,
                self.file,
                column=column,
                count=count,
                lines=lines,
                level=levels.get((check, column), ""),
            )
            for (check, column), (count, lines) in self._found.items()
        )
