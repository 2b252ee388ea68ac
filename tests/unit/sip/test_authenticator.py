"""Digest authentication of phones: right, wrong, unknown, stale, replayed, guessed."""

from trebuchet.base.rand import SeededRand
from trebuchet.sip.auth import Credentials, authorize, ha1, parse_challenges, pick_challenge
from trebuchet.sip.auth_server import NONCE_LIFETIME_S, Ha1
from trebuchet.sip.authenticator import (
    FAILURE_S,
    MAX_FAILURES,
    MAX_USER_FAILURES,
    SHA256_FIRST,
    Authenticator,
    Failures,
    Hashes,
    NonceCounts,
    Proven,
    Turned,
)
from trebuchet.sip.message import Headers, Request

REALM, USER, PASSWORD = "office.example", "bob", "correct horse"
HOST = "198.51.100.9"
URI = f"sip:{REALM}"


def hashes(user: str, password: str) -> Hashes:
    return Hashes(Ha1(ha1("MD5", user, REALM, password)), Ha1(ha1("SHA-256", user, REALM, password)))


KNOWN = {USER: [hashes(USER, "a token"), hashes(USER, PASSWORD)]}


def make(algorithms: tuple[str, ...] = SHA256_FIRST) -> Authenticator:
    return Authenticator(SeededRand(3), lambda user, realm: KNOWN.get(user) if realm == REALM else None, algorithms)


def request(method: str, authorization: str | None = None, uri: str = URI) -> Request:
    name = "Authorization" if method == "REGISTER" else "Proxy-Authorization"
    return Request(method, uri, Headers([] if authorization is None else [(name, authorization)]))


class Phone:
    """Answers the challenges of an authenticator."""

    def __init__(self, authenticator: Authenticator, user: str = USER, password: str = PASSWORD, **more: str) -> None:
        self.authenticator, self.credentials = authenticator, Credentials(user, password)
        self.method, self.host = more.get("method", "REGISTER"), more.get("host", HOST)

    def ask(self, now: float, authorization: str | None = None, uri: str = URI) -> Proven | Turned:
        return self.authenticator.check(request(self.method, authorization, uri), REALM, self.host, now)

    def answer(self, challenge: Turned, count: int = 1, uri: str = URI, algorithm: str | None = None) -> str:
        challenges = parse_challenges(value for _, value in challenge.headers)
        chosen = next((each for each in challenges if each.algorithm == algorithm), None) or pick_challenge(challenges)
        assert chosen is not None
        return authorize(chosen, self.credentials, self.method, uri, count, "cnonce")

    def try_once(self, now: float) -> Proven | Turned:
        challenge = self.ask(now)
        assert isinstance(challenge, Turned)
        return challenge if challenge.status == 503 else self.ask(now, self.answer(challenge))


def is_stale(answer: Proven | Turned) -> bool:
    assert isinstance(answer, Turned) and answer.status in (401, 407)
    return all(challenge.is_stale for challenge in parse_challenges(value for _, value in answer.headers))


def test_both_algorithms_and_every_secret_are_accepted() -> None:
    for algorithm in SHA256_FIRST:
        for password in (PASSWORD, "a token"):
            phone = Phone(make(), password=password)
            challenge = phone.ask(1.0)
            assert isinstance(challenge, Turned)
            assert phone.ask(1.0, phone.answer(challenge, algorithm=algorithm)) == Proven(USER)


def test_register_is_asked_as_a_server_and_invite_as_a_proxy() -> None:
    for method, status, name in (("REGISTER", 401, "WWW-Authenticate"), ("INVITE", 407, "Proxy-Authenticate")):
        phone = Phone(make(), method=method)
        challenge = phone.ask(1.0)
        assert isinstance(challenge, Turned)
        assert (challenge.status, [header for header, _ in challenge.headers]) == (status, [name, name])
        assert phone.try_once(1.0) == Proven(USER)


def test_md5_alone_unless_told_otherwise() -> None:
    challenge = Phone(Authenticator(SeededRand(1), lambda user, realm: None)).ask(1.0)
    assert isinstance(challenge, Turned)
    assert [each.algorithm for each in parse_challenges(value for _, value in challenge.headers)] == ["MD5"]


def test_a_wrong_password_and_an_unknown_user_get_the_same_answer() -> None:
    def shape(user: str, password: str) -> list[tuple[int, list[tuple[str, bool]]]]:
        phone = Phone(make(), user=user, password=password)
        answers = [phone.ask(1.0), phone.try_once(1.0), *(phone.try_once(1.0) for _ in range(MAX_USER_FAILURES))]
        return [
            (answer.status, [(name, "stale" in value) for name, value in answer.headers])
            for answer in answers
            if isinstance(answer, Turned)
        ]

    assert shape(USER, "wrong") == shape("nobody", PASSWORD)
    assert shape("nobody", PASSWORD)[-1][0] == 503


