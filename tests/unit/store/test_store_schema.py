"""The migrations lead to the tables the program uses, and documents survive a change of the model."""

import sqlite3
from contextlib import closing
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine

from trebuchet.base.ids import AccountId, CallId
from trebuchet.calls.interfaces import LogUnavailable
from trebuchet.model.call import Call, CallState, Direction
from trebuchet.store.codec import decode_call, encode_call
from trebuchet.store.migrate import HEAD, upgrade_sqlite
from trebuchet.store.schema import metadata
from trebuchet.store.sqlite import SqliteStore


def read_objects(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: " ".join(sql.split()).replace('"', "") for name, sql in rows if name != "alembic_version"}


def test_the_migrations_give_the_tables_of_the_program(tmp_path: Path) -> None:
    upgrade_sqlite(tmp_path / "migrated.db")
    upgrade_sqlite(tmp_path / "migrated.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'migrated.db'}", poolclass=NullPool)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    created = create_engine(f"sqlite:///{tmp_path / 'created.db'}", poolclass=NullPool)
    metadata.create_all(created)
    assert read_objects(tmp_path / "migrated.db") == read_objects(tmp_path / "created.db")


def test_the_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", "trebuchet.store:migrations")
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


async def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    upgrade_sqlite(tmp_path / "log.db")
    with closing(sqlite3.connect(tmp_path / "log.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(LogUnavailable):
        await SqliteStore.open(tmp_path / "log.db")


async def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"nonsense" * 1000)
    with pytest.raises(LogUnavailable):
        await SqliteStore.open(tmp_path / "log.db")


def make_call() -> Call:
    return Call(
        id=CallId("c-1"),
        account_id=AccountId("u-1"),
        direction=Direction.OUT,
        from_="a",
        to="b",
        state=CallState.ENDED,
        created_at=datetime(2020, 1, 1, tzinfo=UTC),
    )


def test_a_document_of_an_older_model_takes_defaults() -> None:
    doc = b'{"id":"c-1","account_id":"u-1","direction":"out","from_":"a","to":"b","state":"ended",'
    assert decode_call(doc + b'"created_at":"2020-01-01T00:00:00Z","was_dropped_since":1}') == make_call()


def test_every_field_of_a_call_is_kept() -> None:
    names = [f'"{item.name}":'.encode() for item in fields(Call)]
    assert all(name in encode_call(make_call()) for name in names)
