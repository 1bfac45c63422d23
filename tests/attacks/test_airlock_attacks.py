"""Attacks on the airlock, by name: each is refused, and where it matters, recorded."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bercail.airlock import check_table, verify_package
from bercail.airlock.disclosure.counts import counts_from_dict
from bercail.airlock.disclosure.policy import SNDS
from bercail.airlock.statements import CHECKER_SIGNER, RELEASE_TYPE, VOTE_TYPE
from bercail.foundation import Invalid, Refused, Unproven, canonical_json
from bercail.testing.airlock_desk import AUTHOR, CHECKERS, PERMIT, AirlockDesk, document
from bercail.vault import dsse_envelope, signer


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[AirlockDesk]:
    made = AirlockDesk(tmp_path)
    yield made
    made.keys.close()


# Attacks on the table.


def test_subtracting_a_lone_hidden_cell_from_its_total_gives_nothing() -> None:
    """The classic: hide the small cell, publish the total."""
    result = check_table(counts_from_dict(document([(40, 31), (6, 58)])), SNDS)
    shown = dict(result.table.cells)
    assert shown[("age 1", "women")] is None
    for total in (("age 1", None), (None, "women")):
        line = [
            k
            for k in shown
            if k != total and all(t in (None, x) for t, x in zip(total, k, strict=True))
        ]
        inner = [key for key in line if None not in key]
        assert shown[total] is None or sum(shown[key] is None for key in inner) >= 2


def test_records_are_not_persons() -> None:
    """Twelve lines of one person are one person: a table without counts of persons is refused."""
    lines = document([(40, 31), (6, 58)])
    for cell in lines["cells"]:
        cell["records"] = cell.pop("persons")
    with pytest.raises(Invalid, match="no whole number of persons"):
        counts_from_dict(lines)


@pytest.mark.parametrize("label", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", " =1+1"])
def test_a_label_that_a_spreadsheet_runs_blocks_the_table(label: str) -> None:
    table = document([(40, 31), (20, 58)])
    table["dimensions"][0]["categories"][0] = label
    for cell in table["cells"][:2]:
        cell["categories"][0] = label
    assert check_table(counts_from_dict(table), SNDS).verdict == "blocked"


@pytest.mark.parametrize(
    "label",
    [
        "180127512345678",
        "1801275123456",
        "A1B2C3D4E5F6G7H8J",
        "10001234567",
        "750712184",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "0b7f4f0e-9c0b-4a59-9f0e-0a7f4f0e9c0b",
    ],
)
def test_an_identifier_as_a_category_blocks_the_table_and_is_not_repeated(label: str) -> None:
    table = document([(40, 31), (20, 58)])
    table["dimensions"][0]["categories"][0] = label
    for cell in table["cells"][:2]:
        cell["categories"][0] = label
    result = check_table(counts_from_dict(table), SNDS)
    assert result.verdict == "blocked"
    assert label not in json.dumps([finding.as_dict() for finding in result.findings])


def test_a_quote_in_a_label_does_not_break_the_csv() -> None:
    table = document([(40, 31), (20, 58)])
    table["dimensions"][0]["categories"][0] = 'a "quoted", label'
    for cell in table["cells"][:2]:
        cell["categories"][0] = 'a "quoted", label'
    result = check_table(counts_from_dict(table), SNDS)
    rows = list(csv.reader(io.StringIO(result.table.csv_bytes().decode())))
    assert {len(row) for row in rows} == {4}
    assert rows[1][0] == 'a "quoted", label'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        b"PK\x03\x04 an archive",
        b"\x80\x04\x95 a pickle",
        b"[1, 2]",
        b"{}",
        b'{"format": "bercail-count-table", "version": 1, "title": 3}',
        b'{"cells": [], "nbformat": 4, "metadata": {}}',
        b"[" * 100_000,
        json.dumps(document([(1.5, 2)])).encode(),
        json.dumps(document([(-1, 2)])).encode(),
        json.dumps(document([(True, 2)])).encode(),
        json.dumps(document([(40, 31)], version=2)).encode(),
        json.dumps(document([(10**12, 31)])).encode(),
    ],
)
def test_what_is_no_table_does_not_enter(desk: AirlockDesk, data: bytes) -> None:
    path = desk.folder / "output"
    path.write_bytes(data)
    with pytest.raises(Invalid) as refusal:
        desk.airlock.submit(path, PERMIT, AUTHOR)
    assert refusal.value.rule in {"output-type", "cause-no-context", "cause-file-type"}
    assert list(desk.store.list()) == []


def test_a_table_too_large_to_understand_is_refused(desk: AirlockDesk) -> None:
    wide = document([(11, 12)] * 7000)
    path = desk.folder / "wide.json"
    path.write_text(json.dumps(wide))
    with pytest.raises(Invalid, match="the most is 20000"):
        desk.airlock.submit(path, PERMIT, AUTHOR)
    path.write_bytes(b" " * (17 * 1024 * 1024))
    with pytest.raises(Invalid) as refusal:
        desk.airlock.check(path)
    assert refusal.value.rule == "output-size"


# Attacks on the review.


def test_a_byte_changed_after_the_votes_voids_them(desk: AirlockDesk) -> None:
    """An operator of the platform, who has the keys, swaps what leaves after the votes."""
    request = desk.approved()
    shelf = desk.sealed("airlock", request)
    submission = desk.airlock._ground.find(request)[1].submitted.submission
    name = f"checked/{submission}/outputs/table.csv"
    shelf.put(name, shelf.read(name).replace(b"hidden", b"HIDDEN"))
    with pytest.raises(Unproven, match=r"outputs/table\.csv") as refusal:
        desk.airlock.release(request, CHECKERS[0], desk.folder / "out")
    assert refusal.value.rule == "vote-binding"
    assert desk.kinds(request)[-1] == "TamperingFound"
    shelf.put(name, shelf.read(name).replace(b"HIDDEN", b"hidden"))
    with pytest.raises(Refused, match="0 of 2 checkers"):
        desk.airlock.release(request, CHECKERS[0], desk.folder / "out")
    assert not (desk.folder / "out").exists()


def test_the_host_swaps_a_sealed_object(desk: AirlockDesk) -> None:
    request = desk.approved()
    names = sorted(info.name for info in desk.store.list())
    first, second = desk.store.get(names[0]), desk.store.get(names[1])
    desk.store.put(names[0], second)
    desk.store.put(names[1], first)
    with pytest.raises(Unproven):
        desk.airlock.release(request, CHECKERS[0], desk.folder / "out")
    assert desk.kinds(request)[-1] == "TamperingFound"


def test_votes_of_an_earlier_submission_of_the_same_bytes_do_not_count(desk: AirlockDesk) -> None:
    request = desk.submitted()
    desk.airlock.review(request, CHECKERS[0], approve=True)
    earlier = desk.airlock._ground.find(request)[1].set_digest
    desk.airlock.give_back(request, CHECKERS[1], "look again")
    assert desk.submitted() == request
    state = desk.airlock._ground.find(request)[1]
    assert state.set_digest != earlier
    assert state.votes == ()


def test_a_checker_who_joins_the_project_no_longer_counts(desk: AirlockDesk) -> None:
    request = desk.approved()
    permit = desk.permits.get(PERMIT, desk.clock.now())
    from attrs import evolve

    desk.permits.add(evolve(permit, members=permit.members | {CHECKERS[0].id}))
    with pytest.raises(Refused, match="1 of 2 checkers"):
        desk.airlock.release(request, CHECKERS[2], desk.folder / "out")


def test_a_member_who_left_the_project_still_cannot_check_its_request(desk: AirlockDesk) -> None:
    from attrs import evolve

    from bercail.testing.airlock_desk import COLLEAGUE

    request = desk.submitted()
    permit = desk.permits.get(PERMIT, desk.clock.now())
    desk.permits.add(evolve(permit, members=permit.members - {COLLEAGUE.id}))
    with pytest.raises(Refused, match="belongs to the project"):
        desk.airlock.review(request, COLLEAGUE, approve=True)


def test_no_event_and_no_released_file_gives_the_digest_of_what_stays_inside(
    desk: AirlockDesk,
) -> None:
    """A plain digest of a table with one unknown count is found in ten tries."""
    package = desk.released()
    plain = {
        hashlib.new(name, desk.table_file().read_bytes()).hexdigest()
        for name in ("sha256", "sha512", "sha1", "md5")
    }
    outside = [path.read_text() for path in package.rglob("*") if path.is_file()]
    inside = [json.dumps(dict(record.body)) for record in desk.journal.read_all()]
    assert not any(digest in text for digest in plain for text in [*outside, *inside])


# Attacks on a released package. Those who forge it can write every digest again.


def rebag(package: Path) -> None:
    """What a forger without keys does: make the manifests fit again."""
    payload = [path for path in (package / "data").rglob("*") if path.is_file()]
    oxum = f"Payload-Oxum: {sum(path.stat().st_size for path in payload)}.{len(payload)}"
    info = (package / "bag-info.txt").read_text().splitlines()
    (package / "bag-info.txt").write_text("\n".join([*info[:-1], oxum]) + "\n")
    for manifest, files in (
        ("manifest-sha512.txt", sorted(p for p in (package / "data").rglob("*") if p.is_file())),
        (
            "tagmanifest-sha512.txt",
            sorted(p for p in package.iterdir() if p.is_file() and "tagman" not in p.name),
        ),
    ):
        rows = [
            f"{hashlib.sha512(path.read_bytes()).hexdigest()}  {path.relative_to(package)}\n"
            for path in files
        ]
        (package / manifest).write_text("".join(rows))


def edit(package: Path, name: str, change: Callable[[dict[str, Any]], None]) -> None:
    path = package / "data" / name
    value = json.loads(path.read_bytes())
    change(value)
    path.write_bytes(canonical_json(value) + b"\n")


def show_a_hidden_cell(package: Path) -> None:
    def change(table: dict[str, Any]) -> None:
        next(cell for cell in table["cells"] if cell["persons"] is None)["persons"] = 6

    edit(package, "outputs/table.json", change)


def alter_the_csv(package: Path) -> None:
    path = package / "data/outputs/table.csv"
    path.write_bytes(path.read_bytes().replace(b",77,", b",78,"))


def weaken_the_policy(package: Path) -> None:
    edit(package, "disclosure/report.json", lambda r: r["policy"].update(threshold=5))


def drop_a_vote(package: Path) -> None:
    (package / "data/review/votes/checker-2.dsse.json").unlink()


def copy_a_vote(package: Path) -> None:
    votes = package / "data/review/votes"
    shutil.copy(votes / "checker-1.dsse.json", votes / "checker-3.dsse.json")
    (votes / "checker-2.dsse.json").unlink()


def add_a_file(package: Path) -> None:
    (package / "data/outputs/raw.csv").write_text("person,disease\n")


def add_a_tag_file(package: Path) -> None:
    (package / "notes.txt").write_text("hello")


def remove_a_file(package: Path) -> None:
    (package / "data/review/statement.json").unlink()


def link_outside(package: Path) -> None:
    path = package / "data/outputs/table.csv"
    path.unlink()
    path.symlink_to("/etc/passwd")


def change_the_author(package: Path) -> None:
    edit(package, "release.json", lambda r: r.update(author="checker-1"))


def change_the_time(package: Path) -> None:
    edit(package, "release.json", lambda r: r.update(released_at="2027-01-01T00:00:00.000000Z"))


def change_the_metadata(package: Path) -> None:
    path = package / "data/ro-crate-metadata.json"
    path.write_text(path.read_text().replace("Treated diabetics", "Somebody else's work"))


def forge_the_set(package: Path) -> None:
    edit(package, "review/set.json", lambda s: s["entries"].pop())


def break_a_document(package: Path) -> None:
    (package / "data/release.json").write_bytes(b"[1]")


FORGERIES = [
    (show_a_hidden_cell, "package-set"),
    (alter_the_csv, "package-set"),
    (weaken_the_policy, "package-set"),
    (drop_a_vote, "package-votes"),
    (copy_a_vote, "package-votes"),
    (add_a_file, "package-files"),
    (add_a_tag_file, "package-files"),
    (remove_a_file, "package-files"),
    (link_outside, "package-files"),
    (change_the_author, "package-votes"),
    (change_the_time, "package-signature"),
    (change_the_metadata, "package-signature"),
    (forge_the_set, "package-set"),
    (break_a_document, "package-files"),
]


@pytest.mark.parametrize(("forge", "rule"), FORGERIES, ids=lambda x: getattr(x, "__name__", x))
def test_a_forged_package_is_refused_though_its_manifests_fit(
    desk: AirlockDesk, forge: Callable[[Path], None], rule: str
) -> None:
    package = desk.released()
    keys = desk.airlock.public_keys()
    verify_package(package, keys)
    forge(package)
    rebag(package)
    with pytest.raises(Unproven) as refusal:
        verify_package(package, keys)
    assert refusal.value.rule == rule


def several(desk: AirlockDesk) -> Path:
    """The package of a table and a note."""
    note = desk.folder / "note.txt"
    note.write_text("The study shows what it shows of the persons treated in 2025.\n")
    words = "Persons treated in 2025, by age and sex."
    request = desk.airlock.submit([desk.table_file(), note], PERMIT, AUTHOR, context=words).id
    for checker in CHECKERS[:2]:
        desk.airlock.review(request, checker, approve=True)
    return Path(desk.airlock.release(request, CHECKERS[0], desk.folder / "out")["package"])


def change_the_note(package: Path) -> None:
    (package / "data/outputs/note.txt").write_text("Something else.\n")


def call_the_table_judged_by_people(package: Path) -> None:
    """Then nobody would audit it."""
    edit(package, "disclosure/inspection.json", lambda i: i["files"][0].update(kind="plain text"))


def name_a_file_less(package: Path) -> None:
    edit(package, "disclosure/inspection.json", lambda i: i["files"].pop())


def pretend_the_first_format(package: Path) -> None:
    edit(package, "release.json", lambda r: r.update(format="bercail-release-package/1"))


def put_a_file_elsewhere(package: Path) -> None:
    (package / "data/review/rows.csv").write_text("person,disease\n")


@pytest.mark.parametrize(
    ("forge", "rule"),
    [
        (change_the_note, "package-set"),
        (call_the_table_judged_by_people, "package-set"),
        (name_a_file_less, "package-set"),
        (pretend_the_first_format, "package-files"),
        (put_a_file_elsewhere, "package-files"),
        (add_a_file, "package-set"),
        (drop_a_vote, "package-votes"),
    ],
    ids=lambda x: getattr(x, "__name__", x),
)
def test_a_forged_package_of_several_files_is_refused(
    desk: AirlockDesk, forge: Callable[[Path], None], rule: str
) -> None:
    package = several(desk)
    keys = desk.airlock.public_keys()
    assert verify_package(package, keys).judged_by_people == ("outputs/note.txt",)
    forge(package)
    rebag(package)
    with pytest.raises(Unproven) as refusal:
        verify_package(package, keys)
    assert refusal.value.rule == rule


def test_one_flipped_byte_anywhere_is_refused(desk: AirlockDesk) -> None:
    package = desk.released()
    keys = desk.airlock.public_keys()
    for path in sorted(p for p in package.rglob("*") if p.is_file()):
        whole = path.read_bytes()
        path.write_bytes(
            whole[: len(whole) // 2]
            + bytes([whole[len(whole) // 2] ^ 1])
            + whole[len(whole) // 2 + 1 :]
        )
        with pytest.raises(Unproven):
            verify_package(package, keys)
        path.write_bytes(whole)
    verify_package(package, keys)


def test_a_package_signed_by_a_stranger_is_refused(desk: AirlockDesk) -> None:
    """A forger with keys of their own, not those of the platform."""
    package = desk.released()
    keys = desk.airlock.public_keys()
    path = package / "data/review/votes/checker-1.dsse.json"
    payload = base64.b64decode(json.loads(path.read_bytes())["payload"])
    stranger = signer(desk.keys, "stranger")
    path.write_bytes(canonical_json(dsse_envelope(VOTE_TYPE, payload, [stranger])) + b"\n")
    rebag(package)
    with pytest.raises(Unproven) as refusal:
        verify_package(package, keys)
    assert refusal.value.rule == "envelope-signer"


def test_an_insider_who_holds_every_key_cannot_release_a_table_that_leaks(
    desk: AirlockDesk,
) -> None:
    """All signatures are right, the table is not: the audit is run again by the reader."""
    package = desk.released()
    keys = desk.airlock.public_keys()
    table_path = package / "data/outputs/table.json"
    table = json.loads(table_path.read_bytes())
    for cell in table["cells"]:
        if cell["key"] == ["age 0", "women"]:
            cell["persons"] = 40
    _resign(desk, package, table)
    with pytest.raises(Unproven) as refusal:
        verify_package(package, keys)
    assert refusal.value.rule == "package-audit"


def _resign(desk: AirlockDesk, package: Path, table: dict[str, Any]) -> None:
    from bercail.airlock.events import Entry
    from bercail.airlock.statements import set_document
    from bercail.airlock.verify import _csv

    data = package / "data"
    (data / "outputs/table.json").write_bytes(canonical_json(table) + b"\n")
    (data / "outputs/table.csv").write_bytes(_csv(table))
    entries = [
        Entry(
            part=one["part"],
            name=one["name"],
            digest="sha256:" + hashlib.sha256((data / one["name"]).read_bytes()).hexdigest()
            if one["part"] == "leaves"
            else one["digest"],
        )
        for one in json.loads((data / "review/set.json").read_bytes())["entries"]
    ]
    document = set_document(entries, {})
    (data / "review/set.json").write_bytes(canonical_json(document) + b"\n")
    edit(package, "release.json", lambda r: r.update(set_digest=document["set_digest"]))
    for path in (data / "review/votes").iterdir():
        statement = json.loads(base64.b64decode(json.loads(path.read_bytes())["payload"]))
        statement["set_digest"] = document["set_digest"]
        key = signer(desk.keys, CHECKER_SIGNER + statement["checker"])
        signed = dsse_envelope(VOTE_TYPE, canonical_json(statement), [key])
        path.write_bytes(canonical_json(signed) + b"\n")
    rebag(package)
    release = json.loads((data / "release.json").read_bytes())
    statement = {
        "request": release["request"],
        "set_digest": document["set_digest"],
        "package_digest": hashlib.sha256(
            (package / "manifest-sha512.txt").read_bytes()
        ).hexdigest(),
        "released_at": release["released_at"],
    }
    key = signer(desk.keys, "airlock")
    signed = dsse_envelope(RELEASE_TYPE, canonical_json(statement), [key])
    (package / "release.dsse.json").write_bytes(canonical_json(signed) + b"\n")
    rebag(package)


def test_a_special_file_in_a_package_is_refused(desk: AirlockDesk) -> None:
    package = desk.released()
    os.mkfifo(package / "data/outputs/pipe")
    with pytest.raises(Unproven, match="neither file nor folder"):
        verify_package(package, desk.airlock.public_keys())
