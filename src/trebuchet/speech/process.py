"""The server's side of an engine process: started when first needed, killed when it hangs, started anew when it dies.

A speech engine is a large library fed with strangers' text; in a process of its own a crash or an endless loop in it
costs one sentence and never the server.
"""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process

from trebuchet.base.errors import LocalError
from trebuchet.speech.protocol import FAILED, MAX_SPEECH_BYTES, READY, REPLY_HEAD, Utterance, encode_utterance, frame

START_LIMIT_S = 30.0
"""Longest wait for a fresh engine to be ready; the embedded one needs a fifth of a second, a neural model some."""
MAX_WAITING = 256
"""Sentences in line for one engine; more would wait longer than any caller does."""
ENVIRONMENT_KEPT = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "TMPDIR", "OPENBLAS_CORETYPE")
"""All an engine sees of our environment: nothing that could hold a secret."""


class EngineError(LocalError):
    """The engine process could not speak the sentence."""

    code = "speech-engine-error"
    retryable = True


class EngineDied(EngineError):
    """The process ended while it was needed."""

    code = "speech-engine-died"


class EngineHung(EngineError):
    """No answer within the limit; the process was killed."""

    code = "speech-engine-hung"


class EngineBusy(EngineError):
    """Too many sentences are in line."""

    code = "speech-engine-busy"


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ENVIRONMENT_KEPT if name in os.environ}
    # One sentence is never worth a pool of threads, and each thread's stack counts against the memory limit.
    return kept | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class EngineProcess:
    """One engine process of module `module` and the line in front of it."""

    def __init__(self, module: str, *, start_limit_s: float = START_LIMIT_S) -> None:
        self._module = module
        self._start_limit_s = start_limit_s
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._is_closed = False

    @property
    def pid(self) -> int | None:
        """Process id of the running engine; `None` while there is none."""
        return None if self._process is None else self._process.pid

    async def speak(self, utterance: Utterance, limit_s: float) -> bytes:
        """Samples of the utterance; see `ask`."""
        return await self.ask(encode_utterance(utterance), limit_s)

    async def ask(self, request: bytes, limit_s: float) -> bytes:
        """The engine's answer. `limit_s` counts from the request's turn. Raises `EngineError`.

        A process that dies is started anew and asked once more: it may have been killed from outside. A request that
        kills it twice, or makes it hang, fails."""
        if self._waiting >= MAX_WAITING:
            raise EngineBusy(f"{MAX_WAITING} requests are waiting")
        self._waiting += 1
        try:
            async with self._turn:
                try:
                    return await self._ask(request, limit_s)
                except EngineDied:
                    return await self._ask(request, limit_s)
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        self._is_closed = True
        await self._stop()

    async def _ask(self, request: bytes, limit_s: float) -> bytes:
        try:
            process = await self._running()
            async with asyncio.timeout(limit_s):
                return await self._exchange(process, request)
        except TimeoutError:
            await self._stop()
            raise EngineHung(f"no answer within {limit_s:g} s") from None
        except (EOFError, ConnectionError, OSError) as error:
            await self._stop()
            raise EngineDied("the speech engine ended") from error
        except asyncio.CancelledError:
            # Half an answer may be in the pipe: the next sentence must not read it.
            await self._stop()
            raise

    async def _running(self) -> Process:
        if self._is_closed:
            raise EngineError("the speech engine is closed")
        if self._process is not None and self._process.returncode is None:
            return self._process
        await self._stop()
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", self._module,
            stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=_environment(), start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(self._start_limit_s):
                status, body = await self._reply(process)
        except TimeoutError:
            await self._stop()
            raise EngineHung(f"not ready within {self._start_limit_s:g} s") from None
        if status != READY:
            await self._stop()
            raise EngineError(body.decode("utf-8", errors="replace"))
        return process

    async def _exchange(self, process: Process, request: bytes) -> bytes:
        assert process.stdin is not None
        process.stdin.write(frame(request))
        await process.stdin.drain()
        status, body = await self._reply(process)
        if status == FAILED:
            raise EngineError(body.decode("utf-8", errors="replace"))
        return body

    async def _reply(self, process: Process) -> tuple[int, bytes]:
        assert process.stdout is not None
        status, size = REPLY_HEAD.unpack(await process.stdout.readexactly(REPLY_HEAD.size))
        if size > MAX_SPEECH_BYTES:
            raise EOFError("a frame beyond the limit")
        return status, await process.stdout.readexactly(size)

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()
