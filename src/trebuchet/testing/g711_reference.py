"""G.711 from its formulas, for test phones and as a reference: slow to build, two tables to use.

Source: ITU-T G.711 (1988), tables 1a/1b and 2a/2b in their usual segment form.
"""

import numpy as np
from numpy.typing import NDArray


def _decode_mulaw(code: int) -> int:
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def _decode_alaw(code: int) -> int:
    code ^= 0x55
    segment = (code & 0x70) >> 4
    magnitude = ((code & 0x0F) << 4) + 8
    if segment:
        magnitude = (magnitude + 0x100) << (segment - 1)
    return magnitude if code & 0x80 else -magnitude


def _nearest(decoded: NDArray[np.int16]) -> NDArray[np.uint8]:
    """For every int16 sample the code whose value is nearest: `uint8[65536]`, indexed by the sample as uint16."""
    order = np.argsort(decoded, kind="stable")
    values = decoded[order].astype(np.int32)
    samples = np.arange(-32768, 32768, dtype=np.int32)
    index = np.searchsorted((values[1:] + values[:-1]) / 2.0, samples)
    return np.roll(order[index].astype(np.uint8), -32768)


class Law:
    """One of the two laws."""

    def __init__(self, decoded: list[int]) -> None:
        self._decoded = np.array(decoded, dtype=np.int16)
        self._encoded = _nearest(self._decoded)

    def decode(self, payload: bytes) -> NDArray[np.int16]:
        return self._decoded[np.frombuffer(payload, dtype=np.uint8)]

    def encode(self, pcm: NDArray[np.int16]) -> bytes:
        return self._encoded[pcm.view(np.uint16)].tobytes()


MULAW = Law([_decode_mulaw(code) for code in range(256)])
ALAW = Law([_decode_alaw(code) for code in range(256)])
LAWS = {"PCMU": MULAW, "PCMA": ALAW}
PAYLOAD_TYPES = {"PCMU": 0, "PCMA": 8}
