"""The tables. Columns are what is looked up or sorted by; `doc` is the whole value as JSON.

Growth decides the keys. Ids are random, so an index over them grows everywhere at once and each insert touches a cold
page once the index outgrows memory. A call's `sequence` (order of creation) rises, so whatever belongs to a call is
keyed by it: new rows land at the right edge of their trees however large the log has become. Events belong to calls or
to conferences: one column, `owner_sequence`, is the sequence of a call or minus that of a conference, so that one index
serves both and grows at its two edges only.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, SmallInteger, String, Table, text
from sqlalchemy.types import TypeEngine

metadata = MetaData()

_RISING: TypeEngine[int] = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts up by itself only in a column of exactly this type."""


def _resource(name: str, *columns: "Column[int] | Column[str] | Index") -> Table:
    return Table(
        name,
        metadata,
        Column("sequence", _RISING, primary_key=True),
        Column("id", String, nullable=False, unique=True),
        *columns,
        Column("doc", LargeBinary, nullable=False),
    )


def _partial_index(name: str, condition: str, *columns: "Column[int] | Column[str]") -> None:
    """An index over the rows that meet the condition alone, which both databases write the same way."""
    Index(name, *columns, sqlite_where=text(condition), postgresql_where=text(condition))


calls = _resource(
    "calls",
    Column("account_id", String, nullable=False),
    Column("from_party", String, nullable=False),
    Column("to_party", String, nullable=False),
    Column("bridge_id", String),
    Column("conference_id", String),
    Column("is_open", SmallInteger, nullable=False),
    Index("calls_by_account", "account_id", "sequence"),
    Index("calls_by_from", "account_id", "from_party", "sequence"),
    Index("calls_by_to", "account_id", "to_party", "sequence"),
    Index("calls_by_parties", "account_id", "from_party", "to_party", "sequence"),
)
_partial_index("calls_by_bridge", "bridge_id IS NOT NULL", calls.c.bridge_id, calls.c.sequence)
_partial_index("calls_by_conference", "conference_id IS NOT NULL", calls.c.conference_id, calls.c.sequence)
_partial_index("calls_open", "is_open = 1", calls.c.sequence)

events = Table(
    "events",
    metadata,
    Column("position", _RISING, primary_key=True),
    Column("owner_sequence", BigInteger, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("lane", String),
    Column("doc", LargeBinary, nullable=False),
    Index("events_by_owner", "owner_sequence", "sequence", unique=True),
)
"""`position` orders the whole log, `sequence` the owner's own events, `lane` is where the webhook goes."""
_partial_index("events_by_lane", "lane IS NOT NULL", events.c.lane, events.c.position)

deliveries = Table(
    "deliveries",
    metadata,
    Column("owner_sequence", BigInteger, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("is_queued", SmallInteger, nullable=False),
    Column("lane", String),
    Column("due", BigInteger),
    Column("settled", BigInteger),
    Column("doc", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""What became of each event's webhook. `is_queued`: 1 until its first round of attempts is over. `lane` and `due`
(milliseconds since the epoch): of the next round, while one is to come. `settled` (seconds): when it was over."""
_partial_index("deliveries_due", "due IS NOT NULL", deliveries.c.lane, deliveries.c.due)
_partial_index("deliveries_settled", "settled IS NOT NULL", deliveries.c.settled)
_partial_index("deliveries_queued", "is_queued = 1", deliveries.c.owner_sequence, deliveries.c.sequence)

recordings = _resource(
    "recordings",
    Column("account_id", String, nullable=False),
    Column("call_sequence", BigInteger, nullable=False),
    Column("media_name", String, nullable=False),
    Column("is_unfinished", SmallInteger, nullable=False),
    Index("recordings_by_account", "account_id", "sequence"),
    Index("recordings_by_call", "call_sequence", "sequence"),
    Index("recordings_by_media_name", "account_id", "media_name", unique=True),
)
_partial_index("recordings_unfinished", "is_unfinished = 1", recordings.c.sequence)

gathers = _resource("gathers")
"""Those that ended: one that runs is part of its call's document."""

bridges = _resource(
    "bridges",
    Column("account_id", String, nullable=False),
    Column("is_in_use", SmallInteger, nullable=False),
    Index("bridges_by_account", "account_id", "sequence"),
)
"""`is_in_use`: 1 while it is open and has calls."""
_partial_index("bridges_in_use", "is_in_use = 1", bridges.c.sequence)
conferences = _resource(
    "conferences",
    Column("account_id", String, nullable=False),
    Column("is_in_use", SmallInteger, nullable=False),
)
"""`is_in_use`: 1 while it has members."""
_partial_index("conferences_in_use", "is_in_use = 1", conferences.c.sequence)
members = _resource(
    "members",
    Column("conference_sequence", BigInteger, nullable=False),
    Index("members_by_conference", "conference_sequence", "sequence"),
)
accounts = _resource("accounts", Column("token", String, nullable=False, unique=True))
applications = _resource("applications", Column("account_id", String, nullable=False))
numbers = _resource(
    "numbers",
    Column("account_id", String, nullable=False),
    Column("number", String, nullable=False),
    Column("is_enabled", SmallInteger, nullable=False),
)
Index(
    "numbers_enabled",
    numbers.c.number,
    unique=True,
    sqlite_where=text("is_enabled = 1"),
    postgresql_where=text("is_enabled = 1"),
)
user_errors = _resource(
    "user_errors",
    Column("account_id", String, nullable=False),
    Index("user_errors_by_account", "account_id", "sequence"),
)
keyed_requests = Table(
    "keyed_requests",
    metadata,
    Column("id", String, primary_key=True),
    Column("begun", BigInteger, nullable=False),
    Column("doc", LargeBinary, nullable=False),
    Index("keyed_requests_begun", "begun"),
    sqlite_with_rowid=False,
)
"""`begun`: seconds since the epoch. Rows live for a day, so their random ids do no harm."""

transcriptions = _resource(
    "transcriptions",
    Column("recording_id", String, nullable=False),
    Column("call_id", String, nullable=False),
    Column("is_unfinished", SmallInteger, nullable=False),
    Index("transcriptions_by_recording", "recording_id", "sequence"),
    Index("transcriptions_by_call", "call_id", "sequence"),
)
_partial_index("transcriptions_unfinished", "is_unfinished = 1", transcriptions.c.sequence)
media_files = _resource(
    "media_files",
    Column("account_id", String, nullable=False),
    Column("name", String, nullable=False),
    Index("media_files_by_name", "account_id", "name", unique=True),
)
stock = _resource(
    "stock",
    Column("kind", String, nullable=False),
    Column("area_code", String),
    Column("region", String),
    Column("zip_code", String),
)
"""Numbers for order; the id is the number."""
domains = _resource(
    "domains",
    Column("account_id", String, nullable=False),
    Column("host", String, nullable=False, unique=True),
)
"""`host`: the realm in lower case."""
endpoints = _resource(
    "endpoints",
    Column("domain_id", String, nullable=False),
    Column("name", String, nullable=False),
    Index("endpoints_by_name", "domain_id", "name", unique=True),
)
bindings = _resource(
    "bindings",
    Column("endpoint_id", String, nullable=False),
    Index("bindings_by_endpoint", "endpoint_id"),
)
caller_names = _resource("caller_names")
"""The id is the number."""
charges = _resource(
    "charges",
    Column("account_id", String, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("number", String),
    Index("charges_by_account", "account_id", "at_ms", "sequence"),
    Index("charges_by_number", "account_id", "number", "at_ms", "sequence"),
)
