"""What a load needs of memory does not grow with the delivery, but for eight bytes a key."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

NAME, FILE = "DCIR_202301", "ER_PRS_F.csv"
# Even the smaller one fills all buffers: a row group, a part of an upload, a block of hashes.
FEW, MANY = 2_000_000, 5_000_000
# The hash of the key (8 bytes), a mark when they are compared, and what an allocator keeps.
A_LINE = 24
LONG = 2 << 30
ONE_LINE = 128 << 20

_PROGRAM = """
import re, sys
from pathlib import Path
from bercail.foundation import Refused, Role
from bercail.ingest.folder import LocalFiles
from bercail.ingest.service import IngestService
from bercail.lake import Lake
from bercail.storage import Location, make_home, open_store
from bercail.testing.small_house import SmallHouse, person

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

class Endless:
    def __init__(self, head, size):
        self.head, self.left = head, size

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def readline(self, size=-1):
        return self.head

    def read(self, size=-1):
        taken = min(size if size > 0 else self.left, self.left)
        self.left -= taken
        return b"7" * taken

class OneLine(LocalFiles):
    def open(self, name):
        opened = super().open(name)
        return Endless(opened.readline(), long) if name.endswith(".csv") else opened

root, long = Path(sys.argv[1]), int(sys.argv[2])
home = Location.folder(root / "home")
make_home(home)
house = SmallHouse.build(root)
url = f"sqlite:///{root / 'home.db'}"
lake = Lake(open_store(home), house.keys, url, house.registry, house.randomness, house.clock)
desk = IngestService(lake, house.keys, house.registry, house.ledger)
landing = (OneLine if long else LocalFiles)(root / "landing")
before = peak()
try:
    told = desk.load(landing, sys.argv[3], person("odile", Role.OPERATOR)).rows
except Refused as refused:
    told = str(refused)
print(told, peak() - before, sep="\\t")
lake.__exit__()
house.close()
"""


def deliver(root: Path, lines: int) -> Path:
    """A delivery of care lines that have their keys, a person and nothing else."""
    folder = root / "landing" / NAME
    folder.mkdir(parents=True)
    whole = pa.array(range(lines), pa.int64())
    same = {"FLX_DIS_DTD": "01/01/2023", "FLX_TRT_DTD": "15/01/2023", "ORG_CLE_NUM": "01C001000"}
    ones = ("FLX_EMT_TYP", "FLX_EMT_NUM", "FLX_EMT_ORD", "PRS_ORD_NUM", "REM_TYP_AFF")
    columns: dict[str, pa.Array] = {
        **{name: pa.repeat(value, lines) for name, value in same.items()},
        **{name: pa.repeat(1, lines) for name in ones},
        "DCT_ORD_NUM": whole,
        "BEN_NIR_PSA": pa.repeat("ABCDEFGHIJKLMNOPQ", lines),
    }
    options = pa_csv.WriteOptions(delimiter=";", quoting_style="none", quoting_header="none")
    pa_csv.write_csv(pa.table(columns), folder / FILE, options)
    with (folder / FILE).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = (folder / FILE).stat().st_size
    listed = {"table": "ER_PRS_F", "name": FILE, "rows": lines, "bytes": size, "sha256": digest}
    document = {
        "holder": "CNAM",
        "system": "DCIR",
        "period": "2023-01",
        "identifiers": "level-1",
        "files": [listed],
    }
    (folder / "delivery.json").write_text(json.dumps(document), encoding="utf-8")
    return root


def loaded(root: Path, long: int = 0) -> tuple[str, int]:
    """What a load in a process of its own said, and the memory it took beyond its start."""
    words = [sys.executable, "-c", _PROGRAM, str(root), str(long), NAME]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told, grown = done.stdout.rstrip("\n").rsplit("\t", 1)
    return told, int(grown)


def test_two_and_a_half_times_the_lines_need_no_more_than_their_keys(tmp_path: Path) -> None:
    told, few = loaded(deliver(tmp_path / "few", FEW))
    assert told == str(FEW)
    told, many = loaded(deliver(tmp_path / "many", MANY))
    assert told == str(MANY)
    assert many - few < (MANY - FEW) * A_LINE
    assert many < 1 << 30


def test_a_line_of_two_gigabytes_is_never_in_memory(tmp_path: Path) -> None:
    told, grown = loaded(deliver(tmp_path, 1), LONG)
    assert f"line-too-long in {FILE}: 1, first at line 2" in told
    assert grown < ONE_LINE
