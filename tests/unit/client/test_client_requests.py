"""What each method of the client puts on the wire, and that there is one for everything the server serves."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from starlette.routing import Route

from support.api_world import make_world
from trebuchet.api.app import OPERATIONS
from trebuchet.client import AudioFile, Client, Sentence

BASE = "http://voice.example.test:8080"
USER = "/v1/users/u-fiction"
NOON = datetime(2016, 3, 2, 12, tzinfo=UTC)
SPOKEN = Sentence(text="Hi", gender="male", locale="de", voice="stefan", volume=1)

Case = tuple[Callable[[Client], Any], str, str, Any]

CALLS: list[Case] = [
    (
        lambda c: c.calls.create(
            "+19195550100",
            "sip:desk@192.0.2.7",
            call_timeout=30,
            callback_url="http://a.test/",
            callback_timeout=2000,
            callback_http_method="get",
            fallback_url="http://b.test/",
            bridge_id="brg-1",
            conference_id="conf-1",
            recording_enabled=True,
            recording_max_duration=60,
            recording_file_format="mp3",
            transcription_enabled=False,
            tag="t",
            sip_headers={"X-A": "b"},
        ),
        "POST",
        f"{USER}/calls",
        {
            "from": "+19195550100",
            "to": "sip:desk@192.0.2.7",
            "callTimeout": 30,
            "callbackUrl": "http://a.test/",
            "callbackTimeout": 2000,
            "callbackHttpMethod": "get",
            "fallbackUrl": "http://b.test/",
            "bridgeId": "brg-1",
            "conferenceId": "conf-1",
            "recordingEnabled": True,
            "recordingMaxDuration": 60,
            "recordingFileFormat": "mp3",
            "transcriptionEnabled": False,
            "tag": "t",
            "sipHeaders": {"X-A": "b"},
        },
    ),
    (
        lambda c: list(
            c.calls.list(
                from_="+1", to="+2", bridge_id="brg-1", conference_id="conf-1", sort_order="asc", page=2, size=5
            )
        ),
        "GET",
        f"{USER}/calls",
        "from=%2B1&to=%2B2&bridgeId=brg-1&conferenceId=conf-1&sortOrder=asc&page=2&size=5",
    ),
    (lambda c: c.calls.get("c-1"), "GET", f"{USER}/calls/c-1", ""),
    (lambda c: c.calls.answer("c-1"), "POST", f"{USER}/calls/c-1", {"state": "active"}),
    (lambda c: c.calls.reject("c-1"), "POST", f"{USER}/calls/c-1", {"state": "rejected"}),
    (lambda c: c.calls.hangup("c-1"), "POST", f"{USER}/calls/c-1", {"state": "completed"}),
    (
        lambda c: c.calls.record("c-1", file_format="mp3", max_duration=9),
        "POST",
        f"{USER}/calls/c-1",
        {"recordingEnabled": True, "recordingFileFormat": "mp3", "recordingMaxDuration": 9},
    ),
    (lambda c: c.calls.record("c-1", False), "POST", f"{USER}/calls/c-1", {"recordingEnabled": False}),
    (
        lambda c: c.calls.transfer(
            "c-1",
            to="+2",
            whisper="Hello",
            caller_id="private",
            callback_url="http://a.test/",
            tag="t",
            diversion_treatment="stack",
            diversion_reason="away",
        ),
        "POST",
        f"{USER}/calls/c-1",
        {
            "state": "transferring",
            "transferTo": "+2",
            "transferCallerId": "private",
            "whisperAudio": {"sentence": "Hello"},
            "callbackUrl": "http://a.test/",
            "tag": "t",
            "diversionTreatment": "stack",
            "diversionReason": "away",
        },
    ),
    (
        lambda c: c.calls.transfer("c-1", to="+2", whisper=AudioFile(url="http://a.test/w.wav", volume=-2)),
        "POST",
        f"{USER}/calls/c-1",
        {
            "state": "transferring",
            "transferTo": "+2",
            "whisperAudio": {"fileUrl": "http://a.test/w.wav", "volume": -2},
        },
    ),
    (
        lambda c: c.calls.play("c-1", "http://a.test/x.mp3", loop=True, volume=3, tag="t"),
        "POST",
        f"{USER}/calls/c-1/audio",
        {"fileUrl": "http://a.test/x.mp3", "loopEnabled": True, "volume": 3, "tag": "t"},
    ),
    (
        lambda c: c.calls.say("c-1", "Hi", gender="male", locale="de", voice="stefan", loop=False, volume=1, tag="t"),
        "POST",
        f"{USER}/calls/c-1/audio",
        {
            "sentence": "Hi",
            "gender": "male",
            "locale": "de",
            "voice": "stefan",
            "loopEnabled": False,
            "volume": 1,
            "tag": "t",
        },
    ),
    (lambda c: c.calls.stop_audio("c-1"), "POST", f"{USER}/calls/c-1/audio", {"sentence": ""}),
    (lambda c: c.calls.dtmf("c-1", "1W#"), "POST", f"{USER}/calls/c-1/dtmf", {"dtmfOut": "1W#"}),
    (
        lambda c: c.calls.gather(
            "c-1",
            max_digits=4,
            inter_digit_timeout=2.5,
            terminating_digits="*",
            suppress_dtmf=True,
            prompt=SPOKEN,
            prompt_loop=True,
            tag="t",
        ),
        "POST",
        f"{USER}/calls/c-1/gather",
        {
            "maxDigits": 4,
            "interDigitTimeout": 2.5,
            "terminatingDigits": "*",
            "suppressDtmf": True,
            "prompt": {
                "sentence": "Hi",
                "gender": "male",
                "locale": "de",
                "voice": "stefan",
                "volume": 1,
                "loopEnabled": True,
            },
            "tag": "t",
        },
    ),
    (lambda c: c.calls.get_gather("c-1", "gtr-1"), "GET", f"{USER}/calls/c-1/gather/gtr-1", ""),
    (
        lambda c: c.calls.stop_gather("c-1", "gtr-1"),
        "POST",
        f"{USER}/calls/c-1/gather/gtr-1",
        {"state": "completed"},
    ),
    (lambda c: list(c.calls.events("c-1")), "GET", f"{USER}/calls/c-1/events", ""),
    (lambda c: c.calls.get_event("c-1", "ce-1"), "GET", f"{USER}/calls/c-1/events/ce-1", ""),
    (lambda c: list(c.calls.recordings("c-1")), "GET", f"{USER}/calls/c-1/recordings", ""),
    (lambda c: list(c.calls.transcriptions("c-1")), "GET", f"{USER}/calls/c-1/transcriptions", ""),
]
GROUPS: list[Case] = [
    (
        lambda c: c.bridges.create(call_ids=("c-1", "c-2"), bridge_audio=False),
        "POST",
        f"{USER}/bridges",
        {"callIds": ["c-1", "c-2"], "bridgeAudio": False},
    ),
    (lambda c: list(c.bridges.list(page=1, size=2)), "GET", f"{USER}/bridges", "page=1&size=2"),
    (lambda c: c.bridges.get("brg-1"), "GET", f"{USER}/bridges/brg-1", ""),
    (lambda c: c.bridges.update("brg-1", call_ids=()), "POST", f"{USER}/bridges/brg-1", {"callIds": []}),
    (
        lambda c: c.bridges.play("brg-1", AudioFile(url="http://a.test/x.wav"), loop=True, tag="t"),
        "POST",
        f"{USER}/bridges/brg-1/audio",
        {"fileUrl": "http://a.test/x.wav", "loopEnabled": True, "tag": "t"},
    ),
    (lambda c: c.bridges.stop_audio("brg-1"), "POST", f"{USER}/bridges/brg-1/audio", {"sentence": ""}),
    (lambda c: list(c.bridges.calls("brg-1")), "GET", f"{USER}/bridges/brg-1/calls", ""),
    (
        lambda c: c.conferences.create(
            "+1",
            profile="passthru_digits",
            callback_url="http://a.test/",
            callback_http_method="post",
            callback_timeout=2000,
            fallback_url="http://b.test/",
            tag="t",
        ),
        "POST",
        f"{USER}/conferences",
        {
            "from": "+1",
            "profile": "passthru_digits",
            "callbackUrl": "http://a.test/",
            "callbackHttpMethod": "post",
            "callbackTimeout": 2000,
            "fallbackUrl": "http://b.test/",
            "tag": "t",
        },
    ),
    (lambda c: c.conferences.get("conf-1"), "GET", f"{USER}/conferences/conf-1", ""),
    (
        lambda c: c.conferences.update(
            "conf-1",
            hold=True,
            mute=False,
            callback_url="http://a.test/",
            callback_http_method="get",
            callback_timeout=1,
            fallback_url="http://b.test/",
            tag="t",
        ),
        "POST",
        f"{USER}/conferences/conf-1",
        {
            "hold": True,
            "mute": False,
            "callbackUrl": "http://a.test/",
            "callbackHttpMethod": "get",
            "callbackTimeout": 1,
            "fallbackUrl": "http://b.test/",
            "tag": "t",
        },
    ),
    (lambda c: c.conferences.terminate("conf-1"), "POST", f"{USER}/conferences/conf-1", {"state": "completed"}),
    (
        lambda c: c.conferences.play("conf-1", "Hi", loop=False, tag="t"),
        "POST",
        f"{USER}/conferences/conf-1/audio",
        {"sentence": "Hi", "loopEnabled": False, "tag": "t"},
    ),
    (lambda c: c.conferences.stop_audio("conf-1"), "POST", f"{USER}/conferences/conf-1/audio", {"sentence": ""}),
    (
        lambda c: c.conferences.add_member("conf-1", "c-1", join_tone=True, leaving_tone=False, mute=True, hold=False),
        "POST",
        f"{USER}/conferences/conf-1/members",
        {"callId": "c-1", "joinTone": True, "leavingTone": False, "mute": True, "hold": False},
    ),
    (lambda c: list(c.conferences.members("conf-1")), "GET", f"{USER}/conferences/conf-1/members", ""),
    (
        lambda c: c.conferences.get_member("conf-1", "member-1"),
        "GET",
        f"{USER}/conferences/conf-1/members/member-1",
        "",
    ),
    (
        lambda c: c.conferences.update_member("conf-1", "member-1", mute=False, hold=True),
        "POST",
        f"{USER}/conferences/conf-1/members/member-1",
        {"mute": False, "hold": True},
    ),
    (
        lambda c: c.conferences.remove_member("conf-1", "member-1"),
        "POST",
        f"{USER}/conferences/conf-1/members/member-1",
        {"state": "completed"},
    ),
    (
        lambda c: c.conferences.play_to_member("conf-1", "member-1", "Hi"),
        "POST",
        f"{USER}/conferences/conf-1/members/member-1/audio",
        {"sentence": "Hi"},
    ),
]
FILES: list[Case] = [
    (lambda c: list(c.recordings.list(page=0, size=9)), "GET", f"{USER}/recordings", "page=0&size=9"),
    (lambda c: c.recordings.get("rec-1"), "GET", f"{USER}/recordings/rec-1", ""),
    (lambda c: c.recordings.delete("rec-1"), "DELETE", f"{USER}/recordings/rec-1", ""),
    (lambda c: c.recordings.transcribe("rec-1"), "POST", f"{USER}/recordings/rec-1/transcriptions", {}),
    (
        lambda c: list(c.recordings.transcriptions("rec-1", size=3)),
        "GET",
        f"{USER}/recordings/rec-1/transcriptions",
        "size=3",
    ),
    (
        lambda c: c.recordings.get_transcription("rec-1", "t-1"),
        "GET",
        f"{USER}/recordings/rec-1/transcriptions/t-1",
        "",
    ),
    (lambda c: list(c.media.list()), "GET", f"{USER}/media", ""),
    (
        lambda c: c.media.upload("a b/c.wav", b"RIFF", content_type="audio/wav"),
        "PUT",
        f"{USER}/media/a b/c.wav",
        b"RIFF",
    ),
    (lambda c: c.media.download("x.wav"), "GET", f"{USER}/media/x.wav", ""),
    (lambda c: c.media.size("x.wav"), "HEAD", f"{USER}/media/x.wav", ""),
    (lambda c: c.media.delete("x.wav"), "DELETE", f"{USER}/media/x.wav", ""),
]
NUMBERS: list[Case] = [
    (
        lambda c: c.applications.create(
            "Reception",
            incoming_call_url="http://a.test/",
            incoming_call_url_callback_timeout=5000,
            incoming_call_fallback_url="http://b.test/",
            incoming_message_url="http://m.test/",
            callback_http_method="get",
            auto_answer=False,
        ),
        "POST",
        f"{USER}/applications",
        {
            "name": "Reception",
            "incomingCallUrl": "http://a.test/",
            "incomingCallUrlCallbackTimeout": 5000,
            "incomingCallFallbackUrl": "http://b.test/",
            "incomingMessageUrl": "http://m.test/",
            "callbackHttpMethod": "get",
            "autoAnswer": False,
        },
    ),
    (lambda c: list(c.applications.list(size=1)), "GET", f"{USER}/applications", "size=1"),
    (lambda c: c.applications.get("a-1"), "GET", f"{USER}/applications/a-1", ""),
    (
        lambda c: c.applications.update("a-1", incoming_call_url=""),
        "POST",
        f"{USER}/applications/a-1",
        {"incomingCallUrl": ""},
    ),
    (lambda c: c.applications.delete("a-1"), "DELETE", f"{USER}/applications/a-1", ""),
    (
        lambda c: c.phone_numbers.create("+1", application_id="a-1", name="n", fallback_number="+2"),
        "POST",
        f"{USER}/phoneNumbers",
        {"number": "+1", "applicationId": "a-1", "name": "n", "fallbackNumber": "+2"},
    ),
    (
        lambda c: list(
            c.phone_numbers.list(
                application_id="a-1", state="NC", name="n", city="Cary", number_state="released", page=1, size=2
            )
        ),
        "GET",
        f"{USER}/phoneNumbers",
        "applicationId=a-1&state=NC&name=n&city=Cary&numberState=released&page=1&size=2",
    ),
    (lambda c: c.phone_numbers.get("+1919"), "GET", f"{USER}/phoneNumbers/+1919", ""),
    (
        lambda c: c.phone_numbers.update("n-1", application_id=""),
        "POST",
        f"{USER}/phoneNumbers/n-1",
        {"applicationId": ""},
    ),
    (lambda c: c.phone_numbers.delete("n-1"), "DELETE", f"{USER}/phoneNumbers/n-1", ""),
    (
        lambda c: list(
            c.available_numbers.search(
                area_code="919",
                local_number="555",
                in_local_calling_area=True,
                city="Cary",
                state="NC",
                zip_="27513",
                quantity=3,
                pattern="*9",
            )
        ),
        "GET",
        "/v1/availableNumbers/local",
        "city=Cary&state=NC&zip=27513&areaCode=919&localNumber=555&inLocalCallingArea=true&quantity=3&pattern=%2A9",
    ),
    (
        lambda c: c.available_numbers.order("tollFree", quantity=2),
        "POST",
        "/v1/availableNumbers/tollFree",
        "quantity=2",
    ),
    (lambda c: list(c.available_numbers.search("tollFree")), "GET", "/v1/availableNumbers/tollFree", ""),
    (lambda c: c.available_numbers.order(zip_="27513"), "POST", "/v1/availableNumbers/local", "zip=27513"),
    (lambda c: c.number_info.get("+1919"), "GET", "/v1/phoneNumbers/numberInfo/+1919", ""),
]
PHONES: list[Case] = [
    (
        lambda c: c.domains.create("office", description="d"),
        "POST",
        f"{USER}/domains",
        {"name": "office", "description": "d"},
    ),
    (lambda c: list(c.domains.list(page=3)), "GET", f"{USER}/domains", "page=3"),
    (lambda c: c.domains.get("rd-1"), "GET", f"{USER}/domains/rd-1", ""),
    (lambda c: c.domains.update("rd-1", description="d"), "POST", f"{USER}/domains/rd-1", {"description": "d"}),
    (lambda c: c.domains.delete("rd-1"), "DELETE", f"{USER}/domains/rd-1", ""),
    (
        lambda c: c.endpoints.create("rd-1", "desk", "secret1", description="d", application_id="a-1", enabled=True),
        "POST",
        f"{USER}/domains/rd-1/endpoints",
        {
            "name": "desk",
            "credentials": {"password": "secret1"},
            "description": "d",
            "applicationId": "a-1",
            "enabled": True,
        },
    ),
    (lambda c: list(c.endpoints.list("rd-1", size=2)), "GET", f"{USER}/domains/rd-1/endpoints", "size=2"),
    (lambda c: c.endpoints.get("rd-1", "re-1"), "GET", f"{USER}/domains/rd-1/endpoints/re-1", ""),
    (
        lambda c: c.endpoints.update("rd-1", "re-1", password="secret2", enabled=False),
        "POST",
        f"{USER}/domains/rd-1/endpoints/re-1",
        {"credentials": {"password": "secret2"}, "enabled": False},
    ),
    (lambda c: c.endpoints.delete("rd-1", "re-1"), "DELETE", f"{USER}/domains/rd-1/endpoints/re-1", ""),
    (
        lambda c: c.endpoints.create_token("rd-1", "re-1", expires=60),
        "POST",
        f"{USER}/domains/rd-1/endpoints/re-1/tokens",
        {"expires": 60},
    ),
    (
        lambda c: c.endpoints.delete_token("rd-1", "re-1", "tok"),
        "DELETE",
        f"{USER}/domains/rd-1/endpoints/re-1/tokens/tok",
        "",
    ),
]
ACCOUNT: list[Case] = [
    (lambda c: c.account.get(), "GET", f"{USER}/account", ""),
    (
        lambda c: list(
            c.account.transactions(
                max_items=3, from_date=NOON, to_date=NOON, type_="charge", number="+1", page=0, size=4
            )
        ),
        "GET",
        f"{USER}/account/transactions",
        "maxItems=3&fromDate=2016-03-02T12%3A00%3A00Z&toDate=2016-03-02T12%3A00%3A00Z&type=charge&number=%2B1"
        "&page=0&size=4",
    ),
    (lambda c: list(c.errors.list(page=1)), "GET", f"{USER}/errors", "page=1"),
    (lambda c: c.errors.get("ue-1"), "GET", f"{USER}/errors/ue-1", ""),
    (lambda c: next(c.events.stream(after=7)), "GET", f"{USER}/events/stream", ""),
]
WEBHOOKS: list[Case] = [
    (lambda c: list(c.webhooks.deliveries("c-1")), "GET", f"{USER}/calls/c-1/deliveries", ""),
    (lambda c: c.webhooks.get_delivery("c-1", "ce-1"), "GET", f"{USER}/calls/c-1/deliveries/ce-1", ""),
    (lambda c: c.webhooks.deliver_again("c-1", "ce-1"), "POST", f"{USER}/calls/c-1/deliveries/ce-1", ""),
    (lambda c: c.webhooks.get_secret(), "GET", f"{USER}/webhookSecret", ""),
    (lambda c: c.webhooks.change_secret(), "POST", f"{USER}/webhookSecret", ""),
]
CASES = [*CALLS, *GROUPS, *FILES, *NUMBERS, *PHONES, *ACCOUNT, *WEBHOOKS]


class Seen(Exception):
    """The request has been looked at: there is nothing to answer."""


def send(use: Callable[[Client], Any]) -> httpx.Request:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        raise Seen

    transport = httpx.MockTransport(answer)
    with Client(BASE, "u-fiction", "t-one", "s-one", transport=transport) as client, pytest.raises(Seen):
        use(client)
    (request,) = seen
    return request


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[1]} {case[2]}")
def test_a_method_sends(case: Case) -> None:
    use, method, path, sent = case
    request = send(use)
    assert (request.method, request.url.path) == (method, path)
    assert request.headers["authorization"] == "Basic dC1vbmU6cy1vbmU="
    if isinstance(sent, bytes):
        assert (request.content, request.headers["content-type"]) == (sent, "audio/wav")
    elif isinstance(sent, dict):
        assert (json.loads(request.content), request.url.query) == (sent, b"")
        assert request.headers["content-type"] == "application/json"
    else:
        assert parse_qsl(request.url.query.decode()) == parse_qsl(sent)
        assert request.content == b""


def test_a_place_to_go_on_from_is_sent() -> None:
    assert send(lambda c: next(c.events.stream(after=7))).headers["last-event-id"] == "7"
    assert "last-event-id" not in send(lambda c: next(c.events.stream())).headers


@pytest.mark.parametrize(
    "use",
    [
        lambda c: c.calls.create("+1", "+2", idempotency_key="k"),
        lambda c: c.calls.answer("c-1", idempotency_key="k"),
        lambda c: c.calls.transfer("c-1", "+2", idempotency_key="k"),
        lambda c: c.calls.say("c-1", "Hi", idempotency_key="k"),
        lambda c: c.calls.gather("c-1", idempotency_key="k"),
        lambda c: c.bridges.create(idempotency_key="k"),
        lambda c: c.conferences.add_member("conf-1", "c-1", idempotency_key="k"),
        lambda c: c.available_numbers.order(idempotency_key="k"),
        lambda c: c.applications.delete("a-1", idempotency_key="k"),
        lambda c: c.phone_numbers.delete("n-1", idempotency_key="k"),
        lambda c: c.domains.delete("rd-1", idempotency_key="k"),
        lambda c: c.endpoints.delete("rd-1", "re-1", idempotency_key="k"),
        lambda c: c.endpoints.create_token("rd-1", "re-1", idempotency_key="k"),
        lambda c: c.endpoints.delete_token("rd-1", "re-1", "et-1", idempotency_key="k"),
        lambda c: c.recordings.delete("rec-1", idempotency_key="k"),
        lambda c: c.media.upload("x", b"x", idempotency_key="k"),
        lambda c: c.media.delete("x", idempotency_key="k"),
    ],
)
def test_an_idempotency_key_is_a_header(use: Callable[[Client], Any]) -> None:
    assert send(use).headers["idempotency-key"] == "k"


def test_ids_cannot_lead_elsewhere() -> None:
    assert send(lambda c: c.calls.get("../account?x")).url.raw_path == f"{USER}/calls/..%2Faccount%3Fx".encode()


async def test_there_is_a_method_for_everything_that_is_served(tmp_path: Path) -> None:
    app = (await make_world(tmp_path)).app
    routes = [
        (method, route.path, route.path_regex)
        for route in app.routes
        if isinstance(route, Route) and route.path.startswith("/v1/") and route.include_in_schema
        for method in route.methods or ()
    ]
    covered = {
        (method, path)
        for _, used_method, used_path, _ in CASES
        for method, path, pattern in routes
        if method == used_method and pattern.match(used_path)
    }
    nothing = {(operation.method, operation.root + operation.path) for operation in OPERATIONS if operation.is_empty}
    covered |= nothing
    assert sorted({(method, path) for method, path, _ in routes} - covered) == []
