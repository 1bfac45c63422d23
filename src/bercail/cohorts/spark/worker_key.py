"""The key of a cluster's workers: a private file on each worker, and its public side.

    python -m bercail.cohorts.spark.worker_key NAME PRIVATE_FILE PUBLIC_FILE

makes both on the cluster. The private file never leaves it; the operator compares the
fingerprint of the public one, as with any party to a hand-over of keys.
"""

from __future__ import annotations

import base64
import json
import os
import stat
import sys
from pathlib import Path

from attrs import field, frozen

from bercail.foundation import (
    Invalid,
    Missing,
    Randomness,
    Refused,
    Secret,
    SystemRandomness,
    canonical_json,
)
from bercail.vault import DualSigner, Recipient
from bercail.vault.keys import SEED_SIZES, Purpose

FORMAT = "bercail cluster key"
VARIABLE = "BERCAIL_CLUSTER_KEY_FILE"


@frozen(kw_only=True)
class ClusterKey:
    """What the workers of one cluster hold: a name and two seeds."""

    name: str
    opening: Secret = field(repr=False)
    signing: Secret = field(repr=False)

    @classmethod
    def make(cls, name: str, randomness: Randomness) -> ClusterKey:
        """A fresh key."""
        return cls(
            name=name,
            opening=Secret(randomness.take(SEED_SIZES[Purpose.RECIPIENT])),
            signing=Secret(randomness.take(SEED_SIZES[Purpose.DUAL_SIGNER])),
        )

    def recipient(self) -> Recipient:
        """The private side, which opens tickets; its `party` is the public one."""
        return Recipient(self.name, self.opening, DualSigner(self.signing))

    def write(self, path: Path) -> None:
        """Keep the key in a new file that this account alone can read.

        Raises:
            Refused: there is a file already; another key would make it useless.
        """
        body = {
            "format": FORMAT,
            "version": 1,
            "name": self.name,
            "opening": base64.b64encode(self.opening.reveal()).decode(),
            "signing": base64.b64encode(self.signing.reveal()).decode(),
        }
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise Refused(
                f"There is a file `{path}` already.",
                remedy="Name another, or remove it when no cluster uses it.",
                rule="cluster-key-kept",
            ) from error
        with os.fdopen(handle, "wb") as file:
            file.write(canonical_json(body) + b"\n")

    @classmethod
    def read(cls, path: Path) -> ClusterKey:
        """The key kept at `path`.

        Raises:
            Missing: no such file.
            Refused: others may read it.
            Invalid: it is something else.
        """
        try:
            mode, data = path.stat().st_mode, path.read_bytes()
        except OSError as error:
            raise Missing(
                "The file of the cluster's key cannot be read.",
                remedy=f"Name it in `{VARIABLE}` on every worker.",
            ) from error
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise Refused(
                "The file of the cluster's key can be read by other accounts.",
                remedy="Take their rights away: `chmod 600`.",
                rule="cluster-key-private",
            )
        try:
            body = json.loads(data)
            if (body["format"], body["version"]) != (FORMAT, 1):
                raise ValueError("format")
            return cls(
                name=str(body["name"]),
                opening=Secret(base64.b64decode(body["opening"], validate=True)),
                signing=Secret(base64.b64decode(body["signing"], validate=True)),
            )
        except (ValueError, KeyError, TypeError):
            raise Invalid(
                "The file of the cluster's key is something else.",
                remedy="Make one with `python -m bercail.cohorts.spark.worker_key`.",
            ) from None


def of_environment() -> ClusterKey:
    """The key that this worker was started with; raises as `ClusterKey.read` does."""
    named = os.environ.get(VARIABLE)
    if not named:
        raise Missing(
            "This worker was started without the cluster's key.",
            remedy=f"Start it with `{VARIABLE}` naming the file.",
        )
    return ClusterKey.read(Path(named))


def main(name: str, private: Path, public: Path) -> None:
    """Make a key, write both files, and print the fingerprint of the public one."""
    key = ClusterKey.make(name, SystemRandomness())
    party = key.recipient().party
    key.write(private)
    public.write_bytes(party.as_bytes())
    sys.stdout.write(f"{party.fingerprint}\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
