"""An application as a person writes it: a TOML file, checked key by key at the door."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bercail.access.permit import (
    AccessApplication,
    DataScope,
    Population,
    Purpose,
    TableScope,
)
from bercail.foundation import Invalid


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Table(_Strict):
    columns: list[str] = Field(min_length=1)
    potential_identifiers: list[str] = []


class _Population(_Strict):
    born_from: int | None = Field(default=None, ge=1850, le=2200)
    born_until: int | None = Field(default=None, ge=1850, le=2200)
    departments: list[str] = []


class _Items(_Strict):
    identity: str = ""
    purpose_explained: str = ""
    benefit: str = ""
    why_pseudonymised: str = ""
    own_datasets: str = ""
    safeguards: str = ""
    tools: str = ""
    ethics: str = ""
    opt_out_exception: str = ""


class _Application(_Strict):
    project: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,60}$")
    title: str = Field(min_length=1)
    applicant: str
    public_body: bool
    members: list[str] = Field(min_length=1)
    purpose: Purpose
    first_year: int = Field(ge=2006, le=2200)
    last_year: int = Field(ge=2006, le=2200)
    starts: date
    ends: date
    tables: dict[str, _Table] = Field(min_length=1)
    population: _Population = _Population()
    items: _Items = _Items()


def read_application(path: Path) -> AccessApplication:
    """The application in the TOML file at `path`.

    Raises:
        Invalid: not readable, not TOML, or a key that is missing, unknown or wrong.
    """
    try:
        parsed = _Application.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        return _as_value(parsed)
    except OSError as error:
        raise Invalid(
            f"The application `{path}` cannot be read: {error.strerror}.",
            remedy="Check the path.",
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Invalid(
            f"The application `{path}` is wrong at `{place}`: {first['msg'].lower()}.",
            remedy="docs/reference/application.md lists every key.",
        ) from error
    except ValueError as error:
        raise Invalid(
            f"The application `{path}` is not well formed: {error}.",
            remedy="Correct it; it is a TOML file.",
        ) from error


def _as_value(parsed: _Application) -> AccessApplication:
    tables = tuple(
        TableScope(
            table=name,
            columns=tuple(table.columns),
            potential_identifiers=tuple(table.potential_identifiers),
        )
        for name, table in sorted(parsed.tables.items())
    )
    scope = DataScope(
        tables=tables,
        first_year=parsed.first_year,
        last_year=parsed.last_year,
        population=Population(
            born_from=parsed.population.born_from,
            born_until=parsed.population.born_until,
            departments=tuple(parsed.population.departments),
        ),
    )
    return AccessApplication(
        project=parsed.project,
        title=parsed.title,
        applicant=parsed.applicant,
        public_body=parsed.public_body,
        members=tuple(parsed.members),
        purpose=parsed.purpose,
        scope=scope,
        starts=parsed.starts,
        ends=parsed.ends,
        **parsed.items.model_dump(),
    )
