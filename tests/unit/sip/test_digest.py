"""Digest authentication: the published examples, both sides against each other, and hostile headers."""

import dataclasses

import pytest

from trebuchet.sip.auth import (
    Challenge,
    Credentials,
    authorize,
    ha1,
    parse_auth,
    parse_challenges,
    pick_challenge,
)
from trebuchet.sip.auth_server import (
    NONCE_LIFETIME_S,
    Ha1,
    NonceMaker,
    Verdict,
    issue_challenge,
    parse_authorization,
    verify,
)
from trebuchet.sip.errors import Malformed, Unprintable

NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
NONCES = NonceMaker(b"k" * 32)
ALICE = Credentials("alice", "wonder\u00e9land")


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_rfc7616_examples(algorithm: str, expected: str) -> None:
    challenge = Challenge("http-auth@example.org", NONCE, algorithm, ("auth", "auth-int"), "FQhe/qaU925kfnzjCev0ciny")
    value = authorize(challenge, Credentials("Mufasa", "Circle of Life"), "GET", "/dir/index.html", 1, CNONCE)
    (scheme, params), *_ = parse_auth(value)
    assert scheme == "Digest"
    assert params["response"] == expected
    assert (params["qop"], params["nc"], params["cnonce"]) == ("auth", "00000001", CNONCE)
    assert params["opaque"] == "FQhe/qaU925kfnzjCev0ciny"


def test_rfc2617_example_and_the_form_without_qop() -> None:
    challenge = Challenge("testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", qop=("auth",))
    mufasa = Credentials("Mufasa", "Circle Of Life")
    value = authorize(challenge, mufasa, "GET", "/dir/index.html", 1, "0a4f113b")
    assert 'response="6629fae49393a05397450978507c4ef1"' in value
    old = authorize(dataclasses.replace(challenge, qop=()), mufasa, "GET", "/dir/index.html", 1, "0a4f113b")
    assert 'response="670fd8c2df070c60b045671b8b24ff02"' in old
    assert "qop" not in old and "nc=" not in old and "cnonce" not in old


def test_parse_challenges() -> None:
    lines = [
        'Digest realm="a, b", qop="auth,auth-int", nonce="n\\"1", opaque="", stale=TRUE, algorithm=SHA-256',
        'Digest realm="c",nonce="2", Basic realm="d"',
        "Negotiate",
    ]
    digest, old, basic, negotiate = parse_challenges(lines)
    assert digest == Challenge("a, b", 'n"1', "SHA-256", ("auth", "auth-int"), "", True)
    assert old == Challenge("c", "2")
    assert (basic.scheme, basic.realm, basic.is_supported) == ("Basic", "d", False)
    assert (negotiate.scheme, negotiate.is_supported) == ("Negotiate", False)


@pytest.mark.parametrize(
    "line",
    [
        "",
        ",",
        "Digest",
        'Digest realm="a"',
        'Digest nonce="a"',
        'realm="a"',
        'Digest realm="a", realm="b", nonce="c"',
        'Digest realm="a, nonce="c"',
        'Digest realm="a\0", nonce="c"',
        "Digest realm=a;nonce=b",
        "Basic, " * 17,
    ],
)
def test_malformed_challenges(line: str) -> None:
    with pytest.raises(Malformed):
        parse_challenges([line])


def test_pick_the_strongest_supported() -> None:
    md5, sha = Challenge("r", "1"), Challenge("r", "2", "SHA-256")
    unknown, odd_qop = Challenge("r", "3", "SHA-512-256"), Challenge("r", "4", "SHA-256", ("auth-conf",))
    assert pick_challenge([md5, unknown, odd_qop, sha]) is sha
    assert pick_challenge([md5, dataclasses.replace(md5)]) is md5
    assert pick_challenge([unknown, odd_qop, Challenge("r", "", scheme="Basic")]) is None
    with pytest.raises(Malformed):
        authorize(unknown, ALICE, "INVITE", "sip:x", 1, "c")


