"""Responses in the forms clients rely on: JSON with its type, or nothing at all without one. Never cached."""

from collections.abc import Iterable
from typing import Any

import msgspec
from starlette.responses import Response

RawHeaders = list[tuple[bytes, bytes]]

_NO_CACHE = (b"cache-control", b"no-cache")
_JSON = (b"content-type", b"application/json")
_encoder = msgspec.json.Encoder()


class _Finished(Response):
    """A response whose parts are ready: skips the header handling of its base class, which costs more than the rest."""

    def __init__(self, status_code: int, body: bytes, headers: RawHeaders) -> None:
        self.status_code = status_code
        self.body = body
        self.raw_headers = headers
        self.background = None


def empty(status_code: int = 200, *, location: str | None = None) -> Response:
    """No body and no content type. `location`: the absolute URL of what was made; then the status is 201."""
    headers = [_NO_CACHE, (b"content-length", b"0")]
    if location is None:
        return _Finished(status_code, b"", headers)
    headers.append((b"location", location.encode("latin-1")))
    return _Finished(201, b"", headers)


def finished(status_code: int, body: bytes, headers: RawHeaders) -> Response:
    """A response whose headers are complete."""
    return _Finished(status_code, body, headers)


def json_response(value: Any, status_code: int = 200, *, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """`value` as JSON."""
    body = _encoder.encode(value)
    raw = [_JSON, _NO_CACHE, (b"content-length", str(len(body)).encode())]
    raw.extend((name.encode("latin-1"), text.encode("latin-1")) for name, text in headers)
    return _Finished(status_code, body, raw)
