"""The client as its users see it: results, pages, errors and streams, blocking and awaited alike."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from support.api_world import CALL_ID, NEW_CALL_ID, NUMBER, OTHER_NUMBER, START, ApiWorld, make_world
from trebuchet.base.ids import CallId
from trebuchet.client import (
    ApiError,
    AsyncClient,
    BadRequest,
    Client,
    Conflict,
    Forbidden,
    NotFound,
    RateLimited,
    ServerError,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
    feed,
    results,
)
from trebuchet.client.values import from_wire, wire_name
from trebuchet.model.call import CallState

BASE = "http://voice.example.test"
CALL = {
    "id": "c-1",
    "direction": "in",
    "from": "+1",
    "to": "+2",
    "state": "started",
    "startTime": "2016-03-02T10:00:00Z",
    "recordingEnabled": False,
    "somethingNew": 1,
}


def blocking(answer: Callable[[httpx.Request], httpx.Response]) -> Client:
    return Client(BASE, "u-1", "t", "s", transport=httpx.MockTransport(answer))


def awaiting(answer: Callable[[httpx.Request], httpx.Response]) -> AsyncClient:
    return AsyncClient(BASE, "u-1", "t", "s", transport=httpx.MockTransport(answer))


@pytest.fixture
async def world(tmp_path: Path) -> ApiWorld:
    return await make_world(tmp_path)


@pytest.fixture
async def client(world: ApiWorld) -> AsyncIterator[AsyncClient]:
    """On the real API, in memory."""
    async with AsyncClient(
        "http://api.example.test:8080", "u-fiction", "t-one", "s-one", transport=httpx.ASGITransport(world.app)
    ) as client:
        yield client


# results


async def test_a_call_reads_as_python(world: ApiWorld, client: AsyncClient) -> None:
    await world.add_call(tag="t", sip_headers={"X-A": "b"})
    call = await client.calls.get(CALL_ID)
    assert (call.id, call.direction, call.from_, call.to) == (CALL_ID, "in", OTHER_NUMBER, NUMBER)
    assert call.start_time == START.replace(microsecond=0)
    assert (call.state, call.active_time, call.tag, call.sip_headers) == ("started", None, "t", {"X-A": "b"})
    assert call.raw["recordingFileFormat"] == "wav"


async def test_commands_reach_call_control(world: ApiWorld, client: AsyncClient) -> None:
    await world.add_call(state=CallState.ANSWERED)
    assert await client.calls.create(NUMBER, OTHER_NUMBER, tag="t") == NEW_CALL_ID
    assert await client.calls.transfer(CALL_ID, to=OTHER_NUMBER, whisper="Hello") == NEW_CALL_ID
    await client.calls.hangup(CALL_ID)
    transferred, hung_up = world.calls.updated
    assert transferred.transfer is not None and transferred.transfer.to == OTHER_NUMBER
    assert hung_up.state is CallState.ENDED


def test_what_is_new_to_the_client_does_no_harm() -> None:
    with blocking(lambda request: httpx.Response(200, json=CALL)) as client:
        call = client.calls.get("c-1")
    assert call.start_time == datetime(2016, 3, 2, 10, tzinfo=UTC)
    assert call.raw["somethingNew"] == 1


def test_an_object_without_what_it_must_have_is_no_result() -> None:
    with (
        blocking(lambda request: httpx.Response(200, json={"id": "c-1"})) as client,
        pytest.raises(UnexpectedAnswer, match="direction"),
    ):
        client.calls.get("c-1")


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"7"])
def test_another_program_at_the_address_is_noticed(answer: bytes) -> None:
    with blocking(lambda request: httpx.Response(200, content=answer)) as client, pytest.raises(UnexpectedAnswer):
        client.calls.get("c-1")
    with blocking(lambda request: httpx.Response(201)) as client, pytest.raises(UnexpectedAnswer):
        client.calls.create("+1", "+2")


def test_nested_results_are_read() -> None:
    wire = {
        "id": "re-1", "name": "desk", "enabled": True, "sipUri": "sip:desk@office.test",
        "credentials": {"realm": "office.test", "username": "desk"},
    }  # fmt: skip
    endpoint = from_wire(results.Endpoint, wire)
    assert (endpoint.credentials.realm, endpoint.credentials.username) == ("office.test", "desk")
    error = from_wire(
        results.UserError,
        {"id": "ue-1", "time": "2016-03-02T10:00:00Z", "category": "c", "code": "d", "message": "m",
         "details": [{"id": "ued-1", "name": "callId", "value": "c-1"}]},
    )  # fmt: skip
    assert [(detail.name, detail.value) for detail in error.details] == [("callId", "c-1")]
    recording = from_wire(
        results.Recording,
        {"id": "rec-1", "call": "http://x/calls/c-1", "media": "http://x/media/a%20b.wav", "state": "complete",
         "startTime": "2016-03-02T10:00:00Z"},
    )  # fmt: skip
    assert (recording.call_id, recording.media_name) == ("c-1", "a b.wav")


async def test_results_know_every_property_that_the_server_shows(world: ApiWorld) -> None:
    """URLs of other resources aside, which have methods instead."""
    schemas = world.app.openapi()["components"]["schemas"]
    links = {"bridge", "conference", "events", "recordings", "transcriptions", "application", "endpoints", "calls"}
    aliases = {"endpointsUrl", "messageApiVersion", "whisperAudio"}
    for cls in (results.Call, results.CallEvent, results.Recording, results.Application, results.PhoneNumber):
        shown = set(schemas[f"{cls.__name__}Resource"]["properties"])
        known = {wire_name(field.name) for field in fields(cls)}
        rest = {name for name in shown - known - links - aliases if "Message" not in name and "Sms" not in name}
        assert not rest, cls


# pages


def paged(request: httpx.Request) -> httpx.Response:
    page = int(request.url.params.get("page", 0))
    items = [CALL | {"id": f"c-{page}-{place}"} for place in range(2)]
    elsewhere = f'<http://elsewhere.test/v1/other?from=%2B1&page={page + 1}&size=2>; rel="next"'
    assert request.url.host == "voice.example.test" and request.url.path == "/v1/users/u-1/calls"
    assert request.url.params["from"] == "+1"
    return httpx.Response(200, json=items, headers={"link": elsewhere} if page < 2 else {})


def test_a_list_goes_on_over_all_pages_and_never_to_another_host() -> None:
    with blocking(paged) as client:
        found = [call.id for call in client.calls.list(from_="+1", size=2)]
    assert found == ["c-0-0", "c-0-1", "c-1-0", "c-1-1", "c-2-0", "c-2-1"]


async def test_a_list_is_awaited_likewise() -> None:
    async with awaiting(paged) as client:
        found = [call.id async for call in client.calls.list(from_="+1", size=2)]
    assert found == ["c-0-0", "c-0-1", "c-1-0", "c-1-1", "c-2-0", "c-2-1"]


async def test_pages_of_the_real_api(world: ApiWorld, client: AsyncClient) -> None:
    for place in range(5):
        await world.add_call(id=CallId(f"c-{place}"))
    assert [call.id async for call in client.calls.list(size=2)] == ["c-4", "c-3", "c-2", "c-1", "c-0"]


def test_pages_are_fetched_when_they_are_reached() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return paged(request)

    with blocking(answer) as client:
        calls = client.calls.list(from_="+1")
        assert not asked
        next(calls), next(calls)
        assert len(asked) == 1
        next(calls)
    assert len(asked) == 2


# errors


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest), (401, Unauthorized), (403, Forbidden), (404, NotFound), (409, Conflict), (413, BadRequest),
        (422, BadRequest), (429, RateLimited), (500, ServerError), (503, ServerError),
    ],
)  # fmt: skip
def test_each_status_has_its_exception(status: int, kind: type[ApiError]) -> None:
    body = {
        "category": "cat", "code": "some-code", "message": "It said no",
        "details": [{"name": "callId", "value": "c-1"}, {"name": "requestMethod", "value": "GET"}],
    }  # fmt: skip
    headers = {"retry-after": "5", "x-ratelimit-reset": "1479308598680"}
    with (
        blocking(lambda request: httpx.Response(status, json=body, headers=headers)) as client,
        pytest.raises(ApiError) as caught,
    ):
        client.calls.get("c-1")
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.code, error.message, error.category) == (status, "some-code", "It said no", "cat")
    assert (error.detail("callId"), error.detail("nope")) == ("c-1", None)
    assert error.retry_after_s == 5
    assert str(error) == f"It said no ({status} some-code)"
    if isinstance(error, RateLimited):
        assert error.reset_at == datetime(2016, 11, 16, 15, 3, 18, 680000, tzinfo=UTC)


async def test_errors_of_the_real_api(client: AsyncClient) -> None:
    with pytest.raises(NotFound) as missing:
        await client.calls.get("c-nope")
    assert (missing.value.code, missing.value.detail("callId")) == ("call-not-found", "c-nope")
    with pytest.raises(BadRequest) as wrong:
        await client.calls.create("12", "+2")
    assert wrong.value.code == "validation-error"


async def test_wrong_credentials(world: ApiWorld) -> None:
    transport = httpx.ASGITransport(world.app)
    async with AsyncClient(BASE, "u-fiction", "t-one", "wrong", transport=transport) as client:
        with pytest.raises(Unauthorized):
            await client.account.get()


def test_an_error_of_a_proxy_is_no_error_of_the_api() -> None:
    with (
        blocking(lambda request: httpx.Response(502, text="<html>bad gateway")) as client,
        pytest.raises(UnexpectedAnswer, match="502"),
    ):
        client.account.get()


async def test_no_answer_is_unreachable() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("too slow", request=request)

    with blocking(answer) as client, pytest.raises(Unreachable, match="too slow"):
        client.account.get()
    async with awaiting(answer) as client_:
        with pytest.raises(Unreachable, match=r"voice\.example\.test"):
            await client_.account.get()


# files


def test_media_are_bytes() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "HEAD":
            return httpx.Response(200, headers={"content-length": "44"})
        return httpx.Response(200, content=b"RIFF\x00\xff")

    with blocking(answer) as client:
        assert client.media.download("x.wav") == b"RIFF\x00\xff"
        assert client.media.size("x.wav") == 44


# streams


def event(position: int) -> bytes:
    data = json.dumps(
        {
            "position": position,
            "id": f"ce-{position}",
            "time": "2016-03-02T10:00:00Z",
            "name": "answer",
            "callId": "c-1",
        }
    )
    return f"id: {position}\ndata: {data}\n\n".encode()


class Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A stream that gives pieces and then breaks."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self.pieces
        raise httpx.ReadError("broken")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        raise httpx.ReadError("broken")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "FIRST_WAIT_S", 0.0)


class Streams:
    """Serves these answers one after the other, and remembers from where each was asked for."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[str | None] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.headers.get("last-event-id"))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def streams() -> Streams:
    return Streams(
        httpx.Response(200, stream=Broken(b"retry: 1\nid: 6\n\n")),
        httpx.Response(200, stream=Broken(b":\n\n", event(7), event(8)[:20])),
        httpx.ConnectError("away"),
        httpx.Response(503, json={"message": "later", "code": "internal-error"}),
        httpx.Response(200, stream=Broken(b"id: 7\n\n", event(8))),
    )


