"""bandwidth-sdk 3.1.0, unmodified, controls live calls."""

import pytest
from bandwidth.account import BandwidthAccountAPIException
from bandwidth.voice import BandwidthVoiceAPIException

from support.hearing import OTHER, music, phase_names, phases
from support.python_client import PythonClient
from support.stage import CALLER, Stage, talk

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALICE_HZ, BOB_HZ, ONE_HZ = 700.0, 1100.0, 1900.0
TONES = {"alice": ALICE_HZ, "bob": BOB_HZ}


@pytest.fixture(scope="module")
def voice(stage: Stage) -> PythonClient:
    return PythonClient("voice", stage.server.http)


@pytest.fixture(scope="module")
def account(stage: Stage) -> PythonClient:
    return PythonClient("account", stage.server.http)


async def test_answer_get_and_hangup(stage: Stage, voice: PythonClient) -> None:
    number = await stage.number()
    async with stage.sipp("caller_stays") as caller:
        call_id = await stage.call_from_sipp(caller, number)
        await voice.answer_call(call_id)
        call = await voice.get_call(call_id)
        assert (call["state"], call["from"], call["to"]) == ("active", CALLER, number)
        assert call["recording_enabled"] is False
        await voice.hangup_call(call_id)
        await caller.finish()
    assert (await voice.get_call(call_id))["state"] == "completed"


async def test_reject(stage: Stage, voice: PythonClient) -> None:
    async with stage.sipp("caller_refused_603") as caller:
        call_id = await stage.call_from_sipp(caller, await stage.number())
        await voice.reject_call(call_id)
        await caller.finish()
    assert (await voice.get_call(call_id))["state"] == "rejected"


async def test_recordings_switched_in_every_way(stage: Stage, voice: PythonClient, account: PythonClient) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await alice.wait_for("CALL_ESTABLISHED")
        await voice.enable_call_recording(call_id)
        await talk(alice, seconds=0.6)
        await voice.disable_call_recording(call_id)
        await voice.toggle_call_recording(call_id)
        assert (await voice.get_call(call_id))["recording_enabled"] is True
        await talk(alice, seconds=0.6)
        await voice.toggle_call_recording(call_id)
        assert (await voice.get_call(call_id))["recording_enabled"] is False
        await voice.update_call(call_id, recording_file_format="mp3", recording_enabled=True)
        await talk(alice, seconds=0.6)
        await voice.hangup_call(call_id)
    await stage.recording(call_id, 3)
    listed = await voice.list_call_recordings(call_id)
    recordings = [await voice.get_recording(each["id"]) for each in listed]
    assert [each["media_name"] for each in recordings] == [f"{call_id}-1.wav", f"{call_id}-2.wav", f"{call_id}-3.mp3"]
    for recording in recordings:
        assert recording["state"] == "complete"
        assert recording in await voice.list_recordings(size=2)
        assert phase_names(await stage.audio(recording["media"]), **TONES) == ["alice"]
        content, content_type = await account.download_media_file(recording["media_name"])
        assert content_type == ("audio/mpeg" if recording["media_name"].endswith("mp3") else "audio/wav")
        assert content.read() == (await stage.server.curl(recording["media"])).body
        content.close()


async def test_transfer_with_a_whisper(stage: Stage, voice: PythonClient) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice, stage.phone("bob", BOB_HZ) as bob:
        number = await stage.number(autoAnswer=True)
        call_id = await stage.call_from(alice, number)
        await stage.web.wait_for("answer", callId=call_id)
        new_id = await voice.transfer_call(
            call_id, bob.uri, caller_id=number, whisper_audio={"sentence": "A call for you"}, callback_url=stage.web.url
        )
        assert (await voice.get_call(new_id))["from"] == number
        await bob.accept()
        await stage.server.wait_for_state(call_id, "active")
        await talk(alice, bob, seconds=0.7)
        await voice.hangup_call(call_id)
        await alice.wait_for("CALL_CLOSED")
        await bob.wait_for("CALL_CLOSED")
    assert {phase.name for phase in phases(bob.heard(), **TONES)[:-1]} == {OTHER}
    assert phase_names(bob.heard(), **TONES)[-1] == "alice"
    assert phase_names(alice.heard(), **TONES)[-1] == "bob"
    await stage.web.wait_for("hangup", callId=new_id)
    assert stage.web.kinds(new_id) == ["answer", "hangup"]


