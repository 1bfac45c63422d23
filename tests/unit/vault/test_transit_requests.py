"""What is asked of a Transit server, word for word, and how it is told: no server runs."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Callable
from typing import Any, cast

import pytest
import requests
from hvac import exceptions as hvac_errors

from bercail.foundation import (
    BercailError,
    Invalid,
    Missing,
    Refused,
    Secret,
    Unavailable,
    Unproven,
)
from bercail.vault import transit_custodian
from bercail.vault.transit_custodian import TransitCustodian, _Server

TOKEN = Secret(b"a token")
ADDRESS = "https://bao.example.org:8200"
HMAC = bytes(range(32))
ROOT = HMAC[:12]
SEALED = b"sealed by the server"
DESCRIPTION = {
    "type": "aes256-gcm96",
    "derived": False,
    "exportable": False,
    "allow_plaintext_backup": False,
    "imported_key": False,
    "min_decryption_version": 1,
    "latest_version": 1,
}


def written(value: bytes) -> str:
    return base64.b64encode(value).decode()


class Transit:
    """Notes each request; answers what `answers` says, raising what is an error."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.description = dict(DESCRIPTION)
        self.answers: dict[str, Any] = {
            "encrypt_data": {"data": {"ciphertext": f"vault:v1:{written(SEALED)}"}},
            "decrypt_data": {"data": {"plaintext": written(b"a data key")}},
        }

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def act(*arguments: Any, **named: Any) -> Any:
            self.asked.append((name, arguments, named))
            answer = self.answers.get(name)
            if isinstance(answer, Exception):
                raise answer
            if answer is not None:
                return answer
            if name == "read_key":
                return {"data": self.description}
            if name == "generate_hmac":
                version = named["key_version"]
                value = bytes([version - 1]) + HMAC[1:]
                return {"data": {"hmac": f"vault:v{version}:{written(value)}"}}
            return {}

        return act


class Client:
    def __init__(self, transit: Transit) -> None:
        self.secrets = self
        self.transit = transit


@pytest.fixture
def transit(monkeypatch: pytest.MonkeyPatch) -> Transit:
    found = Transit()
    monkeypatch.setattr(_Server, "_client", lambda _: Client(found))
    return found


@pytest.fixture
def opened(transit: Transit) -> TransitCustodian:
    made = TransitCustodian.open(address=ADDRESS, mount="m", key="k", token=TOKEN)
    transit.asked.clear()
    return made


def hmac_of(version: int) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    named = {"key_version": version, "algorithm": "sha2-256", "mount_point": "m"}
    return ("generate_hmac", ("k", written(b"bercail transit root v1")), named)


READ = ("read_key", ("k",), {"mount_point": "m"})


# Requests.


def test_opening_reads_the_key_and_asks_each_version_for_its_id(transit: Transit) -> None:
    transit.description |= {"min_decryption_version": 2, "latest_version": 4}
    made = TransitCustodian.open(address=ADDRESS, mount="m", key="k", token=TOKEN)
    assert transit.asked == [READ, hmac_of(2), hmac_of(3), hmac_of(4)]
    assert made.root == (bytes([3]) + HMAC[1:12]).hex()
    assert made.name == "transit:m/k"


def test_a_key_is_made_that_cannot_leave(transit: Transit) -> None:
    transit.answers["read_key"] = hvac_errors.InvalidPath()
    with pytest.raises(Missing):
        TransitCustodian.create(address=ADDRESS, mount="m", key="k", token=TOKEN)
    wanted = {
        "key_type": "aes256-gcm96",
        "exportable": False,
        "allow_plaintext_backup": False,
        "derived": False,
        "mount_point": "m",
    }
    assert transit.asked == [READ, ("create_key", ("k",), wanted), READ]


def test_a_wrap_names_its_version_and_what_it_is_bound_to(
    transit: Transit, opened: TransitCustodian
) -> None:
    wrapped = opened.wrap(Secret(b"a data key"), b"context")
    named = {
        "plaintext": written(b"a data key"),
        "associated_data": written(b"\x03" + ROOT + b"context"),
        "key_version": 1,
        "mount_point": "m",
    }
    assert transit.asked == [("encrypt_data", ("k",), named), hmac_of(1)]
    assert wrapped == b"\x03" + ROOT + SEALED


