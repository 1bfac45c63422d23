"""Before each vote and before the release: are the sealed bytes those that were checked?"""

from __future__ import annotations

from bercail.airlock.disclosure.policy import DisclosurePolicy
from bercail.airlock.events import TamperingFound
from bercail.airlock.ground import Ground, missing, submission_of
from bercail.airlock.permits import PermitView
from bercail.airlock.request import Request
from bercail.airlock.statements import set_digest
from bercail.foundation import Actor, Missing, Refused, Unproven


def leaving_names(request: Request) -> tuple[str, ...]:
    """The paths of the files that leave, as the checked set has them."""
    return tuple(entry.name for entry in request.entries if entry.part == "leaves")


def require_intact(
    ground: Ground, version: int, request: Request, permit: PermitView, actor: Actor
) -> int:
    """The version, once the set computed anew from the sealed bytes is the one that was checked.

    Raises:
        Unproven: it is not; that is recorded, and voids all votes (rule `vote-binding`).
        Refused: the policy has changed since the check (rule `policy-changed`).
    """
    checked = request.checked
    if checked is None or not request.files:
        raise missing(request.id)
    cause: Exception | None = None
    try:
        found = ground.shelf(request.id).entries(
            submission_of(request),
            request.files,
            leaving_names(request),
            checked.policy_digest,
            salted=request.is_salted,
        )
    except (Missing, Unproven) as error:
        cause = error
        where = "a sealed file does not open"
        where_fr = "un fichier scellé ne s'ouvre pas"
    else:
        if set_digest(found) == checked.set_digest:
            if request.released is None:
                _require_policy(ground.policy(permit), checked.policy_digest)
            return version
        where = ", ".join(sorted({one.name for one in set(found) ^ set(checked.entries)}))
        where_fr = where
    ground.append(request.id, version, (TamperingFound(where=where),), actor)
    raise Unproven(
        f"What the request `{request.id}` holds is not what was checked: {where}. / "
        f"Ce que contient la demande `{request.id}` n'est pas ce qui a été contrôlé : {where_fr}.",
        remedy="All votes are void. Return the request; tell the operator. / "
        "Tous les votes sont nuls. Renvoyez la demande ; prévenez l'opérateur.",
        rule="vote-binding",
    ) from cause


def _require_policy(policy: DisclosurePolicy, digest: str) -> None:
    if digest != policy.digest:
        raise Refused(
            "The disclosure policy has changed since the request was checked. / "
            "La politique de divulgation a changé depuis le contrôle de la demande.",
            remedy="Return the request; it is checked again under the present policy. / "
            "Renvoyez la demande ; elle est recontrôlée sous la politique actuelle.",
            rule="policy-changed",
        )
