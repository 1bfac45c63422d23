"""What the vault's tests share: a key, a binding, a key ring that dies with the test."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from typer.testing import CliRunner, Result

from bercail.cli.main import app
from bercail.config import load_config
from bercail.foundation import FixedClock, Secret, SeededRandomness, SystemRandomness
from bercail.platform import Platform
from bercail.storage import Location
from bercail.vault import Binding, DataKey, FileCustodian, Keyring, MemoryCustodian


@pytest.fixture
def randomness() -> SeededRandomness:
    return SeededRandomness(7)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 21, 9, 30, tzinfo=UTC))


@pytest.fixture
def key() -> DataKey:
    return DataKey(
        id=bytes(range(16)), kind="part", scope="ER_PRS_F", epoch=1, secret=Secret(bytes(range(32)))
    )


@pytest.fixture
def binding() -> Binding:
    return Binding(kind="part", store="ER_PRS_F", name="2023/02/part-0.parquet", version="1")


@pytest.fixture
def keyring(tmp_path: Path, randomness: SeededRandomness, clock: FixedClock) -> Keyring:
    return Keyring(tmp_path / "keys.sqlite", MemoryCustodian(randomness), randomness, clock)


PASSPHRASE = "five words from a dice"
PEOPLE = {
    "kay": "key_custodian",
    "odile": "operator",
    "anne": "auditor",
    "axel": "access_officer",
    "camille": "data_user",
}
CONFIG = """\
name = "{name}"
trust_side = "trust"
[home]
location = {home}
credentials = "HOME_STORE"
[host]
service = "none"
data_class = "synthetic"
[people]
{people}
"""


@frozen
class CommandHouse:
    """A house of its own in `folder`, and its commands as a person gives them."""

    folder: Path

    @classmethod
    def build(cls, folder: Path) -> CommandHouse:
        (folder / "trust").mkdir(parents=True)
        (folder / "home").mkdir()
        FileCustodian.create(
            folder / "trust" / "custodian.json",
            Secret(PASSPHRASE.encode()),
            SystemRandomness(),
            cost=4,
        )
        people = "\n".join(f'{name} = {{ roles = ["{role}"] }}' for name, role in PEOPLE.items())
        home = json.dumps(str(Location.folder((folder / "home").resolve())))
        text = CONFIG.format(name=folder.name, home=home, people=people)
        (folder / "bercail.toml").write_text(text)
        return cls(folder)

    def platform(self, person: str | None = None) -> Platform:
        return Platform(load_config(self.folder / "bercail.toml"), actor=person)

    def run(self, person: str, *arguments: object, typed: str | None = None) -> Result:
        given = ["--config", str(self.folder / "bercail.toml"), "--as", person]
        words = [*given, *map(str, arguments)]
        return CliRunner().invoke(app, words, input=typed, color=True, catch_exceptions=False)

    def answer(self, person: str, *arguments: object) -> Any:
        result = self.run(person, *arguments, "--json")
        assert result.exit_code == 0
        return json.loads(result.stdout)

    def told(self) -> list[tuple[str, str]]:
        """Who did what, as an auditor is told; takings of secrets left out."""
        records = self.answer("anne", "vault", "history", "--limit", 500)
        return [(r["actor"], r["kind"]) for r in records if not r["kind"].startswith("Secret")]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandHouse:
    monkeypatch.setenv("BERCAIL_PASSPHRASE", PASSPHRASE)
    return CommandHouse.build(tmp_path / "here")


@pytest.fixture
def there(tmp_path: Path) -> CommandHouse:
    return CommandHouse.build(tmp_path / "there")
