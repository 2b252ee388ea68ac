"""An INVITE refused from its bytes gets the answer that parsing it would have given, or none."""

import pytest

from fuzz.corpus import seeds
from fuzz.mutate import mutations
from trebuchet.base.rand import SeededRand
from trebuchet.sip.errors import SipError
from trebuchet.sip.grammar import find_param
from trebuchet.sip.message import Request, Response, parse_message
from trebuchet.sip.shedding import MAX_GROWTH, Shedder
from trebuchet.sip.transactions import server_key

REMOTE = ("192.0.2.9", 5070)
PLAIN = (
    b"INVITE sip:+15551230002@192.0.2.1 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bKone;rport\r\n"
    b"v: SIP/2.0/TCP proxy.example;branch=z9hG4bKtwo\r\n"
    b"Max-Forwards: 70\r\nf: \"A: b\" <sip:a@x>;tag=1\r\nTo: sip:b@y\r\ni: abc@x\r\nCSeq: 7 INVITE\r\n"
    b"Contact: <sip:a@192.0.2.9>\r\nContent-Length: 0\r\n\r\n"
)  # fmt: skip


def unknown(key: str) -> bool:
    return False


def refuse(data: bytes, remote: tuple[str, int] = REMOTE) -> bytes | None:
    return Shedder(SeededRand(1), 5).refuse(data, remote, unknown)


def test_the_answer_carries_what_the_sender_needs() -> None:
    data = refuse(PLAIN)
    assert data is not None
    answer, request = parse_message(data), parse_message(PLAIN)
    assert isinstance(answer, Response) and isinstance(request, Request)
    assert (answer.status, answer.headers.get("retry-after"), answer.body) == (503, "5", b"")
    for header in ("from", "call-id", "cseq"):
        assert answer.headers.get_all(header) == request.headers.get_all(header)
    assert answer.to.uri_text == "sip:b@y" and answer.to.tag
    first, second = answer.vias
    assert (first.branch, first.host, first.port) == ("z9hG4bKone", "192.0.2.9", 5070)
    assert (find_param(first.params, "received"), find_param(first.params, "rport")) == ("192.0.2.9", "5070")
    assert second.branch == "z9hG4bKtwo"


def test_a_repetition_gets_the_same_answer_and_its_ack_is_known() -> None:
    made = Shedder(SeededRand(1), 5)
    first, second = (made.refuse(PLAIN, REMOTE, unknown) for _ in range(2))
    assert first is not None and first == second
    tag = parse_message(first).to.tag
    ack = PLAIN.replace(b"INVITE", b"ACK").replace(b"To: sip:b@y", f"To: sip:b@y;tag={tag}".encode())
    assert made.is_ack_of_refusal(ack)
    assert not made.is_ack_of_refusal(PLAIN.replace(b"INVITE", b"ACK"))
    assert not Shedder(SeededRand(2), 5).is_ack_of_refusal(ack)


@pytest.mark.parametrize(
    "change",
    [
        (b"INVITE sip:", b"OPTIONS sip:"),
        (b"To: sip:b@y", b"To: sip:b@y;tag=there"),
        (b"branch=z9hG4bKone;rport", b"branch=old;rport"),
        (b"rport", b"received=198.51.100.1;rport"),
        (b"rport", b"maddr=198.51.100.1"),
        (b":5070;branch=z9hG4bKone;rport", b":9999;branch=z9hG4bKone"),
        (b"SIP/2.0/UDP", b"SIP/2.0/TCP"),
        (b"CSeq: 7 INVITE", b"CSeq: 7\r\n INVITE"),
        (b"CSeq: 7 INVITE\r\n", b""),
        (b"i: abc@x", b"i: abc@x\r\nCall-ID: abc@x"),
        (b"\r\n\r\n", b"\r\n"),
    ],
)
def test_what_is_not_plain_is_left_to_the_parser(change: tuple[bytes, bytes]) -> None:
    assert change[0] in PLAIN
    assert refuse(PLAIN.replace(*change, 1)) is None


def test_a_call_that_was_let_in_is_not_refused_again() -> None:
    asked: list[str] = []

    def known(key: str) -> bool:
        asked.append(key)
        return True

    assert Shedder(SeededRand(1), 5).refuse(PLAIN, REMOTE, known) is None
    request = parse_message(PLAIN)
    assert isinstance(request, Request)
    assert asked == [server_key(request, "INVITE")]


def test_whatever_comes_the_answer_is_sound_and_small() -> None:
    """Any INVITE it answers is one that could be parsed, or the answer harms nobody but its sender."""
    answered = 0
    for data in mutations((PLAIN, seeds("sip")[0]), 5, 4000):
        answer = refuse(data, ("127.0.0.1", 5070)) or refuse(data)
        if answer is None:
            continue
        answered += 1
        assert len(answer) <= len(data) + MAX_GROWTH
        try:
            parsed = parse_message(answer)
        except SipError:
            continue  # a header that was broken already is broken in the answer too
        assert isinstance(parsed, Response) and parsed.status == 503
    assert answered > 500