async def test_audio(stage: Stage, voice: PythonClient) -> None:
    url = stage.web.serve("one.wav", music(ONE_HZ, 20.0))
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await alice.wait_for("CALL_ESTABLISHED")
        await voice.speak_sentence_to_call(call_id, "Hello from the workshop", tag="greeting")
        await stage.web.wait_for("speak", callId=call_id, status="started", tag="greeting")
        await voice.play_audio_file_to_call(call_id, url, tag="music")
        await stage.web.wait_for("speak", callId=call_id, status="done", tag="greeting")
        await stage.web.wait_for("playback", callId=call_id, status="started", tag="music")
        await talk(alice, seconds=0.7)
        await voice.play_audio_to_call(call_id, file_url="")
        await stage.web.wait_for("playback", callId=call_id, status="done", tag="music")
        with pytest.raises(BandwidthVoiceAPIException) as refused:
            await voice.play_audio_to_call(call_id, sentence="")
        assert (refused.value.status_code, refused.value.code) == (403, "call-audio-invalid-state")
        with pytest.raises(BandwidthVoiceAPIException) as refused:
            await voice.play_audio_to_call(call_id)
        assert (refused.value.status_code, refused.value.code) == (400, "missing-property")
        await voice.play_audio_to_call(call_id, sentence="Ciao", locale="it_IT", gender="male", loop_enabled=True)
        await stage.web.wait_for("speak", number=2, callId=call_id, status="started")
        await voice.hangup_call(call_id)
        await stage.web.wait_for("hangup", callId=call_id)
    assert "one" in phase_names(alice.heard(), one=ONE_HZ)
    assert stage.web.kinds(call_id)[-2:] == ["speak", "hangup"]


async def test_digits_both_ways(stage: Stage, voice: PythonClient) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await alice.wait_for("CALL_ESTABLISHED")
        await voice.send_dtmf_to_call(call_id, 12)
        await alice.wait_until(lambda: alice.keys() == "12")
        gather_id = await voice.create_call_gather(
            call_id, max_digits=5, inter_digit_timeout=7, terminating_digits="*", tag="pin",
            prompt={"sentence": "Please enter your code"},
        )  # fmt: skip
        assert (await voice.get_call_gather(call_id, gather_id))["state"] == "started"
        await alice.press("47*")
        await stage.web.wait_for("gather", gatherId=gather_id, digits="47", tag="pin")
        done = await voice.get_call_gather(call_id, gather_id)
        assert (done["state"], done["reason"], done["digits"]) == ("completed", "terminating-digit", "47")
        second = await voice.create_call_gather(call_id)
        await voice.update_call_gather(call_id, second, "completed")
        assert (await voice.get_call_gather(call_id, second))["reason"] == "cancelled"
        await alice.hang_up()


async def test_create_list_and_events(stage: Stage, voice: PythonClient) -> None:
    number = await stage.number()
    async with stage.phone("bob", BOB_HZ) as bob:
        call_id = await voice.create_call(
            number, bob.uri, call_timeout=30, callback_url=stage.web.url, callback_timeout=2000,
            callback_http_method="POST", fallback_url=stage.web.url_of("/fallback"), recording_enabled=True,
            recording_file_format="mp3", recording_max_duration=60, tag="mine", sip_headers={"X-Order": "4711"},
        )  # fmt: skip
        await bob.accept()
        await stage.web.wait_for("answer", callId=call_id, tag="mine")
        await bob.hang_up()
        await stage.web.wait_for("hangup", callId=call_id)
    call = await voice.get_call(call_id)
    assert (call["state"], call["direction"], call["chargeable_duration"]) == ("completed", "out", 60)
    assert (call["recording_file_format"], call["recording_max_duration"]) == ("mp3", 60)
    assert (await stage.recording(call_id))["media"].endswith(f"/{call_id}-1.mp3")
    assert [each["id"] for each in await voice.list_calls(from_=number)] == [call_id]
    everything = await voice.list_calls(size=2, sort_order="asc")
    assert call_id in [each["id"] for each in everything]
    assert len({each["id"] for each in everything}) == len(everything) > 2
    events = await voice.list_call_events(call_id)
    assert [event["name"] for event in events] == ["create", "answer", "hangup", "recording"]
    assert (await voice.get_call_event(call_id, events[0]["id"]))["name"] == "create"


