"""Array types of the engine, and the one piece of arithmetic that several stages share."""

from typing import Any

import numpy as np
import numpy.typing as npt

from trebuchet.media.engine.values import Pcm

Bools = npt.NDArray[np.bool_]
U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]
AnyArray = npt.NDArray[Any]


def indexes(mask: Bools) -> Indexes:
    """Where a mask is true."""
    return np.flatnonzero(mask)


class Adder:
    """Saturating int16 addition over rows, with its own scratch memory.

    Staying in int16 is several times faster than widening to int32; the few samples that overflow are mended
    afterwards.
    """

    def __init__(self, rows: int, samples: int) -> None:
        self._sign_a = np.empty((rows, samples), np.int16)
        self._sign_b = np.empty((rows, samples), np.int16)
        self._changed = np.empty((rows, samples), np.int16)

    def add(self, left: Pcm, right: Pcm, out: Pcm) -> None:
        """`out = left + right`, held to -32768..32767. All int16[n, samples]; `out` may be `left` or `right`."""
        if not len(left):
            return
        count = len(left)
        flips, other = self._sign_a[:count], self._sign_b[:count]
        np.copyto(other, left)
        np.bitwise_xor(left, right, out=flips)
        np.add(left, right, out=out)
        self._mend(flips, other, out)

    def _mend(self, flips: Pcm, left: Pcm, out: Pcm) -> None:
        """Operands of equal sign whose sum has another sign have overflowed, to the side of that sign."""
        np.invert(flips, out=flips)
        changed = self._changed[: len(out)]
        np.bitwise_xor(left, out, out=changed)
        np.bitwise_and(flips, changed, out=flips)
        if flips.min() < 0:
            where = flips < 0
            out[where] = np.where(left[where] < 0, np.int16(-32768), np.int16(32767))
