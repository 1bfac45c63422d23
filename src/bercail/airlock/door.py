"""The door: what is handed in is looked at before anything of it is kept or recorded.

Pure: bytes in, a bundle or a refusal out. The five usual causes of rejection are found here, so
that an author mends them in a minute instead of waiting for the checkers (OpenSAFELY
documentation, outputs/output-checking).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from bercail.airlock.disclosure.check import DisclosureCheck, check_table
from bercail.airlock.disclosure.counts import parse_counts
from bercail.airlock.disclosure.findings import VERDICTS_FR, severity_label
from bercail.airlock.disclosure.policy import DisclosurePolicy
from bercail.airlock.disclosure.rules.source_policy import SourcePolicy
from bercail.airlock.disclosure.tables.reading import read_grids
from bercail.airlock.inspection import Disposition, Inspection, Kind, Remark, inspect_bytes
from bercail.airlock.inspection.delimited import look_at_columns
from bercail.airlock.inspection.identifiers import find_identifiers
from bercail.airlock.inspection.kinds import KINDS_FR
from bercail.airlock.inspection.remarks import Notes, told
from bercail.airlock.tabled import (
    KINDS,
    SCHEMA_SUFFIX,
    FileOfTables,
    ProgressReport,
    asks_noise,
    declared_tables,
    source_policy,
    undeclared_tables,
    words_of_schema,
)
from bercail.airlock.together import LinkedFiles, Together, protected_together
from bercail.foundation import Invalid, Refused, Secret

LEAVES, SUPPORTS, DECLARES = "leaves", "supports", "declares"
"""The roles of a file: it leaves, it is for the checkers, it says what the tables of one count."""

MOST_FILES = 50
LONE_TABLE = "table"
"""The name of a count table that is the whole of a request."""

_FIGURES = frozenset({Kind.PNG, Kind.JPEG, Kind.PICTURE, Kind.SVG, Kind.CHART, Kind.PDF})
_UNREADABLE = frozenset({"bomb", "broken", "disguised", "too-much"})
"""A file that is blocked for one of these is not opened as a table."""

_SELF_TOLD = frozenset({Kind.COUNT_TABLE})


@frozen(kw_only=True)
class HandedIn:
    """One file: what it is, and for tables what the disclosure engine made of them.

    `check` is of a count table of the platform, `tables` of any other file that holds tables.
    """

    name: str
    role: str
    data: bytes = field(repr=False)
    inspection: Inspection
    check: DisclosureCheck | None = None
    tables: FileOfTables | None = None

    @property
    def is_protected(self) -> bool:
        """Whether the engine protected it: what leaves is not what was handed in."""
        return self.check is not None or (
            self.tables is not None and self.tables.replacement is not None
        )

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What the inspection found and still stands; of a schema what blocks."""
        if self.role == DECLARES:
            return tuple(one for one in self.inspection.remarks if one.severity == "blocking")
        mended = self.tables.mended if self.tables else frozenset[str]()
        return tuple(one for one in self.inspection.remarks if one.rule not in mended)

    @property
    def verdict(self) -> str:
        """What the engine says of it; `people` where it does not decide."""
        if any(one.severity == "blocking" for one in self.remarks):
            return "blocked"
        if self.check is not None:
            return self.check.verdict
        return self.tables.verdict if self.tables else "people"

    @property
    def rules(self) -> tuple[str, ...]:
        """The ids of what the engine found in its tables, and of the rules that hid cells."""
        if self.check is not None:
            return tuple(finding.rule for finding in self.check.findings)
        found = self.tables.assessment if self.tables else None
        if found is None:
            return ()
        return tuple(one.rule for one in found.findings) + tuple(
            rule for cell in found.cells for rule in cell.rules
        )

    def as_dict(self) -> dict[str, Any]:
        """The file as checkers read it."""
        return {
            "name": self.name,
            "role": self.role,
            "inspection": self.inspection.as_dict(),
            "disclosure": self._disclosure(),
        }

    def _disclosure(self) -> dict[str, Any] | None:
        if self.check is not None:
            return self.check.checker_report()
        return self.tables.checker_report() if self.tables else None


