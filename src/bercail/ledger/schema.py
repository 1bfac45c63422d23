"""The table of the journal and the triggers that make it append only."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    select,
)
from sqlalchemy.schema import CreateTable

ADVISORY_LOCK = 0x6265726361696C
"""The PostgreSQL advisory lock that one writer of the journal holds ("bercail" in ASCII)."""

JOURNAL = Table(
    "bercail_journal",
    MetaData(),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("stream", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    UniqueConstraint("stream", "version"),
)
"""Read with SQLAlchemy; its only statement that writes is an insertion."""

_SQLITE_TRIGGERS = (
    """CREATE TRIGGER IF NOT EXISTS bercail_journal_update BEFORE UPDATE ON bercail_journal
       BEGIN SELECT RAISE(ABORT, 'the journal is append only'); END""",
    """CREATE TRIGGER IF NOT EXISTS bercail_journal_delete BEFORE DELETE ON bercail_journal
       BEGIN SELECT RAISE(ABORT, 'the journal is append only'); END""",
    """CREATE TRIGGER IF NOT EXISTS bercail_journal_next BEFORE INSERT ON bercail_journal
       WHEN NEW.position != (SELECT coalesce(max(position), 0) + 1 FROM bercail_journal)
       BEGIN SELECT RAISE(ABORT, 'the journal has no other place than the next'); END""",
)

_POSTGRESQL_TRIGGERS = (
    """CREATE OR REPLACE FUNCTION bercail_journal_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION 'the journal is append only'; END $$""",
    """CREATE OR REPLACE FUNCTION bercail_journal_next() RETURNS trigger LANGUAGE plpgsql AS $$
       DECLARE counted bigint; lowest bigint; highest bigint; last bigint;
       BEGIN
         SELECT count(*), min(position), max(position) INTO counted, lowest, highest FROM added;
         SELECT coalesce(max(position), 0) INTO last FROM bercail_journal;
         IF counted > 0 AND (highest <> last OR lowest <> highest - counted + 1 OR lowest <> 1 +
           coalesce((SELECT max(position) FROM bercail_journal WHERE position < lowest), 0)) THEN
           RAISE EXCEPTION 'the journal has no other place than the next';
         END IF;
         RETURN NULL;
       END $$""",
    """CREATE OR REPLACE TRIGGER bercail_journal_change BEFORE UPDATE OR DELETE
       ON bercail_journal FOR EACH ROW EXECUTE FUNCTION bercail_journal_refuse()""",
    """CREATE OR REPLACE TRIGGER bercail_journal_empty BEFORE TRUNCATE
       ON bercail_journal FOR EACH STATEMENT EXECUTE FUNCTION bercail_journal_refuse()""",
    """CREATE OR REPLACE TRIGGER bercail_journal_place AFTER INSERT
       ON bercail_journal REFERENCING NEW TABLE AS added
       FOR EACH STATEMENT EXECUTE FUNCTION bercail_journal_next()""",
)


def create_schema(engine: Engine) -> None:
    """Create the table and its triggers where they are absent; safe between processes."""
    postgresql = engine.dialect.name == "postgresql"
    with engine.connect() as raw:
        connection = raw.execution_options(bercail_writing=True)
        with connection.begin():
            if postgresql:
                connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))
                if connection.scalar(select(func.to_regclass(JOURNAL.name))) is not None:
                    return  # a writer that may only read and insert need not own the table
            connection.execute(CreateTable(JOURNAL, if_not_exists=True))
            for trigger in _POSTGRESQL_TRIGGERS if postgresql else _SQLITE_TRIGGERS:
                connection.exec_driver_sql(trigger)
