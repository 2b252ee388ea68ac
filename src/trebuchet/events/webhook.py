"""One attempt to deliver one event to one URL. Policy (what to try next, and when) is elsewhere."""

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from trebuchet import __version__
from trebuchet.base.values import frozen_keywords
from trebuchet.events.signing import Sign, leave_unsigned
from trebuchet.fetch.client import Answer, FetchError, FetchTimeout, GuardedClient
from trebuchet.fetch.url import parse_url
from trebuchet.model.application import DEFAULT_WEBHOOK_TIMEOUT_MS
from trebuchet.model.call import HttpMethod, WebhookTarget
from trebuchet.model.event import LoggedEvent

USER_AGENT = f"BandwidthAPI/v1 (Trebuchet {__version__})"
"""Applications recognise the platform by its first part."""
MAX_ANSWER_BYTES = 64 * 1024
"""An application's answer: ignored in the POST form, instructions of a few kB in the GET form."""
MAX_ATTEMPT_MS = 60_000
"""No web server is waited for any longer, whoever asks for it."""

_POST_HEADERS = {"Content-Type": "application/json; charset=utf-8", "User-Agent": USER_AGENT}
_GET_HEADERS = {"User-Agent": USER_AGENT}


class Verdict(StrEnum):
    """How an attempt ended."""

    ACKNOWLEDGED = "acknowledged"
    """Any 2xx."""
    REFUSED = "refused"
    """Another status; redirects are not followed."""
    TIMED_OUT = "timed-out"
    BROKEN = "broken"
    """No connection, no HTTP, or a URL that leads where we do not go."""


@frozen_keywords
class Attempt:
    """What came of it. Durations in milliseconds."""

    url: str
    verdict: Verdict
    answer: Answer | None = None
    request_ms: int = 0
    """Until the request had been handed to the network."""
    response_ms: int = 0
    """From then on."""

    @property
    def total_ms(self) -> int:
        return self.request_ms + self.response_ms


def timeout_of(target: WebhookTarget) -> int:
    """Milliseconds for one attempt; the API has its own, lower limit."""
    asked = target.timeout_ms
    return DEFAULT_WEBHOOK_TIMEOUT_MS if asked is None else max(1, min(asked, MAX_ATTEMPT_MS))


async def make_round(client: GuardedClient, event: LoggedEvent, sign: Sign) -> list[Attempt]:
    """Each of the event's URLs once, until one acknowledges. Never raises but for cancellation."""
    assert event.target is not None
    made = [await attempt(client, event, event.target.url, sign=sign)]
    if made[0].verdict is not Verdict.ACKNOWLEDGED and event.target.fallback_url is not None:
        made.append(await attempt(client, event, event.target.fallback_url, sign=sign))
    return made


async def attempt(
    client: GuardedClient,
    event: LoggedEvent,
    url: str,
    on_sent: Callable[[], None] | None = None,
    sign: Sign = leave_unsigned,
) -> Attempt:
    """Deliver the event, which has a target and a payload, to `url` in the target's form and time.
    Never raises but for cancellation. `on_sent` is called when the request is on its way, if it ever is."""
    assert event.target is not None and event.payload is not None
    loop = asyncio.get_running_loop()
    started = sent = loop.time()

    def note_sent() -> None:
        nonlocal sent
        sent = loop.time()
        if on_sent is not None:
            on_sent()

    answer: Answer | None = None
    try:
        answer = await _send(client, event, url, note_sent, sign)
        verdict = Verdict.ACKNOWLEDGED if answer.status // 100 == 2 else Verdict.REFUSED
    except FetchTimeout:
        verdict = Verdict.TIMED_OUT
    except FetchError:
        verdict = Verdict.BROKEN
    return Attempt(
        url=url,
        verdict=verdict,
        answer=answer,
        request_ms=round((sent - started) * 1000),
        response_ms=round((loop.time() - sent) * 1000),
    )


async def _send(client: GuardedClient, event: LoggedEvent, url: str, on_sent: Callable[[], None], sign: Sign) -> Answer:
    target, payload = event.target, event.payload
    assert target is not None and payload is not None
    timeout_s = timeout_of(target) / 1000
    if target.method is HttpMethod.GET:
        query = make_query(payload)
        headers = _GET_HEADERS | dict(await sign(event, full_query(url, query).encode()))
        return await client.request("GET", url, headers, b"", timeout_s, MAX_ANSWER_BYTES, query=query, on_sent=on_sent)
    headers = _POST_HEADERS | dict(await sign(event, payload))
    return await client.request("POST", url, headers, payload, timeout_s, MAX_ANSWER_BYTES, on_sent=on_sent)


def full_query(url: str, added: str) -> str:
    """The query as the application's server reads it: the URL's own, then ours. Raises `UrlForbidden`."""
    _, mark, own = parse_url(url).target.partition("?")
    return f"{own}&{added}" if mark else added


def make_query(payload: bytes) -> str:
    """The GET form: the payload's fields as percent-encoded query parameters, an object among them as JSON text
    whose numbers are strings."""
    fields: dict[str, Any] = msgspec.json.decode(payload)
    return urlencode({name: _as_parameter(value) for name, value in fields.items()}, quote_via=quote, safe="")


def _as_parameter(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return msgspec.json.encode({name: _as_parameter(item) for name, item in value.items()}).decode()
    return str(value)
