"""Where an account's media files lie, and which names are allowed there.

    {data}/media/{account_id}/{media_name}            a finished file, or a wav that is still growing
    {data}/media/{account_id}/{media_name}.part.wav   the wav of a recording that will become `{media_name}` (an mp3)

Names ending in `.part.wav` or beginning with a dot are internal: never listed, never served, never uploaded to.
"""

from pathlib import Path

from trebuchet.base.errors import LocalError

PART_SUFFIX = ".part.wav"
MAX_NAME_BYTES = 200
"""File systems take 255 bytes; what we append (`.part.wav`, a temporary mark) must fit behind it."""


class MediaNameInvalid(LocalError):
    """A media name or account id that must not become part of a path."""

    code = "media-name-invalid"


def check_name(name: str) -> str:
    """The name itself, if it can be one path component and is not internal. Raises `MediaNameInvalid`.

    Refused are: empty, longer than `MAX_NAME_BYTES` in UTF-8, with `/`, `\\` or control characters, a leading dot
    (so also `.` and `..`), unpaired surrogates, and the internal suffix."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise MediaNameInvalid("not a media name") from None
    is_plain = all(char.isprintable() and char not in "/\\" for char in name)
    if not (0 < size <= MAX_NAME_BYTES and is_plain) or is_internal(name):
        raise MediaNameInvalid("not a media name")
    return name


def is_internal(name: str) -> bool:
    """Whether a file of that name is ours alone and hidden from listings and downloads."""
    return name.startswith(".") or name.endswith(PART_SUFFIX)


def media_folder(data: Path, account_id: str) -> Path:
    """The folder of one account's media files. Raises `MediaNameInvalid`."""
    return data / "media" / check_name(account_id)


def media_path(data: Path, account_id: str, media_name: str) -> Path:
    """The file that is downloaded under `media_name`. Raises `MediaNameInvalid`."""
    return media_folder(data, account_id) / check_name(media_name)


def recorder_name(media_name: str) -> str:
    """The name of the wav that a recorder writes: `media_name` itself, or for others (mp3) a hidden wav beside it."""
    check_name(media_name)
    return media_name if media_name.lower().endswith(".wav") else media_name + PART_SUFFIX


def recorder_path(data: Path, account_id: str, media_name: str) -> Path:
    """The wav that a recorder writes. Raises `MediaNameInvalid`."""
    return media_folder(data, account_id) / recorder_name(media_name)
