"""Which trunk carries a call to a number: the longest matching prefix over all trunks."""

from collections.abc import Iterable, Iterator

from trebuchet.calls.interfaces import SignallingError
from trebuchet.model.trunk import Trunk


class Routes:
    """Trunks by name and by number. Of two equal patterns the trunk named first in the configuration wins.

    A pattern is a prefix of E.164 numbers; `+` (or nothing) matches every number.
    """

    def __init__(self, trunks: Iterable[Trunk]) -> None:
        self._trunks = {trunk.name: trunk for trunk in trunks}
        self._prefixes: dict[str, Trunk] = {}
        for trunk in self._trunks.values():
            for pattern in trunk.patterns:
                self._prefixes.setdefault(_as_prefix(pattern), trunk)

    def find(self, number: str) -> Trunk:
        """The trunk for an E.164 number. Raises `SignallingError` when no pattern matches."""
        for length in range(len(number), 0, -1):
            trunk = self._prefixes.get(number[:length])
            if trunk is not None:
                return trunk
        raise SignallingError("no trunk leads to this number")

    def named(self, name: str) -> Trunk:
        """Raises `SignallingError` for an unknown name."""
        trunk = self._trunks.get(name)
        if trunk is None:
            raise SignallingError(f"no trunk is named {name!r}")
        return trunk

    def __iter__(self) -> Iterator[Trunk]:
        return iter(self._trunks.values())


def _as_prefix(pattern: str) -> str:
    return "+" + pattern.strip().removeprefix("+").rstrip("*")
