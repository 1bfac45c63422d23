"""The door: what is handed in is looked at before anything of it is kept or recorded.

Pure: bytes in, a bundle or a refusal out. The five usual causes of rejection are found here, so
that an author mends them in a minute instead of waiting for the checkers (OpenSAFELY
documentation, outputs/output-checking).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from bercail.airlock.disclosure.check import DisclosureCheck, check_table
from bercail.airlock.disclosure.counts import parse_counts
from bercail.airlock.disclosure.policy import DisclosurePolicy
from bercail.airlock.inspection import Disposition, Inspection, Kind, Remark, inspect_bytes
from bercail.airlock.inspection.identifiers import find_identifiers
from bercail.foundation import Invalid

LEAVES, SUPPORTS = "leaves", "supports"
MOST_FILES = 50
LONE_TABLE = "table"
"""The name of a count table that is the whole of a request."""

_FIGURES = frozenset({Kind.PNG, Kind.JPEG, Kind.PICTURE, Kind.SVG, Kind.CHART, Kind.PDF})
_SELF_TOLD = frozenset({Kind.COUNT_TABLE})
ProgressReport = Callable[[str, int, int], None]


@frozen(kw_only=True)
class HandedIn:
    """One file: what it is, and for a count table what the disclosure engine made of it."""

    name: str
    role: str
    data: bytes = field(repr=False)
    inspection: Inspection
    check: DisclosureCheck | None = None

    def as_dict(self) -> dict[str, Any]:
        """The file as checkers read it."""
        return {
            "name": self.name,
            "role": self.role,
            "inspection": self.inspection.as_dict(),
            "disclosure": self.check.checker_report() if self.check else None,
        }


@frozen(kw_only=True)
class Bundle:
    """All that is asked for in one request, looked at. `insisted` says why causes stand."""

    files: tuple[HandedIn, ...]
    context: str = ""
    insisted: str = ""
    policy: DisclosurePolicy
    causes: tuple[Remark, ...] = ()

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
        tables = [one.check for one in self.leaving if one.check]
        return any(one.inspection.is_blocked for one in self.leaving) or any(
            check.verdict == "blocked" for check in tables
        )

    @property
    def rules(self) -> tuple[str, ...]:
        """The ids of everything found, sorted; of a lone table's inspection only what blocks."""
        found = {f.rule for one in self.leaving if one.check for f in one.check.findings}
        if self.lone_table is not None:
            found |= {
                remark.rule
                for remark in self.files[0].inspection.remarks
                if remark.severity == "blocking"
            }
        else:
            found |= {rule for one in self.files for rule in one.inspection.rules}
            found |= {cause.rule for cause in self.causes}
        return tuple(sorted(found))

    @property
    def verdict(self) -> str:
        """`blocked`; `people` when the engine does not decide on every file; else its verdict."""
        checks = [one.check for one in self.leaving]
        if self.is_blocked:
            return "blocked"
        if not all(checks):
            return "people"
        return "protected" if any(c.verdict == "protected" for c in checks if c) else "clear"

    def lines(self) -> list[str]:
        """What was found, for a person at a terminal; no value of the files."""
        rows = [f"{self.verdict}: " + ", ".join(one.inspection.kind.value for one in self.files)]
        for one in self.files:
            rows += [_line(remark) for remark in one.inspection.remarks]
        inside = {remark.rule for one in self.files for remark in one.inspection.remarks}
        rows += [_line(cause) for cause in self.causes if cause.rule not in inside]
        return rows


def _line(remark: Remark) -> str:
    shown = remark.as_dict()
    where = f" ({'; '.join(remark.places[:3])})" if remark.places else ""
    remedies = " / ".join(text for text in (shown["remedy"], shown["remedy_fr"]) if text)
    return f"{remark.severity}: {shown['message']}{where} {remedies}".rstrip()


def look_at(
    leaving: Mapping[str, bytes],
    supporting: Mapping[str, bytes],
    policy: DisclosurePolicy,
    *,
    context: str = "",
    insisted: str = "",
    progress: ProgressReport | None = None,
) -> Bundle:
    """What is handed in, by the names of the files; everything that is found stands in it.

    Raises:
        Invalid: nothing or too much is handed in, two names clash (rule `output-names`), or a
            count table is not one (`output-type`).
    """
    _require_names(leaving, supporting)
    files = [_one(name, data, LEAVES, policy, progress) for name, data in leaving.items()]
    files += [_one(name, data, SUPPORTS, policy, progress) for name, data in supporting.items()]
    bundle = Bundle(files=tuple(files), context=context, insisted=insisted, policy=policy)
    return Bundle(
        files=bundle.files,
        context=context,
        insisted=insisted,
        policy=policy,
        causes=_causes(bundle),
    )


def _one(
    name: str, data: bytes, role: str, policy: DisclosurePolicy, progress: ProgressReport | None
) -> HandedIn:
    seen = inspect_bytes(name, data, threshold=policy.threshold, supporting=role == SUPPORTS)
    check = None
    if role == LEAVES and seen.kind is Kind.COUNT_TABLE:
        check = check_table(parse_counts(data), policy, progress)
    return HandedIn(name=name, role=role, data=data, inspection=seen, check=check)


def _require_names(leaving: Mapping[str, bytes], supporting: Mapping[str, bytes]) -> None:
    names = [*leaving, *supporting]
    if not leaving or len(names) > MOST_FILES:
        raise Invalid(
            f"`{len(names)}` files are handed in.",
            remedy=f"Hand in 1 to {MOST_FILES} files, one of them to leave.",
            rule="output-names",
        )
    lowered = [name.lower() for name in names]
    # A table leaves as JSON and as CSV, both named after it.
    stems = [name.rsplit(".", 1)[0] for name in lowered]
    if len(set(lowered)) != len(lowered) or len(set(stems)) != len(stems):
        raise Invalid(
            "Two files have names that differ only in their ending or their capitals.",
            remedy="Rename one of them.",
            rule="output-names",
        )


def _causes(bundle: Bundle) -> tuple[Remark, ...]:
    """What the author mends in one step: found in the files, or missing beside them."""
    found = [remark for one in bundle.leaving for remark in one.inspection.to_fix]
    counts = any(one.role == SUPPORTS or one.check for one in bundle.files)
    if counts:
        found = [remark for remark in found if remark.rule != "cause-no-counts"]
    elif any(one.inspection.kind in _FIGURES for one in bundle.leaving):
        found.append(Remark(rule="cause-no-counts", many=1))
    told = all(one.inspection.kind in _SELF_TOLD for one in bundle.leaving)
    if not told and len(bundle.context.split()) < 4:
        found.append(Remark(rule="cause-no-context", many=1))
    for where, text in (("the context", bundle.context), ("the insistence", bundle.insisted)):
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
            "The words of the statement or reason hold what identifies a person.",
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
    """
    for one in bundle.files:
        blocking = [remark for remark in one.inspection.remarks if remark.severity == "blocking"]
        if one.inspection.disposition is Disposition.NEVER or one.inspection.size == 0:
            raise Invalid(
                f"`{one.name}` is not a result: {one.inspection.kind.value}.",
                remedy=in_both_languages(blocking[:1]) or "Hand in a result.",
                rule="output-type",
            )
    if bundle.causes and not (bundle.insisted.strip() and _is_mild(bundle.causes)):
        rules = ", ".join(sorted({remark.rule for remark in bundle.causes}))
        raise Invalid(
            f"The checkers would turn this back: {rules}.",
            remedy=in_both_languages(bundle.causes),
            rule=bundle.causes[0].rule,
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
