"""What somebody heard, as a sequence of phases: silence, ringback, one party's tone, anything else.

A block of 100 ms belongs to a tone when nearly all its energy is at that frequency. So a phase says two things: that
tone was heard, and nothing else was.
"""

import io
import math
from dataclasses import dataclass

import numpy as np
import soundfile
from numpy.typing import NDArray

from trebuchet.base.units import RATE_HZ
from trebuchet.testing.tones import level, tone_level

BLOCK = RATE_HZ // 10
QUIET_DB = -50.0
PURE_DB = 1.0
"""How much louder everything may be than the tone alone: a fifth of the energy may be something else."""
MIN_BLOCKS = 3
"""Shorter phases are passages from one to the next."""
RINGBACK_HZ = (440.0, 480.0)
RINGBACK, QUIET, OTHER = "ringback", "quiet", "other"


@dataclass(frozen=True)
class Phase:
    name: str
    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s


def music(hz: float, seconds: float, format_: str = "WAV") -> bytes:
    """A tone as stereo file at 44.1 kHz."""
    rate_hz = 44_100
    tone = 0.4 * np.sin(2 * np.pi * hz / rate_hz * np.arange(int(rate_hz * seconds)))
    file = io.BytesIO()
    soundfile.write(file, np.stack([tone, tone], axis=1), rate_hz, format=format_)
    return file.getvalue()


def phases(pcm: NDArray[np.int16], **tones: float) -> list[Phase]:
    """Who was heard when; `tones` are the parties' frequencies by name. Silence and passages are left out, and a
    phase that silence interrupts (ringback does) is one phase."""
    names = [_name(pcm[start : start + BLOCK], tones) for start in range(0, len(pcm) - BLOCK + 1, BLOCK)]
    found: list[Phase] = []
    for first, last in _runs(names):
        name = names[first]
        if name == QUIET or last - first < MIN_BLOCKS:
            continue
        start_s, end_s = first * BLOCK / RATE_HZ, last * BLOCK / RATE_HZ
        if found and found[-1].name == name:
            start_s = found.pop().start_s
        found.append(Phase(name, start_s, end_s))
    return found


def phase_names(pcm: NDArray[np.int16], **tones: float) -> list[str]:
    return [phase.name for phase in phases(pcm, **tones)]


def _runs(names: list[str]) -> list[tuple[int, int]]:
    starts = [i for i, name in enumerate(names) if i == 0 or names[i - 1] != name]
    return list(zip(starts, [*starts[1:], len(names)], strict=True)) if names else []


def _name(block: NDArray[np.int16], tones: dict[str, float]) -> str:
    total = level(block)
    if total < QUIET_DB:
        return QUIET
    for name, hz in tones.items():
        if total - tone_level(block, hz) < PURE_DB:
            return name
    powers = (10 ** (tone_level(block, hz) / 10) for hz in RINGBACK_HZ)
    return RINGBACK if total - 10 * math.log10(sum(powers)) < PURE_DB else OTHER
