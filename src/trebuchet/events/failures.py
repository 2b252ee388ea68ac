"""A failed attempt as an entry of the customer's error list, with the documented codes, texts and details."""

from trebuchet.base.clock import Clock
from trebuchet.base.ids import Ids
from trebuchet.events.webhook import Attempt, Verdict, timeout_of
from trebuchet.fetch.url import strip_credentials
from trebuchet.model.call import HttpMethod
from trebuchet.model.event import LoggedEvent
from trebuchet.model.user_error import UserError

CATEGORY = "unavailable"

_TEXTS = {
    Verdict.TIMED_OUT: ("callback-server-timeout", "The callback server took too long to respond"),
    Verdict.BROKEN: ("callback-io-error", "A network error ocurred during the callback"),  # spelled so on the wire
    Verdict.REFUSED: ("callback-http-failure-status", "The callback returned an HTTP failure status"),
}

Details = tuple[tuple[str, str], ...]


def make_user_error(event: LoggedEvent, failed: Attempt, ids: Ids, clock: Clock) -> UserError:
    """For an attempt that was not acknowledged."""
    code, message = _TEXTS[failed.verdict]
    return UserError(
        id=ids.user_error(),
        account_id=event.account_id,
        at=clock.utc(),
        category=CATEGORY,
        code=code,
        message=message,
        details=(_owner(event), *_measurements(failed), *_addressee(event, failed), *_limit(event, failed)),
    )


def _owner(event: LoggedEvent) -> tuple[str, str]:
    return (f"{event.owner_kind}Id", event.owner_id)


def _addressee(event: LoggedEvent, failed: Attempt) -> Details:
    is_get = event.target is not None and event.target.method is HttpMethod.GET
    return (
        ("callbackUrl", strip_credentials(failed.url)),
        ("callbackMethod", "GET" if is_get else "POST"),
        ("callbackEvent", event.name),
    )


def _measurements(failed: Attempt) -> Details:
    if failed.answer is None:
        return ()
    return (
        ("callbackStatusCode", str(failed.answer.status)),
        ("totalDuration", str(failed.total_ms)),
        ("responseDuration", str(failed.response_ms)),
        ("requestDuration", str(failed.request_ms)),
    )


def _limit(event: LoggedEvent, failed: Attempt) -> Details:
    if failed.verdict is not Verdict.TIMED_OUT or event.target is None:
        return ()
    return (("callbackTimeout", str(timeout_of(event.target))),)
