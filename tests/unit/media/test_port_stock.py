"""Socket pairs bound ahead of need."""

import socket

from support.ports import port_range
from trebuchet.media.port_stock import BUSY_REST_S, PortStock

QUARANTINE_S = 5.0


def test_a_range_that_a_dying_worker_still_holds_is_ready_soon_after_it_let_go() -> None:
    low, _ = port_range(20)
    holders = []
    for port in range(low, low + 8):
        holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        holder.bind(("127.0.0.1", port))
        holders.append(holder)
    stock = PortStock(4, "127.0.0.1", low, low + 7, QUARANTINE_S)
    assert stock.fill(0.0) == ()
    for holder in holders:
        holder.close()
    assert stock.fill(BUSY_REST_S / 2) == ()
    assert len(stock.fill(BUSY_REST_S)) == 4
    stock.close()


def test_a_used_number_rests() -> None:
    low, _ = port_range(20)
    stock = PortStock(4, "127.0.0.1", low, low + 1, QUARANTINE_S)
    (port,) = stock.fill(0.0)
    pair = stock.take(port)
    assert pair is not None
    pair.close()
    stock.rest(port, 1.0)
    assert stock.fill(1.0 + QUARANTINE_S - 0.1) == ()
    assert stock.fill(1.0 + QUARANTINE_S) == (port,)
    stock.close()
