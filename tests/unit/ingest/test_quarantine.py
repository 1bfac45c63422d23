"""What is held back can be seen, let go by the right person for a reason, and tried again."""

from __future__ import annotations

import json

import pytest

from bercail.foundation import Missing, Refused, Role
from bercail.ingest.findings import CHECKS
from bercail.ingest.folder import LocalFiles
from bercail.testing.small_house import person

OPERATOR = person("odile", Role.OPERATOR)
OFFICER = person("alix", Role.ACCESS_OFFICER)
BOTH = person("odile", Role.OPERATOR, Role.ACCESS_OFFICER)
NAME = "DCIR_202402"


@pytest.fixture
def landing(tmp_path):
    return LocalFiles(tmp_path / "level-1")


@pytest.fixture
def unknown_code(house, write, texts, tmp_path):
    """A delivery whose every line has a code that its list does not have."""
    header, first, second = texts["ER_PRS_F"].splitlines()
    lines = (f"{header};DPN_QLF", f"{first};77", f"{second};77")
    write(ER_PRS_F="\n".join(lines) + "\n", ER_PHA_F=texts["ER_PHA_F"])
    house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")


@pytest.fixture
def broken(house, write, texts, tmp_path):
    write(ER_PRS_F=texts["ER_PRS_F"] + texts["ER_PRS_F"].splitlines()[1] + "\n")
    house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")


def refused(act, rule):
    with pytest.raises(Refused) as caught:
        act()
    assert caught.value.rule == rule
    return str(caught.value)


def kinds(house):
    return [record.kind for record in house.ledger.history("delivery/", 100)]


@pytest.mark.usefixtures("unknown_code")
def test_a_quarantined_delivery_is_listed_released_and_replayed(house, landing):
    desk = house.ingest()
    refused(lambda: desk.load(landing, NAME, OPERATOR), "delivery-checks")
    (held,) = desk.quarantine()
    told = "unknown-code in ER_PRS_F.csv column DPN_QLF: 2, first at line 2"
    assert (held["delivery"], held["by"], held["releasable"]) == (NAME, "odile", True)
    assert held["findings"] == [told]
    status = desk.release(NAME, "the list of 2024 has 77", OFFICER)
    assert (status["state"], status["released"]) == ("released", [told])
    assert house.lake.tables() == ()
    report = desk.replay(landing, NAME, OPERATOR)
    assert report.as_dict()["warnings"] == [told]
    assert house.lake.snapshot("ER_PRS_F").rows == 2
    assert desk.quarantine() == []
    event = house.ledger.history(f"delivery/{NAME}", 100)[1]
    assert (event.kind, event.actor) == ("DeliveryReleased", "alix")
    assert event.body["reason"] == "the list of 2024 has 77"
    # Again, it changes nothing and says the same.
    before = kinds(house)
    assert desk.replay(landing, NAME, OPERATOR).rows == report.rows
    assert kinds(house) == before
    assert house.lake.snapshot("ER_PRS_F").rows == 2


@pytest.mark.usefixtures("broken")
def test_a_replay_that_fails_as_before_leaves_no_event(house, landing):
    desk = house.ingest()
    first = refused(lambda: desk.load(landing, NAME, OPERATOR), "delivery-checks")
    assert refused(lambda: desk.replay(landing, NAME, OPERATOR), "delivery-checks") == first
    assert kinds(house) == ["DeliveryQuarantined"]
    refused(lambda: desk.load(landing, NAME, OPERATOR), "delivery-quarantined")


@pytest.mark.usefixtures("broken")
def test_a_repeated_key_is_never_released(house, landing):
    desk = house.ingest()
    refused(lambda: desk.load(landing, NAME, OPERATOR), "delivery-checks")
    assert desk.quarantine()[0]["releasable"] is False
    said = refused(lambda: desk.release(NAME, "please", OFFICER), "delivery-never-released")
    assert "repeated-key" in said


def test_only_volumes_and_code_lists_may_ever_be_released():
    families = {check.family for check in CHECKS.values() if check.releasable}
    assert families == {"volume", "code list"}
    never = {"digest", "schema", "pseudonym", "identifier", "reading", "key"}
    assert never <= {check.family for check in CHECKS.values() if not check.releasable}


@pytest.mark.usefixtures("unknown_code")
def test_who_may_release_and_what(house, landing):
    desk = house.ingest()
    refused(lambda: desk.release(NAME, "nothing is there", OFFICER), "delivery-release")
    refused(lambda: desk.load(landing, NAME, BOTH), "delivery-checks")
    refused(lambda: desk.release(NAME, "mine", OPERATOR), "IAM-05")
    refused(lambda: desk.release(NAME, "mine", BOTH), "delivery-two-persons")
    refused(lambda: desk.release(NAME, "  ", OFFICER), "delivery-release")
    assert kinds(house) == ["DeliveryQuarantined"]