@frozen(kw_only=True)
class Bundle:
    """All that is asked for in one request, looked at.

    `insisted` says why causes stand; `linked` names the files that were protected as one.
    """

    files: tuple[HandedIn, ...]
    context: str = ""
    insisted: str = ""
    policy: DisclosurePolicy
    causes: tuple[Remark, ...] = ()
    linked: tuple[LinkedFiles, ...] = ()

    @property
    def leaving(self) -> tuple[HandedIn, ...]:
        """What is asked to leave."""
        return tuple(one for one in self.files if one.role == LEAVES)

    @property
    def lone_table(self) -> DisclosureCheck | None:
        """The check of the one count table that is the whole of the request, if that is so."""
        return self.files[0].check if len(self.files) == 1 else None

    @property
    def is_blocked(self) -> bool:
        """Whether something in it must not be voted on."""
        # The words of a schema leave with the protected tables.
        declared = [one for one in self.files if one.role == DECLARES]
        # Confidences stay inside, but they say of the model that leaves that it tells its persons.
        told = any(
            remark.rule == "membership" and remark.severity == "blocking"
            for one in self.files
            for remark in one.remarks
        )
        return told or any(one.verdict == "blocked" for one in [*self.leaving, *declared])

    @property
    def rules(self) -> tuple[str, ...]:
        """The ids of everything found, sorted; of a lone table's inspection only what blocks."""
        found = {rule for one in self.leaving for rule in one.rules}
        if self.lone_table is not None:
            found |= {
                remark.rule
                for remark in self.files[0].inspection.remarks
                if remark.severity == "blocking"
            }
        else:
            found |= {remark.rule for one in self.files for remark in one.remarks}
            found |= {cause.rule for cause in self.causes}
        return tuple(sorted(found))

    @property
    def verdict(self) -> str:
        """`blocked`; `people` when the engine does not decide on every file; else its verdict."""
        if self.is_blocked:
            return "blocked"
        found = {one.verdict for one in self.leaving}
        return next(worst for worst in ("people", "protected", "clear") if worst in found)

    def lines(self) -> list[str]:
        """What was found, for a person at a terminal; no value of the files."""
        kinds = [one.inspection.kind for one in self.files if one.role != DECLARES]
        head = (
            f"{self.verdict}: {', '.join(kind.value for kind in kinds)} / "
            f"{VERDICTS_FR[self.verdict]} : {', '.join(KINDS_FR[kind] for kind in kinds)}"
        )
        rows = [head]
        for one in self.files:
            rows += [_line(remark) for remark in one.remarks]
            rows += one.tables.lines() if one.tables else []
        rows += [f"{_TOGETHER}: {', '.join(one.files)}" for one in self.linked]
        inside = {remark.rule for one in self.files for remark in one.inspection.remarks}
        rows += [_line(cause) for cause in self.causes if cause.rule not in inside]
        return rows


_TOGETHER = "protected together / protégés ensemble"


def _line(remark: Remark) -> str:
    shown = remark.as_dict()
    remedies = " / ".join(text for text in (shown["remedy"], shown["remedy_fr"]) if text)
    return f"{severity_label(remark.severity)}: {told(shown)} {remedies}".rstrip()


def look_at(
    leaving: Mapping[str, bytes],
    supporting: Mapping[str, bytes],
    policy: DisclosurePolicy,
    *,
    schemas: Mapping[str, bytes] | None = None,
    context: str = "",
    insisted: str = "",
    source: SourcePolicy | None = None,
    noise: Callable[[], Secret] | None = None,
    progress: ProgressReport | None = None,
) -> Bundle:
    """What is handed in, by the names of the files; everything that is found stands in it.

    `schemas`: for files that leave, by their names, what their tables count. `source`: the
    policy of all statistics, that of the known sources by default. `noise`: gives the secret
    that draws cell-key noise, asked only when a schema asks for noise.

    Raises:
        Invalid: nothing or too much is handed in, two names clash (rule `output-names`), a
            count table is not one (`output-type`), or a schema does not suit (`table-schema`).
        Refused: a schema asks for rounding where it does not hold (`controlled-rounding`).
    """
    known = schemas or {}
    described = {name + SCHEMA_SUFFIX: data for name, data in known.items()}
    _require_names(leaving, {**supporting, **described})
    _require_described(leaving, known)
    rules, secret = source or source_policy(policy), _noise(known, noise)
    desk = _Desk(policy=policy, source=rules, noise=secret, progress=progress)
    files, together = desk.all_leaving(leaving, known)
    files += [desk.beside(name, data, SUPPORTS) for name, data in supporting.items()]
    files += [desk.beside(name, data, DECLARES) for name, data in described.items()]
    bundle = Bundle(
        files=tuple(files),
        context=context,
        insisted=insisted,
        policy=policy,
        linked=together.groups,
    )
    return evolve(bundle, causes=_causes(bundle))


def _noise(schemas: Mapping[str, bytes], secret: Callable[[], Secret] | None) -> Secret | None:
    return secret() if secret and any(asks_noise(one) for one in schemas.values()) else None