@pytest.mark.usefixtures("quick")
def test_a_stream_goes_on_where_it_broke() -> None:
    served = streams()
    with blocking(served) as client:
        following = client.events.stream()
        assert [next(following).position for _ in range(2)] == [7, 8]
    assert served.asked == [None, "6", "7", "7", "7"]


@pytest.mark.usefixtures("quick")
async def test_an_awaited_stream_goes_on_likewise() -> None:
    served = streams()
    async with awaiting(served) as client:
        following = client.events.stream(after=5)
        first, second = await anext(following), await anext(following)
        await following.aclose()  # type: ignore[attr-defined]  # it is a generator
    assert (first.position, second.id, second.call_id) == (7, "ce-8", "c-1")
    assert served.asked == ["5", "6", "7", "7", "7"]


def test_a_stream_that_is_refused_ends() -> None:
    served = Streams(httpx.Response(401, json={"message": "no", "code": "access-denied"}))
    with blocking(served) as client, pytest.raises(Unauthorized):
        next(client.events.stream())


def test_waits_between_attempts_grow_to_a_limit_and_start_anew() -> None:
    reader = feed.FeedReader(None)
    waits = [reader.next_wait_s() for _ in range(8)]
    assert waits == [0.5, 1, 2, 4, 8, 10, 10, 10]
    assert list(reader.take(b"id: 3\r\ndata: a\ndata:b\n")) == []
    assert list(reader.take(b"\n")) == [b"a\nb"]
    assert (reader.last_id, reader.next_wait_s()) == ("3", 0.5)


