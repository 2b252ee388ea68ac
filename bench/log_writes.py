"""The event log on SQLite: committed events a second with their calls' rows, and what a write costs the event loop.

    python bench/log_writes.py [--seconds S] [--parallel N] [--directory DIR]

Every writer commits one unit of work (one call row, one event) at a time and waits for it, as a call's actor does.
`loop_us` is the CPU of the event loop's thread for each write, everything included that runs there.
"""

import argparse
import asyncio
import json
import resource
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

import uvloop

from trebuchet.base.ids import Ids
from trebuchet.base.rand import SeededRand
from trebuchet.model.call import Call, CallState, Direction, WebhookTarget
from trebuchet.model.event import LoggedEvent
from trebuchet.store.interface import Batch
from trebuchet.store.sqlite import SqliteStore

EVENTS_PER_CALL = 4
PAYLOAD = b'{"eventType":"answer","callId":"c-aaaaaaaaaaaaaaaaaaaaaaa","pad":"' + b"x" * 250 + b'"}'


def _make_batch(ids: Ids, call: Call) -> Batch:
    event = LoggedEvent(
        id=ids.event(),
        account_id=call.account_id,
        owner_id=call.id,
        sequence=call.events_logged,
        at=call.created_at,
        name="answer",
        payload=PAYLOAD,
        target=call.webhook,
    )
    return Batch(calls=(call,), events=(event,))


async def _work(store: SqliteStore, ids: Ids, until: float, waits: list[float]) -> int:
    account, done = ids.account(), 0
    while time.monotonic() < until:
        call = Call(
            id=ids.call(),
            account_id=account,
            direction=Direction.IN,
            from_="+19195550188",
            to="+19195550100",
            state=CallState.RINGING,
            created_at=datetime.now(UTC),
            webhook=WebhookTarget(url="http://127.0.0.1:5000/calls"),
        )
        for sequence in range(1, EVENTS_PER_CALL + 1):
            state = CallState.ENDED if sequence == EVENTS_PER_CALL else CallState.ANSWERED
            started = time.monotonic()
            await store.write(_make_batch(ids, replace(call, state=state, events_logged=sequence)))
            waits.append(time.monotonic() - started)
        done += EVENTS_PER_CALL
    return done


async def _measure(directory: str, seconds: float, parallel: int) -> dict[str, float]:
    store = await SqliteStore.open(Path(directory) / "bench.db")
    ids, waits = Ids(SeededRand(1)), list[float]()
    started, thread_started = time.monotonic(), time.thread_time()
    process_started = resource.getrusage(resource.RUSAGE_SELF)
    counts = await asyncio.gather(*(_work(store, ids, started + seconds, waits) for _ in range(parallel)))
    elapsed, thread = time.monotonic() - started, time.thread_time() - thread_started
    process = resource.getrusage(resource.RUSAGE_SELF)
    await store.close()
    total = sum(counts)
    cpu = process.ru_utime + process.ru_stime - process_started.ru_utime - process_started.ru_stime
    marks = quantiles(waits, n=100)
    return {
        "events_per_s": round(total / elapsed),
        "loop_us": round(thread / total * 1e6, 1),
        "process_us": round(cpu / total * 1e6, 1),
        "wait_p50_ms": round(marks[49] * 1e3, 2),
        "wait_p99_ms": round(marks[98] * 1e3, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--parallel", type=int, default=100)
    parser.add_argument("--directory", default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        print(json.dumps(uvloop.run(_measure(directory, options.seconds, options.parallel))))


if __name__ == "__main__":
    main()
