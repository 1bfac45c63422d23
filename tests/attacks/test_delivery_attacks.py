"""Deliveries that are broken, or that carry what must never come in: a clear answer, no trace."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bercail.foundation import Refused, Role
from bercail.ingest.folder import LocalFiles
from bercail.testing.small_house import SmallHouse, person

OPERATOR = person("odile", Role.OPERATOR)
NAME = "DCIR_202402"
HEADER = (
    "FLX_DIS_DTD;FLX_TRT_DTD;FLX_EMT_TYP;FLX_EMT_NUM;FLX_EMT_ORD;ORG_CLE_NUM;DCT_ORD_NUM;"
    "PRS_ORD_NUM;REM_TYP_AFF;BEN_NIR_PSA;EXE_SOI_DTD;PRS_ACT_QTE;PRS_PAI_MNT;BEN_RES_COM"
)
SECRET = "PQRSTUVWXYZ234567"


def line(order: int, *, quantity: str = "1", paid: str = "12.50", town: str = "001") -> str:
    key = f"01/02/2024;15/01/2024;1;1;1;01C010000;{order};1;1"
    return f"{key};{SECRET};09/01/2024;{quantity};{paid};{town}"


GOOD = "\n".join([HEADER, *(line(n) for n in range(1, 6))]) + "\n"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[SmallHouse]:
    built = SmallHouse.build(tmp_path)
    yield built
    built.close()


def deliver(folder: Path, data: bytes, *, rows: int = 5, name: str = "ER_PRS_F.csv") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    file = {"table": "ER_PRS_F", "name": name, "rows": rows, "bytes": len(data), "sha256": digest}
    document = {
        "holder": "CNAM",
        "system": "DCIR",
        "period": "2024-02",
        "identifiers": "level-1",
        "files": [file],
    }
    (folder / "delivery.json").write_text(json.dumps(document), encoding="utf-8")


def findings_of(house: SmallHouse, landing: Any) -> list[str]:
    """Load, be refused, and see that nothing came in and nothing of a line is told."""
    before = house.lake.tables()
    with pytest.raises(Refused) as refused:
        house.ingest().load_all(landing, OPERATOR)
    status = house.ingest().status(NAME)
    told = f"{refused.value} {status} {house.ingest().quarantine()}"
    told += str([record.body for record in house.ledger.history("delivery/", 50)])
    assert refused.value.rule == "delivery-checks"
    assert SECRET not in told
    assert status["state"] == "quarantined"
    assert house.lake.tables() == before == ()
    assert not any(name.startswith("lake/") for name in _names(house))
    return list(status["findings"])


def _names(house: SmallHouse) -> list[str]:
    return [entry.name for entry in house.host.list("")]


BROKEN: dict[str, tuple[Callable[[str], bytes], str]] = {
    "latin-1": (
        lambda t: t.replace("001\n", "né\n", 1).encode("latin-1"),
        "encoding-latin-1 in ER_PRS_F.csv: 1, first at line 2",
    ),
    "cp1252": (
        lambda t: t.replace("001\n", "œ\n", 2).encode("cp1252"),
        "encoding-cp1252 in ER_PRS_F.csv: 2, first at line 2",
    ),
    "mixed": (
        lambda t: t.replace("001\n", "é\n", 1).encode() + line(9, town="é").encode("latin-1"),
        "encoding-mixed in ER_PRS_F.csv: 1, first at line 7",
    ),
    "utf-16": (lambda t: t.encode("utf-16"), "encoding-utf-16 in ER_PRS_F.csv: 1"),
    "nul": (
        lambda t: t.replace("001", "0\x001", 1).encode(),
        "nul-byte in ER_PRS_F.csv: 1, first at line 2",
    ),
    "quotes": (
        lambda t: (t + line(8, town='"1')).encode(),
        "unbalanced-quotes in ER_PRS_F.csv: 1, first at line 7",
    ),
    "quotes over two lines": (
        lambda t: t.replace(";001\n", ';"1\n', 1).encode(),
        "unbalanced-quotes in ER_PRS_F.csv",
    ),
    "decimal comma": (
        lambda t: t.replace("12.50", "12,50").encode(),
        "decimal-comma in ER_PRS_F.csv column PRS_PAI_MNT: 5, first at line 2",
    ),
    "blanks in a number": (
        lambda t: (t + line(9, paid="1 012.50")).encode(),
        "number-with-blanks in ER_PRS_F.csv column PRS_PAI_MNT: 1, first at line 7",
    ),
    "a field too many": (
        lambda t: (t + line(9) + ";x").encode(),
        "field-count in ER_PRS_F.csv: 1, first at line 7",
    ),
    "a column twice": (
        lambda t: t.replace("BEN_RES_COM", "PRS_ACT_QTE").encode(),
        "repeated-column in ER_PRS_F.csv column PRS_ACT_QTE: 1, first at line 1",
    ),
    "a column without a name": (
        lambda t: t.replace(";BEN_RES_COM", ";").encode(),
        "unnamed-column in ER_PRS_F.csv: 1, first at line 1",
    ),
    "no header": (lambda _: b"", "header-missing in ER_PRS_F.csv: 1, first at line 1"),
    "swapped columns": (
        lambda t: t.replace("BEN_NIR_PSA;EXE_SOI_DTD", "EXE_SOI_DTD;BEN_NIR_PSA").encode(),
        "swapped-columns in ER_PRS_F.csv column",
    ),
    "an empty key": (
        lambda t: (t + line(9).replace("01C010000", "")).encode(),
        "empty-key in ER_PRS_F.csv column ORG_CLE_NUM: 1, first at line 7",
    ),
    "a key twice": (
        lambda t: (t + line(3)).encode(),
        "repeated-key in ER_PRS_F.csv: 1, first at line 7",
    ),
    "a text too long": (
        lambda t: (t + line(9, town="x" * 30)).encode(),
        "too-long in ER_PRS_F.csv column BEN_RES_COM: 1, first at line 7",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_every_kind_of_damage_has_its_name_and_nothing_comes_in(
    house: SmallHouse, tmp_path: Path, kind: str
) -> None:
    spoil, said = BROKEN[kind]
    data = spoil(GOOD)
    deliver(tmp_path / "in" / NAME, data, rows=5 if kind.startswith("quotes over") else 6)
    found = findings_of(house, LocalFiles(tmp_path / "in"))
    assert any(one.startswith(said) for one in found), found


HARMLESS: dict[str, Callable[[str], bytes]] = {
    "byte order mark": lambda t: b"\xef\xbb\xbf" + t.encode(),
    "CRLF": lambda t: t.replace("\n", "\r\n").encode(),
    "CRLF and LF": lambda t: t.replace("\n", "\r\n", 3).encode(),
    "no end of line at the end": lambda t: t.rstrip("\n").encode(),
    "empty lines at the end": lambda t: (t + "\n\n\r\n").encode(),
    "quoted fields": lambda t: t.replace(";001\n", ';"001"\n').encode(),
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_what_is_only_untidy_comes_in_whole(house: SmallHouse, tmp_path: Path, kind: str) -> None:
    deliver(tmp_path / "in" / NAME, HARMLESS[kind](GOOD))
    (report,) = house.ingest().load_all(LocalFiles(tmp_path / "in"), OPERATOR)
    rows = house.lake.read("ER_PRS_F").read_all().to_pylist()
    assert [row["DCT_ORD_NUM"] for row in rows] == [1, 2, 3, 4, 5]
    assert {row["BEN_RES_COM"] for row in rows} == {"001"}
    said = {
        "empty lines at the end": ["blank-line in ER_PRS_F.csv: 3"],
        "byte order mark": ["byte-order-mark in ER_PRS_F.csv: 1, first at line 1"],
    }
    assert [str(one) for one in report.as_dict().get("warnings", [])] == said.get(kind, [])


def test_a_packed_file_comes_in_and_a_cut_one_does_not(house: SmallHouse, tmp_path: Path) -> None:
    packed = gzip.compress(GOOD.encode(), mtime=0)
    deliver(tmp_path / "cut" / NAME, packed[:-12], name="ER_PRS_F.csv.gz")
    found = findings_of(house, LocalFiles(tmp_path / "cut"))
    assert found == ["damaged-gzip in ER_PRS_F.csv.gz: 1"]
    deliver(tmp_path / "in" / NAME, packed, name="ER_PRS_F.csv.gz")
    house.ingest().load_all(LocalFiles(tmp_path / "in"), OPERATOR)
    assert house.lake.snapshot("ER_PRS_F").rows == 5


class Endless(io.RawIOBase):
    """A header, then one line of `size` bytes that is never in memory."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.head = io.BytesIO(HEADER.encode() + b"\n")

    def __enter__(self) -> Endless:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def readline(self, size: int | None = -1, /) -> bytes:
        return self.head.readline()

    def read(self, size: int = -1, /) -> bytes:
        taken = min(size if size > 0 else 1 << 20, self.size)
        self.size -= taken
        return b"7" * taken


