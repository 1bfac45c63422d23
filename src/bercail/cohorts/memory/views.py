"""The views in plain Python: persons and events as dictionaries, row by row.

Slow and obviously right. A pseudonym that leads to several persons (same-sex twins in
the PMSI) leads to none: its events are attributed to nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from bercail.cohorts.arithmetic import Registered
from bercail.cohorts.cleaning import REAL_IDENTIFIERS, Rule, find_rules
from bercail.cohorts.events import Events
from bercail.cohorts.memory.evaluate import evaluate
from bercail.cohorts.memory.rows import rows
from bercail.cohorts.memory.silver import (
    cip7,
    read_numbers,
    registered_persons,
    silver_events,
)
from bercail.cohorts.plan import RunPlan
from bercail.cohorts.views import (
    DCIR_KEY,
    DISPENSINGS,
    LONG_TERM_ILLNESSES,
    PMSI_KEY,
    STAYS,
)

Row = dict[str, Any]
EventsByPerson = Mapping[str, list[Row]]
LARGE_PACK_UNITS = 84
_SEX = {1: "male", 2: "female"}


class MemoryViews:
    """Persons and event views of one run, read once and kept."""

    def __init__(self, plan: RunPlan) -> None:
        self._plan = plan
        self._by_rank: dict[tuple[str, int], set[str]] = defaultdict(set)
        self._by_pseudonym: dict[str, set[str]] = defaultdict(set)
        self.persons: dict[str, Row] = {}
        self._register: Mapping[str, list[Row]] = {}
        self._numbers = read_numbers(plan)
        if plan.register:
            self.persons = registered_persons(plan, self._numbers)
        else:
            self._read_persons()
        self._kept: dict[Events, EventsByPerson] = {}

    def called(self, identities: Iterable[str]) -> frozenset[str]:
        """The persons whose identities these are."""
        return frozenset(self._numbers.person(identity) for identity in identities)

    def registered(self, person: str, asked: Registered) -> bool:
        """Whether one row of the person in the register is one that is asked for."""
        rows_of = self._register[person]
        return any(asked.fits(row.get("BEN_NAI_ANN"), row.get("BEN_RES_DPT")) for row in rows_of)

    def events(self, base: Events) -> EventsByPerson:
        """The events of a view after its cleaning rules, by person."""
        if base in self._plan.silver and base not in self._kept:
            self._kept[base] = silver_events(
                self._plan, base, self._numbers, self._drugs(), LARGE_PACK_UNITS
            )
        if base not in self._kept:
            read: dict[str, Callable[[tuple[Rule, ...]], EventsByPerson]] = {
                DISPENSINGS: self._dispensings,
                STAYS: self._stays,
                LONG_TERM_ILLNESSES: self._illnesses,
            }
            self._kept[base] = read[base.of](find_rules(base.of, base.rules))
        return self._kept[base]

    def _columns(self, family: str, *without: str) -> list[str]:
        found = {name for reading in self._plan.readings[family] for name in reading.columns}
        return sorted(found - set(without))

    def _read_persons(self) -> None:
        identity = ("BEN_NIR_PSA", "BEN_RNG_GEM", "BEN_IDT_ANO")
        rest = self._columns("IR_BEN_R", *identity)
        seen: dict[str, list[Row]] = defaultdict(list)
        readings = self._plan.readings["IR_BEN_R"]
        stored = ("BEN_NIR_PSA", "BEN_IDT_ANO")
        for pseudonym, rank, person, *values, _ in rows(readings, [*identity, *rest], stored):
            if person is None:
                continue
            person = self._numbers.person(person)
            if pseudonym is not None:
                self._by_pseudonym[pseudonym].add(person)
                if rank is not None:
                    self._by_rank[pseudonym, rank].add(person)
            seen[person].append(dict(zip(rest, values, strict=True)))
        self._register = seen
        for person, found in seen.items():
            self.persons[person] = _person(found)

    def _one(self, persons: set[str] | None) -> str | None:
        return next(iter(persons)) if persons is not None and len(persons) == 1 else None

    def _dispensings(self, rules: tuple[Rule, ...]) -> EventsByPerson:
        # 1. Detail lines by the nine-column key.
        names = self._columns("ER_PHA_F", *DCIR_KEY)
        lines: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
        width = len(DCIR_KEY)
        for row in rows(self._plan.readings["ER_PHA_F"], [*DCIR_KEY, *names], DCIR_KEY):
            if None not in row[:width]:
                lines[row[:width]].append(dict(zip(names, row[width:-1], strict=True)))
        # 2. Each care line gives its person and date to its detail lines.
        of_care = [rule for rule in rules if rule.table == "ER_PRS_F"]
        names = self._columns("ER_PRS_F", *DCIR_KEY)
        stored = (*DCIR_KEY, "BEN_NIR_PSA")
        drugs = self._drugs()
        found: dict[str, list[Row]] = defaultdict(list)
        for row in rows(self._plan.readings["ER_PRS_F"], [*DCIR_KEY, *names], stored):
            details = lines.get(row[:width])
            if details is None:
                continue
            care = dict(zip(names, row[width:-1], strict=True))
            person = self._one(self._by_rank.get((care["BEN_NIR_PSA"], care["BEN_RNG_GEM"])))
            if person is not None and _kept(of_care, care):
                found[person] += [_dispensing(care, detail, drugs) for detail in details]
        # 3. Regularisations cancel.
        if any(rule.keep is None for rule in rules):
            return {person: _net(dispensings) for person, dispensings in found.items()}
        return found

    def _drugs(self) -> dict[int, tuple[str | None, int | None]]:
        table = self._plan.drugs.select(["cip13", "atc", "units_per_pack"]).to_pydict()
        known = zip(table["cip13"], table["atc"], table["units_per_pack"], strict=True)
        return {code: (atc, units) for code, atc, units in known}

    def _illnesses(self, rules: tuple[Rule, ...]) -> EventsByPerson:
        names = self._columns("IR_IMB_R")
        found: dict[str, list[Row]] = defaultdict(list)
        for *values, _ in rows(self._plan.readings["IR_IMB_R"], names, ("BEN_NIR_PSA",)):
            row = dict(zip(names, values, strict=True))
            person = self._one(self._by_rank.get((row["BEN_NIR_PSA"], row["BEN_RNG_GEM"])))
            if person is not None and _kept(rules, row):
                event = {
                    "start": row.get("IMB_ALD_DTD"),
                    "end": row.get("IMB_ALD_DTF"),
                    "icd10": row.get("MED_MTF_COD"),
                }
                found[person].append(event)
        return found

    def _stays(self, rules: tuple[Rule, ...]) -> EventsByPerson:
        summaries = self._by_stay("T_MCOaaB")
        secondary: dict[tuple[Any, ...], set[str]] = defaultdict(set)
        for family in ("T_MCOaaD", "T_MCOaaUM"):
            for key, found_rows in self._by_stay(family).items():
                for row in found_rows:
                    secondary[key] |= {code for code in row.values() if code is not None}
        of_summary = [rule for rule in rules if rule.table == "T_MCOaaB"]
        of_chaining = [rule for rule in rules if rule.table == "T_MCOaaC"]
        found: dict[str, list[Row]] = defaultdict(list)
        for key, chained in self._by_stay("T_MCOaaC", ("NIR_ANO_17",)).items():
            for chain in chained:
                person = self._one(self._by_pseudonym.get(chain["NIR_ANO_17"]))
                if person is None or not _kept(of_chaining, chain):
                    continue
                for summary in summaries.get(key, ()):
                    if _kept(of_summary, summary):
                        found[person].append(_stay(key, chain, summary, secondary[key]))
        return found

    def _by_stay(
        self, family: str, stored: tuple[str, ...] = ()
    ) -> Mapping[tuple[Any, ...], list[Row]]:
        """The rows of a yearly table by (year, ETA_NUM, RSA_NUM)."""
        found: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
        if family not in self._plan.readings:
            return found
        names = self._columns(family, *PMSI_KEY)
        before = {"DAT_RET", "COH_NAI_RET", "COH_SEX_RET"} if family == "T_MCOaaC" else set()
        for reading in self._plan.readings[family]:
            here = [name for name in names if name in reading.columns or name in before]
            keyed = rows([reading], [*PMSI_KEY, *here], (*PMSI_KEY, *stored))
            for facility, number, *values, year in keyed:
                if facility is not None and number is not None:
                    found[year, facility, number].append(dict(zip(here, values, strict=True)))
        return found


def _kept(rules: Iterable[Rule], row: Row) -> bool:
    return all(
        rule.keep is None or evaluate(rule.keep, lambda node: row[node.name]) is True  # type: ignore[union-attr]
        for rule in rules
    )


def _same(values: Iterable[Any]) -> Any:
    """The known value that all rows of a person agree on; unknown when they differ."""
    known = {value for value in values if value is not None}
    return known.pop() if len(known) == 1 else None


def _person(found: list[Row]) -> Row:
    years = (row.get("BEN_NAI_ANN") for row in found)
    deaths = [row["BEN_DCD_DTE"] for row in found if row.get("BEN_DCD_DTE") is not None]
    homes = [row for row in found if row.get("BEN_RES_DPT") is not None]
    latest = max(homes, key=_update, default=None)
    return {
        "birth_year": _same(y if y is not None and 1600 < y < 2200 else None for y in years),
        "sex": _same(_SEX.get(row.get("BEN_SEX_COD", 0)) for row in found),
        "death_date": max(deaths, default=None),
        "department": None if latest is None else latest["BEN_RES_DPT"],
        "real_identifier": any(row.get("BEN_CDI_NIR") in REAL_IDENTIFIERS for row in found),
    }


def _update(row: Row) -> tuple[date, str]:
    # Where the scope alone asks for the département, the date of update is not read.
    return row.get("BEN_DTE_MAJ") or date.min, row["BEN_RES_DPT"]


def _dispensing(care: Row, detail: Row, drugs: dict[int, tuple[str | None, int | None]]) -> Row:
    code = detail.get("PHA_PRS_C13")
    atc, units = drugs.get(code, (None, None)) if code is not None else (None, None)
    return {
        "date": care.get("EXE_SOI_DTD"),
        "cip13": None if code is None else str(code),
        "cip7": cip7(None if code is None else str(code)),
        "atc": atc,
        "large_pack": None if units is None else units >= LARGE_PACK_UNITS,
        "quantity": detail.get("PHA_ACT_QSN"),
        "units": detail.get("PHA_DEC_QSU") if detail.get("PHA_DEC_TOP") == "D" else None,
    }


def _net(dispensings: list[Row]) -> list[Row]:
    groups: dict[tuple[Any, Any], list[Row]] = defaultdict(list)
    for row in dispensings:
        groups[row["date"], row["cip13"]].append(row)
    net = []
    for group in groups.values():
        packs = sum(row["quantity"] for row in group if row["quantity"] is not None)
        units = sum(row["units"] for row in group if row["units"] is not None)
        if packs > 0 or units > 0:
            net.append({**group[0], "quantity": packs, "units": units})
    return net


def _stay(key: tuple[Any, ...], chain: Row, summary: Row, secondary: set[str]) -> Row:
    principal, related = summary.get("DGN_PAL"), summary.get("DGN_REL")
    own = {code for code in (principal, related) if code is not None}
    return {
        "entry": chain.get("EXE_SOI_DTD"),
        "discharge": chain.get("EXE_SOI_DTF"),
        "principal_diagnosis": principal,
        "related_diagnosis": related,
        "associated_diagnoses": frozenset(secondary),
        "diagnoses": frozenset(secondary | own),
        "ghm": summary.get("GRG_GHM"),
        "exit_mode": summary.get("SOR_MOD"),
        "year": key[0],
        "eta_num": key[1],
        "rsa_num": key[2],
    }
