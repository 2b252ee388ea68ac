"""Webhooks from the committed fact to a real web server, well-behaved and otherwise."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from aiohttp import web

from trebuchet.base.clock import SystemClock
from trebuchet.base.ids import AccountId, Ids
from trebuchet.base.rand import SystemRand
from trebuchet.calls.interfaces import Change, UnitOfWork
from trebuchet.events import lanes
from trebuchet.events.lanes import RelayLimits
from trebuchet.events.log import EventLog
from trebuchet.events.payload import is_incoming_call
from trebuchet.events.relay import Relay
from trebuchet.fetch.addresses import LOOPBACK, AddressPolicy
from trebuchet.fetch.client import GuardedClient
from trebuchet.fetch.resolver import Resolver
from trebuchet.model.call import Call, CallState, Direction, HttpMethod, WebhookTarget
from trebuchet.model.cause import Cause
from trebuchet.model.event import Answered, Arrived, Created, DigitPressed, Ended, Fact, LoggedEvent
from trebuchet.model.user_error import UserError
from trebuchet.store.interface import Page
from trebuchet.store.memory import MemoryStore
from trebuchet.testing.raw_http import RawRequest, RawServer, reset

ME = AccountId("u-me")


class Application:
    """An application's web server: notes every request in order; `behaviour` decides the answer."""

    def __init__(self, behaviour: Callable[[dict[str, str]], Awaitable[web.StreamResponse]] | None = None) -> None:
        self.behaviour = behaviour
        self.received: list[dict[str, str]] = []
        self.requests: list[web.Request] = []
        self._arrived = asyncio.Condition()

    async def start(self) -> "Application":
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self.port}/events"
        return self

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def wait_for(self, count: int, timeout_s: float = 10.0) -> list[str]:
        """The types of the first `count` events, in order of arrival."""
        async with asyncio.timeout(timeout_s), self._arrived:
            await self._arrived.wait_for(lambda: len(self.received) >= count)
        return [event["eventType"] for event in self.received]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        event = dict(request.query) if request.method == "GET" else await request.json()
        async with self._arrived:
            self.requests.append(request)
            self.received.append(event)
            self._arrived.notify_all()
        if self.behaviour is None:
            return web.Response()
        return await self.behaviour(event)


class World:
    """The log and the relay over a store in memory, and any number of web servers."""

    def __init__(self, limits: RelayLimits | None = None, resolver: Resolver | None = None) -> None:
        self.store, self.clock, self.ids = MemoryStore(), SystemClock(), Ids(SystemRand())
        self.client = GuardedClient(AddressPolicy(LOOPBACK), resolver=resolver)
        self.relay = Relay(self.client, self.store, self.ids, self.clock, limits)
        self.log = EventLog(self.store, self.relay, self.ids, self.clock, "https://api.example.test")
        self.undeliverable: list[LoggedEvent] = []
        self.relay.on_undeliverable = self.undeliverable.append
        self.applications: list[Application] = []

    async def start_application(
        self, behaviour: Callable[[dict[str, str]], Awaitable[web.StreamResponse]] | None = None
    ) -> Application:
        application = await Application(behaviour).start()
        self.applications.append(application)
        return application

    def make_call(self, target: WebhookTarget | None) -> Call:
        return Call(
            id=self.ids.call(),
            account_id=ME,
            direction=Direction.IN,
            from_="+19195550188",
            to="+19195550100",
            state=CallState.RINGING,
            created_at=datetime.now(UTC),
            webhook=target,
        )

    async def commit(self, call: Call, *facts: Fact) -> Call:
        await self.log.commit(UnitOfWork(changes=(Change(call, facts),)))
        return replace(call, events_logged=call.events_logged + len(facts))

    async def user_errors(self) -> list[UserError]:
        return list(reversed(await self.store.user_errors(ME, Page(0, 1000))))

    async def close(self) -> None:
        await self.relay.close()
        await self.client.close()
        for application in self.applications:
            await application.stop()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.close()


