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
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from attrs import asdict, evolve, fields, has

import bercail.storage
import bercail.vault
from bercail.foundation import (
    BercailError,
    Secret,
)
from bercail.storage import (
    Checked,
    CheckedSource,
    Credentials,
    Limit,
    Limited,
    Location,
    Metered,
    Passing,
    ProbedHome,
    ReadOnly,
    Retrying,
    open_store,
)
from bercail.testing.planted_secrets import (
    CLOCK,
    PASSPHRASE,
    PIN,
    RANDOM,
    S3_SECRET,
    Planted,
    PlantedHouse,
    told,
)
from bercail.testing.servers import RunningServer, start_seaweedfs
from bercail.vault import (
    Binding,
    Cosignature,
    Cosigner,
    MemoryCustodian,
    SealedReader,
    SealingWriter,
    certify,
    combine,
    hand_over,
    note_signer,
    seal_bytes,
    signer,
)
from bercail.vault.custody import RootKey

BINDING = Binding(kind="extract", store="p1", name="table", version="1")


@pytest.fixture
def house(tmp_path: Path) -> PlantedHouse:
    return PlantedHouse(tmp_path)


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


def samples(house: PlantedHouse) -> dict[str, Any]:
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
    witness = Cosigner("witness.example/w1", Secret(house.key.secret.reveal() * 2))
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
        "NotePublicKey": note_signer(house.keys, "demo/log").public,
        "Cosigner": witness,
        "Cosignature": Cosignature(key=witness.keys[0], seconds=1),
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
        "Passing": Passing(opened),
        "Retrying": Retrying(opened),
        "ReadOnly": ReadOnly(opened),
        "CheckedSource": CheckedSource(opened),
        "Metered": Metered(opened),
        "Checked": Checked(opened),
        "Limited": Limited(opened, Limit(None)),
        "ProbedHome": ProbedHome(opened, probed=None, must_be_probed=True),
    }


WITHOUT_SECRETS = {
    # A limit of bytes a second; custodians whose root stays in a token or on a server.
    *("Limit", "Pkcs11Custodian", "TransitCustodian"),
}


def holds_nothing(kind: type) -> bool:
    """A port, a list of choices, or a value whose fields are all plain."""
    if issubclass(kind, Enum) or getattr(kind, "_is_protocol", False):
        return True
    return has(kind) and not any(
        word in str(field.type)
        for field in fields(kind)
        for word in ("Secret", "Key", "Any", "Callable", "Store")
    )


def test_every_public_class_that_could_hold_a_secret_is_sampled(house: PlantedHouse) -> None:
    public = {
        name
        for room in (bercail.vault, bercail.storage)
        for name in room.__all__
        if inspect.isclass(getattr(room, name)) and not holds_nothing(getattr(room, name))
    }
    assert {"DataKey", "Credentials", "Keyring", "TypedShare"} <= public
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


def test_no_object_shows_a_secret(house: PlantedHouse) -> None:
    for name, thing in samples(house).items():
        for text in shown(thing):
            assert house.planted.found_in(text) == [], name


@pytest.mark.parametrize(
    "name", ["FileCustodian", "DataKey", "TypedShare", "Credentials", "HeldKey", "ShareCard"]
)
def test_what_holds_a_secret_is_not_pickled(house: PlantedHouse, name: str) -> None:
    with pytest.raises((TypeError, AttributeError)):
        pickle.dumps(samples(house)[name])


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


def test_no_log_of_the_vault_shows_a_secret(house: PlantedHouse, log: Path) -> None:
    sealed = seal_bytes(b"rows", house.key, BINDING, RANDOM)
    logging.getLogger("bercail").debug("log begun %s %r", house.key, house.custodian)
    SealedReader(lambda at, n: sealed[at : at + n], len(sealed), house.keys.by_id, BINDING)
    house.keys.rotate_root(house.custodian.with_new_root())
    house.handed()
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


def test_no_command_line_and_no_answer_holds_a_secret(house: PlantedHouse, tmp_path: Path) -> None:
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, house: PlantedHouse
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


def test_no_file_of_the_trust_side_holds_a_key_in_clear(house: PlantedHouse) -> None:
    house.keys.close()
    files: Iterable[Path] = [path for path in house.folder.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"keys.db", "root.custodian"}
    for path in files:
        assert house.planted.found_in(path.read_bytes()) == [], path.name
