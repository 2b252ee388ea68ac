"""What can go wrong with a URL a customer gave us.

FetchError
├── UrlForbidden   not a URL we follow, or it leads to an address we must not reach; nothing was sent
├── FetchTimeout   no complete answer in the time allowed
├── FetchFailed    connection, TLS, protocol or (for downloads) status
└── TooLarge       more bytes than the caller takes
"""

from trebuchet.base.errors import RemoteError


class FetchError(RemoteError):
    """The root of this package's errors."""

    code = "fetch-error"


class UrlForbidden(FetchError):
    """Not an http(s) URL, or one whose port or address is off limits."""

    code = "url-forbidden"


class FetchTimeout(FetchError):
    """The time ran out: resolving, connecting, sending or waiting for the answer."""

    code = "fetch-timeout"
    retryable = True


class FetchFailed(FetchError):
    """The other side is unreachable, broke the connection or does not speak HTTP.

    `status` is set when a download was answered with something other than success.
    """

    code = "fetch-failed"
    retryable = True

    def __init__(self, text: str, *, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class TooLarge(FetchError):
    """The body exceeds the limit; what had arrived was thrown away."""

    code = "fetch-too-large"
