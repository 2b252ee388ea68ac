"""Call progress tones and keys as PCM: made once, played like any prompt (ITU-T E.180 Supplement 2, North America)."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from trebuchet.base.units import RATE_HZ
from trebuchet.media.engine.dtmf_receive import KEYS
from trebuchet.media.engine.values import Pcm

FULL_SCALE_DBM0 = 3.17
"""A sine that just reaches the end of the mu-law (ITU-T G.711)."""
FULL_SCALE = 32124
TONE_DBM0 = -19.0
"""Ringback and busy: each frequency, as the precise tone plan has it."""
CHIME_DBM0 = -15.0
KEY_DBM0 = -9.0
EDGE_MS = 4
"""Tones begin and end softly, so that they do not click."""
ROW_HZ = (697, 770, 852, 941)
COLUMN_HZ = (1209, 1336, 1477, 1633)
KEYPAD = "123A456B789C*0#D"


def tone(frequencies_hz: Sequence[float], duration_ms: int, level_dbm0: float = TONE_DBM0) -> Pcm:
    """The sum of sines, each at `level_dbm0`, int16[duration_ms * 8], with soft edges."""
    count = duration_ms * RATE_HZ // 1000
    time = np.arange(count) / RATE_HZ
    amplitude = FULL_SCALE * 10.0 ** ((level_dbm0 - FULL_SCALE_DBM0) / 20.0)
    wave = np.zeros(count)
    for frequency in frequencies_hz:
        wave += amplitude * np.sin(2.0 * np.pi * frequency * time)
    edge = min(EDGE_MS * RATE_HZ // 1000, count // 2)
    ramp = np.arange(edge) / max(edge, 1)
    wave[:edge] *= ramp
    wave[count - edge :] *= ramp[::-1]
    return np.clip(np.rint(wave), -32768, 32767).astype(np.int16)


def silence(duration_ms: int) -> Pcm:
    """int16[duration_ms * 8] of zeros."""
    return np.zeros(duration_ms * RATE_HZ // 1000, np.int16)


def _fixed(*pieces: Pcm) -> Pcm:
    whole = np.concatenate(pieces)
    whole.setflags(write=False)
    return whole


@cache
def ringback() -> Pcm:
    """440 + 480 Hz, two seconds on, four off: one period, to be looped."""
    return _fixed(tone((440, 480), 2000), silence(4000))


@cache
def busy() -> Pcm:
    """480 + 620 Hz, half a second on and off: one period, to be looped."""
    return _fixed(tone((480, 620), 500), silence(500))


@cache
def joined() -> Pcm:
    """Somebody came into the conference: two rising notes."""
    return _fixed(tone((523,), 120, CHIME_DBM0), tone((784,), 180, CHIME_DBM0))


@cache
def left() -> Pcm:
    """Somebody left the conference: two falling notes."""
    return _fixed(tone((784,), 120, CHIME_DBM0), tone((523,), 180, CHIME_DBM0))


@cache
def beep() -> Pcm:
    """Recording starts: one second is customary, 400 ms is enough and shorter to wait for."""
    return _fixed(tone((1000,), 400, CHIME_DBM0))


def keys(digits: str, duration_ms: int = 100, gap_ms: int = 100) -> Pcm:
    """Digits as audible key tones (ITU-T Q.23), for peers that take no RFC 4733 events; other characters are a gap."""
    pieces = [silence(0)]
    for digit in digits:
        if digit in KEYS:
            row, column = divmod(KEYPAD.index(digit), 4)
            pieces.append(tone((ROW_HZ[row], COLUMN_HZ[column]), duration_ms, KEY_DBM0))
        pieces.append(silence(gap_ms))
    return np.concatenate(pieces)
