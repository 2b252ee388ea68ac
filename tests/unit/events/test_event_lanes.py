"""Queues of web servers: shared out fairly, bounded in memory, continued from the log."""

import random
from datetime import UTC, datetime

import pytest

from support.scale import new_seed
from trebuchet.base.ids import AccountId, CallId, EventId
from trebuchet.events import lanes
from trebuchet.events.lanes import MAX_QUEUED, PIECE, Lane, RelayLimits
from trebuchet.model.call import WebhookTarget
from trebuchet.model.event import LoggedEvent


def make_event(number: int) -> LoggedEvent:
    return LoggedEvent(
        id=EventId(f"ce-{number}"),
        account_id=AccountId("u"),
        owner_id=CallId("c"),
        sequence=number,
        at=datetime(2020, 1, 1, tzinfo=UTC),
        name="answer",
        payload=b"{}",
        target=WebhookTarget(url="http://app.example/"),
    )


def test_one_slow_server_takes_a_quarter() -> None:
    limits, in_flight = RelayLimits(max_in_flight=1000, max_per_lane=999), 0
    while in_flight < limits.share(in_flight):
        in_flight += 1
    assert in_flight == 200


def test_many_slow_servers_leave_room_for_the_next_one() -> None:
    limits = RelayLimits()
    for servers in (1, 5, 20, 100, 300):
        counts = [0] * servers
        is_moving = True
        while is_moving:
            is_moving = False
            for server in range(servers):
                if sum(counts) < limits.max_in_flight and counts[server] < limits.share(sum(counts)):
                    counts[server] += 1
                    is_moving = True
        assert max(counts) <= limits.max_per_lane
        assert max(counts) - min(counts) <= 1
        assert limits.max_in_flight - sum(counts) >= limits.min_per_lane


def test_every_event_starts_once_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any interleaving of storing, arriving, reading on and starting; an event arrives after it is stored, in order,
    perhaps while a reading that already saw it is under way."""
    monkeypatch.setattr(lanes, "MAX_QUEUED", 4)
    monkeypatch.setattr(lanes, "PIECE", 3)
    seed = new_seed()
    pick = random.Random(seed)
    for _ in range(300):
        weights = [pick.randrange(1, 6) for _ in range(5)]
        run_interleaving(pick.choices(["store", "arrive", "begin", "end", "start"], weights, k=200))


def run_interleaving(steps: list[str]) -> None:
    lane = Lane("http://app.example:80")
    log: list[LoggedEvent] = []
    arrived = 0
    started: list[LoggedEvent] = []
    reading: tuple[int, list[LoggedEvent]] | None = None
    ending = ["end", "arrive", "arrive", "start", "begin"] * (2 * len(steps) + 10)
    for step in steps + ending:
        if step == "store" and len(log) - arrived < 3:
            log.append(make_event(len(log) + 1))
        elif step == "arrive" and arrived < len(log):
            lane.add(log[arrived])
            arrived += 1
        elif step == "begin" and lane.wants_reading:
            assert lane.last is not None
            mark, position = lane.begin_reading(), log.index(lane.last) + 1
            reading = (mark, log[position : position + lanes.PIECE])
        elif step == "end" and reading is not None:
            lane.add_read(*reading)
            reading = None
        elif step == "start" and lane.waiting:
            started.append(lane.waiting.popleft())
        assert len(lane.waiting) <= lanes.MAX_QUEUED + lanes.PIECE
    assert started == log
    assert lane.is_idle


def test_memory_is_bounded() -> None:
    lane = Lane("x")
    for number in range(10 * MAX_QUEUED):
        lane.add(make_event(number))
    assert len(lane.waiting) == MAX_QUEUED
    assert lane.is_behind
    assert not lane.wants_reading, "not before it has run low"
    while len(lane.waiting) >= PIECE:
        lane.waiting.popleft()
    assert lane.wants_reading