def test_an_unwrap_sends_the_same(transit: Transit, opened: TransitCustodian) -> None:
    assert opened.unwrap(b"\x03" + ROOT + SEALED, b"context") == Secret(b"a data key")
    named = {"associated_data": written(b"\x03" + ROOT + b"context"), "mount_point": "m"}
    sent = ("k", f"vault:v1:{written(SEALED)}")
    assert transit.asked == [("decrypt_data", sent, named)]


def test_a_change_of_root_is_asked_in_these_requests(
    transit: Transit, opened: TransitCustodian
) -> None:
    opened.with_new_root()
    opened.forget_old_roots()
    here = {"mount_point": "m"}
    assert transit.asked == [
        ("rotate_key", ("k",), here),
        READ,
        hmac_of(1),
        ("update_key_configuration", ("k",), {**here, "min_encryption_version": 1}),
        ("update_key_configuration", ("k",), {**here, "min_decryption_version": 1}),
        ("trim_key", ("k", 1), here),
        READ,
        hmac_of(1),
    ]


@pytest.mark.parametrize("name", ["open", "create"])
@pytest.mark.parametrize(
    "given", [{}, {"namespace": "team", "ca_file": "ca.pem"}], ids=["defaults", "both"]
)
def test_the_server_is_called_with_what_was_given(
    monkeypatch: pytest.MonkeyPatch, name: str, given: dict[str, str]
) -> None:
    called: list[tuple[Any, ...]] = []

    class Called(Exception):
        pass

    def noted(*arguments: Any) -> None:
        called.append(arguments)
        raise Called

    monkeypatch.setattr(transit_custodian, "_Server", noted)
    with pytest.raises(Called):
        getattr(TransitCustodian, name)(address=ADDRESS, mount="m", key="k", token=TOKEN, **given)
    assert called == [(ADDRESS, TOKEN, given.get("namespace", ""), given.get("ca_file", ""))]


# Answers.


def test_a_wrap_under_another_root_names_the_custodian(opened: TransitCustodian) -> None:
    with pytest.raises(Unproven, match="`transit:m/k`") as caught:
        opened.unwrap(b"\x03" + bytes(12) + SEALED, b"")
    assert caught.value.rule == "wrapped-root"


def test_a_refused_unwrap_is_altered_or_its_root_is_gone(
    transit: Transit, opened: TransitCustodian
) -> None:
    wrapped = b"\x03" + ROOT + SEALED
    transit.answers["decrypt_data"] = hvac_errors.InvalidRequest()
    with pytest.raises(Unproven) as caught:
        opened.unwrap(wrapped, b"")
    assert caught.value.rule == "wrapped-key"
    other = f"vault:v1:{written(bytes(32))}"
    for answer in (hvac_errors.InvalidRequest(), {"data": {"hmac": other}}):
        transit.answers["generate_hmac"] = answer
        with pytest.raises(Missing, match="holds no such root"):
            opened.unwrap(wrapped, b"")
        with pytest.raises(Missing, match="holds no such root"):
            opened.wrap(Secret(b"x"), b"")


@pytest.mark.parametrize("refused", ["encrypt_data", "rotate_key", "trim_key"])
def test_what_the_server_refuses_is_a_root_that_is_gone(
    transit: Transit, opened: TransitCustodian, refused: str
) -> None:
    transit.answers[refused] = hvac_errors.InvalidRequest()
    acts: dict[str, Callable[[], object]] = {
        "encrypt_data": lambda: opened.wrap(Secret(b"x"), b""),
        "rotate_key": opened.with_new_root,
        "trim_key": opened.forget_old_roots,
    }
    with pytest.raises(Missing, match=f"The server `{ADDRESS}` holds no such root"):
        acts[refused]()


@pytest.mark.parametrize("text", ["vault:v1:%%%%", "vault:v2:AAAA", "AAAA", "vault:v1:AA!AA", None])
def test_an_answer_in_another_form_is_not_taken(
    transit: Transit, opened: TransitCustodian, text: str | None
) -> None:
    transit.answers["encrypt_data"] = {"data": {"ciphertext": text}}
    with pytest.raises(Unavailable, match=f"The server `{ADDRESS}` answers in a form"):
        opened.wrap(Secret(b"x"), b"")


