"""The registrar's rules (RFC 3261 10.3), one by one."""

import pytest

from trebuchet.sip.errors import SipError
from trebuchet.sip.message import Request, parse_message
from trebuchet.sip.outputs import Flow
from trebuchet.sip.register import Contact, Outcome, RegisterRules, register

NOW = 1_700_000_000.25
RULES = RegisterRules()
FLOW = Flow("udp", ("192.0.2.1", 5060), ("198.51.100.9", 40_123))


def request(*headers: str, call_id: str = "one", cseq: int = 1, via: str = ";rport=40123") -> Request:
    lines = [
        "REGISTER sip:office.example SIP/2.0",
        f"Via: SIP/2.0/UDP 10.0.0.5:5062;branch=z9hG4bKx{via}",
        "From: <sip:bob@office.example>;tag=a",
        "To: <sip:bob@office.example>",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} REGISTER",
        *headers,
        "Content-Length: 0\r\n\r\n",
    ]
    message = parse_message("\r\n".join(lines).encode())
    assert isinstance(message, Request)
    return message


def apply(current: tuple[Contact, ...], outcome: Outcome) -> tuple[Contact, ...]:
    """What a store holds afterwards."""
    gone = {contact.key for contact in (*outcome.removed, *outcome.stored)}
    return (*(contact for contact in current if contact.key not in gone), *outcome.stored)


def once(*headers: str, current: tuple[Contact, ...] = (), now: float = NOW, cseq: int = 1, call_id: str = "one",
         rules: RegisterRules = RULES) -> Outcome:  # fmt: skip
    return register(request(*headers, cseq=cseq, call_id=call_id), current, FLOW, now, rules)


def listed(outcome: Outcome) -> list[str]:
    return [value for name, value in outcome.headers if name == "Contact"]


def test_a_contact_is_stored_with_the_way_it_came_by() -> None:
    outcome = once("Contact: <sip:bob@10.0.0.5:5062>;expires=600;q=0.7")
    assert (outcome.status, outcome.removed) == (200, ())
    (contact,) = outcome.stored
    assert contact.uri == "sip:bob@10.0.0.5:5062"
    assert (contact.expires_at, contact.q, contact.flow) == (NOW + 600, 700, FLOW)
    assert listed(outcome) == ["<sip:bob@10.0.0.5:5062>;q=0.7;expires=600"]


def test_without_rport_a_datagram_is_answered_and_called_at_the_port_it_names() -> None:
    outcome = register(request("Contact: <sip:bob@10.0.0.5>", via=""), (), FLOW, NOW, RULES)
    assert outcome.stored[0].flow.remote == ("198.51.100.9", 5062)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (("Contact: <sip:a@h>;expires=300", "Expires: 900"), 300),
        (("Contact: <sip:a@h>", "Expires: 900"), 900),
        (("Contact: <sip:a@h>",), 3600),
        (("Contact: <sip:a@h>;expires=soon",), 3600),
        (("Contact: <sip:a@h>;expires=60",), 60),
        (("Contact: <sip:a@h>;expires=4294967295",), 3600),
    ],
)
def test_how_long_a_registration_lasts(headers: tuple[str, ...], seconds: int) -> None:
    assert once(*headers).stored[0].expires_at == NOW + seconds


def test_too_short_a_registration_is_refused_with_the_shortest_there_is() -> None:
    assert once("Contact: <sip:a@h>;expires=59") == Outcome(423, (("Min-Expires", "60"),))


def test_several_contacts_and_a_query() -> None:
    current = apply((), once("Contact: <sip:a@h>;q=0.5, <sip:b@h>;q=1.0", "Contact: <sip:c@h>"))
    answer = once(current=current, cseq=2, now=NOW + 600)
    assert answer.stored == answer.removed == ()
    assert listed(answer) == [
        "<sip:a@h>;q=0.5;expires=3000", "<sip:b@h>;q=1;expires=3000", "<sip:c@h>;q=1;expires=3000",
    ]  # fmt: skip


def test_a_refreshed_contact_replaces_itself_and_leaves_the_others() -> None:
    current = apply((), once("Contact: <sip:a@h>, <sip:b@h>"))
    refreshed = once("Contact: <sip:a@H;transport=UDP>, <sip:a@h>;expires=120", current=current, cseq=2)
    assert [contact.uri for contact in refreshed.stored] == ["sip:a@H;transport=UDP", "sip:a@h"]
    assert refreshed.removed == ()
    assert len(apply(current, refreshed)) == 3


def test_expires_0_removes_one() -> None:
    current = apply((), once("Contact: <sip:a@h>, <sip:b@h>"))
    outcome = once("Contact: <sip:a@h>;expires=0", current=current, cseq=2)
    assert [contact.uri for contact in outcome.removed] == ["sip:a@h"]
    assert listed(outcome) == ["<sip:b@h>;q=1;expires=3600"]


def test_a_star_removes_all() -> None:
    current = apply((), once("Contact: <sip:a@h>, <sip:b@h>"))
    outcome = once("Contact: *", "Expires: 0", current=current, cseq=2)
    assert (outcome.status, outcome.headers, apply(current, outcome)) == (200, (), ())


@pytest.mark.parametrize(
    "headers",
    [("Contact: *",), ("Contact: *", "Expires: 60"), ("Contact: *, <sip:a@h>", "Expires: 0")],
)
def test_a_star_is_alone_and_with_expires_0(headers: tuple[str, ...]) -> None:
    with pytest.raises(SipError) as raised:
        once(*headers)
    assert raised.value.status == 400


@pytest.mark.parametrize("headers", [("Contact: <sip:a@h>;expires=0",), ("Contact: *", "Expires: 0")])
@pytest.mark.parametrize("cseq", [4, 5])
def test_an_older_request_of_the_same_call_changes_nothing(headers: tuple[str, ...], cseq: int) -> None:
    current = apply((), once("Contact: <sip:a@h>", cseq=5))
    with pytest.raises(SipError) as raised:
        once(*headers, current=current, cseq=cseq)
    assert raised.value.status == 500
    assert once(*headers, current=current, cseq=1, call_id="rebooted").removed == current


def test_what_has_expired_is_dropped_and_no_longer_listed() -> None:
    current = apply((), once("Contact: <sip:a@h>;expires=60"))
    outcome = once("Contact: <sip:b@h>", current=current, cseq=1, call_id="other", now=NOW + 60)
    assert outcome.removed == current
    assert listed(outcome) == ["<sip:b@h>;q=1;expires=3600"]


def test_beyond_the_limit_the_one_that_would_end_first_goes() -> None:
    rules = RegisterRules(max_contacts=2)
    current = apply((), once("Contact: <sip:a@h>;expires=100, <sip:b@h>;expires=90", rules=rules))
    outcome = once("Contact: <sip:c@h>", current=current, cseq=2, rules=rules)
    assert [contact.uri for contact in outcome.removed] == ["sip:b@h"]
    assert {contact.uri for contact in apply(current, outcome)} == {"sip:a@h", "sip:c@h"}


@pytest.mark.parametrize(
    ("contact", "status"),
    [
        ("<tel:+15550100>", 400),
        ("<http://a.example>", 416),
        ("<sip:a@h>;q=2", 400),
        ("<sip:a@h>;q=1.1", 400),
        ("<sip:a@h>;q=0.1234", 400),
        (f"<sip:{'a' * 600}@h>", 400),
    ],
)
def test_contacts_that_are_none(contact: str, status: int) -> None:
    with pytest.raises(SipError) as raised:
        once(f"Contact: {contact}")
    assert raised.value.status == status
