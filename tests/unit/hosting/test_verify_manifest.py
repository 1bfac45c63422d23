"""The second reader of a proof refuses everything that the format tells it to refuse."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from bercail.cli.migrate import verify as verify_command
from bercail.foundation import Missing, canonical_json
from bercail.hosting import Proof, verify_manifest
from bercail.hosting.migration.entry import ObjectState
from bercail.hosting.migration.manifest import PAYLOAD_TYPE, line_of
from bercail.hosting.migration.object_table import NEVER_TOLD
from bercail.hosting.migration.proof_desk import SIGNERS
from bercail.hosting.verify_manifest import NotProven, Tree, verify
from bercail.ledger.merkle import root
from bercail.testing.moving import Labelled, MovingWorld
from bercail.vault import dsse_envelope, signer

FORMER = Path(__file__).parents[2] / "vectors" / "hosting" / "manifest-1"
Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> MovingWorld:
    made = MovingWorld(tmp_path_factory.mktemp("moving"))
    made.fill({"a": b"first", "b/é ü": b"second", "c": b""})
    return made


@pytest.fixture(scope="module")
def proof(world: MovingWorld) -> Proof:
    extra = {"b/é ü": {"metadata": {"k": "v"}}, "c": {"tier": "Archive"}}
    service = world.service(source=Labelled(world.source, extra))
    service.survey()
    service.plan()
    service.copy()
    return service.prove()


@pytest.fixture
def copied(proof: Proof, tmp_path: Path) -> Path:
    for file in (proof.manifest, proof.envelope, proof.keys):
        shutil.copy(file, tmp_path)
    return tmp_path / proof.manifest.name


def resigned(world: MovingWorld, manifest: Path, lines: Lines, raw: bytes | None = None) -> None:
    """Write `lines` and sign them, as somebody would who holds the keys but not to the format."""
    written = [canonical_json(line) for line in lines]
    content = raw if raw is not None else b"".join(line + b"\n" for line in written)
    manifest.write_bytes(content)
    envelope = manifest.with_suffix(".dsse.json")
    statement = json.loads(base64.b64decode(json.loads(envelope.read_text())["payload"]))
    carried = [line for line in lines if line.get("state") == "carried"]
    statement |= {
        "lines": len(lines),
        "carried": len(carried),
        "not_carried": len(lines) - len(carried),
        "bytes": sum(line["size"] for line in carried if isinstance(line.get("size"), int)),
        "manifest_sha256": hashlib.sha256(content).hexdigest(),
        "root": root(written).hex(),
    }
    sign(world, envelope, canonical_json(statement))


def sign(world: MovingWorld, envelope: Path, payload: bytes, kind: str = PAYLOAD_TYPE) -> None:
    signers = [signer(world.keys, name) for name in SIGNERS]
    envelope.write_bytes(canonical_json(dsse_envelope(kind, payload, signers)))


def lines_of(manifest: Path) -> Lines:
    return [json.loads(line) for line in manifest.read_text().splitlines()]


def test_a_proof_as_it_was_written_is_accepted(copied: Path, proof: Proof) -> None:
    statement = verify(copied)
    assert statement["root"] == proof.root
    assert (statement["carried"], statement["not_carried"], statement["lines"]) == (2, 1, 3)
    assert statement["key_ids"] == proof.key_ids


def test_a_proof_of_the_former_version_is_accepted_with_its_own_keys_only(
    world: MovingWorld, tmp_path: Path
) -> None:
    """Files written by the release before; their keys are not this world's."""
    for file in FORMER.iterdir():
        shutil.copy(file, tmp_path)
    manifest = tmp_path / "proof-1.jsonl"
    statement = verify(manifest)
    assert statement["format"] == "bercail-migration-manifest/1"
    assert (statement["carried"], statement["not_carried"]) == (2, 1)
    lines = lines_of(manifest)
    lines[0]["source"] |= {"headers": {}, "tags": None}
    keys = {name: signer(world.keys, name).public.as_dict() for name in SIGNERS}
    manifest.with_suffix(".keys.json").write_bytes(canonical_json(keys))
    resigned(world, manifest, lines)
    with pytest.raises(NotProven, match="line 1, source: keys missing or unknown: headers, tags"):
        verify(manifest)


