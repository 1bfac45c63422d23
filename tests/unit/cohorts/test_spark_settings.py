"""Where a cluster is, and what is said when it is not there."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.errors import PySparkException

from bercail.cohorts.spark import SparkSettings
from bercail.cohorts.spark.failures import failure, told
from bercail.cohorts.spark.session import open_session, require_version
from bercail.foundation import Invalid, Missing, Refused, Secret, Unavailable, Unproven


def test_the_address_is_read_and_written() -> None:
    settings = SparkSettings(address="sc://cluster.example", tls=True, token=Secret(b"a.b=="))
    assert (settings.host, settings.port) == ("cluster.example", 15002)
    assert settings.url() == "sc://cluster.example:15002/;use_ssl=true;token=a.b%3D%3D"
    assert "a.b" not in repr(settings)
    assert SparkSettings(address="sc://[::1]:7").url() == "sc://[::1]:7/"


@pytest.mark.parametrize(
    "address",
    [
        "spark://cluster.example:7077",
        "sc://",
        "sc://cluster.example/path",
        "sc://cluster.example:15002/;token=secret",
        "sc://who:secret@cluster.example",
        "sc://cluster.example:port",
    ],
)
def test_an_address_of_another_kind_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(Invalid) as refused:
        SparkSettings(address=address)
    assert "secret" not in str(refused.value)


def test_a_token_never_crosses_in_clear() -> None:
    with pytest.raises(Invalid, match="in clear"):
        SparkSettings(address="sc://cluster.example", token=Secret(b"word"))


def test_a_token_cannot_bring_options_of_its_own() -> None:
    settings = SparkSettings(
        address="sc://cluster.example", tls=True, token=Secret(b"word;user_id=another")
    )
    with pytest.raises(Invalid, match="characters"):
        settings.url()


@pytest.mark.parametrize("minutes", [0, 241])
def test_a_ticket_has_a_sensible_life(minutes: int) -> None:
    with pytest.raises(Invalid):
        SparkSettings(address="sc://cluster.example", ticket_minutes=minutes)


def test_nothing_at_the_address_is_told_at_once() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"sc://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(Unavailable, match="Nothing answers") as refused:
            with open_session(SparkSettings(address=address)):
                pass
    assert "Spark Connect server runs" in refused.value.remedy


def test_certificates_that_are_not_there_are_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        settings = SparkSettings(
            address=f"sc://127.0.0.1:{listening.getsockname()[1]}",
            tls=True,
            authority=tmp_path / "none.pem",
        )
        with pytest.raises(Missing, match=r"none\.pem"):
            with open_session(settings):
                pass


@pytest.mark.parametrize("version", ["3.5.1", "2.4", "another"])
def test_an_old_cluster_is_refused(version: str) -> None:
    with pytest.raises(Invalid, match=r"need 4\.0"):
        require_version(version)


@pytest.mark.parametrize("version", ["4.0.0", "4.3.0-SNAPSHOT", "5.0"])
def test_a_recent_cluster_is_taken(version: str) -> None:
    require_version(version)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[OPERATION_CANCELED] Operation has been canceled.", "ended on the cluster"),
        ("Job 3 cancelled because killed via the Web UI", "ended on the cluster"),
        ("java.lang.OutOfMemoryError: Java heap space", "out of memory"),
        ("ExecutorLostFailure (executor 1 exited caused by ...)", "lost a worker"),
        ("Lost executor 2 on 127.0.0.1: worker lost", "lost a worker"),
        ("StatusCode.UNAUTHENTICATED", "does not accept the token"),
        ("[RETRIES_EXCEEDED] The maximum number of retries has been exceeded.", "stopped answer"),
    ],
)
def test_known_failures_are_told_in_our_words(text: str, message: str) -> None:
    found = failure(PySparkException(message=text))
    assert isinstance(found, Unavailable)
    assert message in found.message
    assert found.remedy


class CastFailed(PySparkException):
    def getCondition(self) -> str:
        return "CAST_INVALID_INPUT.WITHOUT_SUGGESTION"


@pytest.mark.parametrize(
    ("kind", "shown"),
    [(CastFailed, "`CAST_INVALID_INPUT.WITHOUT_SUGGESTION`"), (PySparkException, "`PySparkExc")],
)
def test_nothing_of_a_row_is_told(kind: type[PySparkException], shown: str) -> None:
    with pytest.raises(Unavailable) as refused, told():
        raise kind(message="The value '1850675123456' cannot be cast")
    assert "1850675123456" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert shown in refused.value.message


def test_a_class_that_quotes_a_value_is_not_repeated() -> None:
    class Odd(PySparkException):
        def getCondition(self) -> str:
            return "value 1850675123456"

    assert "1850675123456" not in str(failure(Odd(message="")))


@pytest.mark.parametrize(
    ("mark", "family", "rule"),
    [
        ("bercail-failure:unproven:sealed-segment:", Unproven, "sealed-segment"),
        ("bercail-failure:refused:cluster-ticket-ended:", Refused, "cluster-ticket-ended"),
        ("bercail-failure:missing::", Missing, None),
    ],
)
def test_what_a_worker_raised_keeps_its_family(mark: str, family: type, rule: str | None) -> None:
    text = f"Traceback ... RuntimeError: {mark}\n\tat org.apache.spark ... ExecutorLostFailure"
    found = failure(PySparkException(message=text))
    assert type(found) is family
    assert found.rule == rule


def test_a_family_that_is_none_is_not_believed() -> None:
    assert isinstance(failure(PySparkException(message="bercail-failure:else::")), Unavailable)


def test_the_client_is_imported_in_a_program_without_a_file() -> None:
    """As `python -c` is: the client would take it for its own doctests, and end it."""
    program = (
        "import sys\n"
        "from bercail.cohorts.spark.session import _require_client\n"
        "_require_client()\n"
        "print(hasattr(sys.modules['__main__'], '__file__'))\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout) == (0, "False\n"), ran.stderr[-500:]
