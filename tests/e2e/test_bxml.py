"""Calls led by documents: foreign phones hear, press keys and are connected; the application is told what the API says.

Every file and every party has a tone of its own; the application's web server answers by path.
"""

import asyncio
import io
from collections.abc import Mapping
from itertools import count
from typing import Any

import numpy as np
import pytest
import soundfile
from aiohttp import web

from support.baresip import Baresip
from support.hearing import OTHER, RINGBACK, phase_names, phases
from support.stage import Stage, talk
from trebuchet.sim.app import Received
from trebuchet.testing.tones import hears, is_free_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALICE_HZ, BOB_HZ, CAROL_HZ, ONE_HZ, TWO_HZ = 700.0, 1100.0, 1500.0, 1900.0, 2500.0
TONES = {"alice": ALICE_HZ, "bob": BOB_HZ, "carol": CAROL_HZ, "one": ONE_HZ, "two": TWO_HZ}
ENDED_S = 20.0
_serial = count(1)


def music(hz: float, seconds: float = 1.0) -> bytes:
    file = io.BytesIO()
    n = np.arange(int(8000 * seconds))
    soundfile.write(file, 0.4 * np.sin(2 * np.pi * hz / 8000 * n), 8000, format="WAV")
    return file.getvalue()


class Script:
    """The application of one call: documents by the last part of the path they are asked for at. The answer to the
    call's `answer` event is the document `answer`; everything else is answered with a plain 200."""

    def __init__(self, stage: Stage, documents: Mapping[str, str]) -> None:
        self.stage, self.documents = stage, documents
        self.base = f"/bxml{next(_serial)}/"
        self.requests: list[Received] = []
        for name in documents:
            stage.web.reactions[self.base + name] = self._react
        stage.web.reactions[self.base + "answer"] = self._react
        for name in ("gathered", "recorded", "transferred"):
            stage.web.reactions.setdefault(self.base + name, self._react)

    @property
    def url(self) -> str:
        return self.stage.web.url_of(self.base + "answer")

    async def _react(self, received: Received) -> web.StreamResponse | None:
        self.requests.append(received)
        name = received.path.rsplit("/", 1)[1]
        text = self.documents.get(name)
        if text is None or (name == "answer" and received.type != "answer"):
            return None
        return web.Response(text=text, content_type="text/html")

    def told(self, kind: str | None = None) -> list[dict[str, Any]]:
        return [request.data for request in self.requests if kind in (None, request.type)]

    def kinds(self) -> list[str]:
        return [request.type for request in self.requests]

    async def call(self, phone: Baresip) -> str:
        """The phone calls the number of this application; the id of the call, which is up."""
        number = await self.stage.number(incomingCallUrl=self.url, callbackHttpMethod="GET", autoAnswer=True)
        call_id = await self.stage.call_from(phone, number)
        await phone.wait_for("CALL_ESTABLISHED")
        return call_id

    async def wait(self, kind: str, **wanted: Any) -> dict[str, Any]:
        return await self.stage.web.wait_for(kind, **wanted)


async def ended(stage: Stage, phone: Baresip, call_id: str) -> None:
    await phone.wait_for("CALL_CLOSED")
    await stage.web.wait_for("hangup", callId=call_id)


def names(phone: Baresip) -> list[str]:
    return phase_names(phone.heard(), **TONES)


