"""What goes wrong is said: a family, what happened, what to do; never a value from a row."""

from __future__ import annotations

import json
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bercail.foundation import SystemClock
from bercail.testing.servers import RunningServer

pytestmark = pytest.mark.xdist_group("journeys")
CONFIG = """
name = "small"
trust_side = {trust}
[home]
location = {home}
credentials = "BERCAIL_HOME"
[source]
location = {source}
credentials = "BERCAIL_SOURCE"
[host]
service = "ovh-snc-cloud-platform"
[people]
odile = {{ roles = ["operator"] }}
"""
CLOSED = "http://127.0.0.1:9"
QUICK = 60
"""Seconds within which an absent host is told, beyond what starting the program takes."""


def _config(path: Path, story: Any, **places: str) -> Path:
    """A configuration of the story's house with other places."""
    trust = story.out / "platform" / "trust"
    host, cloud = story.out / "servers" / "host", story.out / "servers" / "foreign-cloud"
    chosen = {"trust": str(trust), "home": f"file://{host}", "source": f"file://{cloud}"} | places
    path.write_text(CONFIG.format(**{name: json.dumps(value) for name, value in chosen.items()}))
    return path


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (CONFIG + '[portal]\nport = "80"\n', "`portal`"),
        (CONFIG.replace("service", "servise"), "`host.service`"),
        (CONFIG.replace("operator", "emperor"), "people.odile.roles"),
        (CONFIG.replace('name = "small"', "name = small"), "line 2"),
    ],
)
def test_a_wrong_configuration_is_named_by_its_place(
    program: Any, tmp_path: Path, text: str, place: str
) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text.format(trust='"t"', home='"memory:a"', source='"memory:b"'))
    refusal = program("--config", path, "lake", "tables", "--json").refusal(2)
    assert refusal["error"] == "invalid"
    assert str(path) in refusal["message"]
    assert place in refusal["message"]


def test_an_absent_configuration_is_missing_in_words_too(program: Any, tmp_path: Path) -> None:
    ran = program("--config", tmp_path / "none.toml", "lake", "tables")
    assert ran.code == 4
    first, second = ran.err.splitlines()
    assert first.startswith("missing: There is no configuration")
    assert second.startswith("  Name one with `--config`")
    assert ran.out == ""


@pytest.mark.parametrize(
    ("words", "code", "said", "remedy"),
    [
        (("catalogue", "table", "ER_PRS_X"), 4, "`ER_PRS_X`", "`ER_PRS_F`"),
        (("airlock", "check", "none.json"), 4, "`none.json`", "Check"),
        (("cohort", "check", "none.py"), 4, "`none.py`", "Check"),
        (("host", "score", "none.json"), 2, "`none.json`", "Check"),
        (("store", "list", "nonsense"), 2, "location", "file:///"),
    ],
)
def test_what_does_not_exist_is_named_with_a_remedy(
    program: Any, words: tuple[str, ...], code: int, said: str, remedy: str
) -> None:
    refusal = program(*words, "--json").refusal(code)
    assert said in refusal["message"]
    assert remedy in refusal["remedy"]


@pytest.mark.parametrize(
    ("actor", "words", "code", "said"),
    [
        ("odile", ("lake", "count", "NOPE"), 4, "no table `NOPE`"),
        ("nobody", ("ingest", "load"), 4, "`nobody` is not a person of this platform"),
        ("camille", ("migrate", "survey", "--name", "mine"), 3, "`camille` may not"),
        ("odile", ("access", "extract", "permit-none"), 4, "`permit-none`"),
    ],
)
def test_the_house_says_no_in_the_right_family(
    quiet_story: Any, actor: str, words: tuple[str, ...], code: int, said: str
) -> None:
    refusal = quiet_story.house(actor, *words, "--json").refusal(code)
    assert said in refusal["message"]


def test_nobody_acts_without_a_name(program: Any, quiet_story: Any) -> None:
    config = quiet_story.out / "platform" / "bercail.toml"
    ran = program("--config", config, "ingest", "load", "--json", environ=quiet_story.secrets)
    assert "who acts" in ran.refusal(4)["message"]


