"""Transfers between phones that are not ours: the spectrum says who heard whom, SIPp what went over the wire.

Each party has a tone of its own; a whisper from a file has one too. Ringback is 440 and 480 Hz.
"""

import io
import re
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from support.baresip import Baresip
from support.hearing import OTHER, RINGBACK, phase_names, phases
from support.ports import free_port
from support.stage import CALLER, Stage, talk
from trebuchet.testing.tones import hears, is_free_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALICE_HZ, BOB_HZ, WHISPER_HZ = 700.0, 1100.0, 1900.0
TONES = {"alice": ALICE_HZ, "bob": BOB_HZ, "whisper": WHISPER_HZ}
WHISPER_S = 1.0
TRUNK_PORT = free_port()
OUTSIDE = "+15550188888"
"""A number that only the trunk knows."""


@pytest.fixture(scope="module")
def server_arguments() -> tuple[str, ...]:
    return ("--trunk", f"sip:trunkuser:trunksecret@127.0.0.1:{TRUNK_PORT}")


def whisper(format_: str) -> bytes:
    """A tone as stereo file at 44.1 kHz."""
    rate = 44_100
    tone = 0.4 * np.sin(2 * np.pi * WHISPER_HZ / rate * np.arange(int(rate * WHISPER_S)))
    file = io.BytesIO()
    soundfile.write(file, np.stack([tone, tone], axis=1), rate, format=format_)
    return file.getvalue()


def heard(phone: Baresip) -> list[str]:
    return phase_names(phone.heard(), **TONES)


async def answered_call(stage: Stage, alice: Baresip, **more: Any) -> str:
    call_id = await stage.call_from(alice, await stage.number())
    await stage.answer(call_id, **more)
    await alice.wait_for("CALL_ESTABLISHED")
    return call_id


async def states(stage: Stage, *call_ids: str) -> list[str]:
    return [(await stage.server.call(call_id))["state"] for call_id in call_ids]


# --- who hears whom -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", ["WAV", "MP3"])
async def test_who_hears_whom_with_a_whisper_from_a_file(stage: Stage, format_: str) -> None:
    url = stage.web.serve(f"whisper.{format_.lower()}", whisper(format_))
    codecs = (("PCMU",), ("PCMA",)) if format_ == "WAV" else (("PCMA",), ("PCMU",))
    async with (
        stage.phone("alice", ALICE_HZ, codecs=codecs[0]) as alice,
        stage.phone("bob", BOB_HZ, codecs=codecs[1]) as bob,
    ):
        call_id = await answered_call(stage, alice, recordingEnabled="true")
        new_id = await stage.transfer(call_id, bob.uri, whisperAudio={"fileUrl": url}, callbackUrl=stage.web.url)
        assert await states(stage, call_id, new_id) == ["transferring", "started"]
        await bob.wait_for("CALL_INCOMING")
        await talk(alice, seconds=0.8)
        await bob.accept()
        await stage.web.wait_for("answer", callId=new_id)
        await stage.server.wait_for_state(call_id, "active")
        await talk(alice, bob)
        assert await states(stage, call_id, new_id) == ["active", "active"]
        await alice.hang_up()
        await bob.wait_for("CALL_CLOSED")
        recording = await stage.recording(call_id)
    assert heard(alice) == [RINGBACK, "bob"]
    assert heard(bob) == ["whisper", "alice"]
    first, second = phases(bob.heard(), **TONES)
    assert WHISPER_S - 0.3 < first.length_s < WHISPER_S + 0.3
    assert second.length_s > 0.7
    assert is_free_of(alice.heard(), WHISPER_HZ) and is_free_of(alice.heard(), ALICE_HZ)
    assert_mixed(await stage.audio(recording["media"]), len(alice.heard()))


