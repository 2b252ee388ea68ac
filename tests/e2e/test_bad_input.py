"""What a client or an application does wrongly, on live calls: the documented error, nothing changed, nothing sent."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from support.canary import Canary
from support.ports import free_port
from support.server import USER, Answer
from support.stage import Stage
from trebuchet.sim.app import Received

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAX_DOWNLOAD = 100_000
DOWNLOAD_LIMIT_S = 1.0
STRANGER = ("u-stranger", "t-stranger", "s-stranger")


@pytest.fixture(scope="module")
def server_environment() -> dict[str, str]:
    return {
        "TREBUCHET_PROMPTS_MAX_DOWNLOAD_BYTES": str(MAX_DOWNLOAD),
        "TREBUCHET_PROMPTS_DOWNLOAD_LIMIT_S": str(DOWNLOAD_LIMIT_S),
    }


@pytest.fixture(scope="module")
def server_arguments() -> tuple[str, ...]:
    return ("--trunk", f"sip:127.0.0.1:{TRUNK_PORT}")


TRUNK_PORT = free_port()
"""Nobody listens there; numbers can be dialled, so that only the error in the request stops them."""


@dataclass(frozen=True)
class Bad:
    """A wrong request and what is said about it."""

    body: Any
    status: int
    code: str
    message: str | None = None


def bad(code: str, *bodies: Any, status: int = 400, message: str | None = None) -> list[Bad]:
    return [Bad(body, status, code, message) for body in bodies]


def transfers(**values: list[Any]) -> list[dict[str, Any]]:
    """Transfers to a good number with one key wrong, for each wrong value of it."""
    good = {"state": "transferring", "transferTo": "+15550177777"}
    return [good | {key: value} for key, wrong in values.items() for value in wrong]


MISSING = "The 'call' resource property '{0}' is required but was not specified"
UNPRINTABLE = ["sip:bob@127.0.0.1\r\nX-Evil: 1", "sip:b\nob@127.0.0.1", "sip:bob@127.0.0.1\0", "+1555\r\n0177777"]

WRONG_UPDATES = [
    *bad(
        "validation-error",
        "", "null", "[]", '"active"', "4711", '{"state":', '{"state":"completed"} and more', "{'state':'completed'}",
        '{"state":"completed",}', "[" * 5000, '{"a":' * 5000,
        message="Bad parameters",
    ),
    *bad("validation-error", *({"state": state} for state in ("started", "hung up", 5, ["completed"], ""))),
    *bad(
        "validation-error",
        {"recordingEnabled": 1}, {"recordingEnabled": "yes"}, {"recordingEnabled": {}},
        {"recordingMaxDuration": "long"},
        {"recordingMaxDuration": 1.5}, {"recordingMaxDuration": True}, {"recordingMaxDuration": 0},
        {"recordingMaxDuration": -1}, {"recordingFileFormat": "ogg"}, {"recordingFileFormat": 3},
    ),
    *bad(
        "maximum-recording-value-request", {"recordingMaxDuration": 3601}, status=403,
        message="Recording call maximum duration cannot exceed 3600 seconds.",
    ),
    *bad(
        "missing-property", {"state": "transferring"}, {"state": "transferring", "transferTo": None},
        message=MISSING.format("transferTo"),
    ),
    *bad("blank-property", *transfers(transferTo=["", "  "])),
    *bad(
        "validation-error",
        *transfers(transferTo=[
            "911", "15550177777", "+0123", "+1 555 017 7777", "+1234567890123456", "tel:+15550177777", "bob@127.0.0.1",
            "sips:bob@127.0.0.1", "sip:127.0.0.1", "sip:bob@127.0.0.1?X-Evil=1", "sip:bob@[::1", 5, {},
            ["+15550177777"],
            *UNPRINTABLE,
        ]),
        message="Invalid phone number",
    ),
    *bad("validation-error", *transfers(transferCallerId=["+15559999999", "somebody", "", "+1\r\n5", *UNPRINTABLE])),
    *bad(
        "callback-invalid-url",
        *transfers(callbackUrl=["ftp://a.example/", "/events", "http://", "http://a.example/\r\nX: 1", 5]),
    ),
    *bad("validation-error", *transfers(diversionTreatment=["perhaps", 1], diversionReason=["because", {}])),
    *bad("validation-error", *transfers(tag=["a\0b"])),
    *bad("invalid-call-to-number", *transfers(transferTo=["sip:bob@192.0.2.1", "sip:bob@pbx.example"]), status=403),
    *bad("missing-property", *transfers(whisperAudio=[{}, {"gender": "female"}, {"sentence": ""}])),
    *bad(
        "validation-error",
        *transfers(whisperAudio=[
            "Hello", 5, {"sentence": 5}, {"sentence": "x" * 1001}, {"sentence": "Hello", "voice": "Nobody"},
            {"sentence": "Hello", "locale": "tlh"}, {"sentence": "Hello", "gender": "other"},
            {"sentence": "Hello", "volume": 5},
        ]),
    ),
    *bad(
        "media-invalid-url",
        *transfers(whisperAudio=[
            {"fileUrl": "file:///etc/passwd"}, {"fileUrl": "whisper.wav"}, {"fileUrl": "http://10.0.0.1/a.wav"},
            {"fileUrl": "http://169.254.169.254/latest/meta-data"},
        ]),
        status=403,
    ),
]  # fmt: skip

WRONG_CREATIONS = [
    *bad("validation-error", "", "[]", "{", message="Bad parameters"),
    *bad("missing-property", {"from": "FROM"}, message=MISSING.format("to")),
    *bad("missing-property", {"to": "TO"}, {"to": "TO", "from": None}, message=MISSING.format("from")),
    *bad("blank-property", {"from": "FROM", "to": " "}, {"from": "", "to": "TO"}),
    *bad(
        "validation-error",
        *({"from": "FROM", "to": to} for to in ("bob", "sips:bob@127.0.0.1", *UNPRINTABLE)),
        *({"from": from_, "to": "TO"} for from_ in ("sip:me@127.0.0.1", "+1\r\n2", "me")),
        message="Invalid phone number",
    ),
    *bad("number-access-denied", {"from": "+15559999999", "to": "TO"}, status=401),
    *bad("invalid-call-to-number", {"from": "FROM", "to": "sip:bob@192.0.2.1"}, status=403),
    *bad("bridge-not-found", {"from": "FROM", "to": "TO", "bridgeId": "brg-none"}, status=404),
    *bad("invalid-call-conference-id", {"from": "FROM", "to": "TO", "conferenceId": "conf-none"}, status=403),
    *bad(
        "callback-invalid-url",
        {"from": "FROM", "to": "TO", "callbackUrl": "nowhere"}, {"from": "FROM", "to": "TO", "fallbackUrl": "nowhere"},
    ),
    *bad(
        "validation-error",
        *(
            {"from": "FROM", "to": "TO"} | wrong
            for wrong in (
                {"callTimeout": 0}, {"callTimeout": 301}, {"callTimeout": "soon"}, {"callbackTimeout": 0},
                {"callbackTimeout": 10_001}, {"callbackHttpMethod": "PUT"}, {"recordingFileFormat": "ogg"},
                {"recordingEnabled": "perhaps"}, {"tag": "\0"}, {"tag": "x" * 4097}, {"sipHeaders": "X-A: b"},
                *(
                    {"sipHeaders": headers}
                    for headers in (
                        {"From": "evil"}, {"X-A": 5}, {"X-A": "b\r\nFrom: evil"}, {"X-A\r\nFrom": "evil"},
                        {"X-A": "b\0"}, {"X-A": "b" * 257}, {f"X-{n}": "v" for n in range(6)},
                    )
                ),
            )
        ),
    ),
    *bad("maximum-recording-value-request", {"from": "FROM", "to": "TO", "recordingMaxDuration": 3601}, status=403),
]  # fmt: skip


def assert_is_error(answer: Answer, wrong: Bad, path: str, method: str = "POST") -> None:
    """The documented body in all its parts."""
    assert answer.status == wrong.status, (wrong, answer)
    assert answer.headers["content-type"] == "application/json"
    error = answer.json
    assert error["code"] == wrong.code, (wrong, answer)
    assert set(error) == {"category", "code", "message", "details"} and error["message"]
    assert wrong.message in (None, error["message"]), (wrong, answer)
    details = [(each["name"], each["value"]) for each in error["details"]]
    assert details[-3:] == [
        ("requestMethod", method), ("remoteAddress", "127.0.0.1"), ("requestPath", f"users/{USER}{path}"),
    ]  # fmt: skip


@pytest_asyncio.fixture(loop_scope="module")
async def canary() -> Any:
    async with Canary() as made:
        yield made


async def snapshot(stage: Stage, call_id: str) -> Any:
    """All that the API says about the call and about which calls there are."""
    parts = [f"/calls/{call_id}", f"/calls/{call_id}/events", f"/calls/{call_id}/recordings", "/calls?size=1000"]
    return [await stage.server.get(part) for part in parts]


async def test_wrong_updates_of_an_active_call_change_nothing(stage: Stage, canary: Canary) -> None:
    async with stage.sipp("caller_stays") as caller:
        call_id = await stage.call_from_sipp(caller, await stage.number(autoAnswer=True))
        await stage.web.wait_for("answer", callId=call_id)
        before, told = await snapshot(stage, call_id), len(stage.web.requests())
        for wrong in WRONG_UPDATES:
            body = wrong.body if isinstance(wrong.body, str) else aimed(wrong.body, canary)
            assert_is_error(await stage.server.post(f"/calls/{call_id}", body), wrong, f"/calls/{call_id}")
        assert await snapshot(stage, call_id) == before
        assert len(stage.web.requests()) == told
        assert canary.datagrams == []
        await stage.transfer(call_id, canary.uri)  # the same with nothing wrong does go out
        assert (await canary.first()).startswith(b"INVITE sip:canary@")
        assert (await stage.update(call_id, state="completed")).status == 200
        await caller.finish()


def aimed(body: Any, canary: Canary) -> Any:
    """What would lead somewhere on loopback leads to the canary."""
    return json.loads(json.dumps(body).replace("@127.0.0.1", f"@{canary.address}"))


async def test_wrong_creations_make_no_call(stage: Stage, canary: Canary) -> None:
    number = await stage.number()
    before = await stage.server.get("/calls?size=1000")
    for wrong in WRONG_CREATIONS:
        body = wrong.body
        if not isinstance(body, str):
            names = {"FROM": number, "TO": "sip:canary@127.0.0.1"}
            body = {key: names.get(value, value) if isinstance(value, str) else value for key, value in body.items()}
            body = aimed(body, canary)
        assert_is_error(await stage.server.post("/calls", body), wrong, "/calls")
    assert await stage.server.get("/calls?size=1000") == before
    assert canary.datagrams == []
    created = await stage.server.post("/calls", {"from": number, "to": canary.uri})
    assert created.status == 201
    assert (await canary.first()).startswith(b"INVITE ")
    await stage.update(created.headers["location"].rsplit("/", 1)[1], state="completed")


Handler = Callable[[Received], Awaitable[web.StreamResponse | None]]


async def test_whispers_that_cannot_be_had(stage: Stage, canary: Canary) -> None:
    is_free = asyncio.Event()

    async def hang(_: Received) -> None:
        await is_free.wait()

    async def turn_round(_: Received) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": stage.web.url_of("/round.wav")})

    stage.web.reactions |= {"/hangs.wav": hang, "/round.wav": turn_round}
    unreachable, unsupported = ("media-unavailable", 503), ("media-not-supported", 403)
    files = {
        f"http://127.0.0.1:{free_port()}/a.wav": unreachable,
        stage.web.url_of("/hangs.wav"): unreachable,
        stage.web.url_of("/round.wav"): unreachable,
        stage.web.serve("huge.wav", b"RIFF" + bytes(MAX_DOWNLOAD)): unreachable,
        stage.web.serve("text.wav", b"this is no sound" * 100, "audio/wav"): unsupported,
        stage.web.serve("cut.wav", b"RIFF\xff\xff\xff\xffWAVEfmt "): unsupported,
        stage.web.serve("empty.wav", b""): unsupported,
        stage.web.serve("cut.mp3", b"\xff\xfb\x90\x00" + bytes(100)): unsupported,
        f"{stage.server.user_url}/media/c-nobody-1.wav": unreachable,
        f"{stage.server.http}/v1/users/u-other/media/c-nobody-1.wav": unreachable,
    }
    async with stage.sipp("caller_stays") as caller:
        call_id = await stage.call_from_sipp(caller, await stage.number(autoAnswer=True))
        await stage.web.wait_for("answer", callId=call_id)
        before = await snapshot(stage, call_id)
        for url, (code, status) in files.items():
            body = {"state": "transferring", "transferTo": canary.uri, "whisperAudio": {"fileUrl": url}}
            answer = await stage.server.post(f"/calls/{call_id}", body)
            assert_is_error(answer, Bad(url, status, code), f"/calls/{call_id}")
        is_free.set()
        assert await snapshot(stage, call_id) == before
        assert canary.datagrams == []
        assert (await stage.update(call_id, state="completed")).status == 200
        await caller.finish()


async def test_states_that_do_not_allow_it(stage: Stage, canary: Canary) -> None:
    async with stage.sipp("caller_stays") as caller:
        call_id = await stage.call_from_sipp(caller, await stage.number())
        path = f"/calls/{call_id}"
        before = await snapshot(stage, call_id)
        early = await stage.update(call_id, state="transferring", transferTo=canary.uri)
        assert_is_error(early, Bad("early", 403, "call-invalid-state", told(call_id, "started")), path)
        assert await snapshot(stage, call_id) == before
        await stage.answer(call_id)
        late = await stage.update(call_id, state="rejected")
        assert_is_error(late, Bad("late", 403, "call-invalid-state", told(call_id, "active")), path)
        assert (await stage.update(call_id, recordingEnabled=True)).status == 200
        for body in ({"recordingEnabled": "true"}, {"recordingMaxDuration": 5}):
            again = await stage.server.post(path, body)
            assert_is_error(again, Bad(body, 409, "conflicted-recording-values-request"), path)
        both = await stage.update(call_id, state="completed", recordingEnabled=True)
        assert both.status == 409  # all or nothing
        assert (await stage.server.call(call_id))["state"] == "active"
        assert (await stage.update(call_id, state="completed")).status == 200
        await caller.finish()
        await stage.recording(call_id)
    before = await snapshot(stage, call_id)
    over = f"Unable to update call '{call_id}'. You can't update the call's state after being set to 'completed'."
    for body in (
        {"state": "active"}, {"state": "completed"}, {"state": "rejected"},
        {"state": "transferring", "transferTo": canary.uri}, {"recordingEnabled": True}, {"recordingMaxDuration": 5},
    ):  # fmt: skip
        answer = await stage.server.post(path, body)
        assert_is_error(answer, Bad(body, 403, "call-invalid-state", over), path)
    for body in ({}, {"recordingEnabled": "false"}, {"recordingEnabled": None}):
        assert (await stage.server.post(path, body)).status == 200
    assert await snapshot(stage, call_id) == before
    assert canary.datagrams == []


def told(call_id: str, state: str) -> str:
    return f"Unable to update call '{call_id}'. Invalid call state '{state}'"


async def add_stranger(stage: Stage) -> None:
    """A second account, by the command."""
    program = Path(sys.executable).with_name("trebuchet")
    data = str(stage.server.folder / "data")
    process = await asyncio.create_subprocess_exec(
        str(program), "account", "add", "--data", data, "--account", ":".join(STRANGER), env=os.environ.copy(),
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert await process.wait() == 0


async def test_unknown_calls_and_those_of_others(stage: Stage) -> None:
    await add_stranger(stage)
    user, token, secret = STRANGER
    theirs = f"{stage.server.http}/v1/users/{user}"
    async with stage.sipp("caller_stays") as caller:
        call_id = await stage.call_from_sipp(caller, await stage.number(autoAnswer=True))
        await stage.web.wait_for("answer", callId=call_id)
        before = await snapshot(stage, call_id)
        hang_up = ("-X", "POST", "-H", "Content-type: application/json", "-d", '{"state":"completed"}')
        foreign = await stage.server.curl(*hang_up, f"{theirs}/calls/{call_id}", credentials=f"{token}:{secret}")
        unknown = await stage.server.curl(*hang_up, "/calls/c-nope")
        for answer, name in ((foreign, call_id), (unknown, "c-nope")):
            assert (answer.status, answer.json["code"], answer.json["category"]) == (404, "call-not-found", "not-found")
            assert answer.json["message"] == f"The call '{name}' could not be found"
            assert answer.json["details"][0] == {"name": "callId", "value": name}
        for credentials, url in (
            (f"{token}:{secret}", f"/calls/{call_id}"), ("t-test:wrong", f"/calls/{call_id}"),
            (":", f"/calls/{call_id}"),
            ("t-test:s-test", f"{theirs}/calls/{call_id}"),
        ):  # fmt: skip
            refused = await stage.server.curl(*hang_up, url, credentials=credentials)
            assert (refused.status, refused.json["code"]) == (401, "access-denied")
            assert refused.headers["www-authenticate"].startswith("Basic ")
        assert await snapshot(stage, call_id) == before
        for path in ("", "/events", "/recordings"):
            for target, credentials in (
                (f"{theirs}/calls/{call_id}{path}", f"{token}:{secret}"),
                (f"/calls/c-nope{path}", "t-test:s-test"),
            ):
                answer = await stage.server.curl(target, credentials=credentials)
                assert (answer.status, answer.json["code"]) == (404, "call-not-found")
        assert (await stage.update(call_id, state="completed")).status == 200
        await caller.finish()


async def test_requests_that_are_wrong_altogether(stage: Stage) -> None:
    for arguments, status, code in (
        (("-X", "PUT", "-d", "{}", "/calls/c-nope"), 405, "method-not-allowed"),
        (("-X", "DELETE", "/calls"), 405, "method-not-allowed"),
        (("/nothing/here",), 404, "resource-not-found"),
        (("-H", "Content-Type: text/plain", "-d", "{}", "/calls"), 415, "unsupported-media-type"),
        (("/calls?size=1001",), 400, "validation-error"),
        (("/calls?page=-1",), 400, "validation-error"),
        (("/calls?page=first",), 400, "validation-error"),
        (("/calls?sortOrder=up",), 400, "validation-error"),
    ):
        answer = await stage.server.curl(*arguments)
        assert (answer.status, answer.json["code"]) == (status, code), (arguments, answer)
        assert answer.headers["content-type"] == "application/json" and answer.json["message"]
    file = stage.new_folder() / "large.json"
    file.write_text(json.dumps({"tag": "x" * 1_000_001}))
    answer = await stage.server.curl(
        "-X", "POST", "-H", "Content-Type: application/json", "--data-binary", f"@{file}", "/calls"
    )
    assert (answer.status, answer.json["code"]) == (413, "request-too-large")


@pytest.mark.parametrize("manner", ["redirect", "rubbish", "close"])
async def test_an_application_that_answers_wrongly_costs_that_delivery(stage: Stage, manner: str) -> None:
    async def redirect(_: Received) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": stage.web.url_of("/elsewhere")})

    stage.web.reactions["/redirect"] = redirect
    connections = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        if manner == "rubbish":
            writer.write(b"\x16\x03\x01 is this HTTP?\r\n\r\n" * 10)
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        first = stage.web.url_of("/redirect") if manner == "redirect" else f"http://127.0.0.1:{port}/events"
        number = await stage.number(incomingCallUrl=first, incomingCallFallbackUrl=stage.web.url)
        async with stage.sipp("caller_stays") as caller:
            call_id = await stage.call_from_sipp(caller, number)
            await stage.answer(call_id)
            assert (await stage.update(call_id, state="completed")).status == 200
            await caller.finish()
        await stage.web.wait_for("hangup", callId=call_id, number=2 if manner == "redirect" else 1)
        async with asyncio.timeout(15):
            while len(failures := await failures_of(stage, call_id)) < 3:
                await asyncio.sleep(0.05)
    code = "callback-http-failure-status" if manner == "redirect" else "callback-io-error"
    assert sorted(failures) == [(code, "answer"), (code, "hangup"), (code, "incomingcall")]
    assert [request for request in stage.web.requests() if request.path == "/elsewhere"] == []
    assert connections == (0 if manner == "redirect" else 3)
    arrived = [each.data["eventType"] for each in stage.web.requests(callId=call_id) if each.path == "/events"]
    assert arrived == ["incomingcall", "answer", "hangup"]


async def failures_of(stage: Stage, call_id: str) -> list[tuple[str, str]]:
    """Code and event of every delivery of this call that failed."""
    found = []
    for error in await stage.server.get("/errors?size=1000"):
        details = {each["name"]: each["value"] for each in error["details"]}
        if details.get("callId") == call_id and "callbackEvent" in details:
            found.append((error["code"], details["callbackEvent"]))
    return found
