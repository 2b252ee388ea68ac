"""kill -9 while webhooks are under way: the restart tells what was not told, and nothing that was."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from trebuchet.base.clock import SystemClock
from trebuchet.base.ids import CallId, Ids
from trebuchet.base.rand import SystemRand
from trebuchet.events.outbox import Outbox
from trebuchet.events.relay import Relay
from trebuchet.fetch.addresses import LOOPBACK, AddressPolicy
from trebuchet.fetch.client import GuardedClient
from trebuchet.model.delivery import DeliveryState
from trebuchet.store.sqlite import SqliteStore

EVENTS = 600
"""More than a lane keeps in memory, so that a part of them is known to the log alone."""
LIMIT_S = 30.0

CHILD = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from trebuchet.base.clock import SystemClock
from trebuchet.base.ids import AccountId, Ids
from trebuchet.base.rand import SystemRand
from trebuchet.calls.interfaces import Change, UnitOfWork
from trebuchet.events.log import EventLog
from trebuchet.events.outbox import Outbox
from trebuchet.events.relay import Relay
from trebuchet.fetch.addresses import LOOPBACK, AddressPolicy
from trebuchet.fetch.client import GuardedClient
from trebuchet.model.call import Call, CallState, Direction, WebhookTarget
from trebuchet.model.event import DigitPressed
from trebuchet.store.sqlite import SqliteStore

async def main():
    store = await SqliteStore.open(Path(sys.argv[1]))
    ids, clock = Ids(SystemRand()), SystemClock()
    relay = Relay(GuardedClient(AddressPolicy(LOOPBACK)), store, ids, clock)
    relay.on_round = Outbox(store, clock).note_round
    log = EventLog(store, relay, ids, clock, "http://api.example.test")
    def make(path):
        return Call(id=ids.call(), account_id=AccountId("u-1"), direction=Direction.IN, from_="a", to="b",
                    state=CallState.RINGING, created_at=datetime.now(UTC),
                    webhook=WebhookTarget(url=sys.argv[2] + path))
    told, held = make("/told"), make("/held")
    await log.commit(UnitOfWork(changes=(Change(told, (DigitPressed("1"),)),)))
    while (await store.deliveries(told.id))[0].state == "queued":
        await asyncio.sleep(0.01)
    facts = tuple(DigitPressed(str(n % 10)) for n in range(int(sys.argv[3])))
    await log.commit(UnitOfWork(changes=(Change(held, facts),)))
    print(told.id, held.id, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


class Application:
    """Holds requests to `/held` until `gate` opens, and notes every request that it answers."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.begun = asyncio.Event()
        self.answered: list[tuple[str, str]] = []

    async def handle(self, request: web.Request) -> web.Response:
        event = await request.json()
        if request.path == "/held":
            self.begun.set()
            await self.gate.wait()
        self.answered.append((event["callId"], event["dtmfDigit"]))
        return web.Response()


@pytest.fixture
async def served() -> AsyncIterator[tuple[Application, str]]:
    application, app = Application(), web.Application()
    app.router.add_post("/{path}", application.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield application, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def run_and_kill(application: Application, *arguments: str) -> tuple[CallId, CallId]:
    """The calls whose events were told, and not told, before kill -9."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    try:
        async with asyncio.timeout(LIMIT_S):
            told, held = (await child.stdout.readline()).decode().split()
            await application.begun.wait()
    finally:
        child.kill()
        await child.communicate()
    return CallId(told), CallId(held)


async def test_untold_events_are_told_after_a_kill(served: tuple[Application, str], tmp_path: Path) -> None:
    application, url = served
    told, held = await run_and_kill(application, str(tmp_path / "log.db"), url, str(EVENTS))
    assert [call for call, _ in application.answered] == [told]
    application.gate.set()
    store, clock = await SqliteStore.open(tmp_path / "log.db"), SystemClock()
    client = GuardedClient(AddressPolicy(LOOPBACK))
    relay, outbox = Relay(client, store, Ids(SystemRand()), clock), Outbox(store, clock)
    relay.on_round = outbox.note_round
    assert await relay.resume() == EVENTS
    assert await relay.drain(LIMIT_S)
    await outbox.close()
    assert [call for call, _ in application.answered].count(told) == 1, "told twice"
    assert [delivery.state for delivery in await store.deliveries(held)] == [DeliveryState.DELIVERED] * EVENTS
    wanted = [str(number % 10) for number in range(EVENTS)]
    assert sorted(digit for call, digit in application.answered if call == held) == sorted(wanted)
    assert await relay.resume() == 0
    await relay.close()
    await client.close()
    await store.close()
