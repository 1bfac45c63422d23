"""The five studies in SQL written by hand for DuckDB, over bronze and over silver in clear.

A query gives the persons of the study with what is asked of them; the counts are made from it.
"""

# ruff: noqa: S608 - queries are made of constants and sizes of this folder
from __future__ import annotations

from shapes_data import KEY

_ZERO = " AND ".join(
    f"c.{name}_RET = '0'"
    for name in ("NIR", "NAI", "SEX", "SEJ", "FHO", "PMS", "DAT", "COH_NAI", "COH_SEX")
)
_PEOPLE = """
people AS (
  SELECT {key}, max(BEN_NAI_ANN)::INT AS birth, max(BEN_SEX_COD) AS sex,
         max(BEN_DCD_DTE) FILTER (BEN_DCD_DTE >= DATE '1601-01-01') AS death
  FROM IR_BEN_R {join} GROUP BY ALL
  HAVING min(BEN_NAI_ANN) = max(BEN_NAI_ANN) AND min(BEN_SEX_COD) = max(BEN_SEX_COD))"""
_OF_BRONZE = f"""
WITH one AS (
  SELECT BEN_NIR_PSA, BEN_RNG_GEM, min(BEN_IDT_ANO) AS person FROM IR_BEN_R
  GROUP BY ALL HAVING min(BEN_IDT_ANO) = max(BEN_IDT_ANO)),
alone AS (
  SELECT BEN_NIR_PSA, min(BEN_IDT_ANO) AS person FROM IR_BEN_R
  GROUP BY ALL HAVING min(BEN_IDT_ANO) = max(BEN_IDT_ANO)),
drug AS (
  SELECT one.person, s.EXE_SOI_DTD AS date
  FROM (SELECT cip13 FROM drugs WHERE starts_with(atc, 'C10')) d
  JOIN ER_PHA_F p ON p.PHA_PRS_C13 = d.cip13
  JOIN ER_PRS_F s USING ({KEY})
  JOIN one USING (BEN_NIR_PSA, BEN_RNG_GEM)
  WHERE s.CPL_MAJ_TOP < 2 AND coalesce(s.DPN_QLF, 0) NOT IN (71, 72)
    AND coalesce(s.PRS_DPN_QLP, 0) NOT IN (71, 72) AND s.BEN_CDI_NIR IN ('00', '03', '04')
    AND s.BSE_PRS_NAT <> 0
  GROUP BY one.person, s.EXE_SOI_DTD, p.PHA_PRS_C13
  HAVING sum(p.PHA_ACT_QSN) > 0 OR sum(p.PHA_DEC_QSU) FILTER (p.PHA_DEC_TOP = 'D') > 0),
chained AS (
  SELECT alone.person, c.EXE_SOI_DTD AS date, b.DGN_PAL AS code
  FROM (SELECT 23 AS y, * FROM T_MCO23C UNION ALL SELECT 24, * FROM T_MCO24C) c
  JOIN (SELECT 23 AS y, * FROM T_MCO23B UNION ALL SELECT 24, * FROM T_MCO24B) b
    USING (y, ETA_NUM, RSA_NUM)
  JOIN alone ON alone.BEN_NIR_PSA = c.NIR_ANO_17
  WHERE {_ZERO} AND b.GRG_GHM NOT LIKE '90%' AND coalesce(b.SEJ_TYP, 'A') <> 'B'),
{_PEOPLE.format(key="BEN_IDT_ANO AS person, BEN_IDT_ANO AS name", join="").strip()}"""
_OF_SILVER = f"""
WITH drug AS (
  SELECT s.person, s.date FROM (SELECT cip13 FROM drugs WHERE starts_with(atc, 'C10')) d
  JOIN silver_dispensings s ON s.cip13 = CAST(d.cip13 AS VARCHAR)),
chained AS (SELECT person, date, principal_diagnosis AS code FROM silver_stays),
{
    _PEOPLE.format(
        key="n.person, n.identity AS name",
        join="JOIN silver_numbers n ON n.identity = BEN_IDT_ANO",
    ).strip()
}"""
_MONTHS = ", ".join(
    f"coalesce(bool_or(u.month = {month}), false) AS m{month}" for month in range(1, 13)
)
_STROKES = """strokes AS (
  SELECT person, min(date) AS stroke FROM chained
  WHERE starts_with(code, 'I63') AND date BETWEEN DATE '2024-01-01' AND DATE '2024-12-31'
  GROUP BY person)"""

QUERIES = {
    "incident": """, days AS (SELECT DISTINCT person, date FROM drug),
told AS (
  SELECT person, date, lag(date) OVER (PARTITION BY person ORDER BY date) AS before FROM days),
fresh AS (
  SELECT person, min(date) AS first FROM told
  WHERE (before IS NULL OR date - before > 365)
    AND date BETWEEN DATE '2024-01-01' AND DATE '2024-12-31'
  GROUP BY person)
SELECT name, first, sex FROM fresh JOIN people USING (person) ORDER BY name""",
    "stays": f""", {_STROKES}
SELECT name, stroke, sex, least((2024 - birth) // 10, 9) AS age
FROM strokes JOIN people USING (person) ORDER BY name""",
    "prevalence": f""", users AS (
  SELECT DISTINCT person, month(date) AS month FROM drug
  WHERE date BETWEEN DATE '2024-01-01' AND DATE '2024-12-31'),
used AS (
  SELECT name, any_value(sex) AS sex, any_value(death) AS death, {_MONTHS}
  FROM people LEFT JOIN users u USING (person) GROUP BY name)
SELECT * FROM used ORDER BY name""",
    "nested": f""", {_STROKES},
before AS (
  SELECT k.person, count(*) AS lines FROM strokes k JOIN drug d ON d.person = k.person
    AND d.date BETWEEN k.stroke - 90 AND k.stroke GROUP BY k.person)
SELECT name, stroke, sex, coalesce(lines, 0) AS lines
FROM strokes JOIN people USING (person) LEFT JOIN before USING (person) ORDER BY name""",
    "matched": f""", {_STROKES},
cases AS (SELECT name, stroke, birth, sex FROM strokes JOIN people USING (person)),
ranked AS (
  SELECT *, row_number() OVER (PARTITION BY birth, sex ORDER BY name) - 1 AS place,
         count(*) OVER (PARTITION BY birth, sex) AS n FROM cases),
pool AS (
  SELECT name, birth, sex, row_number() OVER (PARTITION BY birth, sex ORDER BY name) - 1 AS place
  FROM people WHERE (death IS NULL OR death > DATE '2023-12-31')
    AND person NOT IN (SELECT person FROM strokes))
SELECT r.name, p.name AS control, r.stroke FROM ranked r JOIN pool p
  ON p.birth = r.birth AND p.sex = r.sex AND p.place % r.n = r.place AND p.place // r.n < 4
ORDER BY 1, 2""",
}


def bronze(shape: str) -> str:
    """The query of a study over bronze."""
    return _OF_BRONZE + QUERIES[shape]


def silver(shape: str) -> str:
    """The query of a study over silver."""
    return _OF_SILVER + QUERIES[shape]
