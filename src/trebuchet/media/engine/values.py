"""What goes into the engine and what comes out of it: settings, events, blocks, figures. Frozen values, no arrays of
state."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from trebuchet.base.errors import LocalError
from trebuchet.base.units import FRAME_SAMPLES

HEADER_BYTES = 12
"""RTP header without CSRC or extension (RFC 3550 5.1): what we send."""
TX_BYTES = HEADER_BYTES + FRAME_SAMPLES
"""One packet of ours: 20 ms of G.711, the default packet length of RFC 3551 4.2, understood by everybody."""
PACKET_BYTES = 512
"""Row length of the receive matrix: 60 ms of G.711 (480 bytes) with header and a short extension fits; longer is not
speech we asked for. A datagram that fills the row to its end may have been cut, so it is dropped."""
PACKETS_PER_PORT = 16
"""Packets of one port looked at in one batch: a stall of 300 ms in 20 ms packets. The rest of a flood is dropped
unseen."""
VOLUME_STEP_DB = 3.0
"""One step of a volume of -4..4."""

Pcm = npt.NDArray[np.int16]
Rows = npt.NDArray[np.intp]


class NoFreePort(LocalError):
    """Every row is taken: the caller refuses the call."""

    code = "media-no-free-port"
    retryable = True


class PortMisuse(LocalError):
    """A command that makes no sense for this row: it is not open, or has no remote that could take it."""

    code = "media-port-misuse"


class Law(enum.IntEnum):
    """The two laws of G.711."""

    PCMU = 0
    PCMA = 1


class Direction(enum.Enum):
    """Which way audio flows, seen from us (RFC 3264 5.1)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        return self in (Direction.SENDRECV, Direction.RECVONLY)


@dataclass(frozen=True, slots=True)
class PortSettings:
    """What holds for the life of a port.

    `cname` is our RTCP name (RFC 3550 6.5.1), at most 64 bytes are used; `timeout_ticks` as in `Engine.set_timeout`.
    """

    cname: bytes = b"trebuchet"
    timeout_ticks: int = 0


@dataclass(frozen=True, slots=True)
class RemoteMedia:
    """What was negotiated with the peer. Payload numbers are 0..127.

    `accept` maps each payload number the peer may use towards us to its law (nonstandard numbers are fine);
    `digits_receive` are the numbers of RFC 4733 telephone-event towards us, `digits_send` the one to send, `None` if
    none. We always send 20 ms packets and take 10 to 60 ms, whatever `ptime` says.
    """

    law: Law = Law.PCMU
    payload_type: int = 0
    accept: tuple[tuple[int, Law], ...] = ((0, Law.PCMU), (8, Law.PCMA))
    digits_receive: tuple[int, ...] = (101,)
    digits_send: int | None = 101
    direction: Direction = Direction.SENDRECV


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """The peer pressed a key, reported once at its beginning. `digit` is one of `0-9*#A-D`."""

    row: int
    digit: str


@dataclass(frozen=True, slots=True)
class DigitsSent:
    """All digits given to `send_digits` are out."""

    row: int


@dataclass(frozen=True, slots=True)
class PlaybackDone:
    """A playback ended: `is_complete` when it came to its own end, else it was stopped or replaced."""

    row: int
    playback_id: int
    is_complete: bool


@dataclass(frozen=True, slots=True)
class RecorderFull:
    """A recorder reached `max_samples`; its last block is in the same output and it has stopped."""

    row: int
    recorder_id: int


@dataclass(frozen=True, slots=True)
class Silent:
    """The party said nothing for as long as `watch_silence` asked; reported once until it speaks again."""

    row: int


@dataclass(frozen=True, slots=True)
class MediaTimeout:
    """Neither RTP nor RTCP came for `timeout_ticks` although the peer should send; reported once until it sends
    again."""

    row: int


Event = DigitPressed | DigitsSent | PlaybackDone | RecorderFull | Silent | MediaTimeout


@dataclass(frozen=True, slots=True)
class RecorderBlock:
    """Recorded audio to be written: `samples` is int16[frames] (mono) or int16[frames * 2] interleaved left (said),
    right (heard).

    A view into the engine's memory, valid until the next `tick` or command on the same row: write it or copy it before.
    """

    row: int
    recorder_id: int
    channels: int
    samples: Pcm


@dataclass(frozen=True, slots=True)
class TickOutput:
    """What one tick asks of its shell.

    `send_rows`: intp[n], rows whose packet in `Engine.tx` goes to the row's remote RTP address now; `packets`: further
    RTP packets (digits), `reports`: RTCP packets for the remote RTCP address; `blocks`: recorder blocks, valid until
    the next tick.
    """

    send_rows: Rows
    packets: Sequence[tuple[int, bytes]] = field(default_factory=tuple)
    reports: Sequence[tuple[int, bytes]] = field(default_factory=tuple)
    events: Sequence[Event] = field(default_factory=tuple)
    blocks: Sequence[RecorderBlock] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class PortStats:
    """Figures of one port since `open`. Times in ms; `level_dbov` 0 (loudest) to -96; `mos` 1.0 to 4.5 (ITU-T G.107,
    estimate).

    `lost` by sequence numbers as RFC 3550 A.3 counts, `concealed_ms` what was made up for the listener,
    `remote_lost_fraction` and `round_trip_ms` from the peer's RTCP reports, `None` while there are none.
    """

    received: int
    received_bytes: int
    sent: int
    lost: int
    duplicated: int
    reordered: int
    late: int
    malformed: int
    unknown_payload: int
    overflow: int
    restarts: int
    concealed_ms: int
    depth_ms: int
    jitter_ms: float
    level_dbov: float
    mos: float
    remote_lost_fraction: float | None
    round_trip_ms: float | None


@dataclass(frozen=True, slots=True)
class Closing:
    """What is left of a port when it closes: an RTCP goodbye for the remote RTCP address (empty if it never sent),
    the recorder's last block if one was running (valid until the row is opened again), and the final figures."""

    goodbye: bytes
    last_block: RecorderBlock | None
    stats: PortStats
