"""The torture messages of RFC 4475 as data: each feature rebuilt compactly, with the verdict we give it.

`CASES` is used twice: against the message layer alone, and through a whole user agent.
"""

from dataclasses import dataclass

SDP = (
    "v=0\r\no=mhandley 29739 7272939 IN IP4 192.0.2.3\r\ns=-\r\nc=IN IP4 192.0.2.4\r\nt=0 0\r\n"
    "m=audio 49217 RTP/AVP 0 12\r\nm=video 3227 RTP/AVP 31\r\na=rtpmap:31 LPC\r\n"
)


@dataclass(frozen=True, slots=True)
class Case:
    """One message.

    status: what `parse_message` or `validate_request` answers it with; `None` when it is sound.
    is_dropped: a response that cannot be used.
    answers: final statuses a user agent without calls may give; empty means silence (or `is_call`).
    is_call: it is a sound INVITE that must reach whoever takes calls.
    is_for_others: a method (REGISTER and the like) that may be handed on instead of being answered.
    may_be_silent: too little is there to answer it reliably.
    """

    name: str
    data: bytes
    status: int | None = None
    is_dropped: bool = False
    answers: frozenset[int] = frozenset()
    is_call: bool = False
    is_for_others: bool = False
    may_be_silent: bool = False


def lines(start: str, *headers: str, body: str | bytes = b"") -> bytes:
    """A message with exactly these lines. `\\udcXX` in a line is the raw byte XX."""
    head = "\r\n".join([start, *headers]) + "\r\n\r\n"
    raw = body if isinstance(body, bytes) else body.encode()
    return head.encode("utf-8", "surrogateescape") + raw


def request(
    name: str,
    method: str,
    uri: str,
    *extra: str,
    body: str = "",
    start: str | None = None,
    without: tuple[str, ...] = (),
    **changed: str,
) -> bytes:
    """A sound request, except for what is changed (`to=`, `from_=`, `call_id=`), left out or added."""
    fields = {
        "to": f"To: {changed.get('to', 'sip:user@example.com')}",
        "from_": f"From: {changed.get('from_', 'sip:caller@example.org;tag=33242')}",
        "max_forwards": f"Max-Forwards: {changed.get('max_forwards', '70')}",
        "call_id": f"Call-ID: {changed.get('call_id', name + '.0ha0isndaksdj@10.0.0.1')}",
        "cseq": f"CSeq: {changed.get('cseq', '8 ' + method)}",
        "via": f"Via: {changed.get('via', 'SIP/2.0/UDP host5.example.com;branch=z9hG4bKkdju' + name)}",
        "content_length": f"Content-Length: {changed.get('content_length', len(body.encode()))}",
    }
    assert changed.keys() <= fields.keys()
    kept = [line for key, line in fields.items() if key not in without]
    return lines(start or f"{method} {uri} SIP/2.0", *kept, *extra, body=body)


def invite(
    name: str,
    *extra: str,
    uri: str = "sip:user@example.com",
    body: str = SDP,
    start: str | None = None,
    without: tuple[str, ...] = (),
    **changed: str,
) -> bytes:
    """A sound INVITE with a session description, except for what is changed, left out or added."""
    usual = ("Contact: <sip:caller@host5.example.net>", "Content-Type: application/sdp")
    given = {line.partition(":")[0] for line in extra}
    added = [line for line in usual if line.partition(":")[0] not in given]
    return request(name, "INVITE", uri, *added, *extra, body=body, start=start, without=without, **changed)


def register(name: str, *extra: str, **changed: str) -> bytes:
    """A sound REGISTER, except for what is changed or added."""
    return request(name, "REGISTER", "sip:example.com", *extra, **changed)


def options(
    name: str,
    *extra: str,
    uri: str = "sip:user@example.com",
    body: str = "",
    start: str | None = None,
    **changed: str,
) -> bytes:
    """A sound OPTIONS, except for what is changed or added."""
    return request(name, "OPTIONS", uri, *extra, body=body, start=start, **changed)


def response(name: str, start: str, *extra: str, method: str = "INVITE", **changed: str) -> bytes:
    """A sound response, except for what is changed or added."""
    return request(name, method, "-", *extra, start=start, **changed)


