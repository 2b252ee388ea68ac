"""The API against its own OpenAPI document: schemathesis makes requests of every kind from it, a server answers.

No answer is a 5xx of ours, and each has a status, a type, headers and a body as the document says; methods that it does
not name are 405, nothing is open without credentials, what was made is there and what was deleted is gone. Two checks
are left out because the API differs by intention: it takes more than it documents (numbers as strings, null for "not
sent"), and rules that need more than one property or call state are told by 400s that no schema can foresee.
"""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from support.scale import new_seed, scaled
from support.server import SECRET, TOKEN, USER, Server

EXAMPLES = scaled(2, 100)
PHASES = scaled("coverage,fuzzing", "coverage,fuzzing,stateful")
LEFT_OUT = "positive_data_acceptance,negative_data_rejection"
ENDLESS = "/events/stream"
"""An answer without an end cannot be compared with anything; it has tests of its own."""
NUMBER = "+15551230002"
ONLY_DENIED = re.compile(r"^40[13] .*\n((?:  - .*\n)+)", re.M)
"""Operations that answered 401 and 403 alone, as schemathesis lists them."""
MAY_BE_DENIED = {
    "POST /v1/users/{userId}/calls",
    "POST /v1/users/{userId}/conferences",
    "POST /v1/users/{userId}/calls/{callId}/audio",
    "POST /v1/users/{userId}/calls/{callId}/dtmf",
    "POST /v1/users/{userId}/calls/{callId}/gather",
}
"""No account owns the numbers that schemathesis makes up, and the call it is given is over."""
BY_CHANCE = 2
"""Of the few values for an operation all may happen to be of a forbidden kind, and that in no more operations than so
many; with wrong credentials it would be all seventy."""


async def run(server: Server, folder: Path, values: dict[str, str], *options: str) -> str:
    """What schemathesis says; the test fails when it found anything."""
    settings = folder / "schemathesis.toml"
    lines = ["[parameters]", *(f'"path.{name}" = "{value}"' for name, value in values.items())]
    settings.write_text("\n".join(lines) + "\n")
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(settings), "run",
        f"{server.http}/openapi.json", "--auth", f"{TOKEN}:{SECRET}", "--max-examples", str(EXAMPLES),
        "--seed", str(new_seed()),
        "--phases", PHASES, "--exclude-checks", LEFT_OUT,
        "--exclude-path-regex", f"{ENDLESS}$", "--suppress-health-check", "all", "--no-color", *options,
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    said = output.decode(errors="replace")
    assert process.returncode == 0, said[-20000:]
    return said


def check(said: str, server: Server) -> None:
    denied = {line[4:] for lines in ONLY_DENIED.findall(said) for line in lines.splitlines()}
    assert len(denied - MAY_BE_DENIED) <= BY_CHANCE, denied
    assert bool(denied) is ("Authentication failed" in said), "the list has another form than this test knows"
    assert "Traceback" not in server.log_path.read_text()
    print("\n".join(line for line in said.splitlines() if "generated" in line or "Seed" in line))


@pytest.mark.timeout(scaled(120, 3600))
async def test_any_request_is_answered_as_documented(tmp_path: Path) -> None:
    async with Server(tmp_path / "server") as server:
        check(await run(server, tmp_path, {"userId": USER}), server)


@pytest.mark.timeout(scaled(120, 3600))
async def test_requests_at_resources_that_exist(tmp_path: Path) -> None:
    """With the ids of an application, a number, a call and an event, so that bodies and states are reached."""
    async with Server(tmp_path / "server") as server:
        application = await server.bind(NUMBER, {"incomingCallUrl": "http://127.0.0.1:9/calls"})
        number = (await server.get("/phoneNumbers"))[0]["id"]
        made = await server.post("/calls", {"from": NUMBER, "to": "sip:nobody@127.0.0.1:9"})
        call = made.headers["location"].rsplit("/", 1)[1]
        event = (await server.get(f"/calls/{call}/events"))[0]["id"]
        values = {"userId": USER, "applicationId": application, "numberId": number, "callId": call, "eventId": event}
        check(await run(server, tmp_path, values, "--exclude-method", "DELETE"), server)