def test_both_clients_have_the_same_methods() -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(200))
    names = []
    for client in (Client(BASE, "u", "t", "s"), AsyncClient(BASE, "u", "t", "s", transport=transport)):
        groups = {name: value for name, value in vars(client).items() if not name.startswith("_")}
        names.append({(name, method) for name, value in groups.items() for method in dir(value) if method[0] != "_"})
    assert names[0] == names[1]
    assert ("calls", "transfer") in names[0] and len(names[0]) > 70


def test_a_stream_is_read_whatever_its_pieces_are() -> None:
    """Also where a text holds what other formats take for the end of a line."""
    sent = 'id: 1\ndata: "a\u2028b\x85cé"\n\n:\n\nid: 2\n\ndata: "d"\n\n'.encode()
    for size in range(1, len(sent) + 1):
        reader = feed.FeedReader(None)
        pieces = [sent[start : start + size] for start in range(0, len(sent), size)]
        found = [json.loads(data) for piece in pieces for data in reader.take(piece)]
        assert found == ["a\u2028b\x85cé", "d"]
        assert reader.last_id == "2"


def test_a_stream_without_lines_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "MAX_LINE_BYTES", 100)
    reader = feed.FeedReader(None)
    assert list(reader.take(b"x" * 100)) == []
    with pytest.raises(UnexpectedAnswer):
        list(reader.take(b"x"))


async def test_a_stream_that_cannot_be_opened_at_all_says_so() -> None:
    with blocking(Streams(httpx.ConnectError("nobody there"))) as client, pytest.raises(Unreachable, match="nobody"):
        next(client.events.stream())
    full = httpx.Response(503, json={"message": "full", "code": "internal-error"}, headers={"retry-after": "5"})
    async with awaiting(Streams(full)) as client_:
        with pytest.raises(ServerError):
            await anext(client_.events.stream())


@pytest.mark.usefixtures("quick")
def test_a_proxy_whose_server_restarts_does_not_end_a_stream() -> None:
    served = Streams(
        httpx.Response(200, stream=Broken(event(7))),
        httpx.Response(502, text="<html>bad gateway"),
        httpx.Response(200, stream=Broken(event(8))),
    )
    with blocking(served) as client:
        following = client.events.stream()
        assert [next(following).position for _ in range(2)] == [7, 8]
    assert served.asked == [None, "7", "7"]