def short_tortuous_invite() -> bytes:
    return lines(
        "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0",
        "TO :",
        " sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n",
        'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>',
        "  ;",
        "  tag = 98asjd8",
        "MaX-fOrWaRdS: 0068",
        "Call-ID: wsinv.ndaksdj@192.0.2.1",
        f"Content-Length   : {len(SDP)}",
        "cseq: 0009",
        "  INVITE",
        "Via  : SIP  /   2.0",
        " /UDP",
        "    192.0.2.2;branch=390skdjuw",
        "s :",
        "NewFangledHeader:   newfangled value",
        " continued newfangled value",
        "UnknownHeaderWithUnusualValue: ;;,,;;,;",
        "Content-Type: application/sdp",
        "Route:",
        " <sip:services.example.com;lr;unknownwith=value;unknown-no-value>",
        "v:  SIP  / 2.0  / TCP     spindle.example.com   ;",
        "  branch  =   z9hG4bK9ikj8  ,",
        " SIP  /    2.0   / UDP  192.168.255.111   ; branch=",
        " z9hG4bK30239",
        'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =',
        "      newvalue ;",
        "  secondparam ; q = 0.33",
        body=SDP,
    )


ODD_METHOD = "!interesting-Method0123456789_*+`.%indeed'~"
ODD_URI = "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com"
ODD_CALL_ID = "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"


def wide_range() -> bytes:
    return lines(
        f"{ODD_METHOD} {ODD_URI} SIP/2.0",
        "Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~",
        'To: "BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_unusual.URI~(to-be!sure)&isn\'t+it$/crazy?,/;;*@example.com>',
        "From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>"
        ";fromParam''~+*_!.-%=\"\u0440\u0430\u0431\u043e\u0442\u0430\u044e\u0449\u0438\u0439\""
        ";tag=_token~1'+`*%!-.",
        f"Call-ID: {ODD_CALL_ID}",
        f"CSeq: 139122385 {ODD_METHOD}",
        "Max-Forwards: 255",
        "extensionHeader-!.%*+_`'~: \ufeff\u5927\u505c\u96fb",
        "Content-Length: 0",
    )


LONG = "long" * 40


def long_values() -> bytes:
    vias = [
        f"{name}: SIP/2.0/TCP sip{hop}.example.com;branch=z9hG4bK{hop}{'very' * 5}long"
        for name in ("Via", "v")
        for hop in range(8, 40)
    ]
    return invite(
        "longreq",
        f"Unknown-{LONG}-Name: unknown-{LONG}-value; unknown-{LONG}-parameter-name = unknown-{LONG}-value",
        *vias,
        f"Contact: <sip:amazinglylongcallername{LONG}@host5.example.net>",
        to=f'"I have a user name of {"extreme" * 10} proportion"'
        f"<sip:user@example.com:6000;unknownparam1={LONG};longparam{LONG}name=shortvalue;very{LONG}Param>",
        from_=f"sip:{'amazinglylongcallername' * 5}@example.net;tag=12982982982982{'982' * 30}"
        f";unknownheaderparam{LONG}name={LONG};unknownValueless{LONG}paramname",
        call_id=f"longreq.one{'really' * 20}longcallid",
        cseq="3882340 INVITE",
        via="SIP/2.0/TCP sip33.example.com",
    )


def multipart_message() -> bytes:
    boundary = "7a9cbec02ceef655"
    part = f"--{boundary}\r\nContent-Type: text/plain\r\n\r\nHello\r\n--{boundary}\r\n"
    binary = b"Content-Type: application/octet-stream\r\n\r\n\x00\x30\x82\xff\r\n\r\n\x00\x01"
    body = part.encode() + binary + f"\r\n--{boundary}--\r\n".encode()
    return lines(
        "MESSAGE sip:kumiko@example.org SIP/2.0",
        "Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-d87543-4dade06d0bdb11ee-1--d87543-;rport",
        "Max-Forwards: 70",
        "Route: <sip:127.0.0.1:5080>",
        "From: fluffy <sip:fluffy@example.com>;tag=2fb0dcc9",
        "To: <sip:kumiko@example.org>",
        "Call-ID: 3d9485ad0c49859b@Zmx1ZmZ5LW1hYy0xNi5sb2NhbA..",
        "CSeq: 1 MESSAGE",
        f'Content-Type: multipart/mixed;boundary="{boundary}"',
        f"Content-Length: {len(body)}",
        body=body,
    )


