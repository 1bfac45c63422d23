"""An application as a person writes it: a TOML file, checked key by key at the door."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bercail.access.permit import (
    AccessApplication,
    DataScope,
    Justification,
    Population,
    Purpose,
    TableScope,
)
from bercail.foundation import Invalid

# An account, as `Actor` names it; a département, as BEN_RES_DPT writes it.
_Person = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@:-]{0,99}$")]
_Department = Annotated[str, Field(pattern=r"^[0-9]{2}[0-9AB]$")]


class _Strict(BaseModel):
    # Strict: `public_body = "no"` is an error, never a guess.
    model_config = ConfigDict(extra="forbid", strict=True)


class _Table(_Strict):
    columns: list[str] = Field(min_length=1)
    potential_identifiers: list[str] = []


class _Population(_Strict):
    born_from: int | None = Field(default=None, ge=1850, le=2200)
    born_until: int | None = Field(default=None, ge=1850, le=2200)
    departments: list[_Department] = []


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
    applicant: _Person
    public_body: bool
    members: list[_Person] = Field(min_length=1)
    purpose: Annotated[Purpose, Field(strict=False)]
    first_year: int = Field(ge=2006, le=2200)
    last_year: int = Field(ge=2006, le=2200)
    starts: date
    ends: date
    tables: dict[str, _Table] = Field(min_length=1)
    population: _Population = _Population()
    justifications: dict[str, str] = {}
    items: _Items = _Items()


def read_application(path: Path) -> AccessApplication:
    """The application in the TOML file at `path`; docs/reference/application.md lists its keys.

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
        message = first["msg"][:1].lower() + first["msg"][1:]
        raise Invalid(
            f"The application `{path}` is wrong at `{place}`: {message}.",
            remedy="docs/reference/application.md lists every key.",
        ) from error
    except ValueError as error:
        raise Invalid(
            f"The application `{path}` is wrong: {error}.",
            remedy="It is a TOML file; docs/reference/application.md lists every key.",
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
        justifications=tuple(
            Justification(category=category, reason=reason)
            for category, reason in sorted(parsed.justifications.items())
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
