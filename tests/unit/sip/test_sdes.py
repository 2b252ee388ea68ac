"""The `crypto` attribute: what we keep to, and everything that would weaken it left alone."""

from base64 import b64encode

import pytest

from trebuchet.sip.sdes import KEY_BYTES, SUITES, CryptoLine, parse_crypto

KEY = bytes(range(KEY_BYTES))
TEXT = b64encode(KEY).decode()
LONG, SHORT = SUITES


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (f"1 {LONG} inline:{TEXT}", CryptoLine(1, LONG, KEY)),
        (f"22 {SHORT} inline:{TEXT}|2^31", CryptoLine(22, SHORT, KEY)),
        (f"1 {LONG}  inline:{TEXT}|1048576 WSH=128", CryptoLine(1, LONG, KEY)),
    ],
)
def test_lines_we_keep_to(value: str, line: CryptoLine) -> None:
    assert parse_crypto(value) == line


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        f"1 AES_CM_256_HMAC_SHA1_80 inline:{TEXT}",
        f"1 F8_128_HMAC_SHA1_80 inline:{TEXT}",
        f"1 {LONG} inline:{TEXT[:-4]}",
        f"1 {LONG} inline:{TEXT}AAAA",
        f"1 {LONG} uri:{TEXT}",
        f"1 {LONG} inline:{TEXT}|2^20|1:4",
        f"1 {LONG} inline:{TEXT};inline:{TEXT}",
        f"1 {LONG} inline:{TEXT} UNENCRYPTED_SRTP",
        f"1 {LONG} inline:{TEXT} UNENCRYPTED_SRTCP",
        f"1 {LONG} inline:{TEXT} WSH=64 UNAUTHENTICATED_SRTP",
        f"1 {LONG} inline:{TEXT} KDR=1",
        f"-1 {LONG} inline:{TEXT}",
        f"{'9' * 30} {LONG} inline:{TEXT}",
    ],
)
def test_lines_that_are_as_if_they_were_not_there(value: str) -> None:
    assert parse_crypto(value) is None


@pytest.mark.parametrize("suite", SUITES)
def test_what_is_printed_can_be_read(suite: str) -> None:
    line = CryptoLine(7, suite, KEY)
    assert parse_crypto(str(line)) == line


def test_a_key_is_never_shown() -> None:
    assert TEXT not in repr(CryptoLine(1, LONG, KEY)) and repr(KEY) not in repr(CryptoLine(1, LONG, KEY))
