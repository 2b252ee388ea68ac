"""What the server and an engine process say to each other over a pair of pipes.

    server → engine   length (uint32, big-endian) + an `Utterance` as JSON
    engine → server   status (uint8) + length (uint32) + samples, or an error text

The engine's first frame says that it is ready (status `READY`), or why it is not (`FAILED`).
"""

import struct
from dataclasses import dataclass

import msgspec

from trebuchet.base.units import RATE_HZ

REQUEST_HEAD = struct.Struct(">I")
REPLY_HEAD = struct.Struct(">BI")
READY = 0
SPOKEN = 1
FAILED = 2

MAX_SPEECH_S = 600
"""Longest speech made of one sentence: a thousand digits read one by one stay below it; it bounds memory."""
MAX_SPEECH_BYTES = MAX_SPEECH_S * RATE_HZ * 2
MAX_REQUEST_BYTES = 65_536
"""A sentence has at most a thousand characters, at most 12 bytes each in JSON; the rest is room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One sentence for an engine. `voice` is the engine's own name of a voice (for Piper: the model's path)."""

    text: str
    voice: str
    pitch: int = 50
    """0 … 100, 50 is the voice's own."""
    words_per_minute: int = 165


def frame(request: bytes) -> bytes:
    """A request as it goes through the pipe."""
    return REQUEST_HEAD.pack(len(request)) + request


def encode_utterance(utterance: Utterance) -> bytes:
    return msgspec.json.encode(utterance)


def decode_utterance(body: bytes) -> Utterance:
    """Raises `msgspec.DecodeError`."""
    return msgspec.json.decode(body, type=Utterance)


def speakable(text: str) -> str:
    """The text without what no engine can say: control characters and lone surrogates become spaces."""
    clean = text.encode("utf-8", errors="replace").decode("utf-8")
    return "".join(char if char.isprintable() else " " for char in clean).strip()
