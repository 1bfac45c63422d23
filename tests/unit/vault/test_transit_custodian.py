"""A server as custodian: sealed, gone, forbidden, weak or false, on the real OpenBao."""

from __future__ import annotations

import http.server
import json
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from bercail.foundation import BercailError, Invalid, Missing, Refused, Secret, Unavailable
from bercail.testing.openbao import RunningOpenBao
from bercail.testing.processes import free_ports
from bercail.vault.transit_custodian import TransitCustodian

pytestmark = pytest.mark.xdist_group("custodians")

SECRET = Secret(b"a data key")
PLANTED = Secret(b"planted-token")
DAILY = """
path "transit/keys/{key}" {{ capabilities = ["read"] }}
path "transit/encrypt/{key}" {{ capabilities = ["update"] }}
path "transit/decrypt/{key}" {{ capabilities = ["update"] }}
path "transit/hmac/{key}" {{ capabilities = ["update"] }}
"""


def opened(
    openbao: RunningOpenBao, key: str, token: Secret | None = None, address: str = ""
) -> TransitCustodian:
    return TransitCustodian.open(
        address=address or openbao.address,
        mount="transit",
        key=key,
        token=token or openbao.root_token,
    )


@pytest.fixture
def key() -> str:
    return uuid4().hex


@pytest.fixture
def made(openbao: RunningOpenBao, key: str) -> TransitCustodian:
    return TransitCustodian.create(
        address=openbao.address, mount="transit", key=key, token=openbao.root_token
    )


def test_the_root_cannot_leave_the_server(
    openbao: RunningOpenBao, made: TransitCustodian, key: str
) -> None:
    described = openbao.call("GET", f"transit/keys/{key}")["data"]
    assert (described["exportable"], described["allow_plaintext_backup"]) == (False, False)
    with pytest.raises(Refused, match="400"):
        openbao.call("GET", f"transit/export/encryption-key/{key}")


def test_a_root_is_never_made_over_another(
    openbao: RunningOpenBao, made: TransitCustodian, key: str
) -> None:
    with pytest.raises(Refused) as caught:
        TransitCustodian.create(
            address=openbao.address, mount="transit", key=key, token=openbao.root_token
        )
    assert caught.value.rule == "custodian-exists"


def test_the_daily_policy_wraps_and_unwraps_and_changes_nothing(
    openbao: RunningOpenBao, made: TransitCustodian, key: str
) -> None:
    daily = opened(openbao, key, openbao.token_for(DAILY.format(key=key)))
    assert daily.unwrap(made.wrap(SECRET, b"c"), b"c") == SECRET
    assert made.unwrap(daily.wrap(SECRET, b"c"), b"c") == SECRET
    for act in (daily.with_new_root, daily.forget_old_roots):
        with pytest.raises(Refused) as caught:
            act()
        assert caught.value.rule == "transit-token"


@pytest.mark.parametrize(
    "policy",
    [
        'path "sys/mounts" { capabilities = ["read"] }',
        'path "transit/keys/*" { capabilities = ["read"] }',
    ],
)
def test_a_token_that_may_not_is_refused(
    openbao: RunningOpenBao, made: TransitCustodian, key: str, policy: str
) -> None:
    with pytest.raises(Refused) as caught:
        opened(openbao, key, openbao.token_for(policy))
    assert caught.value.rule == "transit-token"
    with pytest.raises(Refused):
        opened(openbao, key, PLANTED)


def test_what_is_not_there_is_missing(openbao: RunningOpenBao) -> None:
    with pytest.raises(Missing, match="holds no such root"):
        opened(openbao, "none")
    with pytest.raises(Missing):
        TransitCustodian.create(
            address=openbao.address, mount="nowhere", key="k", token=openbao.root_token
        )


def test_a_key_removed_from_the_server_is_missing_and_never_made_anew_in_silence(
    openbao: RunningOpenBao, made: TransitCustodian, key: str
) -> None:
    wrapped = made.wrap(SECRET, b"")
    openbao.call("POST", f"transit/keys/{key}/config", {"deletion_allowed": True})
    openbao.call("DELETE", f"transit/keys/{key}")
    with pytest.raises(Missing):
        made.unwrap(wrapped, b"")
    # The server makes a key for a token that may create one; the wrap is refused all the same.
    with pytest.raises(Missing):
        made.wrap(SECRET, b"")
    with pytest.raises(Missing):
        made.unwrap(wrapped, b"")
    openbao.call("POST", f"transit/keys/{key}/config", {"deletion_allowed": True})
    openbao.call("DELETE", f"transit/keys/{key}")
    for act in (made.with_new_root, made.forget_old_roots):
        with pytest.raises(Missing):
            act()


def test_a_root_given_up_elsewhere_is_missing(
    openbao: RunningOpenBao, made: TransitCustodian, key: str
) -> None:
    wrapped = made.wrap(SECRET, b"")
    openbao.call("POST", f"transit/keys/{key}/rotate")
    openbao.call("POST", f"transit/keys/{key}/config", {"min_decryption_version": 2})
    with pytest.raises(Missing):
        made.unwrap(wrapped, b"")
    openbao.call("POST", f"transit/keys/{key}/config", {"min_encryption_version": 2})
    with pytest.raises(Missing):
        made.wrap(SECRET, b"")


