"""The doctor's checks. Each looks at one thing, changes nothing that stays, and says in one line what it found."""

import asyncio
import os
import resource
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from trebuchet.base.errors import TrebuchetError
from trebuchet.base.hosts import is_loopback
from trebuchet.base.units import RATE_HZ
from trebuchet.config import Settings, SocketAddress
from trebuchet.model.prompt import Sentence

FREE_BYTES = 1 << 30
"""Disk below which it gets tight: 18 hours of recordings."""
FSYNCS = 20
FSYNC_LIMIT_S = 0.05
"""Each unit of work waits for one; above this the API answers slowly."""
FSYNC_BYTES = 4096
FILES_PER_CALL = 4
"""An RTP and an RTCP socket, a recording, and a share of signalling and HTTP connections."""
FILES_BESIDE = 256
"""What the server has open without calls."""
RTP_PROBES = 20
"""Port pairs tried, spread over the range: trying all would take seconds and touch what others use."""
MOST_FOREIGN_PORTS = 0.25
"""Share of tried ports that may be in others' hands; the workers skip those."""


@dataclass(frozen=True, slots=True)
class Finding:
    name: str
    is_green: bool
    text: str
    remedy: str = ""


def run_checks(settings: Settings) -> Iterator[Finding]:
    """Every check in turn. One that breaks is red itself and stops none of the others."""
    checks: tuple[tuple[str, Callable[[Settings], Finding]], ...] = (
        ("http port", check_http_port),
        ("sip ports", check_sip_ports),
        ("trunks", check_trunks),
        ("certificates", check_certificates),
        ("rtp ports", check_rtp_ports),
        ("open files", check_open_files),
        ("disk", check_disk),
        ("fsync", check_fsync),
        ("speech", check_speech),
        ("media workers", check_workers),
    )
    for name, check in checks:
        try:
            yield check(settings)
        except (OSError, TrebuchetError) as error:
            yield Finding(name, False, str(error), "see the message")


