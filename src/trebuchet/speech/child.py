"""The engine process's own side: limits first, then one sentence after the other until the server closes the pipe."""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import soxr

from trebuchet.base.units import RATE_HZ
from trebuchet.speech.protocol import (
    FAILED,
    MAX_REQUEST_BYTES,
    MAX_SPEECH_BYTES,
    READY,
    REPLY_HEAD,
    REQUEST_HEAD,
    SPOKEN,
    Utterance,
    decode_utterance,
)

MAX_OPEN_FILES = 128
PR_SET_PDEATHSIG = 1

Speak = Callable[[Utterance], tuple[npt.NDArray[np.int16], int]]
"""Speaks an utterance: samples (int16[n], mono) and their rate in Hz. Whatever it raises fails that sentence alone."""
Answer = Callable[[bytes], bytes]
"""Any request of an engine, as its bytes. Whatever it raises fails that request alone."""
BACKGROUND_NICENESS = 15


def limit_resources(memory_bytes: int) -> None:
    """Bounds for code that reads strangers' text: address space, no files written, no core, dies with the server."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_OPEN_FILES, MAX_OPEN_FILES))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def to_telephone(samples: npt.NDArray[np.int16], rate_hz: int) -> bytes:
    """Any rate to 8 kHz int16 (soxr clips instead of wrapping), cut at the longest speech."""
    if samples.size and rate_hz != RATE_HZ:
        samples = soxr.resample(samples, rate_hz, RATE_HZ, quality="HQ")
    return samples.astype(np.int16, copy=False).tobytes()[:MAX_SPEECH_BYTES]


def _take_channel() -> tuple[BinaryIO, BinaryIO]:
    """Private copies of the two pipes; what a library prints goes nowhere instead of into the answers."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nowhere, descriptor)
    return requests, replies


def _reply(replies: BinaryIO, status: int, body: bytes) -> None:
    replies.write(REPLY_HEAD.pack(status, len(body)) + body)
    replies.flush()


def _answer(answer: Answer, body: bytes) -> tuple[int, bytes]:
    try:
        return SPOKEN, answer(body)
    except Exception as error:  # one bad request must not end the engine
        return FAILED, f"{type(error).__name__}: {error}".encode()


def step_back() -> None:
    """Leave the processor to calls: what this process makes may take its time."""
    os.nice(BACKGROUND_NICENESS)


def serve(start: Callable[[], Speak], *, memory_bytes: int) -> None:
    """Run an engine that speaks: `start` loads it and returns its voice; see `serve_requests`."""

    def start_voice() -> Answer:
        speak = start()
        return lambda body: to_telephone(*speak(decode_utterance(body)))

    serve_requests(start_voice, memory_bytes=memory_bytes)


def serve_requests(start: Callable[[], Answer], *, memory_bytes: int) -> None:
    """Run an engine: `start` loads it and returns what answers; failing there is reported and ends the process."""
    requests, replies = _take_channel()
    try:
        limit_resources(memory_bytes)
        answer = start()
    except Exception as error:  # whatever the engine's loading raises is what the operator must read
        _reply(replies, FAILED, f"{error}".encode())
        return
    _reply(replies, READY, b"")
    while head := requests.read(REQUEST_HEAD.size):
        (size,) = REQUEST_HEAD.unpack(head)
        if size > MAX_REQUEST_BYTES:
            return
        _reply(replies, *_answer(answer, requests.read(size)))