@frozen(kw_only=True)
class _Desk:
    """Looks at one file after the other."""

    policy: DisclosurePolicy
    source: SourcePolicy
    noise: Secret | None = field(repr=False)
    progress: ProgressReport | None

    def seen(self, name: str, data: bytes, role: str) -> Inspection:
        shown = words_of_schema(data) if role == DECLARES else data
        return inspect_bytes(
            name, shown, threshold=self.policy.threshold, supporting=role != LEAVES
        )

    def all_leaving(
        self, leaving: Mapping[str, bytes], schemas: Mapping[str, bytes]
    ) -> tuple[list[HandedIn], Together]:
        """Tables that belong together are protected first, then each file is looked at."""
        seen = {name: self.seen(name, data, LEAVES) for name, data in leaving.items()}
        counted = {
            name: (data, schemas.get(name))
            for name, data in leaving.items()
            if _is_counted(seen[name], schemas.get(name))
        }
        together = protected_together(
            counted, self.source, noise=self.noise, progress=self.progress
        )
        files = [
            self.leaving(name, data, seen[name], schemas.get(name), together)
            for name, data in leaving.items()
        ]
        return files, together

    def _with_causes(self, data: bytes, seen: Inspection) -> Inspection:
        """The usual causes also in the tables of a page or a LaTeX text."""
        if seen.kind not in (Kind.HTML, Kind.LATEX):
            return seen
        notes = Notes()
        try:
            grids = read_grids(data)[1]
        except Invalid:
            return seen
        for number, grid in enumerate(grids, start=1):
            with notes.inside(f"table {number}"):
                look_at_columns(grid.rows, notes, self.policy.threshold)
        known = {remark.rule for remark in seen.remarks}
        found = tuple(one for one in notes.remarks() if one.rule not in known)
        return evolve(seen, remarks=(*found, *seen.remarks))

    def beside(self, name: str, data: bytes, role: str) -> HandedIn:
        return HandedIn(name=name, role=role, data=data, inspection=self.seen(name, data, role))

    def leaving(
        self, name: str, data: bytes, seen: Inspection, schema: bytes | None, together: Together
    ) -> HandedIn:
        check = tables = None
        if seen.kind is Kind.COUNT_TABLE:
            _require_own_words(name, schema)
            part = together.outcomes.get(name)
            check = check_table(
                parse_counts(data),
                self.policy,
                self.progress,
                hidden=None if part is None else {key for _, key in part.hidden},
            )
        elif is_readable(seen) and schema is not None:
            tables = declared_tables(
                name,
                data,
                schema,
                self.policy,
                source=self.source,
                noise=self.noise,
                outcome=together.outcomes.get(name),
                alone=together.reasons.get(name, ""),
            )
        elif is_readable(seen) and seen.kind in KINDS:
            tables = undeclared_tables(name, data)
            seen = self._with_causes(data, seen)
        return HandedIn(
            name=name, role=LEAVES, data=data, inspection=seen, check=check, tables=tables
        )


def _is_counted(seen: Inspection, schema: bytes | None) -> bool:
    """Whether the tables of a file are protected here."""
    return is_readable(seen) and (seen.kind is Kind.COUNT_TABLE) == (schema is None)


def is_readable(seen: Inspection) -> bool:
    """Whether a file may be opened as a table."""
    return not _UNREADABLE & {remark.rule for remark in seen.remarks}


def _require_own_words(name: str, schema: bytes | None) -> None:
    if schema is not None:
        raise Invalid(
            f"`{name}` is a count table, which says itself what it counts. / "
            f"`{name}` est un tableau d'effectifs, qui dit lui-même ce qu'il compte.",
            remedy="Hand it in without a schema. / Remettez-le sans schéma.",
            rule="table-schema",
        )


def _require_described(leaving: Mapping[str, bytes], schemas: Mapping[str, bytes]) -> None:
    if unknown := sorted(set(schemas) - set(leaving)):
        raise Invalid(
            f"A schema is given for `{unknown[0]}`, which is not handed in. / "
            f"Un schéma est donné pour `{unknown[0]}`, qui n'est pas remis.",
            remedy="Name a file that leaves. / Nommez un fichier qui sort.",
            rule="table-schema",
        )


