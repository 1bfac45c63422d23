"""Which identities are one person, what is best known of each person, and what is in doubt.

A person is everything that shares an own number (BEN_NIR_ANO); identities of a pair (PSA, rank)
without one belong to the own number that the pair had first, or else are a person by themselves
(L'essentiel du SNDS, BEN_IDT_ANO; CepiDc user documentation). Twins of the same sex share a PSA and
never a rank with another person, so they are never joined.

The number of a person is the smallest number among its identities. An identity keeps its number for
ever and always means the same human being, so a person's number is never another person's later; it
changes only when the person turns out to be one with an older one, and then to the older number.
"""

# ruff: noqa: S608 - queries hold names of our own, never a value of a row
from __future__ import annotations

import duckdb

from bercail.ingest.persons.columns import (
    ARCHIVE,
    IDENTITY_SCHEMA,
    OTHER_CODE,
    PERSON_FLAGS,
    PERSON_SCHEMA,
    PROVISIONAL_BITS,
    REAL_BITS,
    REGISTER,
    SUMMED,
)
from bercail.ingest.persons.merging import NUMBERED

IDENTITIES = "identities"
PERSONS = "persons"
_ORDINARY = 10**13

_OWNERS = f"""
CREATE TABLE owners AS SELECT psa, rank, '' AS own, arg_min(own, identity) AS owner FROM {NUMBERED}
WHERE own <> '' AND psa IN (SELECT psa FROM {NUMBERED} WHERE own = '') GROUP BY psa, rank"""

_SHARED_OWN = f"""
CREATE TABLE shared_own AS SELECT one, min(identity) AS person FROM (
  SELECT n.identity, CASE WHEN n.own <> '' THEN n.own ELSE o.owner END AS one
  FROM {NUMBERED} n LEFT JOIN owners o USING (psa, rank, own))
WHERE one IS NOT NULL GROUP BY one HAVING count(*) > 1"""

_LED = f"""
CREATE TABLE led AS SELECT n.*, o.owner, coalesce(s.person, n.identity) AS person
FROM {NUMBERED} n LEFT JOIN owners o USING (psa, rank, own)
LEFT JOIN shared_own s ON s.one = CASE WHEN n.own <> '' THEN n.own ELSE o.owner END"""

# Under one PSA: a second rank that leads to somebody else is a twin; it is undecided while one of
# the two has no number of their own, since some schemes write one person under two ranks.
_SHARED_PSA = """
CREATE TABLE shared_psa AS SELECT psa, min(identity) AS psa_first,
  min(rank) <> max(rank) AND min(person) <> max(person) AS twin,
  bool_or(own = '' AND owner IS NULL) AS unsure
FROM led GROUP BY psa HAVING count(*) > 1"""

_SHARED_PAIR = f"""
CREATE TABLE shared_pair AS SELECT psa, rank, min(person) <> max(person) AS ambiguous,
  bool_and((sources & {REGISTER | ARCHIVE}) = 0) AS unregistered
FROM led SEMI JOIN shared_psa USING (psa) GROUP BY psa, rank HAVING count(*) > 1"""

# A link ends where another one of its pair begins after it was last seen.
_VALIDITY = """
CREATE TABLE validity AS WITH links AS (
  SELECT psa, rank, identity, first_seen, last_seen,
    row_number() OVER (PARTITION BY psa, rank ORDER BY first_seen NULLS FIRST, identity) AS turn
  FROM led SEMI JOIN shared_pair USING (psa, rank))
SELECT a.identity, a.turn > 1 AS later, min(b.first_seen) AS valid_to FROM links a
LEFT JOIN links b ON a.psa = b.psa AND a.rank = b.rank AND b.first_seen > a.last_seen
GROUP BY a.identity, a.turn"""

_PEOPLE = f"""
CREATE TABLE people AS SELECT person, max(CASE WHEN own <> '' THEN own ELSE owner END) AS own,
  max(CASE WHEN identity = person THEN psa END) AS psa,
  max(CASE WHEN identity = person THEN rank END) AS rank,
  count(*)::INTEGER AS identities,
  CASE WHEN count(*) = 1 THEN 1 ELSE count(DISTINCT coalesce(psa_first, identity)) END::INTEGER
    AS psa_count,
  min(birth_year_low) AS y0, max(birth_year_high) AS y1, min(birth_month_low) AS m0,
  max(birth_month_high) AS m1, min(sex_low) AS s0, max(sex_high) AS s1, min(death_low) AS d0,
  max(death_high) AS d1, min(first_seen) AS first_seen, max(last_seen) AS last_seen,
  max((codes & 1) * {_ORDINARY} + birth_latest) % 1000000 AS birth,
  max((codes & 1) * {_ORDINARY} + sex_latest) % 10 AS sex,
  bool_or((codes & {REAL_BITS}) <> 0) AS real_identifier,
  bool_or(coalesce(twin, false)) AS twin, bool_or(coalesce(ambiguous, false)) AS ambiguous
FROM led LEFT JOIN shared_psa USING (psa) LEFT JOIN shared_pair USING (psa, rank) GROUP BY person"""

