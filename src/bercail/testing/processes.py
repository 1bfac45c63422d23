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
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from attrs import frozen

from bercail.foundation import Missing, Unavailable

LOOPBACK = "127.0.0.1"
SHELL = "/bin/sh"
_POLITE_SECONDS = 3.0
# A killed process may wait for a busy disk before it is gone.
_STOP_SECONDS = 60.0
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
    fields = _stat(pid)
    return None if fields is None or fields[0] == "Z" else int(fields[19])


def _stat(pid: int) -> list[str] | None:
    """What the kernel says of a process, from its state on (proc(5), field 3 of stat)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def _group_runs(group: int) -> bool:
    """Whether any process of a group still runs: a program may work in a child of its own."""
    for entry in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(entry.name))
        if fields is not None and fields[0] != "Z" and int(fields[2]) == group:
            return True
    return False


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


def _inherited() -> dict[str, str]:
    """What a server may know of our environment: nothing of Bercail's, which names secrets."""
    return {name: text for name, text in os.environ.items() if not name.startswith("BERCAIL_")}


def spawn(
    command: Sequence[str],
    ports: Mapping[str, int],
    place: Path,
    log: Path,
    environ: Mapping[str, str],
) -> Note:
    """Start a program at the head of its own process group, its output going to `log`.

    1. A shell starts and waits at a pipe.
    2. Its note is written at `place`.
    3. The shell is let go and becomes the program, with the same process number.

    A starter killed between 1 and 3 leaves nothing: the shell finds the pipe closed and
    ends. So no program ever runs without its note.
    """
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    gate, key = os.pipe()
    try:
        pid = os.posix_spawn(
            SHELL,
            [SHELL, "-c", 'read -r go && exec "$@" </dev/null', SHELL, *command],
            {**_inherited(), **environ},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, gate, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        note = Note(pid=pid, started=_started(pid) or 0, ports=ports)
        note.write(place)
        os.write(key, b"go\n")
    finally:
        os.close(gate)
        os.close(key)
    return note


def stop(note: Note) -> None:
    """End the server and its whole group, and wait until its ports are free.

    Politely, then by force: SeaweedFS waits for its own connections without end, and
    what it has acknowledged is already written.
    """
    # Once its first process has ended, the number of a group may be another's.
    ours = note.alive
    for number, patience in ((signal.SIGTERM, _POLITE_SECONDS), (signal.SIGKILL, _STOP_SECONDS)):
        if not (ours and _group_runs(note.pid)):
            break
        with suppress(ProcessLookupError):  # It ended between the look and the signal.
            os.killpg(note.pid, number)
        deadline = time.monotonic() + patience
        while _group_runs(note.pid) and time.monotonic() < deadline:
            _reap(note.pid)
            time.sleep(0.02)
    _reap(note.pid)
    if ours and _group_runs(note.pid):
        raise Unavailable(
            f"The process {note.pid} does not end, even when killed.",
            remedy="It waits for a disk or a device; end it before starting again.",
        )
    deadline = time.monotonic() + _POLITE_SECONDS
    while not all(map(is_free, note.ports.values())) and time.monotonic() < deadline:
        time.sleep(0.02)


def _reap(pid: int) -> None:
    """Collect the exit status of a child, so that it does not stay as a zombie."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _became_ready(note: Note, ready: Callable[[], bool], limit: float) -> bool:
    """Wait until `ready` says yes; False when the server ends, or after `limit` seconds."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        _reap(note.pid)
        if not note.alive:
            return False
        if not any(map(is_free, note.ports.values())) and ready():
            return True
        time.sleep(0.05)
    return False


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
    _require_free(port, name)
    pinned = {} if port is None else {port_names[0]: port}
    wanted = pinned or _ports_still_free(former)
    for _ in range(_START_ATTEMPTS):
        note = launch(free_ports(port_names, wanted))
        note.write(path)
        if _became_ready(note, partial(ready, note.ports), limit):
            return note
        slow = note.alive
        stop(note)
        if slow:
            break
        wanted = pinned
    raise Unavailable(f"The server `{name}` did not start.", remedy=f"Its messages are in `{log}`.")


def _require_free(port: int | None, name: str) -> None:
    if port is not None and not is_free(port):
        raise Unavailable(
            f"The port {port} is taken by another program.",
            remedy=f"End it, or start `{name}` on another port.",
        )


def _ports_still_free(former: Note | None) -> dict[str, int]:
    if former is None or not all(map(is_free, former.ports.values())):
        return {}
    return dict(former.ports)
