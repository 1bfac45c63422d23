"""What SQL trees are made of, without a copy or a parse for each piece.

A piece may stand in several places of a tree. What writes or changes a tree copies it first, and
gives each place its own piece then; until then nothing is changed in a piece, only put around it.
"""

from __future__ import annotations

from functools import cache

from sqlglot import exp


def cast(term: exp.Expr, to: str) -> exp.Expr:
    """`term` as a value of the SQL type `to`, such as `BIGINT`; as it is where it is one."""
    wanted = _type(to)
    if isinstance(term, exp.Cast) and term.to == wanted:
        return term
    return exp.Cast(this=term, to=wanted)


@cache
def _type(name: str) -> exp.DataType:
    return exp.DataType.build(name)


def aliased(name: str, alias: str) -> exp.Table:
    """The relation `name`, called `alias`."""
    called = exp.TableAlias(this=exp.to_identifier(alias))
    return exp.Table(this=exp.to_identifier(name), alias=called)


def named_as(term: exp.Expr, name: str) -> exp.Expr:
    """`term` as a column called `name`."""
    return exp.Alias(this=term, alias=exp.to_identifier(name))
