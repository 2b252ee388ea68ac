"""Failed webhooks come again: over real connections, with retries that count in tenths of seconds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from standardwebhooks import Webhook

from trebuchet.base.clock import SystemClock
from trebuchet.base.ids import AccountId, CallId, Ids
from trebuchet.base.rand import SystemRand
from trebuchet.base.values import replace
from trebuchet.calls.interfaces import Change, LogUnavailable, UnitOfWork
from trebuchet.events import retrier as retrier_module
from trebuchet.events.log import EventLog
from trebuchet.events.outbox import Outbox
from trebuchet.events.relay import Relay
from trebuchet.events.retrier import Retrier
from trebuchet.events.retries import RetryRules
from trebuchet.events.signing import Signer
from trebuchet.fetch.addresses import LOOPBACK, AddressPolicy
from trebuchet.fetch.client import GuardedClient
from trebuchet.model.account import Account
from trebuchet.model.call import Call, CallState, Direction, HttpMethod, WebhookTarget
from trebuchet.model.cause import Cause
from trebuchet.model.delivery import Delivery, DeliveryState
from trebuchet.model.event import Answered, Arrived, DigitPressed, Ended, Fact, LoggedEvent
from trebuchet.secret_key import KEY_BYTES
from trebuchet.store.interface import Store
from trebuchet.store.memory import MemoryStore
from trebuchet.store.sqlite import SqliteStore
from trebuchet.webhook_secrets import WebhookSecrets

ME = Account(id=AccountId("u-me"), token="t-me", secret_sha256="", created_at=datetime(2026, 1, 2, tzinfo=UTC))
QUICK = RetryRules(first_s=0.05, longest_s=0.2, for_s=60)
LIMIT_S = 15.0
SECRETS = WebhookSecrets(b"k" * KEY_BYTES)


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes
    query: str


class Application:
    """Answers with `status`, or in the time `pause_s`; notes every request."""

    def __init__(self) -> None:
        self.status = 200
        self.behaviour: Callable[[], Awaitable[None]] | None = None
        self.requests: list[Request] = []
        self._arrived = asyncio.Condition()

    async def start(self) -> "Application":
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/events"
        return self

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def wait_for(self, count: int) -> list[Request]:
        async with asyncio.timeout(LIMIT_S), self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= count)
        return self.requests

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        status = self.status
        async with self._arrived:
            self.requests.append(Request(request.path, dict(request.headers), body, request.rel_url.raw_query_string))
            self._arrived.notify_all()
        if self.behaviour is not None:
            await self.behaviour()
        return web.Response(status=status)


class World:
    """Everything that delivers, over one store."""

    def __init__(self, store: Store, rules: RetryRules = QUICK) -> None:
        self.store, self.clock, self.ids = store, SystemClock(), Ids(SystemRand())
        self.client = GuardedClient(AddressPolicy(LOOPBACK))
        self.outbox = Outbox(store, self.clock, rules, SystemRand())
        signer = Signer(self._secrets_of, self.clock)
        self.relay = Relay(self.client, store, self.ids, self.clock, sign=signer.sign)
        self.retrier = Retrier(self.client, store, self.outbox, self.clock, signer.sign, self._owner_of)
        self.relay.on_round = self.outbox.note_round
        self.log = EventLog(store, self.relay, self.ids, self.clock, "https://api.example.test")

    async def _secrets_of(self, account_id: AccountId) -> tuple[str, ...]:
        assert account_id == ME.id
        return SECRETS.valid(ME, self.clock.utc())

    async def _owner_of(self, event: LoggedEvent) -> Call | None:
        return await self.store.call(CallId(event.owner_id))

    def make_call(self, url: str, **more: object) -> Call:
        return Call(
            id=self.ids.call(),
            account_id=ME.id,
            direction=Direction.IN,
            from_="+19195550188",
            to="+19195550100",
            state=CallState.RINGING,
            created_at=datetime.now(UTC),
            webhook=WebhookTarget(url=url, **more),  # type: ignore[arg-type]  # names are checked by the value itself
        )

    async def commit(self, call: Call, *facts: Fact) -> Call:
        await self.log.commit(UnitOfWork(changes=(Change(call, facts),)))
        return replace(call, events_logged=call.events_logged + len(facts))

    async def wait_for_state(self, call_id: CallId, *states: DeliveryState) -> list[Delivery]:
        async with asyncio.timeout(LIMIT_S):
            while [item.state for item in await self.store.deliveries(call_id)] != list(states):
                await asyncio.sleep(0.02)
        return await self.store.deliveries(call_id)

    async def close(self) -> None:
        await self.relay.close()
        await self.retrier.close()
        with suppress(LogUnavailable):
            await self.outbox.close()
        await self.client.close()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World(MemoryStore())
    yield made
    await made.close()


@pytest.fixture
async def application() -> AsyncIterator[Application]:
    made = await Application().start()
    yield made
    await made.stop()


ENDED = Ended(Cause.HANGUP)


async def test_an_end_comes_again_until_it_is_acknowledged(world: World, application: Application) -> None:
    application.status = 500
    call = replace(world.make_call(application.url), state=CallState.ENDED)
    await world.commit(call, ENDED)
    await application.wait_for(4)
    application.status = 200
    (delivery,) = await world.wait_for_state(call.id, DeliveryState.DELIVERED)
    (event,) = await world.store.events(call.id)
    assert len(delivery.attempts) == len(application.requests) >= 5
    assert [attempt.status for attempt in delivery.attempts][:4] == [500] * 4
    for request in application.requests:
        assert request.body == event.payload
        assert request.headers["webhook-id"] == event.id
        assert request.headers["Trebuchet-Sequence"] == "1"
        Webhook(SECRETS.current(ME)).verify(request.body, request.headers)


async def test_the_fallback_url_is_part_of_every_round(world: World, application: Application) -> None:
    application.status = 500
    call = world.make_call(application.url, fallback_url=application.url.replace("events", "spare"))
    call = replace(call, state=CallState.ENDED)
    await world.commit(call, ENDED)
    requests = await application.wait_for(6)
    assert [request.path for request in requests[:6]] == ["/events", "/spare"] * 3


async def test_the_get_form_is_signed_by_its_query(world: World, application: Application) -> None:
    call = world.make_call(application.url + "?own=1", method=HttpMethod.GET)
    await world.commit(replace(call, tag="täg & = +"), Answered())
    (request,) = await application.wait_for(1)
    assert request.query.startswith("own=1&eventType=answer")
    assert request.body == b""
    Webhook(SECRETS.current(ME)).verify(request.query, request.headers, json_parse=False)


async def test_a_live_event_comes_again_while_its_call_lives(world: World, application: Application) -> None:
    application.status = 500
    call = replace(world.make_call(application.url), state=CallState.ANSWERED)
    call = await world.commit(call, DigitPressed("1"))
    await application.wait_for(3)
    application.status = 200
    await world.wait_for_state(call.id, DeliveryState.DELIVERED)


async def test_a_live_event_is_given_up_when_its_call_is_over(world: World, application: Application) -> None:
    application.status = 500
    call = replace(world.make_call(application.url), state=CallState.ANSWERED)
    call = await world.commit(call, DigitPressed("1"))
    await application.wait_for(2)
    application.status = 200
    await world.commit(replace(call, state=CallState.ENDED), ENDED)
    first, last = await world.wait_for_state(call.id, DeliveryState.FAILED, DeliveryState.DELIVERED)
    assert len(first.attempts) >= 2
    assert len(last.attempts) == 1


async def test_an_incoming_call_comes_again_while_it_rings(world: World, application: Application) -> None:
    application.status = 500
    call = world.make_call(application.url)
    call = await world.commit(call, Arrived())
    await application.wait_for(2)
    await world.commit(replace(call, state=CallState.ANSWERED))
    await world.wait_for_state(call.id, DeliveryState.FAILED)


async def test_410_ends_it(world: World, application: Application) -> None:
    application.status = 410
    call = replace(world.make_call(application.url), state=CallState.ENDED)
    await world.commit(call, ENDED)
    await world.wait_for_state(call.id, DeliveryState.FAILED)
    assert len(application.requests) == 1


async def test_it_is_given_up_at_last(application: Application) -> None:
    application.status = 500
    world = World(MemoryStore(), replace(QUICK, for_s=0.5))
    call = replace(world.make_call(application.url), state=CallState.ENDED)
    await world.commit(call, ENDED)
    (delivery,) = await world.wait_for_state(call.id, DeliveryState.FAILED)
    assert 2 <= len(delivery.attempts) == len(application.requests)
    await world.close()


async def test_a_later_process_takes_up_what_waits(tmp_path: Path, application: Application) -> None:
    application.status = 500
    store = await SqliteStore.open(tmp_path / "log.db")
    world = World(store, replace(QUICK, first_s=2.0, longest_s=2.0))
    calls = [replace(world.make_call(application.url), state=CallState.ENDED) for _ in range(20)]
    for call in calls:
        await world.commit(call, ENDED)
    for call in calls:
        await world.wait_for_state(call.id, DeliveryState.WAITING)
    await world.close()
    await store.close()
    application.status = 200
    assert len(application.requests) == 20
    reopened = await SqliteStore.open(tmp_path / "log.db")
    later = World(reopened)
    assert await later.relay.resume() == 0, "their first round is over"
    await later.retrier.start()
    for call in calls:
        (delivery,) = await later.wait_for_state(call.id, DeliveryState.DELIVERED)
        assert [attempt.status for attempt in delivery.attempts] == [500, 200]
    assert len(application.requests) == 40
    assert await reopened.waiting_lanes() == []
    await later.close()
    await reopened.close()


async def test_dead_servers_do_not_delay_others(world: World, application: Application) -> None:
    """Far more waits for servers that never answer than they may have in flight."""
    silent = [await Application().start() for _ in range(3)]

    async def never() -> None:
        await asyncio.sleep(3600)

    for server in silent:
        server.behaviour = never
        for _ in range(retrier_module.PIECE * 3):
            call = replace(world.make_call(server.url, timeout_ms=400), state=CallState.ENDED)
            await world.commit(call, ENDED)
    for server in silent:
        await server.wait_for(retrier_module.PIECE * 3 + 1)  # first rounds are over and retries are under way
    application.status = 500
    call = replace(world.make_call(application.url), state=CallState.ENDED)
    await world.commit(call, ENDED)
    began = asyncio.get_running_loop().time()
    await application.wait_for(4)
    assert asyncio.get_running_loop().time() - began < 5
    for server in silent:
        await server.stop()


async def test_servers_beyond_the_bound_take_turns(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrier_module, "MAX_SERVED", 1)
    servers = [await Application().start() for _ in range(4)]
    for server in servers:
        server.status = 500
        await world.commit(replace(world.make_call(server.url), state=CallState.ENDED), ENDED)
    for server in servers:
        await server.wait_for(3)
    for server in servers:
        await server.stop()


async def test_a_delivered_event_is_delivered_again(world: World, application: Application) -> None:
    call = replace(world.make_call(application.url), state=CallState.ANSWERED)
    call = await world.commit(call, DigitPressed("1"))
    (delivery,) = await world.wait_for_state(call.id, DeliveryState.DELIVERED)
    await world.commit(replace(call, state=CallState.ENDED, webhook=None), ENDED)
    await world.retrier.redeliver(delivery)
    first, second = await application.wait_for(2)
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    (again,) = await world.wait_for_state(call.id, DeliveryState.DELIVERED)
    assert len(again.attempts) == 2
    assert not again.is_asked_for


async def test_what_was_asked_for_while_the_lane_is_busy(world: World, application: Application) -> None:
    """A lane that becomes due while it is served is served again."""
    goes_on = asyncio.Event()
    call = replace(world.make_call(application.url), state=CallState.ENDED)
    call = await world.commit(call, ENDED)
    (delivery,) = await world.wait_for_state(call.id, DeliveryState.DELIVERED)
    other = replace(world.make_call(application.url), state=CallState.ENDED)
    await world.commit(other, ENDED)
    (second,) = await world.wait_for_state(other.id, DeliveryState.DELIVERED)

    async def hold() -> None:
        await goes_on.wait()

    application.behaviour = hold
    await world.retrier.redeliver(delivery)
    await application.wait_for(3)
    await world.retrier.redeliver(second)
    async with asyncio.timeout(LIMIT_S):
        while not world.retrier._again:
            await asyncio.sleep(0.01)
    goes_on.set()
    await application.wait_for(4)
    await world.wait_for_state(other.id, DeliveryState.DELIVERED)


async def test_a_log_that_fails_delays_retries_and_repeats_none(application: Application) -> None:
    store = MemoryStore()
    world = World(store)
    application.status = 500
    call = replace(world.make_call(application.url), state=CallState.ENDED)
    await world.commit(call, ENDED)
    (waiting,) = await world.wait_for_state(call.id, DeliveryState.WAITING)

    async def fail() -> None:
        store.fail_with = LogUnavailable("full")

    application.behaviour, application.status = fail, 200
    await application.wait_for(len(waiting.attempts) + 1)
    async with asyncio.timeout(LIMIT_S):
        while store.fail_with is None:
            await asyncio.sleep(0.01)
    asked = len(application.requests)
    await asyncio.sleep(0.5)  # several pauses of the rules
    assert len(application.requests) == asked
    store.fail_with = None
    await world.wait_for_state(call.id, DeliveryState.DELIVERED)
    assert len(application.requests) == asked
    await world.close()
