"""The two functions that the page on webhooks shows, run as they stand there, on what the server really sends."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from trebuchet.base.ids import AccountId, CallId, EventId
from trebuchet.events.signing import Signer
from trebuchet.model.event import LoggedEvent

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "webhooks.md"
SECRET, FORMER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
BODY = '{"eventType":"hangup","tag":"größe \u2028 \U0001f600"}'
QUERY = "own=1&eventType=answer&tag=t%C3%A4g%20%26"
NODE_LIMIT_S = 30

Check = Callable[[str, dict[str, str], str], bool]


class At:
    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> float:
        return 0.0

    def utc(self) -> datetime:
        return self.moment


def shown(language: str) -> str:
    (code,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    return str(code)


def check_in_python() -> Check:
    names: dict[str, Any] = {}
    exec(shown("python"), names)
    check: Check = names["is_genuine"]
    return check


def check_in_node(secret: str, headers: dict[str, str], body: str) -> bool:
    node = shutil.which("node")
    assert node, "node is not installed: run make setup"
    script = f"{shown('js')}\nconst [a, b, c] = JSON.parse(require('fs').readFileSync(0));\n"
    script += "console.log(isGenuine(a, b, c), isGenuine(a, b, Buffer.from(c)));"
    headers = {name.lower(): value for name, value in headers.items()}
    done = subprocess.run(
        [node, "-e", script],
        input=json.dumps([secret, headers, body]).encode(),
        capture_output=True,
        timeout=NODE_LIMIT_S,
        check=True,
    )
    answers = set(done.stdout.decode().split())
    assert len(answers) == 1, "text and bytes are the same"
    return answers == {"true"}


@pytest.fixture(params=["python", "node"])
def is_genuine(request: pytest.FixtureRequest) -> Check:
    return check_in_python() if request.param == "python" else check_in_node


async def sign(content: str, *secrets: str, age: timedelta = timedelta()) -> dict[str, str]:
    async def secrets_of(_: AccountId) -> tuple[str, ...]:
        return secrets

    now = datetime.now(UTC) - age
    event = LoggedEvent(
        id=EventId("ce-9"), account_id=AccountId("u-1"), owner_id=CallId("c-1"), sequence=7, at=now, name="hangup"
    )
    return dict(await Signer(secrets_of, At(now)).sign(event, content.encode()))


@pytest.mark.parametrize("content", [BODY, QUERY])
async def test_ours_is_genuine(is_genuine: Check, content: str) -> None:
    headers = await sign(content, SECRET)
    assert is_genuine(SECRET, headers, content)
    assert not is_genuine(SECRET, headers, content + " ")
    assert not is_genuine(FORMER, headers, content)


async def test_while_a_secret_is_changed_both_are_good(is_genuine: Check) -> None:
    headers = await sign(BODY, SECRET, FORMER)
    assert is_genuine(SECRET, headers, BODY)
    assert is_genuine(FORMER, headers, BODY)


async def test_old_and_bare_ones_are_not_genuine(is_genuine: Check) -> None:
    assert not is_genuine(SECRET, await sign(BODY, SECRET, age=timedelta(minutes=6)), BODY)
    assert not is_genuine(SECRET, {}, BODY)
    assert not is_genuine(SECRET, await sign(BODY, SECRET) | {"webhook-signature": "v1,AAAA v2,x"}, BODY)
