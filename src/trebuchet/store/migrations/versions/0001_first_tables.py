"""The first tables: calls, events, deliveries, recordings, accounts, applications, numbers, user errors."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_RISING = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _create_resource(name: str, *columns: "sa.Column[str] | sa.Column[int] | sa.UniqueConstraint") -> None:
    op.create_table(
        name,
        sa.Column("sequence", _RISING, primary_key=True),
        sa.Column("id", sa.String, nullable=False, unique=True),
        *columns,
        sa.Column("doc", sa.LargeBinary, nullable=False),
    )


def _create_partial_index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    op.create_index(name, table, columns, unique=unique, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _create_calls() -> None:
    _create_resource(
        "calls",
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("from_party", sa.String, nullable=False),
        sa.Column("to_party", sa.String, nullable=False),
        sa.Column("bridge_id", sa.String),
        sa.Column("conference_id", sa.String),
        sa.Column("is_open", sa.SmallInteger, nullable=False),
    )
    op.create_index("calls_by_account", "calls", ["account_id", "sequence"])
    op.create_index("calls_by_from", "calls", ["account_id", "from_party", "sequence"])
    op.create_index("calls_by_to", "calls", ["account_id", "to_party", "sequence"])
    _create_partial_index("calls_by_bridge", "calls", ["bridge_id", "sequence"], "bridge_id IS NOT NULL")
    _create_partial_index("calls_by_conference", "calls", ["conference_id", "sequence"], "conference_id IS NOT NULL")
    _create_partial_index("calls_open", "calls", ["sequence"], "is_open = 1")


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("position", _RISING, primary_key=True),
        sa.Column("call_sequence", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("lane", sa.String),
        sa.Column("doc", sa.LargeBinary, nullable=False),
    )
    op.create_index("events_by_call", "events", ["call_sequence", "sequence"], unique=True)
    _create_partial_index("events_by_lane", "events", ["lane", "position"], "lane IS NOT NULL")


def _create_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("call_sequence", sa.BigInteger, primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("is_queued", sa.SmallInteger, nullable=False),
        sa.Column("doc", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    _create_partial_index("deliveries_queued", "deliveries", ["call_sequence", "sequence"], "is_queued = 1")


def _create_recordings() -> None:
    _create_resource(
        "recordings",
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("call_sequence", sa.BigInteger, nullable=False),
        sa.Column("media_name", sa.String, nullable=False),
        sa.Column("is_unfinished", sa.SmallInteger, nullable=False),
    )
    op.create_index("recordings_by_account", "recordings", ["account_id", "sequence"])
    op.create_index("recordings_by_call", "recordings", ["call_sequence", "sequence"])
    op.create_index("recordings_by_media_name", "recordings", ["account_id", "media_name"], unique=True)
    _create_partial_index("recordings_unfinished", "recordings", ["sequence"], "is_unfinished = 1")


def _create_resources() -> None:
    _create_resource("accounts", sa.Column("token", sa.String, nullable=False, unique=True))
    _create_resource("applications", sa.Column("account_id", sa.String, nullable=False))
    _create_resource(
        "numbers",
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("is_enabled", sa.SmallInteger, nullable=False),
    )
    _create_partial_index("numbers_enabled", "numbers", ["number"], "is_enabled = 1", unique=True)
    _create_resource("user_errors", sa.Column("account_id", sa.String, nullable=False))
    op.create_index("user_errors_by_account", "user_errors", ["account_id", "sequence"])


def upgrade() -> None:
    _create_calls()
    _create_events()
    _create_deliveries()
    _create_recordings()
    _create_resources()


def downgrade() -> None:
    for name in ("user_errors", "numbers", "applications", "accounts", "recordings", "deliveries", "events", "calls"):
        op.drop_table(name)
