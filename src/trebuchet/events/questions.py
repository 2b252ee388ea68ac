"""Requests of a call's script to the application: they are no events of the log, and their answers matter at once."""

from collections.abc import Awaitable, Callable

from trebuchet.base.clock import Clock
from trebuchet.base.ids import Ids
from trebuchet.base.values import frozen
from trebuchet.events.failures import make_user_error
from trebuchet.events.payload import describe_gather_of_script, describe_redirect
from trebuchet.events.signing import Sign, leave_unsigned
from trebuchet.events.webhook import Verdict, make_round
from trebuchet.fetch.client import GuardedClient
from trebuchet.model.call import Call, HttpMethod, WebhookTarget
from trebuchet.model.event import GatherFinished, LoggedEvent
from trebuchet.model.user_error import UserError


@frozen
class Reply:
    """What a web server answered with success."""

    url: str
    """The one that answered."""
    body: bytes


class Questions:
    """GET requests by a script's order: the verb's URL, then the call's fallback URL, once each. Failures are in the
    customer's error list when a method returns `None`."""

    def __init__(
        self,
        client: GuardedClient,
        ids: Ids,
        clock: Clock,
        base_url: str,
        report: Callable[[UserError], Awaitable[None]],
        sign: Sign = leave_unsigned,
    ) -> None:
        self._client, self._ids, self._clock = client, ids, clock
        self._base_url = base_url.rstrip("/")
        self._report, self._sign = report, sign

    async def tell_gather(self, call: Call, url: str, timeout_ms: int, gather: GatherFinished) -> Reply | None:
        """The digits of a gather verb."""
        payload = describe_gather_of_script(gather, call, self._clock.utc(), self._base_url)
        return await self._ask(call, "gather", payload, url, timeout_ms)

    async def ask_for_document(self, call: Call, url: str, timeout_ms: int) -> Reply | None:
        """A redirect verb's next document."""
        return await self._ask(call, "redirect", describe_redirect(call, self._base_url), url, timeout_ms)

    async def _ask(self, call: Call, name: str, payload: bytes, url: str, timeout_ms: int) -> Reply | None:
        fallback_url = call.webhook.fallback_url if call.webhook is not None else None
        event = LoggedEvent(
            id=self._ids.event(),
            account_id=call.account_id,
            owner_id=call.id,
            sequence=call.events_logged,
            at=self._clock.utc(),
            name=name,
            payload=payload,
            target=WebhookTarget(url=url, method=HttpMethod.GET, timeout_ms=timeout_ms, fallback_url=fallback_url),
        )
        attempts = await make_round(self._client, event, self._sign)
        for failed in attempts:
            if failed.verdict is not Verdict.ACKNOWLEDGED:
                await self._report(make_user_error(event, failed, self._ids, self._clock))
        last = attempts[-1]
        if last.verdict is not Verdict.ACKNOWLEDGED or last.answer is None:
            return None
        return Reply(last.url, last.answer.body)
