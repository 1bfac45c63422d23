"""Server processes that outlive their starter, and are found again by the next one.

A note beside the server's data tells its process and ports. A process number may
be given to another program after a restart, so the note also holds the start time
that the kernel recorded: only the same pair is the same process.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sysconfig
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from attrs import frozen

from bercail.foundation import Missing, Unavailable

LOOPBACK = "127.0.0.1"
_POLITE_SECONDS = 3.0
_STOP_SECONDS = 10.0
_START_ATTEMPTS = 3


@frozen(kw_only=True)
class Note:
    """What is remembered of a running server; `started` is in kernel ticks after boot."""

    pid: int
    started: int
    ports: Mapping[str, int]

    def write(self, path: Path) -> None:
        """Keep the note at `path`, whole or not at all."""
        draft = path.with_suffix(".new")
        draft.write_text(
            json.dumps({"pid": self.pid, "started": self.started, "ports": dict(self.ports)})
        )
        draft.replace(path)

    @classmethod
    def find(cls, path: Path) -> Note | None:
        """The note at `path`, or None when there is none that can be read."""
        try:
            kept = json.loads(path.read_text())
            return cls(pid=kept["pid"], started=kept["started"], ports=kept["ports"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    @property
    def alive(self) -> bool:
        """Whether that very process still runs."""
        return _started(self.pid) == self.started


def _started(pid: int) -> int | None:
    """The start time of a living process in kernel ticks (proc(5), field 22 of stat)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def find_program(name: str, places: Sequence[Path], remedy: str) -> Path:
    """The program `name`: beside this Python, in `places`, or on the path.

    Raises:
        Missing: when it is in none of them.
    """
    beside = Path(sysconfig.get_path("scripts"))
    for folder in (beside, *places):
        if os.access(folder / name, os.X_OK):
            return folder / name
    found = shutil.which(name)
    if found is None:
        raise Missing(f"The program `{name}` is not installed.", remedy=remedy)
    return Path(found)


def free_ports(names: Sequence[str], wanted: Mapping[str, int]) -> dict[str, int]:
    """A free loopback port for each name, keeping those of `wanted`."""
    ports = dict(wanted)
    with ExitStack() as held:
        for name in names:
            if name not in ports:
                listener = held.enter_context(socket.socket())
                listener.bind((LOOPBACK, 0))
                ports[name] = listener.getsockname()[1]
    return ports


def is_free(port: int) -> bool:
    """Whether nothing listens on a loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def spawn(
    command: Sequence[str], ports: Mapping[str, int], log: Path, environ: Mapping[str, str]
) -> Note:
    """Start a server at the head of its own process group, its output going to `log`."""
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        command[0],
        list(command),
        {**os.environ, **environ},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    return Note(pid=pid, started=_started(pid) or 0, ports=ports)


def stop(note: Note) -> None:
    """End the server and its whole group, and wait until its ports are free.

    Politely, then by force: SeaweedFS waits for its own connections without end, and
    what it has acknowledged is already written.
    """
    for number, patience in ((signal.SIGTERM, _POLITE_SECONDS), (signal.SIGKILL, _STOP_SECONDS)):
        if not note.alive:
            break
        os.killpg(note.pid, number)
        deadline = time.monotonic() + patience
        while note.alive and time.monotonic() < deadline:
            _reap(note.pid)
            time.sleep(0.02)
    _reap(note.pid)
    deadline = time.monotonic() + _POLITE_SECONDS
    while not all(map(is_free, note.ports.values())) and time.monotonic() < deadline:
        time.sleep(0.02)


def _reap(pid: int) -> None:
    """Collect the exit status of a child, so that it does not stay as a zombie."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def await_ready(note: Note, ready: Callable[[], bool], name: str, log: Path, limit: float) -> None:
    """Wait until `ready` says yes, at most `limit` seconds.

    Raises:
        Unavailable: when the server ends or is not ready in time.
    """
    deadline = time.monotonic() + limit
    while True:
        _reap(note.pid)
        if note.alive and not any(map(is_free, note.ports.values())) and ready():
            return
        if not note.alive or time.monotonic() > deadline:
            ended = "took too long to start" if note.alive else "ended while starting"
            raise Unavailable(
                f"The server `{name}` {ended}.", remedy=f"Its messages are in `{log}`."
            )
        time.sleep(0.05)


def start_or_find(
    home: Path,
    name: str,
    port_names: Sequence[str],
    port: int | None,
    launch: Callable[[Mapping[str, int]], Note],
    ready: Callable[[Mapping[str, int]], bool],
    *,
    limit: float = 60.0,
) -> Note:
    """The server of `home`: the one left by a former run if it answers, else a new one.

    1. A living server that is ready, on the wanted port, is used as it is.
    2. Any other living one is ended.
    3. A new one starts, on the former ports where they are free, so that addresses
       written down by a former run still hold; a race for ports is tried again.
    """
    path, log = home / "server.json", home / "server.log"
    former = Note.find(path)
    if former is not None:
        same_port = port in {None, former.ports[port_names[0]]}
        if former.alive and same_port and ready(former.ports):
            return former
        stop(former)
    wanted = {} if port is None else {port_names[0]: port}
    if port is not None and not is_free(port):
        raise Unavailable(
            f"The port {port} is taken by another program.",
            remedy=f"End it, or start `{name}` on another port.",
        )
    if former is not None and port is None and all(map(is_free, former.ports.values())):
        wanted = dict(former.ports)
    for attempt in range(1, _START_ATTEMPTS + 1):
        note = launch(free_ports(port_names, wanted))
        note.write(path)
        try:
            await_ready(note, partial(ready, note.ports), name, log, limit)
        except Unavailable:
            ended = not note.alive
            stop(note)
            if attempt == _START_ATTEMPTS or not ended:
                raise
            wanted = {} if port is None else {port_names[0]: port}
        else:
            return note
    raise Unavailable(f"The server `{name}` did not start.", remedy=f"Read `{log}`.")


def note_of(pid: int) -> Note:
    """The note of a process that listens nowhere, so that a later run recognises it."""
    return Note(pid=pid, started=_started(pid) or 0, ports={})
