"""Known secrets are planted, and every place that a secret could slip into is searched for them."""

from __future__ import annotations

import base64
import copy
import inspect
import json
import logging
import os
import pickle
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from attrs import asdict, evolve, has

import bercail.storage
import bercail.vault
from bercail.foundation import (
    BercailError,
    FixedClock,
    Secret,
    SystemRandomness,
)
from bercail.storage import (
    Checked,
    Credentials,
    Limit,
    Limited,
    Location,
    Metered,
    ReadOnly,
    Retrying,
    open_store,
)
from bercail.testing.servers import RunningServer, start_seaweedfs
from bercail.vault import (
    Binding,
    DualSigner,
    FileCustodian,
    Keyring,
    MemoryCustodian,
    Purpose,
    Recipient,
    SealedReader,
    SealingWriter,
    TypedShare,
    certify,
    combine,
    hand_over,
    note_signer,
    read_card,
    receive,
    recipient,
    recover_custodian,
    seal_bytes,
    signer,
    split_root,
    write_cards,
)
from bercail.vault.custody import RootKey

PASSPHRASE = "planted-passphrase-5b1e7c"
PIN = "planted-pin-90417733"
S3_SECRET = "planted-s3-secret-key-d41d8cd98f"
BINDING = Binding(kind="extract", store="p1", name="table", version="1")
RANDOM = SystemRandomness()
CLOCK = FixedClock(datetime(2026, 11, 21, tzinfo=UTC))
HERE = __file__


class Planted:
    """The secrets of one house, in every form in which they could show."""

    def __init__(self, **secrets: bytes) -> None:
        self._forms = {
            name: {form for form in self._written(secret) if form}
            for name, secret in secrets.items()
        }

    @staticmethod
    def _written(secret: bytes) -> Iterator[bytes]:
        yield secret
        yield secret.hex().encode()
        yield secret.hex().upper().encode()
        yield base64.b64encode(secret).rstrip(b"=")[:-1]
        yield base64.urlsafe_b64encode(secret).rstrip(b"=")[:-1]
        yield repr(secret)[2:-1].encode()
        yield str(list(secret))[1:-1].encode()
        yield str(int.from_bytes(secret, "big")).encode()

    def found_in(self, data: bytes | str) -> list[str]:
        """The names of the secrets that `data` shows."""
        raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        return [name for name, forms in self._forms.items() if any(form in raw for form in forms)]