@pytest.mark.parametrize(
    ("change", "family"),
    [
        ({"type": "aes128-gcm96"}, Invalid),
        ({"derived": True}, Invalid),
        ({"exportable": True}, Refused),
        ({"allow_plaintext_backup": True}, Refused),
        ({"imported_key": True}, Refused),
    ],
)
def test_each_weakness_of_a_key_is_enough(
    transit: Transit, change: dict[str, Any], family: type[BercailError]
) -> None:
    transit.description |= change
    with pytest.raises(family, match="`transit:m/k`") as caught:
        TransitCustodian.open(address=ADDRESS, mount="m", key="k", token=TOKEN)
    assert caught.value.rule == (None if family is Invalid else "extractable-root")


def refusing(error: Exception) -> Callable[[Any], Any]:
    def act(_: Any) -> Any:
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "family", "rule", "said"),
    [
        (hvac_errors.VaultDown(), Unavailable, None, "is sealed"),
        (hvac_errors.VaultNotInitialized(), Unavailable, None, "is sealed"),
        (hvac_errors.Forbidden(), Refused, "transit-token", "does not accept"),
        (hvac_errors.Unauthorized(), Refused, "transit-token", "does not accept"),
        (hvac_errors.InvalidPath(), Missing, None, "no such root"),
        (hvac_errors.InternalServerError(), Unavailable, None, r"\(InternalServerError\)"),
        (requests.exceptions.SSLError(), Refused, "transit-certificate", "certificate"),
        (requests.exceptions.ReadTimeout(), Unavailable, None, r"\(ReadTimeout\)"),
        (KeyError("data"), Unavailable, None, "not one of Transit"),
        (TypeError("null"), Unavailable, None, "not one of Transit"),
        (ValueError("json"), Unavailable, None, "not one of Transit"),
    ],
)
def test_each_answer_of_a_server_has_its_family(
    error: Exception, family: type[BercailError], rule: str | None, said: str
) -> None:
    with pytest.raises(family, match=said) as caught:
        _Server(ADDRESS, TOKEN, "", "").ask(refusing(error))
    assert f"`{ADDRESS}`" in caught.value.message
    assert caught.value.rule == rule
    assert caught.value.remedy
    # No request, with token and key, hangs on what is told.
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


# Connections.


@pytest.mark.parametrize(
    ("namespace", "ca_file", "verify"), [("", "", True), ("team", "ca.pem", "ca.pem")]
)
def test_a_connection_takes_nothing_from_the_environment(
    namespace: str, ca_file: str, verify: bool | str
) -> None:
    client = _Server(f"{ADDRESS}/", TOKEN, namespace, ca_file)._client()
    session = cast("Any", client).session
    assert (session.trust_env, session.verify) == (False, verify)
    adapter = cast("Any", client).adapter
    assert (adapter.base_uri, adapter.token) == (ADDRESS, "a token")
    assert adapter.namespace == (namespace or None)
    assert adapter.allow_redirects is False
    assert adapter._kwargs["timeout"] == (3.0, 10.0)
    assert adapter._kwargs["verify"] == verify


def test_a_token_that_is_no_text_is_sent_as_it_can_be() -> None:
    client = _Server(ADDRESS, Secret(b"\xff"), "", "")._client()
    assert cast("Any", client).token == "\ufffd"


def test_each_thread_of_each_process_has_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    server = _Server(ADDRESS, TOKEN, "", "")
    first = server._client()
    assert server._client() is first
    beside: list[Any] = []
    thread = threading.Thread(target=lambda: beside.append(server._client()))
    thread.start()
    thread.join()
    assert beside[0] is not first
    here = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: here + 1)
    child = server._client()
    assert child is not first
    assert server._client() is child


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("https://bao.example.org/X/", "https://bao.example.org/X"),
        ("http://127.0.0.1:8200", "http://127.0.0.1:8200"),
        ("http://[::1]:8200", "http://[::1]:8200"),
        ("http://localhost:8200//", "http://localhost:8200"),
    ],
)
def test_addresses_that_are_taken(given: str, taken: str) -> None:
    assert _Server(given, TOKEN, "", "").address == taken


@pytest.mark.parametrize("address", ["https:///v1", "https://", "http://bao", "ftp://localhost"])
def test_addresses_that_are_not(address: str) -> None:
    with pytest.raises(Invalid, match=f"`{address}` is not the https address"):
        _Server(address, TOKEN, "", "")
