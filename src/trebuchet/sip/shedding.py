"""Refusing an INVITE from its bytes alone: what an overloaded server does with calls it has no room for.

Parsing, matching and answering an INVITE in the ordinary way costs as much as several messages of a running call, so a
flood would eat what the calls need that it still could complete. Here only the lines are looked for that an answer
must repeat (RFC 3261 8.2.6.2), and nothing is kept: a repeated INVITE gets the same answer, and the ACK that follows is
known by the tag. Whatever is unusual (folded lines, brackets around parameters, an old branch, several Vias in a line)
is left to the ordinary way, which refuses it too, only at more cost.

Anybody can bring bytes here; a datagram may claim to come from somebody else, so the answer is never longer than what
it answers by more than `MAX_GROWTH` bytes. Sources: RFC 3261 8.2.7 (stateless), 21.5.4 (503), RFC 3581 (rport).
"""

import re
from collections.abc import Callable

from trebuchet.base.rand import Rand

MAX_GROWTH = 200
"""Status line, Retry-After, our tag, `received` and `rport`."""
_NEEDED = {
    b"via": 0, b"v": 0, b"from": 1, b"f": 1, b"to": 2, b"t": 2, b"call-id": 3, b"i": 3, b"cseq": 4,
}  # fmt: skip
_BLANK = (b" ", b"\t")
_STATUS = b"SIP/2.0 503 Service Unavailable"
_VIA = re.compile(
    rb"(?i)[a-z]+[ \t]*:[ \t]*SIP/2\.0/UDP[ \t]+([a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?((?:;[^\s,;\"]+)*)"
)
_RPORT = re.compile(rb"(?i);rport(?=;|$)")
_END = b"\r\n\r\n"
_COOKIE = b"z9hG4bK"

IsKnown = Callable[[str], bool]
"""Whether a server transaction with this key exists: its INVITE has been let in already."""


class Shedder:
    """Makes the answers of one process; they all carry its tag."""

    def __init__(self, rand: Rand, retry_after_s: int) -> None:
        self._tag = rand.token(8).hex().encode()
        self._tail = b"Retry-After: %d\r\nContent-Length: 0\r\n\r\n" % retry_after_s

    def is_ack_of_refusal(self, data: bytes) -> bool:
        """Whether it acknowledges an answer of `refuse`: nothing is to be done."""
        return data.startswith(b"ACK ") and self._tag in data

    def refuse(self, data: bytes, remote: tuple[str, int], is_known: IsKnown) -> bytes | None:
        """The 503 to the sender of a fresh INVITE that came by UDP, to be sent to `remote`.

        `None`: not for this way (no INVITE, inside a dialog, already let in, or unusual in form).
        """
        end = data.find(_END)
        if not data.startswith(b"INVITE ") or end < 0:
            return None
        lines: tuple[list[bytes], ...] = ([], [], [], [], [])
        for line in data[:end].split(b"\r\n"):
            name = line[: line.find(b":")].rstrip(b" \t").lower()
            if name in _NEEDED:
                lines[_NEEDED[name]].append(line)
            elif line[:1] in _BLANK:
                return None  # folded
        vias, from_, to, call_id, cseq = lines
        if not vias or not len(from_) == len(to) == len(call_id) == len(cseq) == 1 or b"tag" in to[0].lower():
            return None
        via = _stamped(vias[0], remote, is_known)
        if via is None:
            return None
        to[0] = b"%b;tag=%b" % (to[0].rstrip(), self._tag)
        return b"\r\n".join((_STATUS, via, *vias[1:], from_[0], to[0], call_id[0], cseq[0], self._tail))


def _stamped(line: bytes, remote: tuple[str, int], is_known: IsKnown) -> bytes | None:
    """The topmost Via with where it came from; `None` when the answer would not go there, or it is known."""
    match = _VIA.fullmatch(line)
    if match is None:
        return None
    host, port, text = match[1].decode().lower().strip("[]"), match[2], match[3]
    names = text.lower().split(b";")
    wants_rport = b"rport" in names
    if any(name.startswith((b"received", b"maddr", b"rport=")) for name in names):
        return None
    if not wants_rport and int(port or 5060) != remote[1]:
        return None
    branch = text.partition(b";branch=")[2].partition(b";")[0]
    if not branch.startswith(_COOKIE):
        return None
    if is_known(f"s {branch.decode('latin-1')} {host}:{int(port) if port else None} INVITE"):
        return None
    if not wants_rport and host == remote[0]:
        return line
    if wants_rport:
        line = _RPORT.sub(b";rport=%d" % remote[1], line)
    return b"%b;received=%b" % (line, remote[0].encode())
