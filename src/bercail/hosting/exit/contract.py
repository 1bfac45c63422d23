"""Read what a contract says about leaving, and the rules that are put to it."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

from bercail.foundation import Invalid, Missing
from bercail.hosting.exit.terms import Duration, Kind, TermRule, TermsChecked, judge_terms

FORMAT = "bercail-exit-terms/1"


def load_term_rules() -> tuple[TermRule, ...]:
    """The rules of the house, in the order in which they are shown."""
    text = resources.files("bercail.hosting").joinpath("data", "exit_terms.json").read_text("utf-8")
    return tuple(_rule(one) for one in json.loads(text)["rules"])


def check_terms(path: Path, on: date) -> TermsChecked:
    """Judge the terms in the file `path` (TOML) as they stand on the day `on`.

    Raises:
        Missing: there is no such file.
        Invalid: a file that cannot be read, another format, or a term that is not one.
    """
    try:
        found = tomllib.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError as error:
        raise Missing(f"There are no terms `{path}`.", remedy="Check the path.") from error
    except (OSError, ValueError) as error:
        raise Invalid(
            f"The terms `{path}` cannot be read ({type(error).__name__}).",
            remedy="Give a TOML file.",
        ) from None
    contract, terms = found.get("contract"), found.get("terms")
    odd = sorted(set(found) - {"format", "contract", "terms"})
    if found.get("format") != FORMAT or not isinstance(contract, str) or odd:
        raise Invalid(
            f"`{path}` does not tell the terms of a contract.",
            remedy=f'Start it with `format = "{FORMAT}"` and `contract = "..."`, then a table '
            "`[terms]`.",
        )
    if not isinstance(terms, dict):
        raise Invalid(f"`{path}` has no table `[terms]`.", remedy="Write one, even an empty one.")
    return judge_terms(contract, terms, load_term_rules(), on)


def _rule(found: dict[str, Any]) -> TermRule:
    return TermRule(
        id=found["id"],
        term=found["term"],
        kind=Kind(found["kind"]),
        question=found["question"],
        source=found["source"],
        limit=Duration.parse(found["limit"]) if "limit" in found else None,
        none_from=date.fromisoformat(found["none_from"]) if "none_from" in found else None,
        optional=found.get("optional", False),
        given=found.get("with", ""),
    )
