"""Reading request bodies within bounds: size, time, type, and one JSON object in them."""

import asyncio
from typing import Any

import msgspec
from starlette.requests import Request

from trebuchet.api import errors
from trebuchet.api.headers import header

MAX_BODY_BYTES = 1_000_000
"""Largest JSON body; the largest legitimate one is a few kilobytes."""
BODY_TIMEOUT_S = 15.0
"""How long a body may take to arrive; a client that drips it holds one small task and nothing else."""

_decoder = msgspec.json.Decoder()


async def read_json_object(request: Request) -> dict[str, Any]:
    """The body, which must be a JSON object. Raises `ApiError` (400, 408, 413, 415)."""
    _check_type(header(request.scope, b"content-type"))
    return _decode(await read_body(request))


async def read_optional_object(request: Request) -> dict[str, Any]:
    """The same where a client may as well send nothing or an empty string, which is an empty object."""
    raw = await read_body(request)
    if raw.strip() in (b"", b'""'):
        return {}
    _check_type(header(request.scope, b"content-type"))
    return _decode(raw)


def _decode(raw: bytes) -> dict[str, Any]:
    try:
        value = _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise errors.BAD_PARAMETERS() from error
    if not isinstance(value, dict):
        raise errors.BAD_PARAMETERS()
    return value


def _check_type(content_type: str | None) -> None:
    if content_type is None or content_type == "application/json":
        return
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise errors.UNSUPPORTED_TYPE(content_type)


async def read_body(request: Request) -> bytes:
    """The body as it came. Raises `ApiError` (408, 413)."""
    length = header(request.scope, b"content-length")
    if length is not None and length.isdecimal() and int(length) > MAX_BODY_BYTES:
        raise closing(errors.BODY_TOO_LARGE(MAX_BODY_BYTES))
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await _collect(request)
    except TimeoutError as error:
        raise closing(errors.REQUEST_TIMEOUT()) from error


async def _collect(request: Request) -> bytes:
    message = await request.receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False) and len(body) <= MAX_BODY_BYTES:
        return body
    pieces = bytearray(body)
    while message.get("more_body", False):
        message = await request.receive()
        pieces += message.get("body", b"")
        if len(pieces) > MAX_BODY_BYTES:
            raise closing(errors.BODY_TOO_LARGE(MAX_BODY_BYTES))
    return bytes(pieces)


def closing(error: errors.ApiError) -> errors.ApiError:
    """The rest of the body is not read: the connection ends instead."""
    error.headers = (*error.headers, ("connection", "close"))
    return error
