"""An element's attributes and text, read with their kinds, ranges and defaults. Errors name line, element and
attribute; attributes nobody asks for are obsolete ones of old libraries, and are passed over."""

from collections.abc import Mapping
from typing import NoReturn, TypeVar
from urllib.parse import urljoin, urlsplit

from trebuchet.bxml.errors import BadValue
from trebuchet.bxml.parse import Element
from trebuchet.bxml.verbs import REQUEST_TIMEOUT_MS, Callback

T = TypeVar("T")

MAX_URL_CHARS = 2048
"""As everywhere in the API."""
MAX_TAG_CHARS = 1024
"""It travels in the query of requests."""
MAX_TIMEOUT_MS = 60_000
"""The API names no limit; nobody listens to a minute of nothing."""
FLAGS = {"true": True, "false": False}


class Attributes:
    """`base` is the URL that the document came from; relative ones are read against it."""

    def __init__(self, element: Element, base: str) -> None:
        self._element, self._base = element, base

    def fault(self, name: str, reason: str) -> NoReturn:
        """Raises `BadValue`."""
        element = self._element
        raise BadValue(f"line {element.line}: {name} of {element.name} {reason}")

    def get(self, name: str) -> str | None:
        """Blank means not given."""
        value = self._element.attributes.get(name, "").strip()
        return value or None

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        text = self.get(name)
        if text is None:
            return default
        try:
            value = int(text) if len(text) < 12 and text.isascii() else self.fault(name, "is not a number")
        except ValueError:
            self.fault(name, "is not a whole number")
        if not low <= value <= high:
            self.fault(name, f"must be from {low} to {high}")
        return value

    def flag(self, name: str, default: bool) -> bool:
        return self.choice(name, FLAGS, default)

    def choice(self, name: str, values: Mapping[str, T], default: T) -> T:
        """One of some words, in any case."""
        text = self.get(name)
        if text is None:
            return default
        if text.lower() not in values:
            self.fault(name, f"must be one of {', '.join(values)}")
        return values[text.lower()]

    def tag(self) -> str | None:
        tag = self.get("tag")
        if tag is not None and len(tag) > MAX_TAG_CHARS:
            self.fault("tag", f"has at most {MAX_TAG_CHARS} characters")
        return tag

    def url(self, name: str) -> str | None:
        text = self.get(name)
        return None if text is None else self._absolute(name, text)

    def text_url(self) -> str:
        """The element's text, which is a URL."""
        return self._absolute("the text", self._element.text.strip())

    def _absolute(self, name: str, text: str) -> str:
        try:
            url = urljoin(self._base, text)
            parts = urlsplit(url)
            is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_web = False
        if not text or not is_web or len(url) > MAX_URL_CHARS:
            self.fault(name, "is not an http or https URL")
        return url

    def callback(self) -> Callback | None:
        url = self.url("requestUrl")
        timeout_ms = self.whole("requestUrlTimeout", REQUEST_TIMEOUT_MS, 1, MAX_TIMEOUT_MS)
        return None if url is None else Callback(url=url, timeout_ms=timeout_ms)
