"""A token behind a PKCS #11 library: one login for the process, its refusals in our words.

The interface is OASIS PKCS #11 v2.40.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import pkcs11
from attrs import frozen
from pkcs11 import PKCS11Error
from pkcs11.types import Session

from bercail.foundation import BercailError, Invalid, Missing, Refused, Secret, Unavailable

if TYPE_CHECKING:
    from pkcs11._pkcs11 import lib as Library  # noqa: N812  # the binding's own name

_Answer = TypeVar("_Answer")

_DROPPED = (
    pkcs11.SessionHandleInvalid,
    pkcs11.SessionClosed,
    pkcs11.UserNotLoggedIn,
    pkcs11.DeviceRemoved,
    pkcs11.TokenNotPresent,
)
"""The token closed our session (time limit, token pulled out and back): opened again once."""


@frozen(kw_only=True)
class _Meaning:
    """How one of the token's refusals is told: `{token}` is its label."""

    family: type[BercailError]
    message: str
    remedy: str
    rule: str | None = None


_WRONG_PIN = _Meaning(
    family=Invalid,
    message="The PIN does not open the token `{token}`.",
    remedy="Check the PIN before trying again: tokens lock after a few wrong ones.",
)
_PIN_STATE = _Meaning(
    family=Refused,
    message="The token `{token}` takes no PIN: it is locked, expired or was never set.",
    remedy="Its security officer sets the PIN again.",
    rule="token-pin",
)
_NO_ROOT = _Meaning(
    family=Missing,
    message="The token `{token}` holds no such root, or no longer.",
    remedy="Restore the token from its backup, or create the root if there never was one.",
)
_CANNOT = _Meaning(
    family=Invalid,
    message="The token `{token}` cannot make AES-256 keys or do AES-GCM as this needs it.",
    remedy="Use a token with CKM_AES_GCM that takes the caller's nonce.",
)
_READ_ONLY = _Meaning(
    family=Refused,
    message="The token `{token}` does not let its content be changed.",
    remedy="Remove its write protection for the ceremony.",
    rule="token-read-only",
)
_MEANINGS: dict[type[PKCS11Error], _Meaning] = {
    pkcs11.PinIncorrect: _WRONG_PIN,
    pkcs11.PinInvalid: _WRONG_PIN,
    pkcs11.PinLenRange: _WRONG_PIN,
    pkcs11.PinLocked: _PIN_STATE,
    pkcs11.PinExpired: _PIN_STATE,
    pkcs11.UserPinNotInitialized: _PIN_STATE,
    pkcs11.NoSuchToken: _Meaning(
        family=Missing,
        message="There is no token with the label `{token}`.",
        remedy="Plug it in, or correct `token` in [custodian].",
    ),
    pkcs11.MultipleTokensReturned: _Meaning(
        family=Invalid,
        message="Several tokens have the label `{token}`.",
        remedy="Give each token a label of its own.",
    ),
    pkcs11.NoSuchKey: _NO_ROOT,
    pkcs11.KeyHandleInvalid: _NO_ROOT,
    pkcs11.ObjectHandleInvalid: _NO_ROOT,
    pkcs11.MechanismInvalid: _CANNOT,
    pkcs11.MechanismParamInvalid: _CANNOT,
    pkcs11.TemplateInconsistent: _CANNOT,
    pkcs11.FunctionNotSupported: _CANNOT,
    pkcs11.TokenWriteProtected: _READ_ONLY,
    pkcs11.SessionReadOnly: _READ_ONLY,
}
_SILENT = _Meaning(
    family=Unavailable,
    message="The token `{token}` does not answer as it should ({error}).",
    remedy="Check that it is plugged in and its service runs, then try again.",
)


