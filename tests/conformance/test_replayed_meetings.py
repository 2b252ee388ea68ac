"""Bridges and conferences as the Ruby, Java and C# clients ask for them; each effect is heard on the phones."""

from functools import partial
from typing import Any

import pytest

from support.hearing import music
from support.meeting import (
    LONG_SENTENCE,
    Person,
    everybody_but,
    is_calm,
    people,
    until_hears,
    until_left_alone,
    until_spoken_to,
)
from support.replays import Replay
from support.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

MUSIC_HZ = 3050.0
SILENCE: list[set[int]] = [set(), set()]


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [each["id"] for each in found]


def url_of_music(stage: Stage) -> str:
    return stage.web.serve("replayed.wav", music(MUSIC_HZ, 0.5))


async def until_music(*persons: Person) -> None:
    for person in persons:
        await person.call.wait_for_tone(MUSIC_HZ)


async def test_bridges(stage: Stage, replay: Replay) -> None:
    async with people(stage, 2) as persons:
        calls = [person.call_id for person in persons]
        bridge_id = await replay.new("create a bridge", {"bridgeAudio": True, "callIds": calls})
        await until_hears(persons, everybody_but(2))
        bridge = await replay("get a bridge", bridge_id)
        assert (bridge["state"], bridge["bridgeAudio"], bridge["callIds"]) == ("active", True, calls)
        assert ids(await replay("list bridges"))[0] == bridge_id
        listed = await replay("list calls of a bridge", bridge_id)
        assert {(call["id"], call["bridgeId"]) for call in listed} == {(call_id, bridge_id) for call_id in calls}
        assert set(ids(await replay("list calls", {"bridgeId": bridge_id}))) == set(calls)
        await replay("update a bridge", bridge_id, {"callIds": calls[:1]})
        await until_hears(persons, SILENCE)
        await replay("update a bridge", bridge_id, {"bridgeAudio": True, "callIds": calls})
        await until_hears(persons, everybody_but(2))
        await replay("update a bridge", bridge_id, {"bridgeAudio": False})
        is_off = replay.name != "c#"  # which leaves the key out, so that nothing changes
        assert (await replay("get a bridge", bridge_id))["state"] == ("hold" if is_off else "active")
        await until_hears(persons, SILENCE if is_off else everybody_but(2))
        await replay("update a bridge", bridge_id, {"callIds": []})
        bridge = await replay("get a bridge", bridge_id)
        assert (bridge["state"], "completedTime" in bridge) == ("completed", True)
        refused = await replay("update a bridge", bridge_id, {"callIds": calls}, status=400)
        assert refused["code"] == "bridge-invalid-state"


async def test_audio_in_bridges(stage: Stage, replay: Replay, java: Replay, csharp: Replay) -> None:
    url = url_of_music(stage)
    async with people(stage, 2) as persons:
        bridge_id = await replay.new("create a bridge", {"callIds": [person.call_id for person in persons]})
        await until_hears(persons, everybody_but(2))
        await replay("play audio to a bridge", bridge_id, {"sentence": LONG_SENTENCE, "voice": "kate"})
        await until_spoken_to(*persons)
        await replay("play audio to a bridge", bridge_id, {"sentence": ""})
        await until_left_alone(*persons)
        await replay("play audio to a bridge", bridge_id, {"fileUrl": url, "loopEnabled": True})
        await until_music(*persons)
        await java("stop a file of a bridge", bridge_id)
        await until_left_alone(*persons)
        await csharp("say to a bridge", bridge_id, {"sentence": LONG_SENTENCE})
        await until_spoken_to(*persons)
        await java("stop a sentence of a bridge", bridge_id)
        await until_left_alone(*persons)
        await csharp("play a file to a bridge", bridge_id, {"fileUrl": url})
        await until_music(*persons)


async def test_conferences(stage: Stage, replay: Replay) -> None:
    wanted = {
        "from": await stage.number(),
        "callbackUrl": stage.web.url,
        "callbackHttpMethod": "post",
        "fallbackUrl": stage.web.url_of("/fallback"),
        "profile": "passthru_digits",
        "tag": "weekly",
    }
    async with people(stage, 2) as persons:
        conference_id = await replay.new("create a conference", wanted | {"callbackTimeout": 2000})
        told = partial(stage.web.wait_for, conferenceId=conference_id)
        assert (await told("conference", status="created"))["tag"] == "weekly"
        conference = await replay("get a conference", conference_id)
        assert conference["state"] == "created" and conference["callbackTimeout"] == 2000
        assert wanted.items() <= conference.items()
        for person in persons:
            await stage.server.post(f"/conferences/{conference_id}/members", {"callId": person.call_id})
        await until_hears(persons, everybody_but(2))
        conference = await replay("get a conference", conference_id)
        assert (conference["state"], conference["activeMembers"]) == ("active", 2)
        members = await replay("list members", conference_id)
        assert [each["call"].rsplit("/", 1)[1] for each in members] == [person.call_id for person in persons]
        await replay("mute a conference", conference_id)
        await until_hears(persons, SILENCE)
        assert (await replay("get a conference", conference_id))["mute"] is True
        await replay("play audio to a conference", conference_id, {"sentence": LONG_SENTENCE, "tag": "hello"})
        await told("conference-speak", status="started", tag="hello")
        await until_spoken_to(*persons)
        await replay("play audio to a conference", conference_id, {"sentence": ""})
        await told("conference-speak", status="done", tag="hello")
        await until_left_alone(*persons)
        await replay("play audio to a conference", conference_id, {"fileUrl": url_of_music(stage), "loopEnabled": True})
        await until_music(*persons)
        await told("conference-playback", status="started")
        await replay("end a conference", conference_id)
        for person in persons:
            await person.call.wait_ended()
        assert (await replay("get a conference", conference_id))["state"] == "completed"
        await told("conference", status="completed", tag="weekly")


