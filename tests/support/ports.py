"""Free ports and port ranges on loopback, each handed out once in a test run.

All lie below the ephemeral ports: one of those may become the near end of anybody's connection between the moment it is
found free and the moment it is used.
"""

import os
import socket
from itertools import count
from pathlib import Path

_RANGE, _PORT = count(), count()
BLOCK = 200
"""Ports in a range: enough for every test that takes one."""
SMALL_RANGES, RANGES = (10_000, 20_000), (20_000, 30_000)
"""A phone's few ports and a server's many lie apart: lanes of two sizes in one area would overlap."""
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
    """A range apart for each process and each call, in which every port is free now."""
    low, high = RANGES if size >= BLOCK else SMALL_RANGES
    lanes = (high - low) // size
    for _ in range(lanes):
        first = low + (os.getpid() * 7 + next(_RANGE)) % lanes * size
        if all(_is_free(port) for port in range(first, first + size)):
            return first, first + size - 1
    raise AssertionError(f"no {size} free ports in a row")


def _is_free(port: int) -> bool:
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        try:
            tcp.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_served(transport: str, port: int) -> bool:
    """Whether some process takes calls there now, as the kernel lists it: a TCP port that is bound but not yet listened
    on refuses connections, and a bind tried to find out could take the port from the one who is about to bind it."""
    state = "0A" if transport == "tcp" else "07"
    tables = [Path(f"/proc/net/{transport}{family}") for family in ("", "6")]
    rows = [row.split() for table in tables if table.exists() for row in table.read_text().splitlines()[1:]]
    return any(row[1].endswith(f":{port:04X}") and row[3] == state for row in rows)
