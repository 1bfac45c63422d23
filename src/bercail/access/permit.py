"""Application and permit as values (EHDS art. 53, 67, 68; CSP L1462-1 for the French route)."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from attrs import field, frozen, validators

# The items of EHDS art. 67(2) that are told in words. Persons, purpose, data and period
# (its (a), (b), (d) and (h)) are values of their own and cannot be absent.
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
    """A table family and the columns of it; `potential_identifiers` are granted one by one.

    Raises `ValueError` for a column named twice, or for a potential identifier that is not
    among the columns: a permit says each thing once.
    """

    table: str
    columns: tuple[str, ...] = field(validator=validators.min_len(1))
    potential_identifiers: tuple[str, ...] = ()

    def __attrs_post_init__(self) -> None:
        if len(set(self.columns)) != len(self.columns):
            raise ValueError(f"a column of `{self.table}` is named twice")
        stray = sorted(set(self.potential_identifiers) - set(self.columns))
        if stray:
            raise ValueError(f"`{self.table}.{stray[0]}` is no column of the scope")


@frozen(kw_only=True)
class Population:
    """Who the extract holds: years of birth (inclusive) and départements; empty means all.

    `departments` are three characters, as in BEN_RES_DPT: `075`, `02A`, `974`.
    """

    born_from: int | None = None
    born_until: int | None = None
    departments: tuple[str, ...] = field(
        default=(),
        validator=validators.deep_iterable(validators.matches_re(r"[0-9]{2}[0-9AB]")),
    )

    def __attrs_post_init__(self) -> None:
        first, last = self.born_from, self.born_until
        if first is not None and last is not None and first > last:
            raise ValueError("the first year of birth comes after the last")


@frozen(kw_only=True)
class Justification:
    """Why one kind of potential identifier is needed beside others."""

    category: str
    reason: str


@frozen(kw_only=True)
class DataScope:
    """Tables, columns, years of care and population (EHDS art. 68(10)(a)).

    `justifications` are needed when the columns cross several kinds of potential identifiers.
    """

    tables: tuple[TableScope, ...] = field(validator=validators.min_len(1))
    first_year: int
    last_year: int
    population: Population = Population()
    justifications: tuple[Justification, ...] = ()

    def __attrs_post_init__(self) -> None:
        if len({item.category for item in self.justifications}) != len(self.justifications):
            raise ValueError("a kind of potential identifier is justified twice")
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
    members: tuple[str, ...] = field(validator=validators.min_len(1))
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

    def __attrs_post_init__(self) -> None:
        if self.starts > self.ends:
            raise ValueError("the period ends before it starts")

    def missing_items(self) -> tuple[str, ...]:
        """The items still empty, in the order of the article."""
        return tuple(name for name in TEXT_ITEMS if not getattr(self, name).strip())


@frozen(kw_only=True)
class DataPermit:
    """The decision and its terms (EHDS art. 68(10)).

    It opens from the beginning of `valid_from` to the end of `valid_until`, in UTC.
    """

    id: str
    project: str
    members: tuple[str, ...]
    purpose: Purpose
    scope: DataScope
    valid_from: date
    valid_until: date
    checkers_required: int = 2
    conditions: tuple[str, ...] = ()
