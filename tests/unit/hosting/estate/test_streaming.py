"""Exports of any length are read row by row: the same answer, in bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bercail.foundation import Invalid
from bercail.hosting.estate import Assessment, Language, assess, detection, streaming
from bercail.hosting.estate.streaming import outline_of

SUB = "/subscriptions/11111111-2222-4333-8444-555555555555"
SECRET = "a-password-that-must-not-be-seen"


def account(name: str, **more: Any) -> dict[str, Any]:
    kind = "Microsoft.Storage/storageAccounts"
    own = f"{SUB}/resourceGroups/G/providers/{kind}/{name}"
    return {"id": own, "type": kind, "name": name, **more}


def state(resources: list[Any]) -> dict[str, Any]:
    return {
        "version": 4,
        "terraform_version": "1.9.0",
        "lineage": "x",
        "outputs": {"key": {"value": SECRET, "type": "string"}},
        "resources": resources,
        "check_results": None,
    }


def in_terraform(name: str) -> dict[str, Any]:
    given = {"id": account(name)["id"], "name": name, "primary_access_key": SECRET}
    instance = {"attributes": given, "dependencies": []}
    return {
        "mode": "managed",
        "type": "azurerm_storage_account",
        "name": name,
        "instances": [instance],
    }


@pytest.fixture(params=[1, 7, 1 << 20])
def streams(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is taken as a large one, with windows of these many characters."""
    monkeypatch.setattr(detection, "LARGE", 0)
    monkeypatch.setattr(streaming, "CHUNK", request.param)


@pytest.mark.parametrize(
    "content",
    [
        [account("a"), account("b é ü"), "no row", 12, None],
        {"totalRecords": 5, "count": 2, "data": [account("a"), account("b")], "skip_token": "x"},
        {"data": [account("a")], "resultTruncated": "true"},
        {"value": [account("a")], "nextLink": "https://example.com/next"},
        {
            "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users",
            "@odata.nextLink": "https://example.com/next",
            "value": [{"id": "0f0e0d0c-1111-4222-8333-444455556666"}],
        },
        state([in_terraform("a"), in_terraform("b")]),
        state([]),
        # Of these the whole is looked at, however large.
        {"data": {"columns": [{"name": "id"}, {"name": "type"}], "rows": [["x", "y"]]}, "count": 1},
        {
            "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
            "resources": [{"type": "Microsoft.KeyVault/vaults", "name": "kv", "apiVersion": "1"}],
        },
        {"format_version": "1.0", "values": {"root_module": {"resources": []}}, "data": []},
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_streamed_or_whole_the_answer_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any, encoding: str
) -> None:
    path = tmp_path / "export.json"
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding=encoding)
    whole = _answer(path)
    monkeypatch.setattr(detection, "LARGE", 0)
    for window in (1, 7, 1 << 20):
        monkeypatch.setattr(streaming, "CHUNK", window)
        assert _answer(path) == whole
    assert SECRET not in whole


def _answer(path: Path) -> str:
    try:
        found = assess([path])
    except Invalid as refusal:
        return str(refusal)
    return f"{found.inventory!r} {found.as_dict(Language.EN)!r}"


@pytest.mark.usefixtures("streams")
def test_the_whole_small_estate_streamed(
    small_estate: Any, whole: Assessment, tmp_path: Path
) -> None:
    streamed = assess(small_estate.SmallEstate(seed=5, workspaces=25).write(tmp_path))
    assert streamed.as_dict(Language.EN) == whole.as_dict(Language.EN)


@pytest.mark.usefixtures("streams")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[{"id": 1},\n\n{"id": ', "at line 3"),
        ('[{"id": 1}\n{"id": 2}]', "`,` or `]` is expected at line 2"),
        ('{"data": [1, 2]', "it ends too early at line 1"),
        ('{"data": [1, 2]} more', "extra data at line 1"),
        ('{"data" [1]}', "`:` is expected"),
        ("{data: 1}", "a name is expected"),
        ('{"data": [], "data": []}', "is given twice"),
        ("[" * 20 + "]", "at line 1"),
        ('["' + SECRET, "unterminated string"),
        ('{"a": ' + "[" * 100_000, "nested too deeply"),
        ("[" + "1" * 5_000 + "]", "too many digits"),
    ],
)
def test_what_is_no_whole_json_is_refused_by_its_place(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "export.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Invalid) as refusal:
        assess([path])
    assert said in refusal.value.message
    assert SECRET not in str(refusal.value)
    assert refusal.value.__cause__ is refusal.value.__context__ is None


@pytest.mark.usefixtures("streams")
def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(b'["\n\n' + b"\xff" * 20 + b'"]')
    with pytest.raises(Invalid, match="is not utf-8 text"):
        assess([path])


def test_a_row_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "CHUNK", 64)
    monkeypatch.setattr(streaming, "LONGEST_ROW", 1000)
    path = tmp_path / "export.json"
    path.write_text(json.dumps(["x" * 500]), encoding="utf-8")
    assert outline_of(path).rows[None].count == 1
    path.write_text(json.dumps(["x" * 5000]), encoding="utf-8")
    with pytest.raises(Invalid, match="too long"):
        outline_of(path)


CHILD = """
import resource, sys
from pathlib import Path
from bercail.hosting.estate import assess
small, large = map(Path, sys.argv[1:])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assess([small])
before = peak()
found = assess([large])
print(len(found.inventory.resources), peak() - before)
"""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A file of 40 MB, read in a process of its own; whole it would take five times as much."""
    filler = {"properties": {f"member{n}": "text " * 200 for n in range(200)}}
    rows = [account(f"a{number}", **filler) for number in range(200)]
    small, large = tmp_path / "small.json", tmp_path / "large.json"
    small.write_text(json.dumps({"count": 1, "data": rows[:1]}), encoding="utf-8")
    large.write_text(json.dumps({"count": 200, "data": rows}), encoding="utf-8")
    assert large.stat().st_size > 40_000_000
    command = [sys.executable, "-c", CHILD, str(small), str(large)]
    answer = subprocess.run(command, capture_output=True, check=True, text=True)
    count, kib = map(int, answer.stdout.split())
    assert count == 200
    assert kib < 12 * 1024
