"""A data directory whose log holds millions of events, made once and kept.

A server takes a few real calls; their rows are then multiplied straight into its SQLite file, through the tables and
indexes it made itself: each copy has its own random ids, in its columns and in its documents, and its own caller. Only
the times of day inside the documents stay those of the calls they were copied from.
"""

import base64
import contextlib
import json
import random
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.load import EVENTS_PER_CALL, Bench, application
from lab.server import running
from trebuchet.base.disk import sync
from trebuchet.base.ids import Ids
from trebuchet.base.rand import SeededRand

TEMPLATES, TEMPLATE_RATE = 100, 50.0
PIECE = 10_000
"""Calls in a transaction."""
CALLS_A_SECOND = 300
"""How fast the log is said to have grown: spreads the times at which its webhooks were settled."""
BYTES_AN_EVENT = 2_000
"""With its share of the call, the delivery and the indexes; measured 1,500."""
CALLER = b"+15557654321"
"""Of SIPp's scenario."""
SEED = 20
MARK = "filled.json"


@dataclass(frozen=True, slots=True)
class Filled:
    events: int
    bytes: int
    seconds: float
    """That the filling took."""


def full_log(folder: Path, events: int) -> Filled:
    """What the folder holds, after making it if it is not there. It takes some 25 s and 1.5 GB a million events."""
    mark = folder / MARK
    if mark.exists():
        filled = Filled(**json.loads(mark.read_text()))
        if filled.events != events:
            raise SystemExit(f"{folder} holds {filled.events:,} events, not {events:,}: remove it or name another")
        return filled
    if folder.exists():
        raise SystemExit(f"{folder} is not a log that this program filled")
    folder.parent.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder.parent).free < events * BYTES_AN_EVENT:
        raise SystemExit(f"{folder.parent} has no room for {events * BYTES_AN_EVENT / 1e9:.0f} GB")
    return _make(folder, events)


def _make(folder: Path, events: int) -> Filled:
    print(f"filling {folder} with {events:,} events, once", flush=True)
    began, unfinished = time.monotonic(), folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    _take_real_calls(unfinished)
    path = unfinished / "trebuchet.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -2000000"):
            database.execute(f"PRAGMA {pragma}").close()
        _multiply(database, events // EVENTS_PER_CALL)
        database.execute("PRAGMA journal_mode = WAL").close()
    sync(path)
    filled = Filled(events, path.stat().st_size, time.monotonic() - began)
    (unfinished / MARK).write_text(json.dumps(asdict(filled)))
    unfinished.rename(folder)
    print(f"  {filled.bytes / 1e9:.1f} GB in {filled.seconds:.0f} s", flush=True)
    return filled


def _take_real_calls(data: Path) -> None:
    with running(data=data) as server, application(server) as app:
        run = Bench(server, app, server.folder).call(TEMPLATE_RATE, TEMPLATES / TEMPLATE_RATE)
        if not run.is_clean:
            raise SystemExit(f"the calls to copy are not in order: {run.problems}")


# --- copies


@dataclass(slots=True)
class Template:
    """The rows of one real call, without their keys' numbers."""

    call: tuple[object, ...]
    call_id: bytes
    doc: bytes
    events: list[tuple[int, str | None, bytes, bytes, bytes]]
    """(sequence, lane, id, document without its payload, payload)."""
    deliveries: dict[int, bytes]


Rows = tuple[list[tuple[object, ...]], list[tuple[object, ...]], list[tuple[object, ...]]]
"""Of calls, events and deliveries."""


class Copier:
    def __init__(self, templates: list[Template], settled: int) -> None:
        self._templates, self._settled = templates, settled
        self._ids = Ids(SeededRand(SEED))
        self._rand = random.Random(SEED)

    def copy(self, numbers: range, last: int) -> Rows:
        """The calls of these numbers in the log."""
        calls: list[tuple[object, ...]] = []
        events: list[tuple[object, ...]] = []
        deliveries: list[tuple[object, ...]] = []
        for number in numbers:
            template = self._templates[number % len(self._templates)]
            call_id, caller = self._ids.call().encode(), b"+1555%07d" % self._rand.randrange(10**7)
            doc = template.doc.replace(template.call_id, call_id).replace(CALLER, caller)
            calls.append((number, call_id.decode(), template.call[0], caller.decode(), *template.call[1:], doc))
            settled = self._settled - (last - number) // CALLS_A_SECOND
            for sequence, lane, event_id, shell, payload in template.events:
                new_id = self._ids.event().encode()
                doc = shell.replace(template.call_id, call_id).replace(event_id, new_id)
                if payload:
                    payload = payload.replace(template.call_id, call_id).replace(CALLER, caller)
                    doc = doc.replace(b'"payload":null', b'"payload":"%b"' % base64.b64encode(payload))
                events.append((number, sequence, lane, doc))
                if lane is not None:
                    doc = template.deliveries[sequence].replace(template.call_id, call_id).replace(event_id, new_id)
                    deliveries.append((number, sequence, 0, settled, doc))
        return calls, events, deliveries


def _multiply(database: sqlite3.Connection, calls: int) -> None:
    """Until the log holds so many calls."""
    ((first,),) = database.execute("SELECT max(sequence) + 1 FROM calls")
    copier = Copier(list(_templates(database)), int(time.time()))
    for at in range(first, calls + 1, PIECE):
        rows = copier.copy(range(at, min(at + PIECE, calls + 1)), calls)
        database.execute("BEGIN")
        for statement, values in zip(_INSERTS, rows, strict=True):
            database.executemany(statement, values)
        database.execute("COMMIT")


_INSERTS = (
    "INSERT INTO calls (sequence, id, account_id, from_party, to_party, is_open, doc) VALUES (?, ?, ?, ?, ?, ?, ?)",
    "INSERT INTO events (owner_sequence, sequence, lane, doc) VALUES (?, ?, ?, ?)",
    "INSERT INTO deliveries (owner_sequence, sequence, is_queued, settled, doc) VALUES (?, ?, ?, ?, ?)",
)


def _templates(database: sqlite3.Connection) -> Iterator[Template]:
    rows = database.execute("SELECT sequence, id, account_id, to_party, is_open, doc FROM calls").fetchall()
    for number, call_id, account, to_party, is_open, doc in rows:
        events = database.execute(
            "SELECT sequence, lane, doc FROM events WHERE owner_sequence = ? ORDER BY sequence", (number,)
        ).fetchall()
        deliveries = database.execute("SELECT sequence, doc FROM deliveries WHERE owner_sequence = ?", (number,))
        parts = [(sequence, lane, *_take_apart(event)) for sequence, lane, event in events]
        yield Template((account, to_party, is_open), call_id.encode(), doc, parts, dict(deliveries))


def _take_apart(doc: bytes) -> tuple[bytes, bytes, bytes]:
    """An event's id, its document without the payload, and the payload."""
    event = json.loads(doc)
    payload = event["payload"] or ""
    shell = doc.replace(b'"payload":"%b"' % payload.encode(), b'"payload":null')
    return event["id"].encode(), shell, base64.b64decode(payload)