REASON = "= 2**3 * 5**2 \u043d\u043e \u0441\u0442\u043e - \u043f\u0440\u043e\u0441\u0442\u043e\u0435"
HUGE = "36893488147419103232"
OK = frozenset({200})
BAD = frozenset({400})
NO_METHOD = frozenset({405, 501})
FOR_OTHERS = NO_METHOD | {400, 401, 403, 404}


def _valid() -> list[Case]:
    return [
        Case("wsinv", short_tortuous_invite(), answers=frozenset({481})),
        Case("intmeth", wide_range(), answers=NO_METHOD),
        Case("esc01", invite("esc01", uri="sip:sips%3Auser%40example.com@example.net"), is_call=True),
        Case(
            "escnull",
            register(
                "escnull",
                "Contact: <sip:%00@host5.example.com>, <sip:%00%00@host5.example.com>",
                to="sip:null-%00-null@example.com",
            ),
            answers=FOR_OTHERS,
            is_for_others=True,
        ),
        Case(
            "esc02",
            request("esc02", "RE%47IST%45R", "sip:registrar.example.com", 'Contact: "%Za" <sip:resource@example.com>'),
            answers=NO_METHOD,
            is_for_others=True,
        ),
        Case("lwsdisp", options("lwsdisp", from_="caller<sip:caller@example.com>;tag=323"), answers=OK),
        Case("longreq", long_values(), is_call=True),
        Case(
            "dblreq",
            register("dblreq", "Contact: sip:j.user@host.example.com") + invite("dblreq2"),
            answers=FOR_OTHERS,
            is_for_others=True,
        ),
        Case("semiuri", options("semiuri", uri="sip:user;par=u%40example.net@example.com"), answers=OK),
        Case("transports", many_transports(), answers=OK),
        Case("mpart01", multipart_message(), answers=NO_METHOD, is_for_others=True),
        Case("unreason", response("unreason", f"SIP/2.0 200 {REASON}", "Contact: <sip:user@host198.example.com>")),
        Case("noreason", response("noreason", "SIP/2.0 100 ")),
    ]


def many_transports() -> bytes:
    kinds = ("SCTP", "TLS", "UNKNOWN", "TCP")
    vias = [f"Via: SIP/2.0/{kind} t{n}.example.com;branch=z9hG4bK{n}xyz" for n, kind in enumerate(kinds)]
    return options("transports", *vias)


def _invalid() -> list[Case]:
    bad = [
        (
            "badinv01",
            invite(
                "badinv01",
                'Contact: "Joe" <sip:joe@example.org>;;;;',
                via="SIP/2.0/UDP 192.0.2.15;;,;,,",
                from_='"Joe" <sip:joe@example.org>;;;;;tag=97',
            ),
        ),
        ("clerr", invite("clerr", content_length="9999")),
        ("ncl", invite("ncl", content_length="-999")),
        ("scalar02", register("scalar02", f"Expires: 1{'0' * 40}", cseq=f"{HUGE} REGISTER", max_forwards="300")),
        ("quotbal", invite("quotbal", to='"Mr. J. User <sip:j.user@example.com>')),
        ("ltgtruri", invite("ltgtruri", uri="<sip:user@example.com>")),
        ("lwsruri", invite("lwsruri", uri="sip:user@example.com; lr")),
        ("lwsstart", invite("lwsstart", start="INVITE  sip:user@example.com  SIP/2.0")),
        ("trws", options("trws", start="OPTIONS sip:remote-target@example.com SIP/2.0  ")),
        ("escruri", invite("escruri", uri="sip:user@example.com?Route=%3Csip:example.com%3E")),
        ("regbadct", register("regbadct", "Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E")),
        ("mismatch01", options("mismatch01", cseq="8 INVITE")),
        ("mismatch02", request("mismatch02", "NEWMETHOD", "sip:user@example.com", cseq="8 INVITE")),
    ]
    broken = [Case(name, data, status=400, answers=BAD) for name, data in bad]
    badvers = options("badvers", start="OPTIONS sip:t.watson@example.org SIP/7.0")
    return [
        *broken,
        Case("badvers", badvers, status=505, answers=frozenset({505})),
        Case("baddate", invite("baddate", "Date: Fri, 01 Jan 2010 16:00:00 EST"), is_call=True),
        Case("badaspec", options("badaspec", to='"Watson, Thomas" < sip:t.watson@example.org >'), answers=OK),
        Case("baddn", options("baddn", from_="Bell, Alexander <sip:a.g.bell@example.com>;tag=43"), answers=OK),
        Case(
            "scalarlg",
            response(
                "scalarlg",
                "SIP/2.0 503 Service Unavailable",
                "Retry-After: 949302838503028349304023988",
                'Warning: 1812 overture "In Progress"',
                method="OPTIONS",
                cseq="9223372036854775808 OPTIONS",
            ),
            is_dropped=True,
        ),
        Case("bigcode", response("bigcode", "SIP/2.0 4294967301 better not break the receiver"), is_dropped=True),
    ]


