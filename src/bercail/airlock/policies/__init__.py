"""Policies of sources: made by an operator, signed, recorded, and from then on applied.

For: the thresholds under which results of a source may leave, one version after the other.
Never does: take a policy that asks for less than the one it follows.
Hands out: `PolicyDesk`, `signed_sources`.
"""

from bercail.airlock.policies.service import PolicyDesk, signed_sources

__all__ = ["PolicyDesk", "signed_sources"]
