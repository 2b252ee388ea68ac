"""Which keys two ports agree on, and that protection once there never goes away."""

from dataclasses import replace

import pytest

from trebuchet.base.rand import SeededRand
from trebuchet.media.port import WorkerMediaPort
from trebuchet.media.srtp_keys import PortKeys, ProtectionMismatch
from trebuchet.model.media_description import SRTP_SUITES, MediaDescription, SrtpKey
from trebuchet.sip import sdes

LONG, SHORT = SRTP_SUITES
THEIRS = bytes(range(30))


def keys(*, is_required: bool = False, seed: int = 1) -> PortKeys:
    return PortKeys(SeededRand(seed), is_required=is_required)


def test_both_sides_agree_on_the_same_keys() -> None:
    a, b = keys(is_required=True, seed=1), keys(seed=2)
    chosen = b.check_offer(a.offer())
    assert chosen is not None and chosen.suite == LONG
    line, at_b = b.answer(chosen)
    at_a = a.accept((line,))
    assert at_a is not None
    assert (at_a.suite, at_a.ours, at_a.theirs) == (at_b.suite, at_b.theirs, at_b.ours)
    assert at_a.ours != at_a.theirs


def test_each_suite_has_a_key_of_its_own_and_keeps_it() -> None:
    port = keys(is_required=True)
    first, second = port.offer(), port.offer()
    assert first == second
    assert len({key.key for key in first}) == len(SRTP_SUITES)
    assert [key.suite for key in first] == list(SRTP_SUITES)


def test_the_first_suite_we_have_is_taken() -> None:
    offered = (SrtpKey(1, "F8_128_HMAC_SHA1_80", THEIRS), SrtpKey(2, SHORT, THEIRS), SrtpKey(3, LONG, THEIRS))
    assert keys().check_offer(offered) == offered[1]


def test_a_plain_port_stays_plain() -> None:
    port = keys()
    assert port.offer() == ()
    assert port.check_offer(()) is None
    assert port.accept(()) is None


@pytest.mark.parametrize("offered", [(SrtpKey(1, "F8_128_HMAC_SHA1_80", THEIRS),), (SrtpKey(1, LONG, THEIRS[:-1]),)])
def test_protection_we_do_not_have_is_no_reason_for_none(offered: tuple[SrtpKey, ...]) -> None:
    with pytest.raises(ProtectionMismatch):
        keys().check_offer(offered)


@pytest.mark.parametrize(
    "answered",
    [
        (),
        (SrtpKey(9, LONG, THEIRS),),
        (SrtpKey(1, SHORT, THEIRS),),
        (SrtpKey(1, LONG, THEIRS), SrtpKey(2, SHORT, THEIRS)),
    ],
)
def test_answers_that_do_not_fit_our_offer(answered: tuple[SrtpKey, ...]) -> None:
    with pytest.raises(ProtectionMismatch):
        keys(is_required=True).accept(answered)


def test_an_answer_with_keys_nobody_offered() -> None:
    with pytest.raises(ProtectionMismatch):
        keys().accept((SrtpKey(1, LONG, THEIRS),))


def test_the_names_of_the_suites_are_those_of_sdp() -> None:
    assert (SRTP_SUITES, 30) == (sdes.SUITES, sdes.KEY_BYTES)


class Link:
    """Keeps what a port tells its worker."""

    def __init__(self) -> None:
        self.commands: list[object] = []

    def put(self, command: object) -> None:
        self.commands.append(command)


def port_on(link: Link, **more: bool) -> WorkerMediaPort:
    address = {"address": "127.0.0.1", "rtp_port": 4000, "family": 4}
    return WorkerMediaPort(link, 1, None, **address, **more)  # type: ignore[arg-type]  # a part of a link is enough


def offer(*srtp: SrtpKey) -> MediaDescription:
    return replace(port_on(Link()).offer(), srtp=srtp)


def test_a_port_that_answered_protected_refuses_to_become_plain() -> None:
    link = Link()
    port = port_on(link)
    assert port.offer().srtp == ()
    answer = port.answer(offer(SrtpKey(5, SHORT, THEIRS)))
    (key,) = answer.srtp
    assert (key.tag, key.suite) == (5, SHORT)
    (command,) = link.commands
    assert command.srtp == (SHORT, key.key, THEIRS)  # type: ignore[attr-defined]  # SetRemote
    assert not port.supports(offer())
    with pytest.raises(ProtectionMismatch):
        port.answer(offer())
    assert link.commands == [command]
    assert port.answer(offer(SrtpKey(1, SHORT, THEIRS))).srtp[0].key == key.key
    assert key in (replace(each, tag=5) for each in port.offer().srtp)


def test_a_port_opened_for_protection_takes_nothing_else() -> None:
    link = Link()
    port = port_on(link, is_encrypted=True)
    assert len(port.offer().srtp) == len(SRTP_SUITES)
    with pytest.raises(ProtectionMismatch):
        port.accept(offer())
    assert link.commands == []
