"""What happens to policies of sources."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class PolicySigned:
    """An operator signed a version of the policy of a source; it is applied from now on.

    `envelope`: the policy in its signed DSSE envelope, as it is published.
    """

    name: str
    version: int
    digest: str
    by: str
    envelope: str


POLICY_EVENTS: tuple[type, ...] = (PolicySigned,)
