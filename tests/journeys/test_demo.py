"""The main job from end to end, at 2,000 persons, against Azurite and SeaweedFS."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bercail.catalogue import load
from bercail.config import load_config
from bercail.demo.foreign_cloud import SEED
from bercail.foundation import Refused
from bercail.ingest.synth import SynthProfile
from bercail.ingest.synth.people import day_number
from bercail.ingest.synth.text import year_of
from bercail.ingest.synth.truth import net_items, treated_persons
from bercail.ingest.synth.world import draw_world
from bercail.ledger import verify
from bercail.platform import Platform
from bercail.testing.servers import start_seaweedfs
from bercail.vault import pseudonyms

pytestmark = pytest.mark.xdist_group("journeys")
PERSONS = 2000
YEAR, BORN_UNTIL = 2024, 2006


@pytest.fixture(scope="module")
def story(program: Any, story_in: Callable[[Path], Any], tmp_path_factory: Any) -> Any:
    story = story_in(tmp_path_factory.mktemp("demo") / "demo")
    ran = program("demo", "--persons", PERSONS, "--out", story.out, "--json")
    answer = ran.answer()
    assert answer["chapters"] == {name: story.told[name] for name in answer["chapters"]}
    assert ran.err == ""
    (story.out / "said.txt").write_text(ran.out)
    return story


@pytest.fixture(scope="module")
def told(story: Any) -> dict[str, Any]:
    found: dict[str, Any] = story.told
    return found


@pytest.fixture(scope="module")
def awake(story: Any) -> Iterator[Any]:
    """The story with its S3 server running again, on the same address."""
    server = start_seaweedfs(story.out / "servers")
    try:
        assert f"endpoint={server.endpoint}" in _configuration(story)
        yield story
    finally:
        server.stop()


def test_real_servers_play_and_every_chapter_is_told(told: dict[str, Any], story: Any) -> None:
    assert told["plays"] == {"foreign cloud": "azurite", "host": "seaweedfs"}
    assert told["said"] == []
    chapters = {"foreign_cloud", "gate", "homecoming", "warehouse", "permission", "study"}
    chapters |= {"release", "ledger", "scan"}
    assert set(told) == chapters | {"asked", "plays", "said", "peak_bytes"}
    assert all(told[name]["seconds"] > 0 for name in chapters)
    assert 100 << 20 < told["peak_bytes"] < 4 << 30
    assert story.processes() == []


def test_the_foreign_cloud_holds_deliveries_and_awkward_files(
    told: dict[str, Any], story: Any
) -> None:
    facts = told["foreign_cloud"]
    assert facts["server"] == "azure"
    assert facts["truth"]["lines"]["late"] > 0
    assert facts["truth"]["lines"]["negative"] > 0
    assert facts["truth"]["persons"]["twins"] > 0
    assert facts["truth"]["persons"]["with_two_identifiers"] > 0
    # Each delivery has its manifest; beside them, four files that are no tables.
    sent = list((story.out / "holder" / "level-1").glob("*/*"))
    assert len([path for path in sent if path.name == "delivery.json"]) == facts["deliveries"]
    assert facts["objects"] == len(sent) + 4


def test_the_gate_refuses_one_service_with_its_reason_and_accepts_another(
    told: dict[str, Any],
) -> None:
    refused, accepted = told["gate"]["refused"], told["gate"]["accepted"]
    assert (refused["verdict"], refused["rules"]) == ("refused", ["HOST-01"])
    assert "not qualified" in refused["reason"]
    assert (accepted["verdict"], accepted["rules"]) == ("accepted", [])
    assert {refused["data_class"], accepted["data_class"]} == {"real"}
    assert refused["on"] == accepted["on"] == date.fromisoformat(refused["on"]).isoformat()


def test_the_copy_was_killed_and_resumed_without_repeating_what_was_finished(
    story: Any, told: dict[str, Any]
) -> None:
    facts, cloud = told["homecoming"], told["foreign_cloud"]
    assert facts["killed"] is True
    assert {run for _, _, run in facts["arrivals"]} == {1, 2}
    arrived = [size for _, size, _ in facts["arrivals"]]
    assert arrived == sorted(arrived)
    assert arrived[-1] == cloud["bytes"]
    second = json.loads((story.out / "results" / "copy-2.json").read_text())
    assert second["copied"] + second["read_back"] < second["carried"] == cloud["objects"]
    assert (story.out / "results" / "copy-1.json").read_text() == ""


def test_every_object_was_proven_and_the_host_became_canonical(told: dict[str, Any]) -> None:
    facts, cloud = told["homecoming"], told["foreign_cloud"]
    assert facts["proof"]["basis"] == "independent-reread"
    assert (facts["proof"]["carried"], facts["proof"]["bytes"]) == (
        cloud["objects"],
        cloud["bytes"],
    )
    assert facts["status"]["phase"] == "cut_over"
    assert facts["status"]["canonical"] == "target"
    assert facts["status"]["proof"] == facts["proof"]["root"]


def test_the_lake_holds_the_rows_that_were_delivered(told: dict[str, Any], story: Any) -> None:
    sent: Counter[str] = Counter()
    for manifest in (story.out / "holder" / "clear").glob("*/delivery.json"):
        for file in json.loads(manifest.read_text())["files"]:
            sent[file["table"]] += file["rows"]
    held = {name: one["rows"] for name, one in told["warehouse"]["tables"].items()}
    assert held == dict(sent)
    assert {"ER_PRS_F", "ER_PHA_F", "IR_BEN_R", "IR_IMB_R", "T_MCO23B", "T_MCO24UM"} <= set(held)
    assert told["warehouse"]["verified"]["rows"] == sent["ER_PHA_F"]


def test_the_program_counts_the_same_rows_from_the_files_on_the_host(awake: Any) -> None:
    counted = awake.house("odile", "lake", "count", "ER_PRS_F", "--json").answer()
    assert counted["rows"] == awake.told["warehouse"]["tables"]["ER_PRS_F"]["rows"]


def test_nothing_happened_twice(story: Any) -> None:
    story.require_nothing_doubled()


def test_the_permit_has_an_end_and_the_extract_holds_its_population_only(
    told: dict[str, Any], story: Any
) -> None:
    facts = told["permission"]
    assert facts["valid_until"] > told["gate"]["refused"]["on"]
    register = _register(story)
    population = {row["BEN_IDT_ANO"] for row in register if int(row["BEN_NAI_ANN"]) <= BORN_UNTIL}
    objecting = register[0]["BEN_IDT_ANO"]
    assert objecting in population
    assert facts["persons"] == len(population) - 1
    assert set(facts["rows"]) == {"IR_BEN_R", "ER_PRS_F", "ER_PHA_F"}
    assert facts["rows"]["ER_PRS_F"] < told["warehouse"]["tables"]["ER_PRS_F"]["rows"]
    assert "`charles` is not named in the permit" in facts["refused"]


def test_who_objected_is_not_in_the_extract_and_pseudonyms_are_the_projects_own(
    awake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in awake.secrets.items():
        monkeypatch.setenv(name, value)
    config = load_config(awake.out / "platform" / "bercail.toml")
    with pytest.raises(Refused, match="a recipient never holds the secret"):
        Platform(config, actor="camille").keys.secret("pseudonym", "level-2")
    platform = Platform(config, actor="odile")
    level_one = [row["BEN_IDT_ANO"] for row in _register(awake)]
    level_two = pseudonyms.level_two(
        platform.keys.secret("pseudonym", "level-2"), pa.array([p[:17] for p in level_one])
    )
    project = pseudonyms.project(
        platform.keys.secret("pseudonym", "project/treated-diabetes"), level_two
    ).to_pylist()
    store = platform.sealed("project", "treated-diabetes")
    permission = awake.told["permission"]
    held: set[str] = set()
    with store.open(f"{permission['extract']}/IR_BEN_R.parquet") as part:
        for column in pq.read_table(part).columns:
            if pa.types.is_string(column.type):
                held |= {str(value)[:17] for value in column.to_pylist() if value}
    assert project[0] not in held
    assert len(held & set(project)) >= permission["persons"] - 10
    assert not held & {p[:17] for p in level_one}
    assert not held & set(level_two.to_pylist())


def test_both_engines_find_the_persons_that_the_generator_treated(told: dict[str, Any]) -> None:
    world = draw_world(SynthProfile(persons=PERSONS, seed=SEED), load())
    treated = treated_persons(world, YEAR, net_items(world, arrived_only=True))
    assert len(treated) == told["foreign_cloud"]["truth"]["treated_diabetics"][str(YEAR)]
    born, death = year_of(world.people.birth), world.people.death
    objecting = int(world.identities.person[0])
    expected: Counter[tuple[str, str]] = Counter()
    for person in treated:
        adult = born[person] <= BORN_UNTIL
        alive = death[person] > day_number(date(YEAR, 12, 31))
        if adult and alive and person != objecting:
            expected[_group(YEAR - int(born[person]), int(world.people.sex[person]))] += 1
    cells = told["study"]["table"]["cells"]
    found = {tuple(cell["categories"]): cell["persons"] for cell in cells if cell["persons"]}
    assert found == dict(expected)
    assert told["study"]["persons"] == sum(expected.values()) > 50
    assert set(told["study"]["engine_seconds"]) == {"duckdb", "memory"}
    assert told["study"]["flowchart"][0]["persons"] == told["permission"]["persons"]


def test_small_cells_are_hidden_with_the_cells_that_protect_them(
    told: dict[str, Any], story: Any
) -> None:
    true = {
        tuple(cell["cell"]): (cell["persons"], cell["status"])
        for cell in told["release"]["report"]["cells"]
    }
    small = {cell for cell, (persons, _) in true.items() if 0 < persons < 11}
    assert small
    assert {cell for cell, (_, status) in true.items() if status == "small"} == small
    assert any(status == "protecting" for _, status in true.values())
    package = Path(told["release"]["package"]["package"])
    released = json.loads((package / "data" / "outputs" / "table.json").read_text())["cells"]
    for cell in released:
        persons, status = true[tuple(part or "(all)" for part in cell["key"])]
        assert cell["persons"] == (persons if status == "shown" else None)
    assert sum(cell["persons"] is None for cell in released) == told["release"]["hidden"]


def test_the_author_could_not_approve_and_two_others_did(told: dict[str, Any]) -> None:
    assert "`camille` is not an output checker" in told["release"]["own_approval"]
    assert told["release"]["verified"]["checkers"] == ["charles", "chloe"]
    assert told["release"]["report"]["optimal"] is True


def test_the_package_verifies_with_public_keys_only_and_not_after_a_change(
    program: Any, told: dict[str, Any], story: Any
) -> None:
    package, keys = told["release"]["package"]["package"], story.out / "release" / "keys.json"
    words = ("airlock", "verify", package, "--keys", keys, "--json")
    assert program(*words).answer()["verified"] is True
    table = Path(package) / "data" / "outputs" / "table.csv"
    kept = table.read_bytes()
    try:
        table.write_bytes(kept + b"\n")
        assert program(*words).refusal(5)["error"] == "unproven"
    finally:
        table.write_bytes(kept)


def test_the_log_holds_and_refuses_one_flipped_byte_with_its_place(
    told: dict[str, Any], story: Any
) -> None:
    facts, results = told["ledger"], story.out / "results"
    assert facts["events"] == facts["published"]["size"] == len(story.events)
    accepted = json.loads(facts["accepted"])
    assert (accepted["size"], accepted["unpublished"]) == (facts["events"], 0)
    place = re.fullmatch(r"byte \d+ of (tile/0/\S+)", facts["flipped"])
    assert place
    assert re.search(rf"refused at {re.escape(place[1])}, leaf \d+", facts["refused"])
    assert facts["exit_code"] == 5
    for log, code in (
        (story.out / "platform" / "trust" / "log", 0),
        (results / "log-with-one-flipped-byte", 5),
    ):
        command = [sys.executable, "-I", str(verify.__file__), str(log)]
        command += [str(results / "log-keys.json"), "--export", str(results / "journal.jsonl")]
        assert subprocess.run(command, capture_output=True, check=False).returncode == code


def test_no_canary_stands_on_the_host_and_the_search_can_find(
    told: dict[str, Any], story: Any
) -> None:
    scan = told["scan"]
    assert scan["hits"] == 0
    assert len(scan["looked_for"]) == 7
    assert scan["bytes"] > told["foreign_cloud"]["bytes"]
    person = _register(story)[0]["BEN_IDT_ANO"].encode()
    servers = story.out / "servers"
    assert _holds(servers / "azurite" / "data", person)
    assert _holds(servers / "azurite" / "data", b"BEN_NIR_PSA")
    for canary in (person, b"BEN_NIR_PSA", b"ER_PRS_F", "étude pilote".encode()):
        assert not _holds(servers / "seaweedfs" / "data", canary)


def test_the_report_asks_nothing_of_the_network_and_runs_no_script(story: Any) -> None:
    text = (story.out / "index.html").read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert page.policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert page.tags["h2"] == 9
    assert page.tags["svg"] >= 4
    assert not set(page.tags) & {"script", "link", "iframe", "object", "embed", "img", "base"}
    assert page.addresses == []
    # What SVG refers to inside the page begins with a hash.
    assert not re.search(r"url\((?!#)|@import|javascript:", text)


def test_no_file_that_people_see_holds_a_persons_value(story: Any) -> None:
    identities, pseudonyms = set(), set()
    for side, found in (("clear", identities), ("level-1", pseudonyms)):
        for row in _register(story, side):
            for name in ("BEN_NIR_PSA", "BEN_NIR_ANO", "ASS_NIR_ANO", "BEN_IDT_ANO"):
                found |= {row[name][: 13 if side == "clear" else 17]} - {""}
    assert len(identities) > 1000
    assert len(pseudonyms) > PERSONS
    seen = [story.out / name for name in ("index.html", "story.json", "said.txt")]
    seen += [path for path in (story.out / "results").rglob("*") if path.is_file()]
    seen += [path for path in (story.out / "release").rglob("*") if path.is_file()]
    seen += list((story.out / "servers").glob("*/server.log"))
    assert len(seen) > 15
    for path in seen:
        text = path.read_bytes().decode("utf-8", errors="replace")
        numbers = {m[i : i + 13] for m in re.findall(r"\d{13,}", text) for i in range(len(m) - 12)}
        words = {m[i : i + 17] for m in re.findall(r"\w{17,}", text) for i in range(len(m) - 16)}
        assert not numbers & identities, path.name
        assert not words & pseudonyms, path.name


class _Page(HTMLParser):
    """Counts the tags and gathers what a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.addresses: list[str] = []
        self.policy = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        values = {name: value or "" for name, value in attrs}
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"]
        for name, value in values.items():
            fetched = name in {"src", "href", "xlink:href", "action", "poster", "data", "srcset"}
            if (fetched and not value.startswith("#")) or name.startswith("on"):
                self.addresses.append(value)


def _register(story: Any, side: str = "level-1") -> list[dict[str, str]]:
    path = next((story.out / "holder" / side).glob("BEN_*/IR_BEN_R.csv"))
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def _configuration(story: Any) -> str:
    return str((story.out / "platform" / "bercail.toml").read_text())


def _group(age: int, sex: int) -> tuple[str, str]:
    low = age // 10 * 10
    return ("90+" if age >= 90 else f"{low}-{low + 9}", "male" if sex == 1 else "female")


def _holds(folder: Path, canary: bytes) -> bool:
    return any(canary in path.read_bytes() for path in folder.rglob("*") if path.is_file())
