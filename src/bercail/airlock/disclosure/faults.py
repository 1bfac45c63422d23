"""What is wrong with a declaration of an author, in English and in French."""

from __future__ import annotations

import json
import re

from bercail.foundation import Invalid


class FaultError(ValueError):
    """Why a declaration cannot be read: how a sentence ends that begins with it."""

    def __init__(self, en: str, fr: str) -> None:
        super().__init__(en)
        self.en, self.fr = en, fr


def unreadable_schema(problem: Exception) -> Invalid:
    """The error for a schema at which reading stopped with `problem`."""
    en, fr = told(problem)
    return Invalid(
        f"The schema cannot be read: {en}. / Le schéma ne peut être lu : {fr}.",
        remedy="Write it as the reference on disclosure policy shows. / "
        "Écrivez-le comme le montre la référence sur la politique de divulgation.",
        rule="table-schema",
    )


def told(problem: Exception) -> tuple[str, str]:
    """What reading a JSON document of an author stopped at, in both languages.

    Names members by name and never repeats a value.
    """
    match problem:
        case FaultError():
            return problem.en, problem.fr
        case json.JSONDecodeError():
            return (
                f"it is no JSON at line {problem.lineno}, column {problem.colno}",
                f"ce n'est pas du JSON à la ligne {problem.lineno}, colonne {problem.colno}",
            )
        case UnicodeDecodeError():
            return "it is no text in UTF-8", "ce n'est pas du texte en UTF-8"
        case KeyError():
            name = problem.args[0]
            return f"it has no `{name}`", f"il n'a pas de `{name}`"
    if found := _MEMBER.search(str(problem.args[0] if problem.args else "")):
        name = found.group(found.lastindex or 0)
        return f"its `{name}` is not allowed", f"son `{name}` n'est pas permis"
    return (
        "a member is of another kind than the reference says",
        "un membre n'est pas du type que dit la référence",
    )


_MEMBER = re.compile(r"^'(\w+)' must be|keyword argument '(\w+)'")
"""How the validators of a value and its constructor name the member at fault."""