class House:
    """A house whose secrets are all known."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "root.custodian"
        self.custodian = FileCustodian.create(
            self.path, Secret(PASSPHRASE.encode()), RANDOM, cost=4
        )
        self.keys = Keyring(folder / "keys.db", self.custodian, RANDOM, CLOCK)
        self.key = self.keys.data_key("extract", "p1")
        self.names = self.keys.secret("names", "extract")
        self.alice = recipient(self.keys, "alice")
        self.cards = split_root(
            self.custodian, shares=3, needed=2, platform="demo", now=CLOCK.now()
        )
        self.words = self.cards[0].words.reveal()
        self.planted = Planted(
            passphrase=PASSPHRASE.encode(),
            pin=PIN.encode(),
            s3=S3_SECRET.encode(),
            root=self.custodian.root_to_share().reveal(),
            data_key=self.key.secret.reveal(),
            names=self.names.reveal(),
            signer=self.keys.seed(Purpose.DUAL_SIGNER, "party/alice").reveal(),
            recipient=self.keys.seed(Purpose.RECIPIENT, "alice").reveal(),
            share=self.words,
            share_half=b" ".join(self.words.split()[4:9]),
            share_words=repr(self.words.decode().split()[4:9])[1:-1].encode(),
        )

    def typed(self, number: int = 1, words: list[str] | None = None) -> TypedShare:
        given = words or self.cards[number - 1].words.reveal().decode().split()
        return TypedShare(number=number, words=Secret(" ".join(given).encode()))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_the_search_itself_finds_every_form() -> None:
    secret = bytes(range(200, 232))
    planted = Planted(one=secret)
    for shown in (
        secret,
        secret.hex(),
        base64.b64encode(secret),
        repr(secret),
        repr(bytearray(secret)),
        f"[{', '.join(map(str, secret))}]",
        str(int.from_bytes(secret, "big")),
    ):
        assert planted.found_in(shown) == ["one"]
    assert planted.found_in("Secret(hidden)") == []


# Objects.


def samples(house: House) -> dict[str, Any]:
    """One of everything in the vault and the storage that could hold a secret."""
    sealed = seal_bytes(b"rows", house.key, BINDING, RANDOM)
    reader = SealedReader(lambda at, n: sealed[at : at + n], len(sealed), house.keys.by_id, BINDING)
    credentials = Credentials(
        access_key="visible", secret=Secret(S3_SECRET.encode()), sas=Secret(S3_SECRET.encode())
    )
    s3 = Location.parse("s3://bucket?endpoint=http://127.0.0.1:9&region=eu-west-1")
    azure = Location.parse("azure://account?endpoint=http://127.0.0.1:9/account")
    azure_secret = Secret(base64.b64encode(S3_SECRET.encode()))
    opened = open_store(s3, evolve(credentials, sas=None))
    made, _ = hand_over(
        house.keys,
        "extract",
        "p1",
        giver=house.alice,
        to=house.alice.party,
        randomness=RANDOM,
        clock=CLOCK,
    )
    other = house.keys.data_key("extract", "p2")
    destroyed = house.keys.destroy("extract", other.scope)
    dual = signer(house.keys, "party/alice")
    held = house.keys.lines.held(house.keys.lines.table.by_id(house.key.id))
    return {
        "FileCustodian": house.custodian,
        "MemoryCustodian": MemoryCustodian(RANDOM),
        "RootKey": RootKey(house.custodian.root_to_share()),
        "Keyring": house.keys,
        "KeyLines": house.keys.lines,
        "HeldKey": held,
        "KeyEntry": house.keys.entries(),
        "DataKey": house.key,
        "DualSigner": dual,
        "DualPublicKey": dual.public,
        "DualSignature": dual.sign(b"x"),
        "NoteSigner": note_signer(house.keys, "demo/log"),
        "Recipient": house.alice,
        "Party": house.alice.party,
        "Handover": made,
        "DestructionCertificate": destroyed,
        "DestroyedKey": destroyed.keys[0],
        "SignedDestruction": certify(house.keys, destroyed, platform="demo", clock=CLOCK),
        "ShareCard": house.cards,
        "TypedShare": house.typed(),
        "SealingWriter": SealingWriter(house.key, BINDING, RANDOM),
        "SealedReader": reader,
        "Credentials": credentials,
        "Location": s3,
        "S3Store": opened,
        "AzureStore": open_store(azure, Credentials(secret=azure_secret)),
        "Retrying": Retrying(opened),
        "ReadOnly": ReadOnly(opened),
        "Metered": Metered(opened),
        "Checked": Checked(opened),
        "Limited": Limited(opened, Limit(None)),
    }


WITHOUT_SECRETS = {
    # Protocols, plain values and reports: nothing in them comes from a key.
    *("Binding", "Custodian", "NotePublicKey", "Purpose", "RootChange", "VerifierKey"),
    *("Features", "Hit", "Listing", "ObjectInfo", "ObjectStore", "ProbeReport", "ScanReport"),
    *(
        "Cleaning",
        "Leftover",
        "Limit",
        "Traffic",
        "Trait",
        "RenewableCustodian",
        "CustodianKind",
        "CustodianSettings",
    ),
    # Custodians whose root stays in a token or on a server; they have leak tests of their own.
    *("Pkcs11Custodian", "TransitCustodian"),
}


def test_every_public_class_is_sampled(house: House) -> None:
    public = {
        name
        for room in (bercail.vault, bercail.storage)
        for name in room.__all__
        if inspect.isclass(getattr(room, name))
    }
    assert public - samples(house).keys() - WITHOUT_SECRETS == set()


def shown(thing: Any) -> Iterator[str | bytes]:
    """Every way in which a value turns into text or bytes without being asked for its secret."""
    yield repr(thing)
    yield str(thing)
    yield f"{thing}"
    yield f"{thing!a}"
    yield "%s %r" % (thing, thing)  # noqa: UP031  # another road to the text
    yield json.dumps(thing, default=str, skipkeys=True)
    yield json.dumps(getattr(thing, "__dict__", {}), default=str, skipkeys=True)
    yield repr(getattr(thing, "__dict__", {}))
    if has(type(thing)):
        yield repr(asdict(thing))
    for method in ("as_dict", "line", "statement"):
        if hasattr(thing, method):
            yield repr(getattr(thing, method)())
    try:
        yield pickle.dumps(thing)
    except (TypeError, AttributeError, pickle.PicklingError) as refusal:
        yield str(refusal)
    try:
        yield repr(copy.copy(thing))
    except (TypeError, AttributeError, pickle.PicklingError) as refusal:
        yield str(refusal)


def test_no_object_shows_a_secret(house: House) -> None:
    for name, thing in samples(house).items():
        for text in shown(thing):
            assert house.planted.found_in(text) == [], name


@pytest.mark.parametrize(
    "name", ["FileCustodian", "DataKey", "TypedShare", "Credentials", "HeldKey", "ShareCard"]
)
def test_what_holds_a_secret_is_not_pickled(house: House, name: str) -> None:
    with pytest.raises((TypeError, AttributeError)):
        pickle.dumps(samples(house)[name])


# Tracebacks, with the values of every frame.


def frames_of_ours(trace: TracebackType | None) -> Iterator[TracebackType]:
    """The frames below this file, one by one: what the test itself holds is no leak."""
    while trace is not None:
        if trace.tb_frame.f_code.co_filename != HERE:
            yield trace
        trace = trace.tb_next


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and everything behind it, also what `from None` hides."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [e for e in (one.__cause__, one.__context__) if e is not None]


def told(error: BaseException) -> str:
    """Everything that a tool which prints tracebacks with locals could print of `error`."""
    out = []
    for one in chain(error):
        out += traceback.TracebackException(type(one), one, None).format()
        for trace in frames_of_ours(one.__traceback__):
            alone = TracebackType(None, trace.tb_frame, trace.tb_lasti, trace.tb_lineno)
            out += traceback.TracebackException(type(one), one, alone, capture_locals=True).format()
    return "\n".join(out)


def full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")


class Broken(MemoryCustodian):
    """A custodian that fails at every use."""

    def wrap(self, secret: Secret, context: bytes) -> bytes:
        raise RuntimeError("the custodian does not answer")

    def unwrap(self, wrapped: bytes, context: bytes) -> Secret:
        raise RuntimeError("the custodian does not answer")


def altered(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def handed(house: House) -> bytes:
    _, data = hand_over(
        house.keys,
        "extract",
        "p1",
        giver=house.alice,
        to=house.alice.party,
        randomness=RANDOM,
        clock=CLOCK,
    )
    return data


def share_with(house: House, place: int, word: str) -> TypedShare:
    words = house.words.decode().split()
    words[place] = word
    return house.typed(1, words)


def other_cards(house: House) -> TypedShare:
    cards = split_root(house.custodian, shares=3, needed=2, platform="demo", now=CLOCK.now())
    return TypedShare(number=2, words=cards[1].words)


def card_without_a_word(house: House) -> None:
    (path, *_) = write_cards(house.cards[:1], house.folder / "cards")
    path.write_text(path.read_text().replace("17. ", "17 "))
    read_card(path)


def wrongly_received(house: House) -> None:
    stranger = Keyring(house.folder / "s.db", MemoryCustodian(RANDOM), RANDOM, CLOCK)
    receive(
        stranger,
        handed(house),
        receiver=recipient(stranger, "bob"),
        giver=house.alice.party,
        clock=CLOCK,
    )


def own_key_received(house: House) -> None:
    here = Keyring(house.folder / "t.db", MemoryCustodian(RANDOM), RANDOM, CLOCK)
    bob = recipient(here, "bob")
    here.data_key("extract", "p1")
    _, data = hand_over(
        house.keys,
        "extract",
        "p1",
        giver=house.alice,
        to=bob.party,
        randomness=RANDOM,
        clock=CLOCK,
    )
    receive(here, data, receiver=bob, giver=house.alice.party, clock=CLOCK)


def opened_altered(house: House) -> None:
    sealed = altered(seal_bytes(bytes(200_000), house.key, BINDING, RANDOM), 150_000)
    SealedReader(
        lambda at, n: sealed[at : at + n], len(sealed), house.keys.by_id, BINDING
    ).read_all()


def sealed_twice(house: House) -> None:
    writer = SealingWriter(house.key, BINDING, RANDOM)
    writer.finish()
    writer.finish()


def wrong_passphrase(house: House) -> None:
    custodian = house.path
    FileCustodian.open(custodian, Secret(PASSPHRASE.encode() + b"!"))


def altered_custodian(house: House) -> None:
    house.path.write_bytes(altered(house.path.read_bytes(), 40))
    FileCustodian.open(house.path, Secret(PASSPHRASE.encode()))


FAILURES: dict[str, Callable[[House], object]] = {
    "short passphrase": lambda h: FileCustodian.create(
        h.folder / "x", Secret(PASSPHRASE.encode()[:7]), RANDOM
    ),
    "custodian exists": lambda h: FileCustodian.create(
        h.path, Secret(PASSPHRASE.encode()), RANDOM, cost=4
    ),
    "wrong passphrase": wrong_passphrase,
    "altered custodian": altered_custodian,
    "root of a wrong size": lambda h: RootKey(Secret(h.custodian.root_to_share().reveal() + b"x")),
    "two roots": lambda h: h.custodian.with_new_root().root_to_share(),
    "altered wrap": lambda h: h.custodian.unwrap(
        altered(h.custodian.wrap(h.key.secret, b"c"), 40), b"c"
    ),
    "another context": lambda h: h.custodian.unwrap(h.custodian.wrap(h.key.secret, b"c"), b"d"),
    "broken custodian": lambda h: h.keys.rotate_root(Broken(RANDOM)),
    "signer of a wrong size": lambda h: DualSigner(
        Secret(h.keys.seed(Purpose.DUAL_SIGNER, "party/alice").reveal() + b"x")
    ),
    "recipient of a wrong size": lambda h: Recipient(
        "a", Secret(h.keys.seed(Purpose.RECIPIENT, "alice").reveal() + b"x"), h.alice.signer
    ),
    "data key of a wrong size": lambda h: evolve(
        h.key, secret=Secret(h.key.secret.reveal() + b"x")
    ),
    "destroyed key": lambda h: (h.keys.destroy("extract", "p1"), h.keys.by_id(h.key.id)),
    "word that is none": lambda h: combine([share_with(h, 20, "bercail")]),
    "wrong checksum": lambda h: combine([share_with(h, 32, "academic")]),
    "wrong number": lambda h: combine([evolve(h.typed(1), number=3)]),
    "too few shares": lambda h: combine([h.typed(1)]),
    "share twice": lambda h: combine([h.typed(1), h.typed(1)]),
    "another ceremony": lambda h: combine([h.typed(1), other_cards(h)]),
    "another root": lambda h: combine([h.typed(1), h.typed(2)], root="00" * 8),
    "recovered over a custodian": lambda h: recover_custodian(
        h.path, Secret(PASSPHRASE.encode()), [h.typed(1), h.typed(2)], RANDOM
    ),
    "card without a word": card_without_a_word,
    "altered hand-over": lambda h: receive(
        h.keys, altered(handed(h), 200), receiver=h.alice, giver=h.alice.party, clock=CLOCK
    ),
    "hand-over for another": wrongly_received,
    "hand-over over an own key": own_key_received,
    "altered object": opened_altered,
    "sealed twice": sealed_twice,
}


@pytest.mark.parametrize("name", FAILURES)
def test_no_traceback_with_locals_shows_a_secret(house: House, name: str) -> None:
    with pytest.raises((BercailError, RuntimeError)) as caught:
        FAILURES[name](house)
    text = told(caught.value)
    assert "Error" in text or "." in text
    assert house.planted.found_in(text) == []


@pytest.mark.parametrize(
    "act",
    [
        lambda h: h.custodian.with_new_root(),
        lambda h: h.custodian.forget_old_roots(),
        lambda h: h.custodian.with_passphrase(Secret(PASSPHRASE.encode())),
        lambda h: recover_custodian(
            h.folder / "again", Secret(PASSPHRASE.encode()), [h.typed(1), h.typed(2)], RANDOM
        ),
        lambda h: write_cards(h.cards, h.folder / "cards"),
    ],
)
def test_a_full_disk_shows_no_secret(
    house: House, monkeypatch: pytest.MonkeyPatch, act: Callable[[House], object]
) -> None:
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(BercailError) as caught:
        act(house)
    assert house.planted.found_in(told(caught.value)) == []


def test_the_traceback_search_sees_the_values_of_frames() -> None:
    def careless(secret: bytes) -> None:
        raise RuntimeError("x")

    scope: dict[str, Any] = {}
    source = "def careless(secret):\n    raise RuntimeError('x')\n"
    exec(compile(source, "elsewhere.py", "exec"), scope)  # noqa: S102  # a frame of another file
    with pytest.raises(RuntimeError) as caught:
        scope["careless"](PIN.encode())
    assert Planted(pin=PIN.encode()).found_in(told(caught.value)) == ["pin"]


# Logs, at every level, of our code and of the clients below it.


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """Everything that is logged by anybody during the test."""
    path = tmp_path / "everything.log"
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(name)s %(message)s %(args)s %(exc_text)s"))
    root = logging.getLogger()
    names = ["", "boto3", "botocore", "urllib3", "azure", "s3transfer", "obstore", "bercail"]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(1)
    root.addHandler(handler)
    yield path
    root.removeHandler(handler)
    handler.close()
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def used(location: Location, credentials: Credentials, prefix: str) -> None:
    """A bit of everything that a store does, and a refusal for wrong credentials."""
    store = open_store(location, credentials)
    store.put(prefix + "small", b"x")
    store.put(prefix + "large", iter([bytes(6 << 20)] * 2))
    assert store.read(prefix + "small", 0, 1) == b"x"
    assert store.head(prefix + "large").size == 12 << 20
    assert len(list(store.list(prefix))) == 2
    for name in ("small", "large"):
        store.delete(prefix + name)


def test_no_log_of_the_s3_clients_shows_the_secret_key(
    seaweedfs: RunningServer, s3_location: Location, log: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert seaweedfs.credentials.secret is not None
    planted = Planted(s3=seaweedfs.credentials.secret.reveal(), wrong=S3_SECRET.encode())
    logging.getLogger("bercail").debug("log begun")
    used(s3_location, seaweedfs.credentials, "leaks/")
    wrong = Credentials(access_key="bercail", secret=Secret(S3_SECRET.encode()))
    with pytest.raises(BercailError) as caught:
        open_store(s3_location, wrong).put("x", b"x")
    with pytest.raises(BercailError) as also:
        open_store(s3_location, wrong).put("x", iter([bytes(6 << 20)] * 2))
    assert "log begun" in log.read_text()
    for text in (log.read_text(), *capfd.readouterr(), told(caught.value), told(also.value)):
        assert planted.found_in(text) == []


def test_no_log_of_the_azure_client_shows_the_account_key(
    azurite: RunningServer, azure_root: str, log: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert azurite.credentials.secret is not None
    written = azurite.credentials.secret.reveal()
    wrong_key = base64.b64encode(S3_SECRET.encode().ljust(64, b"="))
    planted = Planted(
        key=written, raw=base64.b64decode(written), wrong=wrong_key, s3=S3_SECRET.encode()
    )
    used(azurite.location(), azurite.credentials, azure_root)
    with pytest.raises(BercailError) as caught:
        open_store(azurite.location(), Credentials(secret=Secret(wrong_key))).put(
            azure_root + "x", b"x"
        )
    for text in (log.read_text(), *capfd.readouterr(), told(caught.value)):
        assert planted.found_in(text) == []


def test_no_log_of_the_vault_shows_a_secret(house: House, log: Path) -> None:
    sealed = seal_bytes(b"rows", house.key, BINDING, RANDOM)
    logging.getLogger("bercail").debug("log begun %s %r", house.key, house.custodian)
    SealedReader(lambda at, n: sealed[at : at + n], len(sealed), house.keys.by_id, BINDING)
    house.keys.rotate_root(house.custodian.with_new_root())
    handed(house)
    combine([house.typed(1), house.typed(2)])
    assert "log begun" in log.read_text()
    assert house.planted.found_in(log.read_text()) == []


# Processes and files.


def command_lines() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes()
        except OSError:
            continue  # the process ended between the listing and the reading


def watched(command: list[str], environment: dict[str, str], typed: str = "") -> tuple[str, bytes]:
    """Run a command; what it printed, and every command line seen while it ran."""
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(typed)
    process.stdin.close()
    seen = set()
    while process.poll() is None:
        seen.update(command_lines())
        time.sleep(0.02)
    assert process.stdout is not None
    printed = process.stdout.read()
    process.stdout.close()
    assert process.returncode == 0, printed
    return printed, b"\n".join(seen)


def test_no_command_line_and_no_answer_holds_a_secret(house: House, tmp_path: Path) -> None:
    secrets = {
        "BERCAIL_PASSPHRASE": PASSPHRASE,
        "BERCAIL_PIN": PIN,
        "BERCAIL_HOME_SECRET_KEY": S3_SECRET,
    }
    bercail_ = [sys.executable, "-m", "bercail", "vault"]
    made, seen = watched([*bercail_, "create", str(tmp_path / "new.custodian")], secrets)
    assert b"vault\x00create" in seen
    assert house.planted.found_in(seen) == []
    assert house.planted.found_in(made) == []
    typed = "".join(f"{card.number}\n{card.words.reveal().decode()}\n" for card in house.cards[:2])
    path = tmp_path / "recovered.custodian"
    printed, seen = watched([*bercail_, "recover", str(path)], secrets, typed)
    assert house.custodian.root in printed
    assert house.planted.found_in(seen) == []
    assert house.planted.found_in(path.read_bytes()) == []
    # The prompts hide what is typed where there is a terminal; here it is simply not repeated.
    assert house.planted.found_in(printed) == []


def test_servers_started_beside_us_inherit_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, house: House
) -> None:
    monkeypatch.setenv("BERCAIL_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("BERCAIL_PIN", PIN)
    server = start_seaweedfs(tmp_path / "server", secret_key=S3_SECRET)
    try:
        environment = Path(f"/proc/{server.pid}/environ").read_bytes()
        assert b"PATH" in environment
        assert house.planted.found_in(environment) == []
        assert house.planted.found_in(b"\n".join(command_lines())) == []
    finally:
        server.stop()


def test_no_file_of_the_trust_side_holds_a_key_in_clear(house: House) -> None:
    house.keys.close()
    files: Iterable[Path] = [path for path in house.folder.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"keys.db", "root.custodian"}
    for path in files:
        assert house.planted.found_in(path.read_bytes()) == [], path.name
