"""CPU of the SIP core for one whole incoming call: INVITE, 100, 180, 200, ACK, BYE, 200. No sockets.

    python bench/sip_call.py [calls] [rounds]

Prints the best and the median round in microseconds a call, parsing and printing included, with the transactions of
earlier calls still in their tables (32 s of virtual time at 300 calls/s), and the cost of parsing alone. Then the same
calls with a sleep before each, as between the calls of a server that has time: what the machine forgets meanwhile.
"""

import gc
import statistics
import sys
import time

from trebuchet.base.rand import SystemRand
from trebuchet.sip.core import UserAgentConfig
from trebuchet.sip.message import parse_message
from trebuchet.sip.outputs import Flow, IncomingInvite, LegId, Send
from trebuchet.sip.user_agent import UserAgent

RATE_PER_S = 300
PAUSES_S = (0.001, 0.003)
PAUSED_CALLS = 1_000
SDP = (
    b"v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
)
FLOW = Flow("udp", ("127.0.0.1", 5060), ("127.0.0.1", 5061))


def request(method: str, number: int, branch: str, to_tag: str = "", body: bytes = b"") -> bytes:
    """What SIPp's built-in caller sends."""
    cseq = 2 if method == "BYE" else 1
    head = (
        f"{method} sip:service@127.0.0.1:5060 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:5061;branch=z9hG4bK-{number}-{branch}\r\n"
        f"From: sipp <sip:sipp@127.0.0.1:5061>;tag={number}SIPpTag00\r\n"
        f"To: service <sip:service@127.0.0.1:5060>{to_tag}\r\n"
        f"Call-ID: {number}-1@127.0.0.1\r\nCSeq: {cseq} {method}\r\n"
        "Contact: sip:sipp@127.0.0.1:5061\r\nMax-Forwards: 70\r\nSubject: Performance Test\r\n"
    )
    if body:
        head += "Content-Type: application/sdp\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def to_tag_of(data: bytes) -> str:
    line = next(line for line in data.split(b"\r\n") if line.startswith(b"To:"))
    return ";tag=" + line.rpartition(b"tag=")[2].decode()


def drain(ua: UserAgent) -> tuple[LegId | None, bytes]:
    leg: LegId | None = None
    last = b""
    while (output := ua.poll_output()) is not None:
        if isinstance(output, Send):
            last = output.data
        elif isinstance(output, IncomingInvite):
            leg = output.leg
    return leg, last


def one_call(ua: UserAgent, number: int, now: float) -> float:
    """One call; gives the CPU seconds spent in the core."""
    invite = request("INVITE", number, "1", body=SDP)
    start = time.process_time_ns()
    ua.handle_timeout(now)
    ua.handle_message(parse_message(invite), FLOW, now)
    leg, _ = drain(ua)
    assert leg is not None
    ua.ring(leg, now)
    ua.answer(leg, SDP, now)
    _, answer = drain(ua)
    spent = time.process_time_ns() - start
    tag = to_tag_of(answer)
    ack, bye = request("ACK", number, "5", tag), request("BYE", number, "7", tag)
    start = time.process_time_ns()
    ua.handle_message(parse_message(ack), FLOW, now)
    ua.handle_message(parse_message(bye), FLOW, now)
    drain(ua)
    return (spent + time.process_time_ns() - start) / 1e9


def paused_us(ua: UserAgent, first: int, pause_s: float) -> float:
    """Microseconds of CPU a call in the core when the process sleeps before each; the sleep's own are not counted."""
    spent = 0.0
    for number in range(first, first + PAUSED_CALLS):
        time.sleep(pause_s)
        spent += one_call(ua, number, number / RATE_PER_S)
    return spent / PAUSED_CALLS * 1e6


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    ua = UserAgent(UserAgentConfig(local_address=lambda transport, host: ("127.0.0.1", 5060)), SystemRand())
    gc.freeze()
    figures, number = [], 0
    for _ in range(rounds):
        spent = 0.0
        for _ in range(calls):
            number += 1
            spent += one_call(ua, number, number / RATE_PER_S)
        figures.append(spent / calls * 1e6)
    print(f"whole call: best {min(figures):.1f} us, median {statistics.median(figures):.1f} us")
    print(f"calls left {ua.call_count}, transactions in their tables {ua.transaction_count}")
    data = request("INVITE", 1, "1", body=SDP)
    start = time.process_time_ns()
    for _ in range(calls):
        parse_message(data)
    print(f"parsing an INVITE alone: {(time.process_time_ns() - start) / calls / 1e3:.1f} us")
    for pause_s in PAUSES_S:
        print(f"whole call after {1e3 * pause_s:g} ms of sleep: {paused_us(ua, number + 1, pause_s):.1f} us")
        number += PAUSED_CALLS


if __name__ == "__main__":
    main()
