"""Bridges and conferences over the API: every key of resources.md 1-3 as a command, every refusal as the documented
error. What the commands do is tested where they are carried out."""

from datetime import timedelta
from typing import Any

import pytest

from support.api_world import BASE, CALL_ID, NUMBER, USER, ApiWorld
from trebuchet.base.ids import AccountId, BridgeId, CallId, ConferenceId, MemberId
from trebuchet.calls.commands import CallNotReady, NothingPlays, WrongCallState
from trebuchet.calls.meeting_commands import (
    BridgeCreationFailed,
    BridgeEnded,
    BridgeFailed,
    BridgeFull,
    BridgeSilent,
    CallConnected,
    CallIdUnknown,
    ConferenceFull,
    ConferenceMismatch,
    ConferenceNotUsable,
    CreateBridge,
    CreateConference,
    CreateMember,
    PlayToBridge,
    PlayToConference,
    PlayToMember,
    UpdateBridge,
    UpdateConference,
    UpdateMember,
)
from trebuchet.model.bridge import Bridge, BridgeState
from trebuchet.model.call import CallState, HttpMethod
from trebuchet.model.conference import Conference, ConferenceState, KeyProfile, Member
from trebuchet.model.prompt import AudioFile, Gender, Sentence
from trebuchet.store.interface import Batch

ME = AccountId(USER)
BRIDGE, CONFERENCE, MEMBER = BridgeId("brg-1"), ConferenceId("conf-1"), MemberId("member-1")
CALL = CallId(CALL_ID)
URL = "http://app.example.test/conf"


@pytest.fixture(autouse=True)
async def _one_of_each(world: ApiWorld) -> None:
    at = world.clock.moment
    await world.add_call(state=CallState.ANSWERED)
    bridge = Bridge(id=BRIDGE, account_id=ME, state=BridgeState.CREATED, created_at=at)
    conference = Conference(
        id=CONFERENCE, account_id=ME, from_=NUMBER, state=ConferenceState.ACTIVE, created_at=at, active_members=1
    )
    member = Member(id=MEMBER, account_id=ME, conference_id=CONFERENCE, call_id=CALL, added_at=at)
    await world.store.write(Batch(bridges=(bridge,), conferences=(conference,), members=(member,)))


async def asked(world: ApiWorld, path: str, body: dict[str, Any], status: int = 200) -> Any:
    """The command that a request becomes."""
    fake = world.bridges if path.startswith("/bridges") else world.conferences
    fake.asked.clear()
    response = await world.post(path, body)
    assert (response.status_code, response.content) == (status, b""), response.text
    (command,) = fake.asked
    return command


async def refused(world: ApiWorld, path: str, body: dict[str, Any], status: int, code: str, text: str = "") -> None:
    response = await world.post(path, body)
    answer = response.json()
    assert (response.status_code, answer["code"]) == (status, code), answer
    assert text in answer["message"]


# --- bridges --------------------------------------------------------------------------------------------------------


async def test_creating_a_bridge(world: ApiWorld) -> None:
    response = await world.post("/bridges", {"bridgeAudio": "false", "callIds": ["c-1", "c-2", "c-1", None]})
    (command,) = world.bridges.asked
    assert command == CreateBridge(
        account_id=ME, call_ids=(CallId("c-1"), CallId("c-2")), has_audio=False, bridge_id=command.bridge_id
    )
    assert response.headers["location"] == f"{BASE}/v1/users/{USER}/bridges/{command.bridge_id}"
    plain = await asked(world, "/bridges", {}, 201)
    assert (plain.call_ids, plain.has_audio) == ((), True)


@pytest.mark.parametrize(
    ("body", "call_ids", "has_audio"),
    [
        ({}, None, None),
        ({"bridgeAudio": True}, None, True),
        ({"bridgeAudio": "FALSE"}, None, False),
        ({"callIds": []}, (), None),
        ({"callIds": ["c-1"]}, ("c-1",), None),
    ],
)
async def test_changing_a_bridge(world: ApiWorld, body: dict[str, Any], call_ids: Any, has_audio: Any) -> None:
    command = await asked(world, f"/bridges/{BRIDGE}", body)
    assert command == UpdateBridge(account_id=ME, bridge_id=BRIDGE, call_ids=call_ids, has_audio=has_audio)