def test_a_manifest_tells_headers_and_tags_and_what_was_not_told(tmp_path: Path) -> None:
    world = MovingWorld(tmp_path)
    world.fill({"a": b"first", "b": b"second"})
    service = world.service()
    service.survey()
    service.plan()
    service.copy()
    told = {"headers": {"ContentType": "text/csv"}, "tags": {"project": "p-1"}}
    with service.ground.table() as table, table:
        (first, second) = table.objects.rows(ObjectState.CARRIED)
    lines = [line_of(evolve(first, remarks=told)), line_of(evolve(second, remarks=NEVER_TOLD))]
    assert [line["source"]["headers"] for line in lines] == [{"ContentType": "text/csv"}, None]
    assert [line["source"]["tags"] for line in lines] == [{"project": "p-1"}, None]


def test_signing_again_what_is_right_is_accepted(world: MovingWorld, copied: Path) -> None:
    resigned(world, copied, lines_of(copied))
    assert verify(copied)["lines"] == 3


def test_an_empty_manifest_is_accepted(world: MovingWorld, copied: Path) -> None:
    resigned(world, copied, [])
    assert verify(copied)["root"] == hashlib.sha256(b"").hexdigest()


def drop(lines: Lines) -> None:
    del lines[0]["sha256"]


def add(lines: Lines) -> None:
    lines[0]["note"] = "more"


def retype(lines: Lines) -> None:
    lines[0]["size"] = "5"


def truth(lines: Lines) -> None:
    lines[2]["size"] = True


def swap(lines: Lines) -> None:
    lines.reverse()


def repeat(lines: Lines) -> None:
    lines.insert(1, lines[0])


def unknown_state(lines: Lines) -> None:
    lines[0]["state"] = "lost"


def metadata(lines: Lines) -> None:
    lines[1]["source"]["metadata"] = {"k": 1}


def headers(lines: Lines) -> None:
    lines[1]["source"]["headers"] = {"ContentType": None}


def tags(lines: Lines) -> None:
    lines[1]["source"]["tags"] = ["k"]


def former(lines: Lines) -> None:
    del lines[0]["source"]["tags"]


def digest(lines: Lines) -> None:
    lines[0]["sha256"] = lines[0]["sha256"].upper()


def crc(lines: Lines) -> None:
    lines[0]["sealed"]["crc64nvme"] = "12"


def negative(lines: Lines) -> None:
    lines[2]["size"] = -1


def etag(lines: Lines) -> None:
    lines[0]["source"]["etag"] = "another"


