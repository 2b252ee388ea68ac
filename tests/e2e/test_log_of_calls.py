"""Calls with numbers, digits, sentences and addresses that can be recognised: the server's log holds them in marked
fields alone, and secrets nowhere."""

import asyncio
import json
import socket
from typing import Any

import pytest

from support.ports import free_port
from support.server import SECRET
from support.stage import Stage
from support.webhooks import ARRIVAL_LIMIT_S

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "correct-horse-battery"
TRUNK_PORT = free_port()
PREMIUM, CUBA = "+19005559876", "+5378889999"
DIGITS = "8251973"
SENTENCE = "Purple walrus number eleven"
PERSON, TAG, TOKEN = "walrus-person", "tag-of-walrus", "token-of-walrus"
DISPLAY_NAME = "Wally the Walrus"


@pytest.fixture(scope="module")
def server_arguments() -> tuple[str, ...]:
    return ("--trunk", f"sip:walrus-user:{PASSWORD}@127.0.0.1:{TRUNK_PORT}")


@pytest.fixture(scope="module")
def server_environment() -> dict[str, str]:
    return {"TREBUCHET_DIALLING_DENIED_PREFIXES": "+53"}


async def test_the_log_keeps_what_belongs_to_people_in_marked_fields(stage: Stage) -> None:
    number = await stage.number(name=f"app of {PERSON}")
    async with stage.phone(PERSON, 700.0) as alice, stage.phone("bob", 1100.0) as bob:
        call_id = await stage.call_from(alice, number)
        await stage.answer(call_id, tag=TAG, recordingEnabled=True)
        await alice.wait_for("CALL_ESTABLISHED")
        for count, digit in enumerate(DIGITS, 1):
            await alice.press(digit)
            await stage.web.wait_for("dtmf", number=count, callId=call_id)
        for to in (PREMIUM, CUBA, f"sip:{PREMIUM}@127.0.0.1", f"sip:{PERSON}@nowhere.example"):
            assert (await stage.update(call_id, state="transferring", transferTo=to)).status == 403
        await stage.transfer(call_id, bob.uri, whisperAudio={"sentence": SENTENCE}, tag=TAG)
        await bob.accept()
        await alice.hang_up()
        await stage.web.wait_for("recording", callId=call_id)
    await provoke(stage, number)
    entries = await log_with(stage, "webhook undeliverable")
    held = {"numbers": [number, PREMIUM, CUBA], "people": [PERSON, DISPLAY_NAME, "walrus-caller"], "digits": [DIGITS],
            "texts": [SENTENCE, TAG, TOKEN], "addresses": [bob.uri, f":{bob.port}"]}  # fmt: skip
    unmarked = [
        json.dumps({name: value for name, value in entry.items() if not name.startswith("pii_")}) for entry in entries
    ]
    for what, texts in held.items():
        for text in texts:
            assert not [line for line in unmarked if text in line or text.lstrip("+") in line], what
    marked = [entry["pii_number"] for entry in entries if entry["event"] == "destination denied"]
    assert {PREMIUM, CUBA, f"sip:{PREMIUM}@127.0.0.1"} <= set(marked), "the log is not what this test reads"
    log = stage.server.log_path.read_text()
    for secret in (PASSWORD, SECRET, "walrus-user"):
        assert secret not in log


async def provoke(stage: Stage, number: str) -> None:
    """Things that go wrong, each with somebody's number in it."""
    await stage.update("c-nope", state="transferring", transferTo=number)
    await stage.server.post("/calls", {"from": number, "to": PREMIUM, "tag": TAG})
    await stage.server.post("/calls", {"from": PREMIUM, "to": number})
    await stage.server.curl(f"/phoneNumbers/{PREMIUM}")
    await stage.server.curl(f"/phoneNumbers/{PREMIUM}", credentials=f"{PERSON}:{PASSWORD}-not")
    send_sip(stage, number, b"INVITE broken")
    send_sip(stage, number, invite(number))
    dead = f"http://127.0.0.1:{free_port()}/{TOKEN}?number={number}"
    created = await stage.server.post("/calls", {"from": number, "to": f"sip:{PERSON}@127.0.0.1:{free_port()}",
                                                 "callbackUrl": dead, "tag": TAG})  # fmt: skip
    assert created.status == 201


def send_sip(stage: Stage, number: str, data: bytes) -> None:
    host, port = stage.server.sip_host.rsplit(":", 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(data, (host, int(port)))


def invite(number: str) -> bytes:
    """A caller whose offer nobody can use."""
    return (
        f"INVITE sip:{number}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKwalrus\r\n"
        f'From: "{DISPLAY_NAME}" <sip:walrus-caller@127.0.0.1>;tag=1\r\nTo: <sip:{number}@127.0.0.1>\r\n'
        "Call-ID: walrus\r\nCSeq: 1 INVITE\r\nContact: <sip:walrus-caller@127.0.0.1:9>\r\n"
        "Content-Type: application/sdp\r\nContent-Length: 7\r\n\r\nv=0\r\no="
    ).encode()


async def log_with(stage: Stage, event: str) -> list[dict[str, Any]]:
    """Every line, once one with this event is among them."""
    async with asyncio.timeout(ARRIVAL_LIMIT_S):
        while True:
            entries = [json.loads(line) for line in stage.server.log_path.read_text().splitlines()]
            if any(entry["event"] == event for entry in entries):
                return entries
            await asyncio.sleep(0.05)
