"""URLs that lead back to this server's own media, played from disk with the account's rights instead of fetched."""

from collections.abc import Iterable
from urllib.parse import SplitResult, unquote, urlsplit

from trebuchet.base.ids import AccountId

_DEFAULT_PORTS = {"http": 80, "https": 443}


def _origin(parts: SplitResult) -> tuple[str, str, int | None] | None:
    try:
        port = parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").rstrip("."), port or _DEFAULT_PORTS.get(scheme)


class OwnUrls:
    """Recognises `{base}/v1/users/{userId}/media/{name}` for each of our base URLs."""

    def __init__(self, bases: Iterable[str]) -> None:
        self._origins: dict[tuple[str, str, int | None], str] = {}
        for base in bases:
            parts = urlsplit(base)
            origin = _origin(parts)
            if origin is not None:
                self._origins[origin] = parts.path.rstrip("/")

    def read(self, url: str) -> tuple[AccountId, str] | None:
        """The account and media name such a URL means; `None` for a URL that is not one of ours.
        The name is decoded and not checked further."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return None
        origin = _origin(parts)
        if origin is None or origin not in self._origins:
            return None
        prefix = self._origins[origin] + "/v1/users/"
        if not parts.path.startswith(prefix):
            return None
        account_id, _, rest = parts.path.removeprefix(prefix).partition("/")
        folder, _, name = rest.partition("/")
        if folder != "media" or not name:
            return None
        return AccountId(unquote(account_id)), unquote(name.rstrip("/"))
