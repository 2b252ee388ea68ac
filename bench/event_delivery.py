"""From a committed fact to an acknowledged webhook: CPU of the whole server side for each event, on SQLite.

    python bench/event_delivery.py [--calls N] [--rate CALLS_PER_S]

Each call commits four events, each in its own unit of work, all with a webhook to a server in another process, and
arrives at the given rate. `process_us` holds everything: payload, log, fsync, delivery.
"""

import argparse
import asyncio
import json
import multiprocessing
import resource
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

import uvloop
from webhook_client import run_server

from trebuchet.base.clock import SystemClock
from trebuchet.base.ids import Ids
from trebuchet.base.rand import SystemRand
from trebuchet.calls.interfaces import Change, UnitOfWork
from trebuchet.events.log import EventLog
from trebuchet.events.outbox import Outbox
from trebuchet.events.relay import Relay
from trebuchet.fetch.addresses import LOOPBACK, AddressPolicy
from trebuchet.fetch.client import GuardedClient
from trebuchet.model.call import Call, CallState, Direction, WebhookTarget
from trebuchet.model.cause import Cause
from trebuchet.model.event import Answered, Arrived, Created, Ended, Fact
from trebuchet.store.sqlite import SqliteStore

STEPS: tuple[tuple[Fact, CallState], ...] = (
    (Arrived(), CallState.RINGING),
    (Answered(), CallState.ANSWERED),
    (Created(), CallState.ANSWERED),
    (Ended(Cause.HANGUP), CallState.ENDED),
)


async def _live(log: EventLog, ids: Ids, url: str, waits: list[float]) -> None:
    call = Call(
        id=ids.call(),
        account_id=ids.account(),
        direction=Direction.IN,
        from_="+19195550188",
        to="+19195550100",
        state=CallState.RINGING,
        created_at=datetime.now(UTC),
        webhook=WebhookTarget(url=url),
    )
    for sequence, (fact, state) in enumerate(STEPS):
        started = time.monotonic()
        await log.commit(UnitOfWork(changes=(Change(replace(call, state=state, events_logged=sequence), (fact,)),)))
        waits.append(time.monotonic() - started)


async def _measure(directory: str, url: str, calls: int, rate: float) -> dict[str, float]:
    store = await SqliteStore.open(Path(directory) / "bench.db")
    client = GuardedClient(AddressPolicy(LOOPBACK))
    ids, waits = Ids(SystemRand()), list[float]()
    relay = Relay(client, store, ids, SystemClock())
    relay.on_round = Outbox(store, SystemClock()).note_round
    log = EventLog(store, relay, ids, SystemClock(), "http://127.0.0.1:8080")
    before, thread, started = resource.getrusage(resource.RUSAGE_SELF), time.thread_time(), time.monotonic()
    tasks = []
    for number in range(calls):
        await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
        tasks.append(asyncio.create_task(_live(log, ids, url, waits)))
    await asyncio.gather(*tasks)
    await relay.drain(10)
    after, thread = resource.getrusage(resource.RUSAGE_SELF), time.thread_time() - thread
    await store.close()
    await client.close()
    events, marks = calls * len(STEPS), quantiles(waits, n=100)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "process_us": round(cpu / events * 1e6, 1),
        "loop_us": round(thread / events * 1e6, 1),
        "commit_p50_ms": round(marks[49] * 1e3, 2),
        "commit_p99_ms": round(marks[98] * 1e3, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=300.0)
    options = parser.parse_args()
    near, far = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=run_server, args=(far,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{near.recv()}/"
    try:
        with tempfile.TemporaryDirectory() as directory:
            print(json.dumps(uvloop.run(_measure(directory, url, options.calls, options.rate))))
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    main()
