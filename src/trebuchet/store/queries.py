"""The reading statements, composed once for each shape."""

from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, exists, func, literal, select, text, union_all

from trebuchet.base.ids import AccountId
from trebuchet.store.interface import CallFilter, Page
from trebuchet.store.schema import (
    bridges,
    calls,
    conferences,
    deliveries,
    events,
    keyed_requests,
    members,
    recordings,
    user_errors,
)
from trebuchet.store.statements import Row, Statement, owner_sequence

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
events_of_owner = Statement(
    select(events.c.doc).where(events.c.owner_sequence == owner_sequence("owner_id")).order_by(events.c.sequence)
)
_is_delivery_of_event = (deliveries.c.owner_sequence == events.c.owner_sequence) & (
    deliveries.c.sequence == events.c.sequence
)
_is_queued = exists().where(_is_delivery_of_event, text("deliveries.is_queued = 1"))
_earlier = events.alias("earlier")
_position = (
    select(_earlier.c.position)
    .where(_earlier.c.owner_sequence == owner_sequence("owner_id"), _earlier.c.sequence == bindparam("sequence"))
    .scalar_subquery()
)
_queued = deliveries.alias("queued")
_queued_position = (
    select(_earlier.c.position)
    .where(_earlier.c.owner_sequence == _queued.c.owner_sequence, _earlier.c.sequence == _queued.c.sequence)
    .correlate(_queued)
    .scalar_subquery()
)
_first_queued = (
    select(func.min(_queued_position)).select_from(_queued).where(text("queued.is_queued = 1")).scalar_subquery()
)
"""Led by the few queued deliveries. As a join, SQLite would walk the whole log from its beginning for the smallest
position, and to its end when nothing is queued."""


def _queued_events(*conditions: Any) -> Statement:
    query = select(events.c.doc).where(*conditions, _is_queued)
    return Statement(query.order_by(events.c.position).limit(bindparam("rows")))


events_after = _queued_events(events.c.lane == bindparam("lane"), events.c.position > _position)
queued_events = _queued_events(events.c.position >= _first_queued)
"""Whatever else was stored since the oldest queued event is walked past; that is little, a server's last moments."""
queued_events_after = _queued_events(events.c.position > _position)
log_position = Statement(select(func.coalesce(func.max(events.c.position), 0)))
log_after = Statement(
    select(events.c.position, events.c.doc)
    .where(events.c.position > bindparam("after"))
    .order_by(events.c.position)
    .limit(bindparam("rows"))
)
deliveries_of_owner = Statement(
    select(deliveries.c.doc)
    .where(deliveries.c.owner_sequence == owner_sequence("owner_id"))
    .order_by(deliveries.c.sequence)
)
waiting_lanes = Statement(
    select(deliveries.c.lane, func.min(deliveries.c.due)).where(text("due IS NOT NULL")).group_by(deliveries.c.lane)
)
due_deliveries = Statement(
    select(deliveries.c.doc, events.c.doc)
    .where(
        text("due IS NOT NULL"),
        deliveries.c.lane == bindparam("lane"),
        deliveries.c.due <= bindparam("until"),
        _is_delivery_of_event,
    )
    .order_by(deliveries.c.due)
    .limit(bindparam("rows"))
)
next_due = Statement(
    select(func.min(deliveries.c.due)).where(text("due IS NOT NULL"), deliveries.c.lane == bindparam("lane"))
)
outdated = Statement(
    union_all(
        select(literal(1)).where(
            exists().where(text("settled IS NOT NULL"), deliveries.c.settled < bindparam("deliveries_before"))
        ),
        select(literal(1)).where(exists().where(keyed_requests.c.begun < bindparam("keys_before"))),
    )
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
bridges_of_account = Statement(
    _paged(
        select(bridges.c.doc).where(bridges.c.account_id == bindparam("account_id")).order_by(bridges.c.sequence.desc())
    )
)
bridges_in_use = Statement(select(bridges.c.doc).where(text("is_in_use = 1")).order_by(bridges.c.sequence))
conferences_in_use = Statement(select(conferences.c.doc).where(text("is_in_use = 1")).order_by(conferences.c.sequence))
members_of_conference = Statement(
    select(members.c.doc)
    .where(
        members.c.conference_sequence
        == select(conferences.c.sequence).where(conferences.c.id == bindparam("conference_id")).scalar_subquery()
    )
    .order_by(members.c.sequence)
)
user_errors_of_account = Statement(
    _paged(
        select(user_errors.c.doc)
        .where(user_errors.c.account_id == bindparam("account_id"))
        .order_by(user_errors.c.sequence.desc())
    )
)
