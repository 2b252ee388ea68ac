"""What a request must satisfy before anybody is bothered with it, and what its refusal says (RFC 3261 8.2)."""

from trebuchet.sip.bodies import MULTIPART, SDP
from trebuchet.sip.core import ACCEPT, EXTENSIONS, METHODS, Core
from trebuchet.sip.errors import SipError
from trebuchet.sip.grammar import split_list
from trebuchet.sip.message import Request
from trebuchet.sip.outputs import HeaderPairs

_BUSY_STATUSES = frozenset({480, 500, 503})


def screen(request: Request, foreign_methods: frozenset[str]) -> None:
    """For anything but ACK and CANCEL. Raises `SipError`.

    405: a method we do not have; 420: an extension we lack; 406: an INVITE that takes no SDP back.
    """
    method = request.method
    if method not in METHODS and method not in foreign_methods:
        raise SipError("a method we do not have", 405)
    if "Require" in request.headers and not request.require <= EXTENSIONS:
        raise SipError("an extension we do not have", 420)
    if method == "INVITE" and not _takes_sdp(request):
        raise SipError("the peer takes no SDP", 406)


def _takes_sdp(request: Request) -> bool:
    lines = request.headers.get_all("accept")
    if not lines:
        return True
    ranges = {item.partition(";")[0].strip().lower() for line in lines for item in split_list(line)}
    return not ranges.isdisjoint((SDP, "application/*", "*/*", MULTIPART))


def refusal_headers(core: Core, request: Request, status: int) -> HeaderPairs:
    """What a refusal of ours must say besides its status (RFC 3261 21.4, RFC 4028 6)."""
    if status == 405:
        return (("Allow", core.allow),)
    if status == 415:
        return (("Accept", ACCEPT), ("Accept-Encoding", "identity"))
    if status == 420:
        unsupported = sorted(request.require - EXTENSIONS)
        return (("Unsupported", ", ".join(unsupported)),)
    if status == 422:
        return (("Min-SE", str(core.config.min_se_s)),)
    return (core.retry_after(),) if status in _BUSY_STATUSES else ()
