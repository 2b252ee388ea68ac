"""The first tables: calls and what belongs to them, accounts and what they own."""

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
        sa.Column("owner_sequence", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("lane", sa.String),
        sa.Column("doc", sa.LargeBinary, nullable=False),
    )
    op.create_index("events_by_owner", "events", ["owner_sequence", "sequence"], unique=True)
    _create_partial_index("events_by_lane", "events", ["lane", "position"], "lane IS NOT NULL")


def _create_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("owner_sequence", sa.BigInteger, primary_key=True),
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("is_queued", sa.SmallInteger, nullable=False),
        sa.Column("lane", sa.String),
        sa.Column("due", sa.BigInteger),
        sa.Column("settled", sa.BigInteger),
        sa.Column("doc", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    _create_partial_index("deliveries_due", "deliveries", ["lane", "due"], "due IS NOT NULL")
    _create_partial_index("deliveries_settled", "deliveries", ["settled"], "settled IS NOT NULL")
    _create_partial_index("deliveries_queued", "deliveries", ["owner_sequence", "sequence"], "is_queued = 1")


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


def _create_gathers() -> None:
    _create_resource("gathers")


def _create_meetings() -> None:
    _create_resource(
        "bridges",
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("is_in_use", sa.SmallInteger, nullable=False),
    )
    op.create_index("bridges_by_account", "bridges", ["account_id", "sequence"])
    _create_partial_index("bridges_in_use", "bridges", ["sequence"], "is_in_use = 1")
    _create_resource(
        "conferences",
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("is_in_use", sa.SmallInteger, nullable=False),
    )
    _create_partial_index("conferences_in_use", "conferences", ["sequence"], "is_in_use = 1")
    _create_resource("members", sa.Column("conference_sequence", sa.BigInteger, nullable=False))
    op.create_index("members_by_conference", "members", ["conference_sequence", "sequence"])


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


def _create_keyed_requests() -> None:
    op.create_table(
        "keyed_requests",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("begun", sa.BigInteger, nullable=False),
        sa.Column("doc", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("keyed_requests_begun", "keyed_requests", ["begun"])


def _create_library() -> None:
    _create_resource(
        "transcriptions",
        sa.Column("recording_id", sa.String, nullable=False),
        sa.Column("call_id", sa.String, nullable=False),
        sa.Column("is_unfinished", sa.SmallInteger, nullable=False),
    )
    op.create_index("transcriptions_by_recording", "transcriptions", ["recording_id", "sequence"])
    op.create_index("transcriptions_by_call", "transcriptions", ["call_id", "sequence"])
    _create_partial_index("transcriptions_unfinished", "transcriptions", ["sequence"], "is_unfinished = 1")
    _create_resource(
        "media_files",
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
    )
    op.create_index("media_files_by_name", "media_files", ["account_id", "name"], unique=True)


def _create_stock() -> None:
    _create_resource(
        "stock",
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("area_code", sa.String),
        sa.Column("region", sa.String),
        sa.Column("zip_code", sa.String),
    )
    _create_resource("caller_names")
    _create_resource(
        "charges",
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("number", sa.String),
    )
    op.create_index("charges_by_account", "charges", ["account_id", "sequence"])


def _create_phones() -> None:
    _create_resource(
        "domains",
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("host", sa.String, nullable=False, unique=True),
    )
    _create_resource(
        "endpoints",
        sa.Column("domain_id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
    )
    op.create_index("endpoints_by_name", "endpoints", ["domain_id", "name"], unique=True)
    _create_resource("bindings", sa.Column("endpoint_id", sa.String, nullable=False))
    op.create_index("bindings_by_endpoint", "bindings", ["endpoint_id"])


def upgrade() -> None:
    _create_calls()
    _create_events()
    _create_deliveries()
    _create_recordings()
    _create_gathers()
    _create_meetings()
    _create_resources()
    _create_keyed_requests()
    _create_library()
    _create_stock()
    _create_phones()


def downgrade() -> None:
    for name in (
        "bindings",
        "endpoints",
        "domains",
        "charges",
        "caller_names",
        "stock",
        "media_files",
        "transcriptions",
        "keyed_requests",
        "user_errors",
        "numbers",
        "applications",
        "accounts",
        "members",
        "conferences",
        "bridges",
        "gathers",
        "recordings",
        "deliveries",
        "events",
        "calls",
    ):
        op.drop_table(name)
