"""What is asked of a token, word for word, and what is stored in it: no library is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import pkcs11
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11.mechanisms import GCMParams

from bercail.foundation import Missing, Refused, Secret, SeededRandomness, Unavailable, Unproven
from bercail.vault.pkcs11_custodian import Pkcs11Custodian
from bercail.vault.pkcs11_token import LOGINS

PIN = Secret(b"2718-2818")
SECRET = Secret(b"a data key")
TOKEN = "t"
SAFE = {
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.MODIFIABLE: False,
}


class FakeKey:
    """AES-256-GCM, as a token does it."""

    def __init__(self, session: FakeSession, key_id: bytes, label: str) -> None:
        self.session, self.id, self.label = session, key_id, label
        self.cipher = AESGCM(bytes(31) + bytes([len(session.keys)]))
        self.attributes = {Attribute.ALWAYS_SENSITIVE: True, Attribute.NEVER_EXTRACTABLE: True}
        self.refusal: type[Exception] = pkcs11.EncryptedDataInvalid

    def __getitem__(self, attribute: Attribute) -> bool:
        return self.attributes[attribute]

    def encrypt(self, data: bytes, *, mechanism: Mechanism, mechanism_param: GCMParams) -> bytes:
        assert mechanism is Mechanism.AES_GCM
        return self.cipher.encrypt(mechanism_param.nonce, data, mechanism_param.aad)

    def decrypt(self, data: bytes, *, mechanism: Mechanism, mechanism_param: GCMParams) -> bytes:
        assert mechanism is Mechanism.AES_GCM
        try:
            return self.cipher.decrypt(mechanism_param.nonce, data, mechanism_param.aad)
        except InvalidTag:
            raise self.refusal from None

    def destroy(self) -> None:
        self.session.keys.remove(self)


class FakeSession:
    """The keys of a token, and what was asked to make them."""

    def __init__(self) -> None:
        self.keys: list[FakeKey] = []
        self.made: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.hidden = False

    def get_objects(self, wanted: Mapping[Attribute, Any]) -> list[FakeKey]:
        assert wanted[Attribute.CLASS] is ObjectClass.SECRET_KEY
        assert wanted[Attribute.KEY_TYPE] is KeyType.AES
        assert len(wanted) == 3
        return [key for key in self.keys if key.label == wanted[Attribute.LABEL]]

    def generate_key(self, *arguments: Any, **named: Any) -> FakeKey:
        self.made.append((arguments, named))
        if self.hidden:
            raise pkcs11.UserNotLoggedIn
        key = FakeKey(self, named.get("id", b""), named.get("label", ""))
        self.keys.append(key)
        return key


class FakeLogin:
    def __init__(self, session: FakeSession) -> None:
        self.session = session
        self.changes = 0

    def ask(self, act: Callable[[Any], Any]) -> Any:
        try:
            return act(self.session)
        except pkcs11.NoSuchKey:
            raise Missing("The token holds no such root.", remedy="None.") from None
        except pkcs11.PKCS11Error as error:
            raise Unavailable(type(error).__name__, remedy="None.") from None

    def change(self, act: Callable[[Any], Any]) -> Any:
        self.changes += 1
        return self.ask(act)


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()


@pytest.fixture(autouse=True)
def login(session: FakeSession, monkeypatch: pytest.MonkeyPatch) -> FakeLogin:
    found = FakeLogin(session)

    def at(library: str, token: str, pin: Secret) -> FakeLogin:
        assert (library, token, pin) == ("lib", TOKEN, PIN)
        return found

    monkeypatch.setattr(LOGINS, "at", at)
    return found


def create(seed: int = 7) -> Pkcs11Custodian:
    return Pkcs11Custodian.create(
        library="lib", token=TOKEN, key="k", pin=PIN, randomness=SeededRandomness(seed)
    )


def reopen() -> Pkcs11Custodian:
    return Pkcs11Custodian.open(
        library="lib", token=TOKEN, key="k", pin=PIN, randomness=SeededRandomness(8)
    )


def stored(number: int, key_id: bytes) -> tuple[tuple[Any, ...], dict[str, Any]]:
    assert key_id[:4] == number.to_bytes(4, "big")
    assert len(key_id) == 12
    return (
        (KeyType.AES, 256),
        {
            "id": key_id,
            "label": "k",
            "store": True,
            "capabilities": MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
            "template": SAFE,
        },
    )


def test_a_root_is_made_inside_never_to_leave(session: FakeSession, login: FakeLogin) -> None:
    made = create()
    key_id = (1).to_bytes(4, "big") + SeededRandomness(7).take(8)
    assert session.made == [stored(1, key_id)]
    assert (made.name, made.root, login.changes) == ("pkcs11:t/k", key_id.hex(), 1)
    with pytest.raises(Refused) as caught:
        create()
    assert caught.value.rule == "custodian-exists"
    assert len(session.keys) == 1


def test_a_wrap_is_laid_out_as_the_format_says(session: FakeSession) -> None:
    made = create()
    wrapped = made.wrap(SECRET, b"context")
    root = bytes.fromhex(made.root)
    assert wrapped[:13] == b"\x02" + root
    nonce, body = wrapped[13:25], wrapped[25:]
    plain = session.keys[0].cipher.decrypt(nonce, body, b"\x02" + root + b"context")
    assert plain == b"a data key"
    assert len(body) == len(plain) + 16
    assert reopen().unwrap(wrapped, b"context") == SECRET


def test_a_new_root_has_the_next_number_and_the_old_ones_go(
    session: FakeSession, login: FakeLogin
) -> None:
    first = create()
    wrapped = first.wrap(SECRET, b"")
    second = first.with_new_root()
    assert session.made[-1] == stored(2, bytes.fromhex(second.root))
    assert second.unwrap(wrapped, b"") == SECRET
    third = first.with_new_root()
    assert third.root.startswith("00000003")
    # The one in the middle forgets what came before it and leaves what came after.
    left = second.forget_old_roots()
    assert [key.id.hex() for key in session.keys] == [second.root, third.root]
    assert left.root == third.root
    assert login.changes == 4
    with pytest.raises(Unproven, match="`pkcs11:t/k`") as caught:
        left.unwrap(wrapped, b"")
    assert caught.value.rule == "wrapped-root"


def test_a_token_without_any_root_left_goes_on_from_the_last_one_known(
    session: FakeSession,
) -> None:
    made = create().with_new_root()
    session.keys.clear()
    assert made.with_new_root().root.startswith("00000003")


@pytest.mark.parametrize("size", [0, 27, 28])
def test_a_body_without_room_for_a_secret_is_altered(session: FakeSession, size: int) -> None:
    made = create()
    with pytest.raises(Unproven) as caught:
        made.unwrap(b"\x02" + bytes.fromhex(made.root) + bytes(size), b"")
    assert caught.value.rule == "wrapped-key"


def test_a_short_body_is_not_given_to_the_token(
    session: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = create()
    monkeypatch.setattr(FakeSession, "get_objects", lambda *_: pytest.fail("the token was asked"))
    with pytest.raises(Unproven):
        made.unwrap(b"\x02" + bytes.fromhex(made.root) + bytes(28), b"")


@pytest.mark.parametrize(
    "answer",
    [
        pkcs11.EncryptedDataInvalid,
        pkcs11.EncryptedDataLenRange,
        pkcs11.DataInvalid,
        pkcs11.DataLenRange,
        pkcs11.SignatureInvalid,
        pkcs11.GeneralError,
        pkcs11.FunctionFailed,
    ],
)
def test_each_answer_to_an_altered_wrap_is_one(
    session: FakeSession, answer: type[Exception]
) -> None:
    made = create()
    wrapped = made.wrap(SECRET, b"")
    session.keys[0].refusal = answer
    assert reopen().unwrap(wrapped, b"") == SECRET
    with pytest.raises(Unproven) as caught:
        made.unwrap(wrapped, b"another")
    assert caught.value.rule == "wrapped-key"


def test_a_token_that_answers_otherwise_is_not_taken_for_sound(session: FakeSession) -> None:
    create()
    session.keys[0].refusal = pkcs11.DeviceError
    with pytest.raises(Unavailable, match="DeviceError"):
        reopen()


@pytest.mark.parametrize("attribute", [Attribute.ALWAYS_SENSITIVE, Attribute.NEVER_EXTRACTABLE])
def test_a_root_that_was_or_may_be_outside_is_refused(
    session: FakeSession, attribute: Attribute
) -> None:
    create()
    session.keys[0].attributes[attribute] = False
    with pytest.raises(Refused, match="`k`") as caught:
        reopen()
    assert caught.value.rule == "extractable-root"


class Careless(FakeKey):
    """Opens whatever it once wrapped, bound to that or not."""

    last = b""

    def encrypt(self, data: bytes, **_: Any) -> bytes:
        type(self).last = data
        return bytes(16) + data

    def decrypt(self, data: bytes, **_: Any) -> bytes:
        return self.last


class Forgetful(FakeKey):
    """Gives back something else."""

    def decrypt(self, data: bytes, *, mechanism: Mechanism, mechanism_param: GCMParams) -> bytes:
        super().decrypt(data, mechanism=mechanism, mechanism_param=mechanism_param)
        return b"something else"


@pytest.mark.parametrize("kind", [Careless, Forgetful])
def test_a_token_that_does_not_keep_its_word_is_not_used(
    session: FakeSession, kind: type[FakeKey]
) -> None:
    made = create()
    session.keys[0] = kind(session, bytes.fromhex(made.root), "k")
    with pytest.raises(Unproven, match="`pkcs11:t/k`") as caught:
        reopen()
    assert caught.value.rule == "custodian-proof"


def test_a_root_that_is_gone_is_told_from_a_token_that_hides_it(session: FakeSession) -> None:
    made = create()
    session.keys.clear()
    session.made.clear()
    with pytest.raises(Missing):
        made.wrap(SECRET, b"")
    # The key made to tell is never stored, and goes at once.
    assert session.made == [((KeyType.AES, 256), {"template": SAFE})]
    assert session.keys == []
    session.hidden = True
    with pytest.raises(Unavailable, match="UserNotLoggedIn"):
        made.wrap(SECRET, b"")
    assert cast("Any", made)._roots