async def test_playing_to_a_bridge(world: ApiWorld) -> None:
    path = f"/bridges/{BRIDGE}/audio"
    body = {"fileUrl": "http://m.example/a.wav", "volume": -2, "loopEnabled": "true", "tag": "t"}
    assert await asked(world, path, body) == PlayToBridge(
        account_id=ME,
        bridge_id=BRIDGE,
        prompt=AudioFile(url="http://m.example/a.wav", volume=-2),
        is_looped=True,
        tag="t",
    )
    assert (await asked(world, path, {"sentence": ""})).prompt is None
    nested = await asked(world, path, {"fileUrl": {"fileUrl": "http://m.example/a.wav", "tag": "x"}})
    assert (nested.prompt.url, nested.tag) == ("http://m.example/a.wav", "x"), "what one SDK sends"
    spoken = await asked(world, path, {"sentence": "Hola", "gender": "male", "locale": "es", "voice": "Jorge"})
    assert spoken.prompt == Sentence(text="Hola", gender=Gender.MALE, locale="es_MX", voice="jorge")


@pytest.mark.parametrize("body", [{"callIds": "c-1"}, {"callIds": [1]}, {"callIds": {}}, {"bridgeAudio": "yes"}])
@pytest.mark.parametrize("path", ["/bridges", f"/bridges/{BRIDGE}"])
async def test_bodies_that_are_wrong(world: ApiWorld, path: str, body: dict[str, Any]) -> None:
    await refused(world, path, body, 400, "validation-error")
    assert world.bridges.asked == []


@pytest.mark.parametrize(
    ("refusal", "status", "code", "text"),
    [
        (BridgeEnded(BRIDGE), 400, "bridge-invalid-state", "Invalid bridge state 'completed'"),
        (BridgeSilent(BRIDGE), 400, "bridge-invalid-operation", "No active calls in the bridge 'brg-1'"),
        (CallConnected(CALL), 400, "bridge-bridged-callId", "is already in another bridge"),
        (BridgeFull(BRIDGE), 403, "bridge-callIds-overflow", "Only two calls are allowed in a bridge 'brg-1'"),
        (CallIdUnknown(CALL), 403, "call-id-not-found", f"callId '{CALL}'"),
        (WrongCallState(CALL, CallState.ENDED), 403, "call-invalid-state", ""),
        (BridgeCreationFailed((CallId("c-1"), CALL)), 503, "bridge-create-error", f"with 'c-1' and '{CALL}'"),
        (BridgeCreationFailed(()), 503, "bridge-create-error", "with '' and ''"),
        (BridgeFailed(BRIDGE), 503, "bridge-update-error", "Unable to update bridge 'brg-1'"),
        (CallNotReady(CALL), 503, "call-unavailable", ""),
    ],
)
async def test_refusals_of_bridges(world: ApiWorld, refusal: Exception, status: int, code: str, text: str) -> None:
    world.bridges.refusal = refusal
    await refused(world, f"/bridges/{BRIDGE}", {}, status, code, text)


@pytest.mark.parametrize("path", ["/bridges/brg-x", "/bridges/brg-x/audio"])
async def test_unknown_bridges(world: ApiWorld, path: str) -> None:
    await refused(world, path, {"sentence": "x"}, 404, "bridge-not-found", "The bridge 'brg-x' could not be found")


async def test_a_bridge_as_it_is_read(world: ApiWorld) -> None:
    for path in (f"/bridges/{BRIDGE}", "/bridges"):
        found = (await world.get(path)).json()
        assert (found[0] if isinstance(found, list) else found) == {
            "id": BRIDGE,
            "state": "created",
            "bridgeAudio": True,
            "callIds": [],
            "calls": f"{BASE}/v1/users/{USER}/bridges/{BRIDGE}/calls",
            "createdTime": "2016-03-02T10:00:00Z",
        }
    assert (await world.get(f"/bridges/{BRIDGE}/calls")).json() == []


async def test_the_times_of_a_bridge(world: ApiWorld) -> None:
    at = world.clock.moment
    ended = Bridge(
        id=BRIDGE,
        account_id=ME,
        state=BridgeState.ENDED,
        created_at=at,
        activated_at=at + timedelta(seconds=4),
        ended_at=at + timedelta(minutes=1),
        has_audio=False,
        call_ids=(CALL,),
    )
    await world.store.write(Batch(bridges=(ended,)))
    found = (await world.get(f"/bridges/{BRIDGE}")).json()
    assert (found["state"], found["bridgeAudio"], found["callIds"]) == ("completed", False, [CALL])
    assert (found["activatedTime"], found["completedTime"]) == ("2016-03-02T10:00:04Z", "2016-03-02T10:01:00Z")


# --- conferences ----------------------------------------------------------------------------------------------------


async def test_creating_a_conference(world: ApiWorld) -> None:
    body = {
        "from": NUMBER,
        "callbackUrl": URL,
        "callbackHttpMethod": "get",
        "callbackTimeout": "2000",
        "fallbackUrl": f"{URL}2",
        "profile": "passthru_digits",
        "tag": 7,
    }
    command = await asked(world, "/conferences", body, 201)
    assert command == CreateConference(
        account_id=ME,
        from_=NUMBER,
        profile=KeyProfile.PASS_THROUGH,
        webhook_url=URL,
        webhook_method=HttpMethod.GET,
        webhook_timeout_ms=2000,
        fallback_url=f"{URL}2",
        tag="7",
        conference_id=command.conference_id,
    )
    plain = await asked(world, "/conferences", {"from": NUMBER, "callbackUrl": "none"}, 201)
    assert (plain.profile, plain.webhook_url, plain.webhook_method) == (KeyProfile.INTERPRET, None, HttpMethod.POST)


