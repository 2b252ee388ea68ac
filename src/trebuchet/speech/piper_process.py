"""Piper inside a process of its own (`python -m trebuchet.speech.piper_process`)."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from piper import PiperVoice

from trebuchet.speech.child import serve
from trebuchet.speech.protocol import MAX_SPEECH_S, Utterance

MEMORY_BYTES = 6 << 30
"""Address space: the inference runtime reserves far more than it uses."""
MAX_LOADED_MODELS = 8
"""Models kept in memory, some 60 to 120 MB each; the one unused for longest goes first."""


@lru_cache(MAX_LOADED_MODELS)
def _load(model_path: str) -> PiperVoice:
    return PiperVoice.load(model_path)


def speak(utterance: Utterance) -> tuple[npt.NDArray[np.int16], int]:
    """One model voice; pitch and speed are the model's own."""
    rate_hz, blocks, size = 0, [], 0
    for chunk in _load(utterance.voice).synthesize(utterance.text):
        rate_hz = chunk.sample_rate
        blocks.append(np.frombuffer(chunk.audio_int16_bytes, np.int16))
        size += blocks[-1].size
        if size > MAX_SPEECH_S * rate_hz:
            break
    return (np.concatenate(blocks) if blocks else np.empty(0, np.int16)), rate_hz


if __name__ == "__main__":
    serve(lambda: speak, memory_bytes=MEMORY_BYTES)
