"""The writing side of recorders: a thread of its own, so that a slow disk never holds up the tick.

The tick hands over copies of blocks (`begin`, `write`, `finish`, then `flush` once a tick) and takes results
(`take_results`). Every second of a recording is one write of samples and one of the header, in that order: the header
never claims more than there is, and a process killed at any moment leaves a playable file that lacks at most the last
second.
"""

import contextlib
import os
import queue
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from trebuchet.media.paths import media_folder, recorder_name
from trebuchet.media.wav import HEADER_BYTES, MAX_DATA_BYTES, SAMPLE_BYTES, header

MAX_BACKLOG_BYTES = 64 << 20
"""Audio waiting for the disk: 13 seconds of 300 mono recordings. Beyond it the disk is broken and recordings fail."""
JOIN_S = 10.0
"""How long the end of a worker waits for its files."""
FILE_MODE = 0o640
FOLDER_MODE = 0o750


@dataclass(frozen=True, slots=True)
class RecorderResult:
    """A file is closed. `samples` per channel are in it and playable."""

    recorder: int
    samples: int
    is_failed: bool


@dataclass(frozen=True, slots=True)
class _Begin:
    recorder: int
    account_id: str
    media_name: str
    channels: int


@dataclass(frozen=True, slots=True)
class _Write:
    recorder: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Finish:
    recorder: int


_Job = _Begin | _Write | _Finish


class RecorderFiles:
    """The tick's side. Recorder numbers are never used twice. One `RecorderResult` follows each `begin`: after
    `finish`, or earlier when the file cannot be written, and then whatever else is handed over for it is ignored."""

    def __init__(self, data: Path) -> None:
        self._jobs: list[_Job] = []
        self._queue: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._results: deque[RecorderResult] = deque()
        self._handed_bytes = 0
        self._writer = _Writer(data, self._queue, self._results)
        self._thread = threading.Thread(target=self._writer.run, name="recorder-files", daemon=True)
        self._thread.start()

    def begin(self, recorder: int, account_id: str, media_name: str, channels: int) -> None:
        self._jobs.append(_Begin(recorder, account_id, media_name, channels))

    def write(self, recorder: int, data: bytes) -> bool:
        """Append samples; `False` when too much waits already: the caller ends the recording."""
        if self._handed_bytes - self._writer.done_bytes > MAX_BACKLOG_BYTES:
            return False
        self._handed_bytes += len(data)
        self._jobs.append(_Write(recorder, data))
        return True

    def finish(self, recorder: int) -> None:
        self._jobs.append(_Finish(recorder))

    def flush(self) -> None:
        """Pass the jobs of this tick on."""
        if self._jobs:
            self._queue.put(self._jobs)
            self._jobs = []

    def take_results(self) -> list[RecorderResult]:
        results = []
        while self._results:
            results.append(self._results.popleft())
        return results

    def close_and_wait(self) -> None:
        """Write what waits, close every file, end the thread. The last results can be taken afterwards."""
        self.flush()
        self._queue.put(None)
        self._thread.join(JOIN_S)


@dataclass(slots=True)
class _File:
    descriptor: int
    channels: int
    data_bytes: int = 0

    @property
    def samples(self) -> int:
        return self.data_bytes // (SAMPLE_BYTES * self.channels)

    def append(self, data: bytes) -> None:
        """Raises `OSError`; the file then still ends with the last complete block."""
        if self.data_bytes + len(data) > MAX_DATA_BYTES:
            raise OSError("a wav cannot be longer")
        _write_all(self.descriptor, data, HEADER_BYTES + self.data_bytes)
        self.data_bytes += len(data)
        _write_all(self.descriptor, header(self.channels, self.data_bytes), 0)


class _Writer:
    """The thread's side."""

    def __init__(
        self, data: Path, jobs: "queue.SimpleQueue[list[_Job] | None]", results: deque[RecorderResult]
    ) -> None:
        self._data = data
        self._queue = jobs
        self._results = results
        self._files: dict[int, _File] = {}
        self.done_bytes = 0

    def run(self) -> None:
        while (jobs := self._queue.get()) is not None:
            for job in jobs:
                self._do(job)
        for recorder in list(self._files):
            self._end(recorder, is_failed=False)

    def _do(self, job: _Job) -> None:
        try:
            match job:
                case _Begin():
                    self._files[job.recorder] = self._open(job)
                case _Write():
                    self.done_bytes += len(job.data)
                    if job.recorder in self._files:
                        self._files[job.recorder].append(job.data)
                case _Finish():
                    self._end(job.recorder, is_failed=False)
        except Exception:  # whatever it was costs this recording alone; the thread must live for the others
            self._end(job.recorder, is_failed=True)

    def _open(self, job: _Begin) -> _File:
        """A new file in the account's folder; no link is followed, nothing is overwritten."""
        folder = media_folder(self._data, job.account_id)
        name = recorder_name(job.media_name)
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        folder_descriptor = os.open(folder, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(name, flags, FILE_MODE, dir_fd=folder_descriptor)
        finally:
            os.close(folder_descriptor)
        try:
            _write_all(descriptor, header(job.channels, 0), 0)
        except OSError:
            os.close(descriptor)
            raise
        return _File(descriptor, job.channels)

    def _end(self, recorder: int, *, is_failed: bool) -> None:
        """Close the file, if it is open. A failed one is cut back to what its header says. One that never opened and
        one whose result is out already are told apart by `is_failed`: only the former fails here."""
        file = self._files.pop(recorder, None)
        if file is None:
            if is_failed:
                self._results.append(RecorderResult(recorder, 0, True))
            return
        with contextlib.suppress(OSError):
            if is_failed:
                os.ftruncate(file.descriptor, HEADER_BYTES + file.data_bytes)
                _write_all(file.descriptor, header(file.channels, file.data_bytes), 0)
        with contextlib.suppress(OSError):
            os.close(file.descriptor)
        self._results.append(RecorderResult(recorder, file.samples, is_failed))


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    """Raises `OSError`; a full disk may take a part first."""
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