@pytest.mark.usefixtures("unknown_code")
def test_a_release_holds_for_the_manifest_it_was_given_for(house, landing, write, texts, tmp_path):
    desk = house.ingest()
    refused(lambda: desk.load(landing, NAME, OPERATOR), "delivery-checks")
    desk.release(NAME, "the list of 2024 has 77", OFFICER)
    sent = (tmp_path / "level-1" / NAME / "ER_PRS_F.csv").read_text()
    key = sent.splitlines()[1].replace(";1;1;1;", ";1;1;3;", 1)
    write(identifiers="level-1", root="level-1", ER_PRS_F=f"{sent}{key}\n")
    refused(lambda: desk.replay(landing, NAME, OPERATOR), "delivery-checks")
    assert house.lake.tables() == ()


def test_the_status_of_all_names_every_delivery_tried(house, write, landing, tmp_path):
    write()
    write("DCIR_202403")
    house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")
    desk = house.ingest()
    desk.load_all(landing, OPERATOR)
    assert [(one["delivery"], one["state"], one["rows"]) for one in desk.statuses()] == [
        (NAME, "loaded", 4),
        ("DCIR_202403", "loaded", 4),
    ]
    with pytest.raises(Missing):
        desk.replay(landing, "DCIR_209901", OPERATOR)


# --- corrections ----------------------------------------------------------------------------


def corrected(write, texts, house, tmp_path, **members):
    """A correction of the delivery NAME whose first amount is another."""
    text = texts["ER_PRS_F"].replace("12.50", "99.00")
    folder = write("DCIR_202402_r2", ER_PRS_F=text, ER_PHA_F=texts["ER_PHA_F"])
    path = folder / "delivery.json"
    document = json.loads(path.read_text()) | {"corrects": NAME, "revision": 2} | members
    path.write_text(json.dumps(document))
    house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")


def amounts(house, snapshot=None):
    rows = house.lake.read("ER_PRS_F", snapshot_id=snapshot).read_all().to_pylist()
    return sorted(str(row["PRS_PAI_MNT"]) for row in rows)


def test_a_correction_takes_the_place_of_a_delivery_and_the_old_snapshot_stays(
    house, write, texts, landing, tmp_path
):
    write()
    write("DCIR_202403")
    house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")
    desk = house.ingest()
    desk.load_all(landing, OPERATOR)
    old = house.lake.snapshot("ER_PRS_F").id
    corrected(write, texts, house, tmp_path)
    desk.load(landing, "DCIR_202402_r2", OPERATOR)
    assert amounts(house) == ["-3.1000", "-3.1000", "12.5000", "99.0000"]
    assert amounts(house, old) == ["-3.1000", "-3.1000", "12.5000", "12.5000"]
    assert house.lake.verify("ER_PRS_F").rows == 4
    status = desk.status("DCIR_202402_r2")
    assert (status["corrects"], status["replaced"]["ER_PRS_F"]) == (NAME, old)
    assert desk.status(NAME)["corrected_by"] == "DCIR_202402_r2"
    refused(lambda: desk.load(landing, NAME, OPERATOR), "delivery-once")
    refused(lambda: desk.load(landing, "DCIR_202402_r2", OPERATOR), "delivery-once")


def test_a_correction_killed_between_two_tables_is_finished(
    house, write, texts, landing, tmp_path, monkeypatch
):
    from bercail.lake.correcting import Correcting

    write()
    house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")
    house.ingest().load_all(landing, OPERATOR)
    corrected(write, texts, house, tmp_path)
    correct, calls = Correcting.correct, []

    def dies_at_the_second(self, table, *rest, **named):
        calls.append(table)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return correct(self, table, *rest, **named)

    monkeypatch.setattr(Correcting, "correct", dies_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        house.ingest().load_all(landing, OPERATOR)
    monkeypatch.undo()
    house.ingest().load_all(landing, OPERATOR)
    assert amounts(house) == ["-3.1000", "99.0000"]
    assert house.lake.snapshot("ER_PHA_F").rows == 2
    assert house.ingest().status(NAME)["state"] == "corrected"


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"revision": 1}, "its revision is 1"),
        ({"corrects": "DCIR_201901"}, "it is not in the lake"),
        ({"period": "2024-03"}, "another holder, system or period"),
        ({"holder": "ATIH"}, "another holder, system or period"),
    ],
)
def test_what_is_no_correction_is_refused(house, write, texts, landing, tmp_path, members, why):
    write()
    house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")
    house.ingest().load_all(landing, OPERATOR)
    corrected(write, texts, house, tmp_path, **members)
    said = refused(
        lambda: house.ingest().load(landing, "DCIR_202402_r2", OPERATOR), "delivery-correction"
    )
    assert why in said
    assert amounts(house) == ["-3.1000", "12.5000"]


def test_a_correction_without_all_tables_is_refused(house, write, texts, landing, tmp_path):
    write()
    house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")
    house.ingest().load_all(landing, OPERATOR)
    folder = write("DCIR_202402_r2", ER_PRS_F=texts["ER_PRS_F"])
    document = json.loads((folder / "delivery.json").read_text())
    document |= {"corrects": NAME, "revision": 2}
    (folder / "delivery.json").write_text(json.dumps(document))
    house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")
    desk = house.ingest()
    said = refused(lambda: desk.load(landing, "DCIR_202402_r2", OPERATOR), "delivery-correction")
    assert "it has other tables" in said
