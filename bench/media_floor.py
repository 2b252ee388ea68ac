"""The floor under media_load.py: a relay that makes the same system calls and does nothing with the audio.

Every 20 ms it receives what has come (one epoll, one receive each) and sends each stream's newest packet to the
bridged party. No parsing, no jitter ring, no mixing, no recording: what a media plane in Python cannot go below on
this machine.
"""

import asyncio
import json
import os
import select
import socket
import sys
import time
from pathlib import Path
from typing import Any

FRAME_S = 0.02
RELAY_PORT = 20_000


def relay(streams: int, first_peer: int) -> None:
    """The child: stream i comes from `first_peer + i` to `RELAY_PORT + i`."""
    sockets = []
    for index in range(streams):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        sock.bind(("127.0.0.1", RELAY_PORT + index))
        sock.connect(("127.0.0.1", first_peer + index))
        sockets.append(sock)
    epoll = select.epoll()
    by_fd = {}
    for index, sock in enumerate(sockets):
        epoll.register(sock.fileno(), select.EPOLLIN)
        by_fd[sock.fileno()] = (sock.recv_into, index)
    buffers = [memoryview(bytearray(512)) for _ in range(streams)]
    packets = [buffer[:172] for buffer in buffers]
    sends = [sockets[index ^ 1].send for index in range(streams)]
    print("ready", flush=True)
    due = time.monotonic()
    while True:
        due += FRAME_S
        time.sleep(max(0.0, due - time.monotonic()))
        fresh = []
        for fd, _ in epoll.poll(0, streams):
            receive, index = by_fd[fd]
            try:
                receive(buffers[index])
            except OSError:
                continue
            fresh.append(index)
        for index in fresh:
            try:
                sends[index](packets[index])
            except OSError:
                continue


def cpu_s(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure_floor(phones: list[str], calls: int, seconds: float, warm_up_s: float, first_peer: int) -> float:
    """CPU per cent of a core for `calls` relayed calls; `phones` is the command line of the load."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, __file__, str(2 * calls), str(first_peer), stdout=asyncio.subprocess.PIPE
    )
    load = await asyncio.create_subprocess_exec(*phones, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None and load.stdin is not None and load.stdout is not None
    try:
        await child.stdout.readline()
        _write(load.stdin, {"streams": 2 * calls, "seconds": warm_up_s + seconds + 0.5})
        await load.stdout.readline()
        _write(load.stdin, {"remotes": [RELAY_PORT + index for index in range(2 * calls)]})
        await asyncio.sleep(warm_up_s)
        before, began = cpu_s(child.pid), time.monotonic()
        await asyncio.sleep(seconds)
        percent = 100 * (cpu_s(child.pid) - before) / (time.monotonic() - began)
        await load.wait()
    finally:
        child.kill()
        await child.wait()
    return percent


def _write(stdin: asyncio.StreamWriter, order: dict[str, Any]) -> None:
    stdin.write(json.dumps(order).encode() + b"\n")


if __name__ == "__main__":
    relay(int(sys.argv[1]), int(sys.argv[2]))
