"""What the Ruby, Java and C# clients put on the wire, request by request as documented for them, on live calls; and
what each of them does with the answers."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from support.hearing import phase_names
from support.server import SECRET, TOKEN, USER
from support.stage import Stage, talk

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALICE_HZ, BOB_HZ = 700.0, 1100.0


def read_ruby(response: httpx.Response, _: str) -> Any:
    """Everything that is not empty is parsed as JSON, also errors; ids are what follows the last slash."""
    return response.json() if response.content else None


def read_java(response: httpx.Response, base: str) -> Any:
    """A text with `access-denied` in it is an error; times have no fractions."""
    assert "access-denied" not in response.text or response.status_code >= 400
    value = response.json() if response.content else None
    for name in ("startTime", "activeTime", "endTime"):
        if isinstance(value, dict) and name in value:
            assert len(value[name]) == len("2016-03-02T10:00:00Z")
    return value


def read_csharp(response: httpx.Response, _: str) -> Any:
    """The content type of an answer to GET is read unconditionally; enumerations are never null or empty."""
    if response.request.method == "GET":
        assert response.headers["content-type"].partition(";")[0] == "application/json"
    value = response.json() if response.content else None
    if isinstance(value, dict):
        assert all(member not in (None, "") for member in value.values())
    return value


@dataclass
class Replay:
    """One of the clients."""

    name: str
    http: httpx.AsyncClient
    base: str
    read: Callable[[httpx.Response, str], Any]

    async def send(self, method: str, path: str, body: Any = None, *, status: int = 200, **more: Any) -> httpx.Response:
        """A request below the user. Bodies are JSON, exactly these keys."""
        url = path if path.startswith("http") else self.base + path
        response = await self.http.request(method, url, json=body, **more)
        assert response.status_code == status, response.text
        self.read(response, self.base)
        return response

    async def get(self, path: str, **query: Any) -> Any:
        return self.read(await self.send("GET", path, params=query or None), self.base)

    def id_in(self, response: httpx.Response) -> str:
        """How this client finds the new id."""
        location = response.headers["location"]
        if self.name == "java":
            assert location.startswith(f"{self.base}/calls/")
            return str(location[len(f"{self.base}/calls/") :])
        if self.name == "c#":
            assert urlsplit(location).scheme == "http"
            return str(urlsplit(location).path.rsplit("/", 1)[1])
        return str(location.rsplit("/", 1)[1])


RUBY = {"Accept": "application/json", "User-Agent": "ruby-bandwidth/v3.0.1"}
JAVA = {
    "Accept": "application/json",
    "Accept-Charset": "utf-8",
    "User-Agent": "Apache-HttpClient/4.3.6 (java 1.5)",
}
CSHARP = {"User-Agent": "csharp-bandwidth/v4.1"}
CLIENTS = {"ruby": (RUBY, read_ruby), "java": (JAVA, read_java), "c#": (CSHARP, read_csharp)}


@pytest_asyncio.fixture(loop_scope="module", params=list(CLIENTS))
async def replay(stage: Stage, request: pytest.FixtureRequest) -> AsyncIterator[Replay]:
    headers, read = CLIENTS[request.param]
    async with httpx.AsyncClient(headers=headers, auth=(TOKEN, SECRET), timeout=20) as http:
        yield Replay(request.param, http, stage.server.user_url, read)


@pytest_asyncio.fixture(loop_scope="module")
async def ruby(stage: Stage) -> AsyncIterator[Replay]:
    async with httpx.AsyncClient(headers=RUBY, auth=(TOKEN, SECRET), timeout=20) as http:
        yield Replay("ruby", http, stage.server.user_url, read_ruby)


@pytest_asyncio.fixture(loop_scope="module")
async def java(stage: Stage) -> AsyncIterator[Replay]:
    async with httpx.AsyncClient(headers=JAVA, auth=(TOKEN, SECRET), timeout=20) as http:
        yield Replay("java", http, stage.server.user_url, read_java)


@pytest_asyncio.fixture(loop_scope="module")
async def csharp(stage: Stage) -> AsyncIterator[Replay]:
    async with httpx.AsyncClient(headers=CSHARP, auth=(TOKEN, SECRET), timeout=20) as http:
        yield Replay("c#", http, stage.server.user_url, read_csharp)


async def test_answer_and_hangup_and_the_read_that_follows(stage: Stage, replay: Replay) -> None:
    async with stage.sipp("caller_stays") as caller:
        call_id = await stage.call_from_sipp(caller, await stage.number())
        await replay.send("POST", f"/calls/{call_id}", {"state": "active"})
        assert (await replay.get(f"/calls/{call_id}"))["state"] == "active"
        await replay.send("POST", f"/calls/{call_id}", {"state": "completed"})
        assert (await replay.get(f"/calls/{call_id}"))["state"] == "completed"
        await caller.finish()


async def test_reject(stage: Stage, replay: Replay) -> None:
    async with stage.sipp("caller_refused_603") as caller:
        call_id = await stage.call_from_sipp(caller, await stage.number())
        await replay.send("POST", f"/calls/{call_id}", {"state": "rejected"})
        assert (await replay.get(f"/calls/{call_id}"))["state"] == "rejected"
        await caller.finish()


async def test_recording_on_and_off(stage: Stage, replay: Replay) -> None:
    on = {"ruby": True, "java": "true", "c#": True}[replay.name]
    off: dict[str, Any] = {"ruby": {"recordingEnabled": False}, "java": {"recordingEnabled": "false"}, "c#": {}}
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await alice.wait_for("CALL_ESTABLISHED")
        await replay.send("POST", f"/calls/{call_id}", {"recordingEnabled": on})
        assert (await replay.get(f"/calls/{call_id}"))["recordingEnabled"] is True
        await talk(alice, seconds=0.6)
        await replay.send("POST", f"/calls/{call_id}", off[replay.name])
        is_off = replay.name != "c#"  # which leaves the key out, so that nothing changes
        assert (await replay.get(f"/calls/{call_id}"))["recordingEnabled"] is not is_off
        await alice.hang_up()
    await stage.recording(call_id)
    (recording,) = await replay.get(f"/calls/{call_id}/recordings")
    assert phase_names(await stage.audio(recording["media"]), alice=ALICE_HZ) == ["alice"]


async def test_transfer(stage: Stage, replay: Replay) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice, stage.phone("bob", BOB_HZ) as bob:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await stage.web.wait_for("answer", callId=call_id)
        body = {"state": "transferring", "transferTo": bob.uri, "callbackUrl": stage.web.url}
        response = await replay.send("POST", f"/calls/{call_id}", body, status=201)
        assert (await replay.get(f"/calls/{call_id}"))["state"] == "transferring"
        new_id = replay.id_in(response)
        assert (await replay.get(f"/calls/{new_id}"))["to"] == bob.uri
        await bob.accept()
        await stage.server.wait_for_state(call_id, "active")
        await talk(alice, bob, seconds=0.5)
        await replay.send("POST", f"/calls/{call_id}", {"state": "completed"})
        await bob.wait_for("CALL_CLOSED")
    assert phase_names(bob.heard(), alice=ALICE_HZ, bob=BOB_HZ) == ["alice"]


SPOKEN: dict[str, dict[str, Any]] = {
    "ruby": {"gender": "female", "locale": "en_US", "voice": "kate", "sentence": "Hello there", "tag": None},
    "java": {"sentence": "Hello there", "voice": "kate", "gender": "female", "locale": "en_US", "tag": "hi"},
    "c#": {"sentence": "Hello there", "voice": "susan", "locale": "en_US"},
}
GATHERS: dict[str, dict[str, Any]] = {
    "ruby": {
        "tag": "pin", "maxDigits": 1,
        "prompt": {"locale": "en_US", "gender": "female", "sentence": "Press", "voice": "kate", "bargeable": True},
    },
    "java": {
        "maxDigits": "1", "interDigitTimeout": "9", "terminatingDigits": "*", "suppressDtmf": "false", "tag": "pin",
        "prompt": {"sentence": "Press", "gender": "female", "voice": "kate", "locale": "en_US", "bargeable": "true"},
    },
    "c#": {"maxDigits": "1", "tag": "pin"},
}  # fmt: skip


async def test_audio_and_digits(stage: Stage, replay: Replay) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await alice.wait_for("CALL_ESTABLISHED")
        await replay.send("POST", f"/calls/{call_id}/audio", SPOKEN[replay.name] | {"loopEnabled": "true"})
        await stage.web.wait_for("speak", callId=call_id, status="started")
        await replay.send("POST", f"/calls/{call_id}/audio", {"sentence": ""})
        await stage.web.wait_for("speak", callId=call_id, status="done")
        await replay.send("POST", f"/calls/{call_id}/audio", {"fileUrl": ""}, status=403)
        await replay.send("POST", f"/calls/{call_id}/dtmf", {"dtmfOut": "5"})
        await alice.wait_until(lambda: alice.keys() == "5")
        created = await replay.send("POST", f"/calls/{call_id}/gather", GATHERS[replay.name], status=201)
        path = f"/calls/{call_id}/gather/{created.headers['location'].rsplit('/', 1)[1]}"
        await alice.press("8")
        await stage.web.wait_for("gather", callId=call_id, digits="8", tag="pin")
        assert (await replay.get(path))["state"] == "completed"
        await replay.send("POST", path, {"state": "completed"})
        await alice.hang_up()


async def test_java_creates_a_call_without_callback(stage: Stage, java: Replay) -> None:
    number = await stage.number()
    async with stage.phone("bob", BOB_HZ) as bob:
        body = {"to": bob.uri, "from": number, "callbackUrl": "none", "tag": None}
        response = await java.send("POST", "/calls", body, status=201)
        call = await java.get(f"/calls/{java.id_in(response)}")
        assert "callbackUrl" not in call and "tag" not in call
        await bob.accept()
        await stage.server.wait_for_state(call["id"], "active")
        await java.send("POST", f"/calls/{call['id']}", {"state": "completed"})
        await bob.wait_for("CALL_CLOSED")
    assert stage.web.events(call["id"]) == []


async def test_java_sends_a_locale_that_breaks_its_own_json(stage: Stage, java: Replay) -> None:
    async with stage.sipp("caller_stays") as caller:
        call_id = await stage.call_from_sipp(caller, await stage.number(autoAnswer=True))
        await stage.web.wait_for("answer", callId=call_id)
        text = '{"state":"transferring","transferTo":"sip:b@127.0.0.1","whisperAudio":{"sentence":"Hi","locale":EN_US}}'
        response = await java.http.post(f"{java.base}/calls/{call_id}", content=text)
        assert (response.status_code, response.json()["code"]) == (400, "validation-error")
        assert (await stage.server.call(call_id))["state"] == "active"
        await java.send("POST", f"/calls/{call_id}", {"state": "completed"})
        await caller.finish()


async def test_java_turns_pages_by_itself(stage: Stage, java: Replay) -> None:
    names = {f"java {n}" for n in range(30)}
    made = []
    for name in sorted(names):
        body = {"name": name, "incomingCallUrl": stage.web.url, "autoAnswer": "false", "callbackHttpMethod": "post"}
        made.append((await java.send("POST", "/applications", body, status=201)).headers["location"])
    assert (await java.get(made[0]))["autoAnswer"] is False
    found: list[str] = []
    page = 0
    while True:
        response = await java.send("GET", "/applications", params={"page": page, "size": 25})
        found += [application["name"] for application in response.json()]
        if 'rel="next"' not in response.headers.get("link", ""):
            break
        page += 1
    assert page >= 1 and names <= set(found)
    for location in made:
        await java.send("DELETE", location)


async def test_ruby_asks_for_media_with_head_and_a_body(stage: Stage, ruby: Replay) -> None:
    async with stage.phone("alice", ALICE_HZ) as alice:
        call_id = await stage.call_from(alice, await stage.number(autoAnswer=True))
        await ruby.send("POST", f"/calls/{call_id}", {"recordingEnabled": True})
        await talk(alice, seconds=0.5)
        await alice.hang_up()
    recording = await stage.recording(call_id)
    head = await ruby.send("HEAD", recording["media"], {})
    whole = await ruby.http.get(recording["media"])
    assert (head.headers["content-type"], head.content) == ("audio/wav", b"")
    assert int(head.headers["content-length"]) == len(whole.content)


async def test_ruby_parses_every_error(stage: Stage, ruby: Replay) -> None:
    for method, path, status in (
        ("POST", "/calls/c-nope", 404), ("GET", "/nothing", 404), ("PUT", "/calls", 405),
        ("GET", "/calls?size=-1", 400),
    ):  # fmt: skip
        response = await ruby.send(method, path, {} if method != "GET" else None, status=status)
        assert set(response.json()) == {"category", "code", "message", "details"}


async def test_ruby_and_csharp_number_paths(stage: Stage, ruby: Replay, csharp: Replay) -> None:
    number = await stage.number()
    for path in (number, number.replace("+", "%2B"), number.replace("+", "%20")):
        for client in (ruby, csharp):
            assert (await client.get(f"/phoneNumbers/{path}"))["number"] == number


async def test_csharp_writes_enumerations_in_its_own_way(stage: Stage, csharp: Replay) -> None:
    number = await stage.number()
    async with stage.phone("bob", BOB_HZ) as bob:
        body = {
            "from": number, "to": bob.uri, "callbackUrl": stage.web.url, "callbackHttpMethod": "get",
            "recordingEnabled": True, "recordingFileFormat": "Mp3",
        }  # fmt: skip
        response = await csharp.send("POST", "/calls", body, status=201)
        call_id = csharp.id_in(response)
        call = await csharp.get(f"/calls/{call_id}")
        assert (call["callbackHttpMethod"], call["recordingFileFormat"]) == ("get", "mp3")
        await bob.accept()
        request = await stage.web.wait_for_request("answer", callId=call_id)
        assert request.method == "GET"
        await csharp.send("POST", f"/calls/{call_id}", {"state": "completed"})
        await bob.wait_for("CALL_CLOSED")
    listed = await csharp.get("/calls", **{"from": number, "sortOrder": "Desc", "size": 0})
    assert [each["id"] for each in listed] == [call_id]
    events = await csharp.get(f"/calls/{call_id}/events")
    assert [event["name"] for event in events][:2] == ["create", "answer"]
    assert USER in call["events"]
