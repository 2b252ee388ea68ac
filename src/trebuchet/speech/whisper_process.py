"""faster-whisper inside a process of its own (`python -m trebuchet.speech.whisper_process`)."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import soxr
from faster_whisper import WhisperModel

from trebuchet.base.units import RATE_HZ
from trebuchet.speech.child import serve_requests, step_back
from trebuchet.speech.stt_protocol import decode_request
from trebuchet.speech.utterances import read_wav, utterances

MEMORY_BYTES = 16 << 30
"""Address space: the inference runtime reserves far more than it uses."""
MODEL_RATE_HZ = 16_000
FULL_SCALE = 32768.0


@lru_cache(1)
def _load(model: str) -> WhisperModel:
    """From disk alone: the engine never fetches a model by itself."""
    return WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)


def listen(request: bytes) -> bytes:
    """The words of a recording, utterance by utterance."""
    asked = decode_request(request)
    model, words = _load(asked.model), list[str]()
    for utterance in utterances(read_wav(Path(asked.path))):
        audio = soxr.resample(utterance.astype(np.float32) / FULL_SCALE, RATE_HZ, MODEL_RATE_HZ)
        segments, _ = model.transcribe(audio)
        words.extend(segment.text.strip() for segment in segments)
    return " ".join(words).encode()


if __name__ == "__main__":
    step_back()
    serve_requests(lambda: listen, memory_bytes=MEMORY_BYTES)
