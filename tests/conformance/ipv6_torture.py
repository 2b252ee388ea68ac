"""The torture messages of RFC 5118 as data: each feature rebuilt compactly, with the verdict we give it.

One of the twelve is broken (4.2); all others must be read, also where the grammar of RFC 3261 says otherwise (4.5,
4.10).
"""

from torture import BAD, NO_METHOD, OK, Case, lines

NO_CALL = frozenset({481})
VIA = "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111"
ADDRESS = "[2001:db8::10]"
SDP = (
    "v=0\r\no=assistant 971731711378798081 0 IN IP6 2001:db8::20\r\ns=Live video feed for today's meeting\r\n"
    "c=IN IP6 2001:db8::20\r\nt=3338481189 3370017201\r\nm=audio 6000 RTP/AVP 2 0\r\na=rtpmap:2 G726-32/8000\r\n"
    "m=video 6024 RTP/AVP 107\r\na=rtpmap:107 H263-1998/90000\r\n"
)
TWO_FAMILIES = (
    "v=0\r\no=bob 280744730 28977631 IN IP4 host.example.com\r\ns=\r\nt=0 0\r\n"
    "m=audio 22334 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\nm=video 6024 RTP/AVP 107\r\nc=IN IP6 2001:db8::1\r\n"
    "a=rtpmap:107 H263-1998/90000\r\n"
)
MAPPED = (
    "v=0\r\no=x 1 1 IN IP6 ::ffff:192.0.2.10\r\ns=-\r\nc=IN IP6 ::ffff:192.0.2.10\r\nt=0 0\r\n"
    "m=audio 6000 RTP/AVP 0\r\n"
)


def message(name: str, method: str, uri: str, *extra: str, vias: tuple[str, ...] = (VIA,), body: str = "") -> bytes:
    """A sound request over IPv6 to `uri`; a BYE belongs to a dialog nobody has."""
    tag = ";tag=bd76ya" if method == "BYE" else ""
    kind = ("Content-Type: application/sdp",) if body else ()
    return lines(
        f"{method} {uri} SIP/2.0",
        *(f"Via: {via}" for via in vias),
        "Max-Forwards: 70",
        "From: sip:user@example.com;tag=81x2",
        f"To: sip:user@example.com{tag}",
        f"Call-ID: {name}-SSG9559905523997077@hlau_4100",
        f"CSeq: 98176 {method}",
        "Contact: <sip:caller@[2001:db8::1]>",
        *extra,
        *kind,
        f"Content-Length: {len(body)}",
        body=body,
    )


def received(value: str) -> tuple[str, ...]:
    return (f"SIP/2.0/UDP [2001:db8::9:1];received={value};branch=z9hG4bKas3-111",)


MIXED_VIAS = (
    "SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111",
    "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144",
    "SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200",
)
MAPPED_VIAS = (
    "SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19",
    "SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKas3-111",
)

CASES = (
    Case("ipv6-good", message("good", "REGISTER", f"sip:{ADDRESS}"), answers=NO_METHOD, is_for_others=True),
    Case("ipv6-bad", message("bad", "REGISTER", "sip:2001:db8::10"), status=400, answers=BAD),
    Case(
        "port-ambiguous",
        message("ambiguous", "REGISTER", "sip:[2001:db8::10:5070]"),
        answers=NO_METHOD,
        is_for_others=True,
    ),
    Case(
        "port-unambiguous",
        message("unambiguous", "REGISTER", f"sip:{ADDRESS}:5070"),
        answers=NO_METHOD,
        is_for_others=True,
    ),
    Case(
        "via-received-param-with-delim",
        message("with", "BYE", f"sip:{ADDRESS}", vias=received("[2001:db8::9:255]")),
        answers=NO_CALL,
    ),
    Case(
        "via-received-param-no-delim",
        message("without", "OPTIONS", f"sip:{ADDRESS}", vias=received("2001:db8::9:255")),
        answers=OK,
    ),
    Case("ipv6-in-sdp", message("sdp", "INVITE", f"sip:user@{ADDRESS}", body=SDP), is_call=True),
    Case("mult-ip-in-header", message("header", "BYE", f"sip:user@{ADDRESS}", vias=MIXED_VIAS), answers=NO_CALL),
    Case("mult-ip-in-sdp", message("both", "INVITE", f"sip:user@{ADDRESS}", body=TWO_FAMILIES), is_call=True),
    Case(
        "ipv4-mapped-ipv6",
        message("mapped", "INVITE", "sip:user@example.com", vias=MAPPED_VIAS, body=MAPPED),
        is_call=True,
    ),
    Case("ipv6-bug-abnf-3-colons", message("three", "OPTIONS", "sip:user@[2001:db8:::192.0.2.1]"), answers=OK),
    Case("ipv6-correct-abnf-2-colons", message("two", "OPTIONS", "sip:user@[2001:db8::192.0.2.1]"), answers=OK),
)
