"""Calls over TLS with SRTP, and HTTPS for the API: against baresip and curl, by the tests' own authority."""

import asyncio
import io
import re
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
import soundfile
from numpy.typing import NDArray

from support.baresip import Baresip
from support.certificates import Authority, Certificate
from support.hearing import phase_names
from support.ports import port_range
from support.server import Server
from support.stage import Stage, talk
from support.webhooks import Webhooks

ALICE_HZ, BOB_HZ = 620.0, 1170.0
SERVICE = "+15550120001"
BOB = "+15550190077"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Encrypted(Stage):
    """The stage with everything encrypted. The trunk is a place on this machine where a test puts a phone."""

    authority: Authority = None  # type: ignore[assignment]  # always given
    certificate: Certificate = None  # type: ignore[assignment]  # always given
    trunk_port: int = 0

    def secure_phone(self, name: str, hz: float, **more: object) -> Baresip:
        tls = (self.certificate, self.authority)
        return Baresip(self.new_folder(), name, hz, tls=tls, media_encryption="srtp-mand", **more)  # type: ignore[arg-type]  # any option

    def trunk_phone(self, **more: object) -> Baresip:
        phone = self.secure_phone(BOB, BOB_HZ, **more)
        phone.port, phone.tls_port = self.trunk_port - 1, self.trunk_port
        return phone


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def secure(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Encrypted]:
    folder = tmp_path_factory.mktemp("encrypted")
    authority = Authority(folder / "ca")
    certificate = authority.issue("IP:127.0.0.1", "DNS:localhost")
    trunk_port = port_range(20)[0] + 1
    environment = {
        "TREBUCHET_SIGNALLING_TLS_CERTIFICATE": str(certificate.certificate),
        "TREBUCHET_SIGNALLING_TLS_KEY": str(certificate.key),
        "TREBUCHET_SIGNALLING_TLS_PORT": "0",
        "TREBUCHET_SIGNALLING_TLS_AUTHORITIES": str(authority.authority),
        "TREBUCHET_API_TLS_CERTIFICATE": str(certificate.certificate),
        "TREBUCHET_API_TLS_KEY": str(certificate.key),
        "TREBUCHET_SIGNALLING_TRACE_FILE": str(folder / "sip.trace"),
        "TREBUCHET_MEDIA_STEREO_RECORDINGS": "true",
    }
    arguments = ("--trunk", f"sip:localhost:{trunk_port};transport=tls;srtp=true")
    options = ("--cacert", str(authority.authority))
    async with (
        Webhooks() as web,
        Server(folder / "server", arguments, environment, curl_options=options) as server,
    ):
        await server.bind(SERVICE, {"incomingCallUrl": web.url, "autoAnswer": False})
        yield Encrypted(server, web, folder, authority=authority, certificate=certificate, trunk_port=trunk_port)
    log = server.log_path.read_text()
    assert "Traceback" not in log, log[-4000:]


def trace(stage: Encrypted) -> str:
    return (stage.folder / "sip.trace").read_text(errors="replace")


async def test_the_api_is_https_alone(secure: Encrypted) -> None:
    assert secure.server.http.startswith("https://127.0.0.1:")
    created = await secure.server.post("/applications", {"name": "t", "incomingCallUrl": secure.web.url})
    assert created.status == 201
    assert created.headers["location"].startswith(secure.server.http + "/")
    host, port = secure.server.http.removeprefix("https://").rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        async with asyncio.timeout(5):
            await reader.readexactly(4096)
    writer.close()


