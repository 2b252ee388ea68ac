"""The audio process: `python -m trebuchet.media.audio_child FD`. It loads the decoders once and forks for every job.

A job is a process of its own with its own session and limits (memory, CPU, file size, descriptors, time), because it
reads a stranger's file with native code. What goes wrong in it costs that job. The forking process touches no audio.
"""

import contextlib
import os
import resource
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass

import msgspec

from trebuchet.media import audio_jobs
from trebuchet.media.audio_messages import Job, JobDone, job_decoder
from trebuchet.media.channel import ChannelClosed, Inbox, Outbox, inherited_socket

MEMORY_BYTES = 256 << 20
"""On top of what the loaded libraries map. Decoding needs a few MB; damaged headers ask for gigabytes."""
OUTPUT_BYTES = 192 << 20
"""Largest file written: two hours decoded are 115 MB."""
CPU_S = 120
"""Two hours of mp3 decode in about 12 s, encode in about 15 s."""
WALL_S = 300.0
"""The same under load."""
DESCRIPTORS = 32
FAILURE_BYTES = 400
"""Length of the text a failing job may hand back."""


def limit_resources() -> None:
    """Lower this process's limits for good."""
    with open("/proc/self/statm") as statm:
        mapped = int(statm.read().split()[0]) * resource.getpagesize()
    limits = {
        resource.RLIMIT_AS: mapped + MEMORY_BYTES,
        resource.RLIMIT_CPU: CPU_S,
        resource.RLIMIT_FSIZE: OUTPUT_BYTES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: DESCRIPTORS,
    }
    for kind, value in limits.items():
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def run_job(job: Job) -> JobDone:
    """Do the work in this process."""
    try:
        work = audio_jobs.encode if job.is_encoding else audio_jobs.decode
        return JobDone(job.job, work(job.source, job.target), None, False)
    except audio_jobs.NotAudio as error:
        return JobDone(job.job, 0, str(error)[:FAILURE_BYTES], True)
    except MemoryError:
        return JobDone(job.job, 0, "needs too much memory", True)
    except Exception as error:  # the border of the process: whatever it was becomes the job's failure
        return JobDone(job.job, 0, f"{type(error).__name__}: {error}"[:FAILURE_BYTES], False)


@dataclass(slots=True)
class RunningJob:
    job: int
    pid: int
    pidfd: int
    result: int
    """Read end of the pipe that the result comes through."""
    deadline: float


class Forker:
    """One loop: jobs in, results out, children watched through their pidfds."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._inbox = Inbox(sock, job_decoder)
        self._outbox = Outbox(sock)
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._running: dict[int, RunningJob] = {}
        """By pidfd."""

    def run(self) -> None:
        """Until the channel ends; then the children are killed."""
        try:
            while True:
                for fd, _ in self._poll.poll(self._timeout_ms()):
                    if fd == self._socket.fileno():
                        self._take_jobs()
                    else:
                        self._finish(self._running.pop(fd))
                self._kill_overdue()
        except ChannelClosed:
            for running in self._running.values():
                _kill(running.pid)

    def _timeout_ms(self) -> int | None:
        if not self._running:
            return None
        first = min(running.deadline for running in self._running.values())
        return max(0, int((first - time.monotonic()) * 1000) + 1)

    def _take_jobs(self) -> None:
        for message in self._inbox.read():
            if isinstance(message, Job):
                self._fork(message)
            else:
                for running in self._running.values():
                    if running.job == message.job:
                        _kill(running.pid)

    def _fork(self, job: Job) -> None:
        result, theirs = os.pipe()
        pid = os.fork()
        if pid == 0:
            _be_child(job, theirs)
        os.close(theirs)
        pidfd = os.pidfd_open(pid)
        self._running[pidfd] = RunningJob(job.job, pid, pidfd, result, time.monotonic() + WALL_S)
        self._poll.register(pidfd, select.POLLIN)

    def _finish(self, running: RunningJob) -> None:
        self._poll.unregister(running.pidfd)
        _, status = os.waitpid(running.pid, 0)
        data = os.read(running.result, 65_536)
        os.close(running.pidfd)
        os.close(running.result)
        self._outbox.put(_result(running.job, data, status))
        while not self._outbox.flush():
            select.select([], [self._socket], [])

    def _kill_overdue(self) -> None:
        now = time.monotonic()
        for running in self._running.values():
            if running.deadline <= now:
                _kill(running.pid)


def _result(job: int, data: bytes, status: int) -> JobDone:
    """A child that was killed or broke off said nothing: by a limit (CPU, time, memory in native code) or by us."""
    with contextlib.suppress(msgspec.MsgspecError):
        return msgspec.msgpack.decode(data, type=JobDone)
    return JobDone(job, 0, f"the decoder ended early (status {status})", True)


def _be_child(job: Job, result: int) -> None:
    """What the forked process does; never returns."""
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDWR), 2)  # decoders print their opinion of damaged files
        os.closerange(3, result)
        os.closerange(result + 1, 1024)
        limit_resources()
        os.write(result, msgspec.msgpack.encode(run_job(job)))
    finally:
        os._exit(0)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def main() -> None:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Forker(inherited_socket(int(sys.argv[1]))).run()


if __name__ == "__main__":
    main()
