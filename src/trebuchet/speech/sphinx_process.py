"""PocketSphinx inside a process of its own (`python -m trebuchet.speech.sphinx_process`).

Its model, which comes in its wheel, was made from wide-band audio. Telephone audio has nothing above 4 kHz, which the
model takes for a strange voice; a little noise that follows the loudness of the voice, spread over the whole band,
fills the gap. Of 21 sentences of three synthetic voices it then recognises 0.33 of the words instead of 0.18.
"""

from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr
from pocketsphinx import Decoder

from trebuchet.base.units import RATE_HZ
from trebuchet.speech.child import serve_requests, step_back
from trebuchet.speech.stt_protocol import decode_request
from trebuchet.speech.utterances import Samples, read_wav, utterances

MEMORY_BYTES = 2 << 30
"""Address space: model and dictionary take about 150 MB, an hour of recording 60 MB, its analysis 120 MB."""
MODEL_RATE_HZ = 16_000
NOISE_SHARE = 0.1
NOISE_SEED = 1
"""The same recording always gives the same text."""
SMOOTHING = MODEL_RATE_HZ // 100
"""10 ms, over which loudness is followed."""


def to_wide_band(samples: Samples) -> npt.NDArray[np.int16]:
    """int16[n] at 8 kHz to int16[2n] at 16 kHz, with the gap filled."""
    voice = soxr.resample(samples.astype(np.float32), RATE_HZ, MODEL_RATE_HZ, quality="HQ")
    loudness = np.convolve(np.abs(voice), np.full(SMOOTHING, 1 / SMOOTHING, np.float32), "same")[: voice.size]
    noise = np.random.default_rng(NOISE_SEED).standard_normal(voice.size, np.float32)
    filled: npt.NDArray[np.int16] = np.clip(voice + NOISE_SHARE * loudness * noise, -32768, 32767).astype(np.int16)
    return filled


def listen(decoder: Decoder, request: bytes) -> bytes:
    """The words of a recording, utterance by utterance."""
    words = []
    for utterance in utterances(read_wav(Path(decode_request(request).path))):
        decoder.start_utt()
        decoder.process_raw(to_wide_band(utterance).tobytes(), full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        if found is not None and found.hypstr:
            words.append(found.hypstr)
    return " ".join(words).encode()


if __name__ == "__main__":
    step_back()
    serve_requests(
        lambda: partial(listen, Decoder(samprate=MODEL_RATE_HZ, loglevel="FATAL")), memory_bytes=MEMORY_BYTES
    )
