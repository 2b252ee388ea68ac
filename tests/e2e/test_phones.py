"""Two softphones that are not ours, registered on one server: they reach each other, and nobody else reaches them.

Each has a tone of its own; the spectrum of what the other has recorded says who was heard.
"""

import asyncio
from typing import Any

import pytest

from support.baresip import Baresip
from support.hearing import phase_names
from support.stage import Stage, talk

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALICE_HZ, BOB_HZ = 700.0, 1100.0
TONES = {"alice": ALICE_HZ, "bob": BOB_HZ}
PASSWORD = "correct-horse"
LIMIT_S = 15.0
REGISTERED = "200 OK () ["
TURNED_AWAY = "503 Service Unavailable"
"""With a wrong password this phone answers every challenge anew, until it is no longer listened to."""


class Office:
    """A domain of its own on the stage's server."""

    def __init__(self, stage: Stage, name: str, domain_id: str) -> None:
        self.stage, self.name, self.domain_id = stage, name, domain_id
        self.ids: dict[str, str] = {}

    @classmethod
    async def open(cls, stage: Stage) -> "Office":
        name = f"office{len(await stage.server.get('/domains'))}"
        made = await stage.server.post("/domains", {"name": name})
        assert made.status == 201, made
        return cls(stage, name, made.headers["location"].rsplit("/", 1)[1])

    async def endpoint(self, name: str, application_id: str | None = None, **more: Any) -> str:
        """A new endpoint; its `sipUri`."""
        body = {"name": name, "applicationId": application_id, "credentials": {"password": PASSWORD}}
        made = await self.stage.server.post(f"/domains/{self.domain_id}/endpoints", body | more)
        assert made.status == 201, made
        self.ids[name] = made.headers["location"].rsplit("/", 1)[1]
        shown = await self.stage.server.get(self.path(name))
        assert PASSWORD not in str(shown)
        return str(shown["sipUri"])

    def path(self, name: str) -> str:
        return f"/domains/{self.domain_id}/endpoints/{self.ids[name]}"

    def phone(
        self, name: str, hz: float, *, password: str = PASSWORD, transport: str = "udp", expires_s: int = 120
    ) -> Baresip:
        account = (
            f"<sip:{name}@{self.name}.sip.localhost;transport={transport}>;auth_pass={password};regint={expires_s}"
            f';outbound="sip:{self.stage.server.sip_host};transport={transport}"'
        )
        return self.stage.phone(name, hz, account=account)


@pytest.fixture(scope="module")
def server_environment() -> dict[str, str]:
    return {"TREBUCHET_PHONES_MIN_EXPIRES_S": "1"}


@pytest.fixture
async def office(stage: Stage) -> Office:
    return await Office.open(stage)


async def application(stage: Stage, **more: Any) -> str:
    made = await stage.server.post("/applications", {"name": "phones", "incomingCallUrl": stage.web.url} | more)
    assert made.status == 201, made
    return made.headers["location"].rsplit("/", 1)[1]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_two_registered_phones_talk(stage: Stage, office: Office, transport: str) -> None:
    desk = await application(stage)
    alice_uri, bob_uri = await office.endpoint("alice", desk), await office.endpoint("bob")
    async with (
        office.phone("alice", ALICE_HZ, transport=transport) as alice,
        office.phone("bob", BOB_HZ, transport=transport) as bob,
    ):
        await alice.wait_for_log(REGISTERED)
        await bob.wait_for_log(REGISTERED)
        await alice.dial(bob_uri)
        event = await stage.web.wait_for("incomingcall", **{"from": alice_uri}, to=bob_uri)
        call_id = event["callId"]
        assert event["applicationId"] == desk
        await alice.wait_for("CALL_ESTABLISHED")
        new_id = await stage.transfer(call_id, bob_uri, callbackUrl=stage.web.url)
        await bob.accept()
        await talk(alice, bob)
        await stage.server.wait_for_state(call_id, "active")
        assert (await stage.server.call(new_id))["to"] == bob_uri
        await bob.hang_up()
        await alice.wait_for("CALL_CLOSED")
    assert phase_names(alice.heard(), **TONES)[-1] == "bob"
    assert phase_names(bob.heard(), **TONES)[-1] == "alice"


async def ring(stage: Stage, uri: str) -> str:
    """A call of ours to an endpoint; its id."""
    number = await stage.number()
    made = await stage.server.post("/calls", {"from": number, "to": uri, "callbackUrl": stage.web.url})
    assert made.status == 201, made
    return made.headers["location"].rsplit("/", 1)[1]


async def cause_of(stage: Stage, uri: str) -> str:
    """Why a call to the endpoint ends by itself."""
    return str((await stage.web.wait_for("hangup", callId=await ring(stage, uri)))["cause"])


async def test_all_phones_ring_and_the_first_that_answers_has_the_call(stage: Stage, office: Office) -> None:
    uri = await office.endpoint("bob")
    async with office.phone("bob", ALICE_HZ) as desk, office.phone("bob", BOB_HZ, transport="tcp") as mobile:
        await desk.wait_for_log(REGISTERED)
        await mobile.wait_for_log(REGISTERED)
        call_id = await ring(stage, uri)
        await desk.wait_for("CALL_INCOMING")
        await mobile.accept()
        await desk.wait_for("CALL_CLOSED")
        await stage.server.wait_for_state(call_id, "active")
        await mobile.hang_up()
        await stage.server.wait_for_state(call_id, "completed")
    assert not any(event["type"] == "CALL_ESTABLISHED" for event in desk.events if event.get("event"))