async def test_changing_a_conference(world: ApiWorld) -> None:
    path = f"/conferences/{CONFERENCE}"
    assert await asked(world, path, {}) == UpdateConference(account_id=ME, conference_id=CONFERENCE)
    body = {
        "state": "completed",
        "hold": "true",
        "mute": False,
        "callbackUrl": URL,
        "callbackHttpMethod": "GET",
        "callbackTimeout": 10000,
        "fallbackUrl": URL,
        "tag": "t",
    }
    assert await asked(world, path, body) == UpdateConference(
        account_id=ME,
        conference_id=CONFERENCE,
        is_terminated=True,
        is_held=True,
        is_muted=False,
        webhook_url=URL,
        webhook_method=HttpMethod.GET,
        webhook_timeout_ms=10000,
        fallback_url=URL,
        tag="t",
    )


async def test_members(world: ApiWorld) -> None:
    path = f"/conferences/{CONFERENCE}/members"
    body = {"callId": CALL_ID, "joinTone": "true", "leavingTone": True, "mute": "true", "hold": True}
    command = await asked(world, path, body, 201)
    assert command == CreateMember(
        account_id=ME,
        conference_id=CONFERENCE,
        call_id=CALL,
        is_muted=True,
        is_held=True,
        has_join_tone=True,
        has_leave_tone=True,
        member_id=command.member_id,
    )
    plain = await asked(world, path, {"callId": CALL_ID}, 201)
    assert not any((plain.is_muted, plain.is_held, plain.has_join_tone, plain.has_leave_tone))
    about = {"account_id": ME, "conference_id": CONFERENCE, "member_id": MEMBER}
    assert await asked(world, f"{path}/{MEMBER}", {}) == UpdateMember(**about)
    body = {"state": "completed", "mute": False, "hold": "false", "joinTone": True, "leavingTone": "false"}
    assert await asked(world, f"{path}/{MEMBER}", body) == UpdateMember(
        **about, is_removed=True, is_muted=False, is_held=False, has_join_tone=True, has_leave_tone=False
    )


