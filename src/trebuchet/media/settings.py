"""What the operator chooses about media."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSettings:
    """Plain values; the composition root fills them in."""

    data: Path
    """Recordings go to `media/{account}` in it."""
    rtp_ports: tuple[int, int] = (20_000, 29_999)
    """Lowest and highest RTP/RTCP port, both included; shared out among the workers. A call takes two."""
    workers: int = 1
    bind_ipv4: str = "127.0.0.1"
    """IP literal; `0.0.0.0` for all interfaces."""
    bind_ipv6: str | None = None
    """IP literal; `None`: no IPv6 media."""
    advertised_ipv4: str | None = None
    """What peers are told; `None`: the bind address, or the machine's own for `0.0.0.0`."""
    advertised_ipv6: str | None = None
    timeout_s: float = 30.0
    """Silence that ends a call; 0: never."""
    quarantine_s: float = 5.0
    """How long a port number rests before another call gets it: late packets of the old one have died out."""
    has_stereo_recordings: bool = False
    """Said left, heard right, instead of both mixed."""
    ports_per_worker: int = 2048
    """Rows of a worker's arrays; about what one core can carry."""
    is_pinned: bool = False
    """Each worker stays on one core, from the last one downwards."""
    is_realtime: bool = True
    """Workers ask for real-time priority; without the right to it they run as usual."""
    stall_s: float = 5.0
    """A worker that takes no command, or shows no sign of life, for so long is killed and replaced."""
