"""Media files as clients read and name them."""

import re
from urllib.parse import quote

from starlette.requests import Request
from typing_extensions import TypedDict

from trebuchet.api import errors
from trebuchet.api.headers import header
from trebuchet.api.paging import PageQuery

DEFAULT_CONTENT_TYPE = "application/octet-stream"
TEXT_CONTENT_TYPE = "text/plain; charset=utf-8"
MAX_NAME_BYTES = 1024
"""Longest name in UTF-8: names are no paths here, and links repeat them."""
MAX_HEADER_CHARS = 255
"""Longest stored header: media types and cache rules are short."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_PLAIN_HEADER = re.compile(r"[\x20-\x7e]+")


class MediaResource(TypedDict):
    """A media file. `content` is the URL it can be downloaded from."""

    contentLength: int
    mediaName: str
    content: str


class ListMediaQuery(PageQuery):
    """Everything is listed unless `page` or `size` is sent."""

    resource = "media"


def media_to_wire(name: str, size_bytes: int, user_url: str) -> MediaResource:
    return MediaResource(contentLength=size_bytes, mediaName=name, content=f"{user_url}/media/{quote(name, safe='')}")


def check_media_name(name: str) -> str:
    """Any text up to `MAX_NAME_BYTES`, with slashes, blanks and whatever Unicode has, but for control characters.
    Raises `ApiError`."""
    if len(name.encode("utf-8", errors="replace")) > MAX_NAME_BYTES:
        raise errors.TOO_BIG("media", "mediaName", MAX_NAME_BYTES)
    if _CONTROL.search(name):
        raise errors.BAD_PARAMETERS()
    return name


def stored_header(request: Request, name: bytes) -> str | None:
    """A header that is given back with downloads; one that could not be is not kept."""
    value = header(request.scope, name)
    if value is None or len(value) > MAX_HEADER_CHARS or not _PLAIN_HEADER.fullmatch(value):
        return None
    return value