def _transactions() -> list[Case]:
    return [
        Case(
            "badbranch",
            options("badbranch", via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"),
            status=400,
            answers=BAD,
        ),
        Case(
            "insuf",
            invite("insuf", without=("call_id", "from_", "to")),
            status=400,
            answers=BAD,
            may_be_silent=True,
        ),
    ]


def _semantics() -> list[Case]:
    bad_scheme = frozenset({416})
    opaque = "nobodyKnowsThisScheme:totallyopaquecontent"
    beep = "soap.beep://192.0.2.103:3002"
    twice = ("CSeq: 59 INVITE", "Call-ID: multi01.98asdh@192.0.2.2", "From: sip:fluffy@example.com;tag=3413415")
    return [
        Case("unkscm", options("unkscm", uri=opaque), status=416, answers=bad_scheme),
        Case("novelsc", options("novelsc", uri=beep), status=416, answers=bad_scheme),
        Case(
            "unksm2",
            register("unksm2", "Contact: <name:John_Smith>", to="isbn:2983792873"),
            answers=FOR_OTHERS,
            is_for_others=True,
        ),
        Case(
            "bext01",
            options(
                "bext01",
                "Require: nothingSupportsThis, nothingSupportsThisEither",
                "Proxy-Require: noProxiesSupportThis, norDoAnyProxiesSupportThis",
            ),
            answers=frozenset({420}),
        ),
        Case("invut", invite("invut", "Content-Type: application/unknownformat"), answers=frozenset({415})),
        Case(
            "regaut01",
            register("regaut01", "Authorization: NoOneKnowsThisScheme opaque-data=here"),
            answers=FOR_OTHERS,
            is_for_others=True,
        ),
        Case("multi01", invite("multi01", *twice, "Max-Forwards: 5"), status=400, answers=BAD),
        Case("mcl01", options("mcl01", "Content-Length: 5", body="There's no way to know"), status=400, answers=BAD),
        Case(
            "bcast",
            response(
                "bcast",
                "SIP/2.0 200 OK",
                "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23",
                via="SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923",
            ),
        ),
        Case("zeromf", options("zeromf", max_forwards="0"), answers=frozenset({200, 483})),
        Case(
            "cparam01",
            register("cparam01", "Contact: sip:+19725552222@gw1.example.net;unknownparam"),
            answers=FOR_OTHERS,
            is_for_others=True,
        ),
        Case(
            "cparam02",
            register("cparam02", "Contact: <sip:+19725552222@gw1.example.net;unknownparam>"),
            answers=FOR_OTHERS,
            is_for_others=True,
        ),
        Case(
            "regescrt",
            register("regescrt", "Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>"),
            answers=FOR_OTHERS,
            is_for_others=True,
        ),
        Case("sdp01", invite("sdp01", "Accept: text/nobodyKnowsThis", body=""), answers=frozenset({406})),
    ]


def _old() -> list[Case]:
    rfc2543 = lines(
        "INVITE sip:UserB@example.com SIP/2.0",
        "Via: SIP/2.0/UDP iftgw.example.com",
        "From: <sip:+13035551111@ift.client.example.net;user=phone>",
        "Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>",
        "To: sip:+16505552222@ss1.example.net;user=phone",
        "Call-ID: inv2543.1717@ift.client.example.com",
        "CSeq: 56 INVITE",
        "Contact: <sip:+13035551111@ift.client.example.net>",
        "Content-Type: application/sdp",
        body=SDP,
    )
    return [Case("inv2543", rfc2543, is_call=True)]


CASES: list[Case] = [*_valid(), *_invalid(), *_transactions(), *_semantics(), *_old()]
