"""Who acts. Every act of the house names its actor (SNDS referential 7.1, imputability)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from attrs import field, frozen, validators


class Role(StrEnum):
    """What a person is here. Roles are granted by the access body, never by oneself."""

    OPERATOR = "operator"
    DATA_HOLDER = "data_holder"
    APPLICANT = "applicant"
    DATA_USER = "data_user"
    ACCESS_OFFICER = "access_officer"
    COMMITTEE = "committee"
    REGULATOR = "regulator"
    OUTPUT_CHECKER = "output_checker"
    KEY_CUSTODIAN = "key_custodian"
    AUDITOR = "auditor"
    CITIZEN = "citizen"


def _set_of(roles: Iterable[Role]) -> frozenset[Role]:
    return frozenset(roles)


@frozen(kw_only=True)
class Actor:
    """One natural person, or one named service of the platform.

    `id` is unique and stable (an account name), without spaces.
    """

    id: str = field(validator=validators.matches_re(r"[A-Za-z0-9][A-Za-z0-9._@:-]{0,99}"))
    roles: frozenset[Role] = field(factory=frozenset, converter=_set_of)

    def has(self, role: Role) -> bool:
        """Whether this actor holds `role`."""
        return role in self.roles
