"""Reading and listing calls, their events and recordings (calls.md 1.7, 3, 4, 6, 12, 13)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from support.api_world import CALL_ID, NUMBER, OTHER_NUMBER, START, ApiWorld, a_call, an_event
from trebuchet.base.ids import AccountId, CallId, EventId, RecordingId
from trebuchet.model.call import Call, CallState, Direction, HttpMethod, TransferRequest, WebhookTarget
from trebuchet.model.prompt import AudioFile, Gender, Sentence
from trebuchet.model.recording import RecordingFormat, RecordingSettings, RecordingState
from trebuchet.store.interface import Batch


async def test_a_fresh_call(world: ApiWorld) -> None:
    """calls.md 3: nothing without a value is there."""
    await world.add_call()
    url = f"{world.url}/calls/{CALL_ID}"
    assert (await world.get(f"/calls/{CALL_ID}")).json() == {
        "id": CALL_ID,
        "direction": "in",
        "from": OTHER_NUMBER,
        "to": NUMBER,
        "state": "started",
        "startTime": "2016-03-02T10:00:00Z",
        "recordingEnabled": False,
        "recordingFileFormat": "wav",
        "transcriptionEnabled": False,
        "events": f"{url}/events",
        "recordings": f"{url}/recordings",
        "transcriptions": f"{url}/transcriptions",
    }


async def test_a_call_with_everything(world: ApiWorld) -> None:
    await world.add_call(
        direction=Direction.OUT,
        state=CallState.ENDED,
        answered_at=START + timedelta(seconds=9),
        ended_at=START + timedelta(seconds=72),
        ring_timeout_s=30,
        webhook=WebhookTarget(
            url="http://app.test/", method=HttpMethod.GET, timeout_ms=2000, fallback_url="http://spare.test/"
        ),
        tag="x",
        sip_headers={"X-A": "1"},
        recording=RecordingSettings(is_enabled=True, format=RecordingFormat.MP3, max_duration_s=60),
        is_transcribed=True,
        bridge_id="brg-1",
        conference_id="conf-1",
        transfer=TransferRequest(
            to="+19195550111",
            caller_id="private",
            whisper=Sentence(text="Hi", gender=Gender.MALE, voice="dave", volume=-1),
        ),
        display_name="Ann",
        preferred_id="+19195550112",
        withholds_name=False,
        withholds_number=True,
    )
    call = (await world.get(f"/calls/{CALL_ID}")).json()
    expected = {
        "direction": "out",
        "state": "completed",
        "activeTime": "2016-03-02T10:00:09Z",
        "endTime": "2016-03-02T10:01:12Z",
        "chargeableDuration": 120,
        "callTimeout": 30,
        "callbackUrl": "http://app.test/",
        "callbackHttpMethod": "get",
        "callbackTimeout": 2000,
        "fallbackUrl": "http://spare.test/",
        "bridgeId": "brg-1",
        "bridge": f"{world.url}/bridges/brg-1",
        "conferenceId": "conf-1",
        "conference": f"{world.url}/conferences/conf-1",
        "recordingEnabled": True,
        "recordingFileFormat": "mp3",
        "recordingMaxDuration": 60,
        "transcriptionEnabled": True,
        "sipHeaders": {"X-A": "1"},
        "tag": "x",
        "transferTo": "+19195550111",
        "transferCallerId": "private",
        "whisperAudio": {"sentence": "Hi", "gender": "male", "locale": "en_US", "voice": "dave", "volume": -1},
        "displayName": "Ann",
        "preferredId": "+19195550112",
        "withholdCallerName": False,
        "withholdCallerNumber": True,
    }
    assert {key: call[key] for key in expected} == expected


async def test_a_whispered_file_is_read_back(world: ApiWorld) -> None:
    await world.add_call(transfer=TransferRequest(to=NUMBER, whisper=AudioFile(url="http://f.test/a.wav")))
    assert (await world.get(f"/calls/{CALL_ID}")).json()["whisperAudio"] == {"fileUrl": "http://f.test/a.wav"}


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (CallState.RINGING, "started"),
        (CallState.ANSWERED, "active"),
        (CallState.TRANSFERRING, "transferring"),
        (CallState.REJECTED, "rejected"),
        (CallState.ENDED, "completed"),
    ],
)
async def test_states(world: ApiWorld, state: CallState, shown: str) -> None:
    await world.add_call(state=state)
    assert (await world.get(f"/calls/{CALL_ID}")).json()["state"] == shown


@pytest.mark.parametrize(("duration_s", "charged_s"), [(0, 0), (3.5, 60), (60, 60), (300, 300), (301, 360)])
async def test_chargeable_duration(world: ApiWorld, duration_s: float, charged_s: int) -> None:
    """calls.md 3.1."""
    await world.add_call(state=CallState.ENDED, answered_at=START, ended_at=START + timedelta(seconds=duration_s))
    assert (await world.get(f"/calls/{CALL_ID}")).json()["chargeableDuration"] == charged_s


async def test_chargeable_duration_of_calls_never_answered_and_not_ended(world: ApiWorld) -> None:
    await world.add_call(state=CallState.ENDED, ended_at=START)
    assert (await world.get(f"/calls/{CALL_ID}")).json()["chargeableDuration"] == 0
    await world.add_call(state=CallState.ANSWERED, answered_at=START)
    assert "chargeableDuration" not in (await world.get(f"/calls/{CALL_ID}")).json()


# --- the list -------------------------------------------------------------------------------------------------------


async def add_calls(world: ApiWorld, count: int) -> list[Call]:
    calls = [
        replace(
            a_call(),
            id=CallId(f"c-{number}"),
            from_=NUMBER if number % 2 else OTHER_NUMBER,
            to="sip:+1919@host" if number % 2 else NUMBER,
            bridge_id="brg-1" if number < 3 else None,
            conference_id="conf-1" if number > 3 else None,
            created_at=START + timedelta(seconds=number),
        )
        for number in range(count)
    ]
    for call in calls:
        await world.store.write(Batch(calls=(call,)))
    return calls


async def listed(world: ApiWorld, query: str) -> list[str]:
    response = await world.get(f"/calls{query}")
    assert response.status_code == 200, response.text
    return [call["id"] for call in response.json()]


async def test_an_empty_list(world: ApiWorld) -> None:
    response = await world.get("/calls")
    assert (response.json(), "link" in response.headers) == ([], False)


async def test_order(world: ApiWorld) -> None:
    """calls.md 4: `sortOrder`, any case, newest first by default."""
    await add_calls(world, 3)
    assert await listed(world, "") == ["c-2", "c-1", "c-0"]
    assert await listed(world, "?sortOrder=Desc") == ["c-2", "c-1", "c-0"]
    assert await listed(world, "?sortOrder=asc") == ["c-0", "c-1", "c-2"]
    assert (await world.get("/calls?sortOrder=up")).json()["code"] == "validation-error"


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("?from=%2B19195550100", [3, 1]),
        ("?from=+19195550100", [3, 1]),
        ("?to=%2B19195550100", [4, 2, 0]),
        ("?to=sip:%2B1919%40host", [3, 1]),
        ("?to=sip:+1919@host", [3, 1]),
        ("?from=%2B19195550100&to=%2B19195550100", []),
        ("?from=nobody", []),
        ("?bridgeId=brg-1", [2, 1, 0]),
        ("?bridgeId=brg-1&page=7&size=1", [2, 1, 0]),
        ("?conferenceId=conf-1", [4]),
        ("?bridgeId=brg-1&from=%2B19195550100", [1]),
        ("?bridgeId=brg-x", []),
        ("?fromDateTime=2016-01-01&unknown=1", [4, 3, 2, 1, 0]),
    ],
)
async def test_filters(world: ApiWorld, query: str, numbers: list[int]) -> None:
    """calls.md 4."""
    await add_calls(world, 5)
    assert await listed(world, query) == [f"c-{number}" for number in numbers]


async def test_whole_lists_have_no_link(world: ApiWorld) -> None:
    """calls.md 4: paging does not apply."""
    await add_calls(world, 3)
    assert "link" not in (await world.get("/calls?bridgeId=brg-1&size=1")).headers


async def test_other_accounts_calls_are_not_listed(world: ApiWorld) -> None:
    await world.add_call(account_id=AccountId("u-other"))
    assert await listed(world, "") == []


# --- paging (calls.md 1.7) ------------------------------------------------------------------------------------------


async def test_pages_lead_to_each_other(world: ApiWorld) -> None:
    await add_calls(world, 5)
    first = await world.get("/calls?size=2")
    url = f"{world.url}/calls"
    assert first.headers.get_list("link") == [f'<{url}?page=0&size=2>; rel="first", <{url}?page=1&size=2>; rel="next"']
    middle = await world.client.get(first.links["next"]["url"])
    assert [call["id"] for call in middle.json()] == ["c-2", "c-1"]
    assert middle.links["previous"]["url"] == f"{url}?page=0&size=2"
    last = await world.client.get(middle.links["next"]["url"])
    assert [call["id"] for call in last.json()] == ["c-0"]
    assert "next" not in last.links and set(last.links) == {"first", "previous"}


async def test_links_repeat_the_filters_without_commas_and_semicolons(world: ApiWorld) -> None:
    await add_calls(world, 4)
    await world.add_call(id=CallId("c-x"), to="sip:a,b@host;lr")
    await world.add_call(id=CallId("c-y"), to="sip:a,b@host;lr")
    response = await world.get("/calls?size=1&sortOrder=asc&to=sip:a,b@host;lr")
    entries = response.headers["link"].split(",")
    assert len(entries) == 2 and all(entry.count(";") == 1 for entry in entries)
    following = await world.client.get(response.links["next"]["url"])
    assert [call["id"] for call in following.json()] == ["c-y"]


async def test_a_list_that_fits_one_page_has_no_link(world: ApiWorld) -> None:
    await add_calls(world, 2)
    assert "link" not in (await world.get("/calls?size=2")).headers


async def test_default_size_is_25(world: ApiWorld) -> None:
    await add_calls(world, 26)
    assert len(await listed(world, "")) == 25
    assert len(await listed(world, "?size=0")) == 25
    assert len(await listed(world, "?size=&page=")) == 25


async def test_past_the_end(world: ApiWorld) -> None:
    await add_calls(world, 2)
    response = await world.get("/calls?page=9")
    assert (response.status_code, response.json(), "next" in response.links) == (200, [], False)
    assert await listed(world, "?page=999999999999999999") == []


@pytest.mark.parametrize("query", ["size=1001", "size=-1", "page=-1", "page=x", "size=1.5", "size=9e9", "page=%00"])
async def test_paging_out_of_range(world: ApiWorld, query: str) -> None:
    response = await world.get(f"/calls?{query}")
    assert (response.status_code, response.json()["code"]) == (400, "validation-error")


# --- events and recordings ------------------------------------------------------------------------------------------


async def test_events(world: ApiWorld) -> None:
    """calls.md 12: ISO times, `data` omitted when empty, oldest first."""
    events = (an_event(1, "create"), an_event(2, "hangup", data="NORMAL_CLEARING"), an_event(3, "playback", data=""))
    await world.store.write(Batch(calls=(a_call(),), events=events))
    time = "2016-03-02T10:00:00Z"
    assert (await world.get(f"/calls/{CALL_ID}/events")).json() == [
        {"id": "ce-1", "time": time, "name": "create"},
        {"id": "ce-2", "time": time, "name": "hangup", "data": "NORMAL_CLEARING"},
        {"id": "ce-3", "time": time, "name": "playback"},
    ]
    assert (await world.get(f"/calls/{CALL_ID}/events/ce-2")).json()["data"] == "NORMAL_CLEARING"


async def test_an_unknown_event(world: ApiWorld) -> None:
    await world.add_call()
    response = await world.get(f"/calls/{CALL_ID}/events/{EventId('ce-x')}")
    assert (response.status_code, response.json()["code"]) == (404, "call-event-not-found")


@pytest.mark.parametrize("path", ["", "/events", "/events/ce-1", "/recordings"])
async def test_everything_below_an_unknown_call_is_call_not_found(world: ApiWorld, path: str) -> None:
    response = await world.get(f"/calls/c-nope{path}")
    assert (response.status_code, response.json()["code"]) == (404, "call-not-found")


async def test_recordings_of_a_call(world: ApiWorld) -> None:
    """calls.md 13."""
    await world.add_call()
    await world.add_recording()
    later = START + timedelta(seconds=60)
    await world.add_recording(
        id=RecordingId("rec-2"),
        media_name=f"{CALL_ID}-2.mp3",
        state=RecordingState.RECORDING,
        started_at=later,
        ended_at=None,
    )
    call = f"{world.url}/calls/{CALL_ID}"
    assert (await world.get(f"/calls/{CALL_ID}/recordings")).json() == [
        {
            "id": "rec-1",
            "call": call,
            "media": f"{world.url}/media/{CALL_ID}-1.wav",
            "startTime": "2016-03-02T10:00:00Z",
            "endTime": "2016-03-02T10:00:00Z",
            "state": "complete",
        },
        {
            "id": "rec-2",
            "call": call,
            "media": f"{world.url}/media/{CALL_ID}-2.mp3",
            "startTime": "2016-03-02T10:01:00Z",
            "state": "recording",
        },
    ]
