"""A store in memory, for tests and simulations: all that a store promises, except surviving the process."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from trebuchet.base.ids import (
    AccountId,
    ApplicationId,
    BridgeId,
    CallId,
    ConferenceId,
    EventId,
    GatherId,
    MemberId,
    OwnerId,
    RecordingId,
    UserErrorId,
)
from trebuchet.calls.interfaces import LogUnavailable
from trebuchet.model.bridge import Bridge
from trebuchet.model.call import Call
from trebuchet.model.conference import Conference, ConferenceState, Member
from trebuchet.model.delivery import Delivery, DeliveryState
from trebuchet.model.event import LoggedEvent
from trebuchet.model.gather import Gather
from trebuchet.model.keyed_request import KeyedRequest
from trebuchet.model.recording import Recording, RecordingState
from trebuchet.model.user_error import UserError
from trebuchet.store.errors import RowConflict
from trebuchet.store.interface import (
    MAX_PURGED,
    MAX_USER_ERRORS,
    NOTHING,
    Batch,
    CallFilter,
    Outdated,
    Page,
    lane_of,
    queued_delivery,
)
from trebuchet.store.library_memory import MemoryLibrary
from trebuchet.store.phone_interface import PhoneChanges
from trebuchet.store.phone_registry import PhoneReads
from trebuchet.store.registry import RegistryReads, slice_page


class MemoryStore(MemoryLibrary, PhoneReads, RegistryReads):
    """Implements `store.interface.Store`. `fail_with` makes every method of reading and writing raise, for tests of
    what depends on a store."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: dict[CallId, Call] = {}
        self._events: dict[OwnerId, dict[int, LoggedEvent]] = {}
        self._log: list[LoggedEvent] = []
        self._deliveries: dict[tuple[OwnerId, int], Delivery] = {}
        self._recordings: dict[RecordingId, Recording] = {}
        self._gathers: dict[GatherId, Gather] = {}
        self._bridges: dict[BridgeId, Bridge] = {}
        self._conferences: dict[ConferenceId, Conference] = {}
        self._members: dict[MemberId, Member] = {}
        self._user_errors: dict[AccountId, dict[UserErrorId, UserError]] = {}
        self._keyed_requests: dict[str, KeyedRequest] = {}
        self.fail_with: LogUnavailable | None = None

    @property
    def healthy(self) -> bool:
        return self.fail_with is None

    async def write(self, batch: Batch, then: Callable[[], None] | None = None) -> None:
        self._check_failure()
        self._registry.check(batch)
        self.phones.check(batch.phones)
        self._check_events(batch)
        self._check_media_names(batch.recordings)
        self._registry.apply(batch)
        self.phones.apply(batch.phones)
        for call in batch.calls:
            self._calls[call.id] = call
        for event in batch.events:
            self._events.setdefault(event.owner_id, {})[event.sequence] = event
            self._log.append(event)
        begun = (queued_delivery(event) for event in batch.events)
        self._deliveries.update({(d.owner_id, d.sequence): d for d in (*begun, *batch.deliveries) if d is not None})
        for recording in batch.recordings:
            self._recordings[recording.id] = recording
        self._gathers.update({gather.id: gather for gather in batch.gathers})
        self._bridges.update({bridge.id: bridge for bridge in batch.bridges})
        self._conferences.update({conference.id: conference for conference in batch.conferences})
        self._members.update({member.id: member for member in batch.members})
        for error in batch.user_errors:
            self._add_user_error(error)
        self._write_keyed_requests(batch)
        self._write_library(batch.library)
        if batch.outdated is not None:
            self._purge(batch.outdated)
        if then is not None:
            then()

    async def call(self, call_id: CallId) -> Call | None:
        self._check_failure()
        return self._calls.get(call_id)

    async def calls(self, account_id: AccountId, where: CallFilter, page: Page | None) -> list[Call]:
        self._check_failure()
        order: Iterable[Call] = self._calls.values() if where.is_ascending else reversed(self._calls.values())
        found = [call for call in order if call.account_id == account_id and _matches(call, where)]
        return found if page is None else slice_page(found, page)

    async def open_calls(self) -> list[Call]:
        self._check_failure()
        return [call for call in self._calls.values() if not call.state.is_final]

    async def events(self, owner_id: OwnerId) -> list[LoggedEvent]:
        self._check_failure()
        return [event for _, event in sorted(self._events.get(owner_id, {}).items())]

    async def event(self, owner_id: OwnerId, event_id: EventId) -> LoggedEvent | None:
        return next((event for event in await self.events(owner_id) if event.id == event_id), None)

    async def events_after(self, event: LoggedEvent, lane: str, limit: int) -> list[LoggedEvent]:
        later = await self.queued_events(event, len(self._log))
        return [e for e in later if e.target is not None and lane_of(e.target.url) == lane][:limit]

    async def queued_events(self, after: LoggedEvent | None, limit: int) -> list[LoggedEvent]:
        self._check_failure()
        start = 0 if after is None else self._log.index(after) + 1
        return [e for e in self._log[start:] if self._is_queued(e)][:limit]

    async def log_position(self) -> int:
        self._check_failure()
        return len(self._log)

    async def log_after(self, position: int, limit: int) -> list[tuple[int, LoggedEvent]]:
        self._check_failure()
        return list(enumerate(self._log[position : position + limit], position + 1))

    def _is_queued(self, event: LoggedEvent) -> bool:
        delivery = self._deliveries.get((event.owner_id, event.sequence))
        return delivery is not None and delivery.state is DeliveryState.QUEUED

    async def deliveries(self, owner_id: OwnerId) -> list[Delivery]:
        self._check_failure()
        return [delivery for key, delivery in sorted(self._deliveries.items()) if key[0] == owner_id]

    async def waiting_lanes(self) -> list[tuple[str, datetime]]:
        lanes = {delivery.server for delivery in self._deliveries.values() if delivery.due_at is not None}
        return [(lane, due) for lane in lanes if (due := await self.next_due(lane)) is not None]

    async def due_deliveries(self, lane: str, until: datetime, limit: int) -> list[tuple[Delivery, LoggedEvent]]:
        due = [(at, key) for at, key in self._waiting(lane) if at <= until]
        return [(self._deliveries[key], self._events[key[0]][key[1]]) for _, key in due[:limit]]

    async def next_due(self, lane: str) -> datetime | None:
        return next((at for at, _ in self._waiting(lane)), None)

    def _waiting(self, lane: str) -> list[tuple[datetime, tuple[OwnerId, int]]]:
        self._check_failure()
        rows = self._deliveries.items()
        return sorted((d.due_at, key) for key, d in rows if d.due_at is not None and d.server == lane)

    async def has_outdated(self, outdated: Outdated) -> bool:
        self._check_failure()
        return bool(self._outdated_keys(outdated) or self._outdated_deliveries(outdated))

    async def keyed_request(self, request_id: str) -> KeyedRequest | None:
        self._check_failure()
        return self._keyed_requests.get(request_id)

    async def recording(self, recording_id: RecordingId) -> Recording | None:
        self._check_failure()
        return self._recordings.get(recording_id)

    async def recording_by_media_name(self, account_id: AccountId, media_name: str) -> Recording | None:
        self._check_failure()
        wanted = (account_id, media_name)
        return next((r for r in self._recordings.values() if (r.account_id, r.media_name) == wanted), None)

    async def recordings(self, account_id: AccountId, page: Page) -> list[Recording]:
        self._check_failure()
        return slice_page([r for r in reversed(self._recordings.values()) if r.account_id == account_id], page)

    async def recordings_of_call(self, call_id: CallId) -> list[Recording]:
        self._check_failure()
        return [r for r in self._recordings.values() if r.call_id == call_id]

    async def unfinished_recordings(self) -> list[Recording]:
        self._check_failure()
        return [r for r in self._recordings.values() if r.state in (RecordingState.RECORDING, RecordingState.SAVING)]

    async def gather(self, gather_id: GatherId) -> Gather | None:
        self._check_failure()
        return self._gathers.get(gather_id)

    async def bridge(self, bridge_id: BridgeId) -> Bridge | None:
        self._check_failure()
        return self._bridges.get(bridge_id)

    async def bridges(self, account_id: AccountId, page: Page) -> list[Bridge]:
        self._check_failure()
        return slice_page([b for b in reversed(self._bridges.values()) if b.account_id == account_id], page)

    async def bridges_in_use(self) -> list[Bridge]:
        self._check_failure()
        return [b for b in self._bridges.values() if b.call_ids and not b.state.is_final]

    async def conference(self, conference_id: ConferenceId) -> Conference | None:
        self._check_failure()
        return self._conferences.get(conference_id)

    async def conferences_in_use(self) -> list[Conference]:
        self._check_failure()
        return [c for c in self._conferences.values() if c.state is ConferenceState.ACTIVE]

    async def members(self, conference_id: ConferenceId) -> list[Member]:
        self._check_failure()
        return [m for m in self._members.values() if m.conference_id == conference_id]

    async def delete_application(self, application_id: ApplicationId, beside: Batch = NOTHING) -> None:
        freed = (replace(n, application_id=None) for n in self._registry.numbers_of_application(application_id))
        unbound = (replace(e, application_id=None) for e in self.phones.endpoints_of_application(application_id))
        await self.write(replace(beside, numbers=tuple(freed), phones=PhoneChanges(endpoints=tuple(unbound))))
        self._registry.remove_application(application_id)

    async def user_error(self, error_id: UserErrorId) -> UserError | None:
        self._check_failure()
        return next((errors[error_id] for errors in self._user_errors.values() if error_id in errors), None)

    async def user_errors(self, account_id: AccountId, page: Page) -> list[UserError]:
        self._check_failure()
        return slice_page(list(reversed(self._user_errors.get(account_id, {}).values())), page)

    async def close(self) -> None:
        """Nothing to let go of."""

    # --- inside ---

    def _write_keyed_requests(self, batch: Batch) -> None:
        self._keyed_requests.update({request.id: request for request in batch.keyed_requests})
        for request_id in batch.forgotten_requests:
            self._keyed_requests.pop(request_id, None)

    def _purge(self, outdated: Outdated) -> None:
        for request_id in self._outdated_keys(outdated)[:MAX_PURGED]:
            del self._keyed_requests[request_id]
        for key in self._outdated_deliveries(outdated)[:MAX_PURGED]:
            del self._deliveries[key]

    def _outdated_keys(self, outdated: Outdated) -> list[str]:
        return [r.id for r in self._keyed_requests.values() if r.begun_at < outdated.keys_before]

    def _outdated_deliveries(self, outdated: Outdated) -> list[tuple[OwnerId, int]]:
        before, rows = outdated.deliveries_before, self._deliveries.items()
        return [key for key, d in rows if d.settled_at is not None and d.settled_at < before]

    def _check_failure(self) -> None:
        if self.fail_with is not None:
            raise self.fail_with

    def _check_events(self, batch: Batch) -> None:
        owners: set[OwnerId] = {call.id for call in batch.calls} | {item.id for item in batch.conferences}
        seen: set[tuple[OwnerId, int]] = set()
        for event in batch.events:
            key = (event.owner_id, event.sequence)
            if key in seen or event.sequence in self._events.get(event.owner_id, {}):
                raise RowConflict("an event number is taken")
            if not any(event.owner_id in known for known in (owners, self._calls, self._conferences)):
                raise RowConflict("an event without its owner")
            seen.add(key)

    def _check_media_names(self, recordings: tuple[Recording, ...]) -> None:
        owners = {(r.account_id, r.media_name): r.id for r in self._recordings.values()} if recordings else {}
        for recording in recordings:
            if owners.setdefault((recording.account_id, recording.media_name), recording.id) != recording.id:
                raise RowConflict("a media name is taken")

    def _add_user_error(self, error: UserError) -> None:
        errors = self._user_errors.setdefault(error.account_id, {})
        errors[error.id] = error
        if len(errors) > MAX_USER_ERRORS:
            del errors[next(iter(errors))]


def _matches(call: Call, where: CallFilter) -> bool:
    return (
        where.from_ in (None, call.from_)
        and where.to in (None, call.to)
        and where.bridge_id in (None, call.bridge_id)
        and where.conference_id in (None, call.conference_id)
    )
