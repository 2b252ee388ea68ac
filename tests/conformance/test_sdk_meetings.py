"""Bridges and conferences by the vendor's own libraries, unmodified: node-bandwidth 3.0.3 and 4.0.0, and bandwidth-sdk
3.1.0. Every row of theirs is called, and each effect is looked at from the other side."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import bandwidth
import pytest
import pytest_asyncio

from support.hearing import music
from support.meeting import (
    LONG_SENTENCE,
    everybody_but,
    is_calm,
    people,
    until_hears,
    until_left_alone,
    until_spoken_to,
)
from support.node_client import VERSIONS, NodeClient
from support.server import SECRET, TOKEN, USER
from support.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

MUSIC_HZ = 3050.0
BOB_HZ = 2997.5
"""Of a phone that is called, which is none of the people."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=VERSIONS)
async def node(stage: Stage, request: pytest.FixtureRequest) -> AsyncIterator[NodeClient]:
    async with NodeClient(stage.server.http, request.param) as client:
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
        assert {call["id"] for call in await node("Call.list", {"bridgeId": bridge_id})} == {first, second}
        await node("Bridge.speakSentence", bridge_id, LONG_SENTENCE)
        await until_spoken_to(*persons)
        await node("Bridge.stopSpeaking", bridge_id)
        await until_left_alone(*persons)
        await node("Bridge.playAudioFile", bridge_id, url)
        await persons[1].call.wait_for_tone(MUSIC_HZ)
        await node("Bridge.playAudioAdvanced", bridge_id, {"fileUrl": url, "loopEnabled": True})
        await persons[0].call.wait_for_tone(MUSIC_HZ)
        await node("Bridge.stopAudioFilePlayback", bridge_id)
        await until_left_alone(*persons)
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
        assert {call["id"] for call in await python.list_calls(bridge_id=bridge_id)} == set(calls)
        await python.update_bridge(bridge_id, call_ids=calls, bridge_audio=False)
        assert (await python.get_bridge(bridge_id))["state"] == "hold"
        await until_hears(persons, [set(), set()])
        await python.speak_sentence_to_bridge(bridge_id, LONG_SENTENCE)
        await until_spoken_to(*persons)
        await python.play_audio_to_bridge(bridge_id, sentence="")
        await until_left_alone(*persons)
        await python.play_audio_file_to_bridge(bridge_id, url)
        await persons[0].call.wait_for_tone(MUSIC_HZ)
        await python.play_audio_to_bridge(bridge_id, file_url=url, loop_enabled=True)
        await persons[1].call.wait_for_tone(MUSIC_HZ)


