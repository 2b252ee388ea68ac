"""The embedded engine: espeak-ng as a library inside this process (`python -m trebuchet.speech.espeak_process`)."""

import ctypes
from collections.abc import Callable

import espeakng_loader
import numpy as np
import numpy.typing as npt

from trebuchet.speech.child import serve
from trebuchet.speech.protocol import MAX_SPEECH_S, Utterance

MEMORY_BYTES = 1 << 30
"""Address space, not memory: the engine and its voices take about 60 MB, ten minutes of speech 26 MB."""

# espeak-ng's speak_lib.h
AUDIO_OUTPUT_SYNCHRONOUS = 2
INITIALIZE_DONT_EXIT = 0x8000
CHARS_UTF8 = 1
RATE = 1
PITCH = 3
SEED = 1
"""The engine's flutter and breath are random; from one seed, fresh processes speak alike sample by sample."""

SynthCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Espeak:
    """The library, initialised once; it keeps global state, so there is one for a process."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data_path = str(espeakng_loader.get_data_path()).encode()
        self.rate_hz: int = self._library.espeak_Initialize(
            AUDIO_OUTPUT_SYNCHRONOUS, 0, data_path, INITIALIZE_DONT_EXIT
        )
        if self.rate_hz <= 0:
            raise RuntimeError("espeak-ng does not start: its voice data is missing or damaged")
        self._library.espeak_ng_SetRandSeed(SEED)
        self._blocks: list[bytes] = []
        self._size = 0
        # Kept alive here: the library holds a bare pointer to it.
        self._callback: Callable[..., int] = SynthCallback(self._collect)
        self._library.espeak_SetSynthCallback(self._callback)

    def _collect(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, _events: int) -> int:
        """Called by the library with each block; 1 makes it stop."""
        if samples and count > 0:
            self._blocks.append(ctypes.string_at(samples, count * 2))
            self._size += count
        return int(self._size > MAX_SPEECH_S * self.rate_hz)

    def speak(self, utterance: Utterance) -> tuple[npt.NDArray[np.int16], int]:
        library = self._library
        if library.espeak_SetVoiceByName(utterance.voice.encode()) != 0:
            raise ValueError(f"no voice {utterance.voice!r}")
        library.espeak_SetParameter(PITCH, utterance.pitch, 0)
        library.espeak_SetParameter(RATE, utterance.words_per_minute, 0)
        self._blocks.clear()
        self._size = 0
        text = utterance.text.encode() + b"\0"
        status = library.espeak_Synth(text, len(text), 0, 0, 0, CHARS_UTF8, None, None)
        if status != 0:
            raise RuntimeError(f"espeak-ng failed with status {status}")
        return np.frombuffer(b"".join(self._blocks), np.int16), self.rate_hz


if __name__ == "__main__":
    serve(lambda: Espeak().speak, memory_bytes=MEMORY_BYTES)
