"""Audio files in and out, off the event loop and out of this process.

    decode   wav or mp3 of any rate and channel count → headerless int16, 8 kHz, mono (a `RenderedPrompt`'s file)
    encode   a recorder's wav → mp3

One warm audio process (`audio_child`) forks a limited child for each job: about 2 ms a job instead of the 200 ms that a
fresh interpreter with numpy and the decoders needs. It starts with the first job and again after a death.
"""

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import structlog

from trebuchet.base.errors import LocalError, RemoteError
from trebuchet.media.audio_messages import CancelJob, Job, JobDone, done_decoder
from trebuchet.media.channel import LoopChannel, socket_pair
from trebuchet.media.paths import media_path, recorder_path
from trebuchet.media.wav import salvage
from trebuchet.model.recording import Recording, RecordingFormat

__all__ = ["AudioFiles", "AudioProcessFailed", "NotAudio", "RecordingFiles", "child_environment", "salvage"]

log = structlog.get_logger(__name__)

JOBS_AT_ONCE = 2
"""Jobs are pure computing; more would only take the CPU away from calls."""
STALL_S = 10.0
"""The forker only forks: if it takes no message for this long, it is broken."""


class NotAudio(RemoteError):
    """The file is not wav or mp3 that can be decoded within the limits."""

    code = "not-audio"


class AudioProcessFailed(LocalError):
    """The audio process died, or the result could not be written."""

    code = "audio-process-failed"
    retryable = True


def child_environment() -> dict[str, str]:
    """What a child process of ours gets to see: how to find Python code, and one thread for linear algebra."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}
    return kept | {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class AudioFiles:
    """The audio process's face on the event loop. Any number of tasks may wait here; `JOBS_AT_ONCE` run."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(JOBS_AT_ONCE)
        self._starting = asyncio.Lock()
        self._channel: LoopChannel[JobDone] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: dict[int, asyncio.Future[JobDone]] = {}
        self._abandoned: dict[int, Path] = {}
        """Drafts of cancelled jobs; the job may still be writing."""
        self._jobs = 0

    async def decode_to_pcm(self, source: Path, target: Path) -> int:
        """Decode into `target` (which appears at once and complete); returns its samples, at most two hours' worth.
        Raises `NotAudio` or `AudioProcessFailed`."""
        return await self._run(source, target, is_encoding=False)

    async def encode_mp3(self, source: Path, target: Path) -> int:
        """Encode a wav into `target` (which appears at once and complete); returns the samples per channel.
        Raises `NotAudio` or `AudioProcessFailed`."""
        return await self._run(source, target, is_encoding=True)

    async def _run(self, source: Path, target: Path, *, is_encoding: bool) -> int:
        async with self._slots:
            self._jobs += 1
            number = self._jobs
            draft = target.with_name(f".{os.getpid()}-{number}.draft")
            try:
                done = await self._do(Job(number, is_encoding, str(source), str(draft)))
                os.replace(draft, target)
            except OSError as error:
                raise AudioProcessFailed(str(error)) from error
            finally:
                with contextlib.suppress(OSError):
                    draft.unlink()
            return done.samples

    async def _do(self, job: Job) -> JobDone:
        channel = await self._running_channel()
        future: asyncio.Future[JobDone] = asyncio.get_running_loop().create_future()
        self._waiting[job.job] = future
        try:
            channel.put(job)
            done = await future
        except asyncio.CancelledError:
            self._abandoned[job.job] = Path(job.target)
            channel.put(CancelJob(job.job))
            raise
        finally:
            del self._waiting[job.job]
        if done.failure is not None:
            raise NotAudio(done.failure) if done.is_file_bad else AudioProcessFailed(done.failure)
        return done

    @property
    def pid(self) -> int | None:
        """The audio process, `None` before its first start."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Start the process now, so that the first job need not wait for it."""
        await self._running_channel()

    async def _running_channel(self) -> LoopChannel[JobDone]:
        async with self._starting:
            if self._channel is None:
                await self._reap()
                self._channel = await self._start()
            return self._channel

    async def _start(self) -> LoopChannel[JobDone]:
        ours, theirs = socket_pair()
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "trebuchet.media.audio_child", str(theirs.fileno()),
                pass_fds=(theirs.fileno(),), stdin=asyncio.subprocess.DEVNULL, env=child_environment(),
            )  # fmt: skip
        except BaseException as error:
            ours.close()
            if isinstance(error, OSError):
                raise AudioProcessFailed(str(error)) from error
            raise
        finally:
            theirs.close()
        return LoopChannel(ours, done_decoder, self._handle_done, self._handle_lost, stall_s=STALL_S)

    def _handle_done(self, done: JobDone) -> None:
        draft = self._abandoned.pop(done.job, None)
        if draft is not None:
            draft.unlink(missing_ok=True)
        future = self._waiting.get(done.job)
        if future is not None and not future.done():
            future.set_result(done)

    def _handle_lost(self) -> None:
        self._channel = None
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(AudioProcessFailed("the audio process died"))

    async def _reap(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None

    async def close(self) -> None:
        """End the process and its jobs; waiting tasks get `AudioProcessFailed`."""
        if self._channel is not None:
            self._channel.close()
        self._handle_lost()
        if self._process is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), STALL_S)
        await self._reap()


class RecordingFiles:
    """Makes finished recordings downloadable; implements `calls.interfaces.RecordingFinisher`."""

    def __init__(self, data: Path, audio: AudioFiles) -> None:
        self._data = data
        self._audio = audio

    async def finish(self, recording: Recording) -> bool:
        """See `RecordingFinisher.finish`. Also right for a recording that a killed server left: the wav is repaired
        first, and a finished mp3 is not made twice. Never raises (cancellation apart)."""
        try:
            target = media_path(self._data, recording.account_id, recording.media_name)
            source = recorder_path(self._data, recording.account_id, recording.media_name)
            await asyncio.to_thread(_salvage_if_there, source)
            if recording.media_name.lower().endswith(f".{RecordingFormat.MP3}") and source.exists():
                await self._audio.encode_mp3(source, target)
                source.unlink()
            return target.is_file()
        except (LocalError, RemoteError, OSError) as error:
            log.warning("recording not saved", recording_id=recording.id, pii_reason=str(error))
            return False


def _salvage_if_there(path: Path) -> None:
    if path.is_file():
        salvage(path)
