"""RTCP: what is written is read again, and what the two sides measure."""

import numpy as np
import pytest
from engine_lab import Lab, Peer, noise

from trebuchet.base.rand import SeededRand
from trebuchet.media.engine import Engine, PortSettings, RemoteMedia, rtcp

FRAME = 160


@pytest.mark.parametrize("sent", [0, 5])
@pytest.mark.parametrize("lost", [0, 77, -3, 0x7FFFFF])
def test_a_report_is_read_as_it_was_written(sent, lost):
    block = rtcp.ReportBlock(0xDEADBEEF, 0.25, lost, 0x0001FFFE, 321, 0x12345678, 65536)
    data = rtcp.build_report(42, b"someone", 1234.5, 99, sent, sent * 160, block)
    report = rtcp.parse(data)
    assert len(data) % 4 == 0
    assert report == rtcp.Report(42, rtcp.middle_ntp(1234.5) if sent else None, (block,), False)


@pytest.mark.parametrize("cname", [b"", b"a", b"ab", b"abc", b"abcd", b"x" * 64])
def test_the_name_is_padded_and_ends_with_a_zero(cname):
    data = rtcp.build_report(42, cname, 1.0, 0, 0, 0, None)
    description = data[8:]
    assert int.from_bytes(description[2:4], "big") * 4 + 4 == len(description)
    assert description[8:10] == bytes((1, len(cname))) and description[10 : 10 + len(cname)] == cname
    assert description[-1] == 0
    assert rtcp.parse(data) == rtcp.Report(42, None, (), False)


def test_goodbye_is_read():
    data = rtcp.build_report(42, b"x", 1.0, 0, 0, 0, None) + rtcp.build_goodbye(42)
    assert rtcp.parse(data).is_goodbye


@pytest.mark.parametrize("cut", range(60))
def test_a_cut_report_is_refused_or_shorter_and_never_raises(cut):
    block = rtcp.ReportBlock(1, 0.5, 1, 1, 1, 1, 1)
    whole = rtcp.build_report(42, b"someone", 5.0, 1, 1, 1, block)
    report = rtcp.parse(whole[:cut])
    assert report is None if cut < 52 else report.ssrc == 42


@pytest.mark.parametrize(
    "data", [b"", b"\x80", bytes.fromhex("40c80000"), bytes.fromhex("81c80001 0000002a"), bytes.fromhex("80ca0000")]
)
def test_what_is_no_report_is_refused(data):
    assert rtcp.parse(data) is None


def exchange(ticks: int, loss: float = 0.0, delay_ticks: int = 0) -> Lab:
    """Two ports of one engine talk to each other over a path with loss and delay, reports included."""
    random = np.random.default_rng(3)
    lab = Lab(2)
    under_way: list[list[tuple[int, bytes, bool]]] = [[] for _ in range(delay_ticks)]
    for _ in range(ticks):
        output = lab.tick()
        sent = [(1 - row, lab.engine.tx[row].tobytes(), False) for row in output.send_rows.tolist()]
        sent += [(1 - row, data, True) for row, data in output.reports]
        under_way.append(sent)
        arrived = under_way.pop(0)
        lab.receive((row, data) for row, data, is_report in arrived if not is_report and random.random() >= loss)
        for row, data, is_report in arrived:
            if is_report:
                lab.engine.handle_rtcp(row, data, lab.now)
    return lab


def test_reports_come_every_five_seconds_or_so():
    lab = exchange(50 * 60)
    counts = [sum(1 for output in lab.outputs for row, _ in output.reports if row == wanted) for wanted in (0, 1)]
    assert all(9 <= count <= 16 for count in counts)
    assert lab.engine.stats(0).round_trip_ms == pytest.approx(0, abs=1)


def test_loss_and_round_trip_are_known_on_both_sides():
    lab = exchange(50 * 40, loss=0.1, delay_ticks=5)
    for row in (0, 1):
        stats = lab.engine.stats(row)
        assert stats.round_trip_ms == pytest.approx(200, abs=1)
        assert 0.03 < stats.remote_lost_fraction < 0.2
        assert stats.lost / (stats.lost + stats.received) == pytest.approx(0.1, abs=0.03)
        assert 1.5 < stats.mos < 3.9
        assert stats.jitter_ms < 0.1


def test_a_clean_call_has_the_score_of_a_clean_call():
    stats = exchange(200).engine.stats(0)
    assert stats.mos == pytest.approx(4.4, abs=0.05)
    assert (stats.lost, stats.late, stats.duplicated, stats.reordered, stats.concealed_ms) == (0, 0, 0, 0, 0)
    assert stats.remote_lost_fraction in (None, 0.0)


def test_jitter_is_as_the_rfc_computes_it():
    lab, peer = Lab(1), Peer()
    expected, transit = 0.0, None
    for number in range(60):
        early = 0.004 * (number % 3)
        packet = peer.packet(noise(FRAME, number))
        arrival = int((lab.now + 0.02 - early) * 8000)
        now = arrival - (peer.timestamp - FRAME)
        if transit is not None:
            expected += (abs(now - transit) - expected) / 16
        transit = now
        lab.tick((0, packet), early_s=early)
    assert lab.engine.stats(0).jitter_ms == pytest.approx(expected / 8, abs=0.15)


def test_a_port_without_a_remote_reports_nothing_and_says_no_goodbye():
    engine = Engine(1, SeededRand(1))
    engine.open(engine.allocate(), PortSettings())
    assert not any(engine.tick(n * 0.02).reports for n in range(1000))
    assert engine.close(0, 20.0).goodbye == b""


def test_goodbye_closes_a_port_that_sent():
    lab = Lab(1)
    lab.tick()
    report = rtcp.parse(lab.engine.close(0, lab.now).goodbye)
    assert report.is_goodbye and report.ntp is not None


def test_rtcp_on_the_rtp_port_is_understood():
    lab = Lab(1)
    lab.tick()
    own = int.from_bytes(lab.engine.tx[0, 8:12].tobytes(), "big")
    block = rtcp.ReportBlock(own, 0.5, 10, 100, 0, 0, 0)
    lab.tick((0, rtcp.build_report(7, b"peer", 1.0, 0, 0, 0, block)))
    assert lab.engine.stats(0).remote_lost_fraction == 0.5
    assert lab.engine.stats(0).malformed == 0


def test_a_report_with_a_senseless_round_trip_is_not_believed():
    lab = Lab(1)
    lab.tick()
    own = int.from_bytes(lab.engine.tx[0, 8:12].tobytes(), "big")
    future = rtcp.middle_ntp(lab.now + 500)
    block = rtcp.ReportBlock(own, 0.0, 0, 1, 0, future, 0)
    lab.engine.handle_rtcp(0, rtcp.build_report(7, b"peer", 1.0, 0, 0, 0, block), lab.now)
    assert lab.engine.stats(0).round_trip_ms is None


def test_a_renegotiation_does_not_postpone_reports():
    lab = Lab(1)
    for _ in range(400):
        lab.tick()
        lab.engine.set_remote(0, RemoteMedia(), lab.now)
    assert any(output.reports for output in lab.outputs)