async def test_conferences_with_node(stage: Stage, node: NodeClient) -> None:
    url = stage.web.serve("node-conference.wav", music(MUSIC_HZ, 0.5))
    number = await stage.number()
    async with people(stage, 2) as persons:
        conference_id = (await node("Conference.create", {"from": number, "callbackUrl": stage.web.url}))["id"]
        told = partial(stage.web.wait_for, conferenceId=conference_id)
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
        await node("Conference.speakSentence", conference_id, LONG_SENTENCE)
        await told("conference-speak", status="started")
        await until_spoken_to(*persons)
        await node("Conference.stopSpeaking", conference_id)
        await told("conference-speak", status="done")
        await until_left_alone(*persons)
        await node("Conference.playAudioFile", conference_id, url)
        await persons[0].call.wait_for_tone(MUSIC_HZ)
        await node("Conference.playAudioAdvanced", conference_id, {"fileUrl": url, "loopEnabled": True})
        await persons[1].call.wait_for_tone(MUSIC_HZ)
        await node("Conference.stopAudioFilePlayback", conference_id)
        await until_left_alone(*persons)
        await node("Conference.update", conference_id, {"mute": False})
        await node("Conference.updateMember", conference_id, members[0], {"hold": True})
        await until_hears(persons, [set(), set()])
        await node("Conference.speakSentenceToMember", conference_id, members[0], LONG_SENTENCE)
        await until_spoken_to(persons[0])
        assert is_calm(await persons[1].call.hear(0.8)), "it is for one member"
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
        wanted = {
            "callback_timeout": 2000,
            "callback_http_method": "post",
            "fallback_url": stage.web.url_of("/fallback"),
        }
        conference_id = await python.create_conference(number, callback_url=stage.web.url, tag="weekly", **wanted)
        told = partial(stage.web.wait_for, conferenceId=conference_id)
        members = [
            await python.create_conference_member(conference_id, person.call_id, join_tone=False, leaving_tone=True)
            for person in persons
        ]
        await until_hears(persons, everybody_but(2))
        conference = await python.get_conference(conference_id)
        assert (conference["active_members"], conference["tag"]) == (2, "weekly")
        assert wanted.items() <= conference.items()
        assert [each["id"] for each in await python.list_conference_members(conference_id)] == members
        assert (await python.get_conference_member(conference_id, members[0]))["leaving_tone"] is True
        for switch in (python.hold_conference, python.mute_conference):
            await switch(conference_id, True)
            await until_hears(persons, [set(), set()])
            await switch(conference_id, False)
            await until_hears(persons, everybody_but(2))
        await python.update_conference(conference_id, tag="other")
        assert (await python.get_conference(conference_id))["tag"] == "other"
        await python.speak_sentence_to_conference(conference_id, LONG_SENTENCE, tag="hello")
        await told("conference-speak", status="started", tag="hello")
        await until_spoken_to(*persons)
        await python.play_audio_to_conference(conference_id, sentence="")
        await told("conference-speak", status="done", tag="hello")
        await python.play_audio_file_to_conference(conference_id, url)
        await persons[0].call.wait_for_tone(MUSIC_HZ)
        await python.play_audio_to_conference(conference_id, file_url=url, loop_enabled=True)
        await persons[1].call.wait_for_tone(MUSIC_HZ)
        await python.play_audio_to_conference(conference_id, file_url="")
        await until_left_alone(*persons)
        for switch, heard in ((python.hold_conference_member, set[int]()), (python.mute_conference_member, {1})):
            await switch(conference_id, members[0], True)
            await until_hears(persons, [heard, set()])
            await switch(conference_id, members[0], False)
            await until_hears(persons, everybody_but(2))
        await python.speak_sentence_to_conference_member(conference_id, members[0], LONG_SENTENCE)
        await until_spoken_to(persons[0])
        assert is_calm(await persons[1].call.hear(0.8)), "it is for one member"
        await python.play_audio_file_to_conference_member(conference_id, members[0], url)
        await persons[0].call.wait_for_tone(MUSIC_HZ)
        await python.play_audio_to_conference_member(conference_id, members[1], file_url=url)
        await persons[1].call.wait_for_tone(MUSIC_HZ)
        await python.update_conference_member(conference_id, members[0], leaving_tone=False)
        assert (await python.get_conference_member(conference_id, members[0]))["leaving_tone"] is False
        await python.remove_conference_member(conference_id, members[0])
        assert (await python.get_conference_member(conference_id, members[0]))["state"] == "completed"
        await python.terminate_conference(conference_id)
        await persons[1].call.wait_ended()
        assert (await python.get_conference(conference_id))["state"] == "completed"
        listed = await python.list_calls(conference_id=conference_id)
        assert {call["id"] for call in listed} == {person.call_id for person in persons}


async def test_new_calls_into_a_bridge_and_a_conference(stage: Stage, python: Python, node: NodeClient) -> None:
    number = await stage.number()
    async with people(stage, 1) as (person,), stage.phone("bob", BOB_HZ) as bob:
        bridge_id = await python.create_bridge(call_ids=[person.call_id])
        await python.create_call(number, bob.uri, bridge_id=bridge_id)
        await bob.accept()
        await person.call.wait_for_tone(BOB_HZ)
        await bob.hang_up()
    async with people(stage, 1) as (person,), stage.phone("bob", BOB_HZ) as bob:
        conference_id = (await node("Conference.create", {"from": number}))["id"]
        await node("Conference.createMember", conference_id, {"callId": person.call_id})
        call = await node("Call.create", {"from": number, "to": bob.uri, "conferenceId": conference_id})
        await bob.accept()
        await stage.server.wait_for_state(call["id"], "active")
        await node("Conference.createMember", conference_id, {"callId": call["id"]})
        await person.call.wait_for_tone(BOB_HZ)
        await bob.hang_up()
