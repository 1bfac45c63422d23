"""A time-stamping authority on this machine: `openssl ts` behind a small HTTP door."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from bercail.ledger.http_door import HttpDoor, Reply
from bercail.testing.witnesses import serving

_SETTINGS = """
[req]
distinguished_name = name
prompt = no
[name]
CN = Time stamps of a test
[root]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign
[stamps]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = authority
[authority]
serial = {folder}/serial
signer_cert = {folder}/stamps.pem
signer_key = {folder}/stamps.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
"""


@frozen(kw_only=True)
class StampAuthority:
    """An authority: its folder, its root certificate; `reply` answers a request (DER)."""

    folder: Path

    @property
    def roots(self) -> bytes:
        """Its root certificate (PEM)."""
        return (self.folder / "root.pem").read_bytes()

    def reply(self, request: bytes) -> bytes:
        """The stamp for a request."""
        (self.folder / "query").write_bytes(request)
        settings = self.folder / "settings"
        _openssl(
            self.folder,
            f"ts -reply -config {settings} -section authority -queryfile query -out answer",
        )
        return (self.folder / "answer").read_bytes()


def make_authority(folder: Path) -> StampAuthority:
    """A new authority in `folder`, with a root and a certificate for stamps under it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings").write_text(_SETTINGS.format(folder=folder))
    (folder / "serial").write_text("01\n")
    new = "-config settings -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    signing = "-CA root.pem -CAkey root.key -set_serial 2 -days 7300"
    for command in (
        f"req -x509 {new} -keyout root.key -out root.pem -days 7300 -extensions root",
        f"req {new} -keyout stamps.key -out stamps.csr -subj /CN=stamps",
        f"x509 -req -in stamps.csr {signing} -extfile settings -extensions stamps -out stamps.pem",
    ):
        _openssl(folder, command)
    return StampAuthority(folder=folder)


@contextmanager
def running_authority(authority: StampAuthority) -> Iterator[str]:
    """The address of the authority, until the end."""

    def respond(_: str, __: str, body: bytes) -> Reply:
        return Reply(status=200, body=authority.reply(body), kind="application/timestamp-reply")

    with serving(HttpDoor(("127.0.0.1", 0), respond)) as url:
        yield url


def _openssl(folder: Path, command: str) -> None:
    subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
