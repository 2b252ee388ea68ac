"""Rate limits: the documented 429, which requests share a bucket, and the 403 forms of call limits."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.api_world import NUMBER, OTHER_NUMBER, START, ApiWorld, make_world
from trebuchet.api import rate_limits
from trebuchet.api.rate_limits import RateLimit, RateLimits, RequestMeter
from trebuchet.base.ids import AccountId
from trebuchet.calls.commands import CannotCall, DestinationDenied, TooManyCalls, TooManyCallsAtOnce
from trebuchet.store.interface import Page

ME = AccountId("u-me")
CALL = {"from": NUMBER, "to": OTHER_NUMBER}


@dataclass
class MovingClock:
    passed_s: float = 0.0

    def now(self) -> float:
        return 100.0 + self.passed_s

    def utc(self) -> datetime:
        return START.astimezone(UTC) + timedelta(seconds=self.passed_s)


async def limited(tmp_path: Path, **limits: RateLimit) -> tuple[ApiWorld, MovingClock]:
    clock = MovingClock()
    return await make_world(tmp_path, clock=clock, rate_limits=RateLimits(**limits)), clock


async def test_the_documented_429(tmp_path: Path) -> None:
    world, clock = await limited(tmp_path, requests=RateLimit(1.0))
    assert (await world.get("/calls")).status_code == 200
    clock.passed_s = 0.25
    refused = await world.get("/calls")
    reset = refused.headers["X-RateLimit-Reset"]
    assert int(reset) == -(-(START.timestamp() + 1.0) * 1000 // 1)
    assert refused.status_code == 429
    assert refused.json() == {
        "category": "too-many-requests",
        "code": "rate-limit-reached",
        "message": f"There have been too many requests to this resource; it can be used again at {reset}",
        "details": [
            {"name": "rateLimitResetTime", "value": reset},
            {"name": "requestMethod", "value": "GET"},
            {"name": "remoteAddress", "value": "192.0.2.7"},
            {"name": "requestPath", "value": "users/u-fiction/calls"},
        ],
    }
    clock.passed_s = int(reset) / 1000 - START.timestamp()
    assert (await world.get("/calls")).status_code == 200


async def test_a_refused_request_is_not_executed_and_not_written_down(tmp_path: Path) -> None:
    world, _ = await limited(tmp_path, requests=RateLimit(1.0))
    assert (
        await world.post("/applications", {"name": "one", "incomingCallUrl": "http://app.example/"})
    ).status_code == 201
    assert (
        await world.post("/applications", {"name": "two", "incomingCallUrl": "http://app.example/"})
    ).status_code == 429
    assert len(await world.store.applications(world.account.id, Page(0, 10))) == 1
    assert world.reported == []


async def test_paths_and_accounts_have_buckets_of_their_own(tmp_path: Path) -> None:
    world, _ = await limited(tmp_path, requests=RateLimit(1.0))
    for path in ("/calls", "/applications", "/recordings", "/errors", "/account"):
        assert (await world.get(path)).status_code == 200
        assert (await world.get(path)).status_code == 429
    assert (await world.get("/calls/c-nope")).status_code == 429
    other = await world.client.get("/v1/users/u-other/calls", auth=("t-two", "s-two"))
    assert other.status_code == 200


async def test_strangers_take_nothing_from_the_bucket(tmp_path: Path) -> None:
    world, _ = await limited(tmp_path, requests=RateLimit(1.0))
    for _ in range(3):
        assert (await world.get("/calls", auth=("t-one", "wrong"))).status_code == 401
    assert (await world.get("/calls")).status_code == 200


async def test_creating_calls_and_numbers_have_limits_of_their_own(tmp_path: Path) -> None:
    world, _ = await limited(tmp_path, requests=RateLimit(1.0), number_orders=RateLimit(1.0, 2))
    for _ in range(5):
        assert (await world.post("/calls", CALL)).status_code == 201
        assert (await world.get("/phoneNumbers")).status_code == 200
    numbers = [await world.post("/phoneNumbers", {"number": f"+1919555020{n}"}) for n in range(3)]
    assert [answer.status_code for answer in numbers] == [201, 201, 429]


async def test_reading_numbers(tmp_path: Path) -> None:
    world, _ = await limited(tmp_path, number_reads=RateLimit(1.0, 2))
    answers = [await world.get(path) for path in ("/phoneNumbers", "/phoneNumbers/n-nope", "/phoneNumbers")]
    assert [answer.status_code for answer in answers] == [200, 404, 429]


async def test_off_by_default(tmp_path: Path) -> None:
    world = await make_world(tmp_path)
    for _ in range(50):
        assert (await world.get("/account")).status_code == 200


def test_a_bucket_holds_its_burst_and_fills_at_its_rate() -> None:
    meter, limit = RequestMeter(), RateLimit(2.0, 3)
    assert [meter.wait_s(ME, "/x", limit, 0.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert meter.wait_s(ME, "/x", limit, 0.4) == pytest.approx(0.1)
    assert meter.wait_s(ME, "/x", limit, 0.5) == 0
    assert [meter.wait_s(ME, "/x", limit, 60.0) for _ in range(4)] == [0, 0, 0, 0.5]


def test_a_client_that_waits_as_long_as_it_is_told_gets_through() -> None:
    meter, limit, now = RequestMeter(), RateLimit(7.3), 0.1
    for _ in range(500):
        assert meter.wait_s(ME, "/x", limit, now) == 0
        now += meter.wait_s(ME, "/x", limit, now)


def test_buckets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MAX_BUCKETS", 10)
    meter = RequestMeter()
    for number in range(100):
        meter.wait_s(AccountId(f"u-{number}"), "/x", RateLimit(1.0), 0.0)
        assert len(meter._full_at) <= 10


@pytest.mark.parametrize(
    ("refusal", "category", "code", "message"),
    [
        (
            TooManyCalls(1.0, 10.0, 1.1),
            "limit",
            "call-rate-limit",
            "You can create 1 calls per 1 seconds, calculated as the average over 10 seconds. Your rate is: 1.1",
        ),
        (TooManyCallsAtOnce(3), "limit", "call-rate-limit", "You can have 3 calls at the same time"),
        (
            CannotCall("+19002345678"),
            "forbidden",
            "invalid-call-to-number",
            "Cannot make a call to number '+19002345678'",
        ),
        (
            DestinationDenied("+5371234567"),
            "forbidden",
            "invalid-destination-number",
            "You are not allowed to call the country or region of number '+5371234567'",
        ),
    ],
)
async def test_the_documented_403(tmp_path: Path, refusal: Exception, category: str, code: str, message: str) -> None:
    world = await make_world(tmp_path)
    world.calls.refusal = refusal
    answer = await world.post("/calls", CALL)
    assert answer.status_code == 403
    assert {key: answer.json()[key] for key in ("category", "code", "message")} == {
        "category": category,
        "code": code,
        "message": message,
    }
