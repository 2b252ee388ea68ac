"""A caller whose clock is fine enough: SIPp measures in steps of 4 ms, this in microseconds.

    python -m lab.caller HOST PORT NUMBER RATE SECONDS [HOLD_S]

Places calls at random moments (Poisson, seeded) from one UDP socket: INVITE, 200, ACK, after `HOLD_S` BYE, 200. An
INVITE or BYE without answer is sent again as RFC 3261 17.1 says. Prints one line of JSON: calls, failures by reason,
INVITE to 200 in milliseconds at p50, p99 and worst, messages sent again, CPU seconds, and how late the calls started.
"""

import asyncio
import json
import os
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import uvloop

T1_S = 0.5
GIVE_UP_S = 64 * T1_S
SEED = 20

_SDP = (
    "v=0\r\no=caller 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0 8 101\r\n"
    "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
)


@dataclass(slots=True)
class Dialog:
    number: int
    began: float
    method: str = "INVITE"
    to: str = ""
    wait_s: float = T1_S
    since: float = 0.0
    timer: asyncio.TimerHandle | None = None
    request: bytes = field(default=b"", repr=False)


class Caller(asyncio.DatagramProtocol):
    def __init__(self, target: tuple[str, int], number: str, hold_s: float) -> None:
        self._target, self._number, self._hold_s = target, number, hold_s
        self._loop = asyncio.get_running_loop()
        self._dialogs: dict[str, Dialog] = {}
        self.setup_s: list[float] = []
        self.failures: Counter[str] = Counter()
        self.completed = self.placed = self.repeated = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._local = transport.get_extra_info("sockname")[1]

    @staticmethod
    def _call_id(dialog: Dialog) -> str:
        return f"{os.getpid()}.{dialog.number}"

    # --- requests

    def call(self) -> None:
        self.placed += 1
        dialog = Dialog(self.placed, time.perf_counter())
        self._dialogs[self._call_id(dialog)] = dialog
        self._start(dialog, "INVITE", f"<sip:{self._number}@{self._target[0]}:{self._target[1]}>", _SDP)

    def _start(self, dialog: Dialog, method: str, to: str, body: str = "") -> None:
        dialog.method, dialog.since, dialog.wait_s = method, self._loop.time(), T1_S
        dialog.request = self._print(dialog, method, to, body)
        self._transport.sendto(dialog.request)  # type: ignore[attr-defined]  # a datagram transport
        dialog.timer = self._loop.call_later(T1_S, self._repeat, dialog)

    def _print(self, dialog: Dialog, method: str, to: str, body: str = "") -> bytes:
        here, call_id = f"127.0.0.1:{self._local}", self._call_id(dialog)
        sequence = 2 if method == "BYE" else 1
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} sip:{self._number}@{self._target[0]}:{self._target[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {here};branch=z9hG4bK{method}{call_id}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:+15557654321@127.0.0.1>;tag=t{dialog.number}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n"
            f"CSeq: {sequence} {method}\r\nContact: <sip:bench@{here}>\r\n{kind}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def _repeat(self, dialog: Dialog) -> None:
        if self._loop.time() - dialog.since > GIVE_UP_S:
            self._end(dialog, "timeout")
            return
        self.repeated += 1
        dialog.wait_s = min(dialog.wait_s * 2, GIVE_UP_S)
        self._transport.sendto(dialog.request)  # type: ignore[attr-defined]
        dialog.timer = self._loop.call_later(dialog.wait_s, self._repeat, dialog)

    # --- responses

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        lines = data.partition(b"\r\n\r\n")[0].decode().split("\r\n")
        status = int(lines[0][8:11])
        headers = dict(line.split(": ", 1) for line in lines[1:])
        dialog = self._dialogs.get(headers["Call-ID"])
        if dialog is None:
            return
        method = headers["CSeq"].split()[1]
        if method == "INVITE" and status == 200:
            self._handle_ok(dialog, headers["To"])
        elif dialog.timer is not None and method == "INVITE" and status < 200:
            dialog.timer.cancel()
            dialog.timer = self._loop.call_later(GIVE_UP_S, self._end, dialog, "unanswered")
        elif method == "BYE" and status == 200:
            self._end(dialog, None)
        elif status >= 300:
            if method == "INVITE":
                self._transport.sendto(self._print(dialog, "ACK", headers["To"]))  # type: ignore[attr-defined]
            self._end(dialog, str(status))

    def _handle_ok(self, dialog: Dialog, to: str) -> None:
        self._transport.sendto(self._print(dialog, "ACK", to))  # type: ignore[attr-defined]
        if dialog.method == "BYE" or dialog.to:
            return
        dialog.to = to
        self.setup_s.append(time.perf_counter() - dialog.began)
        self._stop_timer(dialog)
        self._loop.call_later(self._hold_s, self._start, dialog, "BYE", to)

    def _end(self, dialog: Dialog, failure: str | None) -> None:
        self._stop_timer(dialog)
        if self._dialogs.pop(self._call_id(dialog), None) is None:
            return
        if failure is None:
            self.completed += 1
        else:
            self.failures[failure] += 1

    @staticmethod
    def _stop_timer(dialog: Dialog) -> None:
        if dialog.timer is not None:
            dialog.timer.cancel()
            dialog.timer = None

    @property
    def is_idle(self) -> bool:
        return not self._dialogs


async def run(target: tuple[str, int], number: str, rate: float, seconds: float, hold_s: float) -> dict[str, object]:
    loop = asyncio.get_running_loop()
    transport, caller = await loop.create_datagram_endpoint(lambda: Caller(target, number, hold_s), remote_addr=target)
    gaps = random.Random(SEED)
    late: list[float] = []
    began = due = time.perf_counter()
    while (due := due + gaps.expovariate(rate)) < began + seconds:
        if due > time.perf_counter():
            await asyncio.sleep(due - time.perf_counter())
        late.append(time.perf_counter() - due)
        caller.call()
    while not caller.is_idle and time.perf_counter() < began + seconds + hold_s + GIVE_UP_S:
        await asyncio.sleep(0.05)
    transport.close()
    return {
        "calls": caller.placed, "completed": caller.completed, "failures": caller.failures,
        "setup_p50_ms": _at(caller.setup_s, 0.5), "setup_p99_ms": _at(caller.setup_s, 0.99),
        "setup_worst_ms": _at(caller.setup_s, 1.0), "repeated": caller.repeated, "cpu_s": time.process_time(),
        "late_p99_ms": _at(late, 0.99),
    }  # fmt: skip


def _at(seconds: list[float], share: float) -> float:
    """A quantile, in milliseconds."""
    ordered = sorted(seconds)
    return 1e3 * ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def main() -> None:
    host, port, number, rate, seconds, *rest = sys.argv[1:]
    hold_s = float(rest[0]) if rest else 0.0
    print(json.dumps(uvloop.run(run((host, int(port)), number, float(rate), float(seconds), hold_s))))


if __name__ == "__main__":
    main()
