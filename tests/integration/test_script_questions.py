"""Requests of scripts to real web servers: the verb's URL, then the call's fallback, once each."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiohttp import web

from trebuchet.base.clock import SystemClock
from trebuchet.base.ids import AccountId, CallId, GatherId, Ids
from trebuchet.base.rand import SystemRand
from trebuchet.events.questions import Questions
from trebuchet.fetch.addresses import LOOPBACK, AddressPolicy
from trebuchet.fetch.client import GuardedClient
from trebuchet.model.call import Call, CallState, Direction, HttpMethod, WebhookTarget
from trebuchet.model.event import GatherFinished
from trebuchet.model.gather import GatherReason
from trebuchet.model.user_error import UserError
from trebuchet.sim.app import App, Received

CALL = Call(
    id=CallId("c-1"),
    account_id=AccountId("u-me"),
    direction=Direction.IN,
    from_="+19195550188",
    to="+19195550100",
    state=CallState.ANSWERED,
    created_at=datetime(2016, 3, 2, tzinfo=UTC),
)


class Lab:
    """An application that answers by path, and what is asked of it."""

    def __init__(self, app: App, client: GuardedClient) -> None:
        self.app = app
        self.errors: list[UserError] = []
        self.call = CALL
        app.on(None, self._react)
        self.questions = Questions(client, Ids(SystemRand()), SystemClock(), "https://api.example", self._report)

    async def _report(self, error: UserError) -> None:
        self.errors.append(error)

    @staticmethod
    def _react(received: Received) -> web.StreamResponse:
        if received.path == "/fails":
            return web.Response(status=500, text="<Response/>")
        return web.Response(text=f"<Response><!-- {received.path} --></Response>")

    def fall_back_to(self, path: str) -> None:
        webhook = WebhookTarget(url=self.app.url("/"), method=HttpMethod.GET, fallback_url=self.app.url(path))
        self.call = Call(**{name: getattr(CALL, name) for name in Call.__slots__} | {"webhook": webhook})  # type: ignore[attr-defined]  # slots of a dataclass


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    client = GuardedClient(AddressPolicy(LOOPBACK))
    async with await App.open() as app:
        yield Lab(app, client)
    await client.close()


async def test_a_redirect_keeps_the_urls_own_query(lab: Lab) -> None:
    reply = await lab.questions.ask_for_document(lab.call, lab.app.url("/next?menu=2"), 5000)
    assert reply is not None and reply.url.endswith("/next?menu=2") and b"/next" in reply.body
    (request,) = lab.app.events
    assert (request.method, request.data["menu"], request.data["eventType"]) == ("GET", "2", "redirect")
    assert not lab.errors


async def test_digits(lab: Lab) -> None:
    gathered = GatherFinished(GatherId("gtr-1"), "#1", GatherReason.TERMINATING_DIGIT, "a b", terminator="*")
    assert await lab.questions.tell_gather(lab.call, lab.app.url("/next"), 5000, gathered) is not None
    (request,) = lab.app.events
    assert [request.data[name] for name in ("digits", "tag", "terminatingDigit")] == ["#1", "a b", "*"]


async def test_the_fallback_is_asked_when_the_verbs_url_fails(lab: Lab) -> None:
    lab.fall_back_to("/help")
    reply = await lab.questions.ask_for_document(lab.call, lab.app.url("/fails"), 5000)
    assert reply is not None and reply.url == lab.app.url("/help")
    assert [request.path for request in lab.app.events] == ["/fails", "/help"]
    assert [error.code for error in lab.errors] == ["callback-http-failure-status"]


@pytest.mark.parametrize(
    ("url", "code"),
    [("http://127.0.0.1:1/", "callback-io-error"), ("http://10.0.0.1/", "callback-io-error")],
    ids=["no web port", "not allowed"],
)
async def test_urls_that_lead_nowhere_are_reported(lab: Lab, url: str, code: str) -> None:
    assert await lab.questions.ask_for_document(lab.call, url, 5000) is None
    assert [error.code for error in lab.errors] == [code]
    lab.fall_back_to("/fails")
    assert await lab.questions.ask_for_document(lab.call, url, 5000) is None
    assert len(lab.errors) == 3
