"""Credentials: for the trunk's own challenges, and for nobody else's."""

import pytest
from sip_pair import Lone, first, methods, only, place, response

from trebuchet.sip.auth import parse_auth
from trebuchet.sip.client_auth import TrunkCredentials
from trebuchet.sip.message import Request
from trebuchet.sip.outputs import Answered, Ended, LegId

TRUNK = TrunkCredentials("alice", "secret")
LEG = LegId(1)


def _challenge(status: int, nonce: str, extra: str = "", realm: str = "trunk") -> str:
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    return f'{name}: Digest realm="{realm}", nonce="{nonce}", algorithm=MD5, qop="auth"{extra}\r\n'


def _called(credentials: TrunkCredentials | None = TRUNK, host: str = "10.0.0.1") -> tuple[Lone, Request]:
    lone = Lone()
    place(lone, credentials=credentials, host=host)
    return lone, first(lone.sent(), "INVITE")


def _shown(message: Request, status: int = 401) -> dict[str, str]:
    value = message.headers.get("Authorization" if status == 401 else "Proxy-Authorization")
    assert value is not None
    return parse_auth(value)[0][1]


def _shows(message: Request) -> bool:
    return "Authorization" in message.headers or "Proxy-Authorization" in message.headers


@pytest.mark.parametrize("status", [401, 407])
def test_a_challenge_is_answered(status: int) -> None:
    lone, invite = _called()
    assert not _shows(invite)
    sent = lone.send(response(invite, status, headers=_challenge(status, "n1")))
    assert methods(sent) == ["ACK", "INVITE"]
    again = first(sent, "INVITE")
    shown = _shown(again, status)
    assert (shown["username"], shown["realm"], shown["nonce"], shown["nc"]) == ("alice", "trunk", "n1", "00000001")
    assert (again.call_id, again.from_.tag) == (invite.call_id, invite.from_.tag)
    assert again.cseq.number == invite.cseq.number + 1
    assert again.via.branch != invite.via.branch
    assert again.body == invite.body


def test_wrong_credentials_are_shown_once() -> None:
    lone, invite = _called()
    again = first(lone.send(response(invite, 401, headers=_challenge(401, "n1"))), "INVITE")
    assert methods(lone.send(response(again, 401, headers=_challenge(401, "n2")))) == ["ACK"]
    assert only(lone.news, Ended).status == 401
    lone.finish()


def test_a_stale_nonce_is_replaced_but_not_for_ever() -> None:
    lone, invite = _called()
    tries = 0
    while tries < 20:
        sent = lone.send(response(invite, 401, headers=_challenge(401, f"n{tries}", ", stale=true")))
        if "INVITE" not in methods(sent):
            break
        tries += 1
        invite = first(sent, "INVITE")
        assert _shown(invite)["nonce"] == f"n{tries - 1}"
    assert tries == 3
    assert only(lone.news, Ended).status == 401


def test_proxy_and_server_may_both_ask() -> None:
    lone, invite = _called()
    again = first(lone.send(response(invite, 407, headers=_challenge(407, "p"))), "INVITE")
    third = first(lone.send(response(again, 401, headers=_challenge(401, "s"))), "INVITE")
    assert (_shown(third, 407)["nonce"], _shown(third, 401)["nonce"]) == ("p", "s")


def test_the_nonce_count_rises_within_a_call_and_ack_repeats_the_invites() -> None:
    lone, invite = _called()
    again = first(lone.send(response(invite, 401, headers=_challenge(401, "n1"))), "INVITE")
    ack = first(lone.send(response(again, 200, body="v=0")), "ACK")
    assert ack.headers.get("Authorization") == again.headers.get("Authorization")
    lone.ua.reinvite(LEG, b"v=0 hold", 0.0)
    changed = first(lone.sent(), "INVITE")
    assert _shown(changed)["nc"] == "00000002"
    lone.send(response(changed, 200, body="v=0"))
    lone.ua.hang_up(LEG, 0.0)
    bye = first(lone.sent(), "BYE")
    assert _shown(bye)["nc"] == "00000003"
    again_bye = first(lone.send(response(bye, 401, headers=_challenge(401, "n2"))), "BYE")
    assert (_shown(again_bye)["nonce"], _shown(again_bye)["nc"]) == ("n2", "00000001")
    lone.send(response(again_bye, 200))
    lone.finish()


