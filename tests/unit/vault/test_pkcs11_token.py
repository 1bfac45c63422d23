"""What a login keeps, gives up and starts again, with a token and a library of the test's own."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pkcs11
import pytest

from bercail.foundation import BercailError, Invalid, Secret
from bercail.vault import pkcs11_token
from bercail.vault.pkcs11_token import LOGINS, Login, Logins

PIN = Secret(b"2718-2818")


class FakeSession:
    """A session that answers, and notes that it was closed."""

    def __init__(self) -> None:
        self.closed = False
        self.opened: list[FakeSession] = []
        self.token = SimpleNamespace(open=self._open)

    def _open(self, *, rw: bool) -> FakeSession:
        assert rw
        self.opened.append(FakeSession())
        return self.opened[-1]

    def generate_random(self, bits: int) -> bytes:
        return bytes(bits // 8)

    def close(self) -> None:
        self.closed = True


def logged_in() -> tuple[Login, FakeSession]:
    login, session = Login("lib", "t", PIN, inherited=False), FakeSession()
    login._session = cast("Any", session)
    return login, session


def refuse(error: type[Exception]) -> Callable[[object], None]:
    def act(_: object) -> None:
        raise error

    return act


def test_a_refusal_that_has_its_words_keeps_the_session() -> None:
    login, session = logged_in()
    with pytest.raises(BercailError):
        login.ask(refuse(pkcs11.NoSuchKey))
    assert login._session is cast("Any", session)
    assert not session.closed


def test_a_refusal_that_nobody_expects_gives_the_session_up_and_closes_it() -> None:
    login, session = logged_in()
    with pytest.raises(BercailError):
        login.ask(refuse(pkcs11.DeviceError))
    assert login._session is None
    assert session.closed


@pytest.mark.parametrize("fails", [False, True])
def test_a_session_that_may_write_is_closed_after_its_one_use(fails: bool) -> None:
    login, session = logged_in()
    if fails:
        with pytest.raises(BercailError):
            login.change(refuse(pkcs11.NoSuchKey))
    else:
        assert login.change(lambda writing: writing) is cast("Any", session.opened[0])
    assert [one.closed for one in session.opened] == [True]
    assert not session.closed


@pytest.mark.parametrize(("inherited", "times"), [(True, 1), (False, 0)])
def test_an_inherited_library_is_started_again_once(
    monkeypatch: pytest.MonkeyPatch, inherited: bool, times: int
) -> None:
    started: list[str] = []
    library = SimpleNamespace(reinitialize=lambda: started.append("again"))
    monkeypatch.setattr(pkcs11, "lib", lambda _: library)
    login = Login("lib", "t", PIN, inherited=inherited)
    for _ in range(2):
        assert cast("Any", login._loaded()) is library
    assert len(started) == times


class NotedLogin(Login):
    """Touches no library, and notes what it is asked."""

    def __init__(self, library: str, token: str, pin: Secret, *, inherited: bool) -> None:
        super().__init__(library, token, pin, inherited=inherited)
        self.asked = 0

    def ask(self, act: Callable[[Any], Any]) -> Any:
        self.asked += 1
        return act(None)


@pytest.fixture
def logins(monkeypatch: pytest.MonkeyPatch) -> Logins:
    monkeypatch.setattr(pkcs11_token, "Login", NotedLogin)
    return Logins()


def inherits(logins: Logins, library: str, token: str) -> bool:
    return logins.at(library, token, PIN)._inherited


def test_a_login_is_proven_once_before_it_is_kept(logins: Logins) -> None:
    first = cast("NotedLogin", logins.at("lib", "a", PIN))
    assert logins.at("lib", "a", PIN) is first
    assert first.asked == 1
    with pytest.raises(Invalid):
        logins.at("lib", "a", Secret(b"another"))
    assert first.asked == 1


def test_a_child_starts_each_library_of_its_parents_again_and_once(logins: Logins) -> None:
    assert not inherits(logins, "one", "a")
    assert not inherits(logins, "two", "a")
    logins.begin_child()
    assert inherits(logins, "one", "a")
    assert not inherits(logins, "one", "b")
    # The child of the child has both, of which its parent opened one.
    logins.begin_child()
    assert inherits(logins, "two", "a")
    assert inherits(logins, "one", "a")
    assert not inherits(logins, "three", "a")


def test_a_child_does_not_wait_for_a_lock_that_its_parent_held(logins: Logins) -> None:
    with logins._lock:
        logins.begin_child()
        assert not logins._lock.locked()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_forgets_the_logins_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LOGINS, "_open", {("lib", "t"): logged_in()[0]})
    child = os.fork()
    if child == 0:
        os._exit(0 if not LOGINS._open and "lib" in LOGINS._inherited else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert list(LOGINS._open) == [("lib", "t")]
