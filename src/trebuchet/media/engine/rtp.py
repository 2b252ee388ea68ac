"""RTP packets (RFC 3550 5.1): reading a whole batch of headers at once, and writing a whole tick of them."""

from dataclasses import dataclass

import numpy as np

from trebuchet.base.rand import Rand
from trebuchet.base.units import FRAME_SAMPLES
from trebuchet.media.engine.arrays import I32, U8, U16, U32, AnyArray, Bools, Indexes
from trebuchet.media.engine.values import HEADER_BYTES, PACKET_BYTES, TX_BYTES

PLAIN = 0x80
"""First octet of a packet without padding, extension or CSRC: almost every packet there is."""
VERSION = 2
RTCP_FIRST, RTCP_LAST = 192, 223
"""Second octets that mean RTCP when both share a port (RFC 5761 4)."""
WORDS = TX_BYTES // 4


@dataclass(slots=True)
class Headers:
    """A batch of parsed headers, one entry a packet. `is_valid` false: the rest of the entry means nothing.

    `offset` and `size` int32: where the payload lies in its row of the packet matrix, in bytes.
    """

    is_valid: Bools
    is_rtcp: Bools
    payload_type: U8
    marker: Bools
    seq: U16
    timestamp: U32
    ssrc: U32
    offset: I32
    size: I32


def parse(packets: U8, lengths: I32) -> Headers:
    """Read uint8[n, PACKET_BYTES] with int32[n] lengths. Never raises: what is malformed is marked invalid.

    Anybody who can reach a media port can bring bytes here until its source is locked.
    """
    words = np.ascontiguousarray(packets[:, :HEADER_BYTES]).view(">u4").astype(np.uint32)
    first, second = words[:, 0] >> 24, (words[:, 0] >> 16) & 0xFF
    whole = (lengths >= HEADER_BYTES) & (lengths < PACKET_BYTES)
    offset = np.full(len(lengths), HEADER_BYTES, np.int32)
    headers = Headers(
        is_valid=whole & (first >> 6 == VERSION),
        is_rtcp=(second >= RTCP_FIRST) & (second <= RTCP_LAST) & (first >> 6 == VERSION),
        payload_type=(second & 0x7F).astype(np.uint8),
        marker=second >= 0x80,
        seq=(words[:, 0] & 0xFFFF).astype(np.uint16),
        timestamp=words[:, 1],
        ssrc=words[:, 2],
        offset=offset,
        size=(lengths - offset).astype(np.int32),
    )
    unusual = np.flatnonzero(headers.is_valid & (first != PLAIN))
    if len(unusual):
        _parse_unusual(packets, lengths, first, unusual, headers)
    headers.is_valid &= headers.size >= 0
    return headers


def _parse_unusual(packets: U8, lengths: I32, first: AnyArray, which: Indexes, headers: Headers) -> None:
    """CSRC list, header extension and padding of the packets that have any."""
    head = first[which].astype(np.int32)
    length = lengths[which]
    offset = HEADER_BYTES + 4 * (head & 0x0F)
    extended = (head & 0x10 != 0) & (offset + 4 <= length)
    cut_off = (head & 0x10 != 0) & ~extended
    at = np.minimum(offset + 2, PACKET_BYTES - 2)
    extension_words = (packets[which, at].astype(np.int32) << 8) | packets[which, at + 1]
    offset = np.where(extended, offset + 4 + 4 * extension_words, offset)
    last = packets[which, np.maximum(length - 1, 0)].astype(np.int32)
    padded = head & 0x20 != 0
    size = length - offset - np.where(padded, last, 0)
    bad = cut_off | (size < 0) | (padded & (last == 0))
    headers.offset[which] = np.where(bad, HEADER_BYTES, offset)
    headers.size[which] = np.where(bad, -1, size)


class Sender:
    """Our side of every stream: numbers, clock and the transmit matrix `tx` uint8[capacity, 172], valid until the next
    tick."""

    def __init__(self, capacity: int, rand: Rand) -> None:
        self._rand = rand
        self.tx = np.zeros((capacity, TX_BYTES), np.uint8)
        self._words = self.tx.view(">u4")
        self.payload = self.tx[:, HEADER_BYTES:]
        self.seq = np.zeros(capacity, np.uint16)
        self.timestamp = np.zeros(capacity, np.uint32)
        self.ssrc = np.zeros(capacity, np.uint32)
        self.needs_marker = np.zeros(capacity, np.bool_)
        self.sent = np.zeros(capacity, np.int64)
        self.sent_bytes = np.zeros(capacity, np.int64)

    def open(self, row: int) -> None:
        """New random numbers: nobody can guess them (RFC 3550 5.1)."""
        ssrc, timestamp, seq = np.frombuffer(self._rand.token(12), np.uint32)
        self.ssrc[row], self.timestamp[row], self.seq[row] = ssrc, timestamp, seq & 0xFFFF
        self.needs_marker[row] = True
        self.sent[row] = self.sent_bytes[row] = 0

    def advance(self, high_water: int) -> None:
        """The clock of every stream moves one frame, whether or not it sends: silence takes time too."""
        self.timestamp[:high_water] += np.uint32(FRAME_SAMPLES)

    def write_headers(self, payload_type: U8, rows: Indexes, high_water: int) -> None:
        """Headers of this tick's packets for `rows`, with the marker where audio begins again (RFC 3551 4.1)."""
        self.seq[rows] += np.uint16(1)
        self.sent[rows] += 1
        self.sent_bytes[rows] += FRAME_SAMPLES
        used = slice(0, high_water)
        second = payload_type[used].astype(np.uint32) | (self.needs_marker[used].astype(np.uint32) << np.uint32(7))
        self._words[used, 0] = np.uint32(PLAIN << 24) | (second << np.uint32(16)) | self.seq[used]
        self._words[used, 1] = self.timestamp[used]
        self._words[used, 2] = self.ssrc[used]
        self.needs_marker[rows] = False

    def packet(self, row: int, payload_type: int, marker: bool, timestamp: int, payload: bytes) -> bytes:
        """One packet outside the matrix (digits): takes the next sequence number of the row."""
        self.seq[row] += np.uint16(1)
        self.sent[row] += 1
        self.sent_bytes[row] += len(payload)
        second = (0x80 if marker else 0) | payload_type
        numbers = int(self.seq[row]).to_bytes(2, "big") + (timestamp & 0xFFFFFFFF).to_bytes(4, "big")
        return bytes((PLAIN, second)) + numbers + int(self.ssrc[row]).to_bytes(4, "big") + payload


assert WORDS * 4 == TX_BYTES
