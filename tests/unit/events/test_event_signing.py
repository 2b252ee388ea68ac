"""Headers of a delivery, verified by the reference implementation of Standard Webhooks."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from trebuchet.base.ids import AccountId, CallId, EventId
from trebuchet.events.signing import Signer
from trebuchet.model.event import LoggedEvent

BODY = '{"tag":"größe \u2028"}'.encode()
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


class Now:
    """The signatures' time is checked against the real one."""

    def now(self) -> float:
        return 0.0

    def utc(self) -> datetime:
        return datetime.now(UTC)


async def sign(*secrets: str, body: bytes = BODY) -> Mapping[str, str]:
    async def secrets_of(account_id: AccountId) -> tuple[str, ...]:
        assert account_id == "u-1"
        return secrets

    event = LoggedEvent(
        id=EventId("ce-9"), account_id=AccountId("u-1"), owner_id=CallId("c-1"), sequence=7, at=Now().utc(), name="x"
    )
    return await Signer(secrets_of, Now()).sign(event, body)


async def test_the_reference_implementation_verifies_it() -> None:
    headers = dict(await sign(SECRET))
    assert Webhook(SECRET).verify(BODY, headers) == {"tag": "größe \u2028"}
    assert headers["webhook-id"] == "ce-9"
    assert headers["Trebuchet-Sequence"] == "7"


@pytest.mark.parametrize("body", [BODY + b" ", b"{}", b""])
async def test_another_body_is_not_verified(body: bytes) -> None:
    headers = dict(await sign(SECRET))
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, headers, json_parse=False)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
async def test_changed_headers_are_not_verified(name: str) -> None:
    headers = dict(await sign(SECRET))
    value = headers[name]
    headers[name] = value[:-2] + ("00" if value[-2:] != "00" else "11") if name != "webhook-signature" else "v1,AAAA"
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY, headers)


async def test_two_secrets_sign_side_by_side() -> None:
    headers = dict(await sign(SECRET, OLD))
    for secret in (SECRET, OLD):
        Webhook(secret).verify(BODY, headers)
    alone = dict(await sign(SECRET))
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(BODY, alone)
