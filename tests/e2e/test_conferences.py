"""Conferences end to end, with two media workers: twenty who hear each other by tones, mute and hold, keys, audio for
all and for one, events in order, and every documented refusal."""

import asyncio
from typing import Any

import pytest

from support.hearing import music
from support.meeting import Person, everybody_but, people, until_hears
from support.server import Answer
from support.stage import Stage
from trebuchet.testing.tones import is_free_of, tone_level

pytestmark = pytest.mark.asyncio(loop_scope="module")

MUSIC_HZ, CHIME_HZ = 3050.0, 784.0


@pytest.fixture(scope="module")
def server_arguments() -> tuple[str, ...]:
    return ("--media-workers", "2")


class Conference:
    """A conference of the API and what it told."""

    def __init__(self, stage: Stage, conference_id: str) -> None:
        self.stage, self.id = stage, conference_id
        self.path = f"/conferences/{conference_id}"

    @classmethod
    async def create(cls, stage: Stage, **body: Any) -> "Conference":
        number = await stage.number()
        answer = await stage.server.post("/conferences", {"from": number, "callbackUrl": stage.web.url} | body)
        assert answer.status == 201 and answer.body == b"", answer
        location = answer.headers["location"]
        assert location.startswith(f"{stage.server.user_url}/conferences/conf-")
        return cls(stage, location.rsplit("/", 1)[1])

    async def read(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.stage.server.get(self.path)
        return found

    async def update(self, **body: Any) -> None:
        done(await self.stage.server.post(self.path, body))

    async def add(self, person: Person, **body: Any) -> str:
        answer = await self.stage.server.post(f"{self.path}/members", {"callId": person.call_id} | body)
        assert answer.status == 201 and answer.body == b"", answer
        assert f"{self.path}/members/member-" in answer.headers["location"]
        return answer.headers["location"].rsplit("/", 1)[1]

    async def member(self, member_id: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.stage.server.get(f"{self.path}/members/{member_id}")
        return found

    async def update_member(self, member_id: str, **body: Any) -> None:
        done(await self.stage.server.post(f"{self.path}/members/{member_id}", body))

    async def event(self, kind: str, number: int = 1, **wanted: Any) -> dict[str, Any]:
        return await self.stage.web.wait_for(kind, number=number, conferenceId=self.id, **wanted)

    def told(self) -> list[tuple[str, ...]]:
        """Its events in order of arrival, in short."""
        requests = self.stage.web.requests(conferenceId=self.id)
        return [
            (event["eventType"], event.get("status") or event["state"], str(event.get("activeMembers", "")))
            for event in (request.data for request in requests)
        ]


def done(answer: Answer) -> None:
    assert (answer.status, answer.body) == (200, b""), answer


def refused(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.json["code"]) == (status, code), answer


async def test_twenty_hear_the_nineteen_others_and_not_themselves(stage: Stage) -> None:
    conference = await Conference.create(stage)
    async with people(stage, 20) as persons:
        for person in persons:
            await conference.add(person)
        await until_hears(persons, everybody_but(20), seconds=1.0)
        assert (await conference.read())["activeMembers"] == 20
        async with people(stage, 1) as late:
            answer = await stage.server.post(f"{conference.path}/members", {"callId": late[0].call_id})
            refused(answer, 403, "conference-max-members")
            assert (await stage.server.call(late[0].call_id))["state"] == "active"
        await conference.update(state="completed")
        for person in persons:
            await person.call.wait_ended()
    await conference.event("conference", status="completed")
    members = await stage.server.get(f"{conference.path}/members")
    assert len(members) == 20 and {member["state"] for member in members} == {"completed"}
    told = conference.told()
    assert told[0] == ("conference", "created", "")
    assert told[1:21] == [("conference-member", "active", str(n)) for n in range(1, 21)]
    assert told[21:41] == [("conference-member", "completed", str(n)) for n in range(19, -1, -1)]
    assert told[41:] == [("conference", "completed", "")]


async def test_a_life_with_every_property_and_field(stage: Stage) -> None:
    conference = await Conference.create(
        stage, callbackTimeout="2000", fallbackUrl=stage.web.url_of("/spare"), tag="weekly", profile="passthru_digits"
    )
    found = await conference.read()
    assert found == {
        "id": conference.id,
        "state": "created",
        "from": found["from"],
        "createdTime": found["createdTime"],
        "activeMembers": 0,
        "hold": False,
        "mute": False,
        "profile": "passthru_digits",
        "callbackUrl": stage.web.url,
        "callbackHttpMethod": "post",
        "callbackTimeout": 2000,
        "fallbackUrl": stage.web.url_of("/spare"),
        "tag": "weekly",
    }
    url = f"{stage.server.user_url}{conference.path}"
    created = await conference.event("conference")
    assert created == {
        "eventType": "conference",
        "conferenceId": conference.id,
        "conferenceUri": url,
        "status": "created",
        "createdTime": found["createdTime"],
        "tag": "weekly",
    }
    async with people(stage, 1) as persons:
        member_id = await conference.add(persons[0], mute="true", joinTone="true", leavingTone=True)
        joined = await conference.event("conference-member")
        assert joined == {
            "eventType": "conference-member",
            "activeMembers": 1,
            "conferenceId": conference.id,
            "callId": persons[0].call_id,
            "memberId": member_id,
            "memberUri": f"{url}/members/{member_id}",
            "state": "active",
            "hold": False,
            "mute": True,
            "time": joined["time"],
            "tag": "weekly",
        }
        member = await conference.member(member_id)
        assert member == {
            "id": member_id,
            "state": "active",
            "mute": True,
            "hold": False,
            "joinTone": True,
            "leavingTone": True,
            "addedTime": member["addedTime"],
            "call": f"{stage.server.user_url}/calls/{persons[0].call_id}",
        }
        call = await stage.server.call(persons[0].call_id)
        assert (call["conferenceId"], call["conference"]) == (conference.id, url)
        assert (await conference.read())["state"] == "active"
        await persons[0].call.send_digits("5")
        assert (await stage.web.wait_for("dtmf", callId=persons[0].call_id))["dtmfDigit"] == "5"
        await conference.update_member(member_id, state="completed")
        gone = await conference.member(member_id)
        assert gone["state"] == "completed" and gone["removedTime"] >= gone["addedTime"]
        assert (await stage.server.call(persons[0].call_id))["state"] == "active", "the call goes on by itself"
        ended = await conference.event("conference", 2)
        assert ended["status"] == "completed" and ended["completedTime"] >= ended["createdTime"]
        refused(await stage.server.post(f"{conference.path}/members/{member_id}", {}), 403, "conference-error")
    by_filter = await stage.server.get(f"/calls?conferenceId={conference.id}")
    assert [call["id"] for call in by_filter] == [persons[0].call_id]


async def test_mute_and_hold_of_members_and_of_all(stage: Stage) -> None:
    conference = await Conference.create(stage)
    async with people(stage, 3) as persons:
        members = [await conference.add(person) for person in persons]
        await until_hears(persons, everybody_but(3))
        await conference.update_member(members[0], mute=True)
        await until_hears(persons, everybody_but(3, 0))
        await conference.update_member(members[1], hold="true")
        await until_hears(persons, [{2}, set(), set()])
        muted = await conference.event("conference-member", 4)
        held = await conference.event("conference-member", 5)
        assert (muted["memberId"], muted["mute"], muted["hold"]) == (members[0], True, False)
        assert (held["memberId"], held["mute"], held["hold"]) == (members[1], False, True)
        await conference.update_member(members[0], mute=False)
        await conference.update_member(members[1], hold=False)
        await until_hears(persons, everybody_but(3))
        told = len(conference.told())
        for switch in ("mute", "hold"):
            await conference.update(**{switch: True})
            assert (await conference.read())[switch] is True
            await until_hears(persons, [set(), set(), set()])
            await conference.update(**{switch: False})
            await until_hears(persons, everybody_but(3))
        assert len(conference.told()) == told, "switches of the whole conference are not told member by member"
        assert (await conference.member(members[0]))["mute"] is False


async def test_keys(stage: Stage) -> None:
    conference = await Conference.create(stage)
    async with people(stage, 3) as persons:
        members = [await conference.add(person) for person in persons]
        await until_hears(persons, everybody_but(3))

        async def level(listener: int, speaker: int) -> float:
            return tone_level(await persons[listener].call.hear(0.5), persons[speaker].hz)

        async def until_level(listener: int, speaker: int, change_db: float, plain: float) -> None:
            async with asyncio.timeout(20):
                while abs(await level(listener, speaker) - plain - change_db) > 1.2:
                    pass

        plain = await level(1, 0)
        await persons[0].call.send_digits("33")
        await until_level(1, 0, 6.0, plain)
        await persons[0].call.send_digits("2")
        await until_level(1, 0, 0.0, plain)
        await persons[0].call.send_digits("11")
        await until_level(1, 0, -6.0, plain)
        await persons[0].call.send_digits("2")
        ear = await level(0, 1)
        await persons[0].call.send_digits("44")
        await until_level(0, 1, -6.0, ear)
        await persons[0].call.send_digits("5")
        await until_level(0, 1, 0.0, ear)
        await persons[0].call.send_digits("666")
        await until_level(0, 1, 9.0, ear)
        await persons[0].call.send_digits("5")
        await persons[0].call.send_digits("999")  # the gate opens at -32 dBov only: the pitch is below that
        await until_hears(persons, everybody_but(3, 0))
        await persons[0].call.send_digits("8")
        await until_hears(persons, everybody_but(3))
        await persons[0].call.send_digits("9997")  # one step more sensitive again
        await until_hears(persons, everybody_but(3))
        await persons[0].call.send_digits("8")
        await persons[0].call.send_digits("0")
        await until_hears(persons, everybody_but(3, 0))
        assert (await conference.member(members[0]))["mute"] is True
        await persons[0].call.send_digits("0")
        await until_hears(persons, everybody_but(3))
        await persons[0].call.send_digits("*")
        await until_hears(persons, [set(), {2}, {1}])
        await persons[0].call.send_digits("*")
        await until_hears(persons, everybody_but(3))
        await persons[0].call.send_digits("#")
        await until_hears(persons, [set(), {2}, {1}])
        assert (await conference.member(members[0]))["state"] == "completed"
        assert (await stage.server.call(persons[0].call_id))["state"] == "active"
        assert not stage.web.requests(eventType="dtmf", callId=persons[0].call_id), "the conference takes the keys"
        await persons[0].call.send_digits("4")
        assert (await stage.web.wait_for("dtmf", callId=persons[0].call_id))["dtmfDigit"] == "4", (
            "outside they are told"
        )


async def test_audio_for_all_and_for_one(stage: Stage) -> None:
    url = stage.web.serve("conference.wav", music(MUSIC_HZ, 1.0))
    conference = await Conference.create(stage)
    audio = f"{conference.path}/audio"
    refused(await stage.server.post(audio, {"sentence": "nobody is here"}), 403, "conference-error")
    async with people(stage, 2) as persons:
        members = [await conference.add(person) for person in persons]
        await until_hears(persons, everybody_but(2))
        done(await stage.server.post(audio, {"fileUrl": url, "loopEnabled": True, "tag": "hold music"}))
        await conference.update(hold=True)
        for person in persons:
            await person.call.wait_for_tone(MUSIC_HZ)
        await until_hears(persons, [set(), set()])
        started = await conference.event("conference-playback")
        assert started == {
            "eventType": "conference-playback",
            "conferenceId": conference.id,
            "conferenceUri": f"{stage.server.user_url}{conference.path}",
            "status": "started",
            "time": started["time"],
            "tag": "hold music",
        }
        done(await stage.server.post(audio, {"fileUrl": ""}))
        assert (await conference.event("conference-playback", 2))["status"] == "done"
        done(await stage.server.post(audio, {"fileUrl": ""}))  # nothing plays: nothing to refuse
        await conference.update(hold=False)
        await until_hears(persons, everybody_but(2))
        done(await stage.server.post(audio, {"sentence": "Welcome", "tag": "welcome"}))
        for number, status in ((1, "started"), (2, "done")):
            spoken = await conference.event("conference-speak", number)
            assert (spoken["status"], spoken["tag"]) == (status, "welcome")
        one = f"{conference.path}/members/{members[0]}/audio"
        await conference.update_member(members[0], hold=True)
        done(await stage.server.post(one, {"fileUrl": url, "loopEnabled": True, "tag": "one"}))
        await persons[0].call.wait_for_tone(MUSIC_HZ)
        assert is_free_of(await persons[1].call.hear(0.5), MUSIC_HZ)
        event = await stage.web.wait_for("playback", callId=persons[0].call_id)
        assert (event["status"], event["tag"]) == ("started", "one")
        for _ in range(2):
            done(await stage.server.post(one, {"fileUrl": ""}))
        assert (await stage.web.wait_for("playback", number=2, callId=persons[0].call_id))["status"] == "done"
        assert not stage.web.requests(eventType="playback", callId=persons[1].call_id)


async def test_tones_of_joining_and_leaving(stage: Stage) -> None:
    conference = await Conference.create(stage)
    async with people(stage, 2) as persons:
        await conference.add(persons[0])
        assert is_free_of(await persons[0].call.hear(0.3), CHIME_HZ, below_db=-40)
        member_id = await conference.add(persons[1], joinTone=True, leavingTone=True)
        await persons[0].call.wait_for_tone(CHIME_HZ)
        await persons[0].call.hear(0.6)
        await conference.update_member(member_id, state="completed")
        await persons[0].call.wait_for_tone(CHIME_HZ)


async def test_it_ends_with_its_last_call(stage: Stage) -> None:
    conference = await Conference.create(stage)
    async with people(stage, 2) as persons:
        for person in persons:
            await conference.add(person)
        for person in persons:
            person.call.hang_up()
            await person.call.wait_ended()
    await conference.event("conference", status="completed")
    assert conference.told()[-3:] == [
        ("conference-member", "completed", "1"),
        ("conference-member", "completed", "0"),
        ("conference", "completed", ""),
    ]
    assert (await conference.read())["activeMembers"] == 0


async def test_calls_created_for_a_conference(stage: Stage) -> None:
    conference, other = await Conference.create(stage), await Conference.create(stage)
    number = await stage.number()
    async with stage.phone("bob", 1100.0) as bob:
        body = {"from": number, "to": bob.uri, "conferenceId": conference.id}
        answer = await stage.server.post("/calls", body)
        assert answer.status == 201, answer
        call_id = answer.headers["location"].rsplit("/", 1)[1]
        member = {"callId": call_id}
        refused(await stage.server.post(f"{conference.path}/members", member), 403, "call-invalid-state")
        await bob.accept()
        await stage.server.wait_for_state(call_id, "active")
        assert (await conference.read())["activeMembers"] == 0, "being created for it is not being in it"
        refused(await stage.server.post(f"{other.path}/members", member), 403, "invalid-call-conference-id")
        assert (await stage.server.post(f"{conference.path}/members", member)).status == 201
        await bob.hang_up()
        await conference.event("conference", status="completed")
    for wrong in ("conf-nobody", conference.id):
        answer = await stage.server.post("/calls", body | {"conferenceId": wrong})
        refused(answer, 403, "invalid-call-conference-id")


async def test_updates_and_refusals(stage: Stage) -> None:
    post, number = stage.server.post, await stage.number()
    refused(await post("/conferences", {}), 400, "missing-property")
    refused(await post("/conferences", {"from": "x"}), 400, "validation-error")
    refused(await post("/conferences", {"from": "+15550000000"}), 401, "number-access-denied")
    refused(await post("/conferences", {"from": number, "callbackTimeout": 10001}), 400, "validation-error")
    refused(await post("/conferences", {"from": number, "profile": "other"}), 400, "validation-error")
    refused(await post("/conferences", {"from": number, "callbackUrl": "x"}), 400, "callback-invalid-url")
    refused(await stage.server.curl(f"{stage.server.user_url}/conferences"), 404, "resource-not-found")
    conference = await Conference.create(stage)
    members = f"{conference.path}/members"
    changes = {
        "callbackUrl": stage.web.url_of("/new"),
        "callbackHttpMethod": "GET",
        "callbackTimeout": 500,
        "fallbackUrl": stage.web.url_of("/spare"),
        "tag": "new",
    }
    await conference.update(**changes)
    found = await conference.read()
    assert {key: found[key] for key in changes} == changes | {"callbackHttpMethod": "get"}
    refused(await post(conference.path, {"state": "active"}), 400, "validation-error")
    refused(await post(members, {}), 400, "missing-property")
    refused(await post(members, {"callId": "c-nobody"}), 403, "call-id-not-found")
    async with people(stage, 1) as persons:
        member_id = await conference.add(persons[0])
        second = await Conference.create(stage)
        body = {"callId": persons[0].call_id}
        refused(await post(f"{second.path}/members", body), 403, "call-invalid-state")
        refused(await post("/bridges", {"callIds": [persons[0].call_id]}), 400, "bridge-bridged-callId")
        await conference.update_member(member_id, state="completed")
        assert (await post(f"{second.path}/members", body)).status == 201, "who has left one may join another"
    for path in ("/conferences/conf-nobody", "/conferences/conf-nobody/audio", "/conferences/conf-nobody/members"):
        refused(await post(path, {"callId": "c-x"}), 404, "conference-not-found")
    for path in (f"{members}/member-nobody", f"{members}/member-nobody/audio"):
        refused(await post(path, {"sentence": "x"}), 404, "conference-member-not-found")
    refused(await post(conference.path, {"mute": True}), 403, "conference-error")
    refused(await post(members, {"callId": "c-x"}), 403, "conference-error")
    refused(await post(f"{conference.path}/audio", {"sentence": "x"}), 403, "conference-error")
