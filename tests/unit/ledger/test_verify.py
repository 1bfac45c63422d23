"""The second reader on its own: no writer behind it, and its words when it refuses."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bercail.ledger.verify as second_reader
import bercail.ledger.verify_proof as proof_reader
from bercail.ledger.verify import NotVerifiedError, main, read_keys, verify
from bercail.ledger.verify_proof import main as main_of_proof
from bercail.testing.ledger_desk import Desk


@pytest.fixture
def published(desk: Desk) -> Desk:
    desk.record(300)
    desk.publish()
    return desk


def _alone(
    folder: Path, files: list[str], arguments: list[str]
) -> subprocess.CompletedProcess[str]:
    """Copies of `files` in an empty folder; the first runs there, and what it imported is told."""
    folder.mkdir()
    for file in files:
        shutil.copy(file, folder)
    program = (
        "import runpy, sys; sys.argv = sys.argv[1:]\n"
        "try:\n    runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally:\n    print([m for m in sys.modules if m.startswith('bercail')])"
    )
    return subprocess.run(
        [sys.executable, "-I", "-c", program, Path(files[0]).name, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )


def test_runs_alone_far_from_bercail(published: Desk, tmp_path: Path) -> None:
    arguments = [str(published.log), str(published.keys)]
    run = _alone(tmp_path / "auditor", [second_reader.__file__], arguments)
    report, modules = run.stdout.splitlines()
    assert (run.returncode, json.loads(report)["size"]) == (0, 300)
    assert modules == "[]"


def test_a_proof_is_checked_far_from_bercail(published: Desk, tmp_path: Path) -> None:
    proof = published.folder / "p"
    published.ledger.prove(7, proof)
    arguments, files = (
        [str(proof), str(published.keys)],
        [proof_reader.__file__, second_reader.__file__],
    )
    run = _alone(tmp_path / "a", files, arguments)
    event, modules = run.stdout.splitlines()
    assert (run.returncode, json.loads(event)["position"]) == (0, 7)
    assert modules == "[]"
    proof.write_text(proof.read_text("utf-8").replace("index 6", "index 5"), encoding="utf-8")
    forged = _alone(tmp_path / "b", files, arguments)
    assert (forged.returncode, "line 3" in forged.stderr) == (5, True)
    lonely = _alone(tmp_path / "c", files[:1], arguments)
    assert (lonely.returncode, "copy it into the folder" in lonely.stderr) == (1, True)


def test_is_short_enough_to_be_read() -> None:
    assert len(Path(second_reader.__file__).read_text("utf-8").splitlines()) < 300


def test_main_prints_a_report(published: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    export = published.exported()
    assert main([str(published.log), str(published.keys), "--export", str(export)]) == 0
    assert json.loads(capsys.readouterr().out)["events"] == 300


def test_main_names_the_place_and_exits_with_5(
    published: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    (published.log / "tile/0/000").unlink()
    assert main([str(published.log), str(published.keys)]) == 5
    assert "tile/0/000" in capsys.readouterr().err


def test_main_of_a_proof(published: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    proof = published.folder / "p"
    published.ledger.prove(7, proof)
    assert main_of_proof([str(proof), str(published.keys)]) == 0
    assert json.loads(capsys.readouterr().out)["position"] == 7
    proof.write_text(proof.read_text("utf-8").replace("index 6", "index 5"), encoding="utf-8")
    assert main_of_proof([str(proof), str(published.keys)]) == 5
    assert "line 3" in capsys.readouterr().err


def _without(kind: str) -> Callable[[dict[str, Any]], Any]:
    """Keys of which the one of `kind` is unknown: its signature is then passed over."""

    def change(keys: dict[str, Any]) -> Any:
        place = ("Ed25519", "ML-DSA-44").index(kind)
        del keys["keys"][place]
        return keys

    return change


def _other_origin(keys: dict[str, Any]) -> Any:
    return {**keys, "origin": "other.example/log"}


def _wrong_id(keys: dict[str, Any]) -> Any:
    name, _, key = keys["keys"][0].split("+", 2)
    return {**keys, "keys": [f"{name}+00000000+{key}"]}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (_without("Ed25519"), "checkpoint: no Ed25519 signature"),
        (_without("ML-DSA-44"), "checkpoint: no ML-DSA-44 signature"),
        (_other_origin, "checkpoint: the checkpoint of another log"),
        (_wrong_id, "keys"),
        (lambda _: [], "keys"),
        (lambda _: {"origin": "x"}, "keys"),
        (lambda _: {"origin": "x", "keys": [3]}, "keys"),
        (lambda _: {"origin": "x", "keys": ["a+b"]}, "keys"),
    ],
)
def test_keys_that_do_not_fit_are_refused(
    published: Desk, change: Callable[[dict[str, Any]], Any], place: str
) -> None:
    published.keys.write_text(json.dumps(change(json.loads(published.keys.read_text()))))
    with pytest.raises(NotVerifiedError, match=place):
        verify(published.log, published.keys)


def test_absent_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotVerifiedError, match="keys"):
        read_keys(tmp_path / "absent")


def test_signatures_of_unknown_keys_are_passed_over(published: Desk) -> None:
    checkpoint = published.log / "checkpoint"
    note = checkpoint.read_text("utf-8")
    checkpoint.write_text(note + "\N{EM DASH} witness.example AAAAAAAA\n", encoding="utf-8")
    assert verify(published.log, published.keys)["size"] == 300


def test_an_earlier_checkpoint_may_be_any_beginning(desk: Desk) -> None:
    kept = []
    for size in (0, 1, 255, 256, 300):
        desk.record(size - desk.journal.last())
        desk.publish()
        kept.append(desk.folder / f"kept-{size}")
        shutil.copy(desk.log / "checkpoint", kept[-1])
    desk.record(400)
    desk.publish()
    assert desk.ledger.verify(earlier=kept)["earlier"] == 5


def test_a_full_file_stands_in_for_a_partial_one(desk: Desk) -> None:
    desk.record(200)
    desk.publish()
    old = (desk.log / "checkpoint").read_bytes()
    desk.record(100)
    desk.publish()
    (desk.log / "checkpoint").write_bytes(old)
    assert verify(desk.log, desk.keys)["size"] == 200
