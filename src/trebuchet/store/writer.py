"""Group commit: one thread that takes every batch that is waiting and stores them with one transaction and one fsync.

While one group waits for the disk the next one gathers, so throughput grows with load and a lone batch never waits.
The thread touches nothing of the event loop's; results go back in one call to `settle`, in the order of submission.

A failure of the disk fails every batch of the group, and the connection is opened anew before the next: after a
failed fsync the old one's view of the file cannot be trusted. A batch that is itself at fault fails alone.
"""

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from trebuchet.base.errors import LocalError
from trebuchet.calls.interfaces import LogUnavailable
from trebuchet.store.checkpoint import Checkpointer
from trebuchet.store.errors import RowConflict, RowUnstorable
from trebuchet.store.rows import Rows
from trebuchet.store.transaction import probe, store_rows

GATHER_S = 0.002
"""Least time from one commit's start to the next one's. A lone batch never waits; under load the batches of two
milliseconds share a transaction, its fsync and two hand-overs between threads, which cost more than the rows."""
MAX_GROUP = 512
"""Batches in one transaction: bounds the time (some 20 ms) that one group keeps the next waiting."""
PROBE_S = 0.5
"""How often a failing disk is tried while nobody writes, so that readiness comes back by itself."""
STALL_S = 3.0
"""A commit that takes longer turns readiness red: the disk has stopped answering."""

_logger = structlog.get_logger()

T = TypeVar("T")


@dataclass(slots=True)
class Job(Generic[T]):
    """A batch on its way to the disk. `ticket` is the submitter's own and is never looked at."""

    rows: Rows
    ticket: T


Outcome = tuple[Job[T], LocalError | None]
"""`None`: stored durably."""


class Writer(Generic[T]):
    """Owns the only writing connection. `settle` is called on the writer's thread."""

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        settle: Callable[[Sequence[Outcome[T]]], None],
        checkpointer: Checkpointer,
    ) -> None:
        self._connect = connect
        self._settle = settle
        self._checkpointer = checkpointer
        self._queue: queue.SimpleQueue[Job[T] | None] = queue.SimpleQueue()
        self._connection: sqlite3.Connection | None = None
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._is_failing = False
        self._busy_since: float | None = None
        self._next_start = 0.0
        self._is_dead = False
        self.observe: Callable[[float, int], None] = lambda seconds, batches: None
        """Told on the writer's thread how long each transaction took and how many batches it held."""

    def start(self) -> None:
        self._thread.start()

    def submit(self, job: Job[T]) -> None:
        """Returns at once. Raises `LogUnavailable` when the thread is gone."""
        if self._is_dead:
            raise LogUnavailable("the log's writer has stopped")
        self._queue.put(job)
        if self._is_dead:
            self._abandon_queue()  # it died in between and may have emptied the queue before this came

    def close(self) -> None:
        """Store what is waiting, then end the thread. Blocks."""
        self._queue.put(None)
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def healthy(self) -> bool:
        return not (self._is_failing or self._is_dead or self.commit_age_s > STALL_S)

    @property
    def commit_age_s(self) -> float:
        """How long the commit under way has taken so far, 0 when there is none."""
        since = self._busy_since
        return time.monotonic() - since if since is not None else 0.0

    # --- on the thread ---

    def _run(self) -> None:
        jobs: list[Job[T]] | None = []
        try:
            while (jobs := self._take()) is not None:
                self._busy_since = time.monotonic()
                self._serve(jobs)
                self._busy_since = None
        except BaseException:
            # Nothing ordinary comes here; whatever it is, nobody may be left waiting for an answer.
            _logger.exception("log writer died")
            self._settle([(job, LogUnavailable("the log's writer has stopped")) for job in jobs or ()])
        finally:
            self._is_dead = True
            self._drop_connection()
            self._abandon_queue()

    def _serve(self, jobs: list[Job[T]]) -> None:
        if not jobs:
            self._probe()
            return
        outcomes = self._store(jobs)
        took_s = self.commit_age_s
        self._settle(outcomes)
        self.observe(took_s, len(jobs))
        self._checkpointer.handle_commit(self._connection)

    def _take(self) -> list[Job[T]] | None:
        """Everything that waits; empty when it is time for a probe; `None` at the end."""
        try:
            first = self._queue.get(timeout=PROBE_S if self._is_failing else None)
        except queue.Empty:
            return []
        if first is None:
            return None
        self._gather()
        jobs = [first]
        while len(jobs) < MAX_GROUP:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._queue.put(None)  # the end comes after this group
                break
            jobs.append(job)
        return jobs

    def _gather(self) -> None:
        """Let more batches come when the last commit has only just begun."""
        now = time.monotonic()
        if now < self._next_start:
            time.sleep(self._next_start - now)
        self._next_start = max(now, self._next_start) + GATHER_S

    def _store(self, jobs: list[Job[T]]) -> list[Outcome[T]]:
        try:
            self._transact(jobs)
        except (sqlite3.OperationalError, sqlite3.DatabaseError, OSError) as error:
            if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.DataError):
                return self._store_singly(jobs, error)
            return self._fail(jobs, error)
        except Exception as error:
            return self._store_singly(jobs, error)
        self._is_failing = False
        return [(job, None) for job in jobs]

    def _store_singly(self, jobs: list[Job[T]], error: Exception) -> list[Outcome[T]]:
        """One batch of the group is at fault: find it, and store the others."""
        self._roll_back()
        if len(jobs) == 1:
            kind = RowConflict if isinstance(error, sqlite3.IntegrityError) else RowUnstorable
            return [(jobs[0], kind(str(error)))]
        return [outcome for job in jobs for outcome in self._store([job])]

    def _transact(self, jobs: list[Job[T]]) -> None:
        if self._connection is None:
            self._connection = self._connect()
        rows = jobs[0].rows
        if len(jobs) > 1:
            rows = Rows()
            for job in jobs:
                rows.add(job.rows)
        store_rows(self._connection, rows)

    def _fail(self, jobs: list[Job[T]], error: Exception) -> list[Outcome[T]]:
        self._is_failing = True
        self._drop_connection()
        return [(job, LogUnavailable(str(error))) for job in jobs]

    def _probe(self) -> None:
        try:
            if self._connection is None:
                self._connection = self._connect()
            probe(self._connection)
            self._is_failing = False
        except (sqlite3.Error, OSError):
            self._drop_connection()

    def _roll_back(self) -> None:
        if self._connection is not None and self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error:
                self._drop_connection()

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _abandon_queue(self) -> None:
        left: list[Outcome[T]] = []
        with suppress(queue.Empty):
            while True:
                job = self._queue.get_nowait()
                if job is not None:
                    left.append((job, LogUnavailable("the log's writer has stopped")))
        if left:
            self._settle(left)