def no_reason(lines: Lines) -> None:
    del lines[2]["reason"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (drop, "line 1: keys missing"),
        (add, "line 1: keys missing or unknown: note"),
        (retype, "`size` has another type"),
        (truth, "`size` has another type"),
        (swap, "line 2: `b/é ü` is out of order"),
        (repeat, "line 2: `a` is out of order or repeated"),
        (unknown_state, "line 1: unknown state"),
        (metadata, "line 2: metadata"),
        (headers, "line 2: headers that is not text"),
        (tags, "line 2, source|`tags` has another type"),
        (former, "line 1, source: keys missing or unknown: tags"),
        (digest, "line 1, sha256: not 64"),
        (crc, "line 1, crc64nvme: not 16"),
        (negative, "line 3: no name, or a negative size"),
        (etag, "line 1: the sealed version does not follow"),
        (no_reason, "line 3: keys missing"),
    ],
)
def test_a_line_that_is_not_of_the_format_is_refused_even_when_signed(
    world: MovingWorld, copied: Path, change: Callable[[Lines], None], said: str
) -> None:
    lines = lines_of(copied)
    change(lines)
    resigned(world, copied, lines)
    with pytest.raises(NotProven, match=said):
        verify(copied)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda raw: raw[:-1], "the last line is cut"),
        (lambda raw: raw.replace(b'"size":5', b'"size":6'), "sealed version does not follow"),
        (lambda raw: raw.replace(b'"size":5', b'"size": 5'), "not a canonical JSON object"),
        (lambda raw: b"[]\n" + raw, "not a canonical JSON object"),
        (lambda raw: b"\xff\n" + raw, "not JSON"),
        (lambda raw: raw.split(b"\n", 1)[1], "`lines` is 2"),
        (lambda raw: raw.replace(b'"tier":"Archive"', b'"tier":"Cold"'), "`manifest_sha256` is"),
        (lambda raw: b"", "`lines` is 0"),
    ],
)
def test_a_manifest_that_is_not_what_was_signed_is_refused(
    copied: Path, change: Callable[[bytes], bytes], said: str
) -> None:
    copied.write_bytes(change(copied.read_bytes()))
    with pytest.raises(NotProven, match=said):
        verify(copied)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "bercail-migration-manifest/3"}, "format"),
        ({"format": "bercail-migration-manifest/1"}, "unknown: source_checksum"),
        ({"source_checksum": "md5"}, "checksum of the source"),
        ({"basis": "hope"}, "basis"),
        ({"more": 1}, "keys missing or unknown: more"),
        ({"lines": "3"}, "`lines` has another type"),
        ({"root": "00" * 32}, "`root` is"),
        ({"bytes": 0}, "`bytes` is"),
    ],
)
def test_a_statement_that_is_not_of_the_format_is_refused_even_when_signed(
    world: MovingWorld, copied: Path, change: dict[str, Any], said: str
) -> None:
    envelope = copied.with_suffix(".dsse.json")
    statement = json.loads(base64.b64decode(json.loads(envelope.read_text())["payload"]))
    sign(world, envelope, canonical_json({**statement, **change}))
    with pytest.raises(NotProven, match=said):
        verify(copied)


def test_a_payload_that_is_not_canonical_is_refused(world: MovingWorld, copied: Path) -> None:
    sign(world, copied.with_suffix(".dsse.json"), b'{ "format": 1 }')
    with pytest.raises(NotProven, match="not a canonical JSON object"):
        verify(copied)


def test_another_payload_type_is_refused(world: MovingWorld, copied: Path) -> None:
    sign(world, copied.with_suffix(".dsse.json"), b"{}", "application/json")
    with pytest.raises(NotProven, match="payload type"):
        verify(copied)


@pytest.mark.parametrize("index", range(4))
def test_each_of_the_four_signatures_must_be_there(copied: Path, index: int) -> None:
    envelope = copied.with_suffix(".dsse.json")
    data = json.loads(envelope.read_text())
    del data["signatures"][index]
    envelope.write_text(json.dumps(data))
    with pytest.raises(NotProven, match="did not sign with both"):
        verify(copied)


@pytest.mark.parametrize("index", range(4))
def test_each_of_the_four_signatures_must_hold(copied: Path, index: int) -> None:
    envelope = copied.with_suffix(".dsse.json")
    data = json.loads(envelope.read_text())
    sig = bytearray(base64.b64decode(data["signatures"][index]["sig"]))
    sig[len(sig) // 2] ^= 1
    data["signatures"][index]["sig"] = base64.b64encode(sig).decode()
    envelope.write_text(json.dumps(data))
    with pytest.raises(NotProven, match="does not hold"):
        verify(copied)


def test_keys_that_are_not_whole_are_refused(copied: Path) -> None:
    keys = copied.with_suffix(".keys.json")
    data = json.loads(keys.read_text())
    for change, said in (
        ({**data, "manifest-target": data["manifest-source"]}, "both sides have one key"),
        ({"manifest-source": data["manifest-source"]}, "no keys of `manifest-target`"),
        ({**data, "manifest-target": {**data["manifest-target"], "id": "0" * 32}}, "the id of"),
    ):
        keys.write_text(json.dumps(change))
        with pytest.raises(NotProven, match=said):
            verify(copied)


def test_files_that_are_absent_or_no_json_are_refused(copied: Path) -> None:
    copied.with_suffix(".dsse.json").write_text("{}")
    with pytest.raises(NotProven, match="not a DSSE envelope"):
        verify(copied)
    copied.with_suffix(".dsse.json").write_text("{")
    with pytest.raises(NotProven, match="not JSON"):
        verify(copied)
    copied.with_suffix(".dsse.json").unlink()
    with pytest.raises(NotProven, match="cannot be read"):
        verify(copied)


def test_an_absent_manifest_is_refused(copied: Path) -> None:
    copied.unlink()
    with pytest.raises(NotProven, match="cannot be read"):
        verify(copied)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 33])
