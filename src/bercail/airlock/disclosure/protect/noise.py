"""Cell-key noise on the tables of a request: the same cell gets the same noise in every release.

1. A cell is drawn by the key of its persons, when the file gives one (`cell_key`: their record
   keys added up); else by what it says: cohort, measure, conditions, and the number itself, so
   that other persons under the same words draw anew.
2. Either is put through HMAC under a secret of the vault: whoever hands a table in can compute no
   noise, and choose none.
3. What is published is never 1 to threshold - 1, and a true zero stays zero.
4. The audit takes a published number for any truth within the greatest change, and adds what the
   sums of lines say of the truth.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator

from bercail.airlock.disclosure.audit import Audit, audit_tables
from bercail.airlock.disclosure.counts import Key
from bercail.airlock.disclosure.protect.cell_key import NoiseTable
from bercail.airlock.disclosure.protect.outcome import (
    ProtectedCell,
    ProtectedTables,
    in_unit,
    published,
)
from bercail.airlock.disclosure.protect.rounding import require_uncertain
from bercail.airlock.disclosure.protect.suppression import house_rule
from bercail.airlock.disclosure.rules.cells import primary_cells
from bercail.airlock.disclosure.rules.source_policy import SourcePolicy
from bercail.airlock.disclosure.tables.linked import LinkedSystem, identity, link
from bercail.airlock.disclosure.tables.typed import KEYS, TypedTable, completed
from bercail.foundation import Invalid, Refused, Secret, canonical_json

_FURTHER = 4
"""How much greater than the threshold the greatest change is, so that no small count shows."""


def noise_of(policy: SourcePolicy) -> NoiseTable:
    """The noise under a policy: no number of 1 to threshold - 1 is published."""
    threshold = policy.threshold
    return NoiseTable(most=threshold + _FURTHER, hidden=threshold - 1)


def noise_tables(
    tables: Iterable[TypedTable], policy: SourcePolicy, secret: Secret
) -> ProtectedTables:
    """`tables` of counts with noise on every cell; lines no longer add up, by at most the noise.

    Raises:
        Invalid: the tables do not add up or disagree (`link`), or their cell keys do.
        Refused: a table holds amounts or statistics.
        Unproven: the audit finds a count that is known to be small.
    """
    known = tuple(completed(table) for table in tables)
    _require_counts(known, policy)
    noise = noise_of(policy)
    values = _values(known, noise, secret)
    document = published(known, values, policy, method="noise", base=noise.most + 1)
    audit = audit_tables(document, house_rule(policy))
    flags = [(n, flag) for n, table in enumerate(known) for flag in primary_cells(table, policy)]
    outcome = ProtectedTables(
        policy=policy,
        tables=known,
        document=document,
        cells=tuple(_cells(known, audit)),
        flags=tuple(flags),
        audit=audit,
        wanted=(),
        cost=0,
        optimal=True,
    )
    require_uncertain(outcome, policy)
    return outcome


def _require_counts(tables: tuple[TypedTable, ...], policy: SourcePolicy) -> None:
    if any(table.measure.kind not in ("persons", "records") for table in tables):
        raise Refused(
            f"Noise is for counts, under the policy `{policy.name}`. / "
            f"Le bruit est pour les effectifs, sous la politique `{policy.name}`.",
            remedy="Ask for suppression: amounts and other statistics are suppressed. / "
            "Demandez la suppression : montants et autres statistiques sont supprimés.",
            rule="cell-key",
        )


def _values(
    tables: tuple[TypedTable, ...], noise: NoiseTable, secret: Secret
) -> dict[tuple[int, Key], float | None]:
    """Every cell with its noise; a cell that stands in several tables has one."""
    values: dict[tuple[int, Key], float | None] = {}
    for system in link(tables):
        _require_keys(system)
        for cell, places in enumerate(system.places):
            truth = system.lattice.values[cell]
            shown = noise.published(truth, _drawn(tables, system, cell, secret))
            values.update({(at.table, at.key): float(shown) for at in places})
    return values


def _require_keys(system: LinkedSystem) -> None:
    """Keys that are those of persons: one for each group, those of a line adding up.

    Cells of other persons under one key would share their noise, which their difference cancels.
    """
    keys = [fact.cell_key for fact in system.facts]
    values = system.lattice.values
    seen: dict[int, int] = {}
    shared = any(
        seen.setdefault(key, many) != many
        for key, many in zip(keys, values, strict=True)
        if key is not None and many
    )
    uneven = False
    for line in system.lattice.equations:
        parts = [keys[cell] for cell in line.parts if values[cell]]
        given = [key for key in (keys[line.total], *parts) if key is not None]
        if system.persons and len(given) == len(parts) + 1:
            uneven |= (given[0] - sum(given[1:])) % KEYS != 0
    if shared or uneven:
        raise Invalid(
            "The cell keys of a table are not those of its persons: other numbers share one, or "
            "those of a line do not add up to that of its margin. / Les clés de case d'un tableau "
            "ne sont pas celles de ses personnes : d'autres nombres en partagent une, ou celles "
            "d'une ligne n'ont pas pour somme celle de sa marge.",
            remedy="Add the record keys of the distinct persons of each cell, modulo 2^32. / "
            "Additionnez les clés des personnes distinctes de chaque case, modulo 2^32.",
            rule="cell-key",
        )


def _cells(tables: tuple[TypedTable, ...], audit: Audit) -> Iterator[ProtectedCell]:
    for number, table in enumerate(tables):
        for key, cell in table.cells.items():
            seen = audit.find(number, key)
            yield ProtectedCell(
                table=number,
                key=key,
                value=cell.value,
                status="noised",
                rules=(),
                plain=in_unit(seen.plain, table) if seen else None,
            )


def _drawn(tables: tuple[TypedTable, ...], system: LinkedSystem, cell: int, secret: Secret) -> int:
    """1 and 2: the number that picks the noise of a cell."""
    table = tables[system.places[cell][0].table]
    persons = system.facts[cell].cell_key
    said: list[object] = (
        ["persons", persons]
        if persons is not None
        else [
            "conditions",
            table.population,
            table.measure.as_dict(),
            [list(pair) for pair in identity(table, system.places[cell][0].key)],
            system.lattice.values[cell],
        ]
    )
    text = b"bercail cell noise\x00" + canonical_json(said)
    return int.from_bytes(hmac.new(secret.reveal(), text, hashlib.sha256).digest()[:4], "big")
