"""SoftHSM, a PKCS #11 token in software, with its tokens in a folder of the test's own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import frozen

from bercail.foundation import Missing, Secret, Unavailable
from bercail.testing.processes import find_program

_LIBRARIES = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/pkcs11/libsofthsm2.so"),
    Path("/usr/local/lib/softhsm/libsofthsm2.so"),
)
_REMEDY = "`make test` installs it (Debian package `softhsm2`)."
PIN = Secret(b"2718-2818")
"""The PIN of every token made here."""


@frozen(kw_only=True)
class SoftHsm:
    """Initialised tokens. `environ` is what a process needs to see them.

    `places` has the folder of each token by its label: moved away, the token is unplugged.
    """

    library: str
    environ: Mapping[str, str]
    places: Mapping[str, Path]


def start_softhsm(directory: Path, tokens: Sequence[str]) -> SoftHsm:
    """Initialise tokens with these labels in `directory`.

    The library reads its configuration and lists its tokens when a process first loads it: put
    `environ` in place before, and ask for every token at once.

    Raises:
        Missing: SoftHSM is not installed.
        Unavailable: it does not make a token.
    """
    program = find_program("softhsm2-util", (), _REMEDY)
    library = next((place for place in _LIBRARIES if place.exists()), None)
    if library is None:
        raise Missing("The library `libsofthsm2.so` is not installed.", remedy=_REMEDY)
    folder = directory / "tokens"
    folder.mkdir(parents=True, mode=0o700)
    settings = directory / "softhsm2.conf"
    settings.write_text(
        f"directories.tokendir = {folder}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    environ = {"SOFTHSM2_CONF": str(settings)}
    places: dict[str, Path] = {}
    for label in tokens:
        former = set(folder.iterdir())
        _initialise(program, label, environ)
        (places[label],) = set(folder.iterdir()) - former
    return SoftHsm(library=str(library), environ=environ, places=places)


def _initialise(program: Path, label: str, environ: Mapping[str, str]) -> None:
    pin = PIN.reveal().decode()
    command = [str(program), "--init-token", "--free", "--label", label]
    made = subprocess.run(
        [*command, "--pin", pin, "--so-pin", "officer-" + pin],
        env={**os.environ, **environ},
        capture_output=True,
        check=False,
        timeout=60,
    )
    if made.returncode != 0:
        raise Unavailable(
            f"SoftHSM does not make the token `{label}`.",
            remedy=f"It says: {made.stderr.decode(errors='replace').strip()}",
        )
