"""What a SQL journal says when its address or its database is wrong."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from bercail.foundation import Invalid, Refused, Unavailable, Unproven
from bercail.ledger import SqlJournal
from bercail.testing.journal_contract import draft


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://user:hunter2@host/db", "sqlite://", "sqlite:///:memory:"]
)
def test_an_address_of_another_kind_is_invalid(url: str) -> None:
    with pytest.raises(Invalid) as refusal:
        SqlJournal(url)
    assert "hunter2" not in str(refusal.value)
    assert "sqlite:///" in refusal.value.remedy


def test_nothing_is_opened_before_the_first_use(tmp_path: Path) -> None:
    journal = SqlJournal(f"sqlite:///{tmp_path}/journal.db")
    assert list(tmp_path.iterdir()) == []
    journal.last()
    assert (tmp_path / "journal.db").exists()
    journal.close()
    assert journal.last() == 0
    journal.close()


def test_a_server_that_is_not_there_is_unavailable_and_keeps_the_password() -> None:
    journal = SqlJournal("postgresql://user:hunter2@127.0.0.1:1/journal")
    with pytest.raises(Unavailable, match="does not answer") as refusal:
        journal.append("a", 0, [draft()])
    assert "hunter2" not in str(refusal.value) + repr(journal)


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable):
        SqlJournal(f"sqlite:///{tmp_path}/file/journal.db").last()


def test_a_file_that_is_no_database_is_unproven(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(Unproven, match="is no journal"):
        SqlJournal(f"sqlite:///{tmp_path}/journal.db").last()


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    journal = SqlJournal(f"sqlite:///{tmp_path}/journal.db")
    journal.append("a", 0, [draft()])
    engine = journal._connected()
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Unavailable, match=r"disk of the journal .* is full"):
        journal.append("a", 1, [draft(1, text="x" * 100_000)])
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert journal.last() == 1
    journal.close()


def test_a_body_that_is_no_json_is_unproven(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqlJournal(f"sqlite:///{path}")
    journal.append("a", 0, [draft()])
    journal.close()
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER bercail_journal_update")
        connection.execute("UPDATE bercail_journal SET body = 'not json'")
    connection.close()
    with pytest.raises(Unproven, match="position `1`"):
        journal.read("a")
    journal.close()


def test_a_place_taken_behind_its_back_is_a_conflict(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqlJournal(f"sqlite:///{path}")
    journal.append("a", 0, [draft()])
    journal.close()
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TRIGGER always BEFORE INSERT ON bercail_journal "
            "BEGIN SELECT RAISE(ABORT, 'taken'); END"
        )
    connection.close()
    with pytest.raises(Refused, match="taken meanwhile"):
        journal.append("a", 1, [draft()])
    journal.close()


WRITER = """
import sys
from bercail.ledger import SqlJournal
from bercail.testing.journal_contract import draft
journal = SqlJournal(sys.argv[1])
version = len(journal.read("a"))
while True:
    journal.append("a", version, [draft(version + n) for n in range(1, 4)])
    version += 3
    print(version, flush=True)
"""


def test_a_writer_that_is_killed_leaves_whole_appends(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/journal.db"
    promised = 0
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            for _ in range(5):
                promised = int(child.stdout.readline())
            os.kill(child.pid, signal.SIGKILL)
            for line in child.stdout.readlines():
                promised = int(line)
        journal = SqlJournal(url)
        positions = [event.position for event in journal.read_all()]
        assert len(positions) >= promised
        assert len(positions) % 3 == 0
        assert positions == list(range(1, len(positions) + 1))
        journal.close()