def response(*verbs: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Response>{"".join(verbs)}</Response>'


async def test_play_pause_speak_and_hang_up(stage: Stage) -> None:
    one = stage.web.serve("bxml-one.wav", music(ONE_HZ))
    two = stage.web.serve("bxml-two.wav", music(TWO_HZ, 0.5))
    script = Script(
        stage,
        {
            "answer": response(
                f'<PlayAudio volume="-2">{one}</PlayAudio>',
                '<Pause length="1"/>',
                f'<PlayAudio repeatCount="2">{two}</PlayAudio>',
                '<SpeakSentence voice="kate" gender="female" locale="en_us">Thank you.</SpeakSentence>',
                "<Hangup/>",
            )
        },
    )
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await script.call(alice)
        await ended(stage, alice, call_id)
    first, second, speech, *_ = phases(alice.heard(), **TONES)
    assert (first.name, second.name, speech.name) == ("one", "two", OTHER)
    assert 0.7 < first.length_s < 1.3 and 0.7 < second.length_s < 1.4
    assert second.start_s - first.end_s > 0.6
    assert script.kinds() == ["incomingcall", "answer", "hangup"]  # verbs are not told one by one
    (hangup,) = script.told("hangup")
    assert (hangup["cause"], hangup["callState"]) == ("NORMAL_CLEARING", "completed")
    assert {request.method for request in script.requests} == {"GET"}


async def test_digits_choose_the_next_document(stage: Stage) -> None:
    one = stage.web.serve("bxml-menu.wav", music(ONE_HZ, 10.0))
    two = stage.web.serve("bxml-sales.wav", music(TWO_HZ))
    script = Script(
        stage,
        {
            "answer": response(
                f'<Gather requestUrl="gathered" requestUrlTimeout="5000" terminatingDigits="*" maxDigits="5" '
                f'interDigitTimeout="9" bargeable="true" tag="main"><PlayAudio>{one}</PlayAudio></Gather>'
            ),
            "gathered": response(f"<PlayAudio>{two}</PlayAudio><Hangup/>"),
        },
    )
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await script.call(alice)
        await alice.listen(1.0)
        await alice.press("47*")
        told = await script.wait("gather", callId=call_id)
        await ended(stage, alice, call_id)
    assert told == {
        "eventType": "gather",
        "state": "completed",
        "digits": "47",
        "reason": "terminating-digit",
        "callId": call_id,
        "callUri": f"{stage.server.user_url}/calls/{call_id}",
        "gatherId": told["gatherId"],
        "time": told["time"],
        "tag": "main",
        "terminatingDigit": "*",
    }
    assert names(alice) == ["one", "two"]
    assert phases(alice.heard(), **TONES)[0].length_s < 5.0, "the first key stops the prompt"
    assert script.kinds() == ["incomingcall", "answer", "gather", "hangup"]


async def test_without_digits_the_next_verb_runs_and_a_gather_that_is_not_last_waits_for_nobody(stage: Stage) -> None:
    two = stage.web.serve("bxml-later.wav", music(TWO_HZ, 0.6))
    script = Script(
        stage,
        {
            "answer": response(
                '<Gather requestUrl="gathered" interDigitTimeout="1">'
                "<SpeakSentence>One.</SpeakSentence><SpeakSentence>Two.</SpeakSentence></Gather>",
                '<Gather requestUrl="gathered" maxDigits="1" interDigitTimeout="9"/>',
                f"<PlayAudio>{two}</PlayAudio>",
                "<Hangup/>",
            ),
            "gathered": response("<Hangup/>"),  # must not be followed
        },
    )
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await script.call(alice)
        log = f"/calls/{call_id}/events"
        async with asyncio.timeout(ENDED_S):  # until the first one has failed
            while "gather" not in [entry["name"] for entry in await stage.server.get(log)]:
                await asyncio.sleep(0.05)
        await alice.press("5")
        told = await script.wait("gather", callId=call_id)
        await ended(stage, alice, call_id)
    assert (told["digits"], told["reason"], "terminatingDigit" in told) == ("5", "max-digits", False)
    assert script.kinds().count("gather") == 1
    assert names(alice)[-1] == "two"


async def test_a_prompt_is_repeated_while_nobody_presses_a_key(stage: Stage) -> None:
    one = stage.web.serve("bxml-again.wav", music(ONE_HZ, 0.6))
    gather = f'<PlayAudio repeatCount="3" delayBeforeRepeat="1">{one}</PlayAudio>'
    script = Script(
        stage, {"answer": response(f'<Gather requestUrl="gathered" interDigitTimeout="1">{gather}</Gather><Hangup/>')}
    )
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await script.call(alice)
        await ended(stage, alice, call_id)
    heard = alice.heard()
    blocks = [hears(heard[i : i + 1600], ONE_HZ) for i in range(0, len(heard) - 1600, 1600)]
    starts = sum(now and not before for before, now in zip([False, *blocks], blocks, strict=False))
    assert starts == 3
    assert "gather" not in script.kinds()


async def test_a_redirect_and_its_event(stage: Stage) -> None:
    one = stage.web.serve("bxml-there.wav", music(ONE_HZ, 0.6))
    script = Script(
        stage,
        {
            "answer": response(
                '<Redirect requestUrl="there" requestUrlTimeout="4000"/><SpeakSentence>No</SpeakSentence>'
            ),
            "there": response(f"<PlayAudio>{one}</PlayAudio>", "<Hangup/>"),
        },
    )
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await script.call(alice)
        told = await script.wait("redirect", callId=call_id)
        await ended(stage, alice, call_id)
    arrival = script.told("incomingcall")[0]
    assert told == {
        "eventType": "redirect",
        "callId": call_id,
        "callState": "active",
        "from": arrival["from"],
        "to": arrival["to"],
    }
    assert names(alice) == ["one"]


async def test_keys_are_sent(stage: Stage) -> None:
    script = Script(stage, {"answer": response("<SendDtmf>5,W6</SendDtmf>", "<Hangup/>")})
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await script.call(alice)
        await alice.wait_until(lambda: len(pressed(alice)) >= 2)
        await ended(stage, alice, call_id)
    assert pressed(alice) == ["5", "6"]


def pressed(phone: Baresip) -> list[str]:
    return [event["param"] for event in phone.events if event.get("type") == "CALL_DTMF_START"]


@pytest.mark.parametrize(("ending", "attributes"), [("key", 'terminatingDigits="#" silenceTimeout="60"'),
                                                    ("time", 'maxDuration="2" silenceTimeout="60"')])  # fmt: skip
async def test_a_voicemail(stage: Stage, ending: str, attributes: str) -> None:
    two = stage.web.serve("bxml-kept.wav", music(TWO_HZ, 0.6))
    script = Script(
        stage,
        {
            "answer": response(
                f'<Record requestUrl="recorded" fileFormat="wav" silenceThreshold="100" {attributes}/>',
                f"<PlayAudio>{two}</PlayAudio><Hangup/>",
            )
        },
    )
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await script.call(alice)
        if ending == "key":
            await alice.listen(1.5)
            await alice.press("#")
        told = await script.wait("recording", callId=call_id)
        await ended(stage, alice, call_id)
    assert (told["status"], told["state"]) == ("complete", "complete")
    recording = await stage.server.get(f"/recordings/{told['recordingId']}")
    samples = await stage.audio(recording["media"])
    assert hears(samples, ALICE_HZ) and is_free_of(samples, TWO_HZ)
    if ending == "time":
        assert 1.8 < len(samples) / 8000 < 2.2
    assert names(alice)[-1] == "two"
    assert "recorded" in [request.path.rsplit("/", 1)[1] for request in script.requests]


async def test_silence_ends_a_voicemail(stage: Stage) -> None:
    script = Script(stage, {"answer": response('<Record requestUrl="recorded" silenceTimeout="1"/>', "<Hangup/>")})
    number = await stage.number(incomingCallUrl=script.url, callbackHttpMethod="GET", autoAnswer=True)
    async with stage.sipp("caller_hung_up") as caller:  # it sends no audio at all
        call_id = await stage.call_from_sipp(caller, number)
        await script.wait("recording", callId=call_id, status="complete")
        await script.wait("hangup", callId=call_id)
        await caller.finish()


async def test_a_transfer_with_whisper_recording_and_its_end(stage: Stage) -> None:
    one = stage.web.serve("bxml-whisper.wav", music(ONE_HZ, 0.8))
    async with stage.phone("alice", ALICE_HZ) as alice, stage.phone("bob", BOB_HZ) as bob:
        script = Script(
            stage,
            {
                "answer": response(
                    f'<Transfer transferTo="{bob.uri}" callTimeout="20" requestUrl="transferred" tag="shop" '
                    f'requestUrlTimeout="5000" diversionTreatment="none" diversionReason="away">'
                    f'<PlayAudio>{one}</PlayAudio><SpeakSentence voice="paul">Call from the shop.</SpeakSentence>'
                    f'<Record requestUrl="recorded" multiChannel="true"/></Transfer>',
                    "<SpeakSentence>Never said.</SpeakSentence>",
                )
            },
        )
        call_id = await script.call(alice)
        await bob.accept()
        await bob.listen(4.0)
        await talk(alice, bob, seconds=1.0)
        await bob.hang_up()
        told = await script.wait("transferComplete", callId=call_id)
        await ended(stage, alice, call_id)
        recorded = await script.wait("recording", callId=call_id)
    assert names(alice)[-1] == "bob" and RINGBACK in names(alice)
    assert names(bob)[0] == "one" and names(bob)[-1] == "alice" and OTHER in names(bob)
    assert told["callState"] == "active" and told["to"] == bob.uri
    assert told["from"] == script.told("incomingcall")[0]["from"]
    assert [kind for kind in script.kinds() if kind != "recording"] == [
        "incomingcall", "answer", "transferComplete", "hangup",
    ]  # fmt: skip
    recording = await stage.server.get(f"/recordings/{recorded['recordingId']}")
    media = await stage.server.curl(recording["media"])
    samples, _ = soundfile.read(io.BytesIO(media.body), dtype="int16")
    assert samples.shape[1] == 2, "each party has a channel"
    assert hears(samples[:, 0], ALICE_HZ) and is_free_of(samples[:, 0], BOB_HZ)
    assert hears(samples[:, 1], BOB_HZ) and is_free_of(samples[:, 1], ALICE_HZ)


async def test_the_first_of_several_phones_that_answers(stage: Stage) -> None:
    async with (
        stage.phone("alice", ALICE_HZ) as alice,
        stage.phone("bob", BOB_HZ) as bob,
        stage.phone("carol", CAROL_HZ) as carol,
    ):
        numbers = f"<PhoneNumber>{carol.uri}</PhoneNumber>"
        script = Script(stage, {"answer": response(f'<Transfer transferTo="{bob.uri}">{numbers}</Transfer>')})
        call_id = await script.call(alice)
        await bob.wait_for("CALL_INCOMING")
        await carol.accept()
        await bob.wait_for("CALL_CLOSED")
        await talk(alice, carol)
        await carol.hang_up()
        told = await script.wait("transferComplete", callId=call_id)
        await ended(stage, alice, call_id)
    assert names(alice)[-1] == "carol" and names(carol) == ["alice"]
    assert told["to"] == carol.uri


async def test_when_nobody_answers_the_next_verb_runs(stage: Stage) -> None:
    two = stage.web.serve("bxml-nobody.wav", music(TWO_HZ))
    async with stage.phone("alice", ALICE_HZ) as alice, stage.phone("bob", BOB_HZ) as bob:
        transfer = f'<Transfer transferTo="{bob.uri}" callTimeout="1"/>'
        script = Script(stage, {"answer": response(transfer, f"<PlayAudio>{two}</PlayAudio>", "<Hangup/>")})
        call_id = await script.call(alice)
        await ended(stage, alice, call_id)
        await bob.wait_for("CALL_CLOSED")
    assert names(alice) == [RINGBACK, "two"]
    assert "transferComplete" not in script.kinds()


async def test_an_impossible_destination_ends_the_call(stage: Stage) -> None:
    script = Script(stage, {"answer": response('<Transfer transferTo="nobody"/>')})
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await script.call(alice)
        await ended(stage, alice, call_id)
    assert "bxml-bad-destination" in await codes(stage, call_id)


async def codes(stage: Stage, call_id: str) -> list[str]:
    """Codes of the customer's error list about the call."""
    errors = await stage.server.get("/errors?size=100")
    return [error["code"] for error in errors if call_id in str(error)]


@pytest.mark.parametrize(
    "document",
    [
        "<Response><Hangup>",
        "<Response><Conference/></Response>",
        "<Response><Gather><Record/></Gather></Response>",
        '<!DOCTYPE r [<!ENTITY a "a">]><Response><SpeakSentence>&a;</SpeakSentence></Response>',
        f"<Response>{'<Hangup/>' * 2000}</Response>",
    ],
    ids=["broken", "unknown verb", "wrong nesting", "entities", "too large"],
)
async def test_a_document_that_is_wrong_ends_the_call(stage: Stage, document: str) -> None:
    script = Script(stage, {"answer": document})
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await script.call(alice)
        await ended(stage, alice, call_id)
    assert "bxml-invalid" in await codes(stage, call_id)


async def test_redirects_do_not_go_on_for_ever(stage: Stage) -> None:
    script = Script(
        stage, {"answer": response('<Redirect requestUrl="r"/>'), "r": response('<Redirect requestUrl="r"/>')}
    )
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await script.call(alice)
        await ended(stage, alice, call_id)
    assert script.kinds().count("redirect") == 10
    assert "bxml-too-many-redirects" in await codes(stage, call_id)


async def test_a_web_server_that_fails_is_asked_at_the_fallback_url(stage: Stage) -> None:
    one = stage.web.serve("bxml-fallback.wav", music(ONE_HZ, 0.6))
    script = Script(
        stage,
        {
            "answer": response('<Redirect requestUrl="gone"/>'),
            "help": response(f"<PlayAudio>{one}</PlayAudio><Hangup/>"),
        },
    )

    async def fail(received: Received) -> web.StreamResponse:
        return web.Response(status=500)

    stage.web.reactions[script.base + "gone"] = fail
    fallback = stage.web.url_of(script.base + "help")
    number = await stage.number(
        incomingCallUrl=script.url, callbackHttpMethod="GET", autoAnswer=True, incomingCallFallbackUrl=fallback
    )
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, number)
        await ended(stage, alice, call_id)
    assert names(alice) == ["one"]
    assert "callback-http-failure-status" in await codes(stage, call_id)


