"""Free ports and port ranges on loopback, each handed out once in a test run.

All lie below the ephemeral ports: one of those may become the near end of anybody's connection between the moment it is
found free and the moment it is used.
"""

import os
import socket
from itertools import count

_RANGE, _PORT = count(), count()
BLOCK = 200
"""Ports in a range: enough for every test that takes one."""
RANGES = (10_000, 30_000)
SINGLES = (30_000, 32_700)


def free_port() -> int:
    """A port that is free for both TCP and UDP, where another process is not likely to look. Always even, and nobody
    is given the odd one: a SIP phone takes the next port for TLS."""
    low, high = SINGLES
    while True:
        port = low + 2 * (os.getpid() * 37 + next(_PORT)) % (high - low)
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def port_range(size: int = BLOCK) -> tuple[int, int]:
    """A range apart for each process and each call."""
    low, high = RANGES
    lanes = (high - low) // size
    first = low + (os.getpid() * 7 + next(_RANGE)) % lanes * size
    return first, first + size - 1
