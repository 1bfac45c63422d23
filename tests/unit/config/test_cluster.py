"""The cluster of the configuration: what an engine is told of it, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from bercail.cohorts.spark import ClusterKey
from bercail.config import Config, load_config
from bercail.foundation import Invalid, Missing, SeededRandomness
from bercail.platform import Platform
from bercail.platform.cluster import cluster_settings
from bercail.storage import Credentials

GOOD = """\
name = "house-1"
trust_side = "trust"
home = { location = "file:///srv/objects", credentials = "BERCAIL_HOME" }
host = { service = "ovh-snc-cloud-platform" }
"""
CLUSTER = 'cluster = "sc://cluster.house.example:443"\n'


def configured(folder: Path, cohorts: str = "") -> Config:
    path = folder / "bercail.toml"
    path.write_text(GOOD + (f"[cohorts]\n{cohorts}" if cohorts else ""), encoding="utf-8")
    return load_config(path)


def test_everything_of_it_reaches_the_engine(tmp_path: Path) -> None:
    key = ClusterKey.make("national", SeededRandomness(1)).recipient().party
    (tmp_path / "workers.party").write_bytes(key.as_bytes())
    config = configured(
        tmp_path,
        f'{CLUSTER}tls = true\nworkers = "workers.party"\nauthority = "ca.pem"\n'
        "ticket_minutes = 15\n",
    )
    told = cluster_settings(config, Credentials(), {"BERCAIL_CLUSTER_TOKEN": "said-to-nobody"})
    assert (told.host, told.port, told.tls, told.ticket_minutes) == (
        "cluster.house.example",
        443,
        True,
        15,
    )
    assert told.authority == tmp_path / "ca.pem"
    assert told.workers == key
    assert str(told.store) == "file:///srv/objects"
    assert told.token is not None
    assert told.token.reveal() == b"said-to-nobody"
    assert "said-to-nobody" not in repr(told)


def test_the_token_may_stand_in_a_file_and_in_no_configuration(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("said-to-nobody\n")
    config = configured(tmp_path, CLUSTER + "tls = true\n")
    environ = {"BERCAIL_CLUSTER_TOKEN_FILE": str(tmp_path / "token")}
    told = cluster_settings(config, Credentials(), environ)
    assert told.token is not None
    assert told.token.reveal() == b"said-to-nobody"
    with pytest.raises(Invalid, match=r"`cohorts\.token`"):
        configured(tmp_path, CLUSTER + 'token = "x"\n')


def test_a_token_without_tls_is_refused(tmp_path: Path) -> None:
    config = configured(tmp_path, CLUSTER)
    assert cluster_settings(config, Credentials(), {}).token is None
    with pytest.raises(Invalid, match="in clear"):
        cluster_settings(config, Credentials(), {"BERCAIL_CLUSTER_TOKEN": "x"})


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="names no cluster"):
        _ = Platform(configured(tmp_path)).cluster
    config = configured(tmp_path, CLUSTER + 'workers = "none.party"\n')
    with pytest.raises(Missing, match="public key of the workers"):
        _ = Platform(config).cluster


def test_the_workers_read_with_an_account_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("READER_ACCESS_KEY", "reader")
    monkeypatch.setenv("BERCAIL_HOME_ACCESS_KEY", "owner")
    told = Platform(configured(tmp_path, CLUSTER + 'credentials = "READER"\n')).cluster
    assert told.credentials.access_key == "reader"
    assert Platform(configured(tmp_path, CLUSTER)).cluster.credentials.empty


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('cluster = "http://cluster"\n', "not that of Spark Connect"),
        ('cluster = "sc://user@cluster"\n', "not that of Spark Connect"),
        (CLUSTER + "ticket_minutes = 600\n", "`600` minutes"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        _ = Platform(configured(tmp_path, line)).cluster
