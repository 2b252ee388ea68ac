"""Headers of growing wav files, and their repair."""

import io
import wave
from pathlib import Path

import pytest

from trebuchet.media.wav import HEADER_BYTES, header, parse_header, salvage


@pytest.mark.parametrize("channels", [1, 2])
def test_the_header_is_what_the_standard_library_reads(channels: int):
    with wave.open(io.BytesIO(header(channels, 1600 * channels) + bytes(1600 * channels))) as reader:
        assert (reader.getnchannels(), reader.getframerate(), reader.getsampwidth()) == (channels, 8000, 2)
        assert reader.getnframes() == 800
    assert parse_header(header(channels, 320)) == (channels, 320)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("torn", [0, 1])
def test_a_header_that_lags_is_set_right(tmp_path: Path, channels: int, torn: int):
    path = tmp_path / "a.wav"
    path.write_bytes(header(channels, 1600) + bytes(4800) + bytes(torn))
    assert salvage(path) == 4800 // 2 // channels
    assert path.stat().st_size == HEADER_BYTES + 4800
    with wave.open(str(path)) as reader:
        assert reader.getnframes() == 4800 // 2 // channels
    assert salvage(path) == 4800 // 2 // channels


def test_a_header_that_claims_too_much_is_set_right(tmp_path: Path):
    path = tmp_path / "a.wav"
    path.write_bytes(header(1, 16_000) + bytes(800))
    assert salvage(path) == 400
    assert parse_header(path.read_bytes()) == (1, 800)


def test_what_is_no_wav_of_ours_is_left_alone(tmp_path: Path):
    assert salvage(tmp_path / "missing.wav") == 0
    path = tmp_path / "a.wav"
    for content in (b"", b"RIFF", b"ID3" + bytes(100)):
        path.write_bytes(content)
        assert salvage(path) == 0
        assert path.read_bytes() == content
