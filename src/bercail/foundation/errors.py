"""The five families of errors; each has one exit code and one HTTP status."""

from __future__ import annotations

from typing import ClassVar


class BercailError(Exception):
    """What happened, and what to do next.

    The message never holds a value from a person's row: names, counts,
    positions and digests only. `rule` names the requirement or rule that
    decided, where one did.
    """

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    family: ClassVar[str] = "error"

    def __init__(self, message: str, *, remedy: str = "", rule: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.rule = rule

    def __str__(self) -> str:
        rule = f" [{self.rule}]" if self.rule else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{self.message}{rule}{remedy}"

    def as_dict(self) -> dict[str, str | None]:
        """The error as `--json` and the API print it."""
        return {
            "error": self.family,
            "message": self.message,
            "remedy": self.remedy,
            "rule": self.rule,
        }


class Invalid(BercailError):
    """The input is wrong: a file, an option, a configuration."""

    exit_code = 2
    http_status = 422
    family = "invalid"


class Refused(BercailError):
    """A rule says no; `rule` holds its id."""

    exit_code = 3
    http_status = 403
    family = "refused"


class Missing(BercailError):
    """The thing named does not exist here."""

    exit_code = 4
    http_status = 404
    family = "missing"


class Unproven(BercailError):
    """Integrity is broken or cannot be shown. Never retried, always recorded."""

    exit_code = 5
    http_status = 409
    family = "unproven"


class Unavailable(BercailError):
    """A host does not answer or cannot take more. May be retried."""

    exit_code = 6
    http_status = 503
    family = "unavailable"
