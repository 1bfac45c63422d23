"""The five studies in SQL written by hand, over bronze and over silver in clear.

Each gives what the study gives: its persons in order with what is asked of them, how many persons
the register has (the first box of the flowchart), and the counts by month or the pairs of case and
control. Written for DuckDB in words that PostgreSQL has, too, so that one text serves both.

The queries keep the rules that the studies name; over silver, its tables have kept them: a year of
birth out of 1601 to 2199 and a sex that is neither 1 nor 2 say nothing, and rows of a person that
disagree say nothing either (studies ask for persons whose sex and year are known); a death before
1601 is none; who never had an event stays in the denominator of a prevalence and among the possible
controls.
"""

# ruff: noqa: S608 - queries are made of constants of this folder
from __future__ import annotations

from attrs import evolve, frozen
from shapes_data import KEY, ZERO


@frozen(kw_only=True)
class ByHand:
    """A study in SQL: relations to keep first, in their order, then one query for each output."""

    kept: dict[str, str]
    outputs: dict[str, str]


_RETURNED = " AND ".join(f"c.{name}_RET = '0'" for name in ZERO)
_PEOPLE = """
  SELECT r.BEN_IDT_ANO AS person, r.BEN_IDT_ANO AS name, min(r.birth) AS birth, min(r.sex) AS sex,
    max(r.death) AS death
  FROM (
    SELECT BEN_IDT_ANO,
      CASE WHEN TRY_CAST(BEN_NAI_ANN AS INT) BETWEEN 1601 AND 2199
        THEN TRY_CAST(BEN_NAI_ANN AS INT) END AS birth,
      CASE WHEN BEN_SEX_COD IN (1, 2) THEN BEN_SEX_COD END AS sex,
      CASE WHEN BEN_DCD_DTE >= DATE '1601-01-01' THEN BEN_DCD_DTE END AS death
    FROM IR_BEN_R) r GROUP BY 1, 2
  HAVING min(r.birth) = max(r.birth) AND min(r.sex) = max(r.sex)"""
_SILVER_PEOPLE = """
  SELECT person, identity AS name, birth_year AS birth, sex, death_date AS death
  FROM silver_register WHERE birth_year IS NOT NULL AND sex IS NOT NULL"""
_BRONZE_DRUG = f"""
  SELECT o.person, s.EXE_SOI_DTD AS date
  FROM (SELECT cip13 FROM drugs WHERE starts_with(atc, 'C10')) d
  JOIN ER_PHA_F p ON p.PHA_PRS_C13 = d.cip13
  JOIN ER_PRS_F s USING ({KEY})
  JOIN (
    SELECT BEN_NIR_PSA, BEN_RNG_GEM, min(BEN_IDT_ANO) AS person FROM IR_BEN_R
    GROUP BY 1, 2 HAVING min(BEN_IDT_ANO) = max(BEN_IDT_ANO)) o USING (BEN_NIR_PSA, BEN_RNG_GEM)
  WHERE s.CPL_MAJ_TOP < 2 AND coalesce(s.DPN_QLF, 0) NOT IN (71, 72)
    AND coalesce(s.PRS_DPN_QLP, 0) NOT IN (71, 72) AND s.BEN_CDI_NIR IN ('00', '03', '04')
    AND s.BSE_PRS_NAT <> 0
  GROUP BY o.person, s.EXE_SOI_DTD, p.PHA_PRS_C13
  HAVING sum(p.PHA_ACT_QSN) > 0
    OR sum(CASE WHEN p.PHA_DEC_TOP = 'D' THEN p.PHA_DEC_QSU END) > 0"""
_BRONZE_STAYS = f"""
  SELECT o.person, c.EXE_SOI_DTD AS date, b.DGN_PAL AS code
  FROM (SELECT 23 AS y, * FROM T_MCO23C UNION ALL SELECT 24, * FROM T_MCO24C) c
  JOIN (SELECT 23 AS y, * FROM T_MCO23B UNION ALL SELECT 24, * FROM T_MCO24B) b
    USING (y, ETA_NUM, RSA_NUM)
  JOIN (
    SELECT BEN_NIR_PSA, min(BEN_IDT_ANO) AS person FROM IR_BEN_R
    GROUP BY 1 HAVING min(BEN_IDT_ANO) = max(BEN_IDT_ANO)) o ON o.BEN_NIR_PSA = c.NIR_ANO_17
  WHERE {_RETURNED} AND b.GRG_GHM NOT LIKE '90%' AND coalesce(b.SEJ_TYP, 'A') <> 'B'"""
_SILVER_DRUG = """
  SELECT s.person, s.date FROM (SELECT cip13 FROM drugs WHERE starts_with(atc, 'C10')) d
  JOIN silver_dispensings s ON s.cip13 = CAST(d.cip13 AS VARCHAR)"""
_SILVER_STAYS = "SELECT person, date, principal_diagnosis AS code FROM silver_stays"
_STROKES = """
  SELECT person, min(date) AS stroke FROM ({stays}) t
  WHERE starts_with(code, 'I63') AND date BETWEEN DATE '2024-01-01' AND DATE '2024-12-31'
  GROUP BY person"""
