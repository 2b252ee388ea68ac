"""Bytes to a small tree of elements.

Documents come from customers' web servers, so the reader takes XML without its dangers: no document type, hence no
entities, no external references and no expansion; bounded in bytes, elements and depth before anything is built.
"""

from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from trebuchet.bxml.errors import DocumentTooLarge, NotXml

MAX_BYTES = 16 * 1024
"""API rule."""
MAX_DEPTH = 8
"""The deepest legal document has three levels (Response, Transfer, PhoneNumber)."""
MAX_ELEMENTS = 1000
"""16 KB hold at most some 4000 `<a/>`; nobody writes a thousand verbs."""
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
BLANK = b" \t\r\n"


@dataclass(slots=True)
class Element:
    """`text` is what stands directly in it, all pieces together. `line` counts from 1."""

    name: str
    attributes: dict[str, str]
    line: int
    text: str = ""
    children: "list[Element]" = field(default_factory=list)


def looks_like_xml(body: bytes) -> bool:
    """Whether an answer means to be a document at all: its first visible character is `<`, whatever its media type."""
    return body.removeprefix(BYTE_ORDER_MARK).lstrip(BLANK).startswith(b"<")


def parse_xml(body: bytes) -> Element:
    """The root element. Raises `NotXml`, `DocumentTooLarge`."""
    if len(body) > MAX_BYTES:
        raise DocumentTooLarge(f"a document has at most {MAX_BYTES} bytes")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        raise NotXml("a document is UTF-8") from None
    return _Builder().build(body.removeprefix(BYTE_ORDER_MARK).lstrip(BLANK))


class _Builder:
    def __init__(self) -> None:
        self._root: Element | None = None
        self._open: list[Element] = []
        self._elements = 0
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        self._parser.StartDoctypeDeclHandler = _refuse_doctype
        self._parser.EntityDeclHandler = _refuse_entity
        self._parser.ExternalEntityRefHandler = _refuse_reference
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def build(self, body: bytes) -> Element:
        try:
            self._parser.Parse(body, True)
        except expat.ExpatError as error:
            raise NotXml(f"line {error.lineno}: {expat.ErrorString(error.code)}") from None
        assert self._root is not None, "the parser refuses documents without an element"
        return self._root

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise DocumentTooLarge(f"a document has at most {MAX_ELEMENTS} elements")
        if len(self._open) >= MAX_DEPTH:
            raise DocumentTooLarge(f"elements are at most {MAX_DEPTH} deep")
        element = Element(name, attributes, self._parser.CurrentLineNumber)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _end(self, name: str) -> None:
        self._open.pop()

    def _characters(self, text: str) -> None:
        if self._open:
            self._open[-1].text += text


def _refuse_doctype(*_: object) -> NoReturn:
    raise NotXml("a document has no DOCTYPE")


def _refuse_entity(*_: object) -> NoReturn:
    raise NotXml("a document declares no entities")


def _refuse_reference(*_: object) -> NoReturn:
    raise NotXml("a document refers to no external entities")