async def test_playing_to_all_and_to_one(world: ApiWorld) -> None:
    body = {"sentence": "Hi", "gender": "male", "voice": "dave", "locale": "en_US", "loopEnabled": True, "tag": "t"}
    to_all = await asked(world, f"/conferences/{CONFERENCE}/audio", body)
    assert isinstance(to_all, PlayToConference) and isinstance(to_all.prompt, Sentence)
    assert to_all.prompt == Sentence(text="Hi", gender=Gender.MALE, locale="en_US", voice="dave")
    assert (to_all.is_looped, to_all.tag) == (True, "t")
    path = f"/conferences/{CONFERENCE}/members/{MEMBER}/audio"
    to_one = await asked(world, path, body)
    assert isinstance(to_one, PlayToMember) and to_one.member_id == MEMBER
    assert (await asked(world, path, {"fileUrl": ""})).prompt is None
    world.conferences.refusal = NothingPlays(CALL)
    assert (await world.post(path, {"fileUrl": ""})).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/conferences", {}, 400, "missing-property"),
        ("/conferences", {"from": " "}, 400, "blank-property"),
        ("/conferences", {"from": "123"}, 400, "validation-error"),
        ("/conferences", {"from": NUMBER, "callbackTimeout": 10001}, 400, "validation-error"),
        ("/conferences", {"from": NUMBER, "callbackTimeout": 0}, 400, "validation-error"),
        ("/conferences", {"from": NUMBER, "callbackUrl": "x"}, 400, "callback-invalid-url"),
        ("/conferences", {"from": NUMBER, "profile": "x"}, 400, "validation-error"),
        (f"/conferences/{CONFERENCE}", {"state": "active"}, 400, "validation-error"),
        (f"/conferences/{CONFERENCE}", {"hold": "x"}, 400, "validation-error"),
        (f"/conferences/{CONFERENCE}/audio", {}, 400, "missing-property"),
        (f"/conferences/{CONFERENCE}/members", {}, 400, "missing-property"),
        (f"/conferences/{CONFERENCE}/members/{MEMBER}", {"state": "active"}, 400, "validation-error"),
        ("/conferences/conf-x", {}, 404, "conference-not-found"),
        ("/conferences/conf-x/members", {}, 404, "conference-not-found"),
        ("/conferences/conf-x/members/member-1", {}, 404, "conference-not-found"),
        (f"/conferences/{CONFERENCE}/members/member-x", {}, 404, "conference-member-not-found"),
        (f"/conferences/{CONFERENCE}/members/member-x/audio", {"sentence": "x"}, 404, "conference-member-not-found"),
    ],
)
async def test_requests_that_are_wrong(
    world: ApiWorld, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    await refused(world, path, body, status, code)
    assert world.conferences.asked == []


@pytest.mark.parametrize(
    ("refusal", "status", "code", "text"),
    [
        (ConferenceNotUsable(CONFERENCE, ConferenceState.ENDED), 403, "conference-error", "state 'completed'"),
        (ConferenceFull(CONFERENCE), 403, "conference-max-members", "'conf-1' reached the max number of members"),
        (ConferenceMismatch("conf-9"), 403, "invalid-call-conference-id", "conferenceId 'conf-9'"),
        (CallIdUnknown(CALL), 403, "call-id-not-found", ""),
        (WrongCallState(CALL, CallState.RINGING), 403, "call-invalid-state", "state 'started'"),
        (CallConnected(CALL), 403, "call-invalid-state", "state 'active'"),
        (CallNotReady(CALL), 503, "call-unavailable", ""),
    ],
)
async def test_refusals_of_members(world: ApiWorld, refusal: Exception, status: int, code: str, text: str) -> None:
    world.conferences.refusal = refusal
    await refused(world, f"/conferences/{CONFERENCE}/members", {"callId": CALL_ID}, status, code, text)


async def test_conferences_cannot_be_listed(world: ApiWorld) -> None:
    response = await world.get("/conferences")
    assert (response.status_code, response.json()["code"]) == (404, "resource-not-found")


async def test_conference_and_members_as_they_are_read(world: ApiWorld) -> None:
    assert (await world.get(f"/conferences/{CONFERENCE}")).json() == {
        "id": CONFERENCE,
        "state": "active",
        "from": NUMBER,
        "createdTime": "2016-03-02T10:00:00Z",
        "activeMembers": 1,
        "hold": False,
        "mute": False,
        "profile": "interpret_digits",
        "callbackHttpMethod": "post",
        "callbackTimeout": 10000,
    }
    member = {
        "id": MEMBER,
        "state": "active",
        "mute": False,
        "hold": False,
        "joinTone": False,
        "leavingTone": False,
        "addedTime": "2016-03-02T10:00:00Z",
        "call": f"{BASE}/v1/users/{USER}/calls/{CALL_ID}",
    }
    assert (await world.get(f"/conferences/{CONFERENCE}/members")).json() == [member]
    assert (await world.get(f"/conferences/{CONFERENCE}/members/{MEMBER}")).json() == member


async def test_an_ended_conference_and_a_member_who_left(world: ApiWorld) -> None:
    """Everything that is optional, and what every flag looks like when it is set."""
    at = world.clock.moment
    conference = Conference(
        id=CONFERENCE,
        account_id=ME,
        from_=NUMBER,
        state=ConferenceState.ENDED,
        created_at=at,
        ended_at=at + timedelta(minutes=2),
        is_held=True,
        is_muted=True,
        profile=KeyProfile.PASS_THROUGH,
        webhook_url=URL,
        webhook_method=HttpMethod.GET,
        webhook_timeout_ms=2000,
        fallback_url=f"{URL}2",
        tag="t",
    )
    member = Member(
        id=MEMBER,
        account_id=ME,
        conference_id=CONFERENCE,
        call_id=CALL,
        added_at=at,
        removed_at=at + timedelta(minutes=1),
        is_muted=True,
        is_held=True,
        has_join_tone=True,
        has_leave_tone=True,
    )
    await world.store.write(Batch(conferences=(conference,), members=(member,)))
    assert (await world.get(f"/conferences/{CONFERENCE}")).json() == {
        "id": CONFERENCE,
        "state": "completed",
        "from": NUMBER,
        "createdTime": "2016-03-02T10:00:00Z",
        "completedTime": "2016-03-02T10:02:00Z",
        "activeMembers": 0,
        "hold": True,
        "mute": True,
        "profile": "passthru_digits",
        "callbackUrl": URL,
        "callbackHttpMethod": "get",
        "callbackTimeout": 2000,
        "fallbackUrl": f"{URL}2",
        "tag": "t",
    }
    assert (await world.get(f"/conferences/{CONFERENCE}/members")).json() == [
        {
            "id": MEMBER,
            "state": "completed",
            "mute": True,
            "hold": True,
            "joinTone": True,
            "leavingTone": True,
            "addedTime": "2016-03-02T10:00:00Z",
            "removedTime": "2016-03-02T10:01:00Z",
            "call": f"{BASE}/v1/users/{USER}/calls/{CALL_ID}",
        }
    ]
