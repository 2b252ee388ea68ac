"""What the signalling plane is told at its start: plain values, read nowhere else."""

import ssl
from dataclasses import field
from pathlib import Path

from trebuchet.base.values import frozen, frozen_keywords
from trebuchet.model.trunk import Trunk
from trebuchet.sip.authenticator import MD5
from trebuchet.sip.register import RegisterRules
from trebuchet.sip.timers import TimerValues


@frozen
class Bind:
    """One address to listen on. Port 0 takes a free one, the same for every transport of `transports`.

    A host of `0.0.0.0` or `::` is every interface; peers are then told the address that faces them.
    """

    host: str
    port: int
    transports: tuple[str, ...] = ("udp", "tcp")


@frozen_keywords
class LinkLimits:
    """What strangers may cost the sockets. Counts, bytes and seconds."""

    max_connections: int = 2048
    """Stream connections at once; a further one takes the place of the one that has been idle longest."""
    max_stranger_connections: int = 64
    """Those of sources that may not call in: enough to give them a 403, too few to keep anybody else out."""
    max_write_buffer_bytes: int = 262_144
    """Bytes a peer may leave unread before its connection is cut: four of the largest messages."""
    message_s: float = 32.0
    """A connection has this long for its first message, and for each message it has begun (64 T1)."""
    idle_s: float = 3600.0
    """Nothing at all for this long, not even a keep-alive, ends a connection."""
    connect_s: float = 5.0
    """An outgoing connection that is not up by then has failed."""
    receive_buffer_bytes: int = 4_194_304
    """Kernel buffer of a UDP socket: some thousand messages, a second of a heavy burst."""


@frozen_keywords
class TraceSettings:
    """Keeping SIP messages for debugging; they hold numbers and addresses, so it is off unless asked for."""

    messages: int = 0
    """How many of the latest messages stay in memory; 0 keeps none."""
    path: Path | None = None
    """A file every message is appended to."""


@frozen_keywords
class PhoneSettings:
    """Registered phones."""

    networks: tuple[str, ...] = ("0.0.0.0/0", "::/0")
    """Where they may register and call from (CIDR), once there are endpoints."""
    algorithms: tuple[str, ...] = MD5
    """What they are challenged with, in order."""
    rules: RegisterRules = field(default_factory=RegisterRules)


@frozen_keywords
class SipSettings:
    binds: tuple[Bind, ...] = (Bind("127.0.0.1", 5060),)
    advertised_host: str | None = None
    """Address that peers beyond loopback are told (Contact, Via) in place of the bound one, e.g. behind a 1:1 NAT."""
    trunks: tuple[Trunk, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    """Names and addresses that may call in and may be called as `sip:` URI."""
    allowed_networks: tuple[str, ...] = ()
    """The same for whole networks (CIDR)."""
    allows_loopback: bool = True
    """Whether this machine may call in and be called without being listed."""
    timers: TimerValues = field(default_factory=TimerValues)
    session_expires_s: int = 1800
    max_transactions: int = 50_000
    max_calls: int = 10_000
    """Dialogs at once: the last bound, above the one call control keeps."""
    retry_after_s: int = 5
    """What a refused caller is told to wait."""
    probe_interval_s: float | None = None
    """How often each trunk is asked with OPTIONS whether it is there; `None` asks nobody."""
    limits: LinkLimits = field(default_factory=LinkLimits)
    phones: PhoneSettings = field(default_factory=PhoneSettings)
    trace: TraceSettings = field(default_factory=TraceSettings)
    tls_server: ssl.SSLContext | None = None
    """Needed for a bind with `tls`."""
    tls_client: ssl.SSLContext | None = None
    """Needed to call over TLS; it decides about certificates."""
