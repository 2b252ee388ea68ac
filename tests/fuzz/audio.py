"""Targets of the media plane: datagrams at a port, and the files of recorders."""

import math
import os
import struct
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from trebuchet.base.rand import SeededRand
from trebuchet.base.units import FRAME_MS
from trebuchet.media.engine import PACKET_BYTES, DigitPressed, Engine, PortSettings, RemoteMedia, rtcp, rtp
from trebuchet.media.engine.dtmf_receive import KEYS
from trebuchet.media.wav import HEADER_BYTES, parse_header, salvage

MAX_PACKETS = 64
DIGITS_TYPE = 101


def packets(data: bytes) -> list[bytes]:
    """A series of datagrams: two octets of length in front of each."""
    found, at = [], 0
    while at + 2 <= len(data) and len(found) < MAX_PACKETS:
        size = int.from_bytes(data[at : at + 2], "big") % (PACKET_BYTES + 1)
        found.append(data[at + 2 : at + 2 + size])
        at += 2 + size
    return found


def packed(series: list[bytes]) -> bytes:
    """What `packets` reads."""
    return b"".join(len(packet).to_bytes(2, "big") + packet for packet in series)


def _plain_reading(data: bytes) -> tuple[int, int, int, int, int] | None:
    """RFC 3550 5.1, octet by octet: type, sequence number, timestamp, offset and size of the payload."""
    if not 12 <= len(data) < PACKET_BYTES or data[0] >> 6 != 2:
        return None
    start, end = 12 + 4 * (data[0] & 15), len(data)
    if data[0] & 0x10:
        if start + 4 > end:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if data[0] & 0x20:
        if data[-1] == 0:
            return None
        end -= data[-1]
    if end < start:
        return None
    sequence, timestamp = struct.unpack_from("!HI", data, 2)
    return data[1] & 0x7F, sequence, timestamp, start, end - start


def check_rtp(data: bytes) -> None:
    """The batch parser reads every packet as a plain reading of the RFC does, whatever lies beside it."""
    series = packets(data)
    matrix = np.zeros((len(series), PACKET_BYTES), np.uint8)
    lengths = np.array([len(packet) for packet in series], np.int32)
    for row, packet in zip(matrix, series, strict=True):
        row[: len(packet)] = np.frombuffer(packet, np.uint8)
    if not series:
        return
    headers = rtp.parse(matrix, lengths)
    for index, packet in enumerate(series):
        expected = _plain_reading(packet)
        assert bool(headers.is_valid[index]) == (expected is not None), packet
        if expected is not None:
            found = (headers.payload_type, headers.seq, headers.timestamp, headers.offset, headers.size)
            assert tuple(int(column[index]) for column in found) == expected, packet


def check_rtcp(data: bytes) -> None:
    """Any bytes are a report or counted as malformed, and what we then say ourselves is a report again."""
    reports = rtcp.Reports(1, SeededRand(1))
    reports.open(0)
    was_read = reports.handle(0, 0x01020304, data, 100.0)
    assert int(reports.malformed[0]) == (0 if was_read else 1)
    trip, lost = float(reports.round_trip_s[0]), float(reports.remote_lost[0])
    assert math.isnan(trip) or 0 <= trip <= rtcp.MAX_RTT_S
    assert math.isnan(lost) or 0 <= lost < 1
    block = reports.block(0, 7, 10, 9, 10, 0.5, 100.02)
    assert rtcp.parse(rtcp.build_report(1, b"c", 100.02, 0, 1, 160, block)) is not None


def check_digits(data: bytes) -> None:
    """Whatever comes as telephone events, nothing raises, and no more keys are pressed than packets came."""
    engine, now = Engine(1, SeededRand(1)), 1000.0
    engine.open(engine.allocate(), PortSettings())
    engine.set_remote(0, RemoteMedia(), now)
    series, pressed = packets(data), 0
    for at in range(0, len(series), 4):
        pressed += _receive(engine, series[at : at + 4], now)
        now += FRAME_MS / 1000.0
    assert pressed <= len(series)


def _receive(engine: Engine, series: list[bytes], now: float) -> int:
    """One tick with these packets, each made an event packet by its second octet; how many keys it told of."""
    for index, packet in enumerate(series):
        row = bytearray(packet.ljust(12, b"\0"))
        row[0] = 0x80 | row[0] & 0x1F
        row[1] = row[1] & 0x80 | DIGITS_TYPE
        row = row[: PACKET_BYTES - 1]
        engine.packets[index, : len(row)] = np.frombuffer(bytes(row), np.uint8)
        engine.packet_rows[index], engine.packet_lengths[index] = 0, len(row)
    engine.handle_packets(len(series), now)
    keys = [event.digit for event in engine.tick(now).events if isinstance(event, DigitPressed)]
    assert set(keys) <= set(KEYS)
    return len(keys)


def check_wav(data: bytes) -> None:
    """A recorder's file, however it was cut or spoiled, is left alone or becomes playable with the length we say."""
    descriptor, name = tempfile.mkstemp(suffix=".wav")
    try:
        os.write(descriptor, data)
        os.close(descriptor)
        samples = salvage(Path(name))
        after = Path(name).read_bytes()
        if parse_header(data[:HEADER_BYTES]) is None:
            assert (samples, after) == (0, data)
            return
        assert len(after) <= len(data)
        assert parse_header(after) == (parse_header(data)[0], len(after) - HEADER_BYTES)  # type: ignore[index]
        with soundfile.SoundFile(name) as sound:
            assert len(sound) == samples
    finally:
        os.unlink(name)
