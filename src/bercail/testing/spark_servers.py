"""Two real clusters on this machine: LakeSail, and Apache Spark with a master and its workers.

Each lives in a folder, with its log, its notes of processes and the key of its workers.
Spark comes from the `pyspark` package in `.peers` (`scripts/install.sh peers`) and needs Java 17;
its workers run the Python of these tests, so that they can open sealed parts. The driver of
Spark is not given the key. LakeSail runs Python inside its own process, which holds the key.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from attrs import frozen

from bercail.cohorts.spark import ClusterKey, SparkSettings
from bercail.cohorts.spark.worker_key import VARIABLE
from bercail.foundation import Missing, SystemRandomness, Unavailable
from bercail.storage import Location
from bercail.testing import processes
from bercail.testing.processes import LOOPBACK, Note
from bercail.testing.servers import answers, papers, private_home

_PEERS = "`make test` installs it; alone: `bash scripts/install.sh peers`."
# Four Java processes begin at once; a busy machine takes its time.
_PATIENCE = 300.0
_MASTER = "org.apache.spark.deploy.master.Master"
_WORKER = "org.apache.spark.deploy.worker.Worker"
_CONNECT = "org.apache.spark.sql.connect.service.SparkConnectServer"
# Small queries spend their time in planning: fewer tasks, and no code made for each of them.
SMALL_QUERIES: Mapping[str, str] = {
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}


@frozen(kw_only=True)
class RunningCluster:
    """A cluster that answers at `address`; `key` is what its workers hold."""

    name: str
    address: str
    key: ClusterKey
    notes: tuple[Note, ...]

    def settings(self, store: Location | None = None) -> SparkSettings:
        """How an engine speaks to it; `store` is where its workers find sealed parts."""
        return SparkSettings(address=self.address, workers=self.key.recipient().party, store=store)

    def processes(self) -> list[int]:
        """The processes at the head of its groups: for Spark the workers, master, then driver."""
        return [note.pid for note in self.notes]

    def stop(self) -> None:
        """End every process of the cluster, the driver first."""
        for note in reversed(self.notes):
            processes.stop(note)


def start_sail(directory: Path) -> RunningCluster:
    """Start, or find, LakeSail in `directory`.

    Raises:
        Missing: `pysail` is not installed.
        Unavailable: it does not come up.
    """
    program = processes.find_program("sail", (), "Install `pysail`.")
    home = private_home(directory / "sail")
    key, place = _kept_key(home)

    def launch(ports: Mapping[str, int]) -> Note:
        command = [str(program), "spark", "server", "--ip", LOOPBACK]
        command += ["--port", str(ports["connect"])]
        return processes.spawn(command, ports, *papers(home), {VARIABLE: str(place)})

    note = processes.start_or_find(
        home, "sail", ("connect",), None, launch, lambda _: True, limit=_PATIENCE
    )
    return _running("sail", note, key, (note,))


def start_spark(
    directory: Path,
    *,
    workers: int = 2,
    memory: str = "1g",
    options: Mapping[str, str] = SMALL_QUERIES,
) -> RunningCluster:
    """Start, or find, a standalone cluster in `directory`, each worker with one core.

    1. The master.
    2. The workers, until the master knows them all.
    3. The Spark Connect server, until it has an executor of `memory` on every worker.

    Raises:
        Missing: there is no Spark beside this Python, or no Java.
        Unavailable: a part of it does not come up.
    """
    home = private_home(directory / "spark")
    key, place = _kept_key(home)
    parts = _Parts(spark=find_spark(), home=home, key_file=place, memory=memory)
    master = parts.master()  # 1
    with ThreadPoolExecutor(workers) as pool:
        known = list(pool.map(partial(parts.worker, master), range(workers)))  # 2
    driver = parts.driver(master, workers, options)  # 3
    return _running("spark", driver, key, (*known, master, driver))


@frozen(kw_only=True)
class _Parts:
    """The programs of one standalone cluster."""

    spark: Path
    home: Path
    key_file: Path
    memory: str

    def master(self) -> Note:
        environment = {"SPARK_MASTER_OPTS": "-Dspark.master.rest.enabled=false"}
        return self._daemon(
            "master",
            lambda ports: [_MASTER, *_host(ports["here"]), *_page(ports["page"])],
            environment,
            lambda ports: answers(lambda: _state(ports["page"])),
        )

    def worker(self, master: Note, number: int) -> Note:
        url = f"spark://{LOOPBACK}:{master.ports['here']}"
        size = ["--cores", "1", "--memory", self.memory]
        return self._daemon(
            f"worker-{number}",
            lambda ports: [_WORKER, *_host(ports["here"]), *_page(ports["page"]), *size, url],
            {VARIABLE: str(self.key_file)},
            lambda ports: _knows(master, ports["here"]),
        )

    def driver(self, master: Note, workers: int, options: Mapping[str, str]) -> Note:
        url = f"spark://{LOOPBACK}:{master.ports['here']}"
        given = {"spark.executor.memory": self.memory, **options}
        return _start(
            _home(self.home, "driver"),
            ("connect",),
            lambda ports: _submit(self.spark, self.home, url, ports["connect"], given),
            _environment(self.spark, self.home),
            lambda _: answers(partial(_require_executors, master, workers)),
        )

    def _daemon(
        self,
        name: str,
        words: Callable[[Mapping[str, int]], list[str]],
        environment: Mapping[str, str],
        ready: Callable[[Mapping[str, int]], bool],
    ) -> Note:
        program = str(self.spark / "bin" / "spark-class")
        shared = {**_environment(self.spark, self.home), "SPARK_DAEMON_MEMORY": "192m"}
        return _start(
            _home(self.home, name),
            ("here", "page"),
            lambda ports: [program, *words(ports)],
            {**shared, **environment},
            ready,
        )


def start_local_spark(directory: Path, *, threads: int = 2, memory: str = "2g") -> RunningCluster:
    """Start, or find, a Spark Connect server that is a whole Spark in one process; no cluster.

    Raises:
        Missing: there is no Spark beside this Python, or no Java.
        Unavailable: it does not come up.
    """
    spark = find_spark()
    home = private_home(directory / "local-spark")
    key, _ = _kept_key(home)
    driver = _start(
        _home(home, "driver"),
        ("connect",),
        lambda ports: _submit(
            spark, home, f"local[{threads}]", ports["connect"], {"spark.driver.memory": memory}
        ),
        _environment(spark, home),
        lambda _: True,
    )
    return _running("local spark", driver, key, (driver,))


def find_spark() -> Path:
    """The home of a whole Spark: `SPARK_HOME`, or the package in `.peers` beside our `.venv`.

    Raises:
        Missing: there is none.
    """
    named = os.environ.get("SPARK_HOME")
    peers = Path(sys.prefix).parent / ".peers" / "lib"
    found = [Path(named)] if named else sorted(peers.glob("python3*/site-packages/pyspark"))
    for place in found:
        if (place / "bin" / "spark-class").exists() and (place / "jars").is_dir():
            processes.find_program("java", (), "Install Java 17.")
            return place
    raise Missing("There is no Spark with a server on this machine.", remedy=_PEERS)


def _running(name: str, driver: Note, key: ClusterKey, notes: tuple[Note, ...]) -> RunningCluster:
    address = f"sc://{LOOPBACK}:{driver.ports['connect']}"
    return RunningCluster(name=name, address=address, key=key, notes=notes)


def _start(
    home: Path,
    port_names: Sequence[str],
    command: Callable[[Mapping[str, int]], list[str]],
    environment: Mapping[str, str],
    ready: Callable[[Mapping[str, int]], bool],
) -> Note:
    def launch(ports: Mapping[str, int]) -> Note:
        return processes.spawn(command(ports), ports, *papers(home), environment)

    name = f"spark-{home.name}"
    return processes.start_or_find(home, name, port_names, None, launch, ready, limit=_PATIENCE)


def _kept_key(home: Path) -> tuple[ClusterKey, Path]:
    place = home / "workers.key"
    if not place.exists():
        ClusterKey.make("test cluster", SystemRandomness()).write(place)
    return ClusterKey.read(place), place


def _home(home: Path, name: str) -> Path:
    return private_home(home / name)


def _host(port: int) -> list[str]:
    return ["--host", LOOPBACK, "--port", str(port)]


def _page(port: int) -> list[str]:
    return ["--webui-port", str(port)]


def _environment(spark: Path, home: Path) -> dict[str, str]:
    return {
        "SPARK_HOME": str(spark),
        "SPARK_LOCAL_IP": LOOPBACK,
        "SPARK_LOCAL_DIRS": str(_home(home, "scratch")),
        "SPARK_WORKER_DIR": str(_home(home, "work")),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "OPENBLAS_NUM_THREADS": "1",
    }


def _submit(spark: Path, home: Path, url: str, port: int, options: Mapping[str, str]) -> list[str]:
    settings = {
        "spark.connect.grpc.binding.address": LOOPBACK,
        "spark.connect.grpc.binding.port": str(port),
        "spark.driver.host": LOOPBACK,
        "spark.driver.memory": "1g",
        "spark.ui.enabled": "false",
        "spark.sql.warehouse.dir": str(home / "warehouse"),
        "spark.log.level": "WARN",
        "spark.python.daemon.module": "bercail.cohorts.spark.worker_daemon",
        **options,
    }
    words = [str(spark / "bin" / "spark-submit"), "--master", url, "--class", _CONNECT]
    for name, value in settings.items():
        words += ["--conf", f"{name}={value}"]
    return [*words, "spark-internal"]


def _state(page: int) -> dict[str, object]:
    """What the master tells of itself."""
    address = f"http://{LOOPBACK}:{page}/json/"
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # loopback
            found: dict[str, object] = json.load(answer)
            return found
    except (OSError, ValueError) as error:
        raise Unavailable("The page of the master does not answer yet.") from error


def _knows(master: Note, port: int) -> bool:
    def asked() -> None:
        workers = _state(master.ports["page"])["workers"]
        if not isinstance(workers, list) or port not in [one["port"] for one in workers]:
            raise Missing("The master does not know the worker yet.")

    return answers(asked)


def _require_executors(master: Note, workers: int) -> None:
    if _state(master.ports["page"])["coresused"] != workers:
        raise Missing("The driver does not have all its executors yet.")
