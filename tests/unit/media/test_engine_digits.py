"""RFC 4733 both ways: every press once."""

import itertools

import numpy as np
import pytest
from engine_lab import Lab, Peer, bridged, noise, quantised, sine, strength, where

from trebuchet.media.engine import (
    DigitPressed,
    DigitsSent,
    PlaybackDone,
    PortMisuse,
    PortSettings,
    RemoteMedia,
    rtp,
    tones,
)
from trebuchet.media.engine.dtmf_receive import KEYS
from trebuchet.media.engine.values import PACKET_BYTES


def pressed(lab: Lab) -> str:
    return "".join(event.digit for event in lab.of(DigitPressed))


def feed(lab: Lab, packets: list[bytes]) -> str:
    for packet in packets:
        lab.tick((0, packet))
    lab.tick()
    return pressed(lab)


def test_every_key_is_reported_once():
    lab, peer = Lab(1), Peer()
    assert feed(lab, [packet for code in range(16) for packet in peer.press(code)]) == KEYS


def test_any_packets_of_a_press_may_be_lost_as_long_as_one_comes():
    """All 255 ways in which something of a press of eight packets arrives, twice the same key in a row."""
    for kept in itertools.product((True, False), repeat=8):
        if any(kept):
            lab, peer = Lab(1), Peer()
            for _ in range(2):
                packets = [packet for packet, keep in zip(peer.press(7), kept, strict=True) if keep]
                lab.tick(*((0, packet) for packet in packets))
            lab.tick()
            assert pressed(lab) == "77", kept


@pytest.mark.parametrize("seed", range(5))
def test_order_and_repetition_do_not_matter(seed):
    random = np.random.default_rng(seed)
    lab, peer = Lab(1), Peer()
    for code in (1, 1, 2, 9):
        packets = peer.press(code) * 2
        random.shuffle(packets)
        feed(lab, packets)
    assert pressed(lab) == "1129", f"seed {seed}"


def test_a_late_packet_of_the_press_before_is_no_press():
    lab, peer = Lab(1), Peer()
    first, second = peer.press(1), peer.press(2)
    assert feed(lab, first[:-1] + second[:3] + first[-1:] + second[3:]) == "12"


def test_a_press_longer_than_its_duration_field_is_one_press():
    lab, peer = Lab(1), Peer()
    packets = [peer.digit(5, duration, 1000, marker=duration == 800) for duration in range(800, 65535, 800)]
    packets += [peer.digit(5, 65535, 1000)]
    packets += [peer.digit(5, duration, 1000 + 65535) for duration in (800, 1600)]
    packets += [peer.digit(5, 1600, 1000 + 65535, end=True)] * 3
    assert feed(lab, packets) == "5"


def test_a_sender_that_moves_the_timestamp_with_every_packet():
    lab, peer = Lab(1), Peer()
    packets = [peer.digit(4, 160 * n, 1000 + 160 * n, marker=n == 1, end=n == 6) for n in range(1, 7)]
    packets += [peer.digit(4, 160 * n, 9000 + 160 * n, marker=n == 1, end=n == 6) for n in range(1, 7)]
    assert feed(lab, packets) == "44"


def test_digits_from_a_stream_of_their_own_do_not_disturb_the_audio():
    lab, peer, keypad = bridged(), Peer(), Peer(ssrc=99, seq=1)
    keypad.timestamp = 5
    audio = noise(160 * 20, 1)
    ticks = [[packet] for packet in peer.packets(audio)]
    for tick, event in zip(ticks[3:], keypad.press(3) + keypad.press(4), strict=False):
        tick.append(event)
    assert where(quantised(audio), lab.run(0, ticks)) >= 0
    assert pressed(lab) == "34"
    assert lab.engine.stats(0).restarts == 0


def test_digits_within_the_stream_are_no_loss():
    lab, peer = Lab(1), Peer()
    packets = peer.packets(noise(1600, 1)) + peer.press(3) + peer.packets(noise(1600, 1))
    feed(lab, packets)
    stats = lab.engine.stats(0)
    assert (stats.lost, stats.received) == (0, 28)


@pytest.mark.parametrize("payload", [b"", b"\x05", b"\x05\x0a\x00", b"\x10\x0a\x00\xa0", b"\xff\x8a\xff\xff"])
def test_malformed_events_are_counted_and_ignored(payload):
    lab, peer = Lab(1), Peer()
    lab.tick((0, peer.header(101) + payload))
    lab.tick()
    assert pressed(lab) == ""
    assert lab.engine.stats(0).malformed == 1


def test_a_press_before_the_row_was_reopened_is_not_the_new_calls():
    lab, peer = Lab(1), Peer()
    lab.receive([(0, peer.press(1)[0])])
    lab.engine.close(0, lab.now)
    lab.engine.open(lab.engine.allocate(), PortSettings())
    lab.tick()
    assert pressed(lab) == ""


def headers_of(packets: list[bytes]) -> rtp.Headers:
    matrix = np.zeros((len(packets), PACKET_BYTES), np.uint8)
    for row, packet in enumerate(packets):
        matrix[row, : len(packet)] = np.frombuffer(packet, np.uint8)
    return rtp.parse(matrix, np.array([len(packet) for packet in packets], np.int32))


