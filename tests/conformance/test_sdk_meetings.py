"""Bridges and conferences by the vendor's own libraries, unmodified: node-bandwidth 3.0.3 and bandwidth-sdk 3.1.0.
Every row of theirs is called, and each effect is looked at from the other side."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import bandwidth
import pytest
import pytest_asyncio

from support.hearing import music
from support.meeting import everybody_but, people, until_hears
from support.node_client import NodeClient
from support.server import SECRET, TOKEN, USER
from support.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

MUSIC_HZ = 3050.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(stage: Stage) -> AsyncIterator[NodeClient]:
    async with NodeClient(stage.server.http) as client:
        yield client


class Python:
    """The blocking client, each call in a thread; lists are read to their end."""

    def __init__(self, base_url: str) -> None:
        self._client = bandwidth.client("voice", USER, TOKEN, SECRET, api_endpoint=base_url, api_version="v1")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)

        def call(*arguments: Any, **options: Any) -> Any:
            result = method(*arguments, **options)
            return list(result) if hasattr(result, "__next__") else result

        async def run(*arguments: Any, **options: Any) -> Any:
            return await asyncio.to_thread(call, *arguments, **options)

        return run


@pytest.fixture(scope="module")
def python(stage: Stage) -> Python:
    return Python(stage.server.http)


async def test_bridges_with_node(stage: Stage, node: NodeClient) -> None:
    url = stage.web.serve("node-bridge.wav", music(MUSIC_HZ, 0.5))
    async with people(stage, 2) as persons:
        first, second = (person.call_id for person in persons)
        bridge_id = (await node("Bridge.create", {"bridgeAudio": True, "callIds": [first]}))["id"]
        await node("Bridge.update", bridge_id, {"callIds": [first, second]})
        await until_hears(persons, everybody_but(2))
        bridge = await node("Bridge.get", bridge_id)
        assert (bridge["state"], bridge["callIds"]) == ("active", [first, second])
        assert bridge_id in [each["id"] for each in await node("Bridge.list", {"size": 10})]
        assert {call["id"] for call in await node("Bridge.getCalls", bridge_id)} == {first, second}
        await node("Bridge.speakSentence", bridge_id, "Hello both")
        await node("Bridge.stopSpeaking", bridge_id)
        await node("Bridge.playAudioFile", bridge_id, url)
        await persons[1].call.wait_for_tone(MUSIC_HZ)
        await node("Bridge.stopAudioFilePlayback", bridge_id)
        await node("Bridge.playAudioAdvanced", bridge_id, {"fileUrl": url, "loopEnabled": True})
        await persons[0].call.wait_for_tone(MUSIC_HZ)
        await node("Bridge.update", bridge_id, {"callIds": []})
        assert (await node("Bridge.get", bridge_id))["state"] == "completed"


async def test_bridges_with_python(stage: Stage, python: Python) -> None:
    url = stage.web.serve("python-bridge.wav", music(MUSIC_HZ, 0.5))
    async with people(stage, 2) as persons:
        calls = [person.call_id for person in persons]
        bridge_id = await python.create_bridge(call_ids=calls, bridge_audio=True)
        await until_hears(persons, everybody_but(2))
        assert (await python.get_bridge(bridge_id))["state"] == "active"
        assert bridge_id in [each["id"] for each in await python.list_bridges(size=100)]
        assert {call["id"] for call in await python.list_bridge_calls(bridge_id)} == set(calls)
        await python.update_bridge(bridge_id, call_ids=calls, bridge_audio=False)
        assert (await python.get_bridge(bridge_id))["state"] == "hold"
        await python.speak_sentence_to_bridge(bridge_id, "Hello both")
        await python.play_audio_file_to_bridge(bridge_id, url)
        await persons[0].call.wait_for_tone(MUSIC_HZ)
        await python.play_audio_to_bridge(bridge_id, file_url=url, loop_enabled=True)
        await persons[1].call.wait_for_tone(MUSIC_HZ)


async def test_conferences_with_node(stage: Stage, node: NodeClient) -> None:
    url = stage.web.serve("node-conference.wav", music(MUSIC_HZ, 0.5))
    number = await stage.number()
    async with people(stage, 2) as persons:
        conference_id = (await node("Conference.create", {"from": number, "callbackUrl": stage.web.url}))["id"]
        members = [
            (await node("Conference.createMember", conference_id, {"callId": person.call_id, "joinTone": True}))["id"]
            for person in persons
        ]
        await until_hears(persons, everybody_but(2))
        assert (await node("Conference.get", conference_id))["activeMembers"] == 2
        assert [each["id"] for each in await node("Conference.getMembers", conference_id)] == members
        assert (await node("Conference.getMember", conference_id, members[0]))["joinTone"] is True
        await node("Conference.update", conference_id, {"mute": True})
        await until_hears(persons, [set(), set()])
        await node("Conference.speakSentence", conference_id, "Hello everybody")
        await node("Conference.playAudioFile", conference_id, url)
        await persons[0].call.wait_for_tone(MUSIC_HZ)
        await node("Conference.playAudioAdvanced", conference_id, {"fileUrl": url, "loopEnabled": True})
        await persons[1].call.wait_for_tone(MUSIC_HZ)
        await node("Conference.stopAudioFilePlayback", conference_id)
        await node("Conference.update", conference_id, {"mute": False})
        await node("Conference.updateMember", conference_id, members[0], {"hold": True})
        await until_hears(persons, [set(), set()])
        await node("Conference.speakSentenceToMember", conference_id, members[0], "Please wait")
        await node("Conference.playAudioFileToMember", conference_id, members[0], url)
        await persons[0].call.wait_for_tone(MUSIC_HZ)
        await node("Conference.playAudioAdvancedToMember", conference_id, members[1], {"fileUrl": url})
        await persons[1].call.wait_for_tone(MUSIC_HZ)
        await node("Conference.removeMember", conference_id, members[0])
        assert (await node("Conference.getMember", conference_id, members[0]))["state"] == "completed"
        await node("Conference.remove", conference_id)
        await persons[1].call.wait_ended()
        assert (await node("Conference.get", conference_id))["state"] == "completed"
        listed = await node("Call.list", {"conferenceId": conference_id})
        assert {call["id"] for call in listed} == {person.call_id for person in persons}


async def test_conferences_with_python(stage: Stage, python: Python) -> None:
    url = stage.web.serve("python-conference.wav", music(MUSIC_HZ, 0.5))
    number = await stage.number()
    async with people(stage, 2) as persons:
        conference_id = await python.create_conference(number, callback_url=stage.web.url, tag="weekly")
        members = [
            await python.create_conference_member(conference_id, person.call_id, join_tone=False, leaving_tone=True)
            for person in persons
        ]
        await until_hears(persons, everybody_but(2))
        conference = await python.get_conference(conference_id)
        assert (conference["active_members"], conference["tag"]) == (2, "weekly")
        assert [each["id"] for each in await python.list_conference_members(conference_id)] == members
        assert (await python.get_conference_member(conference_id, members[0]))["leaving_tone"] is True
        for switch in (python.hold_conference, python.mute_conference):
            await switch(conference_id, True)
            await until_hears(persons, [set(), set()])
            await switch(conference_id, False)
            await until_hears(persons, everybody_but(2))
        await python.update_conference(conference_id, tag="other")
        assert (await python.get_conference(conference_id))["tag"] == "other"
        await python.speak_sentence_to_conference(conference_id, "Hello everybody")
        await python.play_audio_file_to_conference(conference_id, url)
        await persons[0].call.wait_for_tone(MUSIC_HZ)
        await python.play_audio_to_conference(conference_id, file_url=url, loop_enabled=True)
        await persons[1].call.wait_for_tone(MUSIC_HZ)
        await python.play_audio_to_conference(conference_id, file_url="")
        for switch, heard in ((python.hold_conference_member, set[int]()), (python.mute_conference_member, {1})):
            await switch(conference_id, members[0], True)
            await until_hears(persons, [heard, set()])
            await switch(conference_id, members[0], False)
            await until_hears(persons, everybody_but(2))
        await python.speak_sentence_to_conference_member(conference_id, members[0], "Please wait")
        await python.play_audio_file_to_conference_member(conference_id, members[0], url)
        await persons[0].call.wait_for_tone(MUSIC_HZ)
        await python.play_audio_to_conference_member(conference_id, members[1], file_url=url)
        await persons[1].call.wait_for_tone(MUSIC_HZ)
        await python.update_conference_member(conference_id, members[0], leaving_tone=False)
        await python.remove_conference_member(conference_id, members[0])
        assert (await python.get_conference_member(conference_id, members[0]))["state"] == "completed"
        await python.terminate_conference(conference_id)
        await persons[1].call.wait_ended()
        assert (await python.get_conference(conference_id))["state"] == "completed"