@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256", "sha-256-SESS"])
@pytest.mark.parametrize("qop", [(), ("auth",), ("auth-int",), ("auth-int", "auth")])
def test_both_sides_agree(algorithm: str, qop: tuple[str, ...]) -> None:
    (challenge,) = parse_challenges([issue_challenge("r", NONCES, 10.0, algorithm, qop)])
    value = authorize(challenge, ALICE, "INVITE", "sip:bob@r", 1, 'c"nonce', b"body")
    claim = parse_authorization(value)
    assert claim is not None and (claim.username, claim.uri) == ("alice", "sip:bob@r")
    assert claim.count == (1 if qop else 0)
    stored = Ha1(ha1(algorithm, "alice", "r", ALICE.password))
    assert verify(claim, "INVITE", ALICE.password, "r", NONCES, 11.0, b"body") is Verdict.ACCEPTED
    assert verify(claim, "INVITE", stored, "r", NONCES, 11.0, b"body") is Verdict.ACCEPTED
    assert verify(claim, "INVITE", "wrong", "r", NONCES, 11.0, b"body") is Verdict.REFUSED
    assert verify(claim, "BYE", ALICE.password, "r", NONCES, 11.0, b"body") is Verdict.REFUSED
    assert verify(claim, "INVITE", ALICE.password, "other", NONCES, 11.0, b"body") is Verdict.REFUSED
    changed_body = verify(claim, "INVITE", ALICE.password, "r", NONCES, 11.0, b"other")
    assert changed_body is (Verdict.REFUSED if qop == ("auth-int",) else Verdict.ACCEPTED)


def test_old_and_forged_nonces() -> None:
    (challenge,) = parse_challenges([issue_challenge("r", NONCES, 10.0)])
    claim = parse_authorization(authorize(challenge, ALICE, "INVITE", "sip:x", 1, "c"))
    assert claim is not None
    late = 11.0 + NONCE_LIFETIME_S
    assert verify(claim, "INVITE", ALICE.password, "r", NONCES, late) is Verdict.STALE
    assert verify(claim, "INVITE", "wrong", "r", NONCES, late) is Verdict.REFUSED
    assert verify(claim, "INVITE", ALICE.password, "r", NonceMaker(b"x" * 32), 11.0) is Verdict.REFUSED
    for forged in ("", "x", "é" * 32, "=" * 32, challenge.nonce[:-1] + "A"):
        assert NONCES.age_s(forged, "r", 11.0) is None
    assert "stale=true" in issue_challenge("r", NONCES, 1.0, is_stale=True)
    with pytest.raises(ValueError, match="too short"):
        NonceMaker(b"short")


@pytest.mark.parametrize(
    "change",
    [
        ('username="alice"', 'user="alice"'),
        ("nc=00000001", "nc=1"),
        ("nc=00000001", "nc=0000000g"),
        ("qop=auth", "qop=other"),
        ("qop=auth, ", ""),
        ('cnonce="c"', 'cnonce=""'),
        ("Digest ", 'Basic x="y", Digest '),
    ],
)
def test_broken_authorizations(change: tuple[str, str]) -> None:
    value = authorize(Challenge("r", "n", qop=("auth",)), ALICE, "INVITE", "sip:x", 1, "c")
    assert change[0] in value
    broken = value.replace(*change)
    if broken.startswith("Basic"):
        assert parse_authorization(broken) is None
    else:
        with pytest.raises(Malformed):
            parse_authorization(broken)
    with pytest.raises(Malformed):
        parse_authorization(value + ', Basic x="y"')


def test_secrets_stay_out_of_sight_and_in_their_quotes() -> None:
    assert ALICE.password not in repr(ALICE)
    challenge = Challenge("r", "n")
    value = authorize(challenge, Credentials('a", x="', "p"), "INVITE", "sip:x", 1, "c")
    assert parse_auth(value)[0][1]["username"] == 'a", x="'
    with pytest.raises(Unprintable):
        authorize(challenge, Credentials("a\r\nX: y", "p"), "INVITE", "sip:x", 1, "c")
