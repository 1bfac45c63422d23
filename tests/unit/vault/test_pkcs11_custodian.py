"""A token as custodian: every way it can be lost, locked, wrong or weak, on the real SoftHSM."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, ObjectClass
from pkcs11.types import Session

from bercail.foundation import (
    BercailError,
    Invalid,
    Missing,
    Refused,
    Secret,
    SystemRandomness,
    Unavailable,
    Unproven,
)
from bercail.testing.softhsm import PIN, SoftHsm
from bercail.vault import pkcs11_custodian
from bercail.vault.pkcs11_custodian import Pkcs11Custodian
from bercail.vault.pkcs11_token import LOGINS, Login, Logins

pytestmark = pytest.mark.xdist_group("custodians")

RANDOM = SystemRandomness()
TOKEN = "one"
SECRET = Secret(b"a data key")
WRONG = Secret(b"1414-planted")


def create(softhsm: SoftHsm, token: str, key: str = "", pin: Secret = PIN) -> Pkcs11Custodian:
    return Pkcs11Custodian.create(
        library=softhsm.library, token=token, key=key or uuid4().hex, pin=pin, randomness=RANDOM
    )


def reopen(softhsm: SoftHsm, token: str, key: str, pin: Secret = PIN) -> Pkcs11Custodian:
    return Pkcs11Custodian.open(
        library=softhsm.library, token=token, key=key, pin=pin, randomness=RANDOM
    )


@pytest.fixture
def label() -> str:
    return uuid4().hex


@pytest.fixture
def made(softhsm: SoftHsm, label: str) -> Pkcs11Custodian:
    return create(softhsm, "one", label)


@pytest.fixture
def writing(softhsm: SoftHsm, made: Pkcs11Custodian) -> Session:
    """A session beside the custodian's own, as an administrator's tool would have."""
    return pkcs11.lib(softhsm.library).get_token(token_label=TOKEN).open(rw=True)


def keys_of(session: Session, label: str) -> list[pkcs11.SecretKey]:
    wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: label}
    return list(session.get_objects(wanted))  # type: ignore[arg-type]


def test_the_root_cannot_leave_the_token(
    made: Pkcs11Custodian, writing: Session, label: str
) -> None:
    (key,) = keys_of(writing, label)
    with pytest.raises(pkcs11.AttributeSensitive):
        key[Attribute.VALUE]
    with pytest.raises(pkcs11.PKCS11Error):
        key[Attribute.EXTRACTABLE] = True
    assert key[Attribute.LOCAL]
    assert key[Attribute.ID].hex() == made.root


def test_a_root_is_never_made_over_another(softhsm: SoftHsm, made: Pkcs11Custodian) -> None:
    with pytest.raises(Refused) as caught:
        create(softhsm, "one", made.name.rpartition("/")[2])
    assert caught.value.rule == "custodian-exists"


@pytest.mark.parametrize("pin", [WRONG, Secret(b"1"), Secret(b"\xff\xfe\xfd\xfc")])
def test_a_wrong_pin_is_invalid_and_not_shown(softhsm: SoftHsm, label: str, pin: Secret) -> None:
    for token in ("two", "locked"):  # one perhaps open in this process already, one not
        with pytest.raises(Invalid, match=f"The PIN does not open the token `{token}`") as caught:
            reopen(softhsm, token, label, pin)
        assert "planted" not in "".join(traceback.format_exception(caught.value))


def test_a_wrong_pin_does_not_ride_on_an_open_token(
    softhsm: SoftHsm, made: Pkcs11Custodian, label: str
) -> None:
    with pytest.raises(Invalid, match="The PIN does not open the token `one`"):
        reopen(softhsm, "one", label, WRONG)


def test_what_is_not_there_is_missing(softhsm: SoftHsm, made: Pkcs11Custodian) -> None:
    with pytest.raises(Missing, match="no token with the label `none`"):
        reopen(softhsm, "none", "key")
    with pytest.raises(Missing, match="token `one` holds no such root"):
        reopen(softhsm, "one", "no such key")
    for library in ("/nowhere/libtoken.so", "/dev/null"):
        with pytest.raises(Missing, match=f"library `{library}` does not load"):
            Pkcs11Custodian.open(library=library, token=TOKEN, key="k", pin=PIN, randomness=RANDOM)


def test_two_tokens_of_one_label_are_invalid(softhsm: SoftHsm) -> None:
    with pytest.raises(Invalid, match="Several tokens have the label `twin`"):
        create(softhsm, "twin")


def test_a_root_removed_from_the_token_is_missing(
    made: Pkcs11Custodian, writing: Session, label: str
) -> None:
    wrapped = made.wrap(SECRET, b"")
    for key in keys_of(writing, label):
        key.destroy()
    for act in (lambda: made.wrap(SECRET, b""), lambda: made.unwrap(wrapped, b"")):
        with pytest.raises(Missing, match="holds no such root"):
            act()


def test_a_token_pulled_out_is_unavailable_until_it_is_back(
    softhsm: SoftHsm, tmp_path: Path
) -> None:
    made = create(softhsm, "lost")
    wrapped = made.wrap(SECRET, b"")
    place, away = softhsm.places["lost"], tmp_path / "away"
    place.rename(away)
    pkcs11.lib(softhsm.library).reinitialize()
    with pytest.raises(Unavailable, match="NoSuchToken"):
        made.unwrap(wrapped, b"")
    away.rename(place)
    pkcs11.lib(softhsm.library).reinitialize()
    assert made.unwrap(wrapped, b"") == SECRET


def test_a_session_closed_by_the_token_is_opened_again(
    softhsm: SoftHsm, made: Pkcs11Custodian
) -> None:
    wrapped = made.wrap(SECRET, b"")
    pkcs11.lib(softhsm.library).reinitialize()
    assert made.unwrap(wrapped, b"") == SECRET
    assert made.with_new_root().unwrap(wrapped, b"") == SECRET


def test_a_token_that_logged_us_out_is_logged_into_again(
    softhsm: SoftHsm, made: Pkcs11Custodian
) -> None:
    wrapped = made.wrap(SECRET, b"")
    login = LOGINS.at(softhsm.library, "one", PIN)
    beside = pkcs11.lib(softhsm.library).get_token(token_label=TOKEN).open()
    login._drop()
    login._drop()  # given up twice, it is given up once
    login._session = beside
    assert made.unwrap(wrapped, b"") == SECRET


def test_a_library_shut_down_beside_us_starts_again_at_the_next_use(
    softhsm: SoftHsm, made: Pkcs11Custodian
) -> None:
    wrapped = made.wrap(SECRET, b"")
    pkcs11.lib(softhsm.library).finalize()
    with pytest.raises(Unavailable):
        made.unwrap(wrapped, b"")
    assert made.unwrap(wrapped, b"") == SECRET


def test_a_process_that_logged_in_by_other_means_is_served(
    softhsm: SoftHsm, made: Pkcs11Custodian
) -> None:
    Logins().at(softhsm.library, "one", PIN).ask(lambda session: session.generate_random(64))


def test_a_forked_child_starts_the_library_again(softhsm: SoftHsm) -> None:
    logins = Logins()
    first = logins.at(softhsm.library, "shared", PIN)
    logins.begin_child()
    second = logins.at(softhsm.library, "shared", PIN)
    assert second is not first
    assert logins.at(softhsm.library, "shared", PIN) is second


@pytest.mark.parametrize(
    ("error", "family", "rule"),
    [
        (pkcs11.PinLocked, Refused, "token-pin"),
        (pkcs11.PinExpired, Refused, "token-pin"),
        (pkcs11.TokenWriteProtected, Refused, "token-read-only"),
        (pkcs11.MechanismInvalid, Invalid, None),
        (pkcs11.KeyHandleInvalid, Missing, None),
        (pkcs11.DeviceError, Unavailable, None),
        (pkcs11.DeviceRemoved, Unavailable, None),
    ],
)
def test_each_refusal_of_the_token_has_its_family(
    softhsm: SoftHsm, error: type[Exception], family: type[BercailError], rule: str | None
) -> None:
    def refuse(_: Session) -> None:
        raise error

    with pytest.raises(BercailError, match="token `two`") as caught:
        LOGINS.at(softhsm.library, "two", PIN).ask(refuse)
    assert (type(caught.value), caught.value.rule) == (family, rule)
    assert caught.value.remedy


def test_a_root_that_can_leave_its_token_is_refused(
    softhsm: SoftHsm, made: Pkcs11Custodian, writing: Session
) -> None:
    weak = uuid4().hex
    writing.generate_key(
        KeyType.AES,
        256,
        id=bytes(12),
        label=weak,
        store=True,
        template={Attribute.EXTRACTABLE: True, Attribute.SENSITIVE: False},
    )
    with pytest.raises(Refused) as caught:
        reopen(softhsm, "one", weak)
    assert caught.value.rule == "extractable-root"


def test_a_token_that_ignores_the_context_is_not_used(
    softhsm: SoftHsm, made: Pkcs11Custodian, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = pkcs11_custodian._decrypted
    monkeypatch.setattr(
        pkcs11_custodian, "_decrypted", lambda key, root, body, _: honest(key, root, body, b"one")
    )
    with pytest.raises(Unproven) as caught:
        reopen(softhsm, "one", label)
    assert caught.value.rule == "custodian-proof"


def test_a_token_that_fails_is_not_taken_for_an_altered_key(
    made: Pkcs11Custodian, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Secret:
        raise pkcs11.GeneralError

    wrapped = made.wrap(SECRET, b"")
    monkeypatch.setattr(pkcs11_custodian, "_decrypted", fail)
    with pytest.raises(Unavailable, match="GeneralError"):
        made.unwrap(wrapped, b"")


def test_no_error_shows_the_pin_or_the_secret(
    softhsm: SoftHsm, made: Pkcs11Custodian, writing: Session, label: str
) -> None:
    planted = Secret(b"planted-data-key")
    wrapped = made.wrap(planted, b"")
    acts: list[Callable[[], object]] = [
        lambda: made.unwrap(wrapped, b"another"),
        lambda: reopen(softhsm, "one", label, WRONG),
        lambda: reopen(softhsm, "none", label),
    ]
    for act in acts:
        with pytest.raises(BercailError) as caught:
            act()
        shown = "".join(
            traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
        )
        for secret in (planted, WRONG, PIN):
            assert secret.reveal().decode() not in shown
    assert isinstance(LOGINS.at(softhsm.library, "one", PIN), Login)
