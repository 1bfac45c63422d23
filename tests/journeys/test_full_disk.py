"""A full disk is said, and after making room the same command loses and doubles nothing."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import define

from bercail.config import load_config
from bercail.platform import Platform, create_trust_side

pytestmark = pytest.mark.xdist_group("journeys")
PASSPHRASE = {"BERCAIL_PASSPHRASE": "five words for a small house"}
MIB = 1 << 20
CONFIG = """
name = "small"
trust_side = {trust}
[home]
location = {home}
credentials = "BERCAIL_HOME"
[source]
location = {source}
credentials = "BERCAIL_SOURCE"
[host]
service = "ovh-snc-cloud-platform"
[people]
odile = {{ roles = ["operator"] }}
"""


@define
class SmallDisk:
    """A disk of a few megabytes; without the right to mount one, a limit on every file."""

    folder: Path
    mounted: bool
    limit: int
    before: Sequence[str] = ()

    def make_room(self) -> None:
        """Enough for everything from now on."""
        self.before = ()
        if self.mounted:
            _mount("remount,size=512m", self.folder)


def _mount(options: str, folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], SmallDisk]]:
    """Makes a disk of so many bytes."""
    made: list[SmallDisk] = []

    def make(size: int) -> SmallDisk:
        folder = tmp_path / f"disk-{len(made)}"
        folder.mkdir()
        mounted = _mount(f"size={size}", folder)
        before = () if mounted else ("prlimit", f"--fsize={size // 2}")
        made.append(SmallDisk(folder, mounted, size, before))
        return made[-1]

    yield make
    for disk in made:
        if disk.mounted:
            subprocess.run(["umount", "--lazy", str(disk.folder)], check=True)


def _house(tmp_path: Path, trust: Path, home: Path) -> Path:
    """A house with a source of three objects, one of 6 MB."""
    source = tmp_path / "cloud"
    source.mkdir()
    numbers = random.Random(6)
    for name, size in (("large.bin", 6 * MIB), ("b.txt", 1000), ("c.txt", 10)):
        (source / name).write_bytes(numbers.randbytes(size))
    home.mkdir(exist_ok=True)
    config = tmp_path / "bercail.toml"
    places = {"trust": str(trust), "home": f"file://{home}", "source": f"file://{source}"}
    config.write_text(CONFIG.format(**{k: json.dumps(v) for k, v in places.items()}))
    return config


@pytest.fixture
def passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PASSPHRASE.items():
        monkeypatch.setenv(name, value)


def _command(program: Any, config: Path, disk: SmallDisk, *words: str) -> Any:
    options = ("--config", config, "--as", "odile", *words, "--json")
    return program(*options, environ=PASSPHRASE, before=disk.before)


@pytest.mark.usefixtures("passphrase")
def test_a_full_host_stops_the_copy_which_then_goes_on(
    program: Any, small_disk: Callable[[int], SmallDisk], tmp_path: Path
) -> None:
    disk = small_disk(4 * MIB)
    config = _house(tmp_path, tmp_path / "trust", disk.folder / "host")
    platform = Platform(load_config(config), actor="odile")
    create_trust_side(platform.config.trust, platform.randomness)
    platform.migration().survey()
    platform.migration().plan()
    refusal = _command(program, config, disk, "migrate", "copy").refusal(6)
    assert refusal["error"] == "unavailable"
    assert (
        "full" in refusal["message"] or "room" in refusal["remedy"] or "space" in refusal["remedy"]
    )
    disk.make_room()
    copied = _command(program, config, disk, "migrate", "copy").answer()
    assert (copied["carried"], copied["pending"], copied["failed"]) == (3, 0, {})
    proof = _command(program, config, disk, "migrate", "prove").answer()
    assert (proof["carried"], proof["bytes"]) == (3, 6 * MIB + 1010)
    left = list((disk.folder / "host" / ".bercail" / "drafts").glob("*"))
    assert sum(path.stat().st_size for path in left) < 2 * MIB


@pytest.mark.usefixtures("passphrase")
def test_a_full_trust_side_stops_an_act_which_then_happens_once(
    program: Any, small_disk: Callable[[int], SmallDisk], tmp_path: Path
) -> None:
    disk = small_disk(2 * MIB)
    config = _house(tmp_path, disk.folder / "trust", tmp_path / "host")
    platform = Platform(load_config(config), actor="odile")
    create_trust_side(platform.config.trust, platform.randomness)
    judge = ("host", "judge", "ovh-snc-cloud-platform")
    _command(program, config, disk, *judge).answer()
    filler = disk.folder / "filler"
    surveys = 0
    # With a little room the key table opens, and what is written next meets the end.
    for left in (0, 40_000, 60_000):
        if disk.mounted:
            _fill(filler, left)
        else:
            disk.before = ("prlimit", f"--fsize={4096 + left}")
        ran = _command(program, config, disk, "migrate", "survey")
        surveys += ran.code == 0
        if ran.code:
            assert ran.refusal(6)["error"] == "unavailable"
        filler.unlink(missing_ok=True)
    assert surveys < 3
    disk.make_room()
    assert _command(program, config, disk, "migrate", "survey").answer()["survey"] == surveys + 1
    _command(program, config, disk, *judge).answer()
    history = _command(program, config, disk, "ledger", "history").answer()
    assert [one["kind"] for one in history].count("HostJudged") == 2
    assert [one["kind"] for one in history].count("SurveyTaken") == surveys + 1
    assert _command(program, config, disk, "ledger", "publish").answer()["size"] == len(history)


def test_a_story_on_a_full_disk_goes_on_after_making_room(
    program: Any,
    quiet_story: Any,
    story_in: Callable[[Path], Any],
    small_disk: Callable[[int], SmallDisk],
) -> None:
    disk = small_disk(48 * MIB)
    story = story_in(disk.folder / "demo")
    words = ("demo", "--persons", 500, "--local", "--out", story.out, "--json")
    refusal = program(*words, before=disk.before).refusal(6)
    assert (
        "full" in refusal["message"] or "space" in refusal["remedy"] or "room" in refusal["remedy"]
    )
    assert story.processes() == []
    disk.make_room()
    process = program.start(*words)
    assert story.await_chapters(3, process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert story.processes() == []
    proof, expected = (one.told["homecoming"]["proof"] for one in (story, quiet_story))
    assert (proof["carried"], proof["bytes"]) == (expected["carried"], expected["bytes"])
    shutil.rmtree(story.out)


def _fill(path: Path, left: int) -> None:
    """Take the disk to its last byte, by ever smaller pieces, then give `left` bytes back."""
    with path.open("wb", buffering=0) as file:
        piece = 64 << 10
        while piece:
            try:
                file.write(b"\0" * piece)
            except OSError:
                piece //= 2
        file.truncate(file.tell() - left)
