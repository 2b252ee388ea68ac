"""Names that may become paths, and where recorders write."""

from pathlib import Path

import pytest

from trebuchet.media.paths import MediaNameInvalid, is_internal, media_path, recorder_path

DATA = Path("/data")


def test_where_files_lie():
    assert media_path(DATA, "u-1", "c-1-1.wav") == Path("/data/media/u-1/c-1-1.wav")
    assert recorder_path(DATA, "u-1", "c-1-1.wav") == Path("/data/media/u-1/c-1-1.wav")
    assert recorder_path(DATA, "u-1", "c-1-1.mp3") == Path("/data/media/u-1/c-1-1.mp3.part.wav")
    assert is_internal("c-1-1.mp3.part.wav")


@pytest.mark.parametrize("name", ["greeting (2).mp3", "übung.wav", "a" * 200])
def test_ordinary_names_are_taken(name: str):
    assert media_path(DATA, "u-1", name).name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x.wav",
        "a/b.wav",
        "a\\b.wav",
        ".hidden",
        "a\0.wav",
        "a\n.wav",
        "a" * 201,
        "x.part.wav",
    ],
)
def test_other_names_are_refused(name: str):
    with pytest.raises(MediaNameInvalid):
        media_path(DATA, "u-1", name)
    with pytest.raises(MediaNameInvalid):
        recorder_path(DATA, name, "c-1-1.wav")


def test_a_name_that_is_no_text_is_refused():
    with pytest.raises(MediaNameInvalid):
        media_path(DATA, "u-1", "\ud800.wav")