async def test_members(stage: Stage, either: Replay) -> None:
    url = url_of_music(stage)
    async with people(stage, 2) as persons:
        conference_id = await either.new("create a conference", {"from": await stage.number()})
        members = [
            await either.new("create a member", conference_id, {"callId": person.call_id, "leavingTone": True})
            for person in persons
        ]
        await until_hears(persons, everybody_but(2))
        member = await either("get a member", conference_id, members[0])
        assert (member["state"], member["joinTone"], member["leavingTone"]) == ("active", False, True)
        assert ids(await either("list members", conference_id)) == members
        assert len(await either("list calls", {"conferenceId": conference_id})) == 2
        await either("update a member", conference_id, members[0], {"mute": True})
        await until_hears(persons, [{1}, set()])
        await either("update a member", conference_id, members[0], {"hold": True})
        await until_hears(persons, SILENCE)
        await either("play audio to a member", conference_id, members[0], {"sentence": LONG_SENTENCE})
        await until_spoken_to(persons[0])
        assert is_calm(await persons[1].call.hear(0.8)), "it is for one member"
        await either("play a file to a member", conference_id, members[0], {"fileUrl": url})
        await until_music(persons[0])
        await until_left_alone(persons[0])
        await either("say to a member", conference_id, members[1], {"sentence": LONG_SENTENCE})
        await until_spoken_to(persons[1])
        assert is_calm(await persons[0].call.hear(0.8)), "it is for one member"
        await either("update a member", conference_id, members[0], {"state": "completed"})
        member = await either("get a member", conference_id, members[0])
        assert (member["state"], "removedTime" in member) == ("completed", True)
        assert (await either("get a conference", conference_id))["activeMembers"] == 1
        refused = await either("update a member", conference_id, members[0], {"mute": True}, status=403)
        assert refused["code"] == "conference-error"


async def test_speech_and_files_in_conferences(stage: Stage, either: Replay) -> None:
    async with people(stage, 2) as persons:
        conference_id = await either.new("create a conference", {"from": await stage.number()})
        for person in persons:
            await either.new("create a member", conference_id, {"callId": person.call_id})
        await either("say to a conference", conference_id, {"sentence": LONG_SENTENCE})
        await until_spoken_to(*persons)
        await either("play a file to a conference", conference_id, {"fileUrl": url_of_music(stage)})
        await until_music(*persons)
        await until_left_alone(*persons)
        await either("update a conference", conference_id, {"hold": True, "tag": "on hold"})
        await until_hears(persons, SILENCE)
        await either("update a conference", conference_id, {"hold": False})
        is_off = either.name != "c#"
        conference = await either("get a conference", conference_id)
        assert (conference["hold"], conference["tag"]) == (not is_off, "on hold")
        await until_hears(persons, everybody_but(2) if is_off else SILENCE)


async def test_csharp_switches_on_and_never_off(stage: Stage, csharp: Replay) -> None:
    """What it switches off it leaves out of the body, which is empty then and changes nothing."""
    async with people(stage, 2) as persons:
        conference_id = await csharp.new("create a conference", {"from": await stage.number()})
        first, second = [
            await csharp.new("create a member", conference_id, {"callId": person.call_id}) for person in persons
        ]
        await csharp("mute a member", conference_id, first)
        await until_hears(persons, [{1}, set()])
        await csharp("hold a member", conference_id, second)
        await until_hears(persons, SILENCE)
        member = await csharp("get a member", conference_id, second)
        assert (member["mute"], member["hold"]) == (False, True)
        await csharp("mute a conference", conference_id)
        await csharp("let a conference speak", conference_id)
        await csharp("hold a conference", conference_id)
        await csharp("release a conference", conference_id)
        conference = await csharp("get a conference", conference_id)
        assert (conference["mute"], conference["hold"]) == (True, True)
        await csharp("remove a member", conference_id, first)
        assert (await csharp("get a member", conference_id, first))["state"] == "completed"
        await csharp("end a conference", conference_id)
        await persons[1].call.wait_ended()


async def test_what_is_refused(stage: Stage, replay: Replay) -> None:
    """Each client can read it, and nothing has happened."""
    refused = await replay("create a bridge", {"callIds": ["c-nope"]}, status=403)
    assert refused["code"] == "call-id-not-found"
    refused = await replay("get a bridge", "brg-nope", status=404)
    assert refused["code"] == "bridge-not-found"
    refused = await replay("create a conference", {"tag": "of nobody"}, status=400)
    assert refused["code"] == "missing-property"
    refused = await replay("get a conference", "conf-nope", status=404)
    assert refused["code"] == "conference-not-found"
