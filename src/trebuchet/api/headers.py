"""Reading a request's headers without building anything: a handful of look-ups on every request."""

from starlette.types import Scope


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of this lower-case name, or `None`."""
    for key, value in scope["headers"]:
        if key == name:
            text: bytes = value
            return text.decode("latin-1")
    return None
