"""What a silver table is: its columns, and the ways in which lines of bronze become its events.

Values only. A `Branch` says which tables are joined, how the person is found, which rules apply
by default and whether lines are added up; `Concept` is one silver table, fed by its branches.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import asdict, field, frozen

from bercail.cohorts.views import Kind
from bercail.foundation import Invalid, canonical_json, sha256_hex
from bercail.lake.rules import SILVER

# How a line says whose it is: pseudonym and rank among twins, pseudonym alone (PMSI), or the
# person's own number (BEN_IDT_ANO); `register` is the last, with the number 0 for who has none.
Link = Literal["rank", "pseudonym", "identity", "register"]
# What becomes of a column when lines are added up; `made` is one whose SQL adds up itself.
Add = Literal["key", "sum", "latest", "made"]

# Columns that every silver table has before and after those of its concept.
FIRST: tuple[tuple[str, str, str], ...] = (
    ("bucket", "int32", "the person number modulo 64; rows are ordered by (bucket, person, date)"),
    ("person", "int32", "the person number of this lake, see `silver_identities`"),
)
LINEAGE: tuple[tuple[str, str, str], ...] = (
    ("origin", "text", "lineage: the bronze table whose lines made the row"),
    ("flux", "date", "lineage: the latest flux month (FLX_DIS_DTD) among the lines; none in PMSI"),
    ("lines", "int64", "lineage: how many bronze lines were added up"),
    (
        "line",
        "int64",
        "lineage: 62 bits that name the line; of lines added up, their exclusive or",
    ),
    ("rules", "text", "lineage: version of the rule set that let the lines pass"),
)
BUCKETS = 64
# The column of a concept that names the stay, from the key of each branch that has one.
STAY = "stay"
# Columns that came into the yearly tables later than the tables themselves: since which year, and
# as what an earlier one reads. Those of the MCO stand in `cohorts`.
FORMER: Mapping[tuple[str, str], tuple[int, str]] = {
    **{
        (f"T_{sector}aaC", code): (2013, "0")
        for sector in ("HAD", "SSR", "RIP")
        for code in ("COH_NAI_RET", "COH_SEX_RET")
    },
    ("T_SSRaaB", "GRG_GME"): (2013, ""),
    **{
        (f"T_MCOaa{table}", "DEL_DAT_ENT"): (2013, "0")
        for table in ("FBSTC", "FCSTC", "FMSTC", "FH")
    },
}
# Raised when the same definition makes other rows than before.
FORM = 3


@frozen(kw_only=True)
class Field:
    """One column of a concept: its type, what it says, the bronze column it comes from.

    `source` is `ALIAS.COLUMN` of the branch; `sql`, when given, is made of such columns in braces,
    and reads them without the ways of saying `unknown`; with `=` after the brace, as they are kept.
    """

    source: str
    sql: str = ""
    add: Add = "key"


@frozen(kw_only=True)
class Branch:
    """One way from bronze lines to events.

    `tables` gives the alias of each bronze table or yearly family; `who` the alias of the one that
    says whose line it is, by `link`; `joins` the key columns by which each other alias meets
    `who`. `key` are the columns (`ALIAS.COLUMN`) that name a line; a table without a key of its own
    names it by the person and `key`. `flux` is the alias that holds
    FLX_DIS_DTD, empty in PMSI. `where` are conditions of the concept itself, not cleaning rules.

    An alias meets `who` unless `via` names another alias that it meets. The lines of an alias that
    is `barring` are not joined: one that its rules refuse bars the line that it meets. Without a
    table that is `optional` the branch is read all the same. `stay` are
    the key columns that name the hospital stay of a line. Yearly tables before `since` are left
    out: they lack what the branch cannot do without.
    """

    name: str
    tables: dict[str, str]
    who: str
    link: Link
    pseudonym: str
    joins: dict[str, tuple[str, ...]] = field(factory=dict)
    via: dict[str, str] = field(factory=dict)
    barring: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    key: tuple[str, ...]
    line: str
    flux: str = ""
    stay: tuple[str, ...] = ()
    since: int = 0
    rules: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    fields: dict[str, Field]
    net: bool = False
    positive: tuple[str, ...] = ()
    periods: bool = False

    @property
    def yearly(self) -> bool:
        """Whether its tables are yearly ones, whose keys hold in one year only."""
        return any("aa" in table for table in self.tables.values())


@frozen(kw_only=True)
class Output:
    """The type and the words of one column of a concept."""

    name: str
    kind: Kind
    en: str


def text_column(name: str, en: str) -> Output:
    """A column of text."""
    return Output(name=name, kind=Kind.TEXT, en=en)


@frozen(kw_only=True)
class Concept:
    """One silver table."""

    name: str
    en: str
    columns: tuple[Output, ...]
    branches: tuple[Branch, ...]

    def __attrs_post_init__(self) -> None:
        known = {one.name for one in self.columns}
        for branch in self.branches:
            if strange := set(branch.fields) - known:
                raise Invalid(f"`{self.name}.{branch.name}` fills `{min(strange)}`, no column.")
            named = (*branch.key, *branch.stay)
            if strange := {one.partition(".")[0] for one in named} - set(branch.tables):
                raise Invalid(f"`{self.name}.{branch.name}` names no table `{min(strange)}`.")

    @property
    def table(self) -> str:
        """Its name in the lake."""
        return SILVER + self.name

    @property
    def tables(self) -> tuple[str, ...]:
        """The bronze tables and families that it reads, sorted."""
        return tuple(sorted({name for one in self.branches for name in one.tables.values()}))

    @property
    def rules(self) -> tuple[str, ...]:
        """The cleaning rules that it applies, in the order of its branches."""
        return tuple(dict.fromkeys(rule for one in self.branches for rule in one.rules))

    @property
    def version(self) -> str:
        """Names the definition with its rules: 12 hexadecimal digits of its SHA-256."""
        return sha256_hex(canonical_json({"form": FORM, **asdict(self)}))[:12]


def order_of(concept: Concept) -> tuple[str, ...]:
    """The columns by which rows are ordered: all but the version of the rules, which is one."""
    return tuple(name for name in column_names(concept) if name != "rules")


def column_names(concept: Concept) -> tuple[str, ...]:
    """The columns of a silver table, in their order."""
    own = (one.name for one in concept.columns)
    return (*(name for name, _, _ in FIRST), *own, *(name for name, _, _ in LINEAGE))
