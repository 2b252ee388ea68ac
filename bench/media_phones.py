"""The phones of the media benches: one process that sends every party's audio and listens to what comes back.

Run as a child: it reads `{"streams", "seconds", "shape", "members", "warm_up_s"}` as a line of JSON, binds
`GENERATOR_PORT` and the ports after it, and answers `{"ready": true}`; then it reads `{"remotes": [port, …]}`, plays,
and prints its result. Packets are spread over the tick; how late it was itself, and what share of a core it used, is
part of the result, from the end of the warm-up on.

What must be heard depends on the shape: of a `bridge` (streams 2k and 2k+1) the other's tone; of a `prompt` the
prompt's; of a `conference` (each `members` streams in a row; the first three of each talk) the tones of those who talk.
Nobody may hear his own.
"""

import json
import select
import socket
import sys
import time
from typing import Any

import numpy as np

from trebuchet.media.priority import take_precedence
from trebuchet.testing.g711_reference import MULAW
from trebuchet.testing.tones import tone, tone_level

FRAME_S = 0.02
SLOTS = 10
"""The packets are spread over the tick in this many portions."""
LATE_S = 0.005
TONE_STEP_HZ = 50
"""Tones at multiples of this repeat exactly with every packet."""
TONES = 54
PROMPT_HZ = 3150.0
"""Above every party's own."""
TALKERS = 3
SAMPLED = 40
GENERATOR_PORT = 30_000
"""Up to 2,700 phones lie below the ports the kernel gives out by itself, where another program may sit by chance."""
HEARD_DB, UNHEARD_DB = -20, -40


def tone_of(stream: int) -> float:
    """Neighbours (the two parties of a bridge) differ by more than any spectrum needs."""
    return float(TONE_STEP_HZ * (6 + (stream * 7) % TONES))


def talkers(stream: int, members: int) -> range:
    """Those who talk in the stream's conference."""
    first = stream - stream % members
    return range(first, first + TALKERS)


def expected(stream: int, shape: str, members: int) -> list[float]:
    """The tones a party must hear."""
    if shape == "bridge":
        return [tone_of(stream ^ 1)]
    if shape == "prompt":
        return [PROMPT_HZ]
    return [tone_of(other) for other in talkers(stream, members) if other != stream]


def is_talking(stream: int, shape: str, members: int) -> bool:
    return shape != "conference" or stream in talkers(stream, members)


class Phones:
    """`remotes[i]` is the media port of stream i."""

    def __init__(self, sockets: list[socket.socket], remotes: list[int], shape: str, members: int) -> None:
        self.sockets, self.shape, self.members = sockets, shape, members
        count = len(sockets)
        for sock, port in zip(sockets, remotes, strict=True):
            sock.connect(("127.0.0.1", port))
        self.tx = np.zeros((count, 172), np.uint8)
        self.tx[:, 0] = 0x80
        self.tx[:, 8:12] = np.arange(1, count + 1, dtype=">u4").view(np.uint8).reshape(count, 4)
        for stream in range(count):
            audio = tone(tone_of(stream), FRAME_S)
            silence = np.zeros_like(audio)
            said = audio if is_talking(stream, shape, members) else silence
            self.tx[stream, 12:] = np.frombuffer(MULAW.encode(said), np.uint8)
        self.rows = [memoryview(row) for row in self.tx]  # type: ignore[arg-type]  # ndarray is a buffer
        self.sequence = np.zeros(count, np.int64)
        self.heard = [0] * count
        self.last = [-1] * count
        self.gaps = 0
        self.sent = 0
        self.late = 0
        self.worst_late_s = 0.0
        self.cpu_s = 0.0
        self.samples: dict[int, list[bytes]] = {stream: [] for stream in range(0, count, max(1, count // SAMPLED))}
        self.epoll = select.epoll()
        self.by_fd = {}
        for stream, sock in enumerate(sockets):
            self.epoll.register(sock.fileno(), select.EPOLLIN)
            self.by_fd[sock.fileno()] = stream
        self.buffer = bytearray(2048)

    def send_slot(self, slot: int) -> None:
        rows = slice(slot, None, SLOTS)
        sequence = self.sequence[rows]
        self.tx[rows, 2:4] = sequence.astype(">u2").view(np.uint8).reshape(-1, 2)
        self.tx[rows, 4:8] = (sequence * 160).astype(">u4").view(np.uint8).reshape(-1, 4)
        sequence += 1
        for stream in range(slot, len(self.sockets), SLOTS):
            try:
                self.sockets[stream].send(self.rows[stream])
                self.sent += 1
            except OSError:
                pass

    def receive(self) -> None:
        buffer = self.buffer
        for fd, _ in self.epoll.poll(0, len(self.sockets)):
            stream = self.by_fd[fd]
            try:
                length = self.sockets[stream].recv_into(buffer)
            except OSError:
                continue
            sequence = buffer[2] << 8 | buffer[3]
            if self.last[stream] >= 0:
                self.gaps += (sequence - self.last[stream] - 1) & 0xFFFF
            self.last[stream] = sequence
            self.heard[stream] += 1
            kept = self.samples.get(stream)
            if kept is not None:
                kept.append(bytes(buffer[12:length]))
                del kept[:-25]

    def run(self, seconds: float, warm_up_s: float) -> dict[str, Any]:
        due = time.monotonic()
        slots, warm_up = round(seconds / FRAME_S) * SLOTS, round(warm_up_s / FRAME_S) * SLOTS
        for number in range(slots):
            if number == warm_up:
                self.late, self.worst_late_s, self.cpu_s = 0, 0.0, time.process_time()
            time.sleep(max(0.0, due - time.monotonic()))
            late_s = time.monotonic() - due
            self.late += late_s > LATE_S
            self.worst_late_s = max(self.worst_late_s, late_s)
            self.send_slot(number % SLOTS)
            self.receive()
            due += FRAME_S / SLOTS
        self.cpu_s = time.process_time() - self.cpu_s
        return self.result(slots - warm_up)

    def hears_wrong(self, stream: int, pcm: Any) -> bool:
        wanted = expected(stream, self.shape, self.members)
        is_own_heard = is_talking(stream, self.shape, self.members) and tone_level(pcm, tone_of(stream)) > UNHEARD_DB
        return is_own_heard or any(tone_level(pcm, hz) < HEARD_DB for hz in wanted)

    def result(self, slots: int) -> dict[str, Any]:
        wrong = 0
        for stream, kept in self.samples.items():
            wrong += self.hears_wrong(stream, MULAW.decode(b"".join(kept)))
        return {
            "sent": self.sent,
            "heard": sum(self.heard),
            "gaps": self.gaps,
            "late_share": self.late / slots,
            "worst_late_ms": self.worst_late_s * 1000,
            "cpu_share": self.cpu_s / (slots * FRAME_S / SLOTS),
            "sampled": len(self.samples),
            "wrong_tones": wrong,
        }


def play_phones() -> None:
    """The child: learn how many, bind, tell; learn where to, play, tell."""
    order = json.loads(sys.stdin.readline())
    sockets = []
    for index in range(order["streams"]):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        sock.bind(("127.0.0.1", GENERATOR_PORT + index))
        sockets.append(sock)
    print(json.dumps({"ready": True}), flush=True)
    remotes = json.loads(sys.stdin.readline())["remotes"]
    take_precedence()
    phones = Phones(sockets, remotes, order.get("shape", "bridge"), order.get("members", 2))
    print(json.dumps(phones.run(order["seconds"], order.get("warm_up_s", 0.0))), flush=True)


if __name__ == "__main__":
    play_phones()
