"""Bridges end to end, with two media workers: who hears whom by tones, states and times, audio with events at both
calls, and every documented refusal."""

from typing import Any

import pytest

from support.hearing import music
from support.meeting import Person, everybody_but, people, until_hears
from support.server import Answer
from support.stage import Stage, talk
from trebuchet.testing.tones import hears as hears_tone
from trebuchet.testing.tones import is_free_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALICE_HZ, BOB_HZ, CAROL_HZ, MUSIC_HZ = 700.0, 1100.0, 1500.0, 2100.0


@pytest.fixture(scope="module")
def server_arguments() -> tuple[str, ...]:
    return ("--media-workers", "2")


async def bridge(stage: Stage, *calls: str, **more: Any) -> str:
    answer = await stage.server.post("/bridges", {"callIds": list(calls)} | more)
    assert answer.status == 201 and answer.body == b"", answer
    location = answer.headers["location"]
    assert location.startswith(f"{stage.server.user_url}/bridges/brg-")
    return location.rsplit("/", 1)[1]


async def read(stage: Stage, bridge_id: str) -> dict[str, Any]:
    found: dict[str, Any] = await stage.server.get(f"/bridges/{bridge_id}")
    return found


async def update(stage: Stage, bridge_id: str, **body: Any) -> None:
    answer = await stage.server.post(f"/bridges/{bridge_id}", body)
    assert (answer.status, answer.body) == (200, b""), answer


def refused(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.json["code"]) == (status, code), answer


def ids(persons: list[Person]) -> list[str]:
    return [person.call_id for person in persons]


async def test_two_softphones_hear_each_other_and_are_swapped_while_they_talk(stage: Stage) -> None:
    async with (
        stage.phone("alice", ALICE_HZ) as alice,
        stage.phone("bob", BOB_HZ) as bob,
        stage.phone("carol", CAROL_HZ) as carol,
    ):
        calls = []
        for phone in (alice, bob, carol):
            call_id = await stage.call_from(phone, await stage.number())
            await stage.answer(call_id)
            await phone.wait_for("CALL_ESTABLISHED")
            calls.append(call_id)
        bridge_id = await bridge(stage, calls[0], calls[1])
        await talk(alice, bob, seconds=1.0)
        await update(stage, bridge_id, callIds=[calls[0], calls[2]])
        await talk(alice, bob, carol, seconds=1.2)
        assert (await read(stage, bridge_id))["callIds"] == [calls[0], calls[2]]
        taken_out = await stage.server.call(calls[1])
        assert taken_out["state"] == "active" and "bridgeId" not in taken_out
        await alice.hang_up()
        await carol.hang_up()
        await bob.hang_up()
        for phone in (alice, bob, carol):
            await phone.wait_for("CALL_CLOSED")
    assert hears_tone(alice.heard(), BOB_HZ) and hears_tone(alice.heard(), CAROL_HZ)
    assert hears_tone(bob.heard(), ALICE_HZ) and is_free_of(bob.heard(), CAROL_HZ)
    assert hears_tone(carol.heard()[-4000:], ALICE_HZ) and is_free_of(carol.heard(), BOB_HZ)
    for phone, hz in ((alice, ALICE_HZ), (bob, BOB_HZ), (carol, CAROL_HZ)):
        assert is_free_of(phone.heard(), hz), "nobody hears himself"
    assert (await read(stage, bridge_id))["state"] == "completed"


async def test_states_and_times(stage: Stage) -> None:
    async with people(stage, 2) as persons:
        bridge_id = await bridge(stage)
        empty = await read(stage, bridge_id)
        assert empty["state"] == "created" and empty["callIds"] == [] and empty["bridgeAudio"] is True
        assert empty["calls"] == f"{stage.server.user_url}/bridges/{bridge_id}/calls"
        assert "activatedTime" not in empty and "completedTime" not in empty
        await update(stage, bridge_id, callIds=ids(persons)[:1])
        assert (await read(stage, bridge_id))["state"] == "created"
        await update(stage, bridge_id, callIds=ids(persons))
        await until_hears(persons, everybody_but(2))
        active = await read(stage, bridge_id)
        assert active["state"] == "active" and active["activatedTime"] >= active["createdTime"]
        await update(stage, bridge_id, bridgeAudio="false")
        await until_hears(persons, [set(), set()])
        held = await read(stage, bridge_id)
        assert (held["state"], held["bridgeAudio"]) == ("hold", False)
        await update(stage, bridge_id, bridgeAudio=True)
        await until_hears(persons, everybody_but(2))
        assert (await read(stage, bridge_id))["activatedTime"] == active["activatedTime"]
        persons[0].call.hang_up()
        await stage.server.wait_for_state(persons[0].call_id, "completed")
        left = await read(stage, bridge_id)
        assert left["state"] == "active" and (await stage.server.call(persons[1].call_id))["state"] == "active"
        await update(stage, bridge_id, callIds=[])
        ended = await read(stage, bridge_id)
        assert ended["state"] == "completed" and ended["completedTime"] >= ended["activatedTime"]
        refused(await stage.server.post(f"/bridges/{bridge_id}", {}), 400, "bridge-invalid-state")
        refused(await stage.server.post(f"/bridges/{bridge_id}/audio", {"sentence": "x"}), 400, "bridge-invalid-state")
        assert (await stage.server.call(persons[1].call_id))["state"] == "active"