class Login:
    """One token, logged into once for the whole process and used by one thread at a time.

    PKCS #11 ties the login to the process, not to a session (5.6, C_Login): the first custodian
    logs in, later ones of the same token show the same PIN.
    """

    def __init__(self, library: str, token: str, pin: Secret, *, inherited: bool) -> None:
        self._library = library
        self._token = token
        self._pin = pin
        self._inherited = inherited
        self._lock = threading.RLock()
        self._session: Session | None = None
        self._was_open = False

    def knows(self, pin: Secret) -> bool:
        """Whether this PIN is the one that opened the token."""
        return self._pin == pin

    def ask(self, act: Callable[[Session], _Answer]) -> _Answer:
        """What `act` gives on the session, opened again once when the token dropped it."""
        with self._lock:
            try:
                try:
                    return act(self._live())
                except _DROPPED:
                    self._drop()
                    return act(self._live())
            except PKCS11Error as error:
                if type(error) not in _MEANINGS:
                    self._drop()
                raise self._told(error) from error

    def change(self, act: Callable[[Session], _Answer]) -> _Answer:
        """What `act` gives on a session that may change the token."""

        def widened(session: Session) -> _Answer:
            # Opened without a PIN: it shares the login, and closing it does not log out.
            writing = session.token.open(rw=True)
            try:
                return act(writing)
            finally:
                writing.close()

        return self.ask(widened)

    def _drop(self) -> None:
        """Give the session up; the next use starts anew, from the library on."""
        held, self._session = self._session, None
        if held is not None:
            # It is given up because it fails, and may fail to close as well.
            with suppress(PKCS11Error):
                held.close()

    def _live(self) -> Session:
        if self._session is None:
            self._session = self._opened()
            self._was_open = True
        # A search on a dead session would leave the library's search unfinished; this does not.
        self._session.generate_random(64)
        return self._session

    def _opened(self) -> Session:
        token = self._loaded().get_token(token_label=self._token)
        try:
            return token.open(user_pin=self._pin.reveal().decode("utf-8", "replace"))
        except pkcs11.UserAlreadyLoggedIn:
            return token.open()

    def _loaded(self) -> Library:
        try:
            library = pkcs11.lib(self._library)
            if self._inherited:
                library.reinitialize()
                self._inherited = False
        except PKCS11Error as error:
            raise Missing(
                f"The PKCS #11 library `{self._library}` does not load or start "
                f"({type(error).__name__}: {error}).",
                remedy="Install the token's software and name its library in [custodian]; "
                "for SoftHSM, check SOFTHSM2_CONF.",
            ) from error
        return library

    def _told(self, error: PKCS11Error) -> BercailError:
        meaning = _MEANINGS.get(type(error), _SILENT)
        if isinstance(error, pkcs11.NoSuchToken) and self._was_open:
            meaning = _SILENT
        message = meaning.message.format(token=self._token, error=type(error).__name__)
        return meaning.family(message, remedy=meaning.remedy, rule=meaning.rule)


class Logins:
    """The tokens that this process has logged into."""

    def __init__(self) -> None:
        self._inherited: set[str] = set()
        self._open: dict[tuple[str, str], Login] = {}
        self._lock = threading.Lock()

    def at(self, library: str, token: str, pin: Secret) -> Login:
        """The login of a token; a wrong PIN is told without spending one of its tries."""
        with self._lock:
            found = self._open.get((library, token))
            if found is None:
                found = Login(library, token, pin, inherited=library in self._inherited)
                # Proven to open before it is kept.
                found.ask(lambda _: None)
                self._inherited.discard(library)
                self._open[library, token] = found
        if not found.knows(pin):
            raise Invalid(_WRONG_PIN.message.format(token=token), remedy=_WRONG_PIN.remedy)
        return found

    def begin_child(self) -> None:
        """Forget what the parent process opened: a forked child starts the library again."""
        self._inherited = self._inherited | {library for library, _ in self._open}
        self._open = {}
        self._lock = threading.Lock()


LOGINS = Logins()
os.register_at_fork(after_in_child=LOGINS.begin_child)