def assert_mixed(recorded: NDArray[np.int16], heard_samples: int) -> None:
    """The recording of the first call: he alone while he waits, then both; as long as his call; never the whisper."""
    assert abs(len(recorded) - heard_samples) < 0.6 * 8000
    start, end = recorded[800:4800], recorded[-4800:-800]
    assert hears(start, ALICE_HZ) and is_free_of(start, BOB_HZ)
    assert hears(end, ALICE_HZ) and hears(end, BOB_HZ)
    assert is_free_of(recorded, WHISPER_HZ)


async def test_a_spoken_whisper_is_for_the_callee_alone(stage: Stage) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice, stage.phone("bob", BOB_HZ) as bob:
        call_id = await answered_call(stage, alice)
        spoken = {"sentence": "Here is a call for the workshop", "gender": "male", "locale": "en", "voice": "Dave"}
        await stage.transfer(call_id, bob.uri, whisperAudio=spoken)
        await bob.accept()
        await stage.server.wait_for_state(call_id, "active")
        await talk(alice, bob)
        await bob.hang_up()
        await alice.wait_for("CALL_CLOSED")
    assert heard(alice) == [RINGBACK, "bob"]
    (*speech, last) = phases(bob.heard(), **TONES)
    assert speech and {phase.name for phase in speech} == {OTHER}
    assert sum(phase.length_s for phase in speech) > 0.6
    assert last.name == "alice" and last.length_s > 0.7


async def test_without_whisper_both_talk_at_once(stage: Stage) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice, stage.phone("bob", BOB_HZ) as bob:
        call_id = await answered_call(stage, alice)
        new_id = await stage.transfer(call_id, bob.uri)
        await bob.accept()
        await stage.server.wait_for_state(call_id, "active")
        await talk(alice, bob, seconds=0.8)
        await bob.hang_up()
        await stage.web.wait_for("hangup", callId=call_id)
    assert heard(bob) == ["alice"]
    assert heard(alice)[-1] == "bob"
    assert await states(stage, call_id, new_id) == ["completed", "completed"]
    assert stage.web.events(new_id) == []
    log = await stage.server.get(f"/calls/{new_id}/events")
    assert [entry["name"] for entry in log] == ["create", "answer", "hangup"]


