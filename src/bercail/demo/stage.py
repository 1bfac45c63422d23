"""Where the story plays: folders, servers, the people and the configuration."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from attrs import define, field

from bercail.config import load_config
from bercail.demo.folder import write_whole
from bercail.foundation import Missing, SystemRandomness
from bercail.platform import Platform, create_trust_side
from bercail.storage import Credentials, Location, ObjectStore, make_home, open_store
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
FOLDER = "folder"


@define
class Stage:
    """The folders under `out`, the two servers (or folders), and one platform per person.

    `plays` tells what plays the foreign cloud and the host: a server's name or `folder`. What
    an earlier run chose is kept, for the data are there.
    """

    out: Path
    local: bool
    plays: dict[str, str] = field(factory=dict)
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
        """Start the servers, write the configuration and the secrets, make the trust side.

        Raises:
            Missing: a server that an earlier run used is no longer installed.
            Unavailable: a server does not come up.
        """
        for folder in ("holder", "platform", "secrets", "servers", "results"):
            (self.out / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        self.source, source_keys = self._placed("foreign cloud", start_azurite, "")
        self.home, home_keys = self._placed("host", start_seaweedfs, BUCKET)
        self._give_secrets(source_keys, home_keys)
        write_whole(self.config_file, self._configuration().encode("utf-8"), 0o600)
        create_trust_side(self.out / "platform" / "trust", SystemRandomness())
        make_home(self.home, home_keys)

    def platform(self, person: str) -> Platform:
        """The platform as `person` meets it."""
        if person not in self._platforms:
            platform = Platform(load_config(self.config_file), actor=person)
            # Opening the custodian is slow on purpose; everybody here meets the same house.
            if earlier := next(iter(self._platforms.values()), None):
                platform.custodian = earlier.custodian
            self._platforms[person] = platform
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

    def _placed(
        self, role: str, start: Callable[[Path], RunningServer], container: str
    ) -> tuple[Location, Credentials | None]:
        """A server for the role, or a folder: because of --local, or for want of the program."""
        played = self.plays.get(role)
        if self.local:
            self.said.append(f"A folder plays the {role}, because of --local.")
        elif played == FOLDER:
            self.said.append(f"A folder plays the {role}, as when the story began.")
        else:
            try:
                server = start(self.out / "servers")
            except Missing as error:
                if played is not None:
                    raise
                self.said.append(f"A folder plays the {role}: {error.message} {error.remedy}")
            else:
                self.servers.append(server)
                self.plays[role] = server.name
                return server.location(container), server.credentials
        self.plays[role] = FOLDER
        return Location.folder(self._folder(role.replace(" ", "-"))), None

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
                write_whole(path, credentials.secret.reveal(), 0o600)
                os.environ[f"BERCAIL_{prefix}_SECRET_KEY_FILE"] = str(path)

    def _kept(self, name: str) -> Path:
        path = self.out / "secrets" / name
        if not path.exists():
            write_whole(path, secrets.token_urlsafe(24).encode("ascii"), 0o600)
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
