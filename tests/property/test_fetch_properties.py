"""Any text is a URL we follow or one we refuse; any bytes are an answer or a `FetchError`."""

import asyncio
from typing import cast

from hypothesis import example, given, settings
from hypothesis import strategies as st

from trebuchet.fetch.addresses import AddressPolicy
from trebuchet.fetch.connection import Connection
from trebuchet.fetch.errors import FetchError, UrlForbidden
from trebuchet.fetch.url import parse_url

PIECES = [
    "http",
    "https",
    "://",
    "//",
    "@",
    ":",
    "/",
    "?",
    "#",
    "[",
    "]",
    "%",
    ".",
    "127.0.0.1",
    "a",
    "0x7f",
    "::1",
    "80",
    "ü",
    "。",
]
URLS = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map("".join)


@given(URLS | URLS.map("http://".__add__))
@example("http://\ud800.example/")
@example("http://host/\udfff")
@example("http://u\udc80@host/")
@example("http://[::1]x/")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        url = parse_url(text)
    except UrlForbidden:
        return
    line = f"{url.target}{url.authority}{url.authorization or ''}".replace("Basic ", "")
    assert line.isascii()
    assert not any(character <= " " or character == "\x7f" for character in line)
    assert url.target.startswith("/")
    again = parse_url(url.shown) if len(url.shown) <= 2048 else url
    assert again.origin == url.origin, "what is shown leads to the same place"


@given(st.text(max_size=40))
def test_any_text_is_permitted_or_not(text: str) -> None:
    assert AddressPolicy(("127.0.0.0/8",)).permits(text) in (True, False)


class Wire:
    """A transport that only knows how to be dropped."""

    is_dropped = False

    def write(self, data: bytes) -> None:
        pass

    def abort(self) -> None:
        self.is_dropped = True


HTTP = [
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 C\r\n",
    b"\r\n",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"3\r\nabc\r\n",
    b"0\r\n\r\n",
    b"abc",
    b"X: y\r\n",
    b"Upgrade: h2c\r\nConnection: upgrade\r\n",
]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(HTTP) | st.binary(max_size=20), max_size=12), st.booleans())
def test_any_bytes_are_an_answer_or_an_error(pieces: list[bytes], is_download: bool) -> None:
    async def run() -> None:
        closed: list[Connection] = []
        connection, wire, taken = Connection(closed.append), Wire(), list[bytes]()
        connection.connection_made(cast(asyncio.Transport, wire))
        future = connection.exchange(b"GET", limit=4, sink=taken.append if is_download else None)
        for piece in pieces:
            if not wire.is_dropped:
                connection.data_received(piece)
        connection.connection_lost(None)
        assert future.done()
        assert closed == [connection]
        try:
            answer = future.result()
        except FetchError:
            return
        assert len(answer.body) <= 4 or answer.status // 100 != 2
        assert sum(map(len, taken)) <= 4
        assert 200 <= answer.status < 1000

    asyncio.run(run())
