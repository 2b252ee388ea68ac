"""Thousands of calls against one server: memory and descriptors are the same afterwards. `make soak` places 20,000."""

from pathlib import Path

import pytest

from support.load import all_descriptors, all_memory_kb, answering_application, place_calls
from support.scale import scaled
from support.server import Server

WARM_UP = scaled(200, 3_000)
"""Pools, caches and pages of the log fill up in the beginning."""
CALLS = scaled(400, 17_000)
RATE = scaled(80.0, 150.0)
ROUNDS = scaled(1, 4)
GROWTH_KB = 15_000
GROWTH_BYTES_A_CALL = 200
"""For the long form: what fragmentation may cost. One kept call record alone would be more than 2 kB."""
OPENED = 40
"""Connections between the server and the application are kept; how many depends on how busy the moment was."""
RTP_PORTS = (14_000, 29_999)


@pytest.mark.timeout(scaled(120, 1800))
async def test_memory_and_descriptors_stay_flat(tmp_path: Path) -> None:
    async with Server(tmp_path, rtp_ports=RTP_PORTS) as server, answering_application(server):
        await _round(server, WARM_UP)
        memory, files = all_memory_kb(server), all_descriptors(server)
        print(f"after {WARM_UP} calls: {memory} kB, {files} descriptors")
        done = 0
        for _ in range(ROUNDS):
            done += await _round(server, CALLS // ROUNDS)
            print(f"after {WARM_UP + done} calls: {all_memory_kb(server)} kB, {all_descriptors(server)} descriptors")
        grown, opened = all_memory_kb(server) - memory, all_descriptors(server) - files
        print(f"{done} calls: memory {grown:+} kB ({1024 * grown / done:+.0f} bytes a call), descriptors {opened:+}")
        assert grown < max(GROWTH_KB, GROWTH_BYTES_A_CALL * done / 1024)
        assert opened <= OPENED


async def _round(server: Server, calls: int) -> int:
    """So many calls, none of which may fail, and then silence until nothing of them is left."""
    result = await place_calls(server, RATE, calls / RATE)
    assert not result["failures"] and result["completed"] == result["calls"], result
    await server.wait_until_idle()
    return int(result["completed"])
