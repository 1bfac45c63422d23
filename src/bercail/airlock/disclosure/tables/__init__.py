"""Typed tables: what was counted, of whom, by which dimensions; read from files or made inside.

Never does: judge a cell. Hands out: `Dimension`, `TypedTable`, `link`, and the readers of
CSV, XLSX, Parquet, HTML and LaTeX in `reading`.
"""