async def test_a_phone_that_declines_ends_the_call(stage: Stage, office: Office) -> None:
    uri = await office.endpoint("bob")
    async with office.phone("bob", BOB_HZ) as bob:
        await bob.wait_for_log(REGISTERED)
        call_id = await ring(stage, uri)
        await bob.wait_for("CALL_INCOMING")
        await bob.hang_up()
        assert (await stage.web.wait_for("hangup", callId=call_id))["cause"] == "USER_BUSY"


async def test_a_call_given_up_stops_the_ringing(stage: Stage, office: Office) -> None:
    uri = await office.endpoint("bob")
    async with office.phone("bob", BOB_HZ) as bob:
        await bob.wait_for_log(REGISTERED)
        call_id = await ring(stage, uri)
        await bob.wait_for("CALL_INCOMING")
        assert (await stage.update(call_id, state="completed")).status == 200
        await bob.wait_for("CALL_CLOSED")


async def test_a_wrong_password_registers_nothing(stage: Stage, office: Office) -> None:
    uri = await office.endpoint("mallory")
    async with office.phone("mallory", BOB_HZ, password="wrong-horse", expires_s=3600) as mallory:
        await mallory.wait_for_log(TURNED_AWAY)
        assert await cause_of(stage, uri) == "NO_ANSWER"
    assert "wrong-horse" not in stage.server.log_path.read_text()


async def test_a_disabled_endpoint_neither_registers_nor_rings(stage: Stage, office: Office) -> None:
    uri = await office.endpoint("bob", enabled=False)
    async with office.phone("bob", BOB_HZ, expires_s=3600) as bob:
        await bob.wait_for_log("403 Forbidden")
        assert await cause_of(stage, uri) == "NO_ANSWER"


@pytest.mark.parametrize("change", [{"enabled": False}, {"credentials": {"password": "another-horse"}}])
async def test_disabling_and_a_new_password_end_registrations(
    stage: Stage, office: Office, change: dict[str, Any]
) -> None:
    uri = await office.endpoint("bob")
    async with office.phone("bob", BOB_HZ, expires_s=3600) as bob:
        await bob.wait_for_log(REGISTERED)
        assert (await stage.server.post(office.path("bob"), change)).status == 200
        assert await cause_of(stage, uri) == "NO_ANSWER"


@pytest.mark.parametrize("is_whole_domain", [False, True])
async def test_what_is_deleted_can_no_longer_be_called(stage: Stage, office: Office, is_whole_domain: bool) -> None:
    uri = await office.endpoint("bob")
    async with office.phone("bob", BOB_HZ, expires_s=3600) as bob:
        await bob.wait_for_log(REGISTERED)
        path = f"/domains/{office.domain_id}" if is_whole_domain else office.path("bob")
        assert (await stage.server.curl("-X", "DELETE", path)).status == 200
        number = await stage.number()
        made = await stage.server.post("/calls", {"from": number, "to": uri})
        assert (made.status, made.json["code"]) == (403, "invalid-call-to-number")


async def test_a_phone_without_an_application_cannot_call(stage: Stage, office: Office) -> None:
    await office.endpoint("alice")
    async with office.phone("alice", ALICE_HZ) as alice:
        await alice.wait_for_log(REGISTERED)
        await alice.dial(f"sip:{await stage.number()}@{office.name}.sip.localhost")
        assert "480" in (await alice.wait_for("CALL_CLOSED"))["param"]
    (latest, *_) = await stage.server.get("/errors")
    assert latest["code"] == "no-application-for-endpoint"


async def test_a_dialled_number_is_told_as_a_number(stage: Stage, office: Office) -> None:
    uri = await office.endpoint("alice", await application(stage, autoAnswer=False))
    async with office.phone("alice", ALICE_HZ) as alice:
        await alice.wait_for_log(REGISTERED)
        await alice.dial(f"sip:+15550187654@{office.name}.sip.localhost")
        event = await stage.web.wait_for("incomingcall", **{"from": uri})
        assert event["to"] == "+15550187654"
        assert (await stage.update(event["callId"], state="rejected")).status == 200
        await alice.wait_for("CALL_CLOSED")


async def test_a_token_serves_as_password_until_it_is_deleted(stage: Stage, office: Office) -> None:
    await office.endpoint("carol")
    tokens = office.path("carol") + "/tokens"
    token = (await stage.server.post(tokens, {"expires": 600})).json["token"]
    async with office.phone("carol", ALICE_HZ, password=token) as carol:
        await carol.wait_for_log(REGISTERED)
    assert (await stage.server.curl("-X", "DELETE", f"{tokens}/{token}")).status == 200
    async with office.phone("carol", ALICE_HZ, password=token) as carol:
        await carol.wait_for_log(TURNED_AWAY)


async def test_a_registration_expires(stage: Stage, office: Office) -> None:
    uri = await office.endpoint("bob")
    async with office.phone("bob", BOB_HZ, expires_s=3) as bob:
        await bob.wait_for_log(REGISTERED)
    # It died without a word: calls fail at its closed port, until nobody is called there any more. Each takes a media
    # port that rests afterwards, so not more of them are made than the server has ports.
    async with asyncio.timeout(LIMIT_S):
        while await cause_of(stage, uri) != "NO_ANSWER":
            await asyncio.sleep(0.25)


async def test_phones_stay_reachable_over_a_restart(stage: Stage, office: Office) -> None:
    host = stage.server.sip_host
    uri = await office.endpoint("bob")
    async with office.phone("bob", BOB_HZ, expires_s=3600) as bob:
        await bob.wait_for_log(REGISTERED)
        await stage.server.kill()
        stage.server.sip_bind = host
        await stage.server.start()
        call_id = await ring(stage, uri)
        await bob.accept()
        await stage.server.wait_for_state(call_id, "active")
        await bob.hang_up()
        await stage.server.wait_for_state(call_id, "completed")
