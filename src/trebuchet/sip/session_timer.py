"""Session timers, both roles: RFC 4028.

The side that refreshes does so at half the interval; both sides give up when the session was not refreshed in time,
a little before it expires (10). Intervals below our Min-SE are raised to it, so that no peer can make us refresh all
the time.
"""

from trebuchet.sip.call import Call, CallTimer
from trebuchet.sip.core import Core
from trebuchet.sip.errors import Malformed, SipError
from trebuchet.sip.headers import SessionExpires, parse_seconds
from trebuchet.sip.message import Request, Response

MAX_SESSION_S = 86_400
"""Longer intervals are cut to a day: a peer must not make us keep a dead call for ever."""
GRACE_S = 32.0
"""RFC 4028 10: the side that does not refresh says BYE this long before the end, or a third of short intervals."""

HeaderList = list[tuple[str, str]]


class SessionTimer:
    """Negotiates the interval and who refreshes, and arms the two deadlines of a call."""

    def __init__(self, core: Core) -> None:
        self._core = core

    # --- as the one who sends INVITE or UPDATE

    def request_headers(self, call: Call) -> HeaderList:
        """What an INVITE or UPDATE of ours says (7.1, 7.4)."""
        if call.session_interval == 0 and call.dialog is not None:
            return []
        floor = max(call.min_se, self._core.config.min_se_s)
        interval = max(call.session_interval or self._core.config.session_expires_s, floor)
        refresher = None if call.dialog is None else ("uac" if call.we_refresh else "uas")
        return [("Session-Expires", str(SessionExpires(interval, refresher))), ("Min-SE", str(floor))]

    def raise_interval(self, call: Call, response: Response, request: Request) -> bool:
        """A 422: repeat the request with the peer's minimum (7.3). False when it names none, or asks twice for one."""
        text = response.headers.get("min-se")
        try:
            floor = 0 if text is None else parse_seconds(text)
        except Malformed:
            return False
        if not call.min_se < floor <= MAX_SESSION_S:
            return False
        call.min_se = floor
        for name, value in self.request_headers(call):
            request.headers.set(name, value)
        return True

    def start_as_caller(self, call: Call, response: Response, now: float) -> None:
        """The 2xx to our INVITE or UPDATE decides (7.2). Without Session-Expires there is no timer."""
        if "allow" in response.headers:
            call.allows_update = "UPDATE" in response.allow
        agreed = _read(response)
        if agreed is None:
            self.stop(call)
            return
        self._start(call, agreed.seconds, agreed.refresher != "uas", now)

    # --- as the one who receives INVITE or UPDATE

    def check(self, request: Request) -> None:
        """Raises `SipError` 422 for an interval that is too small (9), 400 for one that is unreadable."""
        asked = _read_strict(request)
        if asked is not None and asked.seconds < self._core.config.min_se_s and "timer" in request.supported:
            raise SipError("the session interval is too small", 422)

    def min_se(self) -> tuple[str, str]:
        return "Min-SE", str(self._core.config.min_se_s)

    def answer_headers(self, call: Call, request: Request, now: float) -> HeaderList:
        """What our 2xx says (9, table 2), and the deadlines armed accordingly."""
        asked = _read(request)
        supports = "Supported" in request.headers and "timer" in request.supported
        if asked is None and not supports:
            self.stop(call)
            return []
        interval = min(asked.seconds if asked else self._core.config.session_expires_s, MAX_SESSION_S)
        interval = max(interval, _peer_min_se(request))
        peer_refreshes = supports and (asked is None or asked.refresher != "uas")
        self._start(call, interval, not peer_refreshes, now)
        refresher = "uac" if peer_refreshes else "uas"
        headers = [("Session-Expires", str(SessionExpires(call.session_interval, refresher)))]
        return [("Require", "timer"), *headers] if supports else headers

    # --- deadlines

    def _start(self, call: Call, interval: int, we_refresh: bool, now: float) -> None:
        interval = min(max(interval, self._core.config.min_se_s), MAX_SESSION_S)
        call.session_interval, call.we_refresh = interval, we_refresh
        self._core.disarm(call, CallTimer.REFRESH)
        if we_refresh:
            self._core.arm(call, CallTimer.REFRESH, now + interval / 2)
        self._core.arm(call, CallTimer.SESSION_END, now + interval - min(GRACE_S, interval / 3))

    def stop(self, call: Call) -> None:
        """The session has no limit any more."""
        call.session_interval = 0
        self._core.disarm(call, CallTimer.REFRESH, CallTimer.SESSION_END)


def _read(message: Request | Response) -> SessionExpires | None:
    try:
        return _read_strict(message)
    except Malformed:
        return None


def _read_strict(message: Request | Response) -> SessionExpires | None:
    text = message.headers.get("session-expires")
    return None if text is None else SessionExpires.parse(text)


def _peer_min_se(request: Request) -> int:
    text = request.headers.get("min-se")
    try:
        return 0 if text is None else min(parse_seconds(text), MAX_SESSION_S)
    except Malformed:
        return 0