def _require_names(leaving: Mapping[str, bytes], supporting: Mapping[str, bytes]) -> None:
    names = [*leaving, *supporting]
    if not leaving or len(names) > MOST_FILES:
        raise Invalid(
            f"`{len(names)}` files are handed in. / `{len(names)}` fichiers sont remis.",
            remedy=f"Hand in 1 to {MOST_FILES} files, one of them to leave. / "
            f"Remettez 1 à {MOST_FILES} fichiers, dont un à faire sortir.",
            rule="output-names",
        )
    lowered = [name.lower() for name in names]
    # A table leaves as JSON and as CSV, both named after it.
    stems = [name.rsplit(".", 1)[0] for name in lowered]
    if len(set(lowered)) != len(lowered) or len(set(stems)) != len(stems):
        raise Invalid(
            "Two files have names that differ only in their ending or their capitals. / "
            "Deux fichiers ont des noms qui ne diffèrent que par leur fin ou leurs majuscules.",
            remedy="Rename one of them. / Renommez l'un d'eux.",
            rule="output-names",
        )


def _causes(bundle: Bundle) -> tuple[Remark, ...]:
    """What the author mends in one step: found in the files, or missing beside them."""
    found = [remark for one in bundle.leaving for remark in one.remarks if remark.severity == "fix"]
    counts = any(one.role == SUPPORTS or one.is_protected for one in bundle.files)
    if counts:
        found = [remark for remark in found if remark.rule != "cause-no-counts"]
    elif any(one.inspection.kind in _FIGURES for one in bundle.leaving):
        found.append(Remark(rule="cause-no-counts", many=1))
    told = all(one.inspection.kind in _SELF_TOLD for one in bundle.leaving)
    if not told and len(bundle.context.split()) < 4:
        found.append(Remark(rule="cause-no-context", many=1))
    for where, text in (("context", bundle.context), ("insistence", bundle.insisted)):
        if _names_somebody(text):
            found.append(Remark(rule="identifier", many=1, places=(where,)))
    return tuple(sorted(found, key=lambda remark: remark.rule))


def require_plain(*texts: str) -> None:
    """Raise unless `texts`, which the journal keeps for ever, may be recorded.

    Raises:
        Invalid: one of them holds an identifier of a person (rule `identifier`).
    """
    if any(_names_somebody(text) for text in texts):
        remark = Remark(rule="identifier", many=1)
        raise Invalid(
            "The words of the statement or reason hold what identifies a person. / "
            "Les mots de la déclaration ou du motif contiennent ce qui identifie une personne.",
            remedy=in_both_languages([remark]),
            rule=remark.rule,
        )


def _names_somebody(text: str) -> bool:
    return any(hit.sure for hit in find_identifiers(text))


def require_takeable(bundle: Bundle) -> None:
    """Raise unless everything may at least be put before the checkers.

    Raises:
        Invalid: a file of a kind that never leaves (rule `output-type`), or a usual cause of
            rejection on which the author does not insist (its own rule). The remedies are told
            in English and French.
        Refused: a declared result breaks a rule (its own id), with the rows and a remedy.
    """
    for one in bundle.files:
        blocking = [remark for remark in one.remarks if remark.severity == "blocking"]
        never = one.inspection.disposition is Disposition.NEVER and not one.is_protected
        kind = one.inspection.kind
        if never or one.inspection.size == 0:
            raise Invalid(
                f"`{one.name}` is not a result: {kind.value}. / "
                f"`{one.name}` n'est pas un résultat : {KINDS_FR[kind]}.",
                remedy=in_both_languages(blocking[:1])
                or "Hand in a result. / Remettez un résultat.",
                rule="output-type",
            )
    _require_results(bundle)
    if bundle.causes and not (bundle.insisted.strip() and _is_mild(bundle.causes)):
        rules = ", ".join(sorted({remark.rule for remark in bundle.causes}))
        raise Invalid(
            f"The checkers would turn this back: {rules}. / "
            f"Les vérificateurs renverraient ceci : {rules}.",
            remedy=in_both_languages(bundle.causes),
            rule=bundle.causes[0].rule,
        )


def _require_results(bundle: Bundle) -> None:
    for one in bundle.leaving:
        broken = one.tables.refused if one.tables else ()
        if broken:
            raise Refused(
                f"`{one.name}` may not leave. / `{one.name}` ne peut pas sortir. "
                + " ".join(found.message for found in broken),
                remedy=" ".join(found.remedy for found in broken),
                rule=broken[0].rule,
            )


def _is_mild(causes: Sequence[Remark]) -> bool:
    """Whether an author may insist on them: not on an identifier in the context."""
    return all(remark.severity == "fix" for remark in causes)


def in_both_languages(remarks: Sequence[Remark]) -> str:
    """The remedies of `remarks`, English before French, each once."""
    words = [remark.as_dict() for remark in remarks]
    english = dict.fromkeys(word["remedy"] for word in words if word["remedy"])
    french = dict.fromkeys(word["remedy_fr"] for word in words if word["remedy_fr"])
    return " / ".join(part for part in (" ".join(english), " ".join(french)) if part)
