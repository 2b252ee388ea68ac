"""What the server and a media worker say to each other: tagged msgpack structs, one union each way.

A datagram of the channel (`AF_UNIX`, `SOCK_SEQPACKET`) holds a list of messages, so a burst of commands costs one
system call. Ports, playbacks and recorders are numbers that the server gives out and never uses twice in a worker's
life: a report about something already closed is recognised and dropped.
"""

import msgspec

MAX_DATAGRAM_BYTES = 65_536
"""Largest datagram either side writes; below the kernel's default socket buffer (208 kB), far above one message."""


class Message(msgspec.Struct, frozen=True, tag=True, array_like=True, gc=False):
    """The base of all messages: encoded as an array that begins with the class name."""


# --- server to worker ---


class Configure(Message, frozen=True):
    """The first command: everything the worker needs to know for its life."""

    data: str
    """Data directory; recordings go to `media/{account}` in it."""
    low_port: int
    high_port: int
    """The worker's own share of RTP ports, both included."""
    bind_ipv4: str
    bind_ipv6: str | None
    capacity: int
    """Ports at once."""
    timeout_s: float
    """Silence after which a port reports `TimedOut`; 0: never."""
    quarantine_s: float
    """How long a closed port number rests."""
    channels: int
    """1: recordings mix both directions; 2: said left, heard right."""
    cpu: int | None
    """Core to stay on."""
    is_realtime: bool
    """Ask for real-time priority."""


class OpenPort(Message, frozen=True):
    """Take a ready socket pair into use. `family` is 4 or 6."""

    port: int
    family: int
    rtp_port: int


class SetRemote(Message, frozen=True):
    """What was negotiated. `address` empty: do not send (the peer gave none). `direction` is seen from us."""

    port: int
    address: str
    rtp_port: int
    rtcp_port: int
    law: str
    payload_type: int
    accept: tuple[tuple[int, str], ...]
    """Payload number to law (`PCMU`/`PCMA`) for what comes in."""
    digits_receive: tuple[int, ...]
    digits_send: int | None
    direction: str
    srtp: tuple[str, bytes, bytes] | None
    """Suite, our key, the peer's key; `None`: plain RTP. A port that was protected once never becomes plain."""


class OpenSource(Message, frozen=True):
    """A port without sockets and peer: what it plays is heard by its group."""

    port: int


class Connect(Message, frozen=True):
    port: int
    other: int


class JoinGroup(Message, frozen=True):
    """Leave any other group and enter this one; its first member makes it."""

    port: int
    group: int


class CloseGroup(Message, frozen=True):
    """Nobody will join this group any more."""

    group: int


class SetVoice(Message, frozen=True):
    """What the port may do in its group, and how loud. `gate_dbov` `None`: everything is heard."""

    port: int
    can_speak: bool
    can_hear: bool
    mic_db: float
    ear_db: float
    gate_dbov: float | None


class Disconnect(Message, frozen=True):
    port: int


class Play(Message, frozen=True):
    """Play a file of headerless int16 samples."""

    port: int
    playback: int
    path: str
    samples: int
    volume: int
    is_looped: bool


class PlayRingback(Message, frozen=True):
    port: int
    playback: int


class PlayTone(Message, frozen=True):
    """Play one of the built-in tones, once. `tone` is a value of `calls.interfaces.Tone`."""

    port: int
    playback: int
    tone: str


class StopPlayback(Message, frozen=True):
    port: int


class SendDigits(Message, frozen=True):
    port: int
    digits: str


class StartRecorder(Message, frozen=True):
    port: int
    recorder: int
    account_id: str
    media_name: str
    max_samples: int
    channels: int
    """1 or 2; 0: as the worker records anyway."""
    silence_ticks: int
    """The recorder stops when its party has been silent for so long; 0: never."""
    silence_peak: int
    """What still counts as silence."""


class StopRecorder(Message, frozen=True):
    port: int


class ClosePort(Message, frozen=True):
    port: int


class Exit(Message, frozen=True):
    """Finish the files and end. The end of the channel means the same."""


Command = (
    Configure
    | OpenPort
    | OpenSource
    | SetRemote
    | Connect
    | JoinGroup
    | CloseGroup
    | SetVoice
    | Disconnect
    | Play
    | PlayRingback
    | PlayTone
    | StopPlayback
    | SendDigits
    | StartRecorder
    | StopRecorder
    | ClosePort
    | Exit
)

# --- worker to server ---


class PortsReady(Message, frozen=True):
    """Socket pairs bound ahead of need."""

    family: int
    rtp_ports: tuple[int, ...]


class DigitHeard(Message, frozen=True):
    port: int
    digit: str


class PlaybackEnded(Message, frozen=True):
    port: int
    playback: int


class RecorderStopped(Message, frozen=True):
    """The file is closed and playable. `reason` is a value of `StopReason`; `samples` per channel."""

    recorder: int
    samples: int
    reason: str


class TimedOut(Message, frozen=True):
    port: int


class PortFailed(Message, frozen=True):
    """The port could not be opened or broke; it is closed in the worker."""

    port: int


class PortClosed(Message, frozen=True):
    """The final figures of a port."""

    port: int
    received: int
    lost: int
    sent: int
    concealed_ms: int
    jitter_ms: float
    mos: float


class Load(Message, frozen=True):
    """Once a second, also as a sign of life. Counters run from the start of the worker."""

    load: float
    """Busy share of the tick, averaged over about two seconds."""
    ports: int
    recorders: int
    ticks: int
    late_ticks: int
    """Ticks that began more than `tick_clock.LATE_S` after their time."""
    missed_ticks: int
    """Ticks left out because the worker was far behind."""
    worst_late_s: float
    """Within the last second."""
    stages: dict[str, float]
    """Seconds spent in each stage within the last second."""
    failed_ticks: int
    """Ticks that an error of ours ended early."""
    dropped_packets: int
    """Received from a wrong source, or too long."""


Report = PortsReady | DigitHeard | PlaybackEnded | RecorderStopped | TimedOut | PortFailed | PortClosed | Load

encoder = msgspec.msgpack.Encoder()
command_decoder = msgspec.msgpack.Decoder(list[Command])
report_decoder = msgspec.msgpack.Decoder(list[Report])


def pack(messages: list[bytes]) -> tuple[bytes, int]:
    """One datagram of as many encoded messages as fit, and their number. `messages` is not empty."""
    size = count = 0
    for message in messages:
        if count and size + len(message) > MAX_DATAGRAM_BYTES - 8:
            break
        size += len(message)
        count += 1
    head = b"\xdd" + count.to_bytes(4, "big")  # msgpack array with a 32-bit length
    return head + b"".join(messages[:count]), count