async def test_a_post(world: World) -> None:
    app = await world.start_application()
    url = app.url.replace("http://", "http://me:s%40crt@")
    call = await world.commit(world.make_call(WebhookTarget(url=url + "?a=b")), Created(), Arrived())
    assert await app.wait_for(1) == ["incomingcall"]
    request = app.requests[0]
    assert request.method == "POST"
    assert request.path_qs == "/events?a=b"
    assert request.headers["Content-Type"] == "application/json; charset=utf-8"
    assert request.headers["User-Agent"].startswith("BandwidthAPI/v1 (")
    assert request.headers["Authorization"] == "Basic " + b64encode(b"me:s@crt").decode()
    assert json.loads((await world.store.events(call.id))[1].payload or b"") == app.received[0]
    assert await world.relay.drain(5)
    assert await world.user_errors() == []


async def test_the_get_form(world: World) -> None:
    app = await world.start_application()
    call = replace(world.make_call(WebhookTarget(url=app.url + "?a=b#c", method=HttpMethod.GET)), tag="täg & = +")
    await world.commit(call, Answered())
    await app.wait_for(1)
    assert app.requests[0].method == "GET"
    assert "Content-Type" not in app.requests[0].headers
    assert app.received[0] == {
        "a": "b",
        "eventType": "answer",
        "callId": call.id,
        "callUri": f"https://api.example.test/v1/users/u-me/calls/{call.id}",
        "from": "+19195550188",
        "to": "+19195550100",
        "callState": "active",
        "tag": "täg & = +",
        "time": app.received[0]["time"],
    }


async def test_without_a_url_nothing_is_sent(world: World) -> None:
    await world.commit(world.make_call(None), Created(), Arrived(), Ended(Cause.HANGUP))
    assert await world.relay.drain(5)
    assert await world.user_errors() == []
    assert world.undeliverable == []


async def test_order_under_sleeping_handlers(world: World) -> None:
    """Twenty events of a call start in order although every handler sleeps for longer than all of them take."""
    gate = asyncio.Event()

    async def sleep(_: dict[str, str]) -> web.StreamResponse:
        await gate.wait()
        return web.Response()

    app = await world.start_application(sleep)
    calls = [world.make_call(WebhookTarget(url=app.url)) for _ in range(5)]

    async def live(call: Call) -> None:
        for number in range(20):
            call = await world.commit(call, DigitPressed(str(number % 10)))

    await asyncio.gather(*map(live, calls))
    await app.wait_for(100)
    for call in calls:
        digits = [event["dtmfDigit"] for event in app.received if event["callId"] == call.id]
        assert digits == [str(number % 10) for number in range(20)]
    gate.set()
    assert await world.relay.drain(5)