async def test_a_web_server_that_is_too_slow_for_the_verb(stage: Stage) -> None:
    script = Script(stage, {"answer": response('<Redirect requestUrl="slow" requestUrlTimeout="300"/>')})

    async def dawdle(received: Received) -> web.StreamResponse | None:
        await asyncio.sleep(5)
        return None

    stage.web.reactions[script.base + "slow"] = dawdle
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await script.call(alice)
        await ended(stage, alice, call_id)
    errors = [error for error in await stage.server.get("/errors?size=100") if call_id in str(error)]
    (error,) = [error for error in errors if error["code"] == "callback-server-timeout"]
    details = {detail["name"]: detail["value"] for detail in error["details"]}
    assert (details["callbackTimeout"], details["callbackEvent"]) == ("300", "redirect")


async def test_a_transcription_is_posted_to_the_verbs_url(stage: Stage) -> None:
    url = stage.web.url_of(f"/bxml-text{next(_serial)}")
    record = f'<Record maxDuration="2" silenceTimeout="60" transcribe="true" transcribeCallbackUrl="{url}"/>'
    script = Script(stage, {"answer": response(record, "<Hangup/>")})
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await script.call(alice)
        await ended(stage, alice, call_id)
        (recording,) = await stage.server.get(f"/calls/{call_id}/recordings")
        request = await stage.web.wait_for_request("transcription", recordingId=recording["id"])
    assert (request.method, stage.web.url_of(request.path)) == ("POST", url)
    assert request.data["state"] == request.data["status"]
    assert "recording" not in script.kinds(), "nobody asked for it"