async def test_recording_can_begin_and_end_while_connected(stage: Stage) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice, stage.phone("bob", BOB_HZ) as bob:
        call_id = await answered_call(stage, alice)
        new_id = await stage.transfer(call_id, bob.uri)
        await bob.accept()
        await stage.server.wait_for_state(call_id, "active")
        await talk(alice, bob, seconds=0.4)
        for each in (call_id, new_id):
            assert (await stage.update(each, recordingEnabled=True)).status == 200
        await talk(alice, bob)
        assert (await stage.update(call_id, recordingEnabled=False)).status == 200
        first = await stage.recording(call_id)
        await stage.update(call_id, state="completed")
        await bob.wait_for("CALL_CLOSED")
        await stage.server.wait_for_state(new_id, "completed")
        second = await finished_recording(stage, new_id)
    for recording in (first, second):
        samples = await stage.audio(recording["media"])
        assert len(samples) > 0.7 * 8000
        middle = samples[len(samples) // 4 : -len(samples) // 4]
        assert hears(middle, ALICE_HZ) and hears(middle, BOB_HZ)


async def finished_recording(stage: Stage, call_id: str) -> dict[str, Any]:
    """The only recording of a call that has no webhook."""
    (recording,) = await stage.server.get(f"/calls/{call_id}/recordings")
    while recording["state"] in ("recording", "saving"):
        recording = await stage.server.get(f"/recordings/{recording['id']}")
    found: dict[str, Any] = recording
    assert found["state"] == "complete"
    return found


# --- the end of it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["caller", "callee", "api on the first call", "api on the new call"])
async def test_either_end_ends_both(stage: Stage, who: str) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice, stage.phone("bob", BOB_HZ) as bob:
        call_id = await answered_call(stage, alice)
        new_id = await stage.transfer(call_id, bob.uri, callbackUrl=stage.web.url)
        await bob.accept()
        await stage.server.wait_for_state(call_id, "active")
        if who == "caller":
            await alice.command("hangup")
        elif who == "callee":
            await bob.command("hangup")
        else:
            ended = await stage.update(call_id if "first" in who else new_id, state="completed")
            assert ended.status == 200
        await alice.wait_for("CALL_CLOSED")
        await bob.wait_for("CALL_CLOSED")
        for each in (call_id, new_id):
            hangup = await stage.web.wait_for("hangup", callId=each)
            assert (hangup["cause"], hangup["callState"]) == ("NORMAL_CLEARING", "completed")
    assert await states(stage, call_id, new_id) == ["completed", "completed"]
    assert stage.web.kinds(new_id) == ["answer", "hangup"]
    assert stage.web.kinds(call_id) == ["incomingcall", "answer", "hangup"]
    first, new = await stage.server.call(call_id), await stage.server.call(new_id)
    assert (new["direction"], new["from"], new["to"]) == ("out", first["from"], bob.uri)
    assert first["transferTo"] == bob.uri


async def test_failed_attempts_give_the_caller_back(stage: Stage) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await answered_call(stage, alice)
        for scenario, cause, state in (
            ("called_refuses_486", "USER_BUSY", "completed"),
            ("called_refuses_603", "CALL_REJECTED", "rejected"),
            ("called_refuses_480", "NO_ANSWER", "completed"),
            ("called_refuses_404", "UNALLOCATED_NUMBER", "completed"),
        ):
            async with stage.sipp(scenario) as callee:
                await callee.start()
                new_id = await stage.transfer(
                    call_id, f"sip:nobody@127.0.0.1:{callee.port}", callbackUrl=stage.web.url, tag="try"
                )
                hangup = await stage.web.wait_for("hangup", callId=new_id)
                await callee.finish()
            assert (hangup["cause"], hangup["tag"]) == (cause, "try")
            assert stage.web.kinds(new_id) == ["hangup"]
            await stage.server.wait_for_state(call_id, "active")
            assert (await stage.server.call(new_id))["state"] == state
        new_id = await cancelled_attempt(stage, call_id)
        async with stage.phone("bob", BOB_HZ) as bob:
            await stage.transfer(call_id, bob.uri)
            await bob.accept()
            await stage.server.wait_for_state(call_id, "active")
            await talk(alice, bob, seconds=0.7)
            await alice.hang_up()
            await bob.wait_for("CALL_CLOSED")
    assert heard(alice)[-1] == "bob"
    assert heard(bob) == ["alice"]


async def cancelled_attempt(stage: Stage, call_id: str) -> str:
    """The application gives up the new call while it rings."""
    async with stage.sipp("called_is_cancelled") as callee:
        await callee.start()
        new_id = await stage.transfer(call_id, f"sip:nobody@127.0.0.1:{callee.port}", callbackUrl=stage.web.url)
        assert (await stage.update(call_id, state="transferring", transferTo=OUTSIDE)).status == 403
        assert (await stage.update(new_id, state="completed")).status == 200
        await callee.finish()
    assert (await stage.web.wait_for("hangup", callId=new_id))["cause"] == "ORIGINATOR_CANCEL"
    await stage.server.wait_for_state(call_id, "active")
    return new_id


@pytest.mark.parametrize("how", ["phone", "api"])
async def test_the_caller_gives_up_while_it_rings(stage: Stage, how: str) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice, stage.sipp("called_is_cancelled") as callee:
        await callee.start()
        call_id = await answered_call(stage, alice)
        new_id = await stage.transfer(call_id, f"sip:nobody@127.0.0.1:{callee.port}", callbackUrl=stage.web.url)
        if how == "phone":
            await alice.command("hangup")
        else:
            assert (await stage.update(call_id, state="completed")).status == 200
        await alice.wait_for("CALL_CLOSED")
        await callee.finish()
        assert (await stage.web.wait_for("hangup", callId=call_id))["cause"] == "NORMAL_CLEARING"
        assert (await stage.web.wait_for("hangup", callId=new_id))["cause"] == "ORIGINATOR_CANCEL"
    assert await states(stage, call_id, new_id) == ["completed", "completed"]


async def test_the_callee_hangs_up_during_the_whisper(stage: Stage) -> None:
    url = stage.web.serve("whisper.wav", whisper("WAV"))
    async with stage.phone("alice", ALICE_HZ) as alice, stage.phone("bob", BOB_HZ) as bob:
        call_id = await answered_call(stage, alice)
        new_id = await stage.transfer(call_id, bob.uri, whisperAudio={"fileUrl": url, "loopEnabled": True})
        await bob.accept()
        await bob.hang_up()
        await stage.server.wait_for_state(new_id, "completed")
        await stage.server.wait_for_state(call_id, "active")
        await alice.hang_up()


# --- what goes over the wire ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["401", "407"])
async def test_a_trunk_that_wants_credentials(stage: Stage, scheme: str) -> None:
    async with (
        stage.phone("alice", ALICE_HZ) as alice,
        stage.sipp(f"called_challenges_{scheme}", TRUNK_PORT) as trunk,
    ):
        await trunk.start()
        call_id = await answered_call(stage, alice)
        new_id = await stage.transfer(call_id, OUTSIDE, callbackUrl=stage.web.url)
        answer = await stage.web.wait_for("answer", callId=new_id)
        assert answer["to"] == OUTSIDE
        await stage.server.wait_for_state(call_id, "active")
        assert (await stage.update(call_id, state="completed")).status == 200
        await trunk.finish()
    first, second = trunk.received("INVITE")
    assert first.startswith(f"INVITE sip:{OUTSIDE}@127.0.0.1:{TRUNK_PORT} SIP/2.0\n")
    assert "uthorization:" not in first and 'username="trunkuser"' in second
    assert len(trunk.received("BYE")) == 1


async def invite_of(stage: Stage, caller_scenario: str, **transfer: Any) -> tuple[str, str]:
    """SIPp calls and is transferred to the trunk with these parameters: the INVITE that the trunk got, and the `from`
    of the new call."""
    number = await stage.number()
    async with stage.sipp(caller_scenario) as caller, stage.sipp("called_stays", TRUNK_PORT) as trunk:
        await trunk.start()
        call_id = await stage.call_from_sipp(caller, number)
        await stage.answer(call_id)
        if transfer.get("transferCallerId") == "mine":
            transfer["transferCallerId"] = number
        new_id = await stage.transfer(call_id, OUTSIDE, callbackUrl=stage.web.url, **transfer)
        await stage.web.wait_for("answer", callId=new_id)
        await stage.server.wait_for_state(call_id, "active")
        assert (await stage.update(new_id, state="completed")).status == 200
        await trunk.finish()
        await caller.finish()
    (invite,) = trunk.received("INVITE")
    shown = str((await stage.server.call(new_id))["from"])
    return invite.replace(number, "MINE"), shown.replace(number, "MINE")


def header(message: str, name: str) -> list[str]:
    return re.findall(rf"^{name}: *(.*?)(?:;tag=.*)?$", message, re.IGNORECASE | re.MULTILINE)


@pytest.mark.parametrize(("wanted", "shown"), [(None, CALLER), (CALLER, CALLER), ("mine", "MINE")])
async def test_the_caller_id_that_is_shown(stage: Stage, wanted: str | None, shown: str) -> None:
    invite, from_ = await invite_of(stage, "caller_stays", transferCallerId=wanted)
    assert from_ == shown
    assert header(invite, "From") == [f"<sip:{shown}@127.0.0.1>"]
    assert header(invite, "P-Asserted-Identity") == [f"<sip:{shown}@127.0.0.1>"]
    assert header(invite, "Privacy") == header(invite, "Diversion") == []


@pytest.mark.parametrize("word", ["private", "Private"])
async def test_a_private_caller_id(stage: Stage, word: str) -> None:
    invite, from_ = await invite_of(stage, "caller_stays", transferCallerId=word)
    assert from_ == "private"
    assert header(invite, "From") == ['"Anonymous" <sip:anonymous@anonymous.invalid>']
    assert header(invite, "Privacy") == ["id"]
    assert header(invite, "P-Asserted-Identity") == [f"<sip:{CALLER}@127.0.0.1>"]


async def test_a_caller_id_of_somebody_else(stage: Stage) -> None:
    async with stage.sipp("caller_stays") as caller:
        call_id = await stage.call_from_sipp(caller, await stage.number())
        await stage.answer(call_id)
        refused = await stage.update(call_id, state="transferring", transferTo=OUTSIDE, transferCallerId="+15559999999")
        assert (refused.status, refused.json["code"]) == (400, "validation-error")
        assert refused.json["message"] == (
            "The callerId '+15559999999' is not allowed. It must be 'private' or a phone number owned by user"
        )
        ignored = await stage.update(call_id, recordingEnabled=False, transferCallerId="+15559999999")
        assert ignored.status == 200
        assert await states(stage, call_id) == ["active"]
        await stage.update(call_id, state="completed")
        await caller.finish()


ENTRY = "<sip:+15551230033@carrier.example>;reason=no-answer;counter=2;limit=5;screen=no;privacy=off;kind=test"


@pytest.mark.parametrize("treatment", [None, "none"])
async def test_a_diversion_is_kept_back(stage: Stage, treatment: str | None) -> None:
    invite, _ = await invite_of(stage, "caller_diverted", diversionTreatment=treatment)
    assert header(invite, "Diversion") == []


async def test_a_diversion_is_propagated(stage: Stage) -> None:
    invite, _ = await invite_of(stage, "caller_diverted", diversionTreatment="propagate")
    assert header(invite, "Diversion") == [ENTRY]


async def test_a_diversion_is_stacked(stage: Stage) -> None:
    invite, _ = await invite_of(
        stage, "caller_diverted", diversionTreatment="stack", diversionReason="follow-me", transferCallerId="mine"
    )
    first, second = header(invite, "Diversion")
    assert first == f"<sip:MINE@{stage.server.sip_host}>;reason=follow-me;counter=1"
    assert second == ENTRY


async def test_a_stack_without_any_diversion_has_one_entry(stage: Stage) -> None:
    invite, _ = await invite_of(stage, "caller_stays", diversionTreatment="stack")
    (entry,) = header(invite, "Diversion")
    assert "reason=unknown" in entry


async def test_an_outgoing_call_is_transferred(stage: Stage) -> None:
    number = await stage.number()
    async with stage.phone("alice", ALICE_HZ) as alice, stage.phone("bob", BOB_HZ) as bob:
        created = await stage.server.post("/calls", {"from": number, "to": alice.uri, "callbackUrl": stage.web.url})
        call_id = created.headers["location"].rsplit("/", 1)[1]
        await alice.accept()
        await stage.server.wait_for_state(call_id, "active")
        foreign = await stage.update(call_id, state="transferring", transferTo=bob.uri, transferCallerId=CALLER)
        assert foreign.status == 400
        new_id = await stage.transfer(call_id, bob.uri, callbackUrl=stage.web.url)
        await bob.accept()
        await stage.server.wait_for_state(call_id, "active")
        await talk(alice, bob, seconds=0.7)
        await bob.hang_up()
        await alice.wait_for("CALL_CLOSED")
        await stage.web.wait_for("hangup", callId=new_id)
    assert heard(bob) == ["alice"] and heard(alice)[-1] == "bob"
    assert (await stage.server.call(new_id))["from"] == number