def test_a_nonce_serves_while_its_count_rises() -> None:
    phone = Phone(make())
    challenge = phone.ask(1.0)
    assert isinstance(challenge, Turned)
    assert phone.ask(1.0, phone.answer(challenge, 1)) == Proven(USER)
    assert phone.ask(2.0, phone.answer(challenge, 2)) == Proven(USER)
    for replayed in (1, 2):
        assert is_stale(phone.ask(3.0, phone.answer(challenge, replayed)))
    assert phone.ask(4.0, phone.answer(challenge, 9)) == Proven(USER)


def test_an_old_nonce_and_one_of_an_earlier_process_are_stale_and_no_failure() -> None:
    phone = Phone(make())
    challenge = phone.ask(1.0)
    assert isinstance(challenge, Turned)
    answer = phone.answer(challenge)
    assert is_stale(phone.ask(1.1 + NONCE_LIFETIME_S, answer))
    other = Phone(Authenticator(SeededRand(4), lambda user, realm: KNOWN.get(user)))
    for _ in range(2 * MAX_FAILURES):
        assert is_stale(other.ask(1.0, answer))


def test_credentials_for_another_realm_are_none() -> None:
    phone = Phone(make())
    challenge = phone.ask(1.0)
    assert isinstance(challenge, Turned)
    answer = phone.answer(challenge).replace(f'realm="{REALM}"', 'realm="elsewhere"')
    assert not is_stale(phone.ask(1.0, answer))


def test_an_answer_for_another_address_proves_nothing() -> None:
    phone = Phone(make(), method="INVITE")
    challenge = phone.ask(1.0)
    assert isinstance(challenge, Turned)
    for_cheap = phone.answer(challenge, uri=f"sip:+1555@{REALM}")
    assert isinstance(phone.ask(1.0, for_cheap, uri=f"sip:+1900@{REALM}"), Turned)
    spelled = phone.answer(challenge, uri=f"sip:+1555@{REALM.upper()};user=phone")
    assert phone.ask(1.0, spelled, uri=f"sip:+1555@{REALM}") == Proven(USER)


def test_who_guesses_is_barred_for_a_while_and_no_other_user_or_source() -> None:
    authenticator = make()
    guesser = Phone(authenticator, password="guess")
    for _ in range(MAX_USER_FAILURES):
        assert not is_stale(guesser.try_once(1.0))
    barred = Phone(authenticator).try_once(1.0)
    assert isinstance(barred, Turned)
    assert (barred.status, [name for name, _ in barred.headers]) == (503, ["Retry-After"])
    assert Phone(authenticator, host="198.51.100.10").try_once(1.0) == Proven(USER)
    assert not is_stale(Phone(authenticator, user="eve").try_once(1.0)), "the office's other phones go on"
    assert Phone(authenticator).try_once(1.0 + 2 * FAILURE_S) == Proven(USER)


def test_who_tries_many_users_is_barred_for_all() -> None:
    authenticator = make()
    for number in range(MAX_FAILURES):
        assert not is_stale(Phone(authenticator, user=f"user{number}").try_once(1.0))
    barred = Phone(authenticator).ask(1.0)
    assert isinstance(barred, Turned) and barred.status == 503


def test_an_ipv6_site_is_one_source() -> None:
    failures = Failures()
    for last in range(MAX_FAILURES):
        failures.add(f"2001:db8:0:1::{last:x}", USER, 1.0)
    for username in (USER, None):
        assert failures.is_barred("2001:db8:0:1:ffff::1", username, 1.0)
        assert not failures.is_barred("2001:db8:0:2::1", username, 1.0)


def test_the_tables_are_bounded() -> None:
    failures = Failures(limit=4)
    for _ in range(MAX_USER_FAILURES):
        failures.add("192.0.2.1", USER, 1.0)
    assert failures.is_barred("192.0.2.1", USER, 1.0)
    for other in range(2):
        failures.add(f"198.51.100.{other}", USER, 1.0)
    assert not failures.is_barred("192.0.2.1", USER, 1.0), "forgotten"
    counts = NonceCounts(limit=2)
    assert all(counts.take(nonce, made_at, 1, 3.0) for nonce, made_at in (("a", 1.0), ("b", 2.0), ("c", 3.0)))
    assert not counts.take("a", 1.0, 2, 3.0), "forgotten counts are used up, not free"
    assert counts.take("c", 3.0, 2, 3.0)


def test_without_counts_a_nonce_serves_once() -> None:
    counts = NonceCounts()
    assert counts.take("a", 1.0, 0, 1.0)
    assert not counts.take("a", 1.0, 0, 1.0)
