"""rtpengine as Debian ships it, forwarding in user space: what a packet relay in C costs for the same streams."""

import asyncio
import contextlib
import json
import re
import shutil
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

from media_floor import cpu_s
from media_load import WARM_UP_S
from media_phones import GENERATOR_PORT

PROGRAM = "rtpengine"
NG_PORT = 22_222
PORTS = (20_000, 29_999)
START_LIMIT_S = 10.0


def bencode(value: object) -> bytes:
    """Dictionaries and texts, all that the control protocol needs."""
    if isinstance(value, dict):
        return b"d" + b"".join(bencode(key) + bencode(item) for key, item in sorted(value.items())) + b"e"
    text = str(value).encode()
    return b"%d:%b" % (len(text), text)


def sdp(port: int) -> str:
    lines = (
        "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", f"m=audio {port} RTP/AVP 0",
        "a=rtpmap:0 PCMU/8000",
    )  # fmt: skip
    return "\r\n".join(lines) + "\r\n"


class Control:
    """The ng control protocol over UDP: a cookie, then a bencoded dictionary."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(1.0)
        self._socket.connect(("127.0.0.1", NG_PORT))
        self._cookie = time.monotonic_ns()
        """Answers are remembered by cookie: none may come twice."""

    def ask(self, **fields: str) -> bytes:
        self._cookie += 1
        named = {name.replace("_", "-"): text for name, text in fields.items()}
        self._socket.send(b"%d " % self._cookie + bencode(named))
        return self._socket.recv(8192)

    def bridge(self, call: int, a: int, b: int) -> tuple[int, int]:
        """Join two phones; returns where each of them must send."""
        common = {"call_id": f"bench-{call}", "from_tag": f"a{call}"}
        for_b = self.ask(command="offer", sdp=sdp(a), **common)
        for_a = self.ask(command="answer", sdp=sdp(b), to_tag=f"b{call}", **common)
        return _audio_port(for_a), _audio_port(for_b)

    def close(self) -> None:
        self._socket.close()


def _audio_port(answer: bytes) -> int:
    found = re.search(rb"m=audio (\d+)", answer)
    if found is None:
        raise RuntimeError(f"rtpengine said {answer[:200]!r}")
    return int(found[1])


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[asyncio.subprocess.Process]:
    program = shutil.which(PROGRAM)
    if program is None:
        raise RuntimeError("rtpengine is not installed: apt-get install rtpengine-daemon")
    process = await asyncio.create_subprocess_exec(
        program, "--config-file=none", "--foreground", "--table=-1", "--no-fallback", "--interface=127.0.0.1",
        f"--listen-ng=127.0.0.1:{NG_PORT}", f"--port-min={PORTS[0]}", f"--port-max={PORTS[1]}", "--num-threads=1",
        "--log-level=3", "--log-stderr", stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await _wait_ready(process)
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _wait_ready(process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(START_LIMIT_S):
        while process.returncode is None:
            control = Control()
            try:
                if b"pong" in control.ask(command="ping"):
                    return
            except OSError:
                await asyncio.sleep(0.05)
            finally:
                control.close()
    raise RuntimeError(f"rtpengine ended with {process.returncode}")


async def measure(calls: int, seconds: float, phones: list[str]) -> dict[str, Any]:
    """CPU per cent of a core for `calls` forwarded calls, and what the phones noticed."""
    async with running() as process:
        load = await asyncio.create_subprocess_exec(
            *phones, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert load.stdin is not None and load.stdout is not None
        order = {"streams": 2 * calls, "seconds": WARM_UP_S + seconds + 0.5}
        load.stdin.write(json.dumps(order).encode() + b"\n")
        await load.stdout.readline()
        control = Control()
        remotes: list[int] = []
        for call in range(calls):
            remotes += control.bridge(call, GENERATOR_PORT + 2 * call, GENERATOR_PORT + 2 * call + 1)
        control.close()
        load.stdin.write(json.dumps({"remotes": remotes}).encode() + b"\n")
        await asyncio.sleep(WARM_UP_S)
        before, began = cpu_s(process.pid), asyncio.get_running_loop().time()
        await asyncio.sleep(seconds)
        percent = 100 * (cpu_s(process.pid) - before) / (asyncio.get_running_loop().time() - began)
        heard = json.loads(await load.stdout.readline())
        await load.wait()
    return {"cpu_percent": percent, "phones": heard}
