"""Tones as fingerprints: every party of a test has its own pitch, and the spectrum decides who hears whom.

All arrays are `int16[samples]` at 8 kHz mono. Levels are dBFS of a sine: 0 dB is a sine that just fills int16.
"""

import math

import numpy as np
from numpy.typing import NDArray

from trebuchet.base.units import RATE_HZ

Pcm = NDArray[np.int16]

FULL_SCALE = 32767.0
QUIET_DB = -120.0
"""What silence measures, instead of minus infinity: below the last bit of 16."""
MIN_SPECTRUM_HZ = 60.0
"""`loudest_hz` looks above this: a direct-current offset or hum is no tone."""


def tone(hz: float, seconds: float, *, level_db: float = -12.0, start_sample: int = 0) -> Pcm:
    """A sine. `start_sample` continues an earlier piece without a jump in phase."""
    n = np.arange(start_sample, start_sample + round(seconds * RATE_HZ), dtype=np.float64)
    amplitude = FULL_SCALE * math.pow(10.0, level_db / 20.0)
    return np.rint(amplitude * np.sin(n * (2.0 * np.pi * hz / RATE_HZ))).astype(np.int16)


def tone_level(pcm: Pcm, hz: float) -> float:
    """Level of the sine of frequency `hz` in `pcm`, dBFS (Goertzel's single-bin transform with a Hann window).

    The resolution is about 2 / duration: two tones must be that far apart (half a second: 4 Hz)."""
    if len(pcm) == 0:
        return QUIET_DB
    window = np.hanning(len(pcm) + 2)[1:-1]
    n = np.arange(len(pcm), dtype=np.float64)
    bin_value = np.dot(pcm.astype(np.float64) * window, np.exp(-2j * np.pi * hz / RATE_HZ * n))
    amplitude = 2.0 * abs(bin_value) / float(window.sum()) / FULL_SCALE
    return 20.0 * math.log10(amplitude) if amplitude > 1e-6 else QUIET_DB


def level(pcm: Pcm) -> float:
    """Level of everything in `pcm`, on the same scale (a lone sine measures its own `tone_level`)."""
    if len(pcm) == 0:
        return QUIET_DB
    rms = math.sqrt(float(np.mean(np.square(pcm.astype(np.float64))))) * math.sqrt(2.0) / FULL_SCALE
    return 20.0 * math.log10(rms) if rms > 1e-6 else QUIET_DB


def loudest_hz(pcm: Pcm) -> float:
    """Frequency of the strongest component, to about 1 / duration Hz; 0 when there is nothing but silence."""
    if level(pcm) <= -80.0:
        return 0.0
    spectrum = np.abs(np.fft.rfft(pcm.astype(np.float64) * np.hanning(len(pcm))))
    spectrum[: math.ceil(MIN_SPECTRUM_HZ * len(pcm) / RATE_HZ)] = 0.0
    return float(np.argmax(spectrum)) * RATE_HZ / len(pcm)


def hears(pcm: Pcm, hz: float, *, above_db: float = -30.0) -> bool:
    """Whether the tone is clearly there."""
    return tone_level(pcm, hz) > above_db


def is_free_of(pcm: Pcm, hz: float, *, below_db: float = -45.0) -> bool:
    """Whether the tone is clearly not there. The gap to `hears` makes the two verdicts robust, and G.711's own
    distortion (about -38 dB below a tone, spread over the band) stays under the limit."""
    return tone_level(pcm, hz) < below_db
