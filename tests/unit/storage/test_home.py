"""A home is opened with what a probe saw, and takes nothing before there was one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from uuid import uuid4

import pytest
from attrs import evolve

from bercail.config import load_config
from bercail.foundation import Invalid, Refused, Secret, canonical_json
from bercail.platform import HOME_PROBE, Platform
from bercail.storage import (
    Checked,
    Credentials,
    Location,
    ObjectStore,
    ProbedHome,
    ProbeReport,
    ProbeSummary,
    Retrying,
    Trait,
    keep_probe,
    kept_home_probe,
    kept_probe,
    needs_probe,
    open_home,
    open_store,
    probe,
    probe_home,
    probe_summary,
)
from bercail.storage.probe_report import Verdict

FAR = "s3://b?endpoint=https://s3.host.example"
NEAR = "s3://b?endpoint=http://127.0.0.1:1"
KEYS = Credentials(access_key="k", secret=Secret(b"s"))
COMPARES: dict[str, Verdict] = {"wrong-crc64nvme": "held", "wrong-part-crc64nvme": "held"}


def memory() -> Location:
    return Location.parse(f"memory:{uuid4().hex}")


def report(location: Location | str, verdicts: dict[str, Verdict]) -> ProbeReport:
    traits = tuple(Trait(name=name, verdict=v, told="so") for name, v in verdicts.items())
    return ProbeReport(location=str(location), at="2026-11-22T00:00:00.000000Z", traits=traits)


def keep(folder: Path, found: ProbeReport) -> Path:
    path = folder / "probe.json"
    path.write_bytes(canonical_json(found.as_dict()))
    return path


@pytest.mark.parametrize(
    ("location", "real", "synthetic"),
    [
        ("memory:m", False, False),
        ("file:///srv/objects", False, False),
        (NEAR, True, False),
        ("azure://a?endpoint=http://localhost:1/a", True, False),
        (FAR, True, True),
        ("azure://a?endpoint=https://a.host.example", True, True),
    ],
)
def test_which_homes_must_be_probed(location: str, real: bool, synthetic: bool) -> None:
    parsed = Location.parse(location)
    assert needs_probe(parsed, "real") is real
    assert needs_probe(parsed, "synthetic") is synthetic


def test_an_unprobed_home_refuses_to_write_and_asks_nothing_of_the_host() -> None:
    home = open_home(Location.parse(FAR), KEYS, data_class="real")
    with pytest.raises(Refused) as refusal:
        home.put("x", b"1")
    assert refusal.value.rule == "store-unprobed"
    assert FAR in refusal.value.message
    assert "probe-home" in refusal.value.remedy
    assert probe_summary(home) is None


def test_reading_and_deleting_pass_where_writing_does_not() -> None:
    inner = open_store(memory())
    inner.put("x", b"12345")
    home: ObjectStore = ProbedHome(inner, probed=None, must_be_probed=True)
    assert home.get("x") == b"".join(home.stream("x")) == b"12345"
    assert home.read("x", 1, 2) == b"23"
    assert home.head("x") == next(iter(home.list()))
    home.delete("x")
    assert list(home.list()) == []
    with pytest.raises(Refused):
        home.put("x", b"1")


def test_a_home_found_unfit_is_refused_with_its_reasons_even_where_none_is_asked_for() -> None:
    location = memory()
    unfit = ProbeReport(
        location=str(location),
        traits=(Trait(name="ranges", verdict="ignored", told="other bytes", needed=True),),
    )
    home = ProbedHome(open_store(location), probed=unfit, must_be_probed=False)
    with pytest.raises(Refused, match="other bytes") as refusal:
        home.put("x", b"1")
    assert refusal.value.rule == "store-unfit"


def test_a_probe_is_kept_on_both_sides_and_found_again(tmp_path: Path) -> None:
    location = memory()
    kept = tmp_path / "trust" / "probe.json"
    found = probe_home(location, kept=kept)
    assert kept_home_probe(kept, location) == kept_probe(open_store(location)) == found
    assert [path.name for path in kept.parent.iterdir()] == ["probe.json"]
    home = open_home(location, data_class="real", kept=kept)
    assert home.probed == found
    home.put("x", b"1")


def test_what_the_host_keeps_is_not_believed_over_what_the_operator_keeps(tmp_path: Path) -> None:
    location = memory()
    kept = tmp_path / "probe.json"
    found = probe_home(location, kept=kept)
    keep_probe(open_store(location), evolve(found, at="1999-01-01T00:00:00.000000Z"))
    summary = probe_summary(open_home(location, data_class="real", kept=kept))
    assert summary == ProbeSummary.of(found)


def test_the_probe_of_another_place_says_nothing(tmp_path: Path) -> None:
    kept = keep(tmp_path, report(FAR, COMPARES))
    moved = Location.parse(FAR.replace("s3.host", "s3.other"))
    assert kept_home_probe(kept, moved) is None
    with pytest.raises(Refused) as refusal:
        open_home(moved, KEYS, data_class="real", kept=kept).put("x", b"1")
    assert refusal.value.rule == "store-unprobed"
    assert kept_home_probe(tmp_path / "none", moved) is None


def test_a_kept_file_that_is_not_a_result_is_told(tmp_path: Path) -> None:
    kept = tmp_path / "probe.json"
    kept.write_text("{}")
    for path in (kept, tmp_path):
        with pytest.raises(Invalid):
            open_home(memory(), data_class="real", kept=path)


@pytest.mark.parametrize(
    ("verdicts", "checked"),
    [
        (COMPARES, False),
        ({**COMPARES, "wrong-part-crc64nvme": "ignored"}, True),
        ({"wrong-crc64nvme": "ignored", "wrong-payload-hash": "held"}, False),
        ({"wrong-crc64nvme": "ignored", "wrong-payload-hash": "ignored"}, True),
        (None, True),
    ],
)
def test_writes_are_read_back_unless_the_host_was_seen_to_compare_them(
    tmp_path: Path, verdicts: dict[str, Verdict] | None, checked: bool
) -> None:
    kept = tmp_path / "probe.json" if verdicts is None else keep(tmp_path, report(NEAR, verdicts))
    home = open_home(Location.parse(NEAR), KEYS, data_class="synthetic", kept=kept)
    assert isinstance(home.inner, Checked) is checked
    assert isinstance(home.inner.inner if isinstance(home.inner, Checked) else home.inner, Retrying)


def test_an_option_that_asks_for_what_the_host_ignores_is_not_relied_on(tmp_path: Path) -> None:
    """The location insists on CRC-64/NVME; the host compares signatures only."""
    place = f"{NEAR}&checksum=crc64nvme"
    ignores: dict[str, Verdict] = {"wrong-crc64nvme": "ignored", "wrong-payload-hash": "held"}
    home = open_home(
        Location.parse(place), KEYS, data_class="real", kept=keep(tmp_path, report(place, ignores))
    )
    assert not home.features.server_checksums
    assert isinstance(home.inner, Checked)


class TestSummary:
    def test_it_names_the_kept_result_by_its_digest(self) -> None:
        store = open_store(memory())
        assert probe_summary(store) is None
        found = probe(store)
        keep_probe(store, found)
        summary = probe_summary(store)
        assert summary is not None
        content = store.get("bercail-probe/result.json")
        assert summary.as_dict() == {
            "location": str(store.location),
            "identity": {"kind": "memory"},
            "at": found.at,
            "sha256": hashlib.sha256(content).hexdigest(),
            "sound": True,
        }

    def test_it_says_when_a_host_was_found_unfit(self) -> None:
        unfit = report(NEAR, {"wrong-crc64nvme": "ignored", "wrong-payload-hash": "ignored"})
        assert ProbeSummary.of(unfit).sound is False


class TestPlatform:
    CONFIG = (
        'name = "house"\ntrust_side = "trust"\n'
        '[home]\nlocation = {home}\ncredentials = "BERCAIL_HOME"\n'
        '[host]\nservice = "none"\n'
    )

    def house(self, folder: Path, home: str) -> Platform:
        path = folder / "bercail.toml"
        path.write_text(self.CONFIG.format(home=json.dumps(home)))
        return Platform(load_config(path))

    def test_a_real_home_takes_nothing_before_its_probe(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BERCAIL_HOME_ACCESS_KEY", "k")
        monkeypatch.setenv("BERCAIL_HOME_SECRET_KEY", "s")
        with pytest.raises(Refused) as refusal:
            self.house(tmp_path, FAR).home.put("x", b"1")
        assert refusal.value.rule == "store-unprobed"

    def test_its_probe_is_kept_on_the_trust_side(self, tmp_path: Path) -> None:
        (tmp_path / "host").mkdir()
        house = self.house(tmp_path, f"file://{tmp_path}/host")
        found = house.probe_home()
        assert found.sound
        assert (tmp_path / "trust" / HOME_PROBE).read_bytes() == canonical_json(found.as_dict())
        assert probe_summary(house.home) == ProbeSummary.of(found)