def test_a_wrong_passphrase_opens_nothing_and_is_not_repeated(
    program: Any, quiet_story: Any
) -> None:
    config = quiet_story.out / "platform" / "bercail.toml"
    for secret, code in (("wrong horse battery staple", 2), (None, 4)):
        environ = {} if secret is None else {"BERCAIL_PASSPHRASE": secret}
        ran = program("--config", config, "vault", "keys", "--json", environ=environ)
        refusal = ran.refusal(code)
        assert "BERCAIL_PASSPHRASE" in refusal["remedy"]
        assert "staple" not in ran.err + ran.out


def test_a_host_that_does_not_answer_is_told_quickly(
    program: Any, quiet_story: Any, tmp_path: Path
) -> None:
    environ = quiet_story.secrets | {"BERCAIL_HOME_SECRET_KEY": "secret"}
    # Base64, as Azure's keys are.
    environ |= {"BERCAIL_SOURCE_SECRET_KEY": "c2VjcmV0"}
    home = _config(tmp_path / "home.toml", quiet_story, home=f"s3://bucket?endpoint={CLOSED}")
    away = _config(
        tmp_path / "away.toml", quiet_story, source=f"azure://account?endpoint={CLOSED}/account"
    )
    began = time.monotonic()
    program("--config", home, "lake", "count", "NOPE", environ=environ)
    start = time.monotonic() - began
    for config, words in (
        (home, ("lake", "count", "IR_BEN_R")),
        (away, ("migrate", "survey", "--name", "away")),
    ):
        began = time.monotonic()
        ran = program("--config", config, "--as", "odile", *words, "--json", environ=environ)
        assert time.monotonic() - began < start + QUICK
        refusal = ran.refusal(6)
        assert CLOSED in refusal["message"]
        assert "does not answer" in refusal["message"]


def test_a_wrong_s3_secret_is_refused_and_not_repeated(
    program: Any, seaweedfs: RunningServer
) -> None:
    location = f"s3://bercail-tests?endpoint={seaweedfs.endpoint}"
    environ = {"BERCAIL_STORE_ACCESS_KEY": "bercail", "BERCAIL_STORE_SECRET_KEY": "open-sesame"}
    ran = program("store", "list", location, "--json", environ=environ)
    refusal = ran.refusal(3)
    assert refusal["rule"] == "store-credentials"
    assert "sesame" not in ran.err + ran.out


def test_a_stranger_does_not_enter_a_project(quiet_story: Any, tmp_path: Path) -> None:
    from bercail.demo.study import study_file

    permit = quiet_story.told["permission"]["permit"]
    words = ("cohort", "run", study_file(), "--permit", permit, "--out", tmp_path, "--json")
    refusal = quiet_story.house("charles", *words).refusal(3)
    assert refusal["rule"] == "IAM-01"
    assert f"`charles` is not named in the permit `{permit}`" in refusal["message"]
    assert list(tmp_path.iterdir()) == []


def test_an_expired_permit_opens_nothing(program: Any, quiet_story: Any, tmp_path: Path) -> None:
    """The same program, told that three years have passed."""
    from bercail.demo.study import study_file

    later = (SystemClock().now() + timedelta(days=3 * 366)).isoformat()
    clock = (
        "import datetime, sys, bercail.platform.ground as platform\n"
        "from bercail.foundation import FixedClock\n"
        f"moment = datetime.datetime.fromisoformat({later!r})\n"
        "platform.SystemClock = lambda: FixedClock(moment)\n"
        "from bercail.cli.main import run\n"
        "run()\n"
    )
    permit, out = quiet_story.told["permission"]["permit"], tmp_path / "out"
    config = quiet_story.out / "platform" / "bercail.toml"
    table = json.loads((quiet_story.out / "results" / "table.json").read_text())
    another = tmp_path / "another.json"
    another.write_text(json.dumps(table | {"title": "The same table under another title"}))
    for actor, words in (
        ("camille", ("cohort", "run", study_file(), "--permit", permit, "--out", out)),
        ("camille", ("airlock", "submit", another, "--permit", permit)),
    ):
        given = ("-c", clock, "--config", config, "--as", actor, *words, "--json")
        ran = program(*given, environ=quiet_story.secrets, instead=sys.executable)
        refusal = ran.refusal(3)
        assert f"`{permit}`" in refusal["message"]
        assert refusal["rule"]
    assert not out.exists()