def dial(lab: Lab, digits: str, **options: int) -> tuple[list[bytes], list[int]]:
    """The event packets that came out, and in which ticks audio did."""
    lab.engine.send_digits(0, digits, **options)
    packets, audio = [], []
    for tick in range(1000):
        output = lab.tick()
        packets += [data for row, data in output.packets if row == 0]
        audio += [tick] if 0 in output.send_rows else []
        if any(isinstance(event, DigitsSent) for event in output.events):
            break
    return packets, audio


def test_a_digit_sent_is_as_the_rfc_wants_it():
    lab = Lab(1, remote=RemoteMedia(digits_send=96))
    lab.tick()
    packets, audio = dial(lab, "#", duration_ms=100)
    headers = headers_of(packets)
    assert headers.is_valid.all() and set(headers.payload_type) == {96}
    assert headers.marker.tolist() == [True] + [False] * 6
    assert len(set(headers.timestamp.tolist())) == 1
    assert (np.diff(headers.seq.astype(int)) % 65536 == 1).all()
    events = [packet[12:] for packet in packets]
    assert [event[0] for event in events] == [11] * 7
    assert [event[1] >> 7 for event in events] == [0, 0, 0, 0, 1, 1, 1]
    durations = [int.from_bytes(event[2:4], "big") for event in events]
    assert durations == [160, 320, 480, 640, 800, 800, 800]
    assert audio == [7]  # suppressed meanwhile


def test_sequence_numbers_and_clock_go_on_across_digits_and_audio():
    lab = Lab(1)
    seen = []
    lab.engine.send_digits(0, "12")
    for _ in range(40):
        output = lab.tick()
        seen += [data for _, data in output.packets]
        seen += [lab.engine.tx[0].tobytes()] if 0 in output.send_rows else []
    headers = headers_of(seen)
    assert (np.diff(headers.seq.astype(int)) % 65536 == 1).all()
    is_event = headers.payload_type == 101
    audio_time = headers.timestamp[~is_event].astype(np.int64)
    assert (np.diff(audio_time) % 160 == 0).all() and len(set(headers.timestamp[is_event].tolist())) == 2


@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_what_one_port_dials_the_other_hears(loss):
    random = np.random.default_rng(7)
    lab = Lab(2)
    lab.engine.send_digits(0, "0123456789*#ABCD")
    for _ in range(300):
        output = lab.tick()
        lab.receive((1, data) for _, data in output.packets if random.random() >= loss)
    lab.tick()
    assert "".join(event.digit for event in lab.of(DigitPressed)) == "0123456789*#ABCD"


def test_a_pause_and_digits_added_while_dialling():
    lab = Lab(1)
    lab.engine.send_digits(0, "1,")
    packets, audio = dial(lab, "2")
    assert [packet[12] for packet in packets] == [1] * 7 + [2] * 7
    assert len(audio) > 25


def test_dialling_can_be_stopped():
    lab = Lab(1)
    lab.engine.send_digits(0, "123456")
    lab.tick()
    lab.engine.stop_digits(0)
    assert not lab.tick().packets and not lab.of(DigitsSent)


@pytest.mark.parametrize("digits", ["", "12x", "1" * 1025, "é"])
def test_what_is_no_digit_is_refused(digits):
    with pytest.raises(PortMisuse):
        Lab(1).engine.send_digits(0, digits)


def test_a_peer_without_events_hears_tones():
    lab = Lab(1, remote=RemoteMedia(digits_send=None))
    packets, audio = dial(lab, "5,D")
    assert not packets and audio == list(range(len(audio)))  # audio never stops
    heard = np.concatenate(lab.heard[0])
    five, letter = (where(quantised(tones.keys(key, 100, 0)), heard) for key in "5D")
    assert five >= 0
    assert 0.1 + 0.1 + 0.5 <= (letter - five) / 8000 < 0.8  # the key, the gap, the pause


def test_tones_replace_what_the_party_hears_and_leave_its_prompt_alone():
    lab = Lab(1, remote=RemoteMedia(digits_send=None))
    lab.engine.play(0, sine(2500, 8000), 7)
    dial(lab, "1")
    lab.tick()
    heard = np.concatenate(lab.heard[0])
    at = where(quantised(tones.keys("1", 100, 0)), heard)
    assert at >= 0 and strength(heard[at + 800 : at + 960], 2500) > 1000
    assert not lab.of(PlaybackDone)


def test_what_a_new_offer_changes_holds_from_the_next_packet_on():
    lab = Lab(1, remote=RemoteMedia(digits_send=None))
    lab.engine.send_digits(0, "12")
    lab.tick()
    lab.engine.set_remote(0, RemoteMedia(digits_send=101), lab.now)
    packets = [data for _ in range(30) for _, data in lab.tick().packets]
    assert [packet[12] for packet in packets] == [1] * 6 + [2] * 7


def test_audio_goes_on_while_the_peer_presses_keys():
    lab, peer = bridged(), Peer()
    ticks = [[packet] for packet in peer.packets(sine(300, 1600))]
    ticks += [[packet] for packet in peer.press(1)]
    second = noise(1600, 2)
    ticks += [[packet] for packet in peer.packets(second)]
    assert where(quantised(second), lab.run(0, ticks)) == 160 * (10 + 8 + 1)
