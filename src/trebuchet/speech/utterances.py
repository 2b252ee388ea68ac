"""Recordings in pieces that a recogniser can take: between pauses, and never longer than it can remember."""

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trebuchet.base.units import RATE_HZ

FRAME = RATE_HZ // 50
"""20 ms: what loudness is measured over."""
PAUSE_FRAMES = 25
"""Half a second without a voice ends an utterance."""
PADDING_FRAMES = 15
"""Left around an utterance: the quiet beginnings and ends of words."""
MAX_FRAMES = 30 * 50
"""Longest utterance, 30 s: memory and time of a recogniser grow with it."""
MIN_LEVEL = 60.0
"""Root mean square of a frame (of 32767) below which nobody speaks."""
FLOOR_FACTOR = 3.0
"""A voice is so much louder than the quietest tenth of the recording."""

Samples = npt.NDArray[np.int16]


class NotWav(ValueError):
    """The file is not a wav of ours."""


def read_wav(path: Path) -> Samples:
    """int16[n] at 8 kHz; two channels are mixed. Raises `NotWav`, `OSError`."""
    try:
        with wave.open(str(path), "rb") as file:
            if file.getframerate() != RATE_HZ or file.getsampwidth() != 2 or file.getnchannels() not in (1, 2):
                raise NotWav("not 16 bit at 8 kHz with one or two channels")
            channels = file.getnchannels()
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    except (wave.Error, EOFError) as error:
        raise NotWav(str(error)) from error
    if channels == 2:
        left, right = samples[0::2].astype(np.int32), samples[1::2].astype(np.int32)
        return ((left + right) // 2).astype(np.int16)
    return samples


def levels(samples: Samples) -> npt.NDArray[np.float32]:
    """float32[n // 160]: the root mean square of each frame."""
    frames = samples[: samples.size // FRAME * FRAME].reshape(-1, FRAME)
    power: npt.NDArray[np.float32] = np.einsum("ij,ij->i", frames, frames, dtype=np.float32)
    level: npt.NDArray[np.float32] = np.sqrt(power / np.float32(FRAME))
    return level


def utterances(samples: Samples) -> Iterator[Samples]:
    """The pieces in which somebody speaks, in order."""
    level = levels(samples)
    if level.size == 0:
        return
    floor = float(np.percentile(level, 10))
    voiced = np.flatnonzero(level > max(MIN_LEVEL, min(floor * FLOOR_FACTOR, float(level.max()) / 2)))
    if voiced.size == 0:
        return
    breaks = np.flatnonzero(np.diff(voiced) > PAUSE_FRAMES)
    firsts = voiced[np.concatenate(([0], breaks + 1))]
    lasts = voiced[np.concatenate((breaks, [voiced.size - 1]))]
    for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
        yield from _cut(samples, max(0, first - PADDING_FRAMES), last + 1 + PADDING_FRAMES)


def _cut(samples: Samples, first: int, end: int) -> Iterator[Samples]:
    for start in range(first, end, MAX_FRAMES):
        piece = samples[start * FRAME : min(start + MAX_FRAMES, end) * FRAME]
        if piece.size:
            yield piece
