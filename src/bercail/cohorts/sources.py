"""What an engine reads: immutable Parquet files (or Arrow tables), with their naming.

`Sources` is made by whoever opens an extract or a snapshot; the engines read nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import field, frozen, validators

from bercail.cohorts.scope import Scope
from bercail.cohorts.views import RAW
from bercail.foundation import Invalid, Missing, Unavailable, Unproven

# Project extractions rename the pseudonyms (CNAM); the PMSI chaining number is the same value.
PROJECT_NAMES: Mapping[str, str] = {
    "BEN_NIR_PSA": "NUM_ENQ",
    "NIR_ANO_17": "NUM_ENQ",
    "BEN_NIR_ANO": "NUM_ENQ_ANO",
    "BEN_IDT_ANO": "NUM_ENQ_IDT",
}
_DATED = re.compile(r"T_MCO(\d\d)(B|C|D|UM)")


@frozen(kw_only=True)
class Source:
    """The files of one table.

    `filesystem` is an fsspec filesystem whose protocol the URLs carry; None reads local
    paths. `years` gives the year of each file where a yearly family (`T_MCOaaB`) is named
    as a family. `snapshot` names the immutable state that the files belong to.
    """

    urls: tuple[str, ...]
    filesystem: Any = None
    years: tuple[int, ...] = ()
    snapshot: str = ""

    def __attrs_post_init__(self) -> None:
        if not self.urls:
            raise Invalid("A source needs at least one file.")
        if self.years and len(self.years) != len(self.urls):
            raise Invalid("A source gives one year for each of its files, or none.")


@frozen(kw_only=True)
class Piece:
    """Some files (or one Arrow table) of one table family and one year.

    `year` is 0 for tables that are not yearly.
    """

    family: str
    year: int
    content: pa.Table | Source = field(eq=False)

    @property
    def name(self) -> str:
        """A name for the piece: `ER_PRS_F`, `T_MCOaaB_2023`."""
        return f"{self.family}_{self.year}" if self.year else self.family

    def schema(self) -> pa.Schema:
        """Names and types of the columns, over all files."""
        if isinstance(self.content, pa.Table):
            return self.content.schema
        found: dict[str, pa.Field[Any]] = {}
        for url in self.content.urls:
            with open_part(self.content, url) as part:
                found.update({one.name: one for one in _schema(part, url)})
        return pa.schema(list(found.values()))

    def is_full(self, column: str) -> bool:
        """Whether every row is known to have a value of `column`, by what the files say of it."""
        if isinstance(self.content, pa.Table):
            return self.content.column(column).null_count == 0
        return all(_is_full(self.content, url, column) for url in self.content.urls)


def open_part(source: Source, url: str) -> BinaryIO:
    """One file of `source`, opened for reading.

    Raises:
        Missing: the file is not there.
        Unavailable: the place does not answer. The filesystem's own errors come through.
    """
    opener: Callable[..., Any] = open if source.filesystem is None else source.filesystem.open
    try:
        handle: BinaryIO = opener(url, "rb")
        return handle
    except FileNotFoundError as error:
        raise Missing(
            f"The file `{url}` of the sources is not there.", remedy="Make the extract again."
        ) from error
    except OSError as error:
        raise Unavailable(f"The file `{url}` of the sources does not open.") from error


def _is_full(source: Source, url: str, column: str) -> bool:
    with open_part(source, url) as part:
        file = pq.read_metadata(part)
    groups = [file.row_group(number) for number in range(file.num_row_groups)]
    groups = [group for group in groups if group.num_rows]
    told = [
        group.column(place).statistics
        for group in groups
        for place in range(group.num_columns)
        if group.column(place).path_in_schema == column
    ]
    return len(told) == len(groups) and all(one is not None and one.null_count == 0 for one in told)


def _schema(part: BinaryIO, url: str) -> pa.Schema:
    try:
        return pq.read_schema(part)
    except pa.ArrowInvalid as error:
        raise Unproven(
            f"The file `{url}` of the sources is no whole Parquet file.",
            remedy="Verify the snapshot or the extract it belongs to.",
            rule="parquet-file",
        ) from error


@frozen(kw_only=True)
class Sources:
    """The tables a study may read, by SNDS name: `ER_PRS_F`, `T_MCO23B` or `T_MCOaaB`.

    `naming` is `lake` (BEN_NIR_PSA, BEN_IDT_ANO, NIR_ANO_17) or `project` (NUM_ENQ,
    NUM_ENQ_IDT). `permit` is named in messages. `drugs` has the columns `cip13`, `atc`,
    `units_per_pack`; the catalogue's table when None. `scope` is put into every model that is
    run on these sources. `until` (with its zone) is the end of the right to read them: what
    engines hand to other machines ends then at the latest.
    """

    tables: Mapping[str, Source | pa.Table] = field(eq=False)
    naming: str = field(default="lake", validator=validators.in_(("lake", "project")))
    permit: str = ""
    drugs: pa.Table | None = field(default=None, eq=False)
    scope: Scope = field(factory=Scope)
    until: datetime | None = None

    def column(self, name: str) -> str:
        """The name here of a column that the lake calls `name`."""
        return PROJECT_NAMES.get(name, name) if self.naming == "project" else name

    def pieces(self, family: str) -> tuple[Piece, ...]:
        """The pieces of one table family, by year; empty when it is not there.

        Raises:
            Invalid: a yearly table is given without its years.
        """
        found: list[Piece] = []
        for name, content in self.tables.items():
            dated = _DATED.fullmatch(name)
            year = 2000 + int(dated[1]) if dated else 0
            if (f"T_MCOaa{dated[2]}" if dated else name) != family:
                continue
            found += _by_year(family, year, content)
        return tuple(sorted(found, key=lambda piece: piece.year))

    def snapshots(self) -> tuple[str, ...]:
        """`TABLE@snapshot` for each source that names its snapshot, sorted."""
        named = (
            f"{name}@{content.snapshot}"
            for name, content in self.tables.items()
            if isinstance(content, Source) and content.snapshot
        )
        return tuple(sorted(named))


def _by_year(family: str, year: int, content: Source | pa.Table) -> list[Piece]:
    if year or "aa" not in family:
        return [Piece(family=family, year=year, content=content)]
    if isinstance(content, pa.Table) or not content.years:
        raise Invalid(
            f"`{family}` is given without its years, and its keys repeat from year to year.",
            remedy="Name yearly tables (`T_MCO23B`), or give the year of each file.",
        )
    return [
        Piece(
            family=family,
            year=one,
            content=Source(
                urls=_of_year(content, one),
                filesystem=content.filesystem,
                snapshot=content.snapshot,
            ),
        )
        for one in sorted(set(content.years))
    ]


def _of_year(source: Source, year: int) -> tuple[str, ...]:
    pairs = zip(source.urls, source.years, strict=True)
    return tuple(url for url, of in pairs if of == year)


def known_families() -> tuple[str, ...]:
    """The table families that the cohort language reads."""
    return tuple(RAW)
