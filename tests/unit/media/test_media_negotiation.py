"""Offer and answer for audio: codecs in the offerer's order, its numbers, directions, hold, addresses."""

import pytest

from trebuchet.calls.interfaces import NoCommonCodec
from trebuchet.media.negotiation import UnusableAddress, agreement_from, answer_to, our_offer
from trebuchet.model.media_description import Codec, MediaDescription, MediaDirection

PCMU, PCMA = Codec("PCMU", 0), Codec("PCMA", 8)
OPUS = Codec("opus", 111, 48_000)


def offer(*codecs: Codec, **more: object) -> MediaDescription:
    values = {"address": "192.0.2.7", "port": 4000, "digits_payload_type": 101} | more
    return MediaDescription(codecs=codecs or (PCMU,), **values)  # type: ignore[arg-type]  # test shorthand


def answer(theirs: MediaDescription, family: int = 4):
    return answer_to(theirs, "198.51.100.1", 20_000, family)


def test_our_offer_holds_both_laws_and_events():
    ours = our_offer("198.51.100.1", 20_000)
    assert [codec.name for codec in ours.codecs] == ["PCMU", "PCMA"]
    assert (ours.address, ours.port, ours.rtcp_port) == ("198.51.100.1", 20_000, None)
    assert ours.digits_payload_type == 101
    assert ours.direction is MediaDirection.SENDRECV


@pytest.mark.parametrize(
    ("codecs", "chosen"),
    [((PCMA, PCMU), PCMA), ((PCMU, PCMA), PCMU), ((OPUS, PCMA, PCMU), PCMA), ((Codec("pcmu", 0),), PCMU)],
)
def test_the_offerers_order_decides(codecs: tuple[Codec, ...], chosen: Codec):
    ours, agreement = answer(offer(*codecs))
    assert ours.codecs == (chosen,)
    assert agreement.codec == chosen


def test_unusual_payload_numbers_are_the_peers():
    ours, agreement = answer(offer(Codec("PCMA", 97), digits_payload_type=120))
    assert ours.codecs == (Codec("PCMA", 97),)
    assert ours.digits_payload_type == 120
    assert agreement.digits_send == 120
    assert dict(agreement.accept)[97] == "PCMA"


def test_a_number_of_theirs_overrides_a_static_one():
    _, agreement = answer(offer(Codec("PCMA", 0)))
    assert dict(agreement.accept) == {0: "PCMA", 8: "PCMA"}


@pytest.mark.parametrize("codecs", [(OPUS,), (Codec("PCMU", 0, 16_000),), (Codec("PCMU", 200),), (Codec("G729", 18),)])
def test_nothing_in_common(codecs: tuple[Codec, ...]):
    with pytest.raises(NoCommonCodec):
        answer(offer(*codecs))


def test_no_events_when_the_peer_takes_none():
    ours, agreement = answer(offer(digits_payload_type=None))
    assert ours.digits_payload_type is None
    assert (agreement.digits_send, agreement.digits_receive) == (None, ())


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")],
)
def test_directions_are_turned_round(theirs: str, ours: str):
    description, agreement = answer(offer(direction=MediaDirection(theirs)))
    assert description.direction.value == agreement.direction.value == ours


@pytest.mark.parametrize(
    ("theirs", "ours"), [("sendrecv", "recvonly"), ("recvonly", "inactive"), ("sendonly", "recvonly")]
)
@pytest.mark.parametrize(("address", "family"), [("0.0.0.0", 4), ("::", 6)])
def test_the_old_way_of_holding(theirs: str, ours: str, address: str, family: int):
    description, agreement = answer(offer(address=address, direction=MediaDirection(theirs)), family)
    assert agreement.address == ""
    assert description.direction.value == agreement.direction.value == ours


@pytest.mark.parametrize(
    ("address", "family"),
    [
        ("pc.example.com", 4),
        ("", 4),
        ("2001:db8::1", 4),
        ("192.0.2.1", 6),
        ("224.0.1.1", 4),
        ("ff02::1", 6),
        ("fe80::1%eth0", 6),
    ],
)
def test_addresses_that_cannot_be_used(address: str, family: int):
    with pytest.raises(UnusableAddress):
        answer(offer(address=address), family)


def test_rtcp_goes_where_it_is_said_or_one_above():
    assert answer(offer(rtcp_port=5_555))[1].rtcp_port == 5_555
    assert answer(offer(port=4_000))[1].rtcp_port == 4_001
    assert answer(offer(port=65_535))[1].rtcp_port == 65_535
    assert answer(offer(port=4_000, rtcp_port=70_000))[1].rtcp_port == 4_001


@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_ports_that_are_none(port: int):
    with pytest.raises(UnusableAddress):
        answer(offer(port=port))


@pytest.mark.parametrize("number", [-1, 128])
def test_an_impossible_event_number_means_no_events(number: int):
    ours, agreement = answer(offer(digits_payload_type=number))
    assert ours.digits_payload_type is None
    assert (agreement.digits_send, agreement.digits_receive) == (None, ())


def test_an_answer_with_both_laws_takes_the_first_and_hears_both():
    agreement = agreement_from(offer(PCMA, PCMU), 4)
    assert agreement.codec == PCMA
    assert dict(agreement.accept) == {0: "PCMU", 8: "PCMA"}


def test_an_answer_with_another_event_number_still_lets_ours_in():
    agreement = agreement_from(offer(PCMU, digits_payload_type=96), 4)
    assert agreement.digits_send == 96
    assert set(agreement.digits_receive) == {96, 101}
