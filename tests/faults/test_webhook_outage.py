"""An application that is down while its call ends: told later, also after kill -9, signed, and once more on request."""

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

from support.crash import kill_and_start
from support.server import Server
from support.stage import Stage
from support.webhooks import Webhooks
from trebuchet.sim.app import Received
from trebuchet.sim.phone import Phone

LIMIT_S = 20.0
RETRIES = {"TREBUCHET_WEBHOOKS_RETRY_FIRST_S": "0.3", "TREBUCHET_WEBHOOKS_RETRY_LONGEST_S": "1"}


async def wait_for_delivery(server: Server, call_id: str, event: str, **wanted: Any) -> dict[str, Any]:
    """The newest delivery of such an event, when its fields are as wanted."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            found: list[dict[str, Any]] = await server.get(f"/calls/{call_id}/deliveries")
            for delivery in found:
                if delivery["eventType"] == event and wanted.items() <= delivery.items():
                    return delivery
            await asyncio.sleep(0.05)


async def test_an_application_that_is_down_hears_of_the_end_later(tmp_path: Path) -> None:
    is_down = True

    async def answer(_: Received) -> web.StreamResponse | None:
        return web.Response(status=503) if is_down else None

    async with Webhooks() as hooks, Server(tmp_path / "server", environment=RETRIES) as server:
        hooks.reactions["/down"] = answer
        stage = Stage(server, hooks, tmp_path)
        number = await stage.number(incomingCallUrl=hooks.url_of("/down"))
        async with await Phone.open("bob") as bob:
            call = await bob.call(server.sip_uri(number))
            call_id = (await hooks.wait_for("incomingcall", to=number))["callId"]
            await stage.answer(call_id)
            await call.wait_answered()
            assert (await stage.update(call_id, state="completed")).status == 200
        hangup = await wait_for_delivery(server, call_id, "hangup", state="waiting")
        assert [attempt["statusCode"] for attempt in hangup["attempts"]][:1] == [503]
        await wait_for_delivery(server, call_id, "answer", state="failed")  # nobody needs it when the call is over

        await kill_and_start(server)
        is_down = False
        hangup = await wait_for_delivery(server, call_id, "hangup", state="delivered")
        codes = [attempt["statusCode"] for attempt in hangup["attempts"]]
        assert codes == [503] * (len(codes) - 1) + [200]
        last = hooks.requests(callId=call_id, eventType="hangup")[-1]
        secret = (await server.get("/webhookSecret"))["secret"]
        assert Webhook(secret).verify(last.body, dict(last.headers)) == last.data
        assert last.headers["webhook-id"] == hangup["eventId"]
        assert int(last.headers["Trebuchet-Sequence"]) == hangup["sequence"]

        await check_redelivery(server, hooks, call_id, hangup["eventId"], last)


async def check_redelivery(server: Server, hooks: Webhooks, call_id: str, event_id: str, last: Received) -> None:
    """Asked for, the event comes again, signed with the new secret and the former one."""
    before = len(hooks.requests(callId=call_id, eventType="hangup"))
    former = (await server.get("/webhookSecret"))["secret"]
    assert (await server.curl("-X", "POST", "/webhookSecret")).status == 200
    answer = await server.curl("-X", "POST", f"/calls/{call_id}/deliveries/{event_id}")
    assert answer.status == 200, answer
    again = await hooks.wait_for_request("hangup", number=before + 1, callId=call_id)
    assert again.body == last.body
    present = (await server.get("/webhookSecret"))["secret"]
    assert present != former
    for secret in (present, former):
        Webhook(secret).verify(again.body, dict(again.headers))
    await wait_for_delivery(server, call_id, "hangup", state="delivered")
