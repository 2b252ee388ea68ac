"""Patterns of numbers: what a customer would like to read in one."""

from collections.abc import Sequence

from trebuchet.api.errors import BAD_PARAMETERS

MAX_PATTERN_CHARS = 32
"""Numbers have ten digits; whatever is longer can only be wildcards."""
ONE, ANY = "?", "*"
_KEYS = {
    letter: digit
    for digit, letters in zip("23456789", ("ABC", "DEF", "GHI", "JKL", "MNO", "PQRS", "TUV", "WXYZ"), strict=True)
    for letter in letters
}


class Pattern:
    """Letters stand for their key on a telephone, `?` for one digit, `*` for any number of them. A pattern without
    `*` may be anywhere in the number, one with it describes all of it."""

    def __init__(self, text: str) -> None:
        """Raises `ApiError`."""
        tokens = text.upper()
        if len(tokens) > MAX_PATTERN_CHARS or any(not _is_token(char) for char in tokens):
            raise BAD_PARAMETERS()
        self._has_wildcards = ONE in tokens or ANY in tokens
        self._tokens = tokens if ANY in tokens else f"{ANY}{tokens}{ANY}"

    @property
    def has_wildcards(self) -> bool:
        return self._has_wildcards

    def find(self, digits: str) -> dict[int, str] | None:
        """Which places of the digits hold which character of the pattern; `None`: it does not match."""
        return _match(self._tokens, 0, digits, 0, {})


def _is_token(char: str) -> bool:
    return char in (ONE, ANY) or char in _KEYS or (char.isdigit() and char.isascii())


Memory = dict[tuple[int, int], dict[int, str] | None]


def _match(tokens: str, at: int, digits: str, place: int, known: Memory) -> dict[int, str] | None:
    """Each pair of places is tried once, so that no pattern takes long."""
    key = (at, place)
    if key not in known:
        known[key] = _try(tokens, at, digits, place, known)
    return known[key]


def _try(tokens: str, at: int, digits: str, place: int, known: Memory) -> dict[int, str] | None:
    if at == len(tokens):
        return {} if place == len(digits) else None
    token = tokens[at]
    if token == ANY:
        rest = _match(tokens, at + 1, digits, place, known)
        return rest if rest is not None or place == len(digits) else _match(tokens, at, digits, place + 1, known)
    if place == len(digits) or (token != ONE and _KEYS.get(token, token) != digits[place]):
        return None
    rest = _match(tokens, at + 1, digits, place + 1, known)
    return None if rest is None else rest | ({} if token == ONE else {place: token})


def show_match(national_number: str, found: dict[int, str]) -> str:
    """The number as written, with the pattern's characters where they match and blanks everywhere else."""
    shown = [" "] * len(national_number)
    for place, char in found.items():
        shown[_digit_places(national_number)[place]] = char
    return "".join(shown)


def _digit_places(text: str) -> Sequence[int]:
    return [index for index, char in enumerate(text) if char.isdigit()]
