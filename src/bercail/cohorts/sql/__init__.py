"""Say a study in SQL: the model with its scope becomes relations, in no engine's own words.

Never does: run a query, read what the author wrote outside the scoped model, or put a value of a
person into a text of SQL.
Hands out: `compile_cohort` (sql.cohort), the answer's tables (sql.answer), terms and trees.
"""
