"""node-bandwidth 3.0.3 and 4.0.0, unmodified, control live calls. Each effect is looked at from the other side."""

import base64
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from support.hearing import music, phase_names
from support.node_client import VERSIONS, NodeClient, SdkError
from support.stage import CALLER, Stage, talk

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALICE_HZ, BOB_HZ, ONE_HZ = 700.0, 1100.0, 1900.0


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=VERSIONS)
async def sdk(stage: Stage, request: pytest.FixtureRequest) -> AsyncIterator[NodeClient]:
    async with NodeClient(stage.server.http, request.param) as client:
        yield client


async def test_answer_get_and_hangup(stage: Stage, sdk: NodeClient) -> None:
    number = await stage.number()
    async with stage.sipp("caller_stays") as caller:
        call_id = await stage.call_from_sipp(caller, number)
        assert (await sdk("Call.get", call_id))["state"] == "started"
        assert await sdk("Call.answer", call_id) is None
        call = await sdk("Call.get", call_id)
        assert call == await stage.server.call(call_id)
        assert (call["state"], call["from"], call["to"]) == ("active", CALLER, number)
        await sdk("Call.hangup", call_id)
        await caller.finish()
    assert (await sdk("Call.get", call_id))["state"] == "completed"


async def test_reject(stage: Stage, sdk: NodeClient) -> None:
    async with stage.sipp("caller_refused_603") as caller:
        call_id = await stage.call_from_sipp(caller, await stage.number())
        await sdk("Call.reject", call_id)
        await caller.finish()
    assert (await sdk("Call.get", call_id))["state"] == "rejected"


async def test_recording_and_its_download(stage: Stage, sdk: NodeClient) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await alice.wait_for("CALL_ESTABLISHED")
        await sdk("Call.setMaxRecordingDuration", call_id, 30)
        await sdk("Call.enableRecording", call_id)
        assert (await sdk("Call.get", call_id))["recordingEnabled"] is True
        with pytest.raises(SdkError, match="Call recording is been executed already!") as refused:
            await sdk("Call.enableRecording", call_id)
        assert refused.value.status == 409
        await talk(alice, seconds=0.8)
        await sdk("Call.disableRecording", call_id)
        call = await sdk("Call.get", call_id)
        assert (call["recordingEnabled"], call["recordingMaxDuration"]) == (False, 30)
        await stage.web.wait_for("recording", callId=call_id)
        await sdk("Call.update", call_id, {"recordingFileFormat": "mp3", "recordingEnabled": True})
        await talk(alice, seconds=0.5)
        await sdk("Call.hangup", call_id)
        await alice.wait_for("CALL_CLOSED")
    await stage.recording(call_id, 2)
    wav, mp3 = await sdk("Call.getRecordings", call_id)
    assert await sdk("Recording.get", wav["id"]) == wav
    assert {wav["id"], mp3["id"]} <= {each["id"] for each in await sdk("Recording.list", {"size": 1000})}
    for recording, content_type in ((wav, "audio/wav"), (mp3, "audio/mpeg")):
        name = recording["media"].rsplit("/", 1)[1]
        media = await sdk("Media.download", name, None)
        assert media["contentType"] == content_type
        assert base64.b64decode(media["base64"]) == (await stage.server.curl(recording["media"])).body
        samples = await stage.audio(recording["media"])
        assert phase_names(samples, alice=ALICE_HZ) == ["alice"]


async def test_transfer(stage: Stage, sdk: NodeClient) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice, stage.phone("bob", BOB_HZ) as bob:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await stage.web.wait_for("answer", callId=call_id)
        wanted = {"transferTo": bob.uri, "callbackUrl": stage.web.url, "transferCallerId": "private"}
        new = await sdk("Call.transfer", call_id, wanted)
        assert (await sdk("Call.get", new["id"]))["from"] == "private"
        await bob.accept()
        await stage.server.wait_for_state(call_id, "active")
        await talk(alice, bob, seconds=0.7)
        await sdk("Call.hangup", new["id"])
        await alice.wait_for("CALL_CLOSED")
        await bob.wait_for("CALL_CLOSED")
    assert phase_names(bob.heard(), alice=ALICE_HZ, bob=BOB_HZ) == ["alice"]
    assert phase_names(alice.heard(), alice=ALICE_HZ, bob=BOB_HZ)[-1] == "bob"
    assert stage.web.kinds(new["id"]) == ["answer", "hangup"]