async def test_applications_and_numbers(stage: Stage, account: PythonClient) -> None:
    made = await account.create_application(
        "from python", incoming_call_url=stage.web.url, callback_http_method="POST", auto_answer=True
    )
    application = await account.get_application(made)
    assert (application["name"], application["auto_answer"]) == ("from python", True)
    await account.update_application(made, name="renamed")
    application = await account.get_application(made)
    assert (application["name"], application["incoming_call_url"]) == ("renamed", stage.web.url)
    assert made in [each["id"] for each in await account.list_applications(size=1)]
    wanted = {
        "name": "every key", "incoming_call_url": stage.web.url, "incoming_call_url_callback_timeout": 2000,
        "incoming_call_fallback_url": stage.web.url_of("/fallback"), "incoming_message_url": stage.web.url_of("/texts"),
        "incoming_message_url_callback_timeout": 3000, "callback_http_method": "get", "auto_answer": False,
        "incoming_message_fallback_url": stage.web.url_of("/texts/fallback"),
    }  # fmt: skip
    other = await account.create_application(**wanted)
    assert wanted.items() <= (await account.get_application(other)).items()
    number = "+15550134001"
    number_id = await account.order_phone_number(
        number, name="desk", application_id=other, fallback_number="+15550134002"
    )
    ordered = await account.get_phone_number(number_id)
    assert (ordered["number"], ordered["application_id"]) == (number, other)
    assert ordered["fallback_number"] == "+15550134002"
    await account.update_phone_number(number_id, name="other desk", application_id=made, fallback_number="+15550134003")
    assert (await account.get_phone_number(number_id))["fallback_number"] == "+15550134003"
    (listed,) = await account.list_phone_numbers(application_id=made)
    assert (listed["id"], listed["name"], listed["application_id"]) == (number_id, "other desk", made)
    async with stage.sipp("caller_stays") as caller:
        call_id = await stage.call_from_sipp(caller, number)
        await stage.web.wait_for("answer", callId=call_id)
        assert (await stage.update(call_id, state="completed")).status == 200
        await caller.finish()
    await account.delete_phone_number(number_id)
    assert await account.list_phone_numbers(application_id=made) == []
    await account.delete_application(made)
    with pytest.raises(BandwidthAccountAPIException) as gone:
        await account.get_application(made)
    assert (gone.value.status_code, gone.value.code) == (404, "application-not-found")


async def test_account_and_errors(stage: Stage, voice: PythonClient, account: PythonClient) -> None:
    shown = await account.get_account()
    assert shown["account_type"] == "pre-pay" and isinstance(shown["balance"], str)
    with pytest.raises(BandwidthVoiceAPIException) as refused:
        await voice.hangup_call("c-nope")
    assert (refused.value.status_code, refused.value.code) == (404, "call-not-found")
    assert refused.value.message == "The call 'c-nope' could not be found"
    with pytest.raises(BandwidthVoiceAPIException):
        await voice.hangup_call("c-nope")
    newest, before, *_ = await account.list_errors(size=1)
    assert newest["id"] != before["id"], "page after page"
    assert newest["code"] == "call-not-found"
    assert (await account.get_error(newest["id"]))["message"] == refused.value.message


async def test_refusals_on_a_live_call(stage: Stage, voice: PythonClient) -> None:
    async with stage.sipp("caller_stays") as caller:
        call_id = await stage.call_from_sipp(caller, await stage.number())
        stranger = PythonClient("voice", stage.server.http, secret="wrong")
        for attempt, status, code in (
            (stranger.answer_call(call_id), 401, "access-denied"),
            (voice.transfer_call(call_id, "+15550177777"), 403, "invalid-call-to-number"),
            (voice.transfer_call(call_id, "sip:bob@127.0.0.1"), 403, "call-invalid-state"),
            (voice.update_call(call_id, state="transferring"), 400, "missing-property"),
        ):
            with pytest.raises(BandwidthVoiceAPIException) as refused:
                await attempt
            assert (refused.value.status_code, refused.value.code) == (status, code)
        assert (await voice.get_call(call_id))["state"] == "started"
        await voice.answer_call(call_id)
        await voice.hangup_call(call_id)
        await caller.finish()
