"""The log folder against the words of C2SP tlog-tiles and RFC 6962, computed here by definition.

Nothing of the writer's tree is used: `mth` is the recursion of RFC 6962, section 2.1, and a tile is
what tlog-tiles defines, `MTH(D[(n * 256 + i) * 256**l : (n * 256 + i + 1) * 256**l])`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from bercail.ledger.folder import LogFolder
from bercail.ledger.growth import Growth
from bercail.testing.ledger_desk import ORIGIN, Desk


def mth(leaves: Sequence[bytes]) -> bytes:
    """Merkle Tree Hash of RFC 6962."""
    if len(leaves) <= 1:
        return hashlib.sha256(b"\x00" + leaves[0] if leaves else b"").digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\x01" + mth(leaves[:half]) + mth(leaves[half:])).digest()


def path_of(index: int) -> str:
    text = f"{index:0{-(-len(str(index)) // 3) * 3}}"
    groups = [text[i : i + 3] for i in range(0, len(text), 3)]
    return "/".join([*("x" + group for group in groups[:-1]), groups[-1]])


def tiles(leaves: Sequence[bytes]) -> dict[str, bytes]:
    """Every tile and bundle that a log of these leaves serves, by path."""
    found: dict[str, bytes] = {}
    level = 0
    while len(leaves) >= 256**level:
        span = 256**level
        for n in range(-(-len(leaves) // (span * 256))):
            start = n * 256
            width = min(256, len(leaves) // span - start)
            if width > 0:
                hashes = [
                    mth(leaves[i * span : (i + 1) * span]) for i in range(start, start + width)
                ]
                partial = "" if width == 256 else f".p/{width}"
                found[f"tile/{level}/{path_of(n)}{partial}"] = b"".join(hashes)
                if level == 0:
                    bundle = leaves[start : start + width]
                    found[f"tile/entries/{path_of(n)}{partial}"] = b"".join(
                        len(leaf).to_bytes(2, "big") + leaf for leaf in bundle
                    )
        level += 1
    return found


def commitments(count: int) -> list[bytes]:
    return [hashlib.sha256(n.to_bytes(8, "big")).digest() for n in range(count)]


def written(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in (folder / "tile").rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 700])
def test_every_file_is_the_one_that_the_specification_defines(tmp_path: Path, size: int) -> None:
    leaves = commitments(size)
    with LogFolder(tmp_path).locked():
        growth = Growth(LogFolder(tmp_path), 0)
        for leaf in leaves:
            growth.add(leaf)
        growth.finish()
    assert written(tmp_path) == tiles(leaves)
    assert growth.root() == mth(leaves)


def test_the_example_of_the_specification(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # "a tree of size 70,000 will be represented by 273 full level 0 tiles, one partial level 0
    # tile of width 112, one full level 1 tile, one partial level 1 tile of width 17, and one
    # partial level 2 tile of width 1."
    monkeypatch.setattr("os.fsync", lambda _: None)
    leaves = commitments(70_000)
    with LogFolder(tmp_path).locked():
        growth = Growth(LogFolder(tmp_path), 0)
        for leaf in leaves:
            growth.add(leaf)
        growth.finish()
    found = written(tmp_path)
    level = {n: [name for name in found if name.startswith(f"tile/{n}/")] for n in range(3)}
    assert len([name for name in level[0] if ".p/" not in name]) == 273
    assert [name for name in level[0] if ".p/" in name] == ["tile/0/273.p/112"]
    assert sorted(level[1]) == ["tile/1/000", "tile/1/001.p/17"]
    assert level[2] == ["tile/2/000.p/1"]
    assert found["tile/2/000.p/1"] == mth(leaves[:65_536])
    assert growth.root() == mth(leaves)


def test_a_checkpoint_and_a_proof_are_those_of_the_specifications(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.record(300)
    desk.publish()
    leaves = [event.commitment() for event in desk.journal.read_all()]
    note = (desk.log / "checkpoint").read_text("utf-8")
    root = base64.b64encode(mth(leaves)).decode()
    assert note.startswith(f"{ORIGIN}\n300\n{root}\n\n\N{EM DASH} {ORIGIN} ")
    kinds = []
    for line, vkey in zip(note.splitlines()[4:], desk.signer.public.lines(), strict=True):
        payload = base64.b64decode(line.split(" ")[2])
        material = base64.b64decode(vkey.split("+", 2)[2])
        assert payload[:4] == hashlib.sha256(f"{ORIGIN}\n".encode() + material).digest()[:4]
        kinds.append((material[0], len(payload) - 4))
    assert kinds == [(0x01, 64), (0x06, 8 + 2420)]
    # The audit path of leaf 255 of 300: its seven siblings below 256, then the last 44 leaves.
    lines = desk.ledger.prove(256).split("\n")
    assert (lines[0], lines[2]) == ("c2sp.org/tlog-proof@v1", "index 255")
    ends = [(254, 255), (252, 254), (248, 252), (240, 248), (224, 240), (192, 224), (128, 192)]
    siblings = [mth(leaves[a:b]) for a, b in [*ends, (0, 128), (256, 300)]]
    assert lines[3 : 3 + 9] == [base64.b64encode(node).decode() for node in siblings]
    assert lines[12] == ""
    assert "\n".join(lines[13:]) == note
