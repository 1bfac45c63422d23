"""The HTTP door of a witness: `POST /add-checkpoint`, and its keys for people."""

from __future__ import annotations

from bercail.ledger.http_door import HttpDoor, Reply
from bercail.ledger.witness import Witness


def witness_door(witness: Witness, host: str, port: int) -> HttpDoor:
    """The server of `witness`, listening and not yet serving; raises Unavailable."""

    def respond(method: str, path: str, body: bytes) -> Reply:
        if path == "/add-checkpoint":
            if method != "POST":
                return Reply(status=405, headers={"Allow": "POST"})
            answer = witness.add_checkpoint(body)
            return Reply(status=answer.status, body=answer.text.encode(), kind=answer.kind)
        if path == "/" and method in ("GET", "HEAD"):
            lines = [f"witness {key.name} {key}\n" for key in witness.cosigner.keys]
            return Reply(status=200, body="".join(lines).encode())
        return Reply(status=404, body=b"only /add-checkpoint\n")

    return HttpDoor((host, port), respond)
