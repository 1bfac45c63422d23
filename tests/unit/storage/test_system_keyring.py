"""Credentials from the keyring of the system: found, absent, locked, not installed, misnamed."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.errors import KeyringLocked
from secretstorage.exceptions import PromptDismissedException

from bercail.config import secret_from_environment
from bercail.foundation import Invalid, Missing, Secret
from bercail.storage import Credentials


class Desk(KeyringBackend):
    """The keyring of somebody who logged in; it stays locked after `lock`."""

    priority = 1

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.locked = False
        self.dismissed = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked(f"{service} {username} is locked")
        if self.dismissed:
            raise PromptDismissedException(f"{service} {username}")
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password


@pytest.fixture
def desk() -> Iterator[Desk]:
    before, desk = keyring.get_keyring(), Desk()
    keyring.set_keyring(desk)
    yield desk
    keyring.set_keyring(before)


def test_credentials_come_from_the_keyring(desk: Desk) -> None:
    keyring.set_password("hub/source", "sas", "?sv=1&sig=2")
    found = Credentials.from_environment("X", {"X_SAS_KEYRING": "hub/source/sas"})
    assert found.sas == Secret(b"sv=1&sig=2")
    assert secret_from_environment("P", {"P_KEYRING": "hub/source/sas"}) == Secret(b"?sv=1&sig=2")
    assert desk.entries == {("hub/source", "sas"): "?sv=1&sig=2"}


def test_an_absent_entry_is_said(desk: Desk) -> None:
    with pytest.raises(Missing, match="no entry that `X_SAS_KEYRING` names"):
        Credentials.from_environment("X", {"X_SAS_KEYRING": "hub/other"})
    keyring.set_password("hub", "empty", "")
    with pytest.raises(Missing, match="no entry"):
        secret_from_environment("P", {"P_KEYRING": "hub/empty"})
    assert not desk.locked


@pytest.mark.parametrize("place", ["a-word", "/a-word", "a-word/"])
def test_a_place_of_another_form_is_refused_without_being_repeated(place: str) -> None:
    with pytest.raises(Invalid, match="names no entry") as refused:
        Credentials.from_environment("X", {"X_SAS_KEYRING": place})
    assert "a-word" not in str(refused.value)


def test_a_keyring_that_stays_locked_is_said_without_its_words(desk: Desk) -> None:
    desk.locked = True
    with pytest.raises(Missing, match=r"cannot be opened \(KeyringLocked\)") as locked:
        Credentials.from_environment("X", {"X_SAS_KEYRING": "hub/private-name"})
    assert "private-name" not in str(locked.value)


def test_what_the_library_of_a_keyring_raises_is_told_like_a_locked_one(desk: Desk) -> None:
    desk.dismissed = True
    with pytest.raises(Missing, match=r"\(PromptDismissedException\)") as dismissed:
        Credentials.from_environment("X", {"X_SAS_KEYRING": "hub/private-name"})
    assert "private-name" not in str(dismissed.value)


def test_a_server_without_a_keyring_is_told_what_to_use() -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(NoKeyring())
    try:
        with pytest.raises(Missing, match=r"NoKeyringError.*_FILE"):
            Credentials.from_environment("X", {"X_SAS_KEYRING": "hub/sas"})
    finally:
        keyring.set_keyring(before)


def test_without_the_extra_the_remedy_is_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(Invalid, match="not installed here"):
        Credentials.from_environment("X", {"X_SAS_KEYRING": "hub/sas"})


def test_two_ways_at_once_are_refused() -> None:
    with pytest.raises(Invalid, match="Both `X_SAS_FILE` and `X_SAS_KEYRING` are set"):
        Credentials.from_environment("X", {"X_SAS_FILE": "/a", "X_SAS_KEYRING": "hub/sas"})
