"""The ways from bronze to events that several concepts share: care, stays, tables of their own.

Sources: the public documentation of the SNDS (DCIR star, PMSI keys by sector); L'essentiel du SNDS
(CNAM, 2020); the columns of each year in the catalogue. SNDS names are never translated.
"""

from __future__ import annotations

from attrs import frozen

from bercail.cohorts.views import DCIR_KEY, PMSI_KEY
from bercail.ingest.silver.definition import Branch, Field, Link

CARE_RULES = (
    "dcir-base-acts",
    "dcir-not-for-information",
    "dcir-real-identifiers",
    "dcir-known-act",
)
STAY_RULES = ("mco-return-codes", "mco-no-error-groups", "mco-pie")
# The tables that chain stays to persons have had exact dates since that year.
EXACT_DATES = 2009


@frozen(kw_only=True)
class Sector:
    """A sector of the PMSI other than the MCO, by its tables.

    `chain` links a stay to its person. `summary` has a line for each week or sequence of a stay,
    named by `within` among the lines of `key`. `groups`, where there is one, says which of these
    were wrongly grouped, and bars them.
    """

    name: str
    chain: str
    summary: str
    key: tuple[str, ...]
    within: tuple[str, ...]
    rules: tuple[str, ...]
    groups: str = ""
    since: int = EXACT_DATES


HAD = Sector(
    name="had",
    chain="T_HADaaC",
    summary="T_HADaaB",
    key=("ETA_NUM_EPMSI", "RHAD_NUM"),
    within=("SEQ_NUM", "SSEQ_NUM"),
    rules=("had-return-codes", "had-no-error-groups"),
    groups="T_HADaaGRP",
    # Sequences have had their number since that year.
    since=2010,
)
SSR = Sector(
    name="ssr",
    chain="T_SSRaaC",
    summary="T_SSRaaB",
    key=("ETA_NUM", "RHA_NUM"),
    within=("RHS_NUM",),
    rules=("ssr-return-codes", "ssr-no-error-groups"),
)
RIP = Sector(
    name="rip",
    chain="T_RIPaaC",
    summary="T_RIPaaRSA",
    key=("ETA_NUM_EPMSI", "RIP_NUM"),
    within=("SEQ_SEQ_NUM",),
    rules=("rip-return-codes",),
)
SECTORS = (HAD, SSR, RIP)


def care(
    name: str,
    fields: dict[str, Field],
    detail: str = "",
    order: str = "",
    *,
    where: tuple[str, ...] = (),
    rules: tuple[str, ...] = CARE_RULES,
    positive: tuple[str, ...] = ("quantity",),
    periods: bool = False,
    in_town: bool = False,
) -> Branch:
    """Lines of ER_PRS_F, or of a detail table of it (1-n), joined on the nine columns.

    `in_town` bars what a public hospital bills directly, as far as the lake has ER_ETE_F: its care
    is read in the PMSI.
    """
    tables = {"s": "ER_PRS_F", **({"p": detail} if detail else {})}
    barring = {"e": "ER_ETE_F"} if in_town else {}
    key = tuple(f"s.{column}" for column in DCIR_KEY)
    return Branch(
        name=name,
        tables=tables | barring,
        who="s",
        link="rank",
        pseudonym="BEN_NIR_PSA",
        joins={alias: DCIR_KEY for alias in (*tables, *barring) if alias != "s"},
        barring=tuple(barring),
        optional=tuple(barring),
        key=(*key, f"p.{order}") if detail else key,
        line=detail or "ER_PRS_F",
        flux="s",
        rules=(*rules, "dcir-billed-in-town") if in_town else rules,
        where=where,
        fields={"date": Field(source="s.EXE_SOI_DTD"), **fields},
        net=not periods,
        positive=positive,
        periods=periods,
    )


def stay(
    name: str,
    fields: dict[str, Field],
    detail: str = "",
    order: tuple[str, ...] = (),
    *,
    where: tuple[str, ...] = (),
    positive: tuple[str, ...] = (),
) -> Branch:
    """Stays of one year (MCO), chained to their person; or lines of a detail table of the stay.

    With `positive`, lines of one stay are added up.
    """
    tables = {"c": "T_MCOaaC", "b": "T_MCOaaB", **({"d": detail} if detail else {})}
    key = tuple(f"c.{column}" for column in PMSI_KEY)
    return Branch(
        name=name,
        tables=tables,
        who="c",
        link="pseudonym",
        pseudonym="NIR_ANO_17",
        joins={alias: PMSI_KEY for alias in tables if alias != "c"},
        key=(*key, *(f"d.{column}" for column in order)),
        line=detail or "T_MCOaaB",
        stay=key,
        since=EXACT_DATES,
        rules=STAY_RULES,
        where=where,
        fields=fields,
        net=bool(positive),
        positive=positive,
    )


def alone(
    name: str,
    table: str,
    link: Link,
    pseudonym: str,
    key: tuple[str, ...],
    fields: dict[str, Field],
    *,
    rules: tuple[str, ...] = (),
    where: tuple[str, ...] = (),
    net: bool = False,
) -> Branch:
    """Lines of one table that says itself whose they are."""
    return Branch(
        name=name,
        tables={"t": table},
        who="t",
        link=link,
        pseudonym=pseudonym,
        key=tuple(f"t.{column}" for column in key),
        line=table,
        rules=rules,
        where=where,
        fields=fields,
        net=net,
    )


def sector(
    name: str,
    of: Sector,
    fields: dict[str, Field],
    detail: str = "",
    order: tuple[str, ...] = (),
    *,
    where: tuple[str, ...] = (),
    positive: tuple[str, ...] = (),
    by_stay: bool = False,
) -> Branch:
    """Stays of a sector, from the lines of their weeks or sequences; or of a detail table.

    A detail meets its week or sequence, so that one of those that are left out takes its details
    along; `by_stay`, it meets the stay alone, under the first rule, which is of the chain. What the
    lines of one stay repeat is one event. Its date, unless `fields` say otherwise, is the day of
    entry: most delays count from the entry into a unit or sequence, whose day no table gives.
    """
    tables, joins, via = _met(of, detail, by_stay=by_stay)
    key = tuple(f"c.{column}" for column in of.key)
    within = () if by_stay else tuple(f"b.{column}" for column in of.within)
    return Branch(
        name=name,
        tables=tables,
        who="c",
        link="pseudonym",
        pseudonym="NIR_ANO_17",
        joins=joins,
        via=via,
        barring=("g",) if "g" in tables else (),
        key=(*key, *within, *(f"d.{column}" for column in order)),
        line=detail or of.summary,
        stay=key,
        since=of.since,
        rules=of.rules[:1] if by_stay else of.rules,
        where=where,
        fields={"date": Field(source="c.EXE_SOI_DTD"), **fields},
        net=True,
        positive=positive,
    )


def _met(
    of: Sector, detail: str, *, by_stay: bool
) -> tuple[dict[str, str], dict[str, tuple[str, ...]], dict[str, str]]:
    """The tables of a branch of a sector, how they meet, and which other alias each meets."""
    if by_stay:
        # One line of the summary for each of the detail would multiply it.
        return {"c": of.chain, "d": detail}, {"d": of.key}, {}
    tables = {"c": of.chain, "b": of.summary}
    joins = {"b": of.key}
    for alias, table in (("g", of.groups), ("d", detail)):
        if table:
            tables[alias], joins[alias] = table, (*of.key, *of.within)
    return tables, joins, {alias: "b" for alias in tables if alias not in ("b", "c")}