@pytest.mark.parametrize("place", ["http", "sips"])
async def test_old_protocols_are_refused(secure: Encrypted, place: str) -> None:
    address = secure.server.http.removeprefix("https://") if place == "http" else secure.server.sips_host
    host, port = address.rsplit(":", 1)
    old = secure.authority.client()
    old.minimum_version = ssl.TLSVersion.TLSv1_2
    assert (await asyncio.to_thread(shake_hands, host, int(port), old)) in ("TLSv1.2", "TLSv1.3")
    process = await asyncio.create_subprocess_exec(
        "openssl", "s_client", "-connect", address, "-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode != 0 and b"Cipher is (NONE)" in output, output


def shake_hands(host: str, port: int, context: ssl.SSLContext) -> str | None:
    with socket.create_connection((host, port), 5) as plain, context.wrap_socket(plain, server_hostname=host) as tls:
        return tls.version()


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
async def test_a_phone_calls_in_encrypted_and_is_recorded(secure: Encrypted, codec: str) -> None:
    """Both directions: the sentence reaches the phone, the phone's tone reaches the recording."""
    async with secure.secure_phone("alice", ALICE_HZ, codecs=(codec,)) as alice:
        number = await secure.number()
        await alice.dial(f"sip:{number}@{secure.server.sips_host};transport=tls")
        call_id = await secure.arrival(number)
        answer = await secure.update(call_id, state="active", recordingEnabled=True)
        assert answer.status == 200
        await alice.wait_for("CALL_ESTABLISHED")
        async with secure.trunk_phone() as bob:
            await secure.transfer(call_id, BOB)
            await bob.accept()
            await talk(alice, bob)
            await hold_and_resume(secure, alice)
            await bob.listen(1.0)
            await alice.hang_up()
            await bob.wait_for("CALL_CLOSED")
        assert "bob" in phase_names(alice.heard(), alice=ALICE_HZ, bob=BOB_HZ)
        assert phase_names(bob.heard(), alice=ALICE_HZ, bob=BOB_HZ) == ["alice"]
    recording = await secure.recording(call_id)
    assert recording["state"] == "complete"
    said_and_heard = await stereo(secure, recording["media"])
    assert "alice" in phase_names(said_and_heard[0], alice=ALICE_HZ, bob=BOB_HZ)
    assert "bob" in phase_names(said_and_heard[1], alice=ALICE_HZ, bob=BOB_HZ)
    traced = trace(secure)
    assert re.search(r"m=audio \d+ RTP/SAVP 0 8 101", traced), "our offer to the trunk was not encrypted"
    assert not re.search(r"m=audio [1-9]\d* RTP/AVP ", traced), "somebody spoke plain RTP"


async def hold_and_resume(stage: Encrypted, phone: Baresip) -> None:
    """Two re-INVITEs; what is protected goes on with the same keys and counters. (baresip's own dump ends there.)"""
    for command, direction in (("hold", "recvonly"), ("resume", "sendrecv")):
        before = trace(stage).count(f"a={direction}\n")
        await phone.command(command)
        async with asyncio.timeout(5):
            while trace(stage).count(f"a={direction}\n") == before:
                await asyncio.sleep(0.02)


async def stereo(stage: Encrypted, url: str) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """What was said and what was heard."""
    answer = await stage.server.curl(url)
    assert answer.status == 200
    samples, _ = soundfile.read(io.BytesIO(answer.body), dtype="int16", always_2d=True)
    return samples[:, 0], samples[:, 1]


async def test_keys_in_the_clear_are_refused(secure: Encrypted) -> None:
    """The same phone, the same offer, but SIP over UDP: anybody on the way could have read its key."""
    async with Baresip(secure.new_folder(), "carol", ALICE_HZ, media_encryption="srtp-mand") as carol:
        await carol.dial(secure.server.sip_uri(SERVICE))
        closed = await carol.wait_for("CALL_CLOSED")
    assert "488" in closed["param"]
    assert re.search(r" udp (?:(?!\n\n\n).)*m=audio \d+ RTP/SAVP", trace(secure), re.S), "that was not what was sent"


async def test_plain_audio_from_a_trunk_that_must_encrypt_is_refused(secure: Encrypted) -> None:
    """Everybody on this machine calls from the trunk's address."""
    async with secure.phone("dave", ALICE_HZ) as dave:
        await dave.dial(secure.server.sip_uri(SERVICE))
        assert "488" in (await dave.wait_for("CALL_CLOSED"))["param"]


async def test_a_trunk_that_cannot_encrypt_is_not_talked_to(secure: Encrypted) -> None:
    phone = secure.trunk_phone()
    phone.media_encryption = None
    async with phone:
        call_id = await call_trunk(secure)
        assert (await secure.web.wait_for("hangup", callId=call_id))["cause"] != "NORMAL_CLEARING"
    assert "answer" not in secure.web.kinds(call_id)


async def call_trunk(stage: Encrypted) -> str:
    created = await stage.server.post("/calls", {"from": SERVICE, "to": BOB, "callbackUrl": stage.web.url})
    assert created.status == 201
    return created.headers["location"].rsplit("/", 1)[1]


async def test_a_trunk_with_a_strange_certificate_is_not_called(secure: Encrypted) -> None:
    impostor = Authority(secure.new_folder(), "Impostor").issue("IP:127.0.0.1", "DNS:localhost")
    phone = secure.trunk_phone()
    phone.tls = (impostor, secure.authority)
    async with phone:
        call_id = await call_trunk(secure)
        await secure.web.wait_for("hangup", callId=call_id)
        assert not [event for event in phone.events if event.get("type") == "CALL_INCOMING"]


async def test_a_certificate_of_another_name_is_not_good_enough(secure: Encrypted) -> None:
    phone = secure.trunk_phone()
    phone.tls = (secure.authority.issue("DNS:other.example"), secure.authority)
    async with phone:
        call_id = await call_trunk(secure)
        await secure.web.wait_for("hangup", callId=call_id)
        assert not [event for event in phone.events if event.get("type") == "CALL_INCOMING"]


async def test_a_server_with_a_wrong_certificate_says_so_in_one_line(secure: Encrypted, tmp_path: Path) -> None:
    other = secure.authority.issue("DNS:x.example")
    server = Server(
        tmp_path / "server",
        environment={
            "TREBUCHET_API_TLS_CERTIFICATE": str(secure.certificate.certificate),
            "TREBUCHET_API_TLS_KEY": str(other.key),
        },
    )
    with pytest.raises(AssertionError, match=r"trebuchet: .*\.pem with .*\.key: KEY_VALUES_MISMATCH"):
        await server.start()


async def test_a_phone_registers_over_tls_and_is_called_through_its_connection(secure: Encrypted) -> None:
    """On a server without a trunk: what comes from a trunk's address is the trunk."""
    like, folder = secure.server, secure.new_folder()
    async with Server(folder / "server", (), like.environment, curl_options=like.curl_options) as server:
        stage = Stage(server, secure.web, folder)
        domain = (await server.post("/domains", {"name": "vault"})).headers["location"].rsplit("/", 1)[1]
        body = {"name": "carol", "credentials": {"password": "correct-horse"}}
        assert (await server.post(f"/domains/{domain}/endpoints", body)).status == 201
        (carol_here,) = await server.get(f"/domains/{domain}/endpoints")
        account = (
            f"<{carol_here['sipUri']};transport=tls>;auth_pass=correct-horse;regint=120"
            f';outbound="sip:{server.sips_host};transport=tls"'
        )
        tls, number = (secure.certificate, secure.authority), await stage.number()
        async with Baresip(stage.new_folder(), "carol", BOB_HZ, tls=tls, account=account) as carol:
            await carol.wait_for_log("200 OK")
            made = await server.post(
                "/calls", {"from": number, "to": carol_here["sipUri"], "callbackUrl": stage.web.url}
            )
            assert made.status == 201, made
            call_id = made.headers["location"].rsplit("/", 1)[1]
            await carol.accept()
            await stage.web.wait_for("answer", callId=call_id)
            assert (await stage.update(call_id, state="completed")).status == 200
            await carol.wait_for("CALL_CLOSED")
        assert (await stage.web.wait_for("hangup", callId=call_id))["cause"] == "NORMAL_CLEARING"
