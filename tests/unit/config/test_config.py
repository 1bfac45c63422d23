"""The configuration of a platform: what is read, and what is refused with which words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bercail.config import Config, load_config, secret_from_environment
from bercail.foundation import Invalid, Missing, Role

GOOD = """\
name = "house-1"
trust_side = "trust"

[home]
location = "file:///srv/objects"
credentials = "BERCAIL_HOME"

[host]
service = "ovh-snc-cloud-platform"

[people]
odile = { roles = ["operator", "auditor"] }
camille = {}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "bercail.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_configuration_is_read(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, GOOD))
    assert config.name == "house-1"
    assert config.home.location == "file:///srv/objects"
    assert config.source is None
    assert config.host.data_class == "real"
    assert config.evidence is None
    assert config.actor("odile").roles == {Role.OPERATOR, Role.AUDITOR}
    assert not config.actor("camille").roles


def test_the_trust_side_stands_beside_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, GOOD)
    monkeypatch.chdir("/")
    config = load_config(Path(os.path.relpath(path)))
    assert config.trust == tmp_path / "trust"
    assert config.journal_url == f"sqlite:///{tmp_path / 'trust' / 'journal.db'}"


def test_a_journal_may_stand_elsewhere(tmp_path: Path) -> None:
    text = GOOD.replace("[home]", 'journal = "postgresql+psycopg://db/bercail"\n[home]', 1)
    assert load_config(written(tmp_path, text)).journal_url == "postgresql+psycopg://db/bercail"


def test_the_catalogue_of_the_lake_may_stand_elsewhere(tmp_path: Path) -> None:
    trust = f"sqlite:///{tmp_path / 'trust' / 'lake.db'}"
    assert load_config(written(tmp_path, GOOD)).catalogue_url == trust
    address = "postgresql+psycopg://lake@db/bercail"
    text = f'{GOOD}\n[lake]\ncatalogue = "{address}"\n'
    assert load_config(written(tmp_path, text)).catalogue_url == address


@pytest.mark.parametrize(
    "address", ["postgresql://u:hunter2@db/x", "postgresql://db/x?password=hunter2"]
)
def test_an_address_with_a_password_is_refused_and_not_repeated(
    tmp_path: Path, address: str
) -> None:
    text = f'{GOOD}\n[lake]\ncatalogue = "{address}"\n'
    with pytest.raises(Invalid, match="never holds a password") as caught:
        load_config(written(tmp_path, text))
    assert "hunter2" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="no configuration at") as caught:
        load_config(tmp_path / "absent.toml")
    assert str(tmp_path / "absent.toml") in caught.value.message
    assert "BERCAIL_CONFIG" in caught.value.remedy
    with pytest.raises(Missing):
        load_config(tmp_path)


def test_what_is_no_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"is not TOML: .*line 1"):
        load_config(written(tmp_path, "name = house\n"))
    path = tmp_path / "bercail.toml"
    path.write_bytes(b'name = "\xff"\n')
    with pytest.raises(Invalid, match="is not TOML"):
        load_config(path)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('name = "house-1"\n', "", "name"),
        ("house-1", "House 1", "name"),
        ('trust_side = "trust"', 'trust_sid = "trust"', "trust_side"),
        ("[host]", "surprise = 1\n[host]", "home.surprise"),
        ("[host]", "[hosts]", "host"),
        ("BERCAIL_HOME", "bercail home", "home.credentials"),
        ('service = "', 'data_class = "secret"\nservice = "', "host.data_class"),
        ('"operator"', '"king"', "people.odile.roles"),
        ("camille = {}", "camille = { role = [] }", "people.camille.role"),
        ("[people]", '[source]\nlocation = "memory:x"\n[people]', "source.credentials"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, old: str, new: str, place: str) -> None:
    assert old in GOOD
    with pytest.raises(Invalid) as caught:
        load_config(written(tmp_path, GOOD.replace(old, new, 1)))
    assert f"is wrong at `{place}" in caught.value.message
    assert "docs/reference/configuration.md" in caught.value.remedy


def test_an_unknown_key_is_refused_not_ignored(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"is wrong at `passphrase`"):
        load_config(written(tmp_path, 'passphrase = "x"\n' + GOOD))


def test_the_value_of_a_wrong_key_is_not_repeated(tmp_path: Path) -> None:
    text = GOOD.replace('"BERCAIL_HOME"', '"a pasted secret key"')
    with pytest.raises(Invalid) as caught:
        load_config(written(tmp_path, text))
    assert "pasted" not in str(caught.value)


def test_an_unknown_person_is_missing_and_the_known_ones_are_told(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, GOOD))
    with pytest.raises(Missing, match=r"`mallory` is not a person .*known: camille, odile"):
        config.actor("mallory")
    empty = Config.model_validate({**config.model_dump(), "people": {}})
    with pytest.raises(Missing, match="known: nobody"):
        empty.actor("odile")


def test_a_secret_comes_from_the_environment(tmp_path: Path) -> None:
    assert secret_from_environment("S", {"S": "open sesame"}).reveal() == b"open sesame"
    file = tmp_path / "secret"
    file.write_text("from a file\n", encoding="utf-8")
    assert secret_from_environment("S", {"S_FILE": str(file)}).reveal() == b"from a file"


def test_a_secret_that_is_absent_empty_or_unreadable(tmp_path: Path) -> None:
    for environ in ({}, {"S": ""}):
        with pytest.raises(Missing, match="The secret `S` is not set"):
            secret_from_environment("S", environ)
    with pytest.raises(Invalid, match=r"`S_FILE` cannot be read"):
        secret_from_environment("S", {"S_FILE": str(tmp_path / "absent")})
    empty = tmp_path / "empty"
    empty.write_text(" \n", encoding="utf-8")
    with pytest.raises(Invalid, match=r"`S_FILE` is empty"):
        secret_from_environment("S", {"S_FILE": str(empty)})