def test_a_line_without_end_is_cut_off_in_bounded_memory(
    house: SmallHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    deliver(folder / NAME, GOOD.encode())
    size = 400 << 20
    opened = LocalFiles.open

    def open_endless(self: LocalFiles, name: str) -> Any:
        return Endless(size) if name.endswith(".csv") else opened(self, name)

    monkeypatch.setattr(LocalFiles, "open", open_endless)
    tracemalloc.start()
    try:
        found = findings_of(house, LocalFiles(folder))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert any(one.startswith("line-too-long in ER_PRS_F.csv") for one in found)
    assert peak < 150 << 20


def test_another_years_columns_are_told_as_such(house: SmallHouse, tmp_path: Path) -> None:
    table = house.registry.table("T_MCOaaC")
    old, new = set(table.column_names(2008)), set(table.column_names(2019))
    gone = sorted(old - new)
    assert gone
    header = ";".join(["ETA_NUM", "RSA_NUM", gone[0]])
    folder = tmp_path / "in" / NAME
    deliver(folder, f"{header}\n010000001;0000000001;1\n".encode(), rows=1)
    document = json.loads((folder / "delivery.json").read_text())
    document["files"][0]["table"] = "T_MCO19C"
    document |= {"system": "MCO", "period": "2019"}
    (folder / "delivery.json").write_text(json.dumps(document))
    found = findings_of(house, LocalFiles(tmp_path / "in"))
    assert f"column-not-in-year in ER_PRS_F.csv column {gone[0]}: 1, first at line 1" in found
    assert "schema-of-another-year in ER_PRS_F.csv: 1, first at line 1" in found


NIR = "185017512345609"
CLEAR = {
    "clear-nir": (NIR, "1 85 01 75 123 456 09", "185012A12345666", "1850175123456"),
    "clear-ins": ("1.2.250.1.213.1.4.8",),
    "clear-email": ("jean@x.fr",),
    "clear-telephone": ("0033612345678", "+33 6 12 34 56 78", "01.42.34.56.78"),
    "clear-iban": ("FR7630006000011234567890189", "FR76 3000 6000 0112 3456 7890 189"),
}


@pytest.mark.requirement("PSE-01")
@pytest.mark.parametrize("check", CLEAR)
def test_an_identifier_in_any_text_stops_the_delivery_for_good(
    house: SmallHouse, tmp_path: Path, check: str
) -> None:
    texts = CLEAR[check]
    lines = [line(n, town=text) for n, text in enumerate(texts, 10)]
    deliver(tmp_path / "in" / NAME, (GOOD + "\n".join(lines)).encode(), rows=5 + len(texts))
    found = findings_of(house, LocalFiles(tmp_path / "in"))
    said = f"{check} in ER_PRS_F.csv column BEN_RES_COM: {len(texts)}, first at line 7"
    assert said in found
    assert not any(text in str(house.ingest().status(NAME)) for text in texts)
    officer = person("alix", Role.ACCESS_OFFICER)
    with pytest.raises(Refused) as refused:
        house.ingest().release(NAME, "it is urgent", officer)
    assert refused.value.rule == "delivery-never-released"


@pytest.mark.requirement("PSE-01")
def test_an_identifier_in_a_column_of_pseudonyms_is_found_too(
    house: SmallHouse, tmp_path: Path
) -> None:
    text = GOOD.replace(SECRET, NIR, 1)
    deliver(tmp_path / "in" / NAME, text.encode())
    found = findings_of(house, LocalFiles(tmp_path / "in"))
    assert "clear-nir in ER_PRS_F.csv column BEN_NIR_PSA: 1, first at line 2" in found
    assert "not-a-pseudonym in ER_PRS_F.csv column BEN_NIR_PSA: 1, first at line 2" in found
