"""A delivery is sealed while it is checked, and seen only when all of it has passed."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta

import pyarrow as pa
import pytest

from bercail.foundation import Refused, Role, Unproven
from bercail.ingest.folder import LocalFiles
from bercail.ingest.register import Register
from bercail.ingest.staged import StagedDelivery
from bercail.lake.fileio import LakeFiles
from bercail.testing.small_house import person

OPERATOR = person("odile", Role.OPERATOR)
OFFICER = person("alix", Role.ACCESS_OFFICER)
NAME = "DCIR_202402"


class Counted(LocalFiles):
    """Files that count how often each was opened."""

    def __init__(self, root):
        super().__init__(root)
        object.__setattr__(self, "opened", Counter())

    def open(self, name):
        self.opened[name] += 1
        return super().open(name)


@pytest.fixture
def landing(tmp_path):
    return Counted(tmp_path / "level-1")


def prepare(house, tmp_path):
    house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")


def on_host(house):
    return [entry.name for entry in house.host.list("")]


def test_the_lines_of_a_file_are_read_once(house, write, landing, tmp_path):
    write()
    prepare(house, tmp_path)
    house.ingest().load(landing, NAME, OPERATOR)
    # Once for the columns alone, which say how often the secret will be used; once for the lines.
    assert landing.opened[f"{NAME}/ER_PRS_F.csv"] == 2
    assert house.lake.read("ER_PRS_F").read_all().num_rows == 2
    assert house.lake.orphans(timedelta(seconds=-1)) == ()


def test_a_file_that_is_right_is_removed_with_the_one_that_is_wrong(
    house, write, texts, landing, tmp_path
):
    wrong = texts["ER_PHA_F"].replace("2024", "2O24")
    write(ER_PRS_F=texts["ER_PRS_F"], ER_PHA_F=wrong)
    prepare(house, tmp_path)
    with pytest.raises(Refused, match="not-a-date"):
        house.ingest().load(landing, NAME, OPERATOR)
    assert on_host(house) == []
    assert house.lake.tables() == ()
    assert house.lake.orphans(timedelta(seconds=-1)) == ()


def test_nothing_is_sealed_after_an_error_that_nobody_lets_pass(
    house, write, texts, landing, tmp_path, monkeypatch
):
    write(ER_PRS_F=texts["ER_PRS_F"].replace("09/01/2024", "31/02/2024"))
    prepare(house, tmp_path)
    sealed = []
    writes = LakeFiles.write

    def noted(self, location, data):
        sealed.append(location.split("/")[2])
        return writes(self, location, data)

    monkeypatch.setattr(LakeFiles, "write", noted)
    with pytest.raises(Refused, match="not-a-date"):
        house.ingest().load(landing, NAME, OPERATOR)
    assert "ER_PHA_F" not in sealed
    assert on_host(house) == []


def test_what_an_officer_may_release_comes_in_by_the_replay(house, write, texts, landing, tmp_path):
    header, first, second = texts["ER_PRS_F"].splitlines()
    lines = (f"{header};DPN_QLF", f"{first};77", f"{second};77")
    write(ER_PRS_F="\n".join(lines) + "\n", ER_PHA_F=texts["ER_PHA_F"])
    prepare(house, tmp_path)
    desk = house.ingest()
    with pytest.raises(Refused, match="unknown-code"):
        desk.load(landing, NAME, OPERATOR)
    assert on_host(house) == []
    desk.release(NAME, "the list of 2024 has 77", OFFICER)
    desk.replay(landing, NAME, OPERATOR)
    assert house.lake.snapshot("ER_PRS_F").rows == 2
    assert house.lake.verify("ER_PRS_F").parts > 0


def test_a_delivery_held_as_it_is_uses_no_secret_when_it_is_tried_again(
    house, write, texts, landing, tmp_path
):
    write(ER_PRS_F=texts["ER_PRS_F"] + texts["ER_PRS_F"].splitlines()[1] + "\n")
    prepare(house, tmp_path)
    desk = house.ingest()
    with pytest.raises(Refused, match="repeated-key"):
        desk.load(landing, NAME, OPERATOR)
    before = house.ledger.history("", 1000)
    with pytest.raises(Refused, match="repeated-key"):
        desk.replay(landing, NAME, OPERATOR)
    assert house.ledger.history("", 1000) == before


def register_of(house, table, *persons):
    schema = pa.schema([("BEN_NIR_PSA", pa.string())])
    batch = pa.record_batch({"BEN_NIR_PSA": list(persons)}, schema=schema)
    house.lake.append(table, [batch], schema, delivery=f"REGISTER_{len(persons)}_{persons[0][0]}")


def test_a_register_is_held_once_until_it_changes(house):
    register = Register(house.lake)
    assert len(register.known()) == 0
    register_of(house, "IR_BEN_R", "a" * 64, "b" * 64)
    register_of(house, "IR_BEN_R_ARC", "b" * 64, "c" * 64)
    assert len(register.known()) == 3
    assert register.known() is register.known()
    register_of(house, "IR_BEN_R_ARC", "d" * 64)
    assert len(register.known()) == 4


def test_files_that_wait_hold_their_counts_and_no_register(
    house, write, landing, tmp_path, monkeypatch
):
    register_of(house, "IR_BEN_R", "a" * 64, "b" * 64)
    write()
    prepare(house, tmp_path)
    given, real = [], StagedDelivery.give

    def noted(self, table):
        given.append(real(self, table))
        return given[-1]

    monkeypatch.setattr(StagedDelivery, "give", noted)
    house.ingest().load(landing, NAME, OPERATOR)
    assert sorted(one.strangers.count for one in given) == [0, 2]
    assert [len(one.strangers.register) for one in given] == [0, 0]


class Dies(BaseException):
    """The process ends here."""


def dying(monkeypatch, owner, method, at):
    """`method` of `owner` dies at its call number `at`, before it does anything."""
    calls, real = [], getattr(owner, method)

    def maybe(self, *rest, **named):
        calls.append(1)
        if len(calls) == at:
            raise Dies
        return real(self, *rest, **named)

    monkeypatch.setattr(owner, method, maybe)


@pytest.mark.parametrize("at", range(1, 13))
def test_killed_at_any_write_nothing_is_seen_half_and_a_sweep_leaves_no_orphan(
    house, write, landing, tmp_path, monkeypatch, at
):
    write()
    prepare(house, tmp_path)
    with monkeypatch.context() as patched:
        dying(patched, LakeFiles, "write", at)
        # A process that is killed removes nothing.
        patched.setattr(LakeFiles, "delete", lambda *_: None)
        try:
            house.ingest().load(landing, NAME, OPERATOR)
        except Dies:
            rows = [house.lake.snapshot(name).rows for name in house.lake.tables()]
            assert set(rows) <= {2}
    if house.ingest().status(NAME)["state"] != "loaded":
        house.ingest().load(landing, NAME, OPERATOR)
    house.lake.remove_orphans(timedelta(seconds=-1))
    assert house.lake.orphans(timedelta(seconds=-1)) == ()
    for table in ("ER_PRS_F", "ER_PHA_F"):
        assert house.lake.snapshot(table).rows == 2
        assert house.lake.verify(table).parts > 0


def test_a_correction_is_read_again_and_must_be_what_was_checked(
    house, write, texts, landing, tmp_path, monkeypatch
):
    write()
    prepare(house, tmp_path)
    desk = house.ingest()
    desk.load(landing, NAME, OPERATOR)
    folder = write("DCIR_202402_R2")
    manifest = json.loads((folder / "delivery.json").read_text())
    manifest |= {"corrects": NAME, "revision": 2}
    (folder / "delivery.json").write_text(json.dumps(manifest))
    prepare(house, tmp_path)
    real = LocalFiles.open
    times = {"ER_PRS_F.csv": 0}

    def changing(self, name):
        if name.endswith("_R2/ER_PRS_F.csv"):
            times["ER_PRS_F.csv"] += 1
            if times["ER_PRS_F.csv"] == 3:
                path = self.root / name
                path.write_bytes(path.read_bytes().replace(b"12.50", b"99.50"))
        return real(self, name)

    monkeypatch.setattr(LocalFiles, "open", changing)
    with pytest.raises(Unproven) as unproven:
        desk.load(landing, "DCIR_202402_R2", OPERATOR)
    assert unproven.value.rule == "delivery-changed"
    assert house.lake.snapshot("ER_PRS_F").rows == 2
