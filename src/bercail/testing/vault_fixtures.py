"""Fixtures of real custodians, loaded with `pytest_plugins = ["bercail.testing.vault_fixtures"]`.

A test that uses them fails when SoftHSM or OpenBao is not installed; it is never skipped. Mark its
module `pytest.mark.xdist_group("custodians")`, so that one process runs them and one server starts.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bercail.testing.openbao import RunningOpenBao, start_openbao
from bercail.testing.softhsm import SoftHsm, start_softhsm

TOKENS = ("one", "two", "locked", "lost", "twin", "twin", "shared")
"""Labels of the tokens of a run; two have the same label."""


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftHsm]:
    """SoftHSM with its tokens, seen by this process until the end of the run."""
    made = start_softhsm(tmp_path_factory.mktemp("softhsm"), TOKENS)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in made.environ.items():
            patch.setenv(name, value)
        yield made


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOpenBao]:
    """An OpenBao server, unsealed."""
    server = start_openbao(tmp_path_factory.mktemp("openbao"))
    try:
        yield server
    finally:
        server.stop()
