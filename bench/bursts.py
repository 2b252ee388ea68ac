"""What the same work costs this machine when it comes in small pieces: `python bench/bursts.py`.

A loop of plain Python runs without a pause, then in pieces with sleeps in between, as a server's work does at a low
rate. The first column is the length of a piece, the last the CPU time of one step. It says how far figures of this
machine at low rates may be trusted.
"""

import time

SECONDS = 1.5
PAUSES = ((0.0, 4000), (0.002, 1000), (0.003, 1000), (0.003, 300))
"""Seconds of sleep after each piece, steps in a piece."""


def work(steps: int) -> None:
    texts: dict[int, str] = {}
    for step in range(steps):
        texts[step & 255] = str(step)


def step_us(pause_s: float, piece: int) -> float:
    done, began, end = 0, time.process_time(), time.monotonic() + SECONDS
    while time.monotonic() < end:
        work(piece)
        done += piece
        if pause_s:
            time.sleep(pause_s)
    return 1e6 * (time.process_time() - began) / done


def main() -> None:
    steady = 0.0
    for pause_s, piece in PAUSES:
        cost = step_us(pause_s, piece)
        steady = steady or cost
        print(
            f"{piece:5} steps, then {1e3 * pause_s:3.0f} ms of sleep: {cost:.3f} us a step, ratio {cost / steady:.2f}"
        )


if __name__ == "__main__":
    main()
