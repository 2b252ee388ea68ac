"""What the audio child does with one file: decode to the engine's PCM, or encode a recording as mp3. Blockwise, so that
memory does not depend on the length. Runs only in a forked child with limits (`audio_child`): the file is a stranger's.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from trebuchet.base.disk import sync
from trebuchet.base.units import FRAME_SAMPLES, RATE_HZ

MAX_PROMPT_S = 2 * 3600
"""Longest prompt; the rest of a longer file is cut off. The largest download (65 MB) of plain 8-bit telephone audio is
just over two hours, and two hours decoded are 115 MB on disk."""
MAX_CHANNELS = 8
"""7.1 surround; more is not music but an attack on memory."""
MIN_RATE_HZ, MAX_RATE_HZ = 1000, 384_000
"""What sound cards and codecs know; outside of it the header is wrong."""
BLOCK_FRAMES = 32_768
"""Frames decoded at once: at most 1 MB of float32 with eight channels."""
FORMATS = frozenset({"WAV", "WAVEX", "RF64", "MP3"})
MP3_SYNC = 0xFFE0

Floats = npt.NDArray[np.float32]


class NotAudio(Exception):
    """The file is not wav or mp3, holds no sound, or cannot be decoded."""


class ForwardFile(soundfile.SoundFile):  # type: ignore[misc]  # the library has no types
    """A file that is only read on. The library otherwise seeks to where it already is after every block, and an mp3
    decoder that is made to seek starts afresh: its next tenth of a second is silent."""

    def seekable(self) -> bool:
        return False


def looks_like_audio(head: bytes) -> bool:
    """Whether the first 12 bytes can begin a wav or an mp3, so that no other decoder ever sees the file."""
    if head[:4] in (b"RIFF", b"RIFX", b"RF64"):
        return head[8:12] == b"WAVE"
    is_frame = len(head) >= 2 and int.from_bytes(head[:2], "big") & MP3_SYNC == MP3_SYNC
    return head[:3] == b"ID3" or is_frame


def decode(source: str, target: str, max_seconds: int = MAX_PROMPT_S) -> int:
    """Write `source` as headerless native-endian int16 PCM, 8 kHz mono; returns the samples. Raises `NotAudio`."""
    with open(source, "rb") as file:
        if not looks_like_audio(file.read(12)):
            raise NotAudio("neither wav nor mp3")
    try:
        with ForwardFile(source) as sound, open(target, "wb") as out:
            _check(sound)
            samples = 0
            for block in _resampled(sound, max_seconds):
                np.rint(np.clip(block * 32767.0, -32768.0, 32767.0)).astype(np.int16).tofile(out)
                samples += len(block)
    except soundfile.LibsndfileError as error:
        raise NotAudio(error.error_string) from None
    if samples == 0:
        raise NotAudio("no sound in it")
    return samples


def _check(sound: ForwardFile) -> None:
    if sound.format not in FORMATS:
        raise NotAudio("neither wav nor mp3")
    if not (1 <= sound.channels <= MAX_CHANNELS and MIN_RATE_HZ <= sound.samplerate <= MAX_RATE_HZ):
        raise NotAudio(f"{sound.channels} channels at {sound.samplerate} Hz")


def _resampled(sound: ForwardFile, max_seconds: int) -> Iterator[Floats]:
    """float32[frames] blocks at 8 kHz, mixed down to one channel."""
    stream = soxr.ResampleStream(sound.samplerate, RATE_HZ, 1, dtype="float32")
    left = max_seconds * sound.samplerate
    while left > 0:
        frames = sound.read(min(BLOCK_FRAMES, left), dtype="float32", always_2d=True)
        if len(frames) == 0:
            break
        left -= len(frames)
        mono = np.nan_to_num(frames.mean(axis=1), nan=0.0, posinf=1.0, neginf=-1.0)
        yield stream.resample_chunk(mono)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def encode(source: str, target: str) -> int:
    """Write the wav `source` as mp3 with the same rate and channels, durably; returns the samples per channel.

    A recording without a single sample becomes a moment of silence: an mp3 of nothing is no mp3."""
    samples = 0
    try:
        with (
            soundfile.SoundFile(source) as sound,
            soundfile.SoundFile(
                target, "w", sound.samplerate, sound.channels, format="MP3", subtype="MPEG_LAYER_III"
            ) as out,
        ):
            for block in sound.blocks(BLOCK_FRAMES, dtype="int16", always_2d=True):
                out.write(block)
                samples += len(block)
            if samples == 0:
                out.write(np.zeros((FRAME_SAMPLES, sound.channels), np.int16))
    except soundfile.LibsndfileError as error:
        raise NotAudio(error.error_string) from None
    sync(Path(target))
    return samples
