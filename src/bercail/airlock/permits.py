"""What the airlock asks about a permit: the port, and two adapters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol

from attrs import evolve, field, frozen, validators

from bercail.airlock.disclosure.policy import SOURCE_POLICIES, DisclosurePolicy, strictest
from bercail.foundation import Missing, Refused

POLICY_CONDITION = "disclosure-policy:"
"""A condition of a signed permit that begins with this names a disclosure policy."""


def _names(names: Iterable[str]) -> frozenset[str]:
    return frozenset(names)


@frozen(kw_only=True)
class PermitView:
    """A permit at one moment: whose it is, who works under it, whether it holds.

    `live_until` is the first moment at which it no longer holds; `checkers_required` is
    the least number of checkers that its terms ask for; `policies` the disclosure policies
    that its conditions name (`disclosure-policy: pmsi`), beside that of the house; a permit
    whose project `is_halted` is not live either (LOG-07).
    """

    id: str
    project: str
    members: frozenset[str] = field(converter=_names)
    live_until: datetime
    is_live: bool
    checkers_required: int = field(default=2, validator=validators.ge(1))
    policies: tuple[str, ...] = ()
    is_halted: bool = False

    def policy(
        self, house: DisclosurePolicy, signed: Iterable[DisclosurePolicy] = ()
    ) -> DisclosurePolicy:
        """The strictest of the house's policy and those that the permit names.

        `signed`: what an operator signed, in the place of a known policy of that name.

        Raises:
            Refused: the permit names a policy that this house does not have.
        """
        later = {policy.name: policy for policy in signed}
        known = {policy.name: policy for policy in SOURCE_POLICIES} | {house.name: house} | later
        if unknown := sorted(set(self.policies) - set(known)):
            raise Refused(
                f"The permit `{self.id}` names the policy `{unknown[0]}`, unknown here. / "
                f"Le permis `{self.id}` nomme la politique `{unknown[0]}`, inconnue ici.",
                remedy="Have the permit corrected by the access body. / "
                "Faites corriger le permis par l'organisme d'accès.",
                rule="EXP-04",
            )
        return strictest([known[house.name], *(known[name] for name in self.policies)])


class PermitLookup(Protocol):
    """Answers about permits. Reads only; the answer is that of the moment asked about."""

    def get(self, permit_id: str, now: datetime) -> PermitView:
        """The permit as it stands at `now`; raises Missing when there is none of that id."""
        ...


class MemoryPermits:
    """Permits kept in memory; live until their end, unless suspended."""

    def __init__(self, permits: Mapping[str, PermitView] | None = None) -> None:
        self._permits = dict(permits or {})
        self._suspended: set[str] = set()

    def add(self, permit: PermitView) -> None:
        """Keep `permit`."""
        self._permits[permit.id] = permit

    def suspend(self, permit_id: str) -> None:
        """From now on the permit is not live."""
        self._suspended.add(permit_id)

    def get(self, permit_id: str, now: datetime) -> PermitView:
        """The permit at `now`; see `PermitLookup.get`."""
        if permit_id not in self._permits:
            raise no_permit(permit_id)
        permit = self._permits[permit_id]
        live = permit_id not in self._suspended and now < permit.live_until
        return evolve(permit, is_live=live)


class _FindsPermits(Protocol):
    def find_permit(self, permit_id: str, now: datetime) -> tuple[Any, bool]: ...


class AccessPermits:
    """Permits of the access desk, which decides whether they are live."""

    def __init__(self, desk: _FindsPermits) -> None:
        self._desk = desk

    def get(self, permit_id: str, now: datetime) -> PermitView:
        """The permit at `now`; see `PermitLookup.get`."""
        permit, is_live = self._desk.find_permit(permit_id, now)
        return PermitView(
            id=permit.id,
            project=permit.project,
            members=permit.members,
            live_until=_end_of(permit.valid_until),
            is_live=is_live,
            checkers_required=permit.checkers_required,
            policies=tuple(
                condition.removeprefix(POLICY_CONDITION).strip()
                for condition in permit.conditions
                if condition.startswith(POLICY_CONDITION)
            ),
        )


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def no_permit(permit_id: str) -> Missing:
    """The error for a permit that does not exist."""
    return Missing(
        f"There is no permit `{permit_id}`. / Il n'y a pas de permis `{permit_id}`.",
        remedy="Take the id from `bercail access show`. / "
        "Prenez l'identifiant dans `bercail access show`.",
    )