def _bind(kind: socket.SocketKind, address: SocketAddress) -> str | None:
    """`None` when the address can be bound, else why not."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        with socket.socket(family, kind) as probe:
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address.host, address.port))
            if kind is socket.SOCK_STREAM:
                probe.listen(1)
    except OSError as error:
        return error.strerror or str(error)
    return None


def check_http_port(settings: Settings) -> Finding:
    trouble = _bind(socket.SOCK_STREAM, settings.http)
    if trouble is None:
        return Finding("http port", True, f"{settings.http} is free")
    return Finding(
        "http port", False, f"{settings.http}: {trouble}", "stop what listens there, or choose another --http"
    )


def check_sip_ports(settings: Settings) -> Finding:
    kinds = (("udp", socket.SOCK_DGRAM), ("tcp", socket.SOCK_STREAM))
    wanted = [(transport, kind, address) for address in settings.sip for transport, kind in kinds]
    if settings.signalling.tls_certificate is not None:
        hosts = dict.fromkeys(address.host for address in settings.sip)
        secure = [SocketAddress(host, settings.signalling.tls_port) for host in hosts]
        wanted += [("tls", socket.SOCK_STREAM, address) for address in secure]
    troubles = [
        f"{transport} {address}: {trouble}"
        for transport, kind, address in wanted
        if (trouble := _bind(kind, address)) is not None
    ]
    if not troubles:
        places = dict.fromkeys(str(address) for _, _, address in wanted)
        transports = " and ".join(dict.fromkeys(transport for transport, _, _ in wanted))
        return Finding("sip ports", True, f"{', '.join(places)} free over {transports}")
    return Finding("sip ports", False, "; ".join(troubles), "stop what listens there, or choose another --sip")


def check_trunks(settings: Settings) -> Finding:
    """Whether what is bound can reach them; asks no network."""
    trunks = settings.all_trunks
    if not trunks:
        return Finding("trunks", True, "none configured: only sip: addresses can be called, no numbers")
    distant = [trunk.name for trunk in trunks if not is_loopback(trunk.host)]
    if distant and all(is_loopback(address.host) for address in settings.sip):
        text = f"{', '.join(distant)} cannot be reached from {', '.join(map(str, settings.sip))}"
        return Finding("trunks", False, text, "listen with --sip on an address of this machine that the trunk reaches")
    return Finding("trunks", True, ", ".join(f"{trunk.name} at {trunk.host}" for trunk in trunks))


def check_certificates(settings: Settings) -> Finding:
    from trebuchet.tls import CertificateUnusable
    from trebuchet.wiring import api_tls, sip_settings

    try:
        api, sip = api_tls(settings), sip_settings(settings)
    except CertificateUnusable as error:
        return Finding("certificates", False, str(error), "give PEM files that belong together and can be read")
    uses = [name for name, context in (("https", api), ("sip over tls", sip.tls_server)) if context is not None]
    return Finding("certificates", True, f"usable for {' and '.join(uses)}" if uses else "none configured")


def check_rtp_ports(settings: Settings) -> Finding:
    ports, host = settings.rtp_ports, settings.sip[0].host
    size = ports.high - ports.low + 1
    tried = sorted({ports.low + size * probe // RTP_PROBES for probe in range(RTP_PROBES)})
    taken = [port for port in tried if _bind(socket.SOCK_DGRAM, SocketAddress(host, port)) is not None]
    calls = size // 2
    if len(taken) > MOST_FOREIGN_PORTS * len(tried):
        return Finding(
            "rtp ports", False, f"{len(taken)} of {len(tried)} tried in {ports} are taken", "choose another --rtp-ports"
        )
    if calls < settings.policy.max_calls:
        text = f"{ports} is enough for {calls} calls, policy.max_calls is {settings.policy.max_calls}"
        return Finding("rtp ports", False, text, "widen --rtp-ports or lower policy.max_calls")
    return Finding("rtp ports", True, f"{ports}, enough for {calls} calls")


def check_open_files(settings: Settings) -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = FILES_BESIDE + FILES_PER_CALL * settings.policy.max_calls
    if hard == resource.RLIM_INFINITY or hard >= needed:
        return Finding("open files", True, f"limit {hard}, {needed} needed")
    text = f"limit {hard}, {needed} needed for {settings.policy.max_calls} calls"
    return Finding("open files", False, text, f"raise it (ulimit -n {needed}, LimitNOFILE=) or lower policy.max_calls")


def _existing(path: Path) -> Path:
    """The folder itself or the nearest one above that is there."""
    path = path.resolve()
    return path if path.is_dir() else _existing(path.parent)


def check_disk(settings: Settings) -> Finding:
    folder = _existing(settings.data)
    if not os.access(folder, os.W_OK | os.X_OK):
        return Finding("disk", False, f"{folder} cannot be written", "change its owner, or choose another --data")
    free = shutil.disk_usage(folder).free
    text = f"{free / 1e9:.1f} GB free in {folder}"
    if free < FREE_BYTES:
        return Finding("disk", False, text, "make room: recordings take 0.96 MB a minute")
    return Finding("disk", True, text)


def _time_fsync(descriptor: int) -> float:
    os.pwrite(descriptor, os.urandom(FSYNC_BYTES), 0)
    began = time.perf_counter()
    os.fsync(descriptor)
    return time.perf_counter() - began


def check_fsync(settings: Settings) -> Finding:
    with tempfile.TemporaryFile(dir=_existing(settings.data)) as file:
        median = statistics.median(_time_fsync(file.fileno()) for _ in range(FSYNCS))
    text = f"{median * 1000:.1f} ms median of {FSYNCS}"
    if median > FSYNC_LIMIT_S:
        return Finding("fsync", False, text, f"above {FSYNC_LIMIT_S * 1000:.0f} ms: put --data on a faster disk")
    return Finding("fsync", True, text)


def check_speech(settings: Settings) -> Finding:
    from trebuchet.speech.tts import SpeechOptions, open_speech

    async def speak() -> int:
        options = SpeechOptions(
            sentence_limit_s=settings.speech.sentence_limit_s,
            piper_models=settings.speech.piper_models,
            extra=settings.speech.options,
        )
        engine = open_speech(settings.speech.engine, options)
        try:
            return len(await engine.speak(Sentence(text="One two three."))) // 2
        finally:
            await engine.close()

    try:
        samples = asyncio.run(speak())
    except TrebuchetError as error:
        remedy = "install it (pip install espeakng-loader), or choose another speech.engine"
        return Finding("speech", False, f"{settings.speech.engine}: {error}", remedy)
    if samples < RATE_HZ // 10:
        return Finding("speech", False, f"{settings.speech.engine} says nothing", "choose another speech.engine")
    return Finding("speech", True, f"{settings.speech.engine} speaks")


def check_workers(settings: Settings) -> Finding:
    from trebuchet.media.adapter import MediaPlanePool
    from trebuchet.wiring import media_settings

    async def start(folder: str) -> float:
        pool = MediaPlanePool(replace(media_settings(settings), data=Path(folder), is_realtime=False))
        began = time.perf_counter()
        try:
            await pool.start()
            return time.perf_counter() - began
        finally:
            await pool.close()

    wanted, cores = settings.media_workers, os.cpu_count() or 1
    try:
        with tempfile.TemporaryDirectory() as folder:
            took_s = asyncio.run(start(folder))
    except (TrebuchetError, OSError, ValueError) as error:
        return Finding(
            "media workers", False, f"{wanted} do not start: {error}", "see the message, or lower --media-workers"
        )
    if wanted > cores:
        text = f"{wanted} workers on {cores} cores"
        return Finding("media workers", False, text, f"lower --media-workers to at most {cores}: each fills a core")
    return Finding("media workers", True, f"{wanted} started in {took_s:.1f} s, {cores} cores")