async def test_calls_of_a_bridge_and_the_lists(stage: Stage) -> None:
    async with people(stage, 2) as persons:
        bridge_id = await bridge(stage, *ids(persons))
        calls = await stage.server.get(f"/bridges/{bridge_id}/calls")
        assert {call["id"] for call in calls} == set(ids(persons))
        url = f"{stage.server.user_url}/bridges/{bridge_id}"
        assert all((call["bridgeId"], call["bridge"]) == (bridge_id, url) for call in calls)
        by_filter = await stage.server.get(f"/calls?bridgeId={bridge_id}&size=1")
        assert {call["id"] for call in by_filter} == set(ids(persons)), "paging does not apply"
        newest = await stage.server.get("/bridges?size=1")
        assert [item["id"] for item in newest] == [bridge_id]


async def test_audio_is_heard_by_both_and_told_by_both_calls(stage: Stage) -> None:
    url = stage.web.serve("bridge.wav", music(MUSIC_HZ, 1.0))
    async with people(stage, 2) as persons:
        bridge_id = await bridge(stage, *ids(persons))
        await until_hears(persons, everybody_but(2))
        body = {"fileUrl": url, "loopEnabled": "true", "tag": "both", "volume": 2}
        assert (await stage.server.post(f"/bridges/{bridge_id}/audio", body)).status == 200
        for person in persons:
            await person.call.wait_for_tone(MUSIC_HZ)
            started = await stage.web.wait_for("playback", callId=person.call_id)
            assert (started["status"], started["tag"]) == ("started", "both")
        assert (await stage.server.post(f"/bridges/{bridge_id}/audio", {"fileUrl": ""})).status == 200
        for person in persons:
            done = await stage.web.wait_for("playback", number=2, callId=person.call_id)
            assert (done["status"], done["tag"]) == ("done", "both")
        assert (await stage.server.post(f"/bridges/{bridge_id}/audio", {"fileUrl": ""})).status == 200
        spoken = {"sentence": "Both of you listen", "gender": "male", "locale": "en_US", "voice": "dave"}
        assert (await stage.server.post(f"/bridges/{bridge_id}/audio", spoken)).status == 200
        for person in persons:
            assert (await stage.web.wait_for("speak", callId=person.call_id))["status"] == "started"


async def test_a_call_created_for_a_bridge_joins_when_it_is_answered(stage: Stage) -> None:
    number = await stage.number()
    async with people(stage, 1) as persons, stage.phone("bob", BOB_HZ) as bob:
        bridge_id = await bridge(stage, persons[0].call_id)
        body = {"from": number, "to": bob.uri, "bridgeId": bridge_id}
        answer = await stage.server.post("/calls", body)
        assert answer.status == 201, answer
        call_id = answer.headers["location"].rsplit("/", 1)[1]
        assert (await stage.server.call(call_id))["bridgeId"] == bridge_id
        assert (await read(stage, bridge_id))["state"] == "created"
        refused(await stage.server.post("/calls", body), 403, "bridge-callIds-overflow")
        await bob.accept()
        await persons[0].call.wait_for_tone(BOB_HZ)
        assert (await read(stage, bridge_id))["state"] == "active"
        await bob.hang_up()
        await stage.server.wait_for_state(call_id, "completed")
    refused(await stage.server.post("/calls", body | {"bridgeId": "brg-nobody"}), 404, "bridge-not-found")


async def test_a_transfer_takes_a_call_out_of_its_bridge(stage: Stage) -> None:
    async with people(stage, 2) as persons, stage.phone("bob", BOB_HZ) as bob:
        bridge_id = await bridge(stage, *ids(persons))
        await until_hears(persons, everybody_but(2))
        await stage.transfer(persons[0].call_id, bob.uri)
        await bob.accept()
        await persons[0].call.wait_for_tone(BOB_HZ)
        await until_hears(persons, [set(), set()])
        assert (await read(stage, bridge_id))["state"] == "active"
        refused(
            await stage.server.post(f"/bridges/{bridge_id}", {"callIds": ids(persons)}), 400, "bridge-bridged-callId"
        )
        await bob.hang_up()


async def test_refusals(stage: Stage) -> None:
    post = stage.server.post
    async with people(stage, 3) as persons:
        first, second, third = ids(persons)
        refused(await post("/bridges", {"callIds": [first, second, third]}), 403, "bridge-callIds-overflow")
        refused(await post("/bridges", {"callIds": [f"{first}, {second}"]}), 403, "call-id-not-found")
        refused(await post("/bridges", {"callIds": "x"}), 400, "validation-error")
        refused(await post("/bridges", {"bridgeAudio": "maybe"}), 400, "validation-error")
        bridge_id = await bridge(stage, first)
        refused(await post("/bridges", {"callIds": [first]}), 400, "bridge-bridged-callId")
        refused(await post("/bridges", {"callIds": [third, first]}), 400, "bridge-bridged-callId")
        assert "bridgeId" not in await stage.server.call(third), "a refused request changes nothing"
        refused(await post(f"/bridges/{bridge_id}", {"callIds": [first, "c-nobody"]}), 403, "call-id-not-found")
        other = await bridge(stage)
        refused(await post(f"/bridges/{other}/audio", {"sentence": "x"}), 400, "bridge-invalid-operation")
        for path in ("/bridges/brg-nobody", "/bridges/brg-nobody/audio"):
            refused(await post(path, {"sentence": "x"}), 404, "bridge-not-found")
        for path in ("/bridges/brg-nobody", "/bridges/brg-nobody/calls"):
            refused(await stage.server.curl(f"{stage.server.user_url}{path}"), 404, "bridge-not-found")
        persons[2].call.hang_up()
        await stage.server.wait_for_state(third, "completed")
        refused(await post(f"/bridges/{bridge_id}", {"callIds": [first, third]}), 403, "call-invalid-state")
        assert (await read(stage, bridge_id))["callIds"] == [first]