def test_both_trees_have_one_root(count: int) -> None:
    leaves = [b"%d" % n for n in range(count)]
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    assert tree.root() == root(leaves)


def test_the_reader_imports_no_writer() -> None:
    source = Path(verify_manifest.__file__).read_text()
    names = {
        name
        for node in ast.walk(ast.parse(source))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    roots = {name.partition(".")[0] for name in names}
    assert roots - set(sys.stdlib_module_names) == {"cryptography"}


def test_the_reader_runs_alone_and_its_exit_code_tells(copied: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.py"
    shutil.copy(verify_manifest.__file__, alone)
    command = [sys.executable, str(alone), str(copied)]
    accepted = subprocess.run(command, capture_output=True, check=False, cwd=tmp_path)
    assert accepted.returncode == 0
    assert json.loads(accepted.stdout)["carried"] == 2
    copied.write_bytes(copied.read_bytes() + b"{}\n")
    refused = subprocess.run(command, capture_output=True, check=False, cwd=tmp_path)
    assert refused.returncode == 5
    assert b"unproven:" in refused.stderr


def test_the_program_within_this_process(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_manifest.main([str(copied)]) == 0
    assert '"carried": 2' in capsys.readouterr().out
    copied.write_bytes(b"")
    assert verify_manifest.main([str(copied), "--keys", str(copied.with_suffix(".keys.json"))]) == 5


def test_the_manifest_stands_sealed_on_the_target_too(world: MovingWorld, proof: Proof) -> None:
    version = f"proof-{proof.number}-{proof.root}"
    stored = world.target().read("migration-manifest.jsonl", version)
    assert stored == proof.manifest.read_bytes()


PROBED = {
    "location": "s3://home?endpoint=https://s3.example",
    "identity": {"server": "example"},
    "at": "2026-11-21T09:00:00.000000Z",
    "sha256": "ab" * 32,
    "sound": True,
}


def with_probe(world: MovingWorld, copied: Path, probe: object) -> None:
    envelope = copied.with_suffix(".dsse.json")
    statement = json.loads(base64.b64decode(json.loads(envelope.read_text())["payload"]))
    sign(world, envelope, canonical_json({**statement, "target_probe": probe}))


def test_the_probe_of_the_target_is_shown(world: MovingWorld, copied: Path) -> None:
    assert verify(copied)["target_probe"] is None
    with_probe(world, copied, PROBED)
    assert verify(copied)["target_probe"] == PROBED


@pytest.mark.parametrize(
    "change", [{"sound": 1}, {"sha256": "ab"}, {"more": ""}, {"at": None}, {"identity": "x"}]
)
def test_a_probe_of_another_shape_is_refused(
    world: MovingWorld, copied: Path, change: dict[str, object]
) -> None:
    with_probe(world, copied, {**PROBED, **change})
    with pytest.raises(NotProven, match="target_probe"):
        verify(copied)


def test_the_command_says_which_file_is_not_there_before_it_speaks_of_proof(
    tmp_path: Path, copied: Path
) -> None:
    with pytest.raises(Missing, match=r"nowhere\.jsonl"):
        verify_command(tmp_path / "nowhere.jsonl")
    with pytest.raises(Missing, match=r"keys\.json"):
        verify_command(copied, keys=tmp_path / "keys.json")
