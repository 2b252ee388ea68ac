"""The reading statements, composed once for each shape."""

from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, exists, func, select, text

from trebuchet.base.ids import AccountId
from trebuchet.store.interface import CallFilter, Page
from trebuchet.store.schema import calls, deliveries, events, recordings, user_errors
from trebuchet.store.statements import Row, Statement

_FILTERS = {
    "from_": calls.c.from_party,
    "to": calls.c.to_party,
    "bridge_id": calls.c.bridge_id,
    "conference_id": calls.c.conference_id,
}


def list_calls(account_id: AccountId, where: CallFilter, page: Page | None) -> tuple[str, Row]:
    """Text and parameters."""
    wanted = {name: getattr(where, name) for name in _FILTERS if getattr(where, name) is not None}
    statement = _list_calls(tuple(wanted), where.is_ascending, page is not None)
    return statement.text, statement.bind(account_id=account_id, **wanted, **bind_page(page))


@cache
def _list_calls(filters: tuple[str, ...], is_ascending: bool, is_paged: bool) -> Statement:
    conditions = [_FILTERS[name] == bindparam(name) for name in filters]
    order = calls.c.sequence.asc() if is_ascending else calls.c.sequence.desc()
    query = select(calls.c.doc).where(calls.c.account_id == bindparam("account_id"), *conditions).order_by(order)
    return Statement(_paged(query) if is_paged else query)


def bind_page(page: Page | None) -> dict[str, int]:
    return {} if page is None else {"rows": page.size + 1, "skipped": page.page * page.size}


def _paged(query: Select[Any]) -> Select[Any]:
    return query.limit(bindparam("rows")).offset(bindparam("skipped"))


def _sequence_of(call_id: str) -> Any:
    return select(calls.c.sequence).where(calls.c.id == bindparam(call_id)).scalar_subquery()


open_calls = Statement(select(calls.c.doc).where(text("is_open = 1")).order_by(calls.c.sequence))
events_of_call = Statement(
    select(events.c.doc).where(events.c.call_sequence == _sequence_of("call_id")).order_by(events.c.sequence)
)
_is_delivery_of_event = (deliveries.c.call_sequence == events.c.call_sequence) & (
    deliveries.c.sequence == events.c.sequence
)
_is_queued = exists().where(_is_delivery_of_event, text("deliveries.is_queued = 1"))
_earlier = events.alias("earlier")
_position = (
    select(_earlier.c.position)
    .where(_earlier.c.call_sequence == _sequence_of("call_id"), _earlier.c.sequence == bindparam("sequence"))
    .scalar_subquery()
)
_first_queued = (
    select(func.min(_earlier.c.position))
    .where(
        deliveries.c.call_sequence == _earlier.c.call_sequence,
        deliveries.c.sequence == _earlier.c.sequence,
        text("deliveries.is_queued = 1"),
    )
    .scalar_subquery()
)


def _queued_events(*conditions: Any) -> Statement:
    query = select(events.c.doc).where(*conditions, _is_queued)
    return Statement(query.order_by(events.c.position).limit(bindparam("rows")))


events_after = _queued_events(events.c.lane == bindparam("lane"), events.c.position > _position)
queued_events = _queued_events(events.c.position >= _first_queued)
"""Whatever else was stored since the oldest queued event is walked past; that is little, a server's last moments."""
queued_events_after = _queued_events(events.c.position > _position)
deliveries_of_call = Statement(
    select(deliveries.c.doc)
    .where(deliveries.c.call_sequence == _sequence_of("call_id"))
    .order_by(deliveries.c.sequence)
)
recordings_of_account = Statement(
    _paged(
        select(recordings.c.doc)
        .where(recordings.c.account_id == bindparam("account_id"))
        .order_by(recordings.c.sequence.desc())
    )
)
recordings_of_call = Statement(
    select(recordings.c.doc)
    .where(recordings.c.call_sequence == _sequence_of("call_id"))
    .order_by(recordings.c.sequence)
)
recording_by_media_name = Statement(
    select(recordings.c.doc).where(
        recordings.c.account_id == bindparam("account_id"), recordings.c.media_name == bindparam("media_name")
    )
)
unfinished_recordings = Statement(
    select(recordings.c.doc).where(text("is_unfinished = 1")).order_by(recordings.c.sequence)
)
user_errors_of_account = Statement(
    _paged(
        select(user_errors.c.doc)
        .where(user_errors.c.account_id == bindparam("account_id"))
        .order_by(user_errors.c.sequence.desc())
    )
)
