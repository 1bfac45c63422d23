"""Chapter 7: the table is protected, two strangers to the project approve, the package leaves."""

from __future__ import annotations

from typing import Any

from bercail.airlock import verify_package
from bercail.airlock.request import State
from bercail.demo.stage import Stage
from bercail.demo.study import RESEARCHER, TABLE_FILE
from bercail.foundation import Refused, canonical_json

CHECKERS = ("chloe", "charles")
OUT = "release"


def let_out(stage: Stage, permit: str) -> dict[str, Any]:
    """Submit, be refused one's own approval, be checked twice, release, verify."""
    author = stage.platform(RESEARCHER)
    table = stage.out / "results" / TABLE_FILE
    request = author.airlock.submit(table, permit, author.actor)
    own = _own_approval(stage, request.id)
    for name in CHECKERS:
        checker = stage.platform(name)
        votes = checker.airlock.show(request.id, checker.actor)["votes"]
        if request.state not in {State.APPROVED, State.RELEASED} and not votes:
            request = checker.airlock.review(
                request.id, checker.actor, approve=True, reason="Small cells are protected."
            )
    report = stage.platform(CHECKERS[0]).airlock.report(
        request.id, stage.platform(CHECKERS[0]).actor
    )
    releaser = stage.platform(CHECKERS[0])
    released = releaser.airlock.release(request.id, releaser.actor, stage.out / OUT)
    keys = releaser.airlock.public_keys()
    (stage.out / OUT / "keys.json").write_bytes(canonical_json(keys))
    verified = verify_package(stage.out / OUT / request.id, keys)
    return {
        "request": request.id,
        "own_approval": own,
        "checkers": list(CHECKERS),
        "hidden": sum(cell["status"] != "shown" for cell in report["cells"]),
        "report": report,
        "package": released,
        "verified": verified.as_dict(),
    }


def _own_approval(stage: Stage, request: str) -> str:
    """The author tries to approve; what they are told."""
    author = stage.platform(RESEARCHER)
    try:
        author.airlock.review(request, author.actor, approve=True)
    except Refused as refusal:
        return refusal.message
    raise Refused("An author approved their own request.", remedy="Stop.", rule="EXP-02")
