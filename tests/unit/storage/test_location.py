"""Locations are read and written without loss, and never carry a secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bercail.foundation import Invalid, Secret
from bercail.storage import Credentials, Location, open_store


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("memory:one", Location(scheme="memory", name="one")),
        ("file:///srv/a%20b/", Location(scheme="file", path="/srv/a b")),
        ("file:///", Location(scheme="file", path="/")),
        (
            "s3://bucket/some/prefix?endpoint=https://s3.host.example/&region=eu-west-1",
            Location(
                scheme="s3",
                name="bucket",
                path="some/prefix",
                endpoint="https://s3.host.example",
                options={"region": "eu-west-1"},
            ),
        ),
        (
            "azure://acct?endpoint=http://127.0.0.1:10000/acct",
            Location(scheme="azure", name="acct", endpoint="http://127.0.0.1:10000/acct"),
        ),
    ],
)
def test_a_location_reads_as_written(text: str, expected: Location) -> None:
    assert Location.parse(text) == expected
    assert Location.parse(str(expected)) == expected


@given(
    name=st.from_regex(r"[a-z0-9][a-z0-9-]{1,20}", fullmatch=True),
    path=st.from_regex(r"([a-z é%#?]{1,8}/)?[a-z é%#?]{1,8}", fullmatch=True),
    region=st.from_regex(r"[a-z0-9-]{1,12}", fullmatch=True),
)
def test_any_location_comes_back(name: str, path: str, region: str) -> None:
    location = Location(
        scheme="s3",
        name=name,
        path=path,
        endpoint="https://s3.example:9000/base",
        options={"region": region},
    )
    assert Location.parse(str(location)) == location


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gopher://x",
        "/srv/objects",
        "file://relative",
        "s3://",
        "memory:",
        "s3://b?endpoint=ftp://x",
        "s3://b?endpoint=https://h&colour=red",
        "s3://b?region=a&region=b",
        "azure://account/container?endpoint=https://h",
    ],
)
def test_what_is_no_location_is_invalid(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        Location.parse(text)
    assert refusal.value.remedy


@pytest.mark.parametrize(
    "parts",
    [
        {"scheme": "ftp", "name": "x"},
        {"scheme": "s3"},
        {"scheme": "file", "path": "relative"},
        {"scheme": "memory", "name": "x", "options": {"region": "a"}},
    ],
)
def test_a_wrong_location_cannot_exist(parts: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        Location(**parts)


def test_a_folder_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Location.folder(Path("here")).path == str(tmp_path / "here")


class TestCredentials:
    def test_they_come_from_variables(self) -> None:
        found = Credentials.from_environment(
            "X", {"X_ACCESS_KEY": "ak", "X_SECRET_KEY": "sk", "Y_SAS": "other"}
        )
        assert (found.access_key, found.secret, found.sas) == ("ak", Secret(b"sk"), None)
        assert not found.empty

    def test_they_come_from_files(self, tmp_path: Path) -> None:
        (tmp_path / "key").write_text("sk\n")
        found = Credentials.from_environment("X", {"X_SECRET_KEY_FILE": str(tmp_path / "key")})
        assert found.secret == Secret(b"sk")

    def test_a_signature_loses_its_question_mark(self) -> None:
        found = Credentials.from_environment("X", {"X_SAS": "?sv=1&sig=2"})
        assert found.sas == Secret(b"sv=1&sig=2")

    def test_nothing_set_is_empty(self) -> None:
        assert Credentials.from_environment("X", {"X_SECRET_KEY": ""}).empty

    def test_both_ways_at_once_is_invalid(self, tmp_path: Path) -> None:
        with pytest.raises(Invalid, match="Both"):
            Credentials.from_environment("X", {"X_SAS": "a", "X_SAS_FILE": str(tmp_path)})

    @pytest.mark.parametrize("content", [None, b"\xff\xfe"])
    def test_a_file_that_cannot_be_read_is_invalid(
        self, tmp_path: Path, content: bytes | None
    ) -> None:
        path = tmp_path / "key"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(Invalid, match="X_SAS_FILE"):
            Credentials.from_environment("X", {"X_SAS_FILE": str(path)})


@pytest.mark.parametrize(
    "text",
    ["sv=2025-05-05&ss=b&sp=rl", "sv=2025-05-05&sig", "sv=1&sig=abc%C4AA", "sv=1&sig=é"],
)
def test_a_garbled_signature_is_refused_and_not_repeated(text: str) -> None:
    account = Location.parse("azure://acct?endpoint=https://acct.blob.example")
    with pytest.raises(Invalid, match="cut or garbled") as refusal:
        open_store(account, Credentials(sas=Secret(text.encode())))
    assert refusal.value.__cause__ is None
    assert refusal.value.__context__ is None
    assert text not in str(refusal.value)


def test_a_whole_signature_is_taken() -> None:
    account = Location.parse("azure://acct?endpoint=https://acct.blob.example")
    store = open_store(account, Credentials(sas=Secret(b"sv=2025-05-05&ss=b&sp=rl&sig=AB%2Bc%3D")))
    assert store.location == account
