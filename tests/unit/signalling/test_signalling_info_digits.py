"""Keys in INFO bodies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trebuchet.signalling.info_digits import PLAIN, RELAY, read_info_digit


@pytest.mark.parametrize(
    ("content_type", "body", "digit"),
    [
        (RELAY, b"Signal=5\r\nDuration=160\r\n", ("5", 160)),
        (RELAY, b"Signal= *\nDuration= 100", ("*", 100)),
        (RELAY, b"duration=99999\r\nsignal=a\r\n", ("A", 60_000)),
        (RELAY, b"Signal=11\r\n", ("#", None)),
        (PLAIN, b"7", ("7", None)),
        (PLAIN, b" 10\r\n", ("*", None)),
        (PLAIN, b"16", None),
        (PLAIN, b"77", None),
        (PLAIN, b"", None),
        (RELAY, b"Signal=\r\n", None),
        (RELAY, b"Signal=!\r\n", None),
        ("text/plain", b"5", None),
    ],
)
def test_bodies(content_type: str, body: bytes, digit: tuple[str, int | None] | None) -> None:
    assert read_info_digit(content_type, body) == digit


@given(st.sampled_from([RELAY, PLAIN]), st.binary(max_size=200))
def test_any_bytes_are_one_key_or_nothing(content_type: str, body: bytes) -> None:
    read = read_info_digit(content_type, body)
    assert read is None or (len(read[0]) == 1 and read[0] in "0123456789*#ABCD")
