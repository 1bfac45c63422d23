"""`bercail` kept warm, for pages that run many commands: the program is imported once.

    python warm_program.py serve SOCKET          import everything, then wait
    python warm_program.py run SOCKET ARGUMENTS  run one command, as `bercail ARGUMENTS` would

Each command runs in a process of its own, forked before anything was opened, with the caller's
arguments, folder, environment and standard streams; its exit code is handed back.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

ROOMS = ("platform", "cli.main", "demo", "access.document", "cohorts.service", "airlock.verify")
LONGEST_CALL = 1 << 20


def serve(path: str) -> None:
    """Import the program, listen at `path`, fork for every call."""
    for room in ROOMS:
        importlib.import_module(f"bercail.{room}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(path)
        listening.listen()
        while True:
            connection, _ = listening.accept()
            with connection:
                data, streams, _, _ = socket.recv_fds(connection, LONGEST_CALL, 3)
                if os.fork() == 0:
                    listening.close()
                    _answer(connection, json.loads(data), streams)
                for stream in streams:
                    os.close(stream)
            with contextlib.suppress(ChildProcessError):
                # Collect those that have ended; one that has not is collected later.
                while os.waitpid(-1, os.WNOHANG)[0]:
                    continue


def _answer(connection: socket.socket, call: dict[str, Any], streams: list[int]) -> None:
    """In the fork: run the command in one more process, and send its exit code."""
    child = os.fork()
    if child == 0:
        connection.close()
        _command(call, streams)
    _, status = os.waitpid(child, 0)
    connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _command(call: dict[str, Any], streams: list[int]) -> None:
    from bercail.cli import main

    for place, stream in enumerate(streams):
        os.dup2(stream, place)
        os.close(stream)
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    sys.argv = ["bercail", *call["arguments"]]
    code: Any = 0
    try:
        main.run()
    except SystemExit as end:
        code = end.code
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def run(path: str, arguments: list[str]) -> int:
    """Hand one call over, with our own streams; returns its exit code."""
    call = {"arguments": arguments, "folder": str(Path.cwd()), "environment": dict(os.environ)}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(path)
        socket.send_fds(connection, [json.dumps(call).encode()], [0, 1, 2])
        return int(connection.recv(16) or b"1")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    sys.exit(run(sys.argv[2], sys.argv[3:]))
