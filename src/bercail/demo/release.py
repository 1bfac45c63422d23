"""Chapter 7: the table is protected, two strangers to the project approve, the package leaves."""

from __future__ import annotations

from typing import Any

from bercail.airlock import verify_package
from bercail.airlock.request import State
from bercail.demo.folder import write_whole
from bercail.demo.notebook import Notebook
from bercail.demo.stage import Stage
from bercail.demo.study import RESEARCHER, TABLE_FILE
from bercail.foundation import Refused, canonical_json

CHECKERS = ("chloe", "charles")
OUT = "release"
CHAPTER = "release"


def let_out(stage: Stage, book: Notebook, permit: str) -> dict[str, Any]:
    """Submit, be refused one's own approval, be checked twice, release, verify."""
    author = stage.platform(RESEARCHER)
    table = stage.out / "results" / TABLE_FILE
    request = author.airlock.submit(table, permit, author.actor)
    # Noted before the first vote: afterwards the refusal would have another reason.
    if "own_approval" not in book.noted(CHAPTER):
        book.note(CHAPTER, {"own_approval": _own_approval(stage, request.id)})
    for name in CHECKERS:
        checker = stage.platform(name)
        votes = checker.airlock.show(request.id, checker.actor)["votes"]
        if request.state not in {State.APPROVED, State.RELEASED} and not votes:
            request = checker.airlock.review(
                request.id, checker.actor, approve=True, reason="Small cells are protected."
            )
    releaser = stage.platform(CHECKERS[0])
    report = releaser.airlock.report(request.id, releaser.actor)
    released = releaser.airlock.release(request.id, releaser.actor, stage.out / OUT)
    keys = releaser.airlock.public_keys()
    write_whole(stage.out / OUT / "keys.json", canonical_json(keys))
    verified = verify_package(stage.out / OUT / request.id, keys)
    return {
        "request": request.id,
        "own_approval": book.noted(CHAPTER)["own_approval"],
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
