"""What a data holder sends: files, and the manifest that says what they should be.

The manifest is `delivery.json` beside the files (OAIS: a submission information package;
in the SNDS's words, a *flux*).
"""

from __future__ import annotations

from types import TracebackType
from typing import Literal, Protocol, Self

from attrs import frozen
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bercail.foundation import Invalid

MANIFEST_NAME = "delivery.json"


@frozen(kw_only=True)
class DeliveryFile:
    """One table file: `rows` lines without the header, `size` in bytes."""

    table: str
    name: str
    rows: int
    size: int
    sha256: str


@frozen(kw_only=True)
class Delivery:
    """A delivery as its manifest announces it.

    `identifiers` says what stands in identity columns: `clear` (never accepted at our
    door) or `level-1` (pseudonymised by the holder, SNDS referential 6.2). `corrects` names
    the loaded delivery whose place this one takes, at a higher `revision`; empty for none.
    """

    name: str
    holder: str
    system: str
    period: str
    identifiers: str
    files: tuple[DeliveryFile, ...]
    revision: int = 1
    corrects: str = ""


class Stream(Protocol):
    """Bytes in order; a file of this machine or a sealed one."""

    def read(self, size: int = -1, /) -> bytes | None:
        """The next `size` bytes, fewer at the end, all that is left for -1."""
        ...

    def readline(self, size: int | None = -1, /) -> bytes:
        """The next line with its end, at most `size` bytes of it."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> bool | None: ...


class Files(Protocol):
    """Where the bytes of a delivery stand; names are relative to the delivery's folder."""

    def names(self) -> tuple[str, ...]:
        """Every file name there, sorted."""
        ...

    def open(self, name: str) -> Stream:
        """The file as a binary stream. Raises `Missing`."""
        ...


class _FileDocument(BaseModel):
    model_config = ConfigDict(extra="forbid")
    table: str = Field(pattern=r"^[A-Z][A-Za-z0-9_]{1,30}$")
    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,120}$")
    rows: int = Field(ge=0)
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")
    holder: str = Field(min_length=1)
    system: Literal["DCIR", "MCO", "HAD", "SSR", "RIP", "BEN"]
    period: str = Field(pattern=r"^[0-9]{4}(-[0-9]{2})?$")
    identifiers: Literal["clear", "level-1"]
    revision: int = Field(default=1, ge=1, le=999)
    corrects: str = Field(default="", pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,99})?$")
    files: list[_FileDocument] = Field(min_length=1)


def parse_manifest(name: str, document: bytes) -> Delivery:
    """The manifest of delivery `name`; raises `Invalid` naming the key that is wrong."""
    try:
        parsed = _Document.model_validate_json(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        raise Invalid(
            f"The manifest of delivery `{name}` is wrong at `{place}`: {first['msg'].lower()}.",
            remedy="docs/reference/formats/delivery.md gives the format; ask the holder again.",
        ) from error
    for what in ("table", "name"):
        given = [getattr(file, what) for file in parsed.files]
        if len(set(given)) != len(given):
            raise Invalid(
                f"The manifest of delivery `{name}` gives the same `{what}` to two files.",
                remedy="One file for each table; ask the holder again.",
            )
    return Delivery(
        name=name,
        holder=parsed.holder,
        system=parsed.system,
        period=parsed.period,
        identifiers=parsed.identifiers,
        revision=parsed.revision,
        corrects=parsed.corrects,
        files=tuple(
            DeliveryFile(
                table=file.table,
                name=file.name,
                rows=file.rows,
                size=file.bytes,
                sha256=file.sha256,
            )
            for file in parsed.files
        ),
    )