def test_without_credentials_a_challenge_is_a_refusal() -> None:
    lone, invite = _called(None)
    assert methods(lone.send(response(invite, 401, headers=_challenge(401, "n1")))) == ["ACK"]
    assert only(lone.news, Ended).status == 401


def test_a_challenge_from_another_address_is_not_answered() -> None:
    lone, invite = _called()
    sent = lone.send(response(invite, 401, headers=_challenge(401, "n1")), source=("192.0.2.66", 5060))
    assert methods(sent) == ["ACK"]


def test_another_realm_is_not_answered_when_the_realm_is_configured() -> None:
    lone, invite = _called(TrunkCredentials("alice", "secret", realm="trunk"))
    sent = lone.send(response(invite, 401, headers=_challenge(401, "n1", realm="attacker")))
    assert methods(sent) == ["ACK"]


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_a_dialog_led_elsewhere_shows_no_credentials(method: str) -> None:
    lone, invite = _called()
    again = first(lone.send(response(invite, 401, headers=_challenge(401, "n1"))), "INVITE")
    answer = response(again, 200, body="v=0").replace("<sip:peer@10.0.0.1:5060>", "<sip:peer@192.0.2.66>")
    acks = lone.send(answer)
    assert methods(acks) == ["ACK"] and not _shows(first(acks, "ACK"))
    assert only(lone.news, Answered)
    if method == "INVITE":
        lone.ua.reinvite(LEG, b"v=0 hold", 0.0)
    else:
        lone.ua.hang_up(LEG, 0.0)
    sent, target = lone.sent_to()[0]
    assert isinstance(sent, Request)
    assert target == ("192.0.2.66", 5060)
    assert not _shows(sent)
    replies = lone.send(response(sent, 401, headers=_challenge(401, "n9")), source=("192.0.2.66", 5060))
    assert not any(_shows(message) for message in replies if isinstance(message, Request))
    assert method not in methods(replies)


def test_a_further_host_of_the_trunk_may_ask() -> None:
    credentials = TrunkCredentials("alice", "secret", hosts=frozenset({"10.0.0.7"}))
    lone, invite = _called(credentials)
    sent = lone.send(response(invite, 401, headers=_challenge(401, "n1")), source=("10.0.0.7", 5060))
    assert methods(sent) == ["ACK", "INVITE"]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "WWW-Authenticate: Basic realm=x\r\n",
        "WWW-Authenticate: Digest\r\n",
        'WWW-Authenticate: Digest realm="x", nonce="y", algorithm=ROT13\r\n',
        'WWW-Authenticate: Digest realm="a\0b", nonce="y"\r\n',
        "WWW-Authenticate: ,,,=\r\n",
    ],
)
def test_a_challenge_we_cannot_answer_is_a_refusal(header: str) -> None:
    lone, invite = _called()
    assert methods(lone.send(response(invite, 401, headers=header))) == ["ACK"]
    assert only(lone.news, Ended).status == 401
    lone.finish()


def test_a_cancelled_call_answers_no_challenge() -> None:
    lone, invite = _called()
    lone.send(response(invite, 100, tag=None))
    lone.ua.hang_up(LEG, 0.0)
    cancel = first(lone.sent(), "CANCEL")
    assert not _shows(cancel)
    assert methods(lone.send(response(invite, 401, headers=_challenge(401, "n1")))) == ["ACK"]
    assert lone.ua.call_count == 0


def test_the_password_is_not_in_any_text_form() -> None:
    assert "secret" not in repr(TRUNK)