class SlowAtFirst:
    """The first look-up takes until `gate` opens, later ones no time."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.asked = 0

    async def resolve(self, host: str) -> list[str]:
        self.asked += 1
        if self.asked == 1:
            await self.gate.wait()
        return ["127.0.0.1"]


@pytest.mark.parametrize("order_wait_s", [5.0, 0.05])
async def test_order_while_the_first_connection_is_slow_to_come(order_wait_s: float) -> None:
    """The second event waits until the first has left, but not for ever."""
    resolver = SlowAtFirst()
    world = World(RelayLimits(order_wait_s=order_wait_s), resolver)
    try:
        app = await world.start_application()
        call = world.make_call(WebhookTarget(url=f"http://app.example:{app.port}/"))
        call = await world.commit(call, Arrived(), Answered())
        if order_wait_s < 1:
            assert await app.wait_for(1) == ["answer"]
        else:
            other = world.make_call(WebhookTarget(url=f"http://app.example:{app.port}/"))
            await world.commit(other, Ended(Cause.BUSY))
            assert await app.wait_for(1) == ["hangup"], "another call does not wait for this one"
        resolver.gate.set()
        expected = ["answer", "incomingcall"] if order_wait_s < 1 else ["hangup", "incomingcall", "answer"]
        assert await app.wait_for(len(expected)) == expected
    finally:
        await world.close()


async def test_a_handler_may_act_before_it_answers(world: World) -> None:
    """The application commands from inside its handler: the next event comes while the first is unanswered."""
    done = asyncio.Event()

    async def answer_the_call(event: dict[str, str]) -> web.StreamResponse:
        if event["eventType"] == "incomingcall":
            await world.commit(replace(call, events_logged=1), Answered())
            await done.wait()
        else:
            done.set()
        return web.Response()

    app = await world.start_application(answer_the_call)
    call = world.make_call(WebhookTarget(url=app.url))
    await world.commit(call, Arrived())
    assert await app.wait_for(2) == ["incomingcall", "answer"]
    assert await world.relay.drain(5)


@pytest.mark.parametrize("status", [301, 302, 400, 404, 500, 503])
async def test_a_status_that_is_no_success(world: World, status: int) -> None:
    async def refuse(_: dict[str, str]) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    app = await world.start_application(refuse)
    call = await world.commit(world.make_call(WebhookTarget(url=app.url)), Arrived())
    assert await world.relay.drain(5)
    assert len(app.received) == 1, "once, and redirects are not followed"
    [error] = await world.user_errors()
    assert (error.category, error.code) == ("unavailable", "callback-http-failure-status")
    assert error.message == "The callback returned an HTTP failure status"
    details = dict(error.details)
    assert [name for name, _ in error.details] == [
        "callId", "callbackStatusCode", "totalDuration", "responseDuration", "requestDuration",
        "callbackUrl", "callbackMethod", "callbackEvent",
    ]  # fmt: skip
    assert details["callbackStatusCode"] == str(status)
    assert int(details["totalDuration"]) == int(details["responseDuration"]) + int(details["requestDuration"])
    assert (details["callId"], details["callbackUrl"], details["callbackEvent"]) == (call.id, app.url, "incomingcall")
    assert [is_incoming_call(event) for event in world.undeliverable] == [True]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_any_success_acknowledges(world: World, status: int) -> None:
    async def accept(_: dict[str, str]) -> web.StreamResponse:
        return web.Response(status=status)

    app = await world.start_application(accept)
    fallback = await world.start_application()
    await world.commit(world.make_call(WebhookTarget(url=app.url, fallback_url=fallback.url)), Arrived())
    assert await world.relay.drain(5)
    assert len(app.received) == 1
    assert fallback.received == []
    assert await world.user_errors() == []


async def test_a_timeout_then_the_fallback(world: World) -> None:
    async def hang(_: dict[str, str]) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    app, fallback = await world.start_application(hang), await world.start_application()
    url = app.url.replace("http://", "http://me:secret@")
    target = WebhookTarget(url=url, timeout_ms=150, fallback_url=fallback.url)
    call = await world.commit(world.make_call(target), Arrived())
    assert await fallback.wait_for(1) == ["incomingcall"]
    assert fallback.received == app.received
    assert await world.relay.drain(5)
    [error] = await world.user_errors()
    assert error.code == "callback-server-timeout"
    assert error.message == "The callback server took too long to respond"
    assert error.details == (
        ("callId", call.id),
        ("callbackUrl", app.url),
        ("callbackMethod", "POST"),
        ("callbackEvent", "incomingcall"),
        ("callbackTimeout", "150"),
    )
    assert world.undeliverable == []


async def test_both_fail(world: World) -> None:
    async def refuse(_: dict[str, str]) -> web.StreamResponse:
        return web.Response(status=500)

    app, fallback = await world.start_application(refuse), await world.start_application(refuse)
    target = WebhookTarget(url=app.url, fallback_url=fallback.url, method=HttpMethod.GET)
    await world.commit(world.make_call(target), Arrived())
    assert await world.relay.drain(5)
    assert (len(app.received), len(fallback.received)) == (1, 1)
    assert [dict(error.details)["callbackUrl"] for error in await world.user_errors()] == [app.url, fallback.url]
    assert [dict(error.details)["callbackMethod"] for error in await world.user_errors()] == ["GET", "GET"]
    assert [event.name for event in world.undeliverable] == ["incomingcall"]


async def _write_garbage(_: RawRequest, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\xff garbage\r\n\r\n")


async def _close(_: RawRequest, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _reset(_: RawRequest, writer: asyncio.StreamWriter) -> None:
    reset(writer)


@pytest.mark.parametrize("behaviour", [_write_garbage, _close, _reset])
async def test_a_server_that_breaks_the_connection(
    world: World, behaviour: Callable[[RawRequest, asyncio.StreamWriter], Awaitable[None]]
) -> None:
    fallback = await world.start_application()
    async with RawServer(behaviour) as server:
        target = WebhookTarget(url=server.url, fallback_url=fallback.url)
        call = await world.commit(world.make_call(target), Answered())
        assert await world.relay.drain(5)
    [error] = await world.user_errors()
    assert error.code == "callback-io-error"
    assert error.message == "A network error ocurred during the callback"
    assert error.details == (
        ("callId", call.id),
        ("callbackUrl", server.url),
        ("callbackMethod", "POST"),
        ("callbackEvent", "answer"),
    )
    assert [event["eventType"] for event in fallback.received] == ["answer"]


async def test_an_endless_body_is_an_answer(world: World) -> None:
    async def endless(_: RawRequest, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x" * 10_000)
            await writer.drain()

    async with RawServer(endless) as server:
        await world.commit(world.make_call(WebhookTarget(url=server.url)), Answered())
        assert await world.relay.drain(5)
    assert await world.user_errors() == []


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://0x7f.1/", "ftp://127.0.0.1/", "nonsense", "http://[::1", ""]
)
async def test_a_forbidden_url_costs_its_own_delivery(world: World, url: str) -> None:
    await world.commit(world.make_call(WebhookTarget(url=url)), Arrived())
    assert await world.relay.drain(5)
    [error] = await world.user_errors()
    assert error.code == "callback-io-error"
    assert len(world.undeliverable) == 1


async def test_a_slow_server_delays_nobody_else() -> None:
    world = World(RelayLimits(max_in_flight=16, max_per_lane=8))

    async def hang(_: dict[str, str]) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    try:
        slow, quick = [await world.start_application(hang) for _ in range(3)], await world.start_application()
        for number in range(60):
            await world.commit(world.make_call(WebhookTarget(url=slow[number % 3].url)), Arrived())
        for _ in range(30):
            await world.commit(world.make_call(WebhookTarget(url=quick.url)), Arrived())
        await quick.wait_for(30, timeout_s=3.0)  # the others hang for 10 s
        assert world.relay.in_flight < 16
        assert sum(len(app.received) for app in slow) < 16
    finally:
        await world.close()


async def test_what_does_not_fit_waits_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that has fallen far behind gets every event once, in each call's order, when it recovers."""
    monkeypatch.setattr(lanes, "MAX_QUEUED", 8)
    monkeypatch.setattr(lanes, "PIECE", 4)
    monkeypatch.setattr("trebuchet.events.relay.PIECE", 4)
    gate = asyncio.Event()

    async def hold(_: dict[str, str]) -> web.StreamResponse:
        await gate.wait()
        return web.Response()

    world = World(RelayLimits(max_per_lane=3))
    try:
        app = await world.start_application(hold)
        calls = [world.make_call(WebhookTarget(url=app.url)) for _ in range(10)]

        async def live(call: Call, digits: str) -> Call:
            for digit in digits:
                call = await world.commit(call, DigitPressed(digit))
            return call

        calls = await asyncio.gather(*(live(call, "0123456789") for call in calls))
        assert len(app.received) <= 3
        gate.set()
        await asyncio.gather(*(live(call, "ABCD") for call in calls))
        await app.wait_for(140)
        assert await world.relay.drain(5)
        assert len(app.received) == 140, "none twice"
        for call in calls:
            heard = "".join(event["dtmfDigit"] for event in app.received if event["callId"] == call.id)
            assert heard == "0123456789ABCD"
        assert await world.user_errors() == []
    finally:
        await world.close()


async def test_draining_ends_at_its_time_and_closing_ends_at_once(world: World) -> None:
    async def hang(_: dict[str, str]) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    app = await world.start_application(hang)
    await world.commit(world.make_call(WebhookTarget(url=app.url)), Arrived())
    await app.wait_for(1)
    assert not await world.relay.drain(0.05)
    await world.relay.close()
    assert world.relay.in_flight == 0
