"""The recorders of a worker: the engine's blocks on their way into files, and why each recorder stopped."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from trebuchet.calls.interfaces import StopReason
from trebuchet.media.engine import Engine, RecorderBlock
from trebuchet.media.messages import RecorderStopped, StartRecorder
from trebuchet.media.recorder_files import RecorderFiles


@dataclass(slots=True)
class _Running:
    row: int | None
    """`None` once the engine has stopped; the file is still being finished."""
    reason: StopReason = StopReason.ASKED


class WorkerRecorders:
    """Keeps the engine's rows and the writing thread together. `report` gets one `RecorderStopped` for each `start`."""

    def __init__(self, engine: Engine, data: Path, channels: int, report: Callable[[RecorderStopped], None]) -> None:
        self._engine = engine
        self._files = RecorderFiles(data)
        self._channels = channels
        self._report = report
        self._running: dict[int, _Running] = {}
        self._by_row: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._by_row)

    def start(self, row: int, wanted: StartRecorder) -> None:
        """Record `row`; a recorder that is still running there is stopped first."""
        self.stop(row, StopReason.ASKED)
        recorder, channels = wanted.recorder, wanted.channels or self._channels
        self._engine.record(row, recorder, channels=channels, max_samples=wanted.max_samples)
        if wanted.silence_ticks:
            self._engine.watch_silence(row, wanted.silence_ticks, wanted.silence_peak)
        self._running[recorder] = _Running(row)
        self._by_row[row] = recorder
        self._files.begin(recorder, wanted.account_id, wanted.media_name, channels)

    def stop(self, row: int, reason: StopReason) -> None:
        """Stop the row's recorder, if there is one."""
        if row in self._by_row:
            self.finish(row, self._engine.stop_recording(row), reason)

    def finish(self, row: int, last: RecorderBlock | None, reason: StopReason) -> None:
        """The engine has stopped the row's recorder (`last`: what was left in it): finish the file."""
        recorder = self._by_row.pop(row, None)
        if recorder is None:
            return
        running = self._running[recorder]
        running.row, running.reason = None, reason
        if reason is not StopReason.CLOSED:  # a closed row watches nothing any more
            self._engine.watch_silence(row, 0)
        if last is not None and not self._files.write(recorder, last.samples.tobytes()):
            running.reason = StopReason.FAILED
        self._files.finish(recorder)

    def take_blocks(self, blocks: Sequence[RecorderBlock]) -> None:
        """Hand the blocks of a tick on; a recording that the disk cannot follow is given up."""
        for block in blocks:
            if not self._files.write(block.recorder_id, block.samples.tobytes()):
                self._engine.stop_recording(block.row)
                self.finish(block.row, None, StopReason.FAILED)

    def flush(self) -> None:
        """Once a tick: wake the thread, and report the files it has closed."""
        self._files.flush()
        for result in self._files.take_results():
            running = self._running.pop(result.recorder, None)
            if running is None:
                continue
            if running.row is not None:  # the file broke while the engine records
                self._by_row.pop(running.row, None)
                self._engine.stop_recording(running.row)
            reason = StopReason.FAILED if result.is_failed else running.reason
            self._report(RecorderStopped(result.recorder, result.samples, reason.value))

    def close(self) -> None:
        """Finish every file, waiting for the disk, and report."""
        for row in list(self._by_row):
            self.stop(row, StopReason.CLOSED)
        self._files.close_and_wait()
        self.flush()
