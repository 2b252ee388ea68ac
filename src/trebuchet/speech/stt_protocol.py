"""What is asked of a transcription engine's process. Frames are as in `protocol`; the reply is the text, UTF-8."""

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenRequest:
    path: str
    """A wav of ours, 8 kHz."""
    model: str = ""
    """Folder of the model, for engines that have several."""


def encode_request(request: ListenRequest) -> bytes:
    return msgspec.json.encode(request)


def decode_request(body: bytes) -> ListenRequest:
    """Raises `msgspec.DecodeError`."""
    return msgspec.json.decode(body, type=ListenRequest)
