"""A batch as rows, encoded where it was made so that the writer thread only hands bytes to the database."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from trebuchet.base.ids import ApplicationId, OwnerId
from trebuchet.model.bridge import Bridge
from trebuchet.model.call import Call
from trebuchet.model.conference import Conference, ConferenceState
from trebuchet.model.delivery import Delivery, DeliveryState
from trebuchet.model.event import LoggedEvent
from trebuchet.model.number import NumberState, PhoneNumber
from trebuchet.model.recording import Recording, RecordingState
from trebuchet.model.user_error import UserError
from trebuchet.store.codec import encode, encode_call
from trebuchet.store.errors import RowUnstorable
from trebuchet.store.interface import Batch, Outdated, lane_of, queued_delivery
from trebuchet.store.library_rows import LibraryRows, join_library_rows, make_library_rows
from trebuchet.store.phone_rows import PhoneRows, join_phone_rows, make_phone_rows
from trebuchet.store.statements import Row

Keyed = dict[str, Row]
"""Rows that replace an earlier one with the same id."""


@dataclass(slots=True)
class Rows:
    """The rows of one batch, or of many together, table by table."""

    calls: Keyed = field(default_factory=dict)
    events: list[Row] = field(default_factory=list)
    deliveries: dict[tuple[OwnerId, int], Row] = field(default_factory=dict)
    recordings: Keyed = field(default_factory=dict)
    gathers: Keyed = field(default_factory=dict)
    bridges: Keyed = field(default_factory=dict)
    conferences: Keyed = field(default_factory=dict)
    members: Keyed = field(default_factory=dict)
    accounts: Keyed = field(default_factory=dict)
    applications: Keyed = field(default_factory=dict)
    numbers: Keyed = field(default_factory=dict)
    user_errors: list[Row] = field(default_factory=list)
    removed_applications: tuple[ApplicationId, ...] = ()
    keyed_requests: Keyed = field(default_factory=dict)
    forgotten_requests: tuple[str, ...] = ()
    outdated: Outdated | None = None
    library: LibraryRows | None = None
    phones: PhoneRows | None = None

    def add(self, later: "Rows") -> None:
        """Join the rows of a later batch; of one id the later row counts."""
        self.calls |= later.calls
        self.events += later.events
        self.deliveries |= later.deliveries
        self.recordings |= later.recordings
        self.gathers |= later.gathers
        self.bridges |= later.bridges
        self.conferences |= later.conferences
        self.members |= later.members
        self.accounts |= later.accounts
        self.applications |= later.applications
        self.numbers |= later.numbers
        self.user_errors += later.user_errors
        self.removed_applications += later.removed_applications
        self.keyed_requests |= later.keyed_requests
        self.forgotten_requests += later.forgotten_requests
        self.outdated = later.outdated or self.outdated
        self.library = join_library_rows(self.library, later.library)
        self.phones = join_phone_rows(self.phones, later.phones)


def make_rows(batch: Batch) -> Rows:
    """Raises `RowUnstorable`."""
    try:
        rows = Rows(
            calls={call.id: _call_row(call) for call in batch.calls}, events=list(map(_event_row, batch.events))
        )
        begun = (queued_delivery(event) for event in batch.events)
        rows.deliveries = {(d.owner_id, d.sequence): _delivery_row(d) for d in (*begun, *batch.deliveries) if d}
        if batch.recordings:
            rows.recordings = {r.id: _recording_row(r) for r in batch.recordings}
        if batch.gathers:
            rows.gathers = {g.id: (g.id, encode(g)) for g in batch.gathers}
        _add_meetings(rows, batch)
        _add_keyed_requests(rows, batch)
        if batch.user_errors:
            rows.user_errors = list(map(_user_error_row, batch.user_errors))
        if batch.accounts:
            rows.accounts = {a.id: (a.id, a.token, encode(a)) for a in batch.accounts}
        if batch.applications:
            rows.applications = {a.id: (a.id, a.account_id, encode(a)) for a in batch.applications}
        if batch.numbers:
            rows.numbers = _number_rows(batch.numbers)
        rows.library = make_library_rows(batch.library)
        rows.phones = make_phone_rows(batch.phones)
    except UnicodeEncodeError as error:
        raise RowUnstorable("text that is not Unicode") from error
    return rows


def _add_keyed_requests(rows: Rows, batch: Batch) -> None:
    if batch.keyed_requests:
        rows.keyed_requests = {r.id: (r.id, int(r.begun_at.timestamp()), encode(r)) for r in batch.keyed_requests}
    rows.forgotten_requests, rows.outdated = batch.forgotten_requests, batch.outdated


def _add_meetings(rows: Rows, batch: Batch) -> None:
    if batch.bridges:
        rows.bridges = {b.id: _bridge_row(b) for b in batch.bridges}
    if batch.conferences:
        rows.conferences = {c.id: _conference_row(c) for c in batch.conferences}
    if batch.members:
        rows.members = {m.id: (m.id, m.conference_id, encode(m)) for m in batch.members}


def _bridge_row(bridge: Bridge) -> Row:
    is_in_use = bool(bridge.call_ids) and not bridge.state.is_final
    return (bridge.id, bridge.account_id, 1 if is_in_use else 0, encode(bridge))


def _conference_row(conference: Conference) -> Row:
    is_in_use = conference.state is ConferenceState.ACTIVE
    return (conference.id, conference.account_id, 1 if is_in_use else 0, encode(conference))


def _call_row(call: Call) -> Row:
    return (
        call.id,
        call.account_id,
        call.from_,
        call.to,
        call.bridge_id,
        call.conference_id,
        0 if call.state.is_final else 1,
        encode_call(call),
    )


def _event_row(event: LoggedEvent) -> Row:
    """The owner's id stands twice: it is looked up among the calls and among the conferences."""
    has_webhook = event.target is not None and event.payload is not None
    lane = lane_of(event.target.url) if has_webhook and event.target is not None else None
    return (event.owner_id, event.owner_id, event.sequence, lane, encode(event))


def _delivery_row(delivery: Delivery) -> Row:
    is_queued = 1 if delivery.state is DeliveryState.QUEUED else 0
    lane = due = settled = None
    if delivery.due_at is not None:
        lane, due = delivery.server, to_ms(delivery.due_at)
    elif delivery.settled_at is not None:
        settled = int(delivery.settled_at.timestamp())
    return (delivery.owner_id, delivery.owner_id, delivery.sequence, is_queued, lane, due, settled, encode(delivery))


def to_ms(at: datetime) -> int:
    """Milliseconds since the epoch."""
    return int(at.timestamp() * 1000)


def from_ms(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def _recording_row(recording: Recording) -> Row:
    is_unfinished = recording.state in (RecordingState.RECORDING, RecordingState.SAVING)
    return (
        recording.id,
        recording.account_id,
        recording.call_id,
        recording.media_name,
        1 if is_unfinished else 0,
        encode(recording),
    )


def _number_rows(numbers: tuple[PhoneNumber, ...]) -> Keyed:
    """Released ones first, so that a number may pass from one row to another within a batch."""
    ordered = sorted(numbers, key=lambda number: number.state is NumberState.ENABLED)
    return {
        n.id: (n.id, n.account_id, n.number, 1 if n.state is NumberState.ENABLED else 0, encode(n)) for n in ordered
    }


def _user_error_row(error: UserError) -> Row:
    return (error.id, error.account_id, encode(error))