_FLAGS_OF_PERSON = """psa_count > 1 AS several_psa,
  coalesce(y0 <> y1, false) OR coalesce(m0 <> m1, false) AS birth_variation,
  coalesce(s0 <> s1, false) AS sex_variation, coalesce(d0 <> d1, false) AS death_conflict"""

_DOUBTED = f"""
CREATE TABLE doubted AS SELECT * FROM (SELECT person, {_FLAGS_OF_PERSON} FROM people)
WHERE {" OR ".join(PERSON_FLAGS)}"""


def _ranked(own: str) -> str:
    """BEN_IDT_ANO: the own number, else PSA and rank; unknown without a rank."""
    return f"coalesce({own}, CASE WHEN rank >= 0 THEN psa || rank END)"


_SELECT_IDENTITIES = f"""
SELECT psa AS BEN_NIR_PSA, CASE WHEN rank >= 0 THEN rank END AS BEN_RNG_GEM,
  {_ranked("CASE WHEN own <> '' THEN own END")} AS BEN_IDT_ANO, identity, person,
  CASE WHEN later THEN first_seen ELSE least(inserted, first_seen) END AS valid_from, valid_to,
  coalesce(twin, false) AS twin, coalesce(twin AND unsure, false) AS undecided,
  coalesce(ambiguous, false) AS ambiguous,
  (codes & {PROVISIONAL_BITS}) <> 0 AND (codes & 1) = 0 AS provisional,
  (codes & {OTHER_CODE}) <> 0 AND (codes & {REAL_BITS}) = 0 AS fictitious,
  (sources & {ARCHIVE}) <> 0 AS archived,
  coalesce(unregistered, (sources & {REGISTER | ARCHIVE}) = 0) AS unregistered,
  {", ".join(f"coalesce({name}, false) AS {name}" for name in PERSON_FLAGS)},
  {", ".join(SUMMED)}
FROM led LEFT JOIN shared_psa USING (psa) LEFT JOIN shared_pair USING (psa, rank)
LEFT JOIN validity USING (identity) LEFT JOIN doubted USING (person)"""

_SELECT_PERSONS = f"""
SELECT person, {_ranked("own")} AS BEN_IDT_ANO, identities, psa_count,
  CASE WHEN s0 = s1 THEN s0 ELSE sex END::INTEGER AS sex,
  CASE WHEN s0 IS NULL THEN 'unknown' WHEN s0 = s1 THEN 'agreed' ELSE 'latest' END AS sex_by,
  CASE WHEN y0 = y1 THEN y0 ELSE birth // 100 END::INTEGER AS birth_year,
  CASE WHEN y0 IS NULL THEN 'unknown' WHEN y0 = y1 THEN 'agreed' ELSE 'latest' END
    AS birth_year_by,
  CASE WHEN m0 = m1 THEN m0 ELSE nullif(birth % 100, 0) END::INTEGER AS birth_month,
  CASE WHEN m0 IS NULL THEN 'unknown' WHEN m0 = m1 THEN 'agreed'
    WHEN birth % 100 > 0 THEN 'latest' ELSE 'unknown' END AS birth_month_by,
  d1 AS death_date,
  CASE WHEN d1 IS NULL THEN 'unknown' WHEN d0 = d1 THEN 'agreed' ELSE 'latest_day' END AS death_by,
  first_seen, last_seen, real_identifier, twin, ambiguous, {_FLAGS_OF_PERSON}
FROM people"""


def resolve(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the views `identities` and `persons` from the table `numbered`, which goes."""
    for step in (_OWNERS, _SHARED_OWN, _LED):
        connection.execute(step)
    connection.execute(f"DROP TABLE {NUMBERED}")
    for step in (_SHARED_PSA, _SHARED_PAIR, _VALIDITY, _PEOPLE, _DOUBTED):
        connection.execute(step)
    columns = ", ".join(IDENTITY_SCHEMA.names)
    connection.execute(f"CREATE VIEW {IDENTITIES} AS SELECT {columns} FROM ({_SELECT_IDENTITIES})")
    columns = ", ".join(PERSON_SCHEMA.names)
    connection.execute(f"CREATE VIEW {PERSONS} AS SELECT {columns} FROM ({_SELECT_PERSONS})")