@pytest.mark.parametrize(
    ("options", "family"),
    [
        ({"type": "chacha20-poly1305"}, Invalid),
        ({"type": "aes256-gcm96", "derived": True}, Invalid),
        ({"type": "aes256-gcm96", "exportable": True}, Refused),
        ({"type": "aes256-gcm96", "allow_plaintext_backup": True}, Refused),
    ],
)
def test_a_weak_or_other_key_is_not_taken(
    openbao: RunningOpenBao, key: str, options: dict[str, object], family: type[BercailError]
) -> None:
    openbao.call("POST", f"transit/keys/{key}", options)
    with pytest.raises(family):
        opened(openbao, key)


def test_a_sealed_server_is_unavailable_until_it_is_unsealed(
    openbao: RunningOpenBao, made: TransitCustodian
) -> None:
    wrapped = made.wrap(SECRET, b"")
    openbao.seal()
    try:
        with pytest.raises(Unavailable, match="is sealed") as caught:
            made.unwrap(wrapped, b"")
        assert "bao operator unseal" in caught.value.remedy
    finally:
        openbao.unseal()
    assert made.unwrap(wrapped, b"") == SECRET


def test_a_server_that_is_gone_is_unavailable_at_once(openbao: RunningOpenBao, key: str) -> None:
    nobody = free_ports(("api",), {})["api"]
    before = time.monotonic()
    with pytest.raises(Unavailable, match="does not answer") as caught:
        opened(openbao, key, address=f"http://127.0.0.1:{nobody}")
    # Far above what a busy machine takes, far below what a client that tries again would.
    assert time.monotonic() - before < 60
    assert caught.value.remedy


def test_a_certificate_that_nobody_vouches_for_is_refused(
    openbao: RunningOpenBao, key: str
) -> None:
    with pytest.raises(Refused) as caught:
        opened(openbao, key, address=openbao.address.replace("http:", "https:"))
    assert caught.value.rule == "transit-certificate"


@pytest.mark.parametrize(
    "address", ["", "bao.example.org:8200", "http://bao.example.org:8200", "ftp://127.0.0.1"]
)
def test_an_address_that_would_show_the_token_is_invalid(
    openbao: RunningOpenBao, address: str
) -> None:
    with pytest.raises(Invalid, match="not the https address"):
        TransitCustodian.open(address=address, mount="m", key="k", token=PLANTED)


class FalseServer(http.server.BaseHTTPRequestHandler):
    """Answers what its `answers` say, by the method and the first word after the mount."""

    answers: dict[str, tuple[int, str]]

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, text = self.answers[f"{self.command} {self.path.split('/')[3]}"]
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = _answer  # noqa: N815  # the library's names

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def false_server() -> Iterator[Callable[[dict[str, tuple[int, str]]], str]]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FalseServer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def answering(answers: dict[str, tuple[int, str]]) -> str:
        FalseServer.answers = answers
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield answering
    server.shutdown()
    thread.join()
    server.server_close()


DESCRIPTION = {
    "type": "aes256-gcm96",
    "derived": False,
    "exportable": False,
    "allow_plaintext_backup": False,
    "imported_key": False,
    "min_decryption_version": 1,
    "latest_version": 1,
}
GOOD_KEY = (200, json.dumps({"data": DESCRIPTION}))


def test_a_server_that_refuses_to_make_the_key_is_told(
    false_server: Callable[[dict[str, tuple[int, str]]], str],
) -> None:
    address = false_server({"GET keys": (404, "{}"), "POST keys": (400, "{}")})
    with pytest.raises(Invalid, match="does not make a key `k` in `m`"):
        TransitCustodian.create(address=address, mount="m", key="k", token=PLANTED)


@pytest.mark.parametrize(
    "answers",
    [
        {"GET keys": (200, "{}")},
        {"GET keys": (200, "<html>")},
        {"GET keys": (307, "{}")},
        {"GET keys": (204, "")},
        {"GET keys": (500, '{"errors": ["internal"]}')},
        {"GET keys": (429, '{"errors": []}')},
        {"GET keys": GOOD_KEY, "POST hmac": (200, '{"data": {"hmac": "vault:v2:AAAA"}}')},
        {"GET keys": GOOD_KEY, "POST hmac": (200, '{"data": {"hmac": "vault:v1:%%%%"}}')},
        {"GET keys": GOOD_KEY, "POST hmac": (200, '{"data": {"hmac": null}}')},
    ],
)
def test_a_server_that_is_not_transit_is_unavailable(
    openbao: RunningOpenBao,
    false_server: Callable[[dict[str, tuple[int, str]]], str],
    answers: dict[str, tuple[int, str]],
) -> None:
    with pytest.raises(Unavailable):
        opened(openbao, "k", address=false_server(answers))


def test_no_error_shows_the_token_or_the_secret(
    openbao: RunningOpenBao, made: TransitCustodian, key: str
) -> None:
    planted = Secret(b"planted-data-key")
    wrapped = made.wrap(planted, b"")
    nobody = f"http://127.0.0.1:{free_ports(('api',), {})['api']}"
    daily = opened(openbao, key, openbao.token_for(DAILY.format(key=key)))
    openbao.call("POST", f"transit/keys/{key}/rotate")
    openbao.call("POST", f"transit/keys/{key}/config", {"min_encryption_version": 2})
    acts: list[Callable[[], object]] = [
        lambda: made.unwrap(wrapped, b"another"),
        lambda: daily.wrap(planted, b""),
        lambda: opened(openbao, key, PLANTED),
        lambda: opened(openbao, key, PLANTED, nobody),
    ]
    for act in acts:
        with pytest.raises(BercailError) as caught:
            act()
        shown = "".join(
            traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
        )
        for secret in (planted, PLANTED, openbao.root_token):
            assert secret.reveal().decode() not in shown
