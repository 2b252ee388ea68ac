"""baresip, a softphone that is not ours: says a tone, keeps what it hears, is told what to do over its control port."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import numpy as np
import soundfile
from numpy.typing import NDArray

from support.certificates import Authority, Certificate
from support.ports import free_port, port_range

MODULES = "/usr/lib/baresip/modules"
TONE_S = 120
EVENT_LIMIT_S = 15.0


def write_tone(path: Path, hz: float, seconds: float = TONE_S, rate_hz: int = 8000) -> None:
    """A 16-bit mono sine at a third of full scale."""
    n = np.arange(int(seconds * rate_hz))
    samples = np.rint(10000 * np.sin(n * (2 * np.pi * hz / rate_hz))).astype(np.int16)
    soundfile.write(path, samples, rate_hz, subtype="PCM_16")


class Baresip:
    """One running phone. `codecs` in order of preference (`PCMU`, `PCMA`). With `tls` (its certificate and the
    authority it trusts) it speaks SIP over TLS on `tls_port`; `media_encryption` as baresip calls it (`srtp-mand`)."""

    def __init__(
        self,
        folder: Path,
        user: str,
        tone_hz: float,
        *,
        codecs: tuple[str, ...] = ("PCMU", "PCMA"),
        tls: tuple[Certificate, Authority] | None = None,
        media_encryption: str | None = None,
        account: str | None = None,
    ) -> None:
        self.folder, self.user, self.tone_hz, self.codecs = folder, user, tone_hz, codecs
        self.tls, self.media_encryption = tls, media_encryption
        self.account = account
        """An address and its parameters, in place of one of its own that registers nowhere."""
        self.port = free_port() if tls is None else port_range(20)[0]
        self.tls_port = self.port + 1
        self.uri = f"sip:{user}@127.0.0.1:{self.port}"
        self.events: list[dict[str, str]] = []
        self._control_port = free_port()
        self._news = asyncio.Condition()
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> "Baresip":
        self._configure()
        program = shutil.which("baresip")
        assert program, "baresip is not installed: run make setup"
        with (self.folder / "log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                program, "-f", str(self.folder), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        reader, self._writer = await self._connect()
        self._reader = asyncio.create_task(self._read(reader))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reader is not None:
            self._reader.cancel()
        if self._writer is not None:
            self._writer.close()
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def _configure(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_tone(self.folder / "tone.wav", self.tone_hz)
        low, high = port_range(20)
        lines = [
            f"sip_listen 127.0.0.1:{self.port}",
            "net_interface 127.0.0.1",
            f"audio_source aufile,{self.folder}/tone.wav",
            f"audio_player aubridge,play-{self.user}",
            f"audio_alert aubridge,alert-{self.user}",
            "ausrc_srate 8000",
            "auplay_srate 8000",
            "ausrc_channels 1",
            "auplay_channels 1",
            f"rtp_ports {low}-{high}",
            f"module_path {MODULES}",
            "module g711.so",
            "module aufile.so",
            "module aubridge.so",
            "module sndfile.so",
            f"snd_path {self.folder}",
            f"ctrl_tcp_listen 127.0.0.1:{self._control_port}",
            "module ctrl_tcp.so",
            "module_app account.so",
            "module_app menu.so",
        ]
        lines += [] if self.tls is None else self._tls_lines(*self.tls)
        lines += [] if self.media_encryption is None else ["module srtp.so"]
        (self.folder / "config").write_text("\n".join(lines) + "\n")
        codecs = ",".join(f"{name.lower()}/8000/1" for name in self.codecs)
        uri = self.uri if self.tls is None else f"sip:{self.user}@127.0.0.1:{self.tls_port};transport=tls"
        encryption = "" if self.media_encryption is None else f";mediaenc={self.media_encryption}"
        account = self.account or f"<{uri}>;regint=0"
        account = f"{account};answermode=manual;audio_codecs={codecs}{encryption}\n"
        (self.folder / "accounts").write_text(account)
        (self.folder / "contacts").write_text("")

    @staticmethod
    def _tls_lines(certificate: Certificate, authority: Authority) -> list[str]:
        return [
            f"sip_certificate {certificate.both}",
            f"sip_cafile {authority.authority}",
            "sip_verify_server yes",
        ]

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(EVENT_LIMIT_S):
            while True:
                with contextlib.suppress(ConnectionRefusedError):
                    return await asyncio.open_connection("127.0.0.1", self._control_port)
                await asyncio.sleep(0.05)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:  # netstrings: `length:json,`
            size = int((await reader.readuntil(b":"))[:-1])
            message = json.loads(await reader.readexactly(size))
            await reader.readexactly(1)
            async with self._news:
                self.events.append(message)
                self._news.notify_all()

    async def wait_for(self, kind: str) -> dict[str, str]:
        """The first event of a kind (`CALL_INCOMING`, `CALL_ESTABLISHED`, `CALL_CLOSED` …), past or to come."""
        found: list[dict[str, str]] = []

        def arrived() -> bool:
            found[:] = [event for event in self.events if event.get("type") == kind]
            return bool(found)

        async with asyncio.timeout(EVENT_LIMIT_S), self._news:
            await self._news.wait_for(arrived)
        return found[0]

    async def wait_for_log(self, text: str, times: int = 1) -> None:
        """Until it has printed the text that often: it registers before its control port can be listened to."""
        async with asyncio.timeout(EVENT_LIMIT_S):
            while (self.folder / "log").read_text(errors="replace").count(text) < times:
                await asyncio.sleep(0.05)

    async def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Until the events that have come make it true."""
        async with asyncio.timeout(EVENT_LIMIT_S), self._news:
            await self._news.wait_for(is_so)

    def keys(self) -> str:
        """What keys came in as telephone events, in order."""
        return "".join(event["param"] for event in self.events if event.get("type") == "CALL_DTMF_START")

    async def command(self, name: str, parameters: str = "") -> None:
        """Send a command of the menu module (`dial`, `accept`, `hangup`, `hold` …)."""
        assert self._writer is not None
        message = json.dumps({"command": name, "params": parameters, "token": name}).encode()
        self._writer.write(b"%d:%b," % (len(message), message))
        await self._writer.drain()

    async def dial(self, uri: str) -> None:
        await self.command("dial", uri)

    async def accept(self) -> None:
        await self.wait_for("CALL_INCOMING")
        await self.command("accept")
        await self.wait_for("CALL_ESTABLISHED")

    async def hang_up(self) -> None:
        await self.command("hangup")
        await self.wait_for("CALL_CLOSED")

    async def press(self, keys: str) -> None:
        """Send digits as telephone events."""
        for key in keys:
            await self.command("sndcode", key)

    def _bytes_heard(self) -> int:
        return sum(path.stat().st_size for path in self.folder.glob("dump-*-dec.wav"))

    async def listen(self, seconds: float) -> None:
        """Until this phone has heard that much more."""
        wanted = self._bytes_heard() + int(seconds * 16000)
        async with asyncio.timeout(EVENT_LIMIT_S + seconds):
            while self._bytes_heard() < wanted:
                await asyncio.sleep(0.02)

    def heard(self) -> NDArray[np.int16]:
        """All that this phone has heard, 8 kHz; flushed when its call ends."""
        (path,) = sorted(self.folder.glob("dump-*-dec.wav"))
        samples, _ = soundfile.read(path, dtype="int16")
        return np.asarray(samples, np.int16)
