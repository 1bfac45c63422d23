"""The way in: files that a project asks to bring into its space.

For: declaring, scanning, approving by two persons, and handing over exactly those bytes.
Never does: run or open what is brought, or let anything in that was not declared.
Hands out: `BringingService`.
"""

from bercail.airlock.bringing.service import BringingService

__all__ = ["BringingService"]
