"""One error tree: `LocalError` (we were misused) and `RemoteError` (the other side was wrong).

    TrebuchetError
    ├── LocalError     a caller inside this program broke a rule, or this program cannot do its part
    └── RemoteError    a peer, a client or a server elsewhere sent or did something wrong

Every class has a stable `code` (lower case, hyphens) and says whether the same act may succeed later.
"""

from typing import ClassVar


class TrebuchetError(Exception):
    """The root: catch it to catch everything that is ours."""

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False


class LocalError(TrebuchetError):
    """We were misused, or cannot do our part."""

    code = "local-error"


class RemoteError(TrebuchetError):
    """The other side was wrong."""

    code = "remote-error"
