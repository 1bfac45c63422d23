"""Tables of several files, protected in one program, given back file by file.

Each part is published with its own document and certificate; what all of them give away together
is said by the audit of the whole.
"""

from __future__ import annotations

from attrs import evolve

from bercail.airlock.disclosure.audit import audit_tables
from bercail.airlock.disclosure.protect.outcome import ProtectedTables
from bercail.airlock.disclosure.protect.suppression import house_rule


def parted(outcome: ProtectedTables, start: int, many: int) -> ProtectedTables:
    """The tables number `start` to `start + many - 1` of `outcome`, numbered from 0.

    The cells keep the intervals of attackers who read all tables; the document and the audit are
    those of the part alone, which anyone who has only that file can compute again.

    Raises:
        Unproven: the solver fails.
    """
    inside = range(start, start + many)
    tables = outcome.document["tables"]
    document = {**outcome.document, "tables": [tables[number] for number in inside]}
    wanted = tuple(
        evolve(one, table=one.table - start) for one in outcome.wanted if one.table in inside
    )
    return evolve(
        outcome,
        tables=tuple(outcome.tables[number] for number in inside),
        document=document,
        cells=tuple(
            evolve(one, table=one.table - start) for one in outcome.cells if one.table in inside
        ),
        flags=tuple((number - start, flag) for number, flag in outcome.flags if number in inside),
        audit=audit_tables(document, house_rule(outcome.policy), wanted=wanted),
        wanted=wanted,
    )