async def test_audio(stage: Stage, sdk: NodeClient) -> None:
    url = stage.web.serve("one.wav", music(ONE_HZ, 20.0))
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await alice.wait_for("CALL_ESTABLISHED")
        await sdk("Call.speakSentence", call_id, "Hello from the workshop")
        await stage.web.wait_for("speak", callId=call_id, status="started")
        await sdk("Call.stopSpeaking", call_id)
        await stage.web.wait_for("speak", callId=call_id, status="done")
        await sdk("Call.playAudioFile", call_id, url)
        await talk(alice, seconds=0.7)
        await sdk("Call.stopAudioFilePlayback", call_id)
        await stage.web.wait_for("playback", callId=call_id, status="done")
        with pytest.raises(SdkError, match="The audio has already finished or does not exist") as refused:
            await sdk("Call.stopAudioFilePlayback", call_id)
        assert refused.value.status == 403
        advanced = {"sentence": "hola de Bandwidth", "gender": "male", "locale": "es", "voice": "Jorge", "tag": "es"}
        await sdk("Call.playAudioAdvanced", call_id, advanced | {"loopEnabled": True})
        await stage.web.wait_for("speak", callId=call_id, status="started", tag="es")
        await sdk("Call.hangup", call_id)
        await stage.web.wait_for("hangup", callId=call_id)
    assert "one" in phase_names(alice.heard(), one=ONE_HZ)
    assert stage.web.kinds(call_id)[-2:] == ["speak", "hangup"]


async def test_digits_both_ways(stage: Stage, sdk: NodeClient) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await alice.wait_for("CALL_ESTABLISHED")
        await sdk("Call.sendDtmf", call_id, "1w9#")
        await alice.wait_until(lambda: alice.keys() == "19#")
        options = {"maxDigits": "5", "terminatingDigits": "*", "interDigitTimeout": "7", "tag": "pin"}
        gather = await sdk("Call.createGather", call_id, options | {"prompt": {"sentence": "Please enter your code"}})
        assert (await sdk("Call.getGather", call_id, gather["id"]))["state"] == "started"
        await alice.press("47*")
        await stage.web.wait_for("gather", gatherId=gather["id"], digits="47", tag="pin")
        done = await sdk("Call.getGather", call_id, gather["id"])
        assert (done["state"], done["reason"], done["digits"]) == ("completed", "terminating-digit", "47")
        second = await sdk("Call.createGather", call_id, {})
        await sdk("Call.completeGather", call_id, second["id"])
        assert (await sdk("Call.getGather", call_id, second["id"]))["reason"] == "cancelled"
        await alice.hang_up()


async def test_create_list_and_events(stage: Stage, sdk: NodeClient) -> None:
    number = await stage.number()
    async with stage.phone("bob", BOB_HZ) as bob:
        wanted = {"from": number, "to": bob.uri, "callbackUrl": stage.web.url, "tag": "mine", "callTimeout": 30}
        created = await sdk("Call.create", wanted)
        await bob.accept()
        await stage.web.wait_for("answer", callId=created["id"], tag="mine")
        await bob.hang_up()
        await stage.web.wait_for("hangup", callId=created["id"])
    (listed,) = await sdk("Call.list", {"from": number, "size": 10, "sortOrder": "asc"})
    assert (listed["id"], listed["state"], listed["tag"]) == (created["id"], "completed", "mine")
    events = await sdk("Call.getEvents", created["id"])
    assert [event["name"] for event in events] == ["create", "answer", "hangup"]
    assert await sdk("Call.getEvent", created["id"], events[-1]["id"]) == events[-1]
    assert events[-1]["data"] == "NORMAL_CLEARING"


