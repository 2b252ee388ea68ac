"""Brings a database to the schema of this version. An older program refuses a newer database."""

import sqlite3
from contextlib import closing
from pathlib import Path

HEAD = "0003"
"""The newest migration. Reading it here lets an up-to-date database open without loading the migration tool."""


def upgrade_sqlite(path: Path) -> None:
    """Create or upgrade the database file. Blocks. Raises `sqlite3.Error` or `sqlalchemy.exc.SQLAlchemyError` when
    it cannot be read or written, `alembic.util.CommandError` when it belongs to a newer version."""
    if _read_revision(path) == HEAD:
        return
    from alembic import command  # loaded only when there is something to do: it takes longer than opening
    from alembic.config import Config
    from sqlalchemy import NullPool, create_engine

    config = Config()
    config.set_main_option("script_location", "trebuchet.store:migrations")
    config.set_main_option("path_separator", "os")
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()


def _read_revision(path: Path) -> str | None:
    if not path.exists():
        return None
    with closing(sqlite3.connect(path)) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return None
            raise
    return str(row[0]) if row else None