async def test_an_outgoing_call_with_a_tag(stage: Stage) -> None:
    one = stage.web.serve("bxml-out.wav", music(ONE_HZ, 0.6))
    number = await stage.number()
    script = Script(stage, {"answer": response(f"<PlayAudio>{one}</PlayAudio>", "<Hangup/>")})
    async with stage.phone("alice", ALICE_HZ) as alice:
        created = await stage.server.post(
            "/calls",
            {"from": number, "to": alice.uri, "callbackUrl": script.url, "callbackHttpMethod": "GET", "tag": "order"},
        )
        call_id = created.headers["location"].rsplit("/", 1)[1]
        await alice.accept()
        await ended(stage, alice, call_id)
    assert names(alice) == ["one"]
    assert [(told["eventType"], told["tag"]) for told in script.told()] == [("answer", "order"), ("hangup", "order")]


async def test_hanging_up_in_the_middle_tells_what_was_gathered(stage: Stage) -> None:
    script = Script(stage, {"answer": response('<Gather requestUrl="gathered" interDigitTimeout="60"/>')})
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await script.call(alice)
        await alice.press("12")
        async with asyncio.timeout(ENDED_S):
            while len([e for e in await stage.server.get(f"/calls/{call_id}/events") if e["name"] == "dtmf"]) < 2:
                await asyncio.sleep(0.05)
        await alice.hang_up()
        told = await script.wait("gather", callId=call_id)
        await script.wait("hangup", callId=call_id)
    assert (told["digits"], told["reason"]) == ("12", "hung-up")
    assert "dtmf" not in script.kinds()


async def test_the_api_ends_a_call_that_a_document_leads(stage: Stage) -> None:
    one = stage.web.serve("bxml-long.wav", music(ONE_HZ, 20.0))
    script = Script(stage, {"answer": response(f"<PlayAudio>{one}</PlayAudio>")})
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await script.call(alice)
        await alice.listen(1.0)
        assert (await stage.update(call_id, state="completed")).status == 200
        await ended(stage, alice, call_id)
    assert script.kinds() == ["incomingcall", "answer", "hangup"]


async def test_the_api_takes_a_call_over(stage: Stage) -> None:
    one = stage.web.serve("bxml-led.wav", music(ONE_HZ, 20.0))
    two = stage.web.serve("bxml-taken.wav", music(TWO_HZ, 0.8))
    script = Script(stage, {"answer": response(f"<PlayAudio>{one}</PlayAudio>", "<Hangup/>")})
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await script.call(alice)
        await alice.listen(1.0)
        assert (await stage.server.post(f"/calls/{call_id}/audio", {"fileUrl": two})).status == 200
        await stage.web.wait_for("playback", callId=call_id, status="done")
        assert (await stage.server.call(call_id))["state"] == "active"
        await alice.hang_up()
    assert names(alice) == ["one", "two"]
