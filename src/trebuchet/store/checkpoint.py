"""Moves the write-ahead log into the database file without holding up commits.

A thread of its own copies most of it about once a second while commits go on. When the log has grown long the writer
itself copies the small rest between two commits; then everything is in the file and SQLite starts the log afresh, so
that it stays short under any load.
"""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress

PAUSE_S = 1.0
"""Between two passes."""
RESTART_FRAMES = 4000
"""Pages of 4 kB in the log from which on the writer helps: 16 MB."""


class Checkpointer:
    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._is_dirty = threading.Event()
        self._is_closing = threading.Event()
        self._wants_restart = False
        self._thread = threading.Thread(target=self._run, name="log-checkpoint", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Blocks until a running pass is over."""
        self._is_closing.set()
        self._is_dirty.set()
        if self._thread.ident is not None:
            self._thread.join()

    def handle_commit(self, connection: sqlite3.Connection | None) -> None:
        """The writer committed with this connection; called on its thread."""
        self._is_dirty.set()
        if self._wants_restart and connection is not None:
            self._wants_restart = False
            with suppress(sqlite3.Error):  # a log that stays long is no reason to fail
                _pass_once(connection)

    def _run(self) -> None:
        while not self._is_closing.wait(PAUSE_S):
            self._is_dirty.wait()
            self._is_dirty.clear()
            if self._is_closing.is_set():
                return
            with suppress(sqlite3.Error):  # the writer meets the same disk and reports it
                self._run_pass()

    def _run_pass(self) -> None:
        connection = self._connect()
        try:
            self._wants_restart = _pass_once(connection) > RESTART_FRAMES
        finally:
            connection.close()


def _pass_once(connection: sqlite3.Connection) -> int:
    """Copies what can be copied now; the number of pages in the log."""
    _, frames, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return int(frames)
