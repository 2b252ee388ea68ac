"""How late a loop is: work that stands in line shows, one long callback does not."""

import asyncio
import time

from trebuchet.loop_lag import PERIOD_S, SAMPLES, LoopLag


async def test_an_idle_loop_is_not_late() -> None:
    lag = LoopLag()
    lag.start()
    await asyncio.sleep(PERIOD_S * SAMPLES * 2)
    lag.stop()
    assert lag.standing_s < 0.5


async def test_one_long_callback_is_no_overload() -> None:
    lag = LoopLag()
    lag.start()
    await asyncio.sleep(PERIOD_S * 2)
    time.sleep(PERIOD_S * 8)
    await asyncio.sleep(PERIOD_S)
    lag.stop()
    assert lag.standing_s < PERIOD_S * 4


async def test_a_busy_loop_is_late_all_the_time() -> None:
    lag = LoopLag()
    lag.start()
    for _ in range(SAMPLES * 3):
        time.sleep(PERIOD_S * 4)
        await asyncio.sleep(0)
    lag.stop()
    assert lag.standing_s > PERIOD_S