async def test_applications(stage: Stage, sdk: NodeClient) -> None:
    wanted = {"name": "from node", "incomingCallUrl": stage.web.url, "autoAnswer": False, "callbackHttpMethod": "POST"}
    made = [(await sdk("Application.create", wanted | {"name": f"node {n}"}))["id"] for n in range(30)]
    listed = await sdk("Application.list", {"size": 7})
    assert set(made) <= {application["id"] for application in listed}
    assert len({application["id"] for application in listed}) == len(listed)
    one = await sdk("Application.get", made[0])
    assert (one["name"], one["autoAnswer"], one["callbackHttpMethod"]) == ("node 0", False, "post")
    await sdk("Application.update", made[0], {"name": "renamed", "autoAnswer": True})
    one = await sdk("Application.get", made[0])
    assert (one["name"], one["autoAnswer"], one["incomingCallUrl"]) == ("renamed", True, stage.web.url)
    for application_id in made:
        await sdk("Application.delete", application_id)
    with pytest.raises(SdkError, match=f"The application '{made[0]}' could not be found") as gone:
        await sdk("Application.get", made[0])
    assert gone.value.status == 404


async def test_a_number_made_by_the_client_leads_to_its_application(stage: Stage, sdk: NodeClient) -> None:
    number = f"+1555013{stage.next_serial():04}"
    application = await sdk(
        "Application.create", {"name": "numbers", "incomingCallUrl": stage.web.url, "autoAnswer": True}
    )
    made = await sdk("PhoneNumber.create", {"number": number, "applicationId": application["id"], "name": "front desk"})
    by_id, by_number = await sdk("PhoneNumber.get", made["id"]), await sdk("PhoneNumber.get", number)
    assert by_id == by_number
    assert (by_id["number"], by_id["name"], by_id["numberState"]) == (number, "front desk", "enabled")
    listed = await sdk("PhoneNumber.list", {"applicationId": application["id"], "size": 1})
    assert [each["id"] for each in listed] == [made["id"]]
    async with stage.sipp("caller_stays") as caller:
        call_id = await stage.call_from_sipp(caller, number)
        await stage.web.wait_for("answer", callId=call_id)
        await sdk("Call.hangup", call_id)
        await caller.finish()
    await sdk("PhoneNumber.update", number, {"name": "back desk"})
    assert (await sdk("PhoneNumber.get", number))["name"] == "back desk"
    await sdk("PhoneNumber.delete", made["id"])
    assert await sdk("PhoneNumber.list", {"applicationId": application["id"]}) == []


async def test_account_and_errors(stage: Stage, sdk: NodeClient) -> None:
    account = await sdk("Account.get")
    assert account == await stage.server.get("/account")
    assert isinstance(account["balance"], str) and account["accountType"] == "pre-pay"
    for method in ("answer", "reject", "hangup", "get", "enableRecording", "getEvents", "getRecordings"):
        with pytest.raises(SdkError) as refused:
            await sdk(f"Call.{method}", "c-nope")
        assert (refused.value.name, refused.value.status) == ("UnexpectedResponseError", 404)
        assert refused.value.message == "The call 'c-nope' could not be found"
    (first, second, _, fourth, *_) = await sdk("Error.list", {"size": 3})
    assert (first["code"], first["category"]) == ("call-not-found", "not-found")
    assert second["id"] not in (first["id"], fourth["id"]), "page after page"
    assert await sdk("Error.get", first["id"]) == first


@pytest.mark.parametrize("version", VERSIONS)
async def test_wrong_credentials(stage: Stage, version: str) -> None:
    client = NodeClient(stage.server.http, version)
    client.configuration["apiSecret"] = "wrong"
    async with client, stage.sipp("caller_stays") as caller:
        call_id = await stage.call_from_sipp(caller, await stage.number())
        with pytest.raises(SdkError, match="sufficient permissions") as refused:
            await client("Call.answer", call_id)
        assert refused.value.status == 401
        assert (await stage.server.call(call_id))["state"] == "started"
        await stage.answer(call_id)
        assert (await stage.update(call_id, state="completed")).status == 200
        await caller.finish()
