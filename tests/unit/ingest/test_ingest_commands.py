"""The commands of the ingest room: one call each, as text and as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from bercail.cli import holder as holder_commands
from bercail.cli import ingest as commands
from bercail.cli import persons as persons_commands
from bercail.foundation import FixedClock, Missing, Refused, Role
from bercail.ingest.folder import LocalFiles
from bercail.ingest.history import DeliveryBook
from bercail.ingest.persons import PersonDesk
from bercail.ingest.retention import RetentionDesk, erasing
from bercail.testing.small_house import person

NAME, LATER = "DCIR_202402", "DCIR_202403"
ODILE = person("odile", Role.OPERATOR)
AXEL = person("axel", Role.ACCESS_OFFICER)


@pytest.fixture
def landing(house, write, texts, tmp_path):
    """Two deliveries at level one; the later has a code that its list does not have."""
    write(NAME)
    header, *lines = texts["ER_PRS_F"].replace("01/02/2024;15/01", "01/03/2024;15/02").splitlines()
    coded = [f"{line};77" for line in lines]
    folder = write(LATER, ER_PRS_F="\n".join([f"{header};DPN_QLF", *coded]) + "\n")
    manifest = json.loads((folder / "delivery.json").read_text()) | {"period": "2024-03"}
    (folder / "delivery.json").write_text(json.dumps(manifest))
    house.holder().prepare(tmp_path / "clear", tmp_path / "level-1")
    return LocalFiles(tmp_path / "level-1")


@pytest.fixture
def acting(house, landing, monkeypatch):
    """The platform of the commands; who acts may be changed."""
    clock = FixedClock(datetime(2045, 1, 1, 12, tzinfo=UTC))
    book = DeliveryBook(house.ledger, house.registry)
    platform = SimpleNamespace(
        ingest=house.ingest(),
        retention=RetentionDesk(book=book, erase=erasing(house.lake), clock=clock),
        rotation=house.rotation(),
        persons=PersonDesk(house.lake, house.ledger),
        migration=lambda: SimpleNamespace(landed=lambda: landing),
        actor=ODILE,
    )
    for module in (commands, persons_commands):
        monkeypatch.setattr(module, "house", lambda: platform)
        monkeypatch.setattr(module, "actor", lambda: platform.actor)
    monkeypatch.setenv("COLUMNS", "300")
    return platform


def text(app, *words):
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def answer(app, *words):
    return json.loads(text(app, *words, "--json"))


def ingest(*words):
    return answer(commands.app, *words)


@pytest.mark.usefixtures("acting")
def test_a_delivery_is_loaded_and_told():
    (report,) = ingest("load", NAME)
    assert report == {"delivery": NAME, "rows": 4, "tables": {"ER_PRS_F": 2, "ER_PHA_F": 2}}
    status = ingest("status", NAME)
    assert (status["state"], status["findings"]) == ("loaded", [])
    shown = text(commands.app, "status", NAME)
    assert "loaded" in shown
    assert "ER_PHA_F: 2" in shown


@pytest.mark.usefixtures("acting")
def test_loading_as_text_names_the_delivery_and_its_tables():
    shown = text(commands.app, "load", NAME)
    assert NAME in shown
    assert "ER_PRS_F: 2" in shown
    with pytest.raises(Refused) as refused:
        text(commands.app, "load", NAME)
    assert refused.value.rule == "delivery-once"


def test_what_is_held_is_listed_released_and_replayed(acting):
    with pytest.raises(Refused, match="unknown-code"):
        text(commands.app, "load", LATER)
    (held,) = ingest("quarantine")
    assert (held["delivery"], held["by"], held["releasable"]) == (LATER, "odile", True)
    assert "unknown-code in ER_PRS_F.csv column DPN_QLF: 2" in text(commands.app, "quarantine")
    assert [one["state"] for one in ingest("status")] == ["quarantined"]
    assert "quarantined" in text(commands.app, "status")
    acting.actor = AXEL
    released = ingest("release", LATER, "--reason", "the list of 2024 has 77")
    assert released["state"] == "released"
    acting.actor = ODILE
    assert "ER_PRS_F: 2" in text(commands.app, "replay", LATER)
    assert ingest("replay", LATER)["tables"] == {"ER_PRS_F": 2}


def test_a_release_is_told_as_text_too(acting):
    with pytest.raises(Refused):
        text(commands.app, "load", LATER)
    acting.actor = AXEL
    shown = text(commands.app, "release", LATER, "--reason", "the list of 2024 has 77")
    assert "released" in shown
    assert "column DPN_QLF" in shown


def test_what_is_over_the_limit_is_shown_then_erased(acting, house):
    text(commands.app, "load", NAME)
    (planned,) = ingest("expire")
    assert (planned["delivery"], planned["kept_until"], planned["rows"]) == (NAME, 2044, 4)
    assert house.lake.snapshot("ER_PRS_F").rows == 2
    # Both options at once only show it.
    assert ingest("expire", "--plan", "--apply") == [planned]
    assert "2044" in text(commands.app, "expire", "--plan")
    assert "Erased" in text(commands.app, "expire", "--apply")
    assert ingest("expire", "--apply") == []
    assert house.lake.snapshot("ER_PRS_F").rows == 0
    assert acting.ingest.status(NAME)["state"] == "expired"


@pytest.mark.usefixtures("acting")
def test_a_rotation_is_planned_applied_and_its_past_let_go():
    text(commands.app, "load", NAME)
    plan = ingest("rotate")
    assert "ER_PRS_F" in json.dumps(plan)
    assert "ER_PRS_F" in text(commands.app, "rotate")
    proven = ingest("rotate", "--apply", "--reason", "the schedule of 2026")
    assert proven["projects"] == []
    assert json.dumps(ingest("rotate", "--expire")) != "[]"


def test_an_officer_judges_a_column(acting):
    text(commands.app, "load", NAME)
    acting.actor = AXEL
    judged = ingest("column", "ER_PRS_F", "ORG_CLE_NUM", "--exclude", "an office, no person")
    assert judged == {"table": "ER_PRS_F", "column": "ORG_CLE_NUM", "kind": "excluded"}
    words = ("column", "ER_PRS_F", "ORG_CLE_NUM", "--kind", "person")
    assert "person" in text(commands.app, *words)


@pytest.mark.usefixtures("acting")
def test_persons_are_built_and_told():
    text(commands.app, "load", NAME)
    built = answer(persons_commands.app, "build")
    assert built["persons"] == 1
    assert answer(persons_commands.app, "status")["new_deliveries"] == 0
    assert "Nothing new" in text(persons_commands.app, "build")
    assert "Person layer" in text(persons_commands.app, "status")
    assert answer(persons_commands.app, "build", "--whole")["persons"] == 1


@pytest.mark.usefixtures("landing")
def test_the_holder_prepares_with_nothing_but_its_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("BERCAIL_HOLDER_SECRET", "the holder's own secret, long enough")
    app = holder_commands.app
    clear = str(tmp_path / "clear")
    prepared = json.loads(text(app, clear, str(tmp_path / "one"), "--json"))
    assert prepared == {"deliveries": 2, "files": 3, "rows": 6}
    shown = text(app, clear, str(tmp_path / "two"))
    assert "Prepared" in shown
    assert (tmp_path / "one" / NAME / "delivery.json").read_bytes() == (
        tmp_path / "two" / NAME / "delivery.json"
    ).read_bytes()
    with pytest.raises(Missing, match="There is no delivery"):
        text(app, str(tmp_path / "nowhere"), str(tmp_path / "three"))
