"""Application and permit as values (EHDS art. 53, 67, 68; CSP L1462-1 for the French route)."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from attrs import field, frozen, validators

TEXT_ITEMS = (
    "identity",
    "purpose_explained",
    "benefit",
    "why_pseudonymised",
    "own_datasets",
    "safeguards",
    "tools",
    "ethics",
    "opt_out_exception",
)
LONGEST_YEARS = 10


class Purpose(StrEnum):
    """What the data may be used for (EHDS art. 53(1)); (a) to (c) are for public bodies."""

    PUBLIC_INTEREST = "a"
    POLICY = "b"
    STATISTICS = "c"
    EDUCATION = "d"
    RESEARCH = "e"
    CARE_IMPROVEMENT = "f"


PUBLIC_BODY_ONLY = frozenset({Purpose.PUBLIC_INTEREST, Purpose.POLICY, Purpose.STATISTICS})


@frozen(kw_only=True)
class TableScope:
    """A table family and the columns of it; `potential_identifiers` are granted one by one."""

    table: str
    columns: tuple[str, ...]
    potential_identifiers: tuple[str, ...] = ()


@frozen(kw_only=True)
class Population:
    """Who the extract holds: birth years (inclusive) and départements; empty means all."""

    born_from: int | None = None
    born_until: int | None = None
    departments: tuple[str, ...] = ()


@frozen(kw_only=True)
class DataScope:
    """Tables, columns, years of care and population (EHDS art. 68(10)(a))."""

    tables: tuple[TableScope, ...] = field(validator=validators.min_len(1))
    first_year: int
    last_year: int
    population: Population = Population()

    def __attrs_post_init__(self) -> None:
        if self.first_year > self.last_year:
            raise ValueError("the first year comes after the last")
        if len({scope.table for scope in self.tables}) != len(self.tables):
            raise ValueError("a table stands twice in the scope")


@frozen(kw_only=True)
class AccessApplication:
    """The items (a) to (k) of EHDS art. 67(2); an empty text is a missing item."""

    project: str = field(validator=validators.matches_re(r"[a-z0-9][a-z0-9-]{0,60}"))
    title: str
    applicant: str
    public_body: bool
    members: tuple[str, ...]
    purpose: Purpose
    scope: DataScope
    starts: date
    ends: date
    identity: str = ""
    purpose_explained: str = ""
    benefit: str = ""
    why_pseudonymised: str = ""
    own_datasets: str = ""
    safeguards: str = ""
    tools: str = ""
    ethics: str = ""
    opt_out_exception: str = ""

    def missing_items(self) -> tuple[str, ...]:
        """The items still empty, in the order of the article."""
        return tuple(name for name in TEXT_ITEMS if not getattr(self, name).strip())


@frozen(kw_only=True)
class DataPermit:
    """The decision and its terms (EHDS art. 68(10)); ends at the end of `valid_until`."""

    id: str
    project: str
    members: tuple[str, ...]
    purpose: Purpose
    scope: DataScope
    valid_from: date
    valid_until: date
    checkers_required: int = 2
    conditions: tuple[str, ...] = ()
