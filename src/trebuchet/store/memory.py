"""A store in memory, for tests and simulations: all that a store promises, except surviving the process."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from trebuchet.base.ids import AccountId, ApplicationId, CallId, EventId, RecordingId, UserErrorId
from trebuchet.calls.interfaces import LogUnavailable
from trebuchet.model.call import Call
from trebuchet.model.delivery import Delivery, DeliveryState
from trebuchet.model.event import LoggedEvent
from trebuchet.model.recording import Recording, RecordingState
from trebuchet.model.user_error import UserError
from trebuchet.store.errors import RowConflict
from trebuchet.store.interface import MAX_USER_ERRORS, Batch, CallFilter, Page, lane_of, queued_delivery
from trebuchet.store.registry import RegistryReads, slice_page


class MemoryStore(RegistryReads):
    """Implements `store.interface.Store`. `fail_with` makes every method of reading and writing raise, for tests of
    what depends on a store."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: dict[CallId, Call] = {}
        self._events: dict[CallId, dict[int, LoggedEvent]] = {}
        self._log: list[LoggedEvent] = []
        self._deliveries: dict[tuple[CallId, int], Delivery] = {}
        self._recordings: dict[RecordingId, Recording] = {}
        self._user_errors: dict[AccountId, dict[UserErrorId, UserError]] = {}
        self.fail_with: LogUnavailable | None = None

    @property
    def healthy(self) -> bool:
        return self.fail_with is None

    async def write(self, batch: Batch, then: Callable[[], None] | None = None) -> None:
        self._check_failure()
        self._registry.check(batch)
        self._check_events(batch)
        self._check_media_names(batch.recordings)
        self._registry.apply(batch)
        for call in batch.calls:
            self._calls[call.id] = call
        for event in batch.events:
            self._events.setdefault(event.call_id, {})[event.sequence] = event
            self._log.append(event)
        begun = (queued_delivery(event) for event in batch.events)
        self._deliveries.update({(d.call_id, d.sequence): d for d in (*begun, *batch.deliveries) if d is not None})
        for recording in batch.recordings:
            self._recordings[recording.id] = recording
        for error in batch.user_errors:
            self._add_user_error(error)
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

    async def events(self, call_id: CallId) -> list[LoggedEvent]:
        self._check_failure()
        return [event for _, event in sorted(self._events.get(call_id, {}).items())]

    async def event(self, call_id: CallId, event_id: EventId) -> LoggedEvent | None:
        return next((event for event in await self.events(call_id) if event.id == event_id), None)

    async def events_after(self, event: LoggedEvent, lane: str, limit: int) -> list[LoggedEvent]:
        later = await self.queued_events(event, len(self._log))
        return [e for e in later if e.target is not None and lane_of(e.target.url) == lane][:limit]

    async def queued_events(self, after: LoggedEvent | None, limit: int) -> list[LoggedEvent]:
        self._check_failure()
        start = 0 if after is None else self._log.index(after) + 1
        return [e for e in self._log[start:] if self._is_queued(e)][:limit]

    def _is_queued(self, event: LoggedEvent) -> bool:
        delivery = self._deliveries.get((event.call_id, event.sequence))
        return delivery is not None and delivery.state is DeliveryState.QUEUED

    async def deliveries(self, call_id: CallId) -> list[Delivery]:
        self._check_failure()
        return [delivery for key, delivery in sorted(self._deliveries.items()) if key[0] == call_id]

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

    async def delete_application(self, application_id: ApplicationId) -> None:
        freed = (replace(n, application_id=None) for n in self._registry.numbers_of_application(application_id))
        await self.write(Batch(numbers=tuple(freed)))
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

    def _check_failure(self) -> None:
        if self.fail_with is not None:
            raise self.fail_with

    def _check_events(self, batch: Batch) -> None:
        new_calls = {call.id for call in batch.calls}
        seen: set[tuple[CallId, int]] = set()
        for event in batch.events:
            key = (event.call_id, event.sequence)
            if key in seen or event.sequence in self._events.get(event.call_id, {}):
                raise RowConflict("an event number is taken")
            if event.call_id not in new_calls and event.call_id not in self._calls:
                raise RowConflict("an event without its call")
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
