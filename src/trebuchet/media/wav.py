"""The wav files of recorders: 16-bit PCM at 8 kHz behind a 44-byte header that is rewritten as the file grows.

Source: Multimedia Programming Interface and Data Specifications 1.0 (1991), RIFF and WAVE; sizes are little-endian
32-bit numbers, so a file holds at most `MAX_DATA_BYTES`.
"""

import os
import struct
from pathlib import Path

from trebuchet.base.units import RATE_HZ

HEADER_BYTES = 44
SAMPLE_BYTES = 2
MAX_DATA_BYTES = 0xFFFFFFFF - HEADER_BYTES
_LAYOUT = struct.Struct("<4sI4s4sIHHIIHH4sI")
_PCM_FORMAT = 1


def header(channels: int, data_bytes: int) -> bytes:
    """The 44 bytes in front of `data_bytes` of samples."""
    frame_bytes = SAMPLE_BYTES * channels
    return _LAYOUT.pack(
        b"RIFF", data_bytes + HEADER_BYTES - 8, b"WAVE",
        b"fmt ", 16, _PCM_FORMAT, channels, RATE_HZ, RATE_HZ * frame_bytes, frame_bytes, 8 * SAMPLE_BYTES,
        b"data", data_bytes,
    )  # fmt: skip


def parse_header(head: bytes) -> tuple[int, int] | None:
    """(channels, data bytes) of a header of ours, `None` for anything else."""
    if len(head) < HEADER_BYTES:
        return None
    riff, _, wave, fmt, fmt_bytes, format_, channels, rate, _, _, bits, data, data_bytes = _LAYOUT.unpack_from(head)
    is_ours = (riff, wave, fmt, data) == (b"RIFF", b"WAVE", b"fmt ", b"data")
    if not is_ours or (fmt_bytes, format_, rate, bits) != (16, _PCM_FORMAT, RATE_HZ, 16) or channels not in (1, 2):
        return None
    return channels, data_bytes


def salvage(path: Path) -> int:
    """Repair a recorder's wav whose process died between data and header: the header is set to what the file holds,
    an incomplete frame at the end is cut off. Returns the samples per channel (0 for a file that is missing or is no
    wav of ours, which is left untouched). Raises `OSError` when the file cannot be written."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        parsed = parse_header(os.pread(descriptor, HEADER_BYTES, 0))
        if parsed is None:
            return 0
        return _repair(descriptor, *parsed)
    finally:
        os.close(descriptor)


def _repair(descriptor: int, channels: int, claimed_bytes: int) -> int:
    frame_bytes = SAMPLE_BYTES * channels
    size = os.fstat(descriptor).st_size
    data_bytes = min(size - HEADER_BYTES, MAX_DATA_BYTES) // frame_bytes * frame_bytes
    if size != HEADER_BYTES + data_bytes:
        os.ftruncate(descriptor, HEADER_BYTES + data_bytes)
    if claimed_bytes != data_bytes:
        os.pwrite(descriptor, header(channels, data_bytes), 0)
    return data_bytes // frame_bytes