_IN_2024 = "date BETWEEN DATE '2024-01-01' AND DATE '2024-12-31'"
_IN_BRONZE = "SELECT count(DISTINCT BEN_IDT_ANO) AS persons FROM IR_BEN_R"
_IN_SILVER = "SELECT count(*) AS persons FROM silver_register"
_ALIVE = ", ".join(
    f"count(*) FILTER (WHERE death IS NULL OR death > DATE '2024-{month:02}-01') AS m{month}"
    for month in range(1, 13)
)
_RANK = "row_number() OVER (PARTITION BY birth, sex ORDER BY name) - 1 AS place"


def bronze(shape: str) -> ByHand:
    """The queries of a study over bronze."""
    study = _SHAPES[shape](_PEOPLE, _BRONZE_DRUG, _BRONZE_STAYS)
    return evolve(study, outputs={**study.outputs, "everyone": _IN_BRONZE})


def silver(shape: str) -> ByHand:
    """The queries of a study over silver, where persons are those of its register."""
    study = _SHAPES[shape](_SILVER_PEOPLE, _SILVER_DRUG, _SILVER_STAYS)
    return evolve(study, outputs={**study.outputs, "everyone": _IN_SILVER})


def _incident(people: str, drug: str, _: str) -> ByHand:
    cohort = f"""
WITH days AS (SELECT DISTINCT person, date FROM ({drug}) t),
told AS (
  SELECT person, date, lag(date) OVER (PARTITION BY person ORDER BY date) AS before FROM days),
fresh AS (
  SELECT person, min(date) AS first FROM told
  WHERE (before IS NULL OR date - before > 365) AND {_IN_2024} GROUP BY person)
SELECT name, first, sex FROM fresh JOIN ({people}) p USING (person) ORDER BY name"""
    return ByHand(kept={}, outputs={"cohort": cohort})


def _stays(people: str, _: str, stays: str) -> ByHand:
    cohort = f"""
SELECT name, stroke, sex, least(floor((2024 - birth) / 10.0), 9) AS age
FROM ({_STROKES.format(stays=stays)}) k JOIN ({people}) p USING (person) ORDER BY name"""
    return ByHand(kept={}, outputs={"cohort": cohort})


def _prevalence(people: str, drug: str, _: str) -> ByHand:
    month = "CAST(date_trunc('month', date) AS DATE) AS month"
    users = f"SELECT DISTINCT person, {month} FROM ({drug}) t WHERE {_IN_2024}"
    used = f"""
SELECT u.month, p.sex, count(*) AS persons FROM ({users}) u JOIN people p USING (person)
WHERE p.death IS NULL OR p.death > u.month GROUP BY 1, 2"""
    outputs = {
        "cohort": "SELECT name, sex FROM people ORDER BY name",
        "used": used,
        "alive": f"SELECT sex, {_ALIVE} FROM people GROUP BY 1",
    }
    return ByHand(kept={"people": people}, outputs=outputs)


def _nested(people: str, drug: str, stays: str) -> ByHand:
    cohort = f"""
WITH strokes AS ({_STROKES.format(stays=stays)}),
before AS (
  SELECT k.person, count(*) AS lines FROM strokes k JOIN ({drug}) d ON d.person = k.person
    AND d.date BETWEEN k.stroke - 90 AND k.stroke GROUP BY k.person)
SELECT name, stroke, sex, coalesce(lines, 0) AS lines
FROM strokes JOIN ({people}) p USING (person) LEFT JOIN before USING (person) ORDER BY name"""
    return ByHand(kept={}, outputs={"cohort": cohort})


def _matched(people: str, _: str, stays: str) -> ByHand:
    told = f"""
SELECT p.*, k.stroke FROM ({people}) p
LEFT JOIN ({_STROKES.format(stays=stays)}) k ON k.person = p.person"""
    pairs = f"""
WITH cases AS (SELECT name, stroke, birth, sex, {_RANK} FROM people WHERE stroke IS NOT NULL),
sizes AS (SELECT birth, sex, count(*) AS n FROM cases GROUP BY 1, 2),
pool AS (
  SELECT name, birth, sex, {_RANK} FROM people
  WHERE stroke IS NULL AND (death IS NULL OR death > DATE '2023-12-31')),
turns AS (
  SELECT name, birth, sex, place % n AS turn FROM pool JOIN sizes USING (birth, sex)
  WHERE place < 4 * n)
SELECT c.name, t.name AS control, c.stroke FROM turns t
JOIN cases c ON c.birth = t.birth AND c.sex = t.sex AND c.place = t.turn ORDER BY 1, 2"""
    cohort = "SELECT name, stroke, birth, sex FROM people WHERE stroke IS NOT NULL ORDER BY name"
    return ByHand(kept={"people": told}, outputs={"cohort": cohort, "pairs": pairs})


_SHAPES = {
    "incident": _incident,
    "stays": _stays,
    "prevalence": _prevalence,
    "nested": _nested,
    "matched": _matched,
}
