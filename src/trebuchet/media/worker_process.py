"""The operating system's side of a worker: its process, its end of the channel, and the end of both."""

import asyncio
import contextlib
import sys
from collections.abc import Callable

import msgspec

from trebuchet.calls.interfaces import MediaUnavailable
from trebuchet.media import messages as m
from trebuchet.media.channel import LoopChannel, socket_pair
from trebuchet.media.files import child_environment

EXIT_S = 15.0
"""How long a worker may take to finish its files before it is killed: its own bound is 10 s."""


class WorkerProcess:
    """One worker process. Make it with `start`; `put` sends a command; `handle_lost` is called once when it is gone
    or does not take commands any more."""

    def __init__(self, process: asyncio.subprocess.Process, channel: LoopChannel[m.Report]) -> None:
        self._process = process
        self._channel = channel

    @classmethod
    async def start(
        cls,
        settings: m.Configure,
        handle: Callable[[m.Report], None],
        handle_lost: Callable[[], None],
        *,
        stall_s: float,
    ) -> "WorkerProcess":
        """Raises `MediaUnavailable` when no process can be made."""
        ours, theirs = socket_pair()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "trebuchet.media.worker", str(theirs.fileno()),
                pass_fds=(theirs.fileno(),), stdin=asyncio.subprocess.DEVNULL, env=child_environment(),
            )  # fmt: skip
        except BaseException as error:
            ours.close()
            if isinstance(error, OSError):
                raise MediaUnavailable(f"a media worker cannot be started: {error}") from error
            raise
        finally:
            theirs.close()
        channel: LoopChannel[m.Report] = LoopChannel(ours, m.report_decoder, handle, handle_lost, stall_s=stall_s)
        channel.put(settings)
        return cls(process, channel)

    @property
    def pid(self) -> int:
        return self._process.pid

    def put(self, command: msgspec.Struct) -> None:
        self._channel.put(command)

    async def kill(self) -> None:
        """End it now, and wait until it is really gone."""
        self._channel.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def wait_until(self, is_over: asyncio.Event) -> None:
        """Wait until its last words are read (the channel ended) and it is gone; if that takes too long, kill it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EXIT_S):
                await is_over.wait()
                await self._process.wait()
        await self.kill()
