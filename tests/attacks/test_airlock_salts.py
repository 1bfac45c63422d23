"""Attacks on digests: what the journal says of a file before it leaves, and forged salts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bercail.airlock import verify_package
from bercail.airlock.shelf import Shelf
from bercail.airlock.verify import _set
from bercail.foundation import Unproven, canonical_json
from bercail.testing.airlock_desk import AUTHOR, CHECKERS, PERMIT, AirlockDesk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[AirlockDesk]:
    made = AirlockDesk(tmp_path)
    yield made
    made.keys.close()


def test_the_journal_does_not_help_to_guess_a_small_file_before_it_leaves(
    desk: AirlockDesk,
) -> None:
    """A file of one number is found from its plain digest in as many tries as it has values."""
    note = desk.folder / "note.txt"
    note.write_text("The mean age is 54.\n")
    guessed = {
        hashlib.new(name, note.read_bytes()).hexdigest() for name in ("sha256", "sha512", "md5")
    }
    context = "Mean age of the persons treated in 2025"
    request = desk.airlock.submit(
        note, PERMIT, AUTHOR, context=context, supporting=[desk.table_file()]
    ).id
    desk.airlock.review(request, CHECKERS[0], approve=True)
    inside = [json.dumps(dict(record.body)) for record in desk.journal.read_all()]
    assert not any(digest in text for digest in guessed for text in inside)
    assert any("salted-sha256:" in text for text in inside)
    desk.airlock.review(request, CHECKERS[1], approve=True)
    made = desk.airlock.release(request, CHECKERS[0], desk.folder / "out")
    document = json.loads((Path(made["package"]) / "data/review/set.json").read_bytes())
    opened = {one["name"]: one for one in document["entries"] if one["part"] == "leaves"}
    assert all(len(one["salt"]) == 52 for one in opened.values())
    assert len({one["salt"] for one in opened.values()}) == len(opened)
    keys = desk.airlock.public_keys()
    assert verify_package(Path(made["package"]), keys).judged_by_people == ("outputs/note.txt",)


@pytest.mark.parametrize("salt", ["a" * 52, "", 7, "é" * 52, None])
def test_a_salt_that_opens_nothing_is_refused(desk: AirlockDesk, salt: object) -> None:
    data = desk.released() / "data"
    names = [path for path in data.rglob("*") if path.is_file()]
    files = {path.relative_to(data).as_posix(): path.read_bytes() for path in names}
    release = json.loads(files["release.json"])
    assert _set(files, release) == release["set_digest"]
    document = json.loads(files["review/set.json"])
    document["entries"][-1]["salt"] = salt
    with pytest.raises(Unproven) as refusal:
        _set(files | {"review/set.json": canonical_json(document)}, release)
    assert refusal.value.rule == "package-set"


def test_a_set_from_before_there_were_salts_is_released_as_it_was_voted_on(
    desk: AirlockDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = Shelf.entries

    def plain(self: Shelf, *parts: Any, **_: Any) -> Any:
        return entries(self, *parts, salted=False)

    with monkeypatch.context() as before:
        before.setattr(Shelf, "entries", plain)
        request = desk.submitted()
    for checker in CHECKERS[:2]:
        desk.airlock.review(request, checker, approve=True)
    made = desk.airlock.release(request, CHECKERS[0], desk.folder / "out")
    again = desk.airlock.release(request, CHECKERS[0], desk.folder / "again")
    assert again["package_digest"] == made["package_digest"]
    document = json.loads((Path(made["package"]) / "data/review/set.json").read_bytes())
    assert document["format"] == "bercail-release-set/1"
    verify_package(Path(made["package"]), desk.airlock.public_keys())
