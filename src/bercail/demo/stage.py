"""Where the story plays: folders, servers, the people and the configuration."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

from attrs import define, field

from bercail.foundation import Invalid, Missing, SystemRandomness
from bercail.platform import Platform, create_trust_side
from bercail.storage import Credentials, Location, ObjectStore, make_home, open_store
from bercail.testing.processes import Note, stop
from bercail.testing.servers import RunningServer, start_azurite, start_seaweedfs

PEOPLE = {
    "odile": ["operator"],
    "camille": ["applicant", "data_user"],
    "noor": ["data_user"],
    "cesrees": ["committee"],
    "cnil": ["regulator"],
    "axel": ["access_officer"],
    "chloe": ["output_checker"],
    "charles": ["output_checker"],
    "anne": ["auditor"],
}
HOME_SERVICE = "ovh-snc-cloud-platform"
BUCKET = "bercail-home"


@define
class Stage:
    """The folders under `out`, the two servers (or folders), and one platform per person."""

    out: Path
    local: bool
    servers: list[RunningServer] = field(factory=list)
    said: list[str] = field(factory=list)
    source: Location = field(init=False)
    home: Location = field(init=False)
    _platforms: dict[str, Platform] = field(factory=dict)

    @property
    def clear(self) -> Path:
        """The data holder's clear files, on the holder's own premises."""
        return self.out / "holder" / "clear"

    @property
    def level_one(self) -> Path:
        """What the data holder sends: the same files at level one."""
        return self.out / "holder" / "level-1"

    @property
    def config_file(self) -> Path:
        """The platform's configuration."""
        return self.out / "platform" / "bercail.toml"

    def set_up(self) -> None:
        """Start the servers, write the configuration and the secrets, make the trust side."""
        for folder in ("holder", "platform", "secrets", "results"):
            (self.out / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        self.source, source_keys = self._foreign_cloud()
        self.home, home_keys = self._host()
        self._give_secrets(source_keys, home_keys)
        self.config_file.write_text(self._configuration(), encoding="utf-8")
        create_trust_side(self.out / "platform" / "trust", SystemRandomness())
        make_home(self.home, home_keys)

    def platform(self, person: str) -> Platform:
        """The platform as `person` meets it."""
        from bercail.config import load_config

        if person not in self._platforms:
            self._platforms[person] = Platform(load_config(self.config_file), actor=person)
        return self._platforms[person]

    def foreign_cloud(self) -> ObjectStore:
        """The foreign cloud as the data holder writes to it."""
        return open_store(self.source, Credentials.from_environment("BERCAIL_SOURCE", os.environ))

    def host(self) -> ObjectStore:
        """The host's store as the host itself sees it: ciphertext and opaque names."""
        return open_store(self.home, Credentials.from_environment("BERCAIL_HOME", os.environ))

    def close(self) -> None:
        """Stop the servers; their data stay."""
        for server in self.servers:
            server.stop()
        self.servers.clear()

    def _foreign_cloud(self) -> tuple[Location, Credentials | None]:
        if not self.local:
            try:
                server = start_azurite(self.out / "servers")
            except Missing as error:
                self.said.append(f"A folder plays the foreign cloud: {error.message}")
            else:
                self.servers.append(server)
                return server.location(), server.credentials
        else:
            self.said.append("A folder plays the foreign cloud, because of --local.")
        return Location.folder(self._folder("foreign-cloud")), None

    def _host(self) -> tuple[Location, Credentials | None]:
        if not self.local:
            try:
                server = start_seaweedfs(self.out / "servers")
            except Missing as error:
                self.said.append(f"A folder plays the host: {error.message}")
            else:
                self.servers.append(server)
                return server.location(BUCKET), server.credentials
        else:
            self.said.append("A folder plays the host, because of --local.")
        return Location.folder(self._folder("host")), None

    def _folder(self, name: str) -> Path:
        folder = self.out / "servers" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder.resolve()

    def _give_secrets(self, source: Credentials | None, home: Credentials | None) -> None:
        for name in ("PASSPHRASE", "HOLDER_SECRET"):
            os.environ[f"BERCAIL_{name}_FILE"] = str(self._kept(name.lower()))
        for prefix, credentials in (("SOURCE", source), ("HOME", home)):
            if credentials is None:
                continue
            if credentials.access_key:
                os.environ[f"BERCAIL_{prefix}_ACCESS_KEY"] = credentials.access_key
            if credentials.secret is not None:
                path = self.out / "secrets" / f"{prefix.lower()}.key"
                _write_private(path, credentials.secret.reveal())
                os.environ[f"BERCAIL_{prefix}_SECRET_KEY_FILE"] = str(path)

    def _kept(self, name: str) -> Path:
        path = self.out / "secrets" / name
        if not path.exists():
            _write_private(path, secrets.token_urlsafe(24).encode("ascii"))
        return path

    def _configuration(self) -> str:
        people = "\n".join(f"{name} = {{ roles = {json.dumps(r)} }}" for name, r in PEOPLE.items())
        return (
            'name = "demo"\ntrust_side = "trust"\n\n'
            f'[home]\nlocation = {json.dumps(str(self.home))}\ncredentials = "BERCAIL_HOME"\n\n'
            f"[source]\nlocation = {json.dumps(str(self.source))}\n"
            'credentials = "BERCAIL_SOURCE"\n\n'
            f'[host]\nservice = {json.dumps(HOME_SERVICE)}\ndata_class = "synthetic"\n\n'
            f"[people]\n{people}\n"
        )


@define
class Notebook:
    """What the story knows so far, kept in `story.json`; written whole after each chapter."""

    path: Path
    told: dict[str, Any] = field(factory=dict)

    @classmethod
    def open(cls, out: Path, persons: int, local: bool) -> Notebook:
        """The notebook of `out`; raises `Invalid` when another story was begun there."""
        path = out / "story.json"
        book = cls(path)
        if path.exists():
            book.told = json.loads(path.read_text(encoding="utf-8"))
        asked = {"persons": persons, "local": local}
        if book.told.setdefault("asked", asked) != asked:
            raise Invalid(
                f"`{out}` holds a story of {book.told['asked']['persons']} persons.",
                remedy="Give the same options to finish it, `--fresh` to start over, "
                "or another `--out`.",
            )
        book.save()
        return book

    def has(self, chapter: str) -> bool:
        """Whether the chapter was told to its end."""
        return chapter in self.told

    def keep(self, chapter: str, facts: dict[str, Any]) -> None:
        """Write the chapter down."""
        self.told[chapter] = facts
        self.save()

    def save(self) -> None:
        """Replace the file in one step, so that a killed story never leaves half a page."""
        draft = self.path.with_suffix(".tmp")
        text = json.dumps(self.told, ensure_ascii=False, indent=1, default=str)
        draft.write_text(text, encoding="utf-8")
        draft.replace(self.path)


def clear_away(out: Path) -> None:
    """Remove an earlier story; only folders that hold one are touched."""
    if not (out / "story.json").exists():
        return
    for path in (out / "servers").glob("*/server.json"):
        note = Note.find(path)
        if note is not None and note.alive:
            stop(note)
    shutil.rmtree(out)


def _write_private(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
