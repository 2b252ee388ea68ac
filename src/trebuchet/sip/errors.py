"""What can be wrong with a SIP message, and what we would answer to it."""

from typing import TYPE_CHECKING

from trebuchet.base.errors import LocalError, RemoteError

if TYPE_CHECKING:
    from trebuchet.sip.message import Request


class SipError(RemoteError):
    """A peer sent something that breaks the protocol; `status` is the answer it deserves, if any."""

    code = "sip-error"

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class Malformed(SipError):
    """Bytes that are not a SIP message, header or URI.

    `request` is what could be understood of a broken request, enough to answer it; `None` for a broken
    response, which is dropped, and for bytes that are neither.
    """

    code = "sip-malformed"

    def __init__(self, text: str, status: int = 400, request: "Request | None" = None) -> None:
        super().__init__(text, status)
        self.request = request


class Unprintable(LocalError):
    """A value that would break out of its header (CR, LF, NUL): refused before anything is sent."""

    code = "sip-unprintable"
