"""G.711: both laws as tables, built once from the formulas (ITU-T G.711; segments of 16 steps, 8 segments, sign).

Decoding looks up two samples at once: a table of all byte pairs is 256 kB, fits the second-level cache, and halves the
look-ups.
"""

import sys

import numpy as np
import numpy.typing as npt

from trebuchet.media.engine.values import Law, Pcm

U8 = npt.NDArray[np.uint8]

SILENCE = np.array([0xFF, 0xD5], dtype=np.uint8)
"""uint8[law]: the byte that decodes to the smallest value."""
MU_BIAS = 33
"""Added to a 14-bit magnitude so that every segment of the mu-law starts at a power of two."""
MU_CLIP = 8158
"""Largest 14-bit magnitude the mu-law can hold."""


def _segment(magnitude: npt.NDArray[np.int32], first: int) -> npt.NDArray[np.int32]:
    """How many of the thresholds `first`, `2 * first`, ... (8 segments) each magnitude has passed: 0..7."""
    thresholds = first << np.arange(7)
    return np.searchsorted(thresholds, magnitude, side="right").astype(np.int32)


def _encode_mu(samples: npt.NDArray[np.int32]) -> U8:
    short = samples >> 2
    magnitude = np.minimum(np.abs(short), MU_CLIP) + MU_BIAS
    segment = _segment(magnitude, 0x40)
    code = (segment << 4) | ((magnitude >> (segment + 1)) & 0x0F)
    codes: U8 = (code ^ np.where(short < 0, 0x7F, 0xFF)).astype(np.uint8)
    return codes


def _encode_a(samples: npt.NDArray[np.int32]) -> U8:
    short = samples >> 3
    magnitude = np.where(short < 0, -short - 1, short)
    segment = _segment(magnitude, 0x20)
    code = (segment << 4) | ((magnitude >> np.maximum(segment, 1)) & 0x0F)
    return (code ^ np.where(short < 0, 0x55, 0xD5)).astype(np.uint8)


def _decode_mu() -> Pcm:
    code = np.arange(256, dtype=np.int32) ^ 0xFF
    magnitude = ((((code & 0x0F) << 1) + MU_BIAS) << ((code >> 4) & 7)) - MU_BIAS
    return (np.where(code & 0x80, -magnitude, magnitude) << 2).astype(np.int16)


def _decode_a() -> Pcm:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment = (code >> 4) & 7
    step = ((code & 0x0F) << 1) + 1
    magnitude = np.where(segment == 0, step, (step + 32) << np.maximum(segment - 1, 0))
    return (np.where(code & 0x80, magnitude, -magnitude) << 3).astype(np.int16)


def _pairs(table: Pcm) -> npt.NDArray[np.uint32]:
    """uint32[65536]: both samples of every byte pair, laid out so that a view as int16 gives them in order."""
    both = np.arange(65536, dtype="<u2").view(np.uint8).reshape(-1, 2)
    return np.ascontiguousarray(table[both]).view(np.uint32).reshape(-1)


if sys.byteorder != "little":  # the pair tables and recorder blocks rely on it
    raise ImportError("the media engine needs a little-endian machine")

_ALL = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
DECODE: tuple[Pcm, Pcm] = (_decode_mu(), _decode_a())
"""int16[256] for each law."""
ENCODE: tuple[U8, U8] = (_encode_mu(_ALL), _encode_a(_ALL))
"""uint8[65536] for each law, indexed by the sample seen as uint16."""
PAIRS = (_pairs(DECODE[0]), _pairs(DECODE[1]))


def decode(payload: U8, law: Law) -> Pcm:
    """int16 of the same shape as `payload`."""
    return DECODE[law][payload]


def encode(pcm: Pcm, law: Law) -> U8:
    """uint8 of the same shape as `pcm`."""
    return ENCODE[law][pcm.view(np.uint16)]


def decode_rows(payload: U8, laws: U8, out: Pcm) -> None:
    """Decode uint8[rows, n] into `out` int16[rows, n] (n even), `laws` uint8[rows]. Rows of the rarer law cost a
    copy."""
    if not len(laws):
        return
    pairs, wide = payload.view(np.uint16), out.view(np.uint32)
    alaw = np.flatnonzero(laws)
    if 2 * len(alaw) > len(laws):
        np.take(PAIRS[1], pairs, out=wide, mode="clip")
        other, table = np.flatnonzero(laws == 0), PAIRS[0]
    else:
        np.take(PAIRS[0], pairs, out=wide, mode="clip")
        other, table = alaw, PAIRS[1]
    if len(other):
        wide[other] = table[pairs[other]]


def encode_rows(pcm: Pcm, laws: U8, out: U8) -> None:
    """Encode int16[rows, n] into `out` uint8[rows, n], `laws` uint8[rows]."""
    if not len(laws):
        return
    words = pcm.view(np.uint16)
    alaw = np.flatnonzero(laws)
    if 2 * len(alaw) > len(laws):
        np.take(ENCODE[1], words, out=out, mode="clip")
        other, table = np.flatnonzero(laws == 0), ENCODE[0]
    else:
        np.take(ENCODE[0], words, out=out, mode="clip")
        other, table = alaw, ENCODE[1]
    if len(other):
        out[other] = table[words[other]]
