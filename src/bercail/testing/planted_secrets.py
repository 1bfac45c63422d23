"""Known secrets, planted in a house, and the search for them in whatever it shows."""

from __future__ import annotations

import base64
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from bercail.foundation import FixedClock, Secret, SystemRandomness
from bercail.vault import (
    FileCustodian,
    Keyring,
    Purpose,
    TypedShare,
    hand_over,
    recipient,
    split_root,
)

PASSPHRASE = "planted-passphrase-5b1e7c"
PIN = "planted-pin-90417733"
S3_SECRET = "planted-s3-secret-key-d41d8cd98f"  # planted, opens nothing
RANDOM = SystemRandomness()
CLOCK = FixedClock(datetime(2026, 11, 21, tzinfo=UTC))


class Planted:
    """The secrets of one house, in every form in which they could show."""

    def __init__(self, **secrets: bytes) -> None:
        self._forms = {
            name: {form for form in self._written(secret) if form}
            for name, secret in secrets.items()
        }

    @staticmethod
    def _written(secret: bytes) -> Iterator[bytes]:
        """Raw, hexadecimal, base 64, and as Python shows bytes, lists of bytes and numbers."""
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


class PlantedHouse:
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

    def handed(self) -> bytes:
        """The file of a hand-over of the house to itself."""
        _, data = hand_over(
            self.keys,
            "extract",
            "p1",
            giver=self.alice,
            to=self.alice.party,
            randomness=RANDOM,
            clock=CLOCK,
        )
        return data

    def typed(self, number: int = 1, words: list[str] | None = None) -> TypedShare:
        """A share of the house as its holder types it, or with other words."""
        given = words or self.cards[number - 1].words.reveal().decode().split()
        return TypedShare(number=number, words=Secret(" ".join(given).encode()))


def frames_of_ours(trace: TracebackType | None) -> Iterator[TracebackType]:
    """The frames below the tests, one by one: what a test itself holds is no leak."""
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).parent.name != "attacks":
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
    out: list[str] = []
    for one in chain(error):
        out += traceback.TracebackException(type(one), one, None).format()
        for trace in frames_of_ours(one.__traceback__):
            alone = TracebackType(None, trace.tb_frame, trace.tb_lasti, trace.tb_lineno)
            out += traceback.TracebackException(type(one), one, alone, capture_locals=True).format()
    return "\n".join(out)
